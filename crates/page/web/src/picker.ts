// Which run all views speak about, with its result.

import { fill, h } from "./dom";
import { percent, num, t } from "./i18n";
import { allRuns, on, select, selected } from "./state";

/** A list to choose from, in the head of the page. */
export function runPicker(): HTMLElement {
  const list = h("select", { "aria-label": t("theRun"), onchange: () => select(list.value) });
  const el = h("div", { class: "run-picker" }, list);
  let shown = "";
  const show = () => {
    const runs = allRuns();
    el.hidden = runs.length === 0;
    const texts = runs.map((run) => {
      const result =
        run.test === null
          ? ""
          : run.task === "number"
            ? ` · R² ${num(run.test.measure, 3)}`
            : ` · ${percent(run.test.measure)}`;
      return `\u2066#${run.id} ${run.name}${run.state === "running" ? "" : result}\u2069`;
    });
    if (texts.join("|") !== shown) {
      shown = texts.join("|");
      fill(list, ...runs.map((run, i) => h("option", { value: run.id }, texts[i]!)));
    }
    list.value = selected()?.id ?? "";
  };
  on(["runs", "run", "ended"], show);
  show();
  return el;
}
