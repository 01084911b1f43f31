// Sharing: a link holds the whole setting, and figures are saved as pictures.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { open, press, skip, sleep, text, together, trainLecture, type } from "./page.mjs";

describe("sharing", { skip }, () => {
  const here = together();

  test("a link brings the whole setting to another page", async () => {
    const { page, trouble, close } = await open(here.browser, here.server.url);
    await page.waitForSelector(".start:not([disabled])");
    await page.select(".settings label:nth-of-type(1) select", "sgd");
    await type(page, "Weight decay", "0.001");
    await type(page, "Dropout", "0.25");
    await type(page, "Seed", "5");
    await press(page, ".chip[data-is='3']");
    const command = () => text(page, ".setup .command-line code");
    await page.waitForFunction(() => /--is 3/.test(document.querySelector(".setup .command-line code").textContent));
    const wanted = await command();
    await press(page, ".share summary");
    const link = await text(page, ".share code");
    const other = await open(here.browser, link);
    await other.page.waitForFunction(
      (wanted) => document.querySelector(".setup .command-line code").textContent === wanted,
      { timeout: 10_000 },
      wanted,
    );
    assert.match(wanted, /sgd.*--weight-decay 0\.001|--weight-decay 0\.001.*sgd/);
    const broken = await open(here.browser, `${here.server.url}/#train?spec=%7B%22data%22:%22none%22%7D`);
    await broken.page.waitForFunction(() => /link/.test(document.querySelector(".toast").textContent));
    assert.deepEqual([...trouble, ...other.trouble, ...broken.trouble], []);
    for (const one of [{ close }, other, broken]) await one.close();
  });

  test("figures are saved as PNG", async () => {
    const { page, trouble, close } = await open(here.browser, here.server.url);
    await trainLecture(page);
    const client = await page.createCDPSession();
    await client.send("Page.setDownloadBehavior", { behavior: "allow", downloadPath: here.server.directory });
    await press(page, ".live-stage .chart .png");
    const file = join(here.server.directory, "How right the answers are.png");
    for (let i = 0; i < 50 && !existsSync(file); i++) await sleep(100);
    assert.equal(readFileSync(file).subarray(1, 4).toString(), "PNG");
    assert.deepEqual(trouble, []);
    await close();
  });
});
