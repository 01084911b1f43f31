// The confusion matrix as a table of buttons: truth by row, answer by column.

import type { Mistakes } from "./api";
import { colours, css, diverging } from "./colours";
import { fill, h, scroller, set } from "./dom";
import { className, int, t } from "./i18n";
import { recorded, recording } from "./pen";
import { saveButtons } from "./share";

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
  let last: Mistakes | null = null;

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
    /** Buttons that save it as a picture. */
    saving: saveButtons(t("confusion"), () => last && recorded(() => drawn(last!), colours().card)),
    mark,
    show(told: Mistakes, cell: Cell | null) {
      last = told.confusion === null ? null : told;
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

/** The matrix as a drawing: right answers in blue, wrong ones the more orange the more there are. */
function drawn({ confusion, names }: Mistakes): void {
  const counts = confusion!;
  const [cell, high, beside, above] = [64, 40, 120, 60];
  const side = counts.length;
  const pen = recording([beside + side * cell + 10, above + side * high + 10]);
  if (pen === null) return;
  const wrong = Math.max(1, ...counts.flatMap((row, i) => row.filter((_, j) => j !== i)));
  const { ink, quiet } = colours();
  const write = (text: string, x: number, y: number, colour: string) => {
    pen.fillStyle = colour;
    pen.fillText(text, x, y);
  };
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.font = "13px system-ui, sans-serif";
  write(plain(t("truthDown")), beside / 2, above - 18, quiet);
  write(plain(t("answerAcross")), beside + (side * cell) / 2, 16, quiet);
  counts.forEach((row, i) => {
    const name = plain(className(names[i] ?? ""));
    const [middle, across] = [above + (i + 0.5) * high, beside + (i + 0.5) * cell];
    write(name, beside / 2, middle, ink);
    write(name, across, above - 18, ink);
    row.forEach((n, j) => {
      const share = i === j ? 0.55 : -0.7 * Math.sqrt(n / wrong);
      pen.fillStyle = css(diverging(share));
      pen.fillRect(beside + j * cell + 1, above + i * high + 1, cell - 2, high - 2);
      write(int(n), beside + (j + 0.5) * cell, middle, ink);
    });
  });
}

function plain(text: string): string {
  return text.replace(/[\u2066-\u2069]/g, "");
}
