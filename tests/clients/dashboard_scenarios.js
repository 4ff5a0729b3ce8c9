// What is looked at, each in a browser of its own.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { asked, please, Tab, until, url } from "./dashboard_tab.js";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PHONE = { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };
const SHOWN = "#tiles div";
// A browser says so itself when nobody answers; that is what is being tested.
const gone = (text) => /Failed to load resource|net::ERR_/.test(text);

/** A number as the page writes it: 12,345 or 1.23 M. */
function number(text) {
  const [, digits, unit] = /^([\d.,]+)\s*([kMGT]?)/.exec(text) ?? assert.fail(`no number: ${text}`);
  return Number(digits.replaceAll(",", "")) * { "": 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12 }[unit];
}

/** How many of its pixels a chart has drawn on. */
const drawn = (page) => page.evaluate(() => Array.from(document.querySelectorAll(".plot canvas"), (canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let at = 3; at < data.length; at += 4) count += data[at] > 0;
  return count / (canvas.width * canvas.height);
}));

/** What axe-core has against a page; the policy forbids scripts of others, but not the debugger's. */
async function accessible(tab, what) {
  await tab.page.evaluate(AXE);
  const { violations } = await tab.page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  const told = violations.map(({ id, impact, nodes }) => `${what}: ${impact} ${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join("; ")}`);
  assert.deepEqual(told, []);
}

/** Under load: what is shown is what there is, for eyes, keyboards and screen readers. */
export async function figures(browser) {
  await please("load on");
  const tab = await Tab.open(browser, { colorScheme: "light" });
  await tab.says("#state-title", /Healthy/);
  await tab.says("#link-text", /^Live$/);

  // The same numbers as the server's.
  await until("commands are counted", async () => {
    const before = await asked("overview");
    const shown = number((await tab.text(`${SHOWN}:nth-child(1) dd:nth-of-type(2)`)));
    const after = await asked("overview");
    return after.totals.commands > 0 && shown >= before.totals.commands * 0.8 && shown <= after.totals.commands * 1.01;
  });
  await until("a rate is shown", async () => number(await tab.text(`${SHOWN}:nth-child(1) dd`)) > 100);
  await until("hits are shown", async () => number(await tab.text(`${SHOWN}:nth-child(2) dd`)) > 10);
  const { upstream, clients, version, config } = await asked("overview");
  await tab.says("#foot", new RegExp(`Nearside ${version.replaceAll(".", "\\.")}`));
  await tab.says("#about", new RegExp(upstream.address.replaceAll("/", "\\/")));
  await tab.says("#upstream", /answers in/);
  if (upstream.version) await tab.says("#upstream", new RegExp(upstream.version.replaceAll(".", "\\."), "i"));
  if (config.hash) await tab.says("#config", new RegExp(config.hash));
  assert.equal(number(await tab.text(`${SHOWN}:nth-child(5) dd`)) > 0, clients.connected > 0);

  // Charts have lines, on every one of them.
  await until("charts are drawn", async () => {
    const shares = await drawn(tab.page);
    return shares.length === 4 && shares.every((share) => share > 0.005);
  });

  // Names are strangers' words: shown as they are, and never run.
  await until("hot keys", async () => /hot:1/.test(await tab.text("#hot tbody")));
  await until("a key that looks like a page", async () => (await tab.text("#hot")).includes("<img src=x onerror=alert(1)>"));
  await until("a client that looks like a page", async () => (await tab.text("#clients")).includes("<svg/onload=alert(2)>"));
  assert.equal(await tab.page.locator("td img, th img, td svg, th svg, main script").count(), 0);

  // What took long, and where.
  await slow(tab);
  assert.match(await tab.text("#slow tbody"), /Redis\s*\d/);

  await keyboard(tab);
  await accessible(tab, "light");
  await tab.shot("light");
  await pause(tab);
  await colours(tab);
  await accessible(tab, "dark");
  await tab.shot("dark");
  await tab.close();

  await phone(browser);
  await please("load off");
}

