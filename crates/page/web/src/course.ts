// The view Course: each chapter as a lesson. What it is, its live picture, a button that trains it here, its code beside
// the book's, the command that does the same.

import { api, type Chapter, type Preset } from "./api";
import { commandLine } from "./command";
import { controls, resultSentence } from "./controls";
import { costLesson } from "./cost";
import { curves } from "./curves";
import { descentLesson } from "./descents";
import { fill, h, ltr, say, segmented, set } from "./dom";
import { gameLesson } from "./game";
import { lang, num, t } from "./i18n";
import { modelPlane } from "./modelplane";
import { start } from "./start";
import { alive, learnedData, on, select, selected, state } from "./state";
import { complain } from "./toast";

const KEPT = "course";
/** A run that is watched takes about so many seconds. */
const SECONDS = 6;

/** The runs of a chapter in this tab, the newest last. */
const runsOf = new Map<string, Set<string>>();

/** Builds the view; the chapter is in the address: #course/moons. */
export function course(): HTMLElement {
  const list = h("ol", { class: "lecture-list course-list" });
  const page = h("article", { class: "paper course-page", tabindex: -1 });
  const el = h(
    "div",
    { class: "lecture course" },
    h("nav", { class: "lecture-nav", "aria-label": t("tab_course") }, list),
    h("div", { class: "lecture-main" }, page),
  );
  let chapters: Chapter[] = [];
  let presets: Preset[] = [];
  let shown = "";

  const show = () => {
    const [view, which] = location.hash.slice(1).split("/");
    if (view !== "course" || chapters.length === 0) return;
    const kept = which ?? sessionStorage.getItem(KEPT) ?? "";
    const chapter = chapters.find((c) => c.name === kept) ?? chapters[0]!;
    sessionStorage.setItem(KEPT, chapter.name);
    list
      .querySelectorAll("a")
      .forEach((a, i) => set(a, { "aria-current": chapters[i] === chapter ? "page" : null }));
    if (shown === chapter.name) return;
    const turned = shown !== "";
    shown = chapter.name;
    fill(page, ...lesson(chapter, presets));
    page.dataset.chapter = chapter.name;
    // A lesson with a time of its own needs no other.
    document.body.dataset.lesson = chapter.trained ? "run" : "own";
    if (turned) page.focus({ preventScroll: innerWidth > 900 });
  };
  addEventListener("routed", show);
  Promise.all([api.chapters(), api.presets()])
    .then(([all, some]) => {
      [chapters, presets] = [all, some];
      fill(
        list,
        ...chapters.map((chapter) =>
          h(
            "li",
            {},
            h(
              "a",
              { href: `#course/${chapter.name}` },
              h("span", { class: "n", "aria-hidden": "true" }, ltr(chapter.number.replace(/^RL 11$/, "RL"))),
              h("span", {}, chapter.title[lang]),
            ),
          ),
        ),
      );
      show();
    })
    .catch(complain);
  return el;
}

function lesson(chapter: Chapter, presets: Preset[]): HTMLElement[] {
  const { title, about, words, number } = chapter;
  return [
    h(
      "h2",
      {},
      h("span", { class: "n", "aria-hidden": "true" }, ltr(number.replace(/^RL 11$/, "RL"))),
      title[lang],
    ),
    h("p", { class: "course-about" }, about[lang]),
    h("div", { class: "course-words" }, ...words.map((line) => h("p", {}, line[lang]))),
    stage(chapter, presets),
    code(chapter),
    h("div", { class: "course-commands" }, h("h3", {}, t("sameCommand")), ...chapter.commands.map(command)),
  ];
}

function stage(chapter: Chapter, presets: Preset[]): HTMLElement {
  switch (chapter.drawn) {
    case "cost":
      return costLesson();
    case "game":
      return gameLesson();
    case "descent":
    case "landscape":
    case "line":
    case "scaled":
      return descentLesson(chapter, presets);
    default:
      return trained(chapter);
  }
}

