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
  const one = narrow();
  const high = (run) => {
    const tops = {};
    values[run].forEach((value, row) => {
      const key = stacked ? `${columns[panel][row]} ${columns[group][row]}` : row;
      tops[key] = (tops[key] || 0) + value;
    });
    return Math.max(...Object.values(tops));
  };
  const top = niceTop(Math.max(...DATA.runs.map((_, run) => high(run))));
  const height = one ? 205 * panels.length + 60 : 390;
  document.getElementById(`chart-${figure.name}`).style.height = `${height}px`;
  const traces = panels.flatMap((own, i) =>
    Object.keys(colours).map((name) => {
      const rows = groups.map((each) =>
        columns[panel].findIndex((_, row) => columns[panel][row] === own && columns[group][row] === each && columns[bar][row] === name)
      );
      return {
        name, type: "bar", hoverinfo: "none", xaxis: `x${i + 1}`, yaxis: `y${i + 1}`, legendgroup: name, showlegend: i === 0,
        marker: { color: colours[name] }, customdata: rows, x: groups,
        y: rows.map((row) => (row < 0 ? null : values[state.run][row])),
      };
    })
  );
  const share = 1 / panels.length;
  const axes = Object.fromEntries(panels.flatMap((own, i) => {
    const [start, end] = one ? [1 - (i + 1) * share, 1 - i * share] : [i * share, (i + 1) * share];
    const label = { text: own, font: NAME, standoff: 4 };
    return [
      [`xaxis${i + 1}`, {
        ...AXIS, type: "category", ticks: "", tickangle: 0, tickmode: "array", tickvals: groups, ticktext: groups.map((name) => DATA.short[name] || name),
        anchor: `y${i + 1}`, title: label, domain: one ? [0, 1] : [start, end - 0.1 * share], tickfont: { ...FONT, size: one ? 12 : 13 },
      }],
      [`yaxis${i + 1}`, {
        ...AXIS, showline: false, ticks: "", showgrid: true, gridcolor: RULE, range: [0, top], nticks: 6, showticklabels: one || i === 0,
        anchor: `x${i + 1}`, domain: one ? [start + 0.3 * share, end - 0.04 * share] : [0, 1],
      }],
    ];
  }));
  const told = (row) => [columns.configuration[row], columns.model[row], columns.tokens[row], stacked ? columns.quantity[row] : ""];
  draw(`chart-${figure.name}`, traces, {
    margin: { l: 44, r: 8, t: one ? 60 : 36, b: one ? 4 : 52 }, barmode: stacked ? "stack" : "group", bargap: 0.18,
    legend: { traceorder: "normal", itemclick: false, itemdoubleclick: false }, ...axes,
  }, { shown: ({ customdata: row }) => tip(figure, row, told(row).filter(Boolean).join(", ")) });
}

// A round number at or above a value.
function niceTop(value) {
  const decade = 10 ** Math.floor(Math.log10(value));
  return [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].map((step) => step * decade).find((each) => each >= value * 0.999);
}

function lineChart(figure) {
  const { columns, values } = figure;
  const models = unique(columns.model);
  const marks = ["circle", "diamond", "square", "triangle-up"];
  const sides = unique(columns.side);
  const row = (model, side, quantity) =>
    columns.model.findIndex((_, place) => columns.model[place] === model && columns.side[place] === side && columns.quantity[place] === quantity);
  const all = (quantity) => values.flatMap((own) => own.filter((_, i) => columns.quantity[i] === quantity));
  document.getElementById(`chart-${figure.name}`).style.height = narrow() ? "380px" : "460px";
  draw(`chart-${figure.name}`, models.map((model, i) => ({
    name: model, type: "scatter", mode: "lines+markers", hoverinfo: "none", customdata: sides,
    marker: { symbol: marks[i], size: 10, color: COLOURS[i] }, line: { color: COLOURS[i], width: 2, dash: ["solid", "dash", "dot", "dashdot"][i] },
    x: sides.map((side) => values[state.run][row(model, side, "area_cm2")]),
    y: sides.map((side) => values[state.run][row(model, side, "latency_s")]),
  })), {
    margin: { l: 64, r: 16, t: 44, b: 52 },
    xaxis: logAxis("area (cm²)", all("area_cm2"), narrow() ? 0.16 : 0.07),
    yaxis: logAxis("latency (s)", all("latency_s"), 0.06),
  }, {
    shown: ({ data: { name: model }, customdata: side }) => make("div", {},
      tip(figure, row(model, side, "area_cm2"), `${model}, ${side} x ${side}: area, cm²`), tip(figure, row(model, side, "latency_s"), "latency, s")),
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
put("headlines-body", tableOf(["", ...Object.keys(DATA.headlines["the paper"])],
  Object.entries(DATA.headlines).map(([name, values]) => [name, ...Object.values(values).map((each) => digits(each))])));
provenance();
