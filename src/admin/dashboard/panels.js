// Everything but the charts: one function for each part of the page, all fed the same overview.

import { at, attr, each, el, facts, put, table, two } from "./dom.js";
import * as as from "./format.js";

// A shape of its own for each state.
const RING = "M12 2.5a9.5 9.5 0 1 0 0 19a9.5 9.5 0 1 0 0-19";
const MARKS = {
  healthy: `${RING}M7.5 12.5l3 3 6-6.5`,
  degraded: "M12 3.5L22 20.5H2ZM12 10v4.5M12 17.5v.2",
  unhealthy: "M8 2.5h8l5.5 5.5v8L16 21.5H8L2.5 16V8ZM8.5 8.5l7 7M15.5 8.5l-7 7",
  draining: `${RING}M12 7v9M8.5 12.5l3.5 3.5 3.5-3.5`,
  unknown: `${RING}M12 7v5l3 2`,
  disabled: `${RING}M8 12h8`,
  gone: "M8 2.5h8l5.5 5.5v8L16 21.5H8L2.5 16V8ZM7 12h.2M12 12h.2M17 12h.2",
};
const WORDS = {
  healthy: "Healthy",
  degraded: "Degraded",
  unhealthy: "Unhealthy",
  draining: "Draining",
  unknown: "Nobody has looked yet",
  disabled: "Redis is switched off",
  gone: "Nearside does not answer",
};
export const word = (state) => WORDS[state] ?? state;

export const state = (name, text, reasons) => {
  attr(at("state"), "data-state", name);
  attr(at("state-mark"), "d", MARKS[name] ?? "");
  put(at("state-title"), word(name));
  put(at("state-text"), text);
  each(at("reasons"), reasons, () => el("li"), (node, reason) => put(node, reason));
};

// Whether it is the proxy or Redis: who had the time that commands took, in the last minute.
export const split = ({ latency }) => {
  const parts = latency && latency.mean > 0;
  at("split").hidden = !parts;
  if (!parts) return;
  const upstream = Math.min(latency.upstream_mean / latency.mean, 1);
  put(at("split-label"), `A command took ${as.seconds(latency.mean)} on average in the last minute`);
  at("split-proxy").style.width = `${(1 - upstream) * 100}%`;
  at("split-upstream").style.width = `${upstream * 100}%`;
  put(at("split-proxy-text"), `Nearside ${as.seconds(latency.mean * (1 - upstream))}`);
  put(at("split-upstream-text"), `Redis ${as.seconds(latency.mean * upstream)}`);
};

const tile = (node, { name, parts, small, alarm }) => {
  put(node.children[0], name);
  node.classList.toggle("alarm", Boolean(alarm));
  const [number, unit] = node.children[1].children;
  put(number, parts[0]);
  put(unit, parts[1] ?? "");
  put(node.children[2], small);
};

export const tiles = (o) => {
  const firing = new Set(o.alerts.filter((alert) => alert.firing).map((alert) => alert.name));
  const now = o.now ?? {};
  const { connections, memory } = o.upstream;
  const used = memory?.max ? memory.used / memory.max : null;
  each(at("tiles"), [
    { name: "Commands", parts: perSecond(now.commands), small: `${as.count(o.totals.commands)} since the start` },
    { name: "Hits", parts: perSecond(now.hits), small: `${as.share(now.hit_ratio ?? null)} of cacheable reads`, alarm: firing.has("hit_rate") },
    { name: "Errors", parts: perSecond(now.errors), small: `${as.share(now.commands ? now.errors / now.commands : null)} of commands, ${as.count(now.denied)}/s refused`, alarm: firing.has("error_rate") },
    { name: "Latency p99", parts: as.secondsParts(now.p99), small: `p50 ${as.seconds(now.p50)}, Redis p99 ${as.seconds(now.upstream_p99)}`, alarm: firing.has("latency") },
    { name: "Clients", parts: as.countParts(o.clients.connected), small: `of at most ${as.count(o.clients.max)}`, alarm: firing.has("clients") },
    { name: "Redis connections", parts: as.countParts(connections.used), small: `of at most ${as.count(connections.budget)}, ${as.count(connections.waiting)} waiting`, alarm: firing.has("upstream_connections") },
    { name: "Redis memory", parts: as.bytesParts(memory?.used), small: !memory ? "not known" : memory.max ? `${as.share(used)} of ${as.bytes(memory.max)}` : "no maximum set", alarm: firing.has("memory") },
  ], () => el("div", {}, el("dt"), el("dd", {}, el("span"), el("span", { className: "unit" })), el("dd")), tile);
};
const perSecond = (value) => {
  const [number, unit] = as.countParts(value);
  return [number, `${unit}/s`];
};

