// The charts: what uPlot draws, with a legend of our own that says the values, and a cursor for the
// keyboard. A chart is a slider in time to a screen reader: arrows move, and it reads what was then.

import { at, attr, each, el, put } from "./dom.js";
import * as as from "./format.js";

// Lines differ by more than colour: one is filled, one dashed, one dotted.
const LOOKS = {
  main: { colour: "--accent", width: 2, dash: [], fill: true },
  plain: { colour: "--dark", width: 1.5, dash: [6, 4], fill: false },
  faint: { colour: "--grey", width: 1.5, dash: [1.5, 3], fill: false },
};
const CHARTS = [
  { id: "traffic", title: "Traffic", unit: "per second", say: as.count, least: 10, lines: [
    ["commands", "Commands", "main"], ["hits", "Hits", "plain"]] },
  { id: "latency", title: "Latency", unit: "time a command takes", say: as.seconds, least: 1e-3, lines: [
    ["p99", "p99 of all", "main"], ["upstream_p99", "p99 of Redis\u2019s part", "plain"], ["p50", "p50 of all", "faint"]] },
  { id: "ratio", title: "Hit ratio", unit: "share of cacheable reads", say: as.share, most: 1, lines: [
    ["hit_ratio", "Hits", "main"]] },
  { id: "trouble", title: "Errors and refusals", unit: "per second", say: as.count, least: 4, lines: [
    ["errors", "Errors", "main"], ["denied", "Refused", "plain"]] },
];
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const swatch = (look) => {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
  const { colour, width, dash } = LOOKS[look];
  for (const [name, value] of Object.entries({ x1: 0, y1: 4, x2: 22, y2: 4, stroke: `var(${colour})`, "stroke-width": width + 0.5, "stroke-dasharray": dash.join(" ") })) line.setAttribute(name, value);
  svg.setAttribute("viewBox", "0 0 22 8");
  svg.setAttribute("aria-hidden", "true");
  svg.append(line);
  return svg;
};

class Chart {
  constructor(chart, parent) {
    Object.assign(this, chart);
    this.data = [[], ...chart.lines.map(() => [])];
    this.index = null;
    this.when = el("span", { className: "muted" });
    this.values = chart.lines.map(() => el("b"));
    this.plot = el("div", { className: "plot", tabIndex: 0, role: "slider", id: `chart-${chart.id}` });
    attr(this.plot, "aria-label", `${chart.title}, ${chart.unit}: moment`);
    attr(this.plot, "aria-valuemin", 0);
    parent.append(el("figure", {},
      el("figcaption", {}, el("h3", {}, chart.title, el("span", { className: "muted", textContent: ` ${chart.unit}` })), this.when),
      el("ul", { className: "legend" }, ...chart.lines.map(([, label, look], index) => el("li", {}, swatch(look), label, this.values[index]))),
      this.plot));
    this.plot.addEventListener("keydown", (event) => this.key(event));
    this.plot.addEventListener("blur", () => this.point(null));
    new ResizeObserver(() => this.size()).observe(this.plot);
    this.make();
  }

  make() {
    this.u?.destroy();
    const grid = { stroke: style("--line"), width: 1 };
    const axis = { stroke: style("--muted"), grid, ticks: { show: false }, font: `12px ${getComputedStyle(document.body).fontFamily}` };
    const labels = (values) => values.map((value) => this.say(value));
    this.u = new uPlot({
      width: Math.max(this.plot.clientWidth, 60), height: 180, padding: [8, 18, 0, 0], legend: { show: false },
      cursor: { sync: { key: "time" }, y: false, drag: { x: false, y: false }, points: { size: 7 } },
      scales: { x: { time: true, range: () => this.span }, y: { range: (u, low, high) => [0, this.most ?? (Math.max(high || 0, this.least ?? 0) * 1.12 || 1)] } },
      axes: [
        { ...axis, grid: { show: false }, size: 26, space: 70, values: (u, times) => times.map((time) => (this.span[1] - this.span[0] < 300 ? as.clock(time) : as.minute(time))) },
        { ...axis, size: 62, space: 34, values: (u, values) => labels(values) },
      ],
      series: [{}, ...this.lines.map(([, label, look]) => {
        const { colour, width, dash, fill } = LOOKS[look];
        return { label, stroke: style(colour), width, dash, fill: fill ? style("--accent-soft") : undefined, points: { show: false }, spanGaps: false };
      })],
      hooks: { setCursor: [(u) => { this.index = u.cursor.idx ?? null; this.say_values(); }] },
    }, this.data, this.plot);
  }

