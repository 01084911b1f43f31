// The confusion matrix as a table of buttons: truth by row, answer by column.

import type { Mistakes } from "./api";
import { fill, h, scroller, set } from "./dom";
import { className, int, t } from "./i18n";

export interface Cell {
  truth: number;
  answer: number;
}

/** The table; `pick` gets the cell that was pressed, null when it is let go. Without `pick` it is only shown. */
export function confusionTable(pick?: (cell: Cell | null) => void) {
  const el = scroller(t("confusion"), { class: "confusion" });
  let chosen: Cell | null = null;
  let cells: { button: HTMLElement; cell: Cell }[] = [];
  let built = "";

  const mark = (cell: Cell | null) => {
    chosen = cell;
    if (!pick) return;
    for (const c of cells)
      set(c.button, {
        "aria-pressed": String(c.cell.truth === cell?.truth && c.cell.answer === cell?.answer),
      });
  };

  const build = (names: string[]) => {
    cells = [];
    const many = names.length > 4;
    const head = h(
      "tr",
      {},
      h("td", { class: "corner" }, h("span", {}, t("truthDown")), h("span", {}, t("answerAcross"))),
      ...names.map((n) => h("th", { scope: "col" }, h("bdi", {}, className(n)))),
    );
    const rows = names.map((name, truth) =>
      h(
        "tr",
        {},
        h("th", { scope: "row" }, h("bdi", {}, className(name))),
        ...names.map((_, answer) => {
          const cell = { truth, answer };
          const button = pick
            ? h("button", {
                type: "button",
                class: "cell",
                "aria-pressed": "false",
                onclick: () => {
                  const same = chosen?.truth === truth && chosen.answer === answer;
                  mark(same ? null : cell);
                  pick(chosen);
                },
              })
            : h("span", { class: "cell" });
          cells.push({ button, cell });
          return h("td", {}, button);
        }),
      ),
    );
    fill(
      el,
      h(
        "table",
        { class: many ? "many" : "few" },
        h("caption", { class: "sr-only" }, t("confusion")),
        h("thead", {}, head),
        h("tbody", {}, ...rows),
      ),
    );
    if (pick) el.onkeydown = arrows;
  };

  // Arrow keys move among the cells, as in a sheet.
  const arrows = (event: KeyboardEvent) => {
    const at = cells.findIndex((c) => c.button === document.activeElement);
    const side = Math.sqrt(cells.length);
    const flow = document.documentElement.dir === "rtl" ? -1 : 1;
    const by = { ArrowRight: flow, ArrowLeft: -flow, ArrowDown: side, ArrowUp: -side }[event.key];
    if (at < 0 || by === undefined) return;
    event.preventDefault();
    cells[at + by]?.button.focus();
  };

  return {
    el,
    mark,
    show(told: Mistakes, cell: Cell | null) {
      const names = told.names ?? [];
      el.hidden = told.confusion === null;
      if (told.confusion === null) return;
      if (names.join("|") !== built) {
        built = names.join("|");
        build(names);
      }
      const wrong = Math.max(1, ...told.confusion.flatMap((row, i) => row.filter((_, j) => j !== i)));
      for (const { button, cell: c } of cells) {
        const n = told.confusion[c.truth]?.[c.answer] ?? 0;
        const right = c.truth === c.answer;
        button.textContent = n === 0 && !right ? "·" : int(n);
        button.classList.toggle("right", right);
        button.style.setProperty("--heat", right ? "0" : String(Math.sqrt(n / wrong)));
        const values = {
          n,
          truth: className(names[c.truth] ?? ""),
          answer: className(names[c.answer] ?? ""),
        };
        const label = right ? t("rightCell", values) : t("wrongCell", values);
        set(button, pick ? { "aria-label": label, title: label } : { title: label });
      }
      mark(cell);
    },
  };
}
