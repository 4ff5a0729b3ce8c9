// What the Node drivers share: saying what is checked, and where the servers are.
import assert from "node:assert/strict";

export const [port, upstream, protocol = "2"] = process.argv.slice(2);

/** Runs the checks one after the other; the first failure ends the driver. */
export async function run(name, checks) {
  for (const [what, check] of Object.entries(checks)) {
    const label = `${name}, RESP${protocol}: ${what.replaceAll("_", " ")}`;
    const begun = performance.now();
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error("not within 60 s")), 60_000);
    });
    try {
      await Promise.race([check(), late]);
    } catch (error) {
      console.log(`FAILED  ${label}`);
      console.error(error);
      process.exit(1);
    } finally {
      clearTimeout(timer);
    }
    console.log(`ok      ${label} (${((performance.now() - begun) / 1000).toFixed(2)} s)`);
  }
}

export const same = assert.deepEqual;
export const numbers = (n) => Array.from({ length: n }, (_, i) => i);

/** Waits until the condition holds. */
export async function until(condition) {
  const deadline = performance.now() + 10_000;
  while (!(await condition())) {
    assert(performance.now() < deadline, "not within 10 s");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