/** What is trained here, with its picture. */
function trained(chapter: Chapter): HTMLElement {
  const mine = runsOf.get(chapter.name) ?? new Set<string>();
  runsOf.set(chapter.name, mine);
  let watched = true;
  const pace = segmented(
    t("pace"),
    [
      { value: true, text: t("paceWatch") },
      { value: false, text: t("paceFull") },
    ],
    watched,
    (value) => (watched = value),
  );
  const button = h(
    "button",
    { type: "button", class: "primary course-start" },
    h("span", { class: "play", "aria-hidden": "true" }),
    t("trainChapter"),
  );
  const result = h("p", { class: "result course-result", "aria-live": "polite" });
  const plane = chapter.drawn === "plane" ? modelPlane(() => chapter.axes ?? null) : null;
  const both = curves(150);
  const steering = controls(() => undefined);
  const links = h(
    "p",
    { class: "course-links" },
    h("a", { href: "#mistakes" }, t("tab_mistakes")),
    h("a", { href: "#time" }, t("tab_time")),
    h("a", { href: "#train" }, t("tab_train")),
  );
  const live = h(
    "div",
    { class: "course-live", hidden: true },
    steering,
    result,
    plane?.el ?? null,
    both.el,
    links,
  );
  const waiting = h("p", { class: "quiet" }, t("pressTrain"));
  const el = h(
    "div",
    { class: "course-stage" },
    h(
      "div",
      { class: "course-begin" },
      button,
      pace.el,
      chapter.book === null
        ? null
        : h("span", { class: "quiet" }, t("bookGot", { share: num(chapter.book) })),
    ),
    waiting,
    live,
  );
  set(button, {
    onclick: async () => {
      set(button, { disabled: true });
      try {
        const { data, spec } = await api.openChapter(chapter.name, 0);
        learnedData(data);
        const all = data.train_samples + (data.test_samples ?? 0);
        const test = spec.test_fraction;
        const learnt = test === undefined ? data.train_samples : Math.round(all * (1 - test));
        const steps = Math.ceil(learnt / (spec.batch_size ?? 50)) * (spec.epochs ?? 1);
        const run = await start(spec, watched ? Math.max(20, steps / SECONDS) : null);
        if (run !== null) mine.add(run.id);
        show();
        plane?.show();
      } catch (error) {
        complain(error);
      }
      set(button, { disabled: false });
    },
  });
  const show = () => {
    if (!el.isConnected || document.body.dataset.view !== "course") return;
    const run = selected();
    // What is started from the plane of this lesson belongs to it.
    if (run !== null && alive(run) && run.name.startsWith("points")) mine.add(run.id);
    const ours = run !== null && mine.has(run.id);
    live.hidden = !ours;
    waiting.hidden = ours;
    if (!ours) return;
    // Where all is learnt from there is no test, but a loss.
    const learnt = run.spec?.test_fraction === 0 && run.loss !== null;
    say(result, learnt ? t("lossOfAll", { loss: num(run.loss), step: run.step }) : resultSentence(run));
    both.show();
  };
  on(["run", "runs", "progress"], show);
  queueMicrotask(() => {
    const last = [...mine].filter((id) => state.runs.has(id)).at(-1);
    if (last !== undefined) select(last);
    show();
  });
  return el;
}

/** The chapter's code in three ways; the book's comes first. */
function code(chapter: Chapter): HTMLElement {
  const shown = h(
    "pre",
    { dir: "ltr", tabindex: 0, "aria-label": t("theCode") },
    h("code", {}, chapter.code.torch),
  );
  const which = segmented<"torch" | "rust" | "python">(
    t("theCode"),
    [
      { value: "torch", text: "PyTorch" },
      { value: "rust", text: "Rust" },
      { value: "python", text: "Python" },
    ],
    "torch",
    (value) => say(shown.firstElementChild!, chapter.code[value]),
  );
  return h("div", { class: "course-code" }, h("h3", {}, t("theCode")), which.el, shown);
}

function command(text: string): HTMLElement {
  const line = commandLine();
  line.set(text);
  return line.el;
}
