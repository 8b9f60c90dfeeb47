"use strict";
// The report of a study: its front, designs side by side, parameters, the search.

const POINTS = DATA.points;
const COUNT = POINTS.design.length;
const FRONT = new Set(POINTS.front);
const TRUE = new Set(POINTS.true);
const MAXIMISED = DATA.objectives.map((column) => DATA.maximised.includes(column));
const SEVERAL = DATA.rows.length > 1; // parts that objectives are of, by workloads or by layers
const MOST = 3; // designs side by side
const MOST_LINES = 1000; // of parallel coordinates, beside the front's
const MOST_AXES = 12; // of parallel coordinates: more cannot be read, the chip's alone are shown then
const VARYING = DATA.parameters.filter(({ values }) => values.length > 1);

const state = { x: 0, y: Math.min(1, DATA.objectives.length - 1), others: true, chosen: [], row: 0, kept: {} };
const TOUCH = matchMedia("(pointer: coarse)").matches; // a finger that drags scrolls the page

const COMMAND_OF = new Map();
for (const group of DATA.commands) group.rows.forEach((row, place) => COMMAND_OF.set(row, [group, place]));

function command(point, row) {
  const { workload } = DATA.rows[row];
  const [group, place] = COMMAND_OF.get(point);
  const options = group.options
    .map(({ name, values, at }) => [name, values[at[place]]])
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${name} ${value}`);
  return [group.starts[workload], ...options, group.end].filter(Boolean).join(" ");
}

function bound(point, row) {
  const { resources, busiest, share, saturated } = DATA.bounds;
  const name = resources[busiest[row][point]];
  const used = share[row][point];
  if (used >= saturated) return `bound by ${name === "off-chip" ? "off-chip bandwidth" : `the ${name}`}`;
  const what = name === "off-chip" ? "off-chip bandwidth" : `the ${name}`;
  return `bound by its schedule, ${what} in use ${used.toFixed(1)} % of it`;
}

function standing(point) {
  const told = [];
  if (FRONT.has(point)) told.push("on the front");
  if (TRUE.has(point)) told.push("on the true front");
  if (point in POINTS.paper) told.push(`the paper's ${POINTS.paper[point]}`);
  if (POINTS.trial[point] < 0) told.push("not tried");
  return told.join(", ");
}

function title(point) {
  return `design ${POINTS.design[point]}` + (POINTS.trial[point] < 0 ? "" : `, trial ${POINTS.trial[point]}`);
}

function parametersOf(point, chip) {
  return DATA.parameters
    .filter((each) => each.at[point] >= 0 && (chip === undefined || each.chip === chip))
    .map((each) => [each.name, each.values[each.at[point]]]);
}

function inWords(pairs) {
  return pairs.map(([name, value]) => `${name} ${value}`).join(", ") || "-";
}

function objectivesOf(point) {
  return DATA.objectives.map((column, i) => [
    quantity(column).name,
    shown(column, POINTS.objectives[i][point]),
  ]);
}

function tip(point) {
  return make(
    "div",
    { class: "tip", style: narrow() ? "width:15rem" : "width:26rem" },
    make("b", {}, title(point)),
    make("div", {}, standing(point)),
    make("div", {}, inWords(objectivesOf(point))),
    make("div", {}, inWords(parametersOf(point))),
    make("div", {}, bound(point, state.row)),
    make("code", {}, command(point, state.row))
  );
}

// The front.

// An objective of every design, in its unit for people.
function scaled(i) {
  const { scale } = quantity(DATA.objectives[i]);
  return POINTS.objectives[i].map((each) => each / scale);
}