export const hot = (o) => table(at("hot"), [
  { head: "Key", fill: (cell, row) => { cell.className = "mono"; put(cell, row.key === "" ? "(the empty key)" : row.key); } },
  { head: "Reads/s", right: true, fill: (cell, row) => put(cell, as.count(row.reads_per_second)) },
  { head: "Of all", right: true, fill: (cell, row) => put(cell, as.share(row.traffic_share)) },
  { head: "Hits", right: true, fill: bar },
], o.hot_keys, "No reads yet.");
const bar = (cell, row) => {
  if (!cell.firstChild) cell.append(el("span"), el("span", { className: "share", ariaHidden: "true" }, el("i")));
  put(cell.firstChild, as.share(row.hit_share));
  cell.lastChild.firstChild.style.width = `${row.hit_share * 100}%`;
};

export const slow = (o) => {
  put(at("slow-caption"), o.slow.threshold !== null ? `Those that took ${as.seconds(o.slow.threshold)} or more, the newest first` : "None are noted (slowlog.threshold)");
  table(at("slow"), [
    { head: "Command", fill: (cell, row) => two(cell, row.command, `${as.moment(row.time, o.time)} · ${row.client}${row.user ? ` · ${row.user}` : ""}`, true) },
    { head: "Total", right: true, fill: (cell, row) => put(cell, as.seconds(row.total)) },
    { head: "Where it went", label: "", right: true, fill: parts },
  ], o.slow.entries, "None so far.");
};
const parts = (cell, row) => {
  const shares = [["proxy", row.queue, "Nearside"], ["upstream", row.upstream, "Redis"], ["client", row.client_time, "client"]];
  if (!cell.firstChild) {
    cell.append(el("span", { className: "bar", ariaHidden: "true" }, ...shares.map(([name]) => el("i", { className: `part ${name}` }))), el("span", { className: "sub" }));
  }
  shares.forEach(([, value], index) => { cell.firstChild.children[index].style.width = `${(row.total ? (value ?? 0) / row.total : 0) * 100}%`; });
  put(cell.lastChild, shares.filter(([, value]) => value > 0).map(([, value, name]) => `${name}\u00a0${as.seconds(value)}`).join(", "));
};

export const upstream = (o) => {
  const { upstream: it } = o;
  const c = it.connections;
  facts(at("upstream"), [
    ["State", answers(it), it.status === "healthy" ? "good" : "bad"],
    ["Address", it.address],
    ["Server", [it.version.replace(/^./, (letter) => letter.toUpperCase()), it.role].filter(Boolean).join(", ") || as.NONE],
    it.said > 15 && ["As of", `${as.age(it.said)} ago: it has not said more since`],
    it.memory && ["Memory", it.memory.max ? `${as.bytes(it.memory.used)} of ${as.bytes(it.memory.max)}, ${it.memory.policy}` : `${as.bytes(it.memory.used)}, no maximum`, "", it.memory.max && it.memory.used / it.memory.max],
    it.memory && ["Evicted", `${as.count(it.memory.evicted)} keys`],
    ["Connections", `${as.count(c.used)} of ${as.count(c.budget)}`, "", c.budget ? c.used / c.budget : 0],
    ["Of them", `${as.count(c.lanes)} shared, ${as.count(c.lent)} lent, ${as.count(c.idle)} idle`],
    ["Besides", `${as.count(c.pinned)} of ${as.count(c.pinned_max)} for blocked and subscribed clients`],
    ["Waiting", `${as.count(c.waiting)} now, ${as.count(c.waits_failed)} got none in time`],
    it.clients && ["Its clients", `${as.count(it.clients)} of ${as.count(it.max_clients)}`, "", it.max_clients ? it.clients / it.max_clients : 0],
    ["Lost", `${as.count(it.lost)} connections since the start`],
  ]);
};

// Whether commands get through to it, in words.
export const answers = (it) => {
  if (it.status === "healthy") return `answers in ${as.seconds(it.latency)}`;
  return { disabled: "is switched off (enabled = false)", unknown: "has not been asked yet", degraded: "does not answer every worker" }[it.status] ?? "does not answer";
};

