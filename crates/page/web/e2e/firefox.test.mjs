// The page without a server in Firefox: from a folder that a server sends, and as one file from the disk.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { binary, learnAndRead, onSite, sendSite } from "./page.mjs";

const firefox = ["/usr/bin/firefox-esr", "/usr/bin/firefox"].find(existsSync);
const executable = process.env.FIREFOX ?? firefox;

/** Why it cannot be tested here, or false. */
function missing() {
  if (onSite) return "tested in the first round";
  if (process.env.RESHET_QUICK === "1") return "takes longer than CI has";
  if (executable === undefined || !existsSync(executable)) return "no Firefox here: set FIREFOX";
  return existsSync(binary) ? false : `no program at ${binary}`;
}

describe("a page without a server in Firefox", { skip: missing() }, () => {
  let browser, site, folder;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "reshet-firefox-"));
    site = await sendSite();
    const { launch } = await import("puppeteer-core");
    browser = await launch({ browser: "firefox", executablePath: executable, headless: true });
  });
  after(async () => {
    await browser?.close();
    await site?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Trains the lecture on a fresh page, draws a 7 and reads the answer. */
  async function learnsAndReads(url) {
    const page = await browser.newPage();
    const trouble = [];
    page.on("pageerror", (error) => trouble.push(String(error)));
    page.setDefaultTimeout(90_000);
    await page.setViewport({ width: 1280, height: 800 });
    await page.goto(url, { waitUntil: "load" });
    await learnAndRead(page);
    assert.deepEqual(trouble, []);
    await page.close();
  }

  test("the site trains, draws and answers", async () => {
    await learnsAndReads(site.url);
  });

  test("so does the one file from the disk", async () => {
    const file = join(folder, "reshet.html");
    execFileSync(binary, ["site", "--one-file", "--out", file], { stdio: "ignore" });
    await learnsAndReads(pathToFileURL(file).href);
  });
});
