// The two curves of Train and Time, of one run or several: the loss, and how right the answers are. Of one run,
// each on the samples it learns from and on the test samples: where they part, it has learnt by heart.

import type { Run } from "./api";
import { Chart, smoothed, type Line, type Mark } from "./chart";
import { colours, onScheme, runStyle } from "./colours";
import { resultSentence } from "./controls";
import { h } from "./dom";
import { className, num, percent, t } from "./i18n";
import { drawnRuns } from "./runs";
import { noCurve, on, selected, state } from "./state";

/** Marks of the loss that are this near to each other are one. */
const NEAR = 0.03;

/** Both charts side by side; they follow the run, and mark the moment. */
export function curves(height = 200): { el: HTMLElement; show: () => void } {
  const loss = new Chart({
    title: t("lossCurve"),
    format: (y) => num(y, 3),
    height,
    log: true,
    range: (low, high) => lossRange(low, high),
  });
  const right = new Chart({
    title: t("accuracyCurve"),
    format: (y) => (selected()?.task === "number" ? num(y, 3) : percent(y, 1)),
    height,
    range: (low, high) =>
      selected()?.task === "number" ? [Math.min(0, Math.max(-1, low)), 1] : accuracyRange(high),
  });
  const el = h("div", { class: "curves" }, right.el, loss.el);
  const show = () => {
    const run = selected();
    if (run === null) return;
    const runs = drawnRuns();
    const moment = state.moment;
    loss.set({
      lines: runs.length === 1 ? [...batches(run), ...both(run, 1)] : runs.map(smoothLoss),
      moment,
      baselines: lossMarks(run),
      summary: `${t("lossNow")} ${num(run.loss)}. ${gap(run)}`,
    });
    right.set({
      lines: runs.length === 1 ? both(run, 2) : runs.map((one) => ofRun(one, ...points(one, "test", 2))),
      moment,
      baselines: measureMarks(run),
      summary: `${resultSentence(run)} ${gap(run)}`,
    });
  };
  on(["run", "runs", "progress", "moment"], show);
  onScheme(show);
  return { el, show };
}

/** What was measured: the loss (1) or the measure (2), where there is one. */
function points(run: Run, part: "test" | "train", column: 1 | 2): [number[], number[]] {
  const told = (state.curves.get(run.id) ?? noCurve())[part];
  const there = told[0].map((_, i) => i).filter((i) => Number.isFinite(told[column][i]));
  return [there.map((i) => told[0][i]!), there.map((i) => told[column][i]!)];
}

function ofRun(run: Run, xs: number[], ys: number[]): Line {
  const { colour, dash } = runStyle(run.id);
  return { id: run.id, name: `#${run.id}`, colour, dash, xs, ys };
}

/** One run on the samples it learns from, dashed, and on the test samples. */
function both(run: Run, column: 1 | 2): Line[] {
  const train = points(run, "train", column);
  const test = points(run, "test", column);
  const { colour } = runStyle(run.id);
  const lines: Line[] = [
    { id: run.id, name: t("onTrain"), colour: colours().quiet, dash: [5, 4], xs: train[0], ys: train[1] },
    { id: run.id, name: t("onTest"), colour, dash: [], xs: test[0], ys: test[1] },
  ];
  return lines.filter((line) => line.xs.length > 0);
}

/** The loss of each batch: alone with its mean, else faint behind what was measured. */
function batches(run: Run): Line[] {
  const [xs, ys] = (state.curves.get(run.id) ?? noCurve()).loss;
  const raw: Line = { ...ofRun(run, xs, ys), name: t("onBatch"), dash: [], raw: true };
  const measured = points(run, "test", 1)[0].length + points(run, "train", 1)[0].length > 1;
  return measured ? [raw] : [raw, { ...ofRun(run, xs, smoothed(ys)), dash: [] }];
}

function smoothLoss(run: Run): Line {
  const [xs, ys] = (state.curves.get(run.id) ?? noCurve()).loss;
  return ofRun(run, xs, smoothed(ys));
}

/** How far the two parts are from each other by now, in words. */
function gap(run: Run): string {
  const last = (part: "test" | "train") => points(run, part, 1)[1].at(-1);
  const [train, test] = [last("train"), last("test")];
  return train === undefined || test === undefined
    ? ""
    : t("bothLosses", { train: num(train, 3), test: num(test, 3) });
}

/** What a network that knows nothing, and one that always says the same, would have as its loss. */
function lossMarks(run: Run): Mark[] {
  const { loss = null, even_loss: even = null } = run.baseline ?? {};
  const classes = run.task === "binary" ? 2 : run.names.length;
  const marks: Mark[] = [];
  if (run.task === "number") {
    if (loss !== null) marks.push({ value: loss, label: t("alwaysMeanLoss", { x: num(loss, 3) }) });
    return marks;
  }
  if (even !== null) marks.push({ value: even, label: t("knowsNothing", { n: classes, x: num(even, 3) }) });
  if (loss !== null && (even === null || loss < even * (1 - NEAR)))
    marks.push({ value: loss, label: t("alwaysShares", { x: num(loss, 3) }) });
  return marks;
}

function measureMarks(run: Run): Mark[] {
  if (run.baseline === null) return [];
  if (run.task === "number") return [{ value: 0, label: t("alwaysMean") }];
  const { measure, answer } = run.baseline;
  const label = t("always", { answer: className(answer ?? ""), share: percent(measure) });
  return [{ value: measure, label }];
}

/** The axis of a loss: from 0, with what knows nothing on it, and room for its words. */
function lossRange(low: number | null, high: number | null): [number, number] {
  const { loss = null, even_loss: even = null } = selected()?.baseline ?? {};
  const top = Math.max(high ?? 0, even ?? 0, loss ?? 0) || 1;
  return [Math.min(0, low ?? 0), top * 1.15];
}

/**
 * The axis of an accuracy, from a little below the baseline to 100 % at most. What an untrained network
 * scores may lie below: it would flatten all that matters. What it scores in the end is never left out.
 */
function accuracyRange(high: number | null): [number, number] {
  const base = selected()?.baseline?.measure ?? 0;
  const highest = Math.max(base, high ?? base);
  const top = highest > 0.9 ? 1 : Math.min(1, highest + 0.05);
  const ends = drawnRuns().flatMap((run) =>
    (["test", "train"] as const).map((part) => points(run, part, 2)[1].at(-1) ?? base),
  );
  const lowest = Math.min(base, ...ends);
  return [Math.max(0, lowest - (top - lowest) * 0.15), top];
}
