"use strict";
// The report of a study: its front, designs side by side, parameters, the search.

const POINTS = DATA.points;
const COUNT = POINTS.design.length;
const FRONT = new Set(POINTS.front);
const TRUE = new Set(POINTS.true);
const MAXIMISED = DATA.objectives.map((column) => DATA.maximised.includes(column));
const MOST = 3; // designs side by side
const MOST_LINES = 1000; // of parallel coordinates, beside the front's

const state = { x: 0, y: Math.min(1, DATA.objectives.length - 1), others: true, chosen: [], row: 0 };

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

function frontChart() {
  const [x, y] = [state.x, state.y];
  const log = (i) => POINTS.objectives[i].map((each) => Math.log10(each / quantity(DATA.objectives[i]).scale));
  const [xs, ys] = [log(x), log(y)];
  const at = (points) => points.map((point) => [xs[point], ys[point], point]);
  const others = [];
  for (let point = 0; point < COUNT; point++) {
    if (!FRONT.has(point) && !TRUE.has(point) && !(point in POINTS.paper)) others.push(point);
  }
  const paper = Object.keys(POINTS.paper).map(Number);
  const stepped = DATA.objectives.length === 2;
  const inOrder = (points) => at(points).sort((a, b) => a[0] - b[0] || (MAXIMISED[x] === MAXIMISED[y] ? b[1] - a[1] : a[1] - b[1]));
  const series = [];
  if (state.others) {
    series.push({
      name: "other designs", type: "scatter", data: at(others), symbolSize: 4, large: true,
      largeThreshold: 3000, itemStyle: { color: GREY, opacity: 0.6 },
    });
  }
  // Lines are series of their own, silent: they would take the clicks of the points below.
  const front = (name, points, symbol, size, colour, edge, width, z) => {
    const data = inOrder(points);
    series.push({ name, type: "scatter", data, symbol, symbolSize: size, z: z + 1, itemStyle: { color: colour, borderColor: edge, borderWidth: 1 } });
    if (stepped) series.push({ name, type: "line", step: MAXIMISED[x] ? "start" : "end", data, symbol: "none", silent: true, z, lineStyle: { color: colour, width }, itemStyle: { color: colour } });
  };
  if (TRUE.size) front("true front", POINTS.true, "diamond", 10, COLOURS[4], "#8a6a00", 5, 2);
  front("front of the study", POINTS.front, "circle", 8, COLOURS[1], COLOURS[1], 2, 3);
  if (paper.length) {
    series.push({
      name: "the paper's points", type: "scatter", data: at(paper), symbol: "rect", symbolSize: 12,
      itemStyle: { color: COLOURS[2], borderColor: "black", borderWidth: 1 }, z: 5,
    });
  }
  series.push({
    name: "chosen", type: "scatter", data: at(state.chosen), symbol: "circle", symbolSize: 20, silent: true,
    itemStyle: { color: "transparent", borderColor: "black", borderWidth: 2 }, z: 6,
    label: { show: true, position: "top", fontSize: 15, fontWeight: "bold", textBorderColor: "white", textBorderWidth: 3, formatter: ({ dataIndex }) => letter(dataIndex) },
  });
  const plotted = (values) => values.filter((_, point) => state.others || FRONT.has(point) || TRUE.has(point) || point in POINTS.paper);
  const chart = draw("front-chart", {
    grid: { left: 64, right: 16, top: narrow() ? 64 : 40, bottom: 48 },
    legend: { top: 0, left: 0, itemGap: 14, textStyle: NAME, data: [...new Set(series.map(({ name }) => name))].filter((name) => name !== "chosen") },
    tooltip: {
      trigger: "item", confine: true, formatter: ({ value }) => tip(value[2]),
    },
    xAxis: logAxis(quantity(DATA.objectives[x]).title, plotted(xs)),
    yAxis: logAxis(quantity(DATA.objectives[y]).title, plotted(ys), { nameGap: 46 }),
    series,
  });
  chart.off("click");
  chart.on("click", ({ value }) => choose(value[2]));
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
  frontChart();
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

  DATA.objectives.forEach((column, i) =>
    row(quantity(column).title, shownDesigns.map(({ point }) => digits(POINTS.objectives[i][point] / quantity(column).scale, 5)))
  );
  row("bound", shownDesigns.map(({ point }) => bound(point, state.row)));
  group("design");
  DATA.parameters.forEach((each) =>
    row(each.name, shownDesigns.map(({ point }) => (each.at[point] < 0 ? "-" : each.values[each.at[point]])))
  );
  if (shownDesigns.some(({ detail }) => detail)) {
    group("time in use, of the latency");
    const ofLatency = (value) => percent(value);
    const arrays = known((detail) => detail.waterfall.flatMap(({ lanes }) => Object.keys(lanes)));
    bars(arrays, (detail, name) => laneTotal(detail, name) / detail.metrics.latency_s, ofLatency);
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

function laneTotal(detail, lane) {
  return detail.waterfall.reduce((total, { lanes }) => total + (lanes[lane] || []).reduce((a, [, time]) => a + time, 0), 0);
}

// The schedule: stages one after the other, what each array does in them.

function schedule(designs) {
  const drawn = designs.filter(({ detail }) => detail);
  const longest = Math.max(...drawn.map(({ detail }) => detail.metrics.latency_s), 0);
  const einsums = [...new Set(drawn.flatMap(({ detail }) => detail.einsums.map(({ einsum }) => einsum)))];
  const colours = ["#bcd4ea", "#f3cdc2", "#cfe9dd", "#fbe8b6", "#d5d0e3", "#ffffff", "#e2e2e2"];
  const colour = (einsum) => colours[einsums.indexOf(einsum) % colours.length];
  put("schedule", ...drawn.map(({ detail, name, point }) => {
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

function parametersChart() {
  const others = [];
  for (let point = 0; point < COUNT; point++) if (!FRONT.has(point) && !(point in POINTS.paper)) others.push(point);
  const every = Math.ceil(others.length / MOST_LINES) || 1;
  const drawn = others.filter((_, i) => i % every === 0);
  const varying = DATA.parameters.filter(({ values }) => values.length > 1);
  const logs = DATA.objectives.map((column, i) => POINTS.objectives[i].map((each) => Math.log10(each / quantity(column).scale)));
  const line = (point) => [...varying.map(({ at, values }) => (at[point] < 0 ? null : values[at[point]])), ...logs.map((each) => each[point])];
  const vertical = narrow();
  const label = (name) => name.replaceAll(/[_ ]/g, "\n");
  const axes = [
    ...varying.map(({ name, values }, dim) => ({ dim, name: label(name), type: "category", data: values })),
    ...DATA.objectives.map((column, i) => {
      const { min, max, axisLabel } = logAxis("", logs[i]);
      return { dim: varying.length + i, name: label(quantity(column).title), type: "value", min, max, axisLabel };
    }),
  ];
  const lines = (name, points, colour, style) => ({
    name, type: "parallel", data: points.map(line), progressive: 500, smooth: false, silent: true,
    lineStyle: { color: colour, ...style },
  });
  document.getElementById("parameters-chart").style.height = vertical ? `${4 + 4.2 * axes.length}rem` : "";
  draw("parameters-chart", {
    parallel: vertical
      ? { layout: "vertical", left: 80, right: 28, top: 24, bottom: 28 }
      : { left: 50, right: 60, top: 52, bottom: 24 },
    parallelAxis: axes.map((each) => ({
      nameLocation: vertical ? "start" : "end", nameTextStyle: { ...NAME, lineHeight: 16, align: vertical ? "right" : "center" },
      nameGap: 10, axisLine: { lineStyle: { color: "#5d5d6b" } }, ...each,
      axisLabel: { ...LABEL, hideOverlap: true, ...each.axisLabel },
    })),
    series: [
      lines("other designs", drawn, "#b8b8c2", { width: 1, opacity: 0.25 }),
      lines("front of the study", POINTS.front, COLOURS[1], { width: 1.5, opacity: 0.8 }),
      lines("the paper's points", Object.keys(POINTS.paper).map(Number), COLOURS[2], { width: 3, opacity: 1, type: "dashed" }),
    ],
  });
  put("parameters-key",
    key(`2px solid ${COLOURS[1]}`, "front of the study"), key(`3px dashed ${COLOURS[2]}`, "the paper's points"),
    key("2px solid #b8b8c2", every > 1 ? `one in ${every} of the other designs` : "other designs"));
  put("parameters-note", "A line is a design. Drag along an axis to keep the lines that pass there, click it to keep all.");
}

function key(border, text) {
  return make("span", {}, make("span", { style: `display:inline-block;width:2rem;border-top:${border};vertical-align:middle;margin-right:0.4rem` }), text);
}

// The search.

function convergenceChart() {
  const told = DATA.convergence;
  if (!told || !told.trials.length) {
    document.getElementById("convergence-chart").style.display = "none";
    put("convergence-note", "No corner of the space is feasible, so that there is no reference for a hypervolume.");
    return;
  }
  const what = told.of_true ? "of the true front's" : "hypervolume";
  const end = Object.entries(told.reference).map(([column, value]) => `${quantity(column).name} ${shown(column, value)}`).join(", ");
  put("convergence-note", `Volumes of log10 of the objectives up to ${end}. The last: ${digits(told.volumes.at(-1))}` +
    (told.pinned ? `; the first ${told.pinned} trials are the paper's points.` : "."));
  const data = told.trials.map((trial, i) => [trial, told.volumes[i]]);
  data.push([DATA.counts.trials, told.volumes.at(-1)]);
  const low = told.volumes[Math.min(told.volumes.length - 1, told.pinned)];
  draw("convergence-chart", {
    grid: { left: 64, right: 24, top: 16, bottom: 48 },
    tooltip: { trigger: "axis", confine: true, formatter: ([{ value }]) => `after ${value[0]} trials: ${digits(value[1], 5)}` },
    xAxis: { type: "value", name: "trials", nameLocation: "middle", nameGap: 28, min: 0, max: DATA.counts.trials,
      nameTextStyle: NAME, axisLabel: { ...LABEL, hideOverlap: true }, splitLine: { show: false } },
    yAxis: { type: "value", name: narrow() ? "" : what, nameLocation: "middle", nameGap: 44, scale: true, min: Math.floor(20 * low) / 20,
      max: told.of_true ? 1 : undefined, nameTextStyle: NAME, axisLabel: LABEL },
    series: [{ type: "line", step: "end", data, symbol: "none", lineStyle: { color: COLOURS[1], width: 2 } }],
  });
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
    ["design", ...DATA.objectives.map((column) => quantity(column).title), ...names.map((name) => name.replaceAll("_", " ")), "bound"],
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
  if (DATA.rows.length > 1) {
    document.getElementById("compared-controls").append(make("label", {}, "workload ", make("select", { id: "workload" })));
    options("workload", DATA.rows.map(({ label }) => label), 0, (i) => { state.row = i; compared(); frontTable(); });
  }
  put("schedule-note", "What each array does, stage after stage; Einsums of a stage share its time. Off-chip traffic goes on beside.");
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

function render() {
  frontChart();
  parametersChart();
  convergenceChart();
}

heading();
controls();
first();
render();
picked();
compared();
importances();
infeasible();
frontTable();
provenance();