/** A slow command is shown; on a busy machine others soon take its place. */
async function slow(tab) {
  await until("the slow command", async () => {
    await please("slow");
    await new Promise((done) => setTimeout(done, 1100)); // the next overview
    return /EVAL/i.test(await tab.text("#slow tbody"));
  });
}

/** Everything can be reached and seen by keyboard, and a chart read. */
async function keyboard(tab) {
  const { page } = tab;
  await page.evaluate(() => document.activeElement.blur());
  const seen = [];
  for (let turn = 0; turn < 12; turn += 1) {
    await page.keyboard.press("Tab");
    seen.push(await page.evaluate(() => {
      const it = document.activeElement;
      const look = getComputedStyle(it.matches("#ranges input") ? it.nextElementSibling : it);
      const { width, height } = it.getBoundingClientRect();
      return { id: it.id || it.className || it.name || it.tagName, visible: look.outlineStyle !== "none" && width > 0 && height > 0 };
    }));
    if (seen.at(-1).id === "SUMMARY") break;
  }
  assert.deepEqual(seen.map(({ id }) => id), ["skip", "pause", "theme", "range", "chart-traffic", "chart-latency", "chart-ratio", "chart-trouble", "SUMMARY"]);
  assert.deepEqual(seen.filter(({ visible }) => !visible), []);
  await page.keyboard.press("Enter");
  await tab.says("#history tbody", /\d\d:\d\d:\d\d/);
  await page.keyboard.press("Enter");

  const chart = page.locator("#chart-traffic");
  await chart.focus();
  await page.keyboard.press("ArrowLeft");
  const at = async () => ({ now: await chart.getAttribute("aria-valuenow"), text: await chart.getAttribute("aria-valuetext") });
  const last = await at();
  assert.match(last.text, /^\d\d:\d\d:\d\d: Commands .+, Hits /);
  await page.keyboard.press("Home");
  await until("the chart moves", async () => Number((await at()).now) === 0);
  await page.keyboard.press("Escape");
}

/** A picture that stands still, to read or copy from. */
async function pause(tab) {
  const button = tab.page.locator("#pause");
  await button.click();
  assert.equal(await button.getAttribute("aria-pressed"), "true");
  await tab.says("#link-text", /^Paused at/);
  const count = await tab.text(`${SHOWN}:nth-child(1) dd:nth-of-type(2)`);
  const { totals } = await asked("overview");
  await until("time passes", async () => (await asked("overview")).totals.commands > totals.commands + 1000);
  assert.equal(await tab.text(`${SHOWN}:nth-child(1) dd:nth-of-type(2)`), count);
  await button.click();
  await tab.says("#link-text", /^Live$/);
}

/** Light and dark, by the system or by choice, which is remembered. */
async function colours(tab) {
  const ground = () => tab.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await tab.page.emulateMedia({ colorScheme: "dark" });
  const dark = await ground();
  assert.notEqual(light, dark);
  await tab.page.selectOption("#theme", "light");
  assert.equal(await ground(), light);
  await tab.page.reload();
  assert.equal(await ground(), light);
  assert.equal(await tab.page.inputValue("#theme"), "light");
  await tab.page.selectOption("#theme", "auto");
  assert.equal(await ground(), dark);
  await tab.says("#link-text", /^Live$/);
  // What was before is there at once after a reload.
  await until("the history is there", async () => (await drawn(tab.page)).every((share) => share > 0.005));
}

async function phone(browser) {
  const tab = await Tab.open(browser, PHONE);
  await tab.says("#link-text", /^Live$/);
  await slow(tab);
  assert.equal(await tab.overflow(), 0);
  await accessible(tab, "phone");
  await tab.shot("phone");
  await tab.page.emulateMedia({ colorScheme: "dark" });
  await tab.shot("phone-dark");
  await tab.close();
}

