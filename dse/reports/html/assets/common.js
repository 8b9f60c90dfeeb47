"use strict";
// What both reports share: numbers as people read them, elements, charts on a logarithmic scale.

const DATA = JSON.parse(document.getElementById("data").textContent);

// From dark to light, so that grey tells them apart too.
const COLOURS = ["#2E2246", "#0A5597", "#CF5C3E", "#54B58A", "#F8CC58"];
const GREY = "#a8a8b2";
const INK = "#1c1c28";
const FAINT = "#5d5d6b";
const RULE = "#d9d9e0";
const FONT = { family: "system-ui, sans-serif", color: INK, size: 13 };
const NAME = { ...FONT, size: 14 };

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

// Draw a chart into an element, anew where there is one. Traces of SVG alone: those of WebGL make
// code at run time, which the page's policy forbids. What `shown` makes of a point that is pointed
// at stands beside it; `chosen` is told of a click, those of `on` of other events.
function draw(id, traces, layout, { shown, chosen, on = {} } = {}) {
  const element = document.getElementById(id);
  const first = !CHARTS[id];
  CHARTS[id] = element;
  Plotly.react(element, traces, {
    width: element.clientWidth, height: element.clientHeight, margin: { l: 64, r: 16, t: 8, b: 48 },
    font: FONT, hovermode: "closest", dragmode: false, ...layout,
    legend: { orientation: "h", x: 0, xref: "container", y: 1, yref: "container", yanchor: "top", font: NAME, ...(narrow() && { entrywidthmode: "fraction", entrywidth: 0.5, font: { ...FONT, size: 12 } }), ...layout.legend },
  }, { displayModeBar: false, doubleClick: false, showTips: false });
  if (!first) return;
  if (shown) {
    const box = make("div", { class: "beside" });
    element.append(box);
    element.on("plotly_hover", ({ points, event }) => beside(box, element, event, shown(points[0])));
    element.on("plotly_unhover", () => box.replaceChildren());
  }
  if (chosen) element.on("plotly_click", ({ points }) => chosen(points[0]));
  for (const [event, told] of Object.entries(on)) element.on(event, told);
}

// Draw charts, element -> what draws it, when they come near the window, or to paper.
function drawWhenSeen(charts) {
  const watcher = new IntersectionObserver((seen) => {
    for (const { target, isIntersecting } of seen) if (isIntersecting) drawNow(target.id);
  }, { rootMargin: "200px" });
  const drawNow = (id) => {
    watcher.unobserve(document.getElementById(id));
    if (!CHARTS[id]) charts[id]();
  };
  for (const id of Object.keys(charts)) watcher.observe(document.getElementById(id));
  addEventListener("beforeprint", () => Object.keys(charts).forEach(drawNow));
}

// Put what is told of a point beside the mouse, inside the chart where it fits.
function beside(box, element, event, told) {
  box.replaceChildren(told);
  const { left, top, width, height } = element.getBoundingClientRect();
  const [x, y] = [event.clientX - left, event.clientY - top];
  const right = x + 14 + box.offsetWidth <= width ? x + 14 : Math.max(0, x - 14 - box.offsetWidth);
  box.style.left = `${Math.min(right, Math.max(0, width - box.offsetWidth))}px`;
  box.style.top = `${Math.max(0, Math.min(y + 14, height - box.offsetHeight))}px`;
}

let width = innerWidth;
addEventListener("resize", () => {
  if (width === innerWidth) return; // a phone's address bar comes and goes
  width = innerWidth;
  render();
});

function narrow() {
  return innerWidth <= 640;
}

// Ticks of each decade between two log10, as many as stand apart by a share of the axis.
function logTicks(low, high, apart) {
  const whole = high - low;
  const steps =
    [[1, 1.5, 2, 3, 5, 7], [1, 2, 5], [1, 3], [1]].find((each) =>
      [...each.slice(1), 10].every((step, i) => Math.log10(step / each[i]) >= apart * whole)
    ) || [1];
  const every = Math.max(1, Math.ceil(apart * whole));
  const ticks = [];
  for (let decade = Math.floor(low); decade <= Math.ceil(high); decade += every) {
    for (const step of steps) {
      const at = decade + Math.log10(step);
      if (at >= low && at <= high) ticks.push(10 ** at);
    }
  }
  return ticks.length > 1 ? ticks : [10 ** low, 10 ** high];
}

const AXIS = {
  showline: true, linecolor: FAINT, ticks: "outside", tickcolor: FAINT, showgrid: false,
  zeroline: false, fixedrange: true,
};

function titled(text, standoff) {
  return { text, font: NAME, standoff };
}

// A logarithmic axis, labelled with values that stand apart by a share of it.
function logAxis(title, values, apart) {
  const logs = values.map(Math.log10);
  const low = logs.reduce((a, b) => Math.min(a, b), Infinity);
  const high = logs.reduce((a, b) => Math.max(a, b), -Infinity);
  const margin = Math.max(0.03 * (high - low), 0.01);
  const range = [low - margin, high + margin];
  const tickvals = logTicks(...range, apart);
  return {
    ...AXIS, type: "log", range, tickmode: "array", tickvals, tickangle: 0,
    ticktext: tickvals.map((each) => digits(each, 3)), title: titled(title, 8),
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