function frontChart() {
  if (!window.Plotly) return; // render draws it once that is read
  const [x, y] = [state.x, state.y];
  const [xs, ys] = [scaled(x), scaled(y)];
  const trace = (name, points, marker, more = {}) => ({
    name, type: "scatter", mode: "markers", hoverinfo: "none", marker, x: points.map((point) => xs[point]),
    y: points.map((point) => ys[point]), customdata: points, ...more,
  });
  const paper = Object.keys(POINTS.paper).map(Number);
  const traces = [];
  if (state.others) {
    const others = POINTS.design.map((_, point) => point).filter((point) => !FRONT.has(point) && !TRUE.has(point) && !(point in POINTS.paper));
    traces.push(trace("other designs", others, {}, { mode: "none", hoveron: "points", showlegend: false }));
    traces.push(trace("other designs", [], { color: GREY, size: 4, opacity: 0.6 }, { x: [null], y: [null] }));
  }
  const front = (name, points, marker, width) => {
    const inOrder = [...points].sort((a, b) => xs[a] - xs[b] || (MAXIMISED[x] === MAXIMISED[y] ? ys[b] - ys[a] : ys[a] - ys[b]));
    const stepped = DATA.objectives.length === 2 && { mode: "lines+markers", line: { shape: MAXIMISED[x] ? "vh" : "hv", color: marker.color, width } };
    traces.push(trace(name, inOrder, marker, stepped || {}));
  };
  if (TRUE.size) front("true front", POINTS.true, { symbol: "diamond", size: 10, color: COLOURS[4], line: { color: "#8a6a00", width: 1 } }, 5);
  front("front of the study", POINTS.front, { size: 8, color: COLOURS[1] }, 2);
  if (paper.length) traces.push(trace("the paper's points", paper, { symbol: "square", size: 12, color: COLOURS[2], line: { color: "black", width: 1 } }));
  const plotted = (values) => values.filter((_, point) => state.others || FRONT.has(point) || TRUE.has(point) || point in POINTS.paper);
  draw("front-chart", traces, {
    margin: { l: 64, r: 16, t: narrow() ? 64 : 40, b: 48 }, paper_bgcolor: "transparent", plot_bgcolor: "transparent",
    xaxis: logAxis(quantity(DATA.objectives[x]).title, plotted(xs), narrow() ? 0.18 : 0.07),
    yaxis: logAxis(quantity(DATA.objectives[y]).title, plotted(ys), 0.06),
  }, { shown: ({ customdata }) => tip(customdata), chosen: ({ customdata }) => choose(customdata) });
  dots(traces[0].mode === "none" ? traces[0] : { x: [], y: [] });
  marks();
}

// Dots below the chart, painted: as elements of it, thousands of them take seconds.
function dots({ x, y }) {
  const chart = CHARTS["front-chart"];
  const { xaxis, yaxis, width, height } = chart._fullLayout;
  chart.querySelector("canvas")?.remove();
  const canvas = make("canvas", { class: "dots", width: width * devicePixelRatio, height: height * devicePixelRatio });
  const pen = canvas.getContext("2d");
  pen.scale(devicePixelRatio, devicePixelRatio);
  pen.fillStyle = GREY;
  pen.globalAlpha = 0.6;
  x.forEach((each, i) => {
    pen.beginPath();
    pen.arc(xaxis._offset + xaxis.d2p(each), yaxis._offset + yaxis.d2p(y[i]), 2, 0, 2 * Math.PI);
    pen.fill();
  });
  chart.prepend(canvas);
}

// A ring and a letter at each design that is chosen, over the chart: to draw it anew takes long.
function marks() {
  const chart = CHARTS["front-chart"];
  if (!chart) return;
  const { xaxis, yaxis } = chart._fullLayout;
  const [xs, ys] = [scaled(state.x), scaled(state.y)];
  for (const each of chart.querySelectorAll(".mark")) each.remove();
  chart.append(...state.chosen.map((point, place) => make(
    "div",
    { class: "mark", style: `left:${xaxis._offset + xaxis.d2p(xs[point])}px;top:${yaxis._offset + yaxis.d2p(ys[point])}px` },
    make("b", {}, letter(place))
  )));
}

function choose(point) {
  state.chosen = [...state.chosen.filter((each) => each !== point), point].slice(-MOST);
  chosenChanged();
}

function remove(point) {
  state.chosen = state.chosen.filter((each) => each !== point);
  chosenChanged();
}

function chosenChanged() {
  marks();
  picked();
  compared();
}

function letter(place) {
  return "ABCDEFGH"[place];
}

