"use strict";
// The report of dse reproduce: the paper's figures by whichever run is chosen.

const state = { run: DATA.runs.indexOf(DATA.this) };
const PUBLISHED = 0;

const unique = (values) => [...new Set(values)];

function difference(figure, row, run) {
  const [published, own] = [figure.values[PUBLISHED][row], figure.values[run][row]];
  return published === own ? 0 : Math.abs(own / published - 1);
}

// Every run's value of a row.
function tip(figure, row, label) {
  return make(
    "div",
    { class: "tip" },
    make("b", {}, label),
    ...DATA.runs.map((name, run) => {
      const text = `${name}: ${digits(figure.values[run][row], 5)}`;
      const line = run === state.run ? make("b", {}, text) : make("span", {}, text);
      return make("div", {}, line);
    })
  );
}

// Bars in panels that share their scale: side by side, or one below the other where it is narrow.
function barChart(figure, { panel, group, bar, colours, stacked }) {
  const { columns, values } = figure;
  const [panels, groups] = [unique(columns[panel]), unique(columns[group])];
  const bars = Object.keys(colours);
  const one = narrow();
  const high = (run) => {
    const tops = {};
    values[run].forEach((value, row) => {
      const key = stacked ? `${columns[panel][row]} ${columns[group][row]}` : row;
      tops[key] = (tops[key] || 0) + value;
    });
    return Math.max(...Object.values(tops));
  };
  const top = Math.max(...DATA.runs.map((_, run) => high(run)));
  const height = one ? 150 : 300;
  document.getElementById(`chart-${figure.name}`).style.height = `${one ? 60 + panels.length * (height + 55) : height + 90}px`;
  const grids = panels.map((_, i) =>
    one
      ? { left: 44, right: 8, top: 66 + i * (height + 55), height }
      : { left: `${4 + (95.5 * i) / panels.length}%`, width: `${95.5 / panels.length - 0.8}%`, top: 36, height }
  );
  const series = panels.flatMap((own, i) =>
    bars.map((name) => {
      const rows = groups.map((each) =>
        columns[panel].findIndex((_, row) => columns[panel][row] === own && columns[group][row] === each && columns[bar][row] === name)
      );
      return {
        name, type: "bar", xAxisIndex: i, yAxisIndex: i, stack: stacked ? own : undefined, barGap: "0%", barCategoryGap: "18%",
        itemStyle: { color: colours[name] },
        data: rows.map((row) => (row < 0 ? "-" : { value: values[state.run][row], row })),
      };
    })
  );
  draw(`chart-${figure.name}`, {
    grid: grids,
    legend: { top: 0, left: 0, itemGap: 14, textStyle: NAME, data: bars },
    tooltip: {
      trigger: "item", confine: true,
      formatter: ({ data: { row } }) => tip(figure, row, [columns.configuration[row], columns.model[row], columns.tokens[row], stacked ? columns.quantity[row] : ""].filter(Boolean).join(", ")),
    },
    xAxis: panels.map((own, i) => ({
      type: "category", gridIndex: i, data: groups, name: own, nameLocation: "middle", nameGap: 26, nameTextStyle: NAME,
      axisTick: { show: false }, axisLabel: { ...LABEL, interval: 0, fontSize: one ? 12 : 13, formatter: (name) => DATA.short[name] || name }, axisLine: { lineStyle: { color: "#5d5d6b" } },
    })),
    yAxis: panels.map((_, i) => ({
      type: "value", gridIndex: i, min: 0, max: niceTop(top), axisLabel: { ...LABEL, show: one || i === 0 },
      splitLine: { lineStyle: { color: "#d9d9e0" } },
    })),
    series,
  });
}

// A round number at or above a value.
function niceTop(value) {
  const decade = 10 ** Math.floor(Math.log10(value));
  return [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].map((step) => step * decade).find((each) => each >= value * 0.999);
}

