// What the scenarios of the dashboard share: what is asked of the test, of the server and of a page.
import assert from "node:assert/strict";
import { createInterface } from "node:readline";

export const [scenario, url, shots, executablePath] = process.argv.slice(2);
const PATIENCE = 20_000;
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Has something done to the servers; what came of it. */
export async function please(what) {
  console.log(`@ ${what}`);
  const { value, done } = await lines.next();
  assert(!done, `nobody did: ${what}`);
  return value;
}

/** What the server says of itself. */
export async function asked(path, headers = {}) {
  const answer = await fetch(new URL(path, url), { headers });
  assert.equal(answer.status, 200, path);
  return answer.json();
}

/** Waits until it holds; `what` is looked for. */
export async function until(what, holds) {
  const deadline = performance.now() + PATIENCE;
  for (;;) {
    if (await holds()) return;
    assert(performance.now() < deadline, `not within ${PATIENCE / 1000} s: ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** A page that is opened, and what is not to be seen in any. */
export class Tab {
  static async open(browser, options = {}) {
    const tab = new Tab();
    tab.wrong = [];
    tab.asked = [];
    const { init, expect = () => false, path = "", ...context } = options;
    tab.context = await browser.newContext({ viewport: { width: 1360, height: 900 }, timezoneId: "UTC", ...context });
    tab.page = await tab.context.newPage();
    tab.page.setDefaultTimeout(PATIENCE);
    tab.page.on("console", (message) => {
      if (["error", "warning"].includes(message.type()) && !expect(message.text())) tab.wrong.push(message.text());
    });
    tab.page.on("pageerror", (error) => tab.wrong.push(error.stack));
    tab.page.on("dialog", (dialog) => { tab.wrong.push(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
    tab.page.on("request", (request) => tab.asked.push(request.url()));
    if (init) await tab.page.addInitScript(init);
    await tab.page.goto(url + path);
    return tab;
  }

  text(selector) {
    return this.page.locator(selector).first().textContent();
  }

  /** Waits for a word in what a part of the page says. */
  says(selector, words) {
    return until(`${selector} says ${words}`, async () => words.test(await this.text(selector)));
  }

  /** How wide what is shown is beyond the window. */
  overflow() {
    return this.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  }

  async shot(name) {
    await this.page.screenshot({ path: `${shots}/${name}.png`, fullPage: true, animations: "disabled" });
  }

  /** Nothing went wrong, and nobody else was asked for anything. */
  async close() {
    assert.deepEqual(this.wrong, []);
    const others = this.asked.filter((asked) => new URL(asked).origin !== new URL(url).origin);
    assert.deepEqual(others, []);
    await this.context.close();
  }
}