function picked() {
  if (!state.chosen.length) {
    put("picked", make("p", {}, "No design is chosen: click a point, or a row of the table below."));
    return;
  }
  const place = state.chosen.length - 1;
  const point = state.chosen[place];
  put(
    "picked",
    make("h3", {}, `${letter(place)}: ${title(point)}`),
    make("p", {}, standing(point) || "on no front"),
    make("p", {}, make("b", {}, "objectives "), inWords(objectivesOf(point))),
    make("p", {}, make("b", {}, "chip "), inWords(parametersOf(point, true))),
    make("p", {}, make("b", {}, "binding "), inWords(parametersOf(point, false))),
    ...DATA.rows.flatMap((row, i) => [
      make("p", {}, make("b", {}, `${row.label} `), bound(point, i)),
      row.command ? commandLine(command(point, i)) : "",
    ])
  );
}

// Side by side.

function barred(value, text, most) {
  return make(
    "div",
    {},
    text,
    value > 0 ? make("div", { class: "bar", style: `width:${(100 * value) / most}%` }) : ""
  );
}

function compared() {
  const shownDesigns = state.chosen.map((point, place) => ({
    point, name: letter(place), detail: (DATA.details[POINTS.design[point]] || [])[state.row],
  }));
  const rows = [];
  const group = (name) => rows.push(make("tr", { class: "group" }, make("td", { colspan: shownDesigns.length + 1 }, name)));
  const row = (name, cells, kind = "") =>
    rows.push(make("tr", {}, make("td", {}, name), ...cells.map((each) => make("td", { class: kind }, each))));
  const bars = (names, valueOf, format) => {
    const values = names.map((name) => shownDesigns.map(({ detail }) => detail && valueOf(detail, name)));
    const most = Math.max(...values.flat().filter((each) => each !== undefined));
    names.forEach((name, i) =>
      row(name, values[i].map((value, j) => (value === undefined ? "-" : barred(value, format(value, shownDesigns[j].detail, name), most))))
    );
  };
  const known = (pick) => [...new Set(shownDesigns.flatMap(({ detail }) => (detail ? pick(detail) : [])))];
  const sum = (parts, key) => parts.reduce((total, each) => total + each[key], 0);

  if (SEVERAL) group(`objectives, of ${DATA.objectives_of}`);
  DATA.objectives.forEach((column, i) =>
    row(quantity(column).title, shownDesigns.map(({ point }) => digits(POINTS.objectives[i][point] / quantity(column).scale, 5)))
  );
  if (!SEVERAL) row("bound", shownDesigns.map(({ point }) => bound(point, state.row)));
  group("design");
  DATA.parameters.filter(({ at }) => shownDesigns.some(({ point }) => at[point] >= 0)).forEach((each) =>
    row(each.name, shownDesigns.map(({ point }) => (each.at[point] < 0 ? "-" : each.values[each.at[point]])))
  );
  if (SEVERAL) {
    group(`one call of ${DATA.rows[state.row].label}`);
    row("bound", shownDesigns.map(({ point }) => bound(point, state.row)));
    for (const column of ["latency_s", "energy_pj", "traffic_bytes"])
      row(quantity(column).title, shownDesigns.map(({ detail }) => (detail ? digits(detail.metrics[column] / quantity(column).scale, 5) : "-")));
  }
  if (shownDesigns.some(({ detail }) => detail)) {
    group("time in use, of the latency");
    const ofLatency = (value) => percent(value);
    bars(known((detail) => Object.keys(detail.busy_s)), (detail, name) => detail.busy_s[name] / detail.metrics.latency_s, ofLatency);
    group("energy by component, J");
    bars(known((detail) => Object.keys(detail.components)), (detail, name) => detail.components[name],
      (value, detail) => `${digits(value / 1e12)} (${percent(value / detail.metrics.energy_pj)})`);
    const einsums = known((detail) => detail.einsums.map(({ einsum }) => einsum));
    const part = (key) => (detail, name) => sum(detail.einsums.filter(({ einsum }) => einsum === name), key);
    group("energy by Einsum, J");
    bars(einsums, part("energy_pj"), (value) => digits(value / 1e12));
    group("busy time by Einsum, s, and the array that it keeps busy");
    bars(einsums, part("busy_s"), (value, detail, name) => `${digits(value)}, ${arraysOf(detail, name)}`);
    group("off-chip traffic by Einsum, GiB");
    bars(einsums, part("traffic_bytes"), (value) => digits(value / 2 ** 30));
  }
  const without = shownDesigns.filter(({ detail }) => !detail).map(({ name }) => name);
  put(
    "compared-body",
    make(
      "table",
      { class: "compare" },
      make("thead", {}, make("tr", {}, make("th", {}, ""), ...shownDesigns.map(({ point, name }) =>
        make("th", {}, `${name}: ${title(point)} `, make("button", { type: "button", "aria-label": `remove ${name}`, onclick: () => remove(point) }, "×"))
      ))),
      make("tbody", {}, ...rows)
    ),
    without.length ? make("p", { class: "note" }, `Of ${without.join(" and ")} this file has no breakdown: it has that of the fronts and of the paper's points. The command of the design prints it.`) : ""
  );
  schedule(shownDesigns);
}

