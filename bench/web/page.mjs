// The page without a server in Chromium: how soon the lecture is over, and what it costs. See README.md.
// node page.mjs [ROUNDS]: with RESHET_BIN, or target/release/reshet. In turn on one thread and, in a page that is
// cross-origin isolated, on all.

import { readdirSync, readFileSync } from "node:fs";
import os from "node:os";
import { browse, sendSite } from "../../crates/page/web/e2e/page.mjs";

const rounds = Number(process.argv[2] ?? 5);

/** Runs in the page before anything else: collects what happens, with milliseconds since it was opened. */
function watch() {
  globalThis.seen = { blocked: [], seconds: 0, steps: 0, right: null };
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) seen.blocked.push(Math.round(duration));
  }).observe({ type: "longtask", buffered: true });
  const Plain = Worker;
  globalThis.Worker = class extends Plain {
    constructor(url) {
      super(url);
      this.addEventListener("message", ({ data }) => {
        if (data.event !== "progress") return;
        const { seconds, step } = JSON.parse(data.data);
        Object.assign(seen, { seconds, steps: step });
      });
    }
  };
  const look = () => {
    const done = document.querySelector(".chip-state.done") !== null;
    const right = parseFloat(document.querySelector(".big")?.textContent ?? "");
    if (done && right > 98) seen.right ??= { at: performance.now(), percent: right };
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

/** Megabytes that the renderers hold for themselves. */
function memory() {
  let most = 0;
  for (const name of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      if (!readFileSync(`/proc/${name}/cmdline`, "utf8").includes("--type=renderer")) continue;
      const held = /RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${name}/status`, "utf8"));
      most = Math.max(most, Number(held?.[1] ?? 0) / 1024);
    } catch {
      // It has ended meanwhile.
    }
  }
  return Math.round(most);
}

async function measure(site) {
  // Each time in a browser of its own: nothing is in a cache.
  const browser = await browse();
  const page = await browser.newPage();
  await page.setViewport({ width: 1280, height: 800 });
  await page.evaluateOnNewDocument(watch);
  await page.goto(`${site.url}/#train?start=full`, { waitUntil: "load" });
  await page.waitForFunction(() => seen.right !== null, { timeout: 120_000 });
  const held = memory();
  const seen = await page.evaluate(() => ({
    ...globalThis.seen,
    paint: performance.getEntriesByName("first-contentful-paint")[0].startTime,
  }));
  const threads = page.workers().length;
  await browser.close();
  return {
    threads,
    "first paint, ms": Math.round(seen.paint),
    "accuracy shown, ms": Math.round(seen.right.at),
    "training, ms": Math.round(seen.seconds * 1000),
    "µs a step": Math.round((seen.seconds * 1e6) / seen.steps),
    "page blocked, ms": Math.max(0, ...seen.blocked),
    "memory, MB": held,
    "accuracy, %": seen.right.percent,
  };
}

const sites = [await sendSite({}), await sendSite()];
const all = sites.map(() => []);
for (let round = 0; round < rounds; round++) {
  for (const [i, site] of sites.entries()) {
    const figures = await measure(site);
    all[i].push(figures);
    console.log(JSON.stringify(figures));
  }
}
for (const site of sites) await site.stop();
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
console.log(`${os.cpus()[0].model}, load ${os.loadavg()[0].toFixed(1)} on ${os.cpus().length} cores; medians:`);
for (const name of Object.keys(all[0][0])) {
  const told = all.map((rounds) => {
    const numbers = rounds.map((figures) => figures[name]);
    return `${median(numbers)} (${Math.min(...numbers)} to ${Math.max(...numbers)})`;
  });
  console.log(`${name}: ${told.join(", ")}`);
}
const ratios = all[0].map((one, i) => one["µs a step"] / all[1][i]["µs a step"]);
console.log(`one thread's step takes ${median(ratios).toFixed(2)} × that of all, median of ${rounds} pairs`);
