// A study: its winner, another network of it taken into Train, and one that still goes on.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { crc32 } from "node:zlib";
import { binary, faults, open, serveIn, serverOnly, skip, text, together } from "./page.mjs";

describe("study", { skip: skip || serverOnly }, () => {
  const directory = mkdtempSync(join(tmpdir(), "reshet-study-"));
  const folder = join(directory, "study");
  const here = together(() => {
    const rows = Array.from({ length: 300 }, (_, i) => {
      const [x, y] = [(i * 37) % 101, (i * 53) % 97];
      return `${x},${y},${x > 50 === y > 50 ? "same" : "other"}`;
    });
    writeFileSync(join(directory, "t.csv"), ["x,y,kind", ...rows, ""].join("\n"));
    execFileSync(binary, ["tune", "t.csv", "--trials", "9", "--epochs", "18", "--out", "study", "-q"], {
      cwd: directory,
    });
    return serveIn(directory, undefined, "study");
  });

  for (const language of ["en", "he"]) {
    for (const scheme of ["light", "dark"]) {
      test(`axe finds nothing in ${language}, ${scheme}; settings are named in the page's language`, async () => {
        const { page, trouble, close } = await open(here.browser, `${here.server.url}/#study`, { language });
        await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
        await page.reload(); // not in the middle of a transition of colours
        await page.waitForSelector(".study-table tbody tr");
        assert.deepEqual(await faults(page), []);
        await page.setViewport({ width: 360, height: 740 });
        assert.deepEqual(await faults(page), []);
        if (language === "he") {
          const names = await page.$$eval(".study .bar-name", (all) => all.map((e) => e.textContent));
          assert.ok(names.length > 2 && names.every((name) => /[\u0590-\u05ff]/.test(name)), names.join());
        }
        assert.deepEqual(trouble, []);
        await close();
      });
    }
  }

  test("the winner is shown; another network goes into Train; what is new comes in", async () => {
    const { page, trouble, close } = await open(here.browser, `${here.server.url}/#study`);
    await page.waitForSelector("#tab-study:not([hidden])");
    await page.waitForSelector(".study-table tbody tr");
    assert.match(await text(page, ".study-result"), /opened once, for the winner: \d+\.\d\d/);
    assert.match(await text(page, ".study .command-line code"), /^reshet train t\.csv --hidden /);
    assert.ok((await page.$$(".study-scatter .point")).length >= 5);
    const rows = await page.$$(".study-table tbody button");
    const widths = await rows.at(-1).evaluate((button) => button.textContent.trim());
    await rows.at(-1).click();
    const hidden = widths.split("-").slice(1, -1).join(",");
    const command = await text(page, ".study .command-line code");
    assert.ok(command.includes(`--hidden ${hidden} `), `${widths}: ${command}`);
    await page.click(".study .command-line ~ button");
    await page.waitForSelector(".start:not([disabled])");
    await page.waitForFunction(
      (widths) => document.querySelector("#view-train .command-line code").textContent.includes(widths),
      {},
      `--hidden ${hidden} `,
    );
    // A training that the study has meanwhile had.
    await page.click("#tab-study");
    const journal = readFileSync(join(folder, "journal.jsonl"), "utf8").trim().split("\n");
    rmSync(join(folder, "best"), { recursive: true });
    await page.reload();
    await page.waitForFunction(() =>
      document.querySelector(".study-result")?.textContent.includes("still closed"),
    );
    const { crc, ...last } = JSON.parse(journal.at(-1));
    const line = JSON.stringify({ ...last, trial: 99, rung: 0 });
    const sum = crc32(line).toString(16).padStart(8, "0");
    appendFileSync(join(folder, "journal.jsonl"), `${line.slice(0, -1)},"crc":"${sum}"}\n`);
    await page.waitForFunction(() =>
      document.querySelector(".study .quiet").textContent.includes("10 networks"),
    );
    await page.setViewport({ width: 360, height: 740 });
    await page.waitForFunction(() => document.documentElement.scrollWidth <= 360);
    assert.deepEqual(trouble, []);
    await close();
  });
});