function arraysOf(detail, name) {
  return [...new Set(detail.einsums.filter(({ einsum }) => einsum === name).map(({ array }) => array))].join(" and ");
}

// The schedule: stages one after the other, what each array does in them.

function schedule(designs) {
  const found = designs.filter(({ detail }) => detail?.binding);
  put("schedule-note", found.length ? "The bindings that were found:"
    : "What each array does, stage after stage; Einsums of a stage share its time. Off-chip traffic goes on beside.");
  const drawn = designs.filter(({ detail }) => detail?.waterfall.length);
  const longest = Math.max(...drawn.map(({ detail }) => detail.metrics.latency_s), 0);
  const einsums = [...new Set(drawn.flatMap(({ detail }) => detail.einsums.map(({ einsum }) => einsum)))];
  const colours = ["#bcd4ea", "#f3cdc2", "#cfe9dd", "#fbe8b6", "#d5d0e3", "#ffffff", "#e2e2e2"];
  const colour = (einsum) => colours[einsums.indexOf(einsum) % colours.length];
  put("schedule", ...found.map(({ name, detail }) => make("p", {}, make("b", {}, `${name}: `), detail.binding)), ...drawn.map(({ detail, name, point }) => {
    const lanes = [...new Set(detail.waterfall.flatMap(({ lanes }) => Object.keys(lanes)))];
    const whole = `${100 * (detail.metrics.latency_s / longest)}%`;
    return make("div", {}, make("b", {}, `${name}: ${digits(detail.metrics.latency_s, 5)} s`), make("div", { class: "waterfall" },
      ...lanes.flatMap((lane) => [
        make("div", { class: "lane-name" }, lane),
        make("div", { class: "lane", style: `width:${whole}` }, ...boxes(detail, lane, colour)),
      ]),
      make("div", {}), make("div", { class: "axis", style: `width:${whole}` }, make("span", {}, "0"), make("span", {}, `${digits(detail.metrics.latency_s, 3)} s`))
    ));
  }));
}

function boxes(detail, lane, colour) {
  const latency = detail.metrics.latency_s;
  const left = (time) => `${(100 * time) / latency}%`;
  const found = [];
  let start = 0;
  let moved = 0; // off-chip traffic goes on where it outlasts its stage
  for (const { lasts_s, lanes } of detail.waterfall) {
    let at = lane === "off-chip" && detail.overlapped ? moved : start;
    for (const [einsum, time] of lanes[lane] || []) {
      const legible = time / latency > (narrow() ? 0.035 : 0.009) * einsum.length;
      found.push(make("div", {
        class: "box", style: `left:${left(at)};width:${left(time)};background:${colour(einsum)}`,
        title: `${einsum}: ${digits(time)} s, ${percent(time / latency)} of the latency`,
      }, legible ? einsum : ""));
      at += time;
    }
    moved = at;
    start += lasts_s;
    if (start < 0.999 * latency) found.push(make("div", { class: "stage-end", style: `left:${left(start)}` }));
  }
  return found;
}

// Parallel coordinates.