export const cache = (o) => {
  const { cache: it } = o;
  facts(at("cache"), [
    ["Mode", it.mode],
    ["Holds", `${as.count(it.entries)} entries, ${as.bytes(it.bytes)} of ${as.bytes(it.max_bytes)}`, "", it.max_bytes ? it.bytes / it.max_bytes : null],
    ["Since the start", `${as.count(o.totals.hits)} hits, ${as.count(o.totals.misses)} misses`],
    ["Changes", `${as.count(it.invalidations)} invalidations, ${as.count(it.fences)} fences`],
    it.stale_served > 0 && ["Stale", `${as.count(it.stale_served)} replies while Redis was away`],
    it.mismatches > 0 && ["Mismatches", `${as.count(it.mismatches)} of ${as.count(it.verified)} compared`, "bad"],
  ]);
  counted(at("misses"), "Reason", it.misses.map((row) => ({ ...row, name: MISSES[row.name] ?? row.name })), "None so far.");
};
const MISSES = {
  cold: "not kept yet",
  not_admitted: "not asked for often enough",
  not_cacheable: "not to be kept",
  changed: "changed since",
  epoch: "connection lost, or all keys changed",
  expired: "too old, or its TTL is over",
  not_fresh: "not vouched for at the moment",
  order: "had to be asked in its turn",
  passed_by: "not looked for: hardly any read is a hit",
  untracked: "Redis does not announce changes",
};
const counted = (node, head, rows, none) => table(node, [
  { head, fill: (cell, row) => put(cell, row.name) },
  { head: "Per second", right: true, fill: (cell, row) => put(cell, as.count(row.per_second)) },
  { head: "Since start", right: true, fill: (cell, row) => put(cell, as.count(row.count)) },
], rows, none);

export const clients = (o) => {
  each(at("states"), o.clients.states, () => el("li", {}, el("b"), " ", el("span")), (node, item) => {
    put(node.children[0], as.count(item.count));
    put(node.children[1], item.state);
  });
  table(at("clients"), [
    { head: "Client", fill: (cell, row) => two(cell, row.name ? `${row.address} ${row.name}` : row.address, [`id ${row.id}`, row.user, `db ${row.db}`, row.state, row.command, row.holds_connection && "its own connection to Redis"].filter(Boolean).join(" · ")) },
    { head: "Age", right: true, fill: (cell, row) => put(cell, as.age(row.age)) },
    { head: "Idle", right: true, fill: (cell, row) => put(cell, as.age(row.idle)) },
    { head: "Requests", right: true, fill: (cell, row) => put(cell, as.count(row.requests)) },
    { head: "Unread", right: true, fill: (cell, row) => put(cell, as.bytes(row.unread)) },
  ], o.clients.top, "No client is connected.");
};

export const limits = (o) => {
  counted(at("limits"), "Limit or rule", o.limits, "None has been hit.");
  counted(at("errors"), "Cause", o.errors.map((row) => ({ ...row, name: ERRORS[row.name] ?? `${row.name} from Redis` })), "None so far.");
};

const ERRORS = {
  denied: "forbidden by a rule or a user's rights",
  rate_limited: "over a rate",
  timeout: "Redis did not answer in time",
  upstream_down: "Redis cannot be reached",
  upstream_lost: "connection lost before the reply",
  upstream_busy: "no connection to Redis in time",
  too_large: "reply too large",
  protocol: "not a request",
  other: "another error from Redis",
};

export const config = (o) => {
  const { config: it } = o;
  const when = it.reloaded ? `${as.moment(it.reloaded, o.time)}: ` : "";
  facts(at("config"), [
    ["Hash", it.hash || as.NONE],
    ["Last reload", it.reloaded ? `${when}${it.ok ? "applied" : "refused, see the log: what was in force still is"}` : "none since the start", it.reloaded ? (it.ok ? "good" : "bad") : ""],
    it.restart?.length > 0 && ["Needs a restart", it.restart.join(", ")],
    ["Listens on", o.listen.join(", ")],
    ["Workers", as.count(o.workers)],
    ...(it.certificates ?? []).map(({ name, days }) => ["Certificate", `${name}: ${days < 0 ? "has run out" : `${as.count(days)} days left`}`, days < 14 ? "bad" : ""]),
  ]);
};