/** Redis goes and comes back; then Nearside itself. The page is never loaded again. */
export async function faults(browser) {
  await please("load on");
  const tab = await Tab.open(browser, { colorScheme: "dark", expect: gone });
  await tab.says("#state-title", /Healthy/);
  await tab.page.evaluate(() => { globalThis.same = "page"; });

  await please("redis down");
  await until("it is said at the top", async () => (await tab.page.getAttribute("#state", "data-state")) !== "healthy");
  assert.notEqual(await tab.text("#reasons"), "");
  await tab.says("#upstream dd", /does not answer/);
  await until("errors are shown", async () => number(await tab.text(`${SHOWN}:nth-child(3) dd`)) > 0);
  await accessible(tab, "redis down");
  await tab.shot("redis-down");
  await please("redis up");
  await tab.says("#state-title", /Healthy|Degraded/);
  await tab.says("#upstream", /answers in/);

  await please("nearside down");
  await tab.says("#state-title", /does not answer/);
  await tab.says("#link-text", /No answer/);
  await tab.says("#state-text", /\d+\s(s|min) old/);
  assert.equal(await tab.page.locator("#picture.old").count(), 1);
  assert.notEqual(await tab.text(`${SHOWN} dd`), ""); // the last picture stays
  assert.match(await tab.page.title(), /^No answer/);
  assert.match(await tab.text("#spoken"), /does not answer/);
  await accessible(tab, "no answer");
  await tab.shot("nearside-down");
  await please("nearside up");
  await tab.says("#link-text", /^Live$/);
  await tab.says("#state-title", /Healthy|Degraded/);
  assert.equal(await tab.page.locator("#picture.old").count(), 0);
  assert.equal(await tab.page.evaluate(() => globalThis.same), "page");

  // What was before the restart is still shown, and the time between is empty.
  await tab.page.check("#ranges input[value='120']");
  await tab.page.locator(".as-table summary").focus();
  await until("a gap", () => tab.page.evaluate(async () => {
    const chart = document.querySelector("#chart-traffic");
    const values = [];
    chart.focus();
    for (const key of ["Home", ...Array(Number(chart.getAttribute("aria-valuemax"))).fill("ArrowRight")]) {
      chart.dispatchEvent(new KeyboardEvent("keydown", { key }));
      values.push(chart.getAttribute("aria-valuetext"));
    }
    const gap = values.findIndex((text) => text.includes("Commands –"));
    return gap > 0 && gap < values.length - 1;
  }));
  await please("load off");
  await tab.close();
}

/** Where a token is wanted. */
export async function token(browser) {
  const right = await please("token");
  const refused = (text) => /401/.test(text);
  const tab = await Tab.open(browser, { expect: refused });
  await tab.page.locator("#ask[open]").waitFor();
  await accessible(tab, "asked for a token");
  await tab.shot("token");
  await tab.page.fill("#token", `${right}x`);
  await tab.page.keyboard.press("Enter");
  await tab.says("#ask-text", /not its token/);
  await tab.page.fill("#token", right);
  await tab.page.click("#ask button");
  await tab.says("#link-text", /^Live$/);
  await tab.page.reload();
  await tab.says("#link-text", /^Live$/);
  const kept = await tab.page.evaluate(() => [JSON.stringify(localStorage), document.cookie, location.href]);
  assert.deepEqual(kept.filter((text) => text.includes(right)), []);
  assert.deepEqual(tab.asked.filter((asked) => asked.includes(right)), []);
  await tab.close();
  // Another tab has to ask again.
  const other = await Tab.open(browser, { expect: refused });
  await other.page.locator("#ask[open]").waitFor();
  await other.close();
}

/** Many dashboards, and one too many for streams: it asks for itself. */
export async function crowd(browser) {
  const streams = [];
  for (;;) {
    const answer = await fetch(new URL("events", url));
    if (answer.status !== 200) {
      assert.equal(answer.status, 503);
      break;
    }
    streams.push(answer);
    assert(streams.length <= 64, "streams without end");
  }
  const tab = await Tab.open(browser, { expect: gone });
  await tab.says("#link-text", /^Live$/);
  const polls = () => tab.asked.filter((asked) => asked.endsWith("/overview")).length;
  await until("it polls", () => polls() >= 2);
  // When one leaves there is room again.
  await Promise.all(streams.map((stream) => stream.body.cancel()));
  await until("there is room", async () => {
    const answer = await fetch(new URL("events", url));
    await answer.body.cancel();
    return answer.status === 200;
  });
  await tab.close();
}