// An axis a parameter and an objective: its label, each design's place on it from 0 to 1, null for
// none, and what is written where.
function parallelAxes() {
  const label = (name) => name.replaceAll(/[_ ]/g, "<br>");
  const varying = VARYING.length > MOST_AXES ? VARYING.filter(({ chip }) => chip) : VARYING;
  return [
    ...varying.map(({ name, values, at }) => ({
      label: label(name), places: at.map((each) => (each < 0 ? null : each / (values.length - 1))),
      ticks: values.map((each, i) => [i / (values.length - 1), String(each)]),
    })),
    ...DATA.objectives.map((column, i) => {
      const { range, tickvals, ticktext } = logAxis("", scaled(i), narrow() ? 0.18 : 0.08);
      const place = (value) => (Math.log10(value) - range[0]) / (range[1] - range[0]);
      return { label: label(quantity(column).title), places: scaled(i).map(place), ticks: tickvals.map((each, j) => [place(each), ticktext[j]]) };
    }),
  ];
}

function parametersChart() {
  const axes = parallelAxes();
  const across = !narrow();
  const passes = (point) => Object.entries(state.kept).every(([i, [low, high]]) => {
    const place = axes[i].places[point];
    return place !== null && place >= low && place <= high;
  });
  const others = POINTS.design.map((_, point) => point).filter((point) => !FRONT.has(point) && !(point in POINTS.paper));
  const every = Math.ceil(others.length / MOST_LINES) || 1;
  const along = [...axes.keys(), null]; // null ends a line
  const lines = (name, points, line) => {
    const own = points.filter(passes);
    const places = own.flatMap((point) => [...axes.map((axis) => axis.places[point]), null]);
    const which = own.flatMap(() => along);
    return { name, type: "scatter", mode: "lines", hoverinfo: "skip", line, ...(across ? { x: which, y: places } : { x: places, y: which }) };
  };
  const at = (which, place) => (across ? { x: which, y: place } : { x: place, y: which });
  const stroke = (which, low, high, line) => {
    const [a, b] = [at(which, low), at(which, high)];
    return { type: "line", x0: a.x, y0: a.y, x1: b.x, y1: b.y, line };
  };
  const element = document.getElementById("parameters-chart");
  element.style.height = across ? "" : `${4 + 4.2 * axes.length}rem`;
  const side = across ? { xanchor: "right", xshift: -3 } : { yanchor: "top", yshift: -2 };
  const length = across ? element.clientHeight - 68 : element.clientWidth - 140;
  const size = (text) => (across ? 20 : 8 * text.length + 8);
  const written = axes.flatMap(({ ticks }, which) => spread(ticks, size, length).map(([place, text]) => ({
    ...at(which, place), text, showarrow: false, borderpad: 0, bgcolor: "rgba(255, 255, 255, 0.8)", ...side,
  })));
  const named = {
    ...AXIS, showline: false, ticks: "", tickmode: "array", tickvals: [...axes.keys()], tickangle: 0,
    ticktext: axes.map(({ label }) => label), tickfont: NAME, ticklabelstandoff: across ? 0 : 14,
  };
  const bare = { ...AXIS, showline: false, ticks: "", showticklabels: false, range: [-0.03, 1.03] };
  draw("parameters-chart", [
    lines("other designs", others.filter((_, i) => i % every === 0), { color: "#cdcdd6", width: 1 }),
    lines("front of the study", POINTS.front, { color: COLOURS[1], width: 1.5 }),
    lines("the paper's points", Object.keys(POINTS.paper).map(Number), { color: COLOURS[2], width: 3, dash: "dash" }),
  ], {
    showlegend: false, hovermode: false, dragmode: TOUCH ? false : "select", selections: [],
    margin: across ? { l: 8, r: 8, t: 60, b: 8 } : { l: 112, r: 28, t: 8, b: 8 },
    xaxis: across ? { ...named, side: "top", range: [-0.5, axes.length - 0.6] } : bare,
    yaxis: across ? bare : { ...named, range: [axes.length - 0.4, -0.4] },
    shapes: [
      ...axes.map((_, which) => stroke(which, 0, 1, { color: FAINT, width: 1 })),
      ...Object.entries(state.kept).map(([which, [low, high]]) => stroke(Number(which), Math.max(low, 0), Math.min(high, 1), { color: INK, width: 5 })),
    ],
    annotations: written,
  }, {
    // Plotly is still at its own selection when it tells of it.
    on: { plotly_selected: (told) => told?.range && setTimeout(keep, 0, told.range), plotly_deselect: () => setTimeout(keepAll) },
  });
  put("parameters-key",
    key(`2px solid ${COLOURS[1]}`, "front of the study"), Object.keys(POINTS.paper).length ? key(`3px dashed ${COLOURS[2]}`, "the paper's points") : "",
    key("2px solid #b8b8c2", every > 1 ? `one in ${every} of the other designs` : "other designs"));
  const alone = VARYING.length > MOST_AXES ? " The axes are those of the chip; the table below has the choices of the binding, too." : "";
  put("parameters-note", `A line is a design.${alone}` + (TOUCH ? "" : " Drag across an axis to keep the lines that pass there, double-click to keep all."));
}

