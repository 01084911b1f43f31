// Steering the run that trains: pause, step, stage, stop, pace, learning rate; and how good it is by now.

import { api, type Run, type Spec, type StageReport } from "./api";
import { announce, fill, h, ltr, say, set } from "./dom";
import { findingList } from "./findings";
import { className, int, num, percent, t, type Key } from "./i18n";
import { rateSlider } from "./rate";
import { reportButton } from "./report";
import { paceChoice } from "./setup";
import { alive, dataOf, learned, on, selected, state } from "./state";
import { complain } from "./toast";
import { tell } from "./told";

const STATES: Record<Run["state"], Key> = {
  running: "stateRunning",
  paused: "statePaused",
  done: "stateDone",
  stopped: "stateStopped",
  diverged: "stateDiverged",
  failed: "stateFailed",
  loaded: "stateLoaded",
};

/** The buttons over the stage; `report` gets the numbers of a step or stage. */
export function controls(report: (r: StageReport) => void): HTMLElement {
  const act = async (what: Parameters<typeof api.control>[1]) => {
    const run = selected();
    if (run === null) return;
    try {
      const answer = await api.control(run.id, what);
      if (answer.stage_report) report(answer.stage_report);
      const { stage_report: _, ...told } = answer;
      learned(told as Run);
    } catch (error) {
      complain(error);
    }
  };
  const button = (key: Key, sign: string, title: Key, then: () => void) =>
    h(
      "button",
      { type: "button", title: t(title), onclick: then },
      h("span", { class: "sign", "aria-hidden": "true", dir: "ltr" }, sign),
      h("span", {}, t(key)),
    );
  const pause = button("pause", "❚❚", "pauseLong", () => act({ do: "pause" }));
  const resume = button("resume", "▶", "resumeLong", () => act({ do: "resume" }));
  const stage = button("stage", "◔", "stageLong", () => act({ do: "stage" }));
  const step = button("stepOne", "❚▶", "stepLong", () => act({ do: "step" }));
  const stop = button("stop", "■", "stopLong", () => act({ do: "stop" }));
  const pace = paceChoice((value) => {
    if (value === 0) void act({ do: "pause" });
    else void act(selected()?.state === "paused" ? { do: "resume", pace: value } : { pace: value });
  }, null);
  let later: ReturnType<typeof setTimeout> | undefined;
  const rate = rateSlider(t("learningRate"), (lr) => {
    clearTimeout(later);
    later = setTimeout(() => act({ lr }), 120);
  });
  const transport = h(
    "div",
    { class: "transport", role: "toolbar", "aria-label": t("steer") },
    pause,
    resume,
    stage,
    step,
    stop,
  );
  const live = h("div", { class: "live" }, transport, pace.el, rate.el);
  const name = h("h2", { class: "run-name", tabindex: -1 });
  const chip = h("span", { class: "chip-state" });
  const reason = h("p", { class: "trouble", dir: "auto" });
  const save = h(
    "a",
    { class: "button small save", download: "", title: t("saveModelLong") },
    t("saveModel"),
  );
  const folder = h(
    "a",
    { class: "button small folder", download: "", title: t("saveFolderLong") },
    t("saveFolder"),
  );
  const found = findingList();
  const el = h(
    "div",
    { class: "controls" },
    h("div", { class: "run-head" }, name, chip, save, folder, reportButton(selected, resultSentence)),
    live,
    reason,
    found.el,
  );

  const show = () => {
    const run = selected();
    el.hidden = run === null;
    if (run === null) return;
    el.dataset.run = run.id;
    fill(name, h("bdi", {}, run.name), " ", h("small", {}, ltr(run.network, "code")));
    say(chip, t(STATES[run.state]));
    chip.className = `chip-state ${run.state}`;
    live.hidden = !alive(run);
    pause.hidden = run.state !== "running";
    resume.hidden = run.state !== "paused";
    set(stage, { disabled: run.state !== "paused" });
    set(step, { disabled: run.state !== "paused" });
    pace.set(run.state === "paused" ? 0 : nearestPace(run.pace));
    rate.set(run.lr);
    api.saveModel(save, run.id, state.moment);
    folder.hidden = run.saved === null || run.saved.endsWith(".safetensors");
    if (run.saved !== null) api.saveFolder(folder, run.id, run.saved);
    found.set(run.findings, run.spec as Spec | null);
    say(reason, run.reason_told === null ? "" : tell(run.reason_told));
    reason.hidden = !run.reason;
  };
  on(["run", "runs", "moment"], show);
  show();
  return el;
}

function nearestPace(pace: number | null): number | null {
  return pace === null ? null : pace <= 50 ? 10 : 200;
}