function lineChart(figure) {
  const { columns, values } = figure;
  const models = unique(columns.model);
  const marks = ["circle", "diamond", "rect", "triangle"];
  const at = (run, model, side, quantity) =>
    columns.model.findIndex((_, row) => columns.model[row] === model && columns.side[row] === side && columns.quantity[row] === quantity);
  const sides = unique(columns.side);
  const row = (model, side, quantity) => at(state.run, model, side, quantity);
  const all = (quantity) => values.flatMap((own) => own.filter((_, i) => columns.quantity[i] === quantity)).map(Math.log10);
  document.getElementById(`chart-${figure.name}`).style.height = narrow() ? "380px" : "460px";
  draw(`chart-${figure.name}`, {
    grid: { left: 64, right: 16, top: 44, bottom: 52 },
    legend: { top: 0, left: 0, itemGap: 14, textStyle: NAME },
    tooltip: {
      trigger: "item", confine: true,
      formatter: ({ data: { model, side } }) => make("div", {},
        tip(figure, row(model, side, "area_cm2"), `${model}, ${side} x ${side}: area, cm²`), tip(figure, row(model, side, "latency_s"), "latency, s")),
    },
    xAxis: logAxis("area (cm²)", all("area_cm2")),
    yAxis: logAxis("latency (s)", all("latency_s"), { nameGap: 46 }),
    series: models.map((model, i) => ({
      name: model, type: "line", symbol: marks[i], symbolSize: 11, lineStyle: { color: COLOURS[i], width: 2, type: ["solid", "dashed", "dotted", [8, 3, 2, 3]][i] },
      itemStyle: { color: COLOURS[i] },
      data: sides.map((side) => ({
        value: ["area_cm2", "latency_s"].map((quantity) => Math.log10(values[state.run][row(model, side, quantity)])), model, side,
      })),
    })),
  });
}

function chart(figure) {
  const colours = DATA.configurations;
  if (figure.name === "12") lineChart(figure);
  else if (figure.name === "7") barChart(figure, { panel: "tokens", group: "configuration", bar: "quantity", colours: DATA.segments, stacked: true });
  else barChart(figure, { panel: "model", group: "tokens", bar: "configuration", colours });
}

// What the run that is shown differs by from the published values.
function agreement(...figures) {
  if (state.run === PUBLISHED) return "As the paper's authors published them, to four digits.";
  const differences = figures.flatMap((figure) => figure.values[state.run].map((_, row) => difference(figure, row, state.run)));
  const most = Math.max(...differences);
  return `${DATA.runs[state.run]}: ${differences.length} values, at most ${most < 0.001 ? most.toExponential(1) : percent(most)} from the published.`;
}

function valuesOf(figure) {
  const { columns } = figure;
  const header = figure.name === "12" ? ["model", "side", "quantity"] : ["model", "tokens", "configuration", "quantity"];
  return tableOf(
    [...header, ...DATA.runs],
    columns.model.map((_, row) => [...header.map((name) => String(columns[name][row])), ...DATA.runs.map((_, run) => digits(figure.values[run][row], 5))])
  );
}

function sections() {
  put("figures", ...DATA.figures.map((figure) => {
    const table = make("details", {}, make("summary", {}, "values"));
    table.addEventListener("toggle", () => { if (table.childElementCount === 1) table.append(valuesOf(figure)); });
    return make("section", { id: `figure-${figure.name}` }, make("h2", {}, `Figure ${figure.name}`), make("p", {}, figure.title),
      make("div", { id: `chart-${figure.name}`, class: "chart" }), make("p", { class: "note", id: `note-${figure.name}` }), table);
  }));
  put("contents", ...DATA.figures.map(({ name }) => make("a", { href: `#figure-${name}` }, `Figure ${name}`)),
    make("a", { href: "#headlines" }, "+Binding against FLAT"), make("a", { href: "#provenance" }, "Provenance"));
}

function render() {
  put("switch", "values of ", ...DATA.runs.map((name, run) =>
    make("button", { type: "button", "aria-pressed": String(run === state.run), onclick: () => { state.run = run; render(); } }, name)));
  put("summary", agreement(...DATA.figures));
  for (const figure of DATA.figures) {
    chart(figure);
    put(`note-${figure.name}`, agreement(figure));
  }
}

put("name", DATA.name);
sections();
render();
put("headlines-body", tableOf(["", ...Object.keys(DATA.headlines["the paper"])],
  Object.entries(DATA.headlines).map(([name, values]) => [name, ...Object.values(values).map((each) => digits(each))])));
provenance();