  span = [Date.now() / 1000 - 900, Date.now() / 1000];

  size() {
    const width = Math.max(this.plot.clientWidth, 60);
    if (width !== this.u.width) this.u.setSize({ width, height: 180 });
  }

  show(columns, span) {
    this.span = span;
    this.data = [columns.time, ...this.lines.map(([name]) => columns[name])];
    attr(this.plot, "aria-valuemax", Math.max(columns.time.length - 1, 0));
    this.u.setData(this.data);
    this.say_values();
  }

  // The values at the cursor, or the newest.
  say_values() {
    const index = this.index ?? this.data[0].length - 1;
    const time = this.data[0][index];
    const said = this.lines.map((line, n) => this.say(this.data[n + 1][index]));
    said.forEach((text, n) => put(this.values[n], text));
    put(this.when, time === undefined ? "" : this.index === null ? "now" : as.clock(time));
    attr(this.plot, "aria-valuenow", Math.max(index, 0));
    const spoken = time === undefined ? "nothing yet" : `${as.clock(time)}: ${this.lines.map((line, n) => `${line[1]} ${said[n]}`).join(", ")}`;
    // Read aloud only while somebody moves it, not each time a new value comes.
    if (this.index !== null || document.activeElement !== this.plot) attr(this.plot, "aria-valuetext", spoken);
  }

  key(event) {
    const last = this.data[0].length - 1;
    const from = this.index ?? last;
    const to = { ArrowLeft: from - 1, ArrowDown: from - 1, ArrowRight: from + 1, ArrowUp: from + 1, PageDown: from - 10, PageUp: from + 10, Home: 0, End: last }[event.key];
    if (event.key === "Escape") this.point(null);
    if (to === undefined || last < 0) return;
    event.preventDefault();
    this.point(Math.min(Math.max(to, 0), last));
  }

  point(index) {
    const left = index === null ? -10 : this.u.valToPos(this.data[0][index], "x");
    this.u.setCursor({ left, top: index === null ? -10 : 20 });
  }
}

const charts = [];

export const start = () => {
  CHARTS.forEach((chart) => charts.push(new Chart(chart, at("charts"))));
  addEventListener("themechange", () => charts.forEach((chart) => chart.make()));
};

// Draws `columns` (see history.js) from `span[0]` to `span[1]`, Unix seconds.
export const show = (columns, span) => charts.forEach((chart) => chart.show(columns, span));

// The same for who would rather read.
export const tell = (columns, node) => {
  if (!node.closest("details").open) return;
  const lines = CHARTS.flatMap((chart) => chart.lines.map(([name, label]) => [name, label === "Hits" && name === "hit_ratio" ? "Hit ratio" : label, chart.say]));
  if (!node.tHead.firstChild) {
    node.tHead.append(el("tr", {}, el("th", { scope: "col", textContent: "Time" }), ...lines.map(([, label]) => el("th", { scope: "col", className: "n", textContent: label }))));
  }
  const rows = columns.time.map((time, index) => ({ time, index })).filter(({ index }) => columns.commands[index] !== null).reverse().slice(0, 180);
  const make = () => el("tr", {}, el("th", { scope: "row" }), ...lines.map(() => el("td", { className: "n" })));
  each(node.tBodies[0], rows, make, (line, { time, index }) => {
    put(line.children[0], as.clock(time));
    lines.forEach(([name, , say], n) => put(line.children[n + 1], say(columns[name][index])));
  });
};
