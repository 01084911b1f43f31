// The view Lecture: the story of the slides in short steps, each with the thing to try.

import { resultSentence } from "./controls";
import { curves } from "./curves";
import { fill, h, ltr, say, set } from "./dom";
import { figure, type Figure } from "./figures";
import { lecture as words, t } from "./i18n";
import { applyPreset } from "./preset";
import { on, selected } from "./state";

/** A figure for each step, and where its things to try lead: one link a name in the texts. */
const STEPS: { figure: Figure; links: string[] }[] = [
  { figure: "perceptron", links: ["#train?hidden=&start=watch"] },
  { figure: "connected", links: ["#train?hidden=100"] },
  { figure: "layers", links: ["#train?hidden=100&is=7", "#train?hidden=100&is="] },
  { figure: "ends", links: ["#train?is=7", "#train?is="] },
  { figure: "digits", links: ["#train?is=7", "#train?is=3"] },
  { figure: "flatten", links: ["#draw"] },
  { figure: "stages", links: ["#train?start=step"] },
  { figure: "falling", links: ["#train?start=watch", "#train?start=full", "#train?lr=1&start=watch"] },
  { figure: "test", links: ["#train?start=full", "#train?seed=1&start=full"] },
  { figure: "wrong", links: ["#mistakes"] },
  {
    figure: "trial",
    links: ["#train?is=&trials=10,100,300&epochs=1", "#train?activation=leaky_relu&start=full"],
  },
  { figure: "hand", links: ["#draw", "#time"] },
];

/** Builds the view; the step is in the address: #lecture/3. */
export function lecture(): HTMLElement {
  const steps = STEPS.map(({ figure, links }, i) => ({ figure, links, ...words[i]! }));
  const list = h(
    "ol",
    { class: "lecture-list" },
    ...steps.map((step, i) =>
      h(
        "li",
        {},
        h(
          "a",
          { href: `#lecture/${i + 1}` },
          h("span", { class: "n", "aria-hidden": "true" }, String(i + 1)),
          h("span", {}, step.title),
        ),
      ),
    ),
  );
  const page = h("article", { class: "paper lecture-page", tabindex: -1 });
  const back = h(
    "a",
    { class: "button" },
    h("span", { class: "flip", "aria-hidden": "true" }, "‹"),
    t("back"),
  );
  const next = h(
    "a",
    { class: "button primary" },
    t("goOn"),
    h("span", { class: "flip", "aria-hidden": "true" }, "›"),
  );
  const count = h("span", { class: "quiet" });
  const stage = presentation(() => page.focus());
  const el = h(
    "div",
    { class: "lecture" },
    h("nav", { class: "lecture-nav", "aria-label": t("tab_lecture") }, list),
    h(
      "div",
      { class: "lecture-main" },
      page,
      beside(),
      h("div", { class: "lecture-turn" }, back, count, stage, next),
    ),
  );
  let shown = -1;

  const show = () => {
    const [view, which] = location.hash.slice(1).split("/");
    if (view !== "lecture") return;
    const kept = Number(sessionStorage.getItem("lecture")) || 1;
    const at = Math.max(0, Math.min(steps.length - 1, (parseInt(which ?? "", 10) || kept) - 1));
    sessionStorage.setItem("lecture", String(at + 1));
    const turned = shown >= 0 && shown !== at;
    shown = at;
    const step = steps[at]!;
    fill(
      page,
      h("h2", {}, h("span", { class: "n", "aria-hidden": "true" }, String(at + 1)), step.title),
      h("div", { class: "lecture-words" }, ...step.text.map((line) => paragraph(line))),
      figure(step.figure),
      h(
        "div",
        { class: "try" },
        h("h3", {}, t("tryIt")),
        ...step.tries.map((text, i) =>
          h(
            "a",
            { class: "button try-button", href: step.links[i], onclick: tryHere },
            h("span", { class: "play", "aria-hidden": "true" }),
            text,
          ),
        ),
      ),
    );
    list.querySelectorAll("a").forEach((a, i) => set(a, { "aria-current": i === at ? "step" : null }));
    set(back, { href: `#lecture/${at}`, "aria-disabled": at === 0 ? "true" : null, hidden: at === 0 });
    set(next, { href: `#lecture/${at + 2}`, hidden: at === steps.length - 1 });
    say(count, t("stepOf", { n: at + 1, of: steps.length }));
    if (turned) page.focus({ preventScroll: innerWidth > 900 });
  };
  addEventListener("routed", show);
  // A presenter's remote control sends PageUp and PageDown.
  addEventListener("keydown", (event) => {
    const others = event.key.startsWith("Page") ? "input, select" : "input, select, canvas, [role=tablist]";
    const inField = event.target instanceof Element && event.target.closest(others);
    if (document.body.dataset.view !== "lecture" || inField || event.altKey || event.ctrlKey || event.metaKey)
      return;
    const rtl = document.documentElement.dir === "rtl";
    const by = {
      ArrowRight: rtl ? -1 : 1,
      ArrowLeft: rtl ? 1 : -1,
      PageDown: 1,
      PageUp: -1,
    }[event.key];
    const to = shown + (by ?? 0);
    if (by === undefined || to < 0 || to >= steps.length) return;
    event.preventDefault();
    location.hash = `#lecture/${to + 1}`;
  });
  show();
  return el;
}

/** The run that learns, beside the words: while they are presented. */
function beside(): HTMLElement {
  const name = h("h3");
  const result = h("p", { class: "result" });
  const both = curves(150);
  const el = h(
    "aside",
    { class: "paper lecture-live", "aria-label": t("theRun"), hidden: true },
    name,
    result,
    both.el,
  );
  const show = () => {
    const run = selected();
    el.hidden = run === null || !document.body.classList.contains("presenting");
    if (run === null || el.hidden) return;
    say(name, run.name);
    say(result, resultSentence(run));
    both.show();
  };
  on(["run", "runs", "progress"], show);
  addEventListener("presenting", show);
  return el;
}

/** Presenting, a run starts beside the words: the view stays. */
function tryHere(event: Event): void {
  const link = event.currentTarget as HTMLAnchorElement;
  const [view, query = ""] = new URL(link.href).hash.slice(1).split("?");
  const starts = view === "train" && /start=|trials=/.test(query);
  if (!starts || !document.body.classList.contains("presenting")) return;
  event.preventDefault();
  void applyPreset(new URLSearchParams(query));
}

/** Full screen and large type, for a projector. */
function presentation(started: () => void): HTMLElement {
  const button = h("button", {
    type: "button",
    class: "present",
    onclick: () => present(!document.body.classList.contains("presenting")),
  });
  const show = (on: boolean) => {
    document.body.classList.toggle("presenting", on);
    document.documentElement.classList.toggle("large", on);
    say(button, t(on ? "leavePresent" : "present"));
    dispatchEvent(new Event("presenting"));
  };
  const present = (on: boolean) => {
    show(on);
    if (on) started();
    // Where the browser has no full screen, large type is all there is.
    if (on) void document.documentElement.requestFullscreen?.().catch(() => undefined);
    else if (document.fullscreenElement) void document.exitFullscreen();
  };
  document.addEventListener("fullscreenchange", () => document.fullscreenElement || show(false));
  show(false);
  return button;
}

/** A paragraph in which `code` stands between back-ticks. */
function paragraph(text: string): HTMLElement {
  return h("p", {}, ...text.split("`").map((part, i) => (i % 2 === 1 ? ltr(part, "code") : part)));
}