// Of an axis' ticks in their order those whose texts do not overlap: of such sizes on such a length.
function spread(ticks, size, length) {
  let end = -Infinity;
  return ticks.filter(([place, text]) => {
    const start = place * length - size(text) / 2;
    if (start < end) return false;
    end = start + size(text);
    return true;
  });
}

// Keep the lines that pass the axes of a rectangle inside it.
function keep(range) {
  const [which, places] = narrow() ? [range.y, range.x] : [range.x, range.y];
  const sorted = (ends) => [...ends].sort((a, b) => a - b);
  const [first, last] = sorted(which);
  for (let axis = Math.ceil(first); axis <= last; axis++) state.kept[axis] = sorted(places);
  parametersChart();
}

function keepAll() {
  state.kept = {};
  parametersChart();
}

function key(border, text) {
  return make("span", {}, make("span", { style: `display:inline-block;width:2rem;border-top:${border};vertical-align:middle;margin-right:0.4rem` }), text);
}

// The search.

function convergenceChart() {
  const told = DATA.convergence;
  if (!told || !told.trials.length) {
    document.getElementById("convergence-chart").style.display = "none";
    put("convergence-note", "No trial is feasible, so that there is no hypervolume.");
    return;
  }
  const what = told.of_true ? "of the true front's" : "hypervolume";
  const end = Object.entries(told.reference).map(([column, value]) => `${quantity(column).name} ${shown(column, value)}`).join(", ") +
    (told.own_reference ? ", the worst of the front times 1.1" : "");
  put("convergence-note", `Volumes of log10 of the objectives up to ${end}. The last: ${digits(told.volumes.at(-1))}` +
    (told.pinned ? `; the first ${told.pinned} trials are the paper's points.` : "."));
  const last = told.volumes.at(-1);
  const low = Math.floor(20 * told.volumes[Math.min(told.volumes.length - 1, told.pinned)]) / 20;
  const top = told.of_true ? 1 : last;
  draw("convergence-chart", [{
    type: "scatter", mode: "lines", hoverinfo: "none", line: { shape: "hv", color: COLOURS[1], width: 2 },
    x: [...told.trials, DATA.counts.trials], y: [...told.volumes, last],
  }], {
    hovermode: "x",
    xaxis: { ...AXIS, title: titled("trials", 8), range: [0, DATA.counts.trials], nticks: narrow() ? 5 : 10, rangemode: "nonnegative" },
    yaxis: { ...AXIS, title: titled(narrow() ? "" : what, 8), range: [low, top + 0.02 * (top - low)], showgrid: true, gridcolor: RULE },
  }, { shown: ({ x, y }) => make("div", { class: "tip" }, `after ${x} trials: ${digits(y, 5)}`) });
}

function importances() {
  const told = Object.entries(DATA.importances);
  if (!told.length) {
    put("importances-note", "Too few feasible trials to tell which parameters matter.");
    return;
  }
  put("importances-note", "For reaching the best tenth of each objective: PED-ANOVA (Watanabe, Bansal and Hutter, IJCAI 2023) by Optuna, shares of 1.");
  const names = Object.keys(told[0][1]);
  put("importances", make("table", { class: "compare" },
    make("thead", {}, make("tr", {}, make("th", {}, "parameter"), ...told.map(([column]) => make("th", {}, quantity(column).name)))),
    make("tbody", {}, ...names.map((name) => make("tr", {}, make("td", {}, name),
      ...told.map(([, shares]) => make("td", {}, barred(shares[name], shares[name].toFixed(2), 1))))))));
}

