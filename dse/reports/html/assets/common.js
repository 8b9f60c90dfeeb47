"use strict";
// What both reports share: numbers as people read them, elements, charts on a logarithmic scale.

const DATA = JSON.parse(document.getElementById("data").textContent);

// From dark to light, so that grey tells them apart too.
const COLOURS = ["#2E2246", "#0A5597", "#CF5C3E", "#54B58A", "#F8CC58"];
const GREY = "#a8a8b2";
const INK = "#1c1c28";
const LABEL = { color: INK, fontSize: 13, textBorderColor: "white", textBorderWidth: 3 };
const NAME = { color: INK, fontSize: 14 };

// Column -> what it is called, its unit for people, and how many of the column's make one of it.
const UNITS = {
  area_um2: ["area", "cm²", 1e8],
  latency_s: ["latency", "s", 1],
  energy_pj: ["energy", "J", 1e12],
  traffic_bytes: ["off-chip traffic", "GiB", 2 ** 30],
  energy_delay_pj_s: ["energy × delay", "J·s", 1e12],
  power_w: ["power", "W", 1],
  tokens_per_s: ["tokens", "1/s", 1],
  energy_per_token_pj: ["energy per token", "mJ", 1e9],
  util_2d: ["2D utilization", "", 1],
};

function quantity(column) {
  const [name, unit, scale] = UNITS[column] || [column, "", 1];
  return { name, unit, scale, title: unit ? `${name} (${unit})` : name };
}

function digits(value, n = 4) {
  if (value === null || value === undefined) return "-";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) return value.toExponential(n - 1);
  return String(Number(value.toPrecision(n)));
}

function shown(column, value) {
  const { unit, scale } = quantity(column);
  return `${digits(value / scale, 5)} ${unit}`.trim();
}

function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

// Make an element: its attributes, then its children, texts among them.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") element.addEventListener("click", value);
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function put(id, ...children) {
  document.getElementById(id).replaceChildren(...children);
}

function tableOf(header, rows) {
  const cells = (row, tag) => make("tr", {}, ...row.map((each) => make(tag, {}, each)));
  return make(
    "div",
    { class: "wide" },
    make(
      "table",
      {},
      make("thead", {}, cells(header, "th")),
      make("tbody", {}, ...rows.map((row) => cells(row, "td")))
    )
  );
}

// A command with a button that copies it.
function commandLine(text) {
  const code = make("code", {}, text);
  const button = make("button", { type: "button", onclick: copy }, "copy");
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const range = document.createRange();
      range.selectNodeContents(code);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      document.execCommand("copy");
    }
    button.textContent = "copied";
    setTimeout(() => (button.textContent = "copy"), 1500);
  }
  return make("div", { class: "command" }, code, button);
}

const CHARTS = {};

// Draw a chart into an element, anew where there is one.
function draw(id, option) {
  const element = document.getElementById(id);
  CHARTS[id] ||= echarts.init(element, null, { renderer: "canvas" });
  CHARTS[id].setOption({ animation: false, textStyle: { fontFamily: "system-ui, sans-serif" }, ...option }, true);
  return CHARTS[id];
}

let width = innerWidth;
addEventListener("resize", () => {
  if (width === innerWidth) return; // a phone's address bar comes and goes
  width = innerWidth;
  for (const chart of Object.values(CHARTS)) chart.resize();
  render();
});

function narrow() {
  return innerWidth <= 640;
}

// Ticks 1, 2, 5 of each decade between two log10, fewer where they are many.
function logTicks(low, high) {
  const steps = high - low > 4 ? [1] : high - low > 1.6 ? [1, 3] : [1, 1.5, 2, 3, 5, 7];
  const ticks = [];
  for (let decade = Math.floor(low); decade <= Math.ceil(high); decade++) {
    for (const step of steps) {
      const at = decade + Math.log10(step);
      if (at >= low && at <= high) ticks.push(at);
    }
  }
  return ticks;
}

// An axis of log10 of values, labelled with the values.
function logAxis(name, values, extra = {}) {
  const low = values.reduce((a, b) => Math.min(a, b), Infinity);
  const high = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const margin = Math.max(0.03 * (high - low), 0.01);
  const ticks = logTicks(low - margin, high + margin);
  return {
    type: "value",
    min: low - margin,
    max: high + margin,
    name,
    nameLocation: "middle",
    nameGap: 28,
    nameTextStyle: NAME,
    axisLine: { show: true, onZero: false, lineStyle: { color: "#5d5d6b" } },
    axisTick: { show: true, customValues: ticks },
    axisLabel: {
      ...LABEL,
      customValues: ticks,
      formatter: (at) => digits(10 ** at, 3),
      hideOverlap: true,
    },
    splitLine: { show: false },
    ...extra,
  };
}

function provenance() {
  const { facts, commands, files } = DATA.provenance;
  put(
    "provenance-body",
    tableOf(["", ""], Object.entries(facts).map(([name, text]) => [name, make("code", {}, text)])),
    ...Object.entries(commands).map(([name, text]) => make("div", {}, make("h3", {}, name), commandLine(text))),
    ...Object.entries(files).map(([name, text]) => make("details", {}, make("summary", {}, name), make("pre", {}, make("code", {}, text))))
  );
}
