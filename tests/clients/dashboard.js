// The dashboard in a real browser: SCENARIO ADMIN-URL SCREENSHOTS BROWSER. The test beside it
// (tests/dashboard.rs) runs the servers; what is to happen to them is asked for on stdout ("@ redis down")
// and has happened once a line comes back.
import { mkdirSync } from "node:fs";
import { chromium } from "playwright-core";

import * as scenarios from "./dashboard_scenarios.js";
import { executablePath, scenario, shots } from "./dashboard_tab.js";

mkdirSync(shots, { recursive: true });
const args = process.getuid() === 0 ? ["--no-sandbox"] : [];
const browser = await chromium.launch({ executablePath, args });
try {
  await scenarios[scenario](browser);
  console.log(`ok      dashboard: ${scenario}`);
} catch (error) {
  console.log(`FAILED  dashboard: ${scenario}`);
  console.error(error);
  process.exitCode = 1;
} finally {
  await browser.close();
  process.stdin.destroy();
}