function infeasible() {
  const rows = Object.entries(DATA.infeasible).map(([name, count]) => [name, String(count)]);
  put("infeasible", rows.length ? tableOf(["constraint", "designs that violate it"], rows) : "Every design that was tried is feasible.");
}

function frontTable() {
  const names = DATA.parameters.map(({ name }) => name);
  const inOrder = [...POINTS.front].sort((a, b) => POINTS.objectives[0][a] - POINTS.objectives[0][b]);
  put("table-body", tableOf(
    ["design", ...DATA.objectives.map((column) => quantity(column).title), ...names.map((name) => name.replaceAll("_", " ")), SEVERAL ? `bound of ${DATA.rows[state.row].label}` : "bound"],
    inOrder.map((point) => [
      make("button", { type: "button", onclick: () => { choose(point); document.getElementById("compared").scrollIntoView(); } }, String(POINTS.design[point])),
      ...DATA.objectives.map((column, i) => digits(POINTS.objectives[i][point] / quantity(column).scale, 5)),
      ...DATA.parameters.map((each) => (each.at[point] < 0 ? "-" : each.values[each.at[point]])),
      bound(point, state.row).replace("bound by ", ""),
    ])
  ));
}

// The whole page.

function heading() {
  const { trials, feasible, repeated, space } = DATA.counts;
  put("name", DATA.name);
  put("title", DATA.title);
  put("charged", DATA.charged + (DATA.objectives_of ? `; objectives are of ${DATA.objectives_of}` : ""));
  const true_ = DATA.true_front;
  put("summary", `${trials} trials in a space of ${space} designs, ${feasible} feasible, ${repeated} repeated. ` +
    `${POINTS.front.length} designs are on the front` +
    (true_ ? `, with ${digits(true_.hypervolume_ratio)} of the hypervolume of the true front, which has ${true_.designs}.` : "; the space was not swept, so that its true front is not known."));
}

function options(id, names, chosen, changed) {
  const select = document.getElementById(id);
  select.replaceChildren(...names.map((name, i) => make("option", { value: i }, name)));
  select.value = chosen;
  select.addEventListener("change", () => changed(Number(select.value)));
}

function controls() {
  const names = DATA.objectives.map((column) => quantity(column).name);
  options("x", names, state.x, (i) => { state.x = i; frontChart(); });
  options("y", names, state.y, (i) => { state.y = i; frontChart(); });
  document.getElementById("others").addEventListener("change", ({ target }) => { state.others = target.checked; frontChart(); });
  if (SEVERAL) {
    document.getElementById("compared-controls").append(make("label", {}, "parts of ", make("select", { id: "workload" })));
    options("workload", DATA.rows.map(({ label }) => label), 0, (i) => { state.row = i; compared(); frontTable(); });
  }
}

// At first: of the paper's points and of the front those of the least product of objectives.
function first() {
  const product = (point) => POINTS.objectives.reduce((total, each, i) => total + (MAXIMISED[i] ? -1 : 1) * Math.log10(each[point]), 0);
  const least = (points) => points.reduce((a, b) => (product(b) < product(a) ? b : a));
  const paper = Object.keys(POINTS.paper).map(Number);
  if (paper.length) state.chosen.push(least(paper));
  for (let more = 2 - state.chosen.length; more > 0; more--) {
    const searched = POINTS.front.filter((point) => !state.chosen.includes(point));
    if (searched.length) state.chosen.push(least(searched));
  }
}

const CHARTED = { "front-chart": frontChart, "parameters-chart": parametersChart, "convergence-chart": convergenceChart };

function render() {
  for (const id of new Set(["front-chart", ...Object.keys(CHARTS)])) CHARTED[id]();
}

addEventListener("DOMContentLoaded", () => drawWhenSeen(CHARTED));

heading();
controls();
first();
picked();
compared();
importances();
infeasible();
frontTable();
provenance();
