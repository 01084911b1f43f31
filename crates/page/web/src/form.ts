// A row of a table to fill in: words to choose, numbers with their typical values.

import type { Column } from "./api";
import { h, set } from "./dom";
import { num, t } from "./i18n";

type Words = Extract<Column, { kind: "category" }>;
type Numbers = Extract<Column, { kind: "number" }>;

export type Row = Record<string, string | number>;

/** The form; `changed` gets each new row. */
export function rowForm(columns: Column[], changed: (row: Row) => void): HTMLElement {
  const row: Row = {};
  const fields = columns.map((column) => (column.kind === "category" ? words(column) : number(column)));

  function words(column: Words): HTMLElement {
    const select = h(
      "select",
      { onchange: () => put(column.name, select.value) },
      ...column.words.map((word) => h("option", { value: word }, word)),
    );
    row[column.name] = column.words[0] ?? "";
    return h("label", { class: "field" }, h("span", {}, h("bdi", {}, column.name)), select);
  }

  function number(column: Numbers): HTMLElement {
    const typical = column.typical;
    row[column.name] = typical;
    const input = h("input", {
      type: "number",
      step: "any",
      value: String(Number(typical.toPrecision(6))),
      dir: "ltr",
      oninput: () => take(input.valueAsNumber),
    });
    const ranged = column.high > column.low;
    const slider = h("input", {
      type: "range",
      dir: "ltr",
      "aria-label": column.name,
      hidden: !ranged,
      min: column.low,
      max: column.high,
      step: "any",
      oninput: () => {
        input.value = String(Number(slider.valueAsNumber.toPrecision(4)));
        put(column.name, input.valueAsNumber);
      },
    });
    slider.value = String(typical);
    const take = (value: number) => {
      set(input, { "aria-invalid": Number.isFinite(value) ? null : "true" });
      if (!Number.isFinite(value)) return;
      slider.value = String(value);
      put(column.name, value);
    };
    const range = ranged ? t("usually", { low: num(column.low, 3), high: num(column.high, 3) }) : "";
    return h(
      "label",
      { class: "field wide" },
      h("span", {}, h("bdi", {}, column.name), " ", h("small", { class: "quiet" }, range)),
      h("span", { class: "with-slider" }, slider, input),
    );
  }

  function put(name: string, value: string | number): void {
    row[name] = value;
    changed({ ...row });
  }
  queueMicrotask(() => changed({ ...row }));
  return h("div", { class: "row-form" }, ...fields);
}
