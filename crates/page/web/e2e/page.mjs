// What the tests share: the program on a free port in a directory of its own, and a browser.

import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { after, before } from "node:test";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const chromium = process.env.CHROMIUM ?? "/usr/bin/chromium";
export const binary =
  process.env.RESHET_BIN ?? fileURLToPath(new URL("../../../../target/release/reshet", import.meta.url));

/** Why the tests cannot run here, or false. */
export const skip = !existsSync(chromium)
  ? `no browser at ${chromium}: set CHROMIUM`
  : !existsSync(binary)
    ? `no program at ${binary}: cargo build --release, or set RESHET_BIN`
    : false;

/** The tests' second round: the same page from plain files, with the program in its worker. */
export const onSite = process.env.RESHET_TRANSPORT === "site";
/** Why a test is only for the server, or false. */
export const serverOnly = onSite && "about the server";

/** Starts the program in a directory of its own; `stop` ends it. */
export async function serve(port, ...args) {
  if (onSite) return sendSite();
  return serveIn(mkdtempSync(join(tmpdir(), "reshet-page-")), port, ...args);
}

/** Starts it in a directory, which is gone once it is stopped. */
export async function serveIn(directory, port, ...args) {
  port ??= await freePort();
  const program = spawn(binary, ["serve", "--port", String(port), ...args], {
    cwd: directory,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [said, address] = ["", ""];
  program.stdout.on("data", (text) => (address += text));
  program.stderr.on("data", (text) => (said += text));
  const url = `http://127.0.0.1:${port}`;
  for (let i = 0; ; i++) {
    if (
      await fetch(`${url}/api/state`).then(
        (r) => r.status < 500,
        () => false,
      )
    )
      break;
    if (i > 300 || program.exitCode !== null) throw new Error(`the program does not answer:\n${said}`);
    await sleep(50);
  }
  const ended = new Promise((done) => program.on("exit", done));
  let kept = false;
  return {
    url,
    /** What it printed: the address with its token, where it has one. */
    address: () => address,
    port,
    directory,
    /** Lets the directory be there after `stop`. */
    leave() {
      kept = true;
    },
    async stop() {
      program.kill("SIGINT");
      // A timer left behind would keep the tests' process for these seconds.
      const enough = setTimeout(() => program.kill("SIGKILL"), 5000);
      await ended;
      clearTimeout(enough);
      if (!kept) rmSync(directory, { recursive: true, force: true });
    },
  };
}

const KINDS = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
  wasm: "application/wasm",
};

/** With these a page is cross-origin isolated, and trains on several threads. */
const ISOLATED = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** Writes the site and sends its files, with `headers`; `directory` is for the test's own. */
export async function sendSite(headers = ISOLATED) {
  const directory = mkdtempSync(join(tmpdir(), "reshet-site-"));
  const site = join(directory, "site");
  execFileSync(binary, ["site", "--out", site], { stdio: "ignore" });
  const server = createHttpServer((request, response) => {
    const path = new URL(request.url, "http://site").pathname;
    const file = join(site, path === "/" ? "index.html" : path);
    if (!existsSync(file)) return response.writeHead(404).end();
    const kind = KINDS[file.split(".").at(-1)] ?? "application/octet-stream";
    response.writeHead(200, { ...headers, "Content-Type": kind }).end(readFileSync(file));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    directory,
    async stop() {
      server.closeAllConnections();
      server.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Starts the browser. */
export async function browse() {
  const { launch } = await import("puppeteer-core");
  return launch({
    executablePath: chromium,
    headless: true,
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
}

/**
 * A server and a browser for all tests of a `describe`: started before them, ended after them. `start` gives
 * the server.
 */
export function together(start = () => serve()) {
  const here = { server: undefined, browser: undefined };
  before(async () => {
    here.server = await start();
    here.browser = await browse();
  });
  after(async () => {
    await here.browser?.close();
    await here.server?.stop();
  });
  return here;
}

/** Opens a page of its own, with its own cookies; `trouble` collects all that the console complains of. */
export async function open(
  browser,
  url,
  { width = 1280, height = 800, language = "en", touch = false } = {},
) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  const trouble = [];
  page.on(
    "console",
    (message) =>
      ["error", "warn"].includes(message.type()) &&
      // The tests' own looking at pictures.
      !message.text().startsWith("Canvas2D: Multiple readback") &&
      trouble.push(`${message.text()} ${message.location().url ?? ""}`),
  );
  page.on("pageerror", (error) => trouble.push(String(error)));
  // A machine that does other things too is slow.
  page.setDefaultTimeout(90_000);
  await page.setViewport({ width, height, hasTouch: touch, isMobile: touch });
  await page.setExtraHTTPHeaders({ "Accept-Language": language });
  await page.evaluateOnNewDocument((language) => {
    Object.defineProperty(navigator, "languages", { get: () => [language] });
  }, language);
  await page.goto(url, { waitUntil: "load" });
  await page.waitForSelector("#view-train, [role=tabpanel]:not([hidden]) *");
  return { page, trouble, close: () => context.close() };
}

/** Waits until the selected run is in one of `states`. */
export async function untilRun(page, ...states) {
  const selector = states.map((state) => `.chip-state.${state}`).join(", ");
  await page.waitForSelector(selector, { timeout: 120_000 });
}

/** Does what starts a run and waits for its end; another one that is done may be shown before. */
export async function untilDone(page, start) {
  const before = await page.$eval(".controls", (c) => c.dataset.run ?? "");
  await start();
  await page.waitForFunction((id) => document.querySelector(".controls").dataset.run !== id, {}, before);
  await untilRun(page, "done");
}

/** Starts the lecture's network at full speed and waits for its end. */
export async function trainLecture(page) {
  await page.waitForSelector(".start:not([disabled])");
  await untilDone(page, () => page.evaluate(() => (location.hash = "#train?start=full")));
}

/** Draws a 7 on the pad, and waits until it is read as one. */
export async function drawSeven(page) {
  await page.click("#tab-draw");
  const pad = await (await page.waitForSelector(".pad", { visible: true })).boundingBox();
  const to = (x, y) => [pad.x + x * pad.width, pad.y + y * pad.height];
  await page.mouse.move(...to(0.25, 0.22));
  await page.mouse.down();
  await page.mouse.move(...to(0.72, 0.2), { steps: 12 });
  await page.mouse.move(...to(0.42, 0.85), { steps: 16 });
  await page.mouse.up();
  await page.waitForFunction(() => document.querySelector("#view-draw .answer-big").textContent === "7");
}

/** Trains the lecture, draws a 7, opens the mistakes: what works wherever the page does. */
export async function learnAndRead(page) {
  await trainLecture(page);
  await page.waitForFunction(() => parseFloat(document.querySelector(".big").textContent) > 98);
  await drawSeven(page);
  await page.click("#tab-mistakes");
  await page.waitForSelector(".mistake");
}

/** What breaks a rule of accessibility on the page as it is. */
export async function faults(page) {
  const { default: axe } = await import("axe-core");
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const { violations } = await window.axe.run(document, {
      resultTypes: ["violations"],
      rules: { "label-content-name-mismatch": { enabled: true } },
    });
    return violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html.slice(0, 120)).join(" | ")}`);
  });
}

/** Light or dark, and without motion: no colour is looked at in the middle of a transition. */
export const still = (page, scheme) =>
  page.emulateMediaFeatures([
    { name: "prefers-color-scheme", value: scheme },
    { name: "prefers-reduced-motion", value: "reduce" },
  ]);

/** The text of an element. */
export const text = (page, selector) => page.$eval(selector, (element) => element.textContent.trim());

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

function freePort() {
  return new Promise((done, failed) => {
    const server = createServer()
      .once("error", failed)
      .listen(0, "127.0.0.1", () => {
        const { port } = server.address();
        server.close(() => done(port));
      });
  });
}

/** Presses an element where it is: scrolled to, and by a real mouse or finger. */
export async function press(page, selector, touch = false) {
  const element = await page.waitForSelector(selector, { visible: true });
  await element.evaluate((e) => e.scrollIntoView({ block: "center", behavior: "instant" }));
  await (touch ? element.tap() : element.click());
}

/** Gives the page a file, as its file dialog would. */
export async function chooseFile(page, path) {
  const [chooser] = await Promise.all([page.waitForFileChooser(), press(page, ".drop")]);
  await chooser.accept([path]);
}

/** Types a number into the field of this name, by keys. */
export async function type(page, label, value) {
  const field = `::-p-xpath(//label[span[starts-with(., "${label}")]]//input)`;
  const input = await page.waitForSelector(field);
  await input.evaluate((e) => e.scrollIntoView({ block: "center", behavior: "instant" }));
  await input.focus();
  await page.keyboard.down("Control");
  await page.keyboard.press("a");
  await page.keyboard.up("Control");
  await page.keyboard.type(value);
  await page.keyboard.press("Tab");
}