/** How far off the answers of numbers are. */
export function rmseOf(run: Run): number | null {
  return run.test !== null && "rmse" in run.test ? run.test.rmse : null;
}

/** How a run did, in a sentence that never leaves out the baseline. */
export function resultSentence(run: Run): string {
  const { test } = run;
  if (test === null) return t("notTested");
  if (run.task === "number") {
    return t("resultNumber", {
      r2: num(test.measure, 3),
      rmse: num(rmseOf(run)),
      base: num(run.baseline?.measure),
    });
  }
  const answer = className(run.baseline?.answer ?? "");
  return t("resultClasses", { share: percent(test.measure), answer, base: percent(run.baseline?.measure) });
}

/** The score: a big number beside what always the same answer would get, and how far the course is. */
export function score(): HTMLElement {
  const big = h("strong", { class: "big", dir: "ltr" });
  const under = h("span", { class: "under" });
  const when = h("span", { class: "under when" });
  const fillBar = h("div", { class: "bar-fill" });
  const mark = h("div", { class: "bar-mark" });
  const markLabel = h("span", { class: "bar-label" });
  const bar = h("div", { class: "score-bar", "aria-hidden": "true", dir: "ltr" }, fillBar, mark);
  const facts = h("dl", { class: "facts" });
  const fact = (key: Key) => {
    const value = h("dd", { dir: "ltr" });
    facts.append(h("div", {}, h("dt", {}, t(key)), value));
    return value;
  };
  const loss = fact("lossNow");
  const stepAt = fact("step");
  const epoch = fact("epoch");
  const speed = fact("stepsPerSecond");
  const progress = h("progress", { max: 1, value: 0, "aria-label": t("progress") });
  const el = h(
    "div",
    { class: "score paper" },
    h("div", { class: "score-main" }, big, under, when),
    h("div", { class: "score-side" }, bar, markLabel),
    facts,
    progress,
  );
  let frame = 0;
  let since = { id: "", step: 0, time: 0, rate: 0 };

  const draw = () => {
    frame = 0;
    const run = selected();
    el.hidden = run === null || (run.test === null && !run.trainable);
    if (run === null) return;
    const measure = run.test?.measure ?? null;
    const number = run.task === "number";
    say(big, measure === null ? "…" : number ? `R² ${num(measure, 3)}` : percent(measure));
    say(
      under,
      run.test === null
        ? t("notTested")
        : number
          ? t("offBy", { rmse: num(rmseOf(run)), base: num(run.baseline?.measure) })
          : t("rightOnTest"),
    );
    const some = run.test !== null && run.test.samples < (dataOf(run)?.test_samples ?? 0);
    const early = run.test !== null && run.trainable && run.test.step !== run.steps;
    say(
      when,
      [early && t("atStep", { n: run.test!.step }), some && t("onSome", { n: run.test!.samples })]
        .filter(Boolean)
        .join(", "),
    );
    const base = number ? 0 : (run.baseline?.measure ?? 0);
    fillBar.style.inlineSize = `${Math.max(0, Math.min(1, measure ?? 0)) * 100}%`;
    mark.style.insetInlineStart = `${base * 100}%`;
    say(
      markLabel,
      number
        ? t("alwaysMean")
        : t("always", { answer: className(run.baseline?.answer ?? ""), share: percent(base) }),
    );
    markLabel.hidden = run.baseline === null;
    say(loss, num(run.loss));
    say(stepAt, run.trainable ? `${int(run.step)} / ${int(run.steps)}` : "–");
    say(
      epoch,
      run.trainable && run.spec?.epochs
        ? `${int(Math.min(run.epoch + 1, run.spec.epochs))} / ${int(run.spec.epochs)}`
        : "–",
    );
    say(
      speed,
      run.state === "running"
        ? int(pacing(run))
        : run.seconds > 0 && !alive(run)
          ? int(run.step / run.seconds)
          : "–",
    );
    progress.value = run.steps > 0 ? run.step / run.steps : 1;
    if (run.state === "running" && run.test)
      announce(`${t("step")} ${int(run.step)}. ${resultSentence(run)}`);
  };
  const pacing = (run: Run) => {
    const now = performance.now();
    if (since.id !== run.id || run.step < since.step)
      since = { id: run.id, step: run.step, time: now, rate: 0 };
    if (now - since.time > 500)
      since = {
        id: run.id,
        step: run.step,
        time: now,
        rate: ((run.step - since.step) / (now - since.time)) * 1000,
      };
    return since.rate;
  };
  on(["run", "progress"], () => (frame ||= requestAnimationFrame(draw)));
  on("ended", () => {
    const run = selected();
    if (run && !alive(run)) announce(`${t(STATES[run.state])}. ${resultSentence(run)}`, true);
  });
  draw();
  return el;
}
