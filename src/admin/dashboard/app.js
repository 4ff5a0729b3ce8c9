// The dashboard: joins what comes (feed.js) with what is shown (panels.js, charts.js).

import * as charts from "./charts.js";
import { at, attr, put } from "./dom.js";
import { Feed } from "./feed.js";
import * as as from "./format.js";
import { History } from "./history.js";
import * as panels from "./panels.js";

const history = new History();
let newest = null; // the last overview
let shown = null; // the one on the page: an older one while paused
let heard = 0; // when it came, on this machine's clock
let lost = null; // { why, retry }: since when and until when there is no answer
let spoken = "";

let chosen = false; // how far back to look: until somebody chooses, two minutes as long as there is no more

const range = () => {
  const inputs = [...document.querySelectorAll("#ranges input")];
  if (!chosen && newest) inputs[history.age(newest.time) < 150 ? 0 : 1].checked = true;
  return Number(inputs.find((input) => input.checked).value);
};
const paused = () => at("pause").getAttribute("aria-pressed") === "true";

// Said to a screen reader, and only when it differs from what was said last.
const speak = (text) => {
  if (text !== spoken) put(at("spoken"), text);
  spoken = text;
};

const draw = () => {
  if (!newest) return;
  if (!paused()) shown = newest;
  const o = shown;
  panels.tiles(o);
  panels.hot(o);
  panels.slow(o);
  panels.upstream(o);
  panels.cache(o);
  panels.clients(o);
  panels.limits(o);
  panels.config(o);
  put(at("about"), `in front of ${o.upstream.address}`);
  put(at("foot"), `Nearside ${o.version}, running for ${as.age(o.uptime)} as process ${o.pid}. Times are this browser's.`);
  const span = range();
  charts.show(history.columns(span, o.time), [o.time - span, o.time]);
  charts.tell(history.steps(), at("history"));
  at("picture").removeAttribute("aria-busy");
};

// The state at the top: never paused, and never grey.
const head = () => {
  const o = newest;
  if (lost) {
    const age = o ? `The figures below are ${as.age((Date.now() - heard) / 1000)} old.` : "There are no figures yet.";
    const wait = Math.ceil(Math.max(lost.until - Date.now(), 0) / 1000);
    panels.state("gone", `${lost.why} ${age} ${wait ? `Next try in ${as.age(wait)}.` : "Trying now."}`, []);
    document.title = "No answer – Nearside";
    speak("Nearside does not answer. The figures are the last ones.");
  } else if (o) {
    panels.state(o.state, text(o), o.reasons);
    panels.split(o);
    document.title = `${panels.word(o.state)} – Nearside`;
    speak([`Nearside is ${o.state}`, ...o.reasons.map((reason) => reason.replaceAll(/\d[\d.,]*/g, "…"))].join(". "));
  }
  if (lost) at("split").hidden = true;
  at("picture").classList.toggle("old", Boolean(lost));
  attr(at("link"), "data-link", lost ? "lost" : o ? "live" : "opening");
  put(at("link-text"), lost ? "No answer" : !o ? "Connecting" : paused() ? `Paused at ${as.clock(shown.time)}` : "Live");
};
const text = (o) => {
  const redis = `Redis ${panels.answers(o.upstream)}.`;
  return o.state === "healthy" ? `Nothing is above its threshold. ${redis}` : redis;
};

const feed = new Feed({
  history: (columns) => history.load(columns),
  overview: (overview) => {
    [newest, heard, lost] = [overview, Date.now(), null];
    history.add(overview);
    head();
    draw();
  },
  lost: (why, seconds) => {
    lost = { why, until: Date.now() + seconds * 1000 };
    head();
  },
  asks: (wrong) => {
    const dialog = at("ask");
    if (wrong) {
      put(at("ask-text"), "That is not its token.");
      at("ask-text").className = "wrong";
    }
    at("token").value = "";
    if (!dialog.open) dialog.showModal();
  },
});

at("ask-form").addEventListener("submit", () => feed.token(at("token").value));
at("ask").addEventListener("cancel", (event) => event.preventDefault());
at("pause").addEventListener("click", () => {
  attr(at("pause"), "aria-pressed", !paused());
  head();
  draw();
});
at("ranges").addEventListener("change", () => {
  chosen = true;
  draw();
});
document.querySelector(".as-table").addEventListener("toggle", draw);
setInterval(() => lost && head(), 1000); // its age
charts.start();
feed.run();
