// The view Time and the strip under every view: a slider over the run that brings back its moments.

import { api, type Run, type Trace } from "./api";
import { answerPanel } from "./answer";
import { confusionTable } from "./confusion";
import { resultSentence } from "./controls";
import { curves } from "./curves";
import { h, ltr, say, set } from "./dom";
import { askNow, asked, invitation } from "./draw";
import { follow } from "./follow";
import { int, percent, t } from "./i18n";
import { modelPlane } from "./modelplane";
import { alive, moveTo, on, selected, state } from "./state";
import { weights } from "./weights";

let steps: number[] = [];
let of = "";
const changed: (() => void)[] = [];

async function fetchSteps(run: Run | null): Promise<void> {
  steps = run === null || !run.trainable ? [] : (await api.snapshots(run.id)).steps;
  of = run?.id ?? "";
  changed.forEach((then) => then());
}

/** The slider with its buttons. */
export function timeStrip(): HTMLElement {
  const slider = h("input", {
    type: "range",
    min: 0,
    max: 0,
    step: 1,
    dir: "ltr",
    "aria-label": t("moment"),
    oninput: () => {
      const at = slider.valueAsNumber;
      stop();
      go(at);
    },
  });
  const play = h("button", { type: "button", class: "round", onclick: () => (playing ? stop() : begin()) });
  const now = h("button", {
    type: "button",
    class: "small",
    onclick: () => {
      stop();
      moveTo(null);
    },
  });
  const said = h("span", { class: "moment-said", "aria-live": "off" });
  const el = h("section", { class: "time-strip", "aria-label": t("time") }, play, slider, said, now);
  let playing: ReturnType<typeof setInterval> | undefined;

  const go = (at: number) => {
    const run = selected();
    const last = at >= steps.length - 1;
    moveTo(last && run !== null ? null : (steps[at] ?? null));
  };
  const begin = () => {
    if (steps.length < 2) return;
    let at = state.moment === null ? 0 : place();
    const stride = Math.max(1, Math.round(steps.length / 80));
    go(at);
    playing = setInterval(() => {
      at = Math.min(steps.length - 1, at + stride);
      go(at);
      if (at === steps.length - 1) stop();
    }, 150);
    show();
  };
  const stop = () => {
    clearInterval(playing);
    playing = undefined;
    show();
  };
  const place = () => {
    if (state.moment === null) return Math.max(0, steps.length - 1);
    const at = steps.findIndex((s) => s >= state.moment!);
    return at < 0 ? steps.length - 1 : at;
  };
  const show = () => {
    const run = selected();
    el.hidden = run === null || steps.length < 2 || of !== run.id;
    if (run === null) return;
    set(slider, { max: Math.max(0, steps.length - 1) });
    slider.value = String(place());
    const text =
      state.moment === null
        ? alive(run)
          ? t("momentNow")
          : t("momentEnd")
        : t("momentStep", { n: state.moment, of: run.steps });
    set(slider, { "aria-valuetext": text });
    say(said, text);
    el.classList.toggle("at-now", state.moment === null);
    say(now, alive(run) ? t("toNow") : t("toEnd"));
    set(now, { disabled: state.moment === null });
    say(play, playing ? "❚❚" : "▶");
    set(play, { "aria-label": playing ? t("pause") : t("playTime") });
  };
  changed.push(show);
  on("run", () => {
    if (playing !== undefined && selected()?.id !== of) stop();
  });
  on(["run", "moment", "runs"], show);
  // The strip itself may be hidden; the page's body never is.
  follow(document.querySelector("main") ?? document.body, () => 1000, fetchSteps);
  on("ended", () => void fetchSteps(selected()).catch(() => undefined));
  show();
  return el;
}

/** Builds the view. */
export function time(): HTMLElement {
  const invite = invitation(t("inviteTime"), "falling");
  const answer = answerPanel(t("netSees"));
  const confusion = confusionTable();
  const result = h("p", { class: "moment-result", "aria-live": "polite" });
  const title = h("h2");
  const both = curves(220);
  const plane = modelPlane();
  const inPlane = h("div", { class: "paper wide" }, h("h2", {}, t("thePlane")), plane.el);
  const answers = h(
    "div",
    { class: "paper" },
    h("h2", {}, t("answersThen")),
    result,
    confusion.el,
    confusion.saving,
  );
  const oneAnswer = h("div", { class: "paper" }, h("h2", {}, t("answerThen")), answer.el);
  const body = h(
    "div",
    { class: "time-view" },
    h("div", { class: "paper wide" }, title, h("p", { class: "quiet" }, t("timeHint")), both.el),
    inPlane,
    h("div", { class: "paper" }, weights()),
    answers,
    oneAnswer,
  );
  const without = h(
    "div",
    { class: "paper invitation", hidden: true },
    h("h2", {}, t("noCourse")),
    h("p", {}, t("noCourseLong")),
  );
  const el = h("div", {}, invite, without, body);

  follow(
    answers,
    () => 120,
    async (run) => {
      if (run === null || run.data === null) return;
      const told = await api.mistakes(run.id, { limit: 0, step: state.moment });
      confusion.show(told, null);
      if (told.confusion === null) say(result, resultSentence(run));
      else
        say(
          result,
          t("resultThen", {
            step: told.step,
            share: percent(1 - (told.errors ?? 0) / Math.max(1, told.samples)),
            wrong: told.errors ?? 0,
            base: percent(run.baseline?.measure),
          }),
        );
    },
  );
  follow(
    oneAnswer,
    () => 60,
    async (run) => {
      if (run === null) return;
      if (asked.body === null && asked.sample === null && run.data === null)
        return answer.clear(t("chooseHint"));
      const trace: Trace | null =
        (await askNow(run).catch(() => null)) ??
        (run.data === null ? null : await api.trace(run.id, 0, "test", state.moment));
      if (trace === null) answer.clear(t("chooseHint"));
      else answer.show(run, trace);
    },
  );
  const show = () => {
    const run = selected();
    invite.hidden = run !== null;
    without.hidden = run === null || run.trainable;
    body.hidden = run === null || !run.trainable;
    if (run === null) return;
    inPlane.hidden = run.shape.length !== 1;
    title.replaceChildren(
      h("bdi", {}, run.name),
      " ",
      ltr(
        state.moment === null
          ? `${int(run.step)} / ${int(run.steps)}`
          : `${int(state.moment)} / ${int(run.steps)}`,
      ),
    );
  };
  on(["run", "runs", "moment", "progress"], show);
  show();
  // The view is built when it is first opened: the run may have been over for long.
  both.show();
  return el;
}
