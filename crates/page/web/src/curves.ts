// The two curves of Train and Time: the loss and the measure on the test part, of one run or several.

import type { Run } from "./api";
import { Chart } from "./chart";
import { onScheme, runStyle } from "./colours";
import { resultSentence } from "./controls";
import { h } from "./dom";
import { className, num, percent, t } from "./i18n";
import { drawnRuns } from "./runs";
import { on, selected, state, type Curve } from "./state";

/** Both charts side by side; they follow the run, and mark the moment. */
export function curves(height = 200): { el: HTMLElement; show: () => void } {
  const loss = new Chart({
    title: t("lossCurve"),
    format: (y) => num(y, 3),
    height,
    log: true,
    smooth: true,
  });
  const right = new Chart({
    title: t("accuracyCurve"),
    format: (y) => (selected()?.task === "number" ? num(y, 3) : percent(y, 1)),
    height,
    range: (low, high) =>
      selected()?.task === "number" ? [Math.min(0, Math.max(-1, low)), 1] : accuracyRange(high),
  });
  const el = h("div", { class: "curves" }, right.el, loss.el);
  const line = (run: Run, take: (curve: Curve) => [number[], number[]]) => {
    const { colour, dash } = runStyle(run.id);
    const [xs, ys] = take(state.curves.get(run.id) ?? { loss: [[], []], test: [[], [], []] });
    return { id: run.id, label: run.name, colour, dash, xs, ys };
  };
  const show = () => {
    const run = selected();
    if (run === null) return;
    const runs = drawnRuns();
    const number = run.task === "number";
    const baseline =
      run.baseline === null
        ? null
        : number
          ? { value: 0, label: t("alwaysMean") }
          : {
              value: run.baseline.measure,
              label: plain(
                t("always", {
                  answer: className(run.baseline.answer ?? ""),
                  share: percent(run.baseline.measure),
                }),
              ),
            };
    const at = state.moment;
    loss.set({
      lines: runs.map((r) => line(r, (c) => c.loss)),
      moment: at,
      summary: `${t("lossNow")} ${num(run.loss)}`,
    });
    right.set({
      lines: runs.map((r) => line(r, (c) => [c.test[0], c.test[2]])),
      moment: at,
      baseline,
      summary: resultSentence(run),
    });
  };
  on(["run", "runs", "progress", "moment"], show);
  onScheme(show);
  return { el, show };
}

function plain(text: string): string {
  return text.replace(/[\u2068\u2069]/g, "");
}

/**
 * The axis of an accuracy, from a little below the baseline to 100 % at most. What an untrained network
 * scores may lie below: it would flatten all that matters.
 */
function accuracyRange(high: number | null): [number, number] {
  const base = selected()?.baseline?.measure ?? 0;
  const highest = Math.max(base, high ?? base);
  const top = highest > 0.9 ? 1 : Math.min(1, highest + 0.05);
  return [Math.max(0, base - (top - base) * 0.15), top];
}
