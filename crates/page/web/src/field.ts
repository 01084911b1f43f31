// A field for a number: what is out of its range is said and stays as it was typed; nothing begins with it.

import { h, say, set } from "./dom";
import { markWrong, onDraft, draft } from "./draft";
import { num, t } from "./i18n";

export interface Range {
  low: number;
  high: () => number;
  whole: boolean;
}

let fields = 0;

/** Says what is wrong with a number field; true if nothing is. */
export function checked(input: HTMLInputElement, said: HTMLElement, { low, high, whole }: Range): boolean {
  const value = input.valueAsNumber;
  const fits = value >= low && value <= high() && (!whole || Number.isInteger(value));
  const values = { low: num(low), high: whole ? high() : num(high()) };
  say(said, fits ? "" : t(whole ? "mustBeWhole" : "mustBeNumber", values));
  said.hidden = fits;
  set(input, { "aria-invalid": fits ? null : "true" });
  markWrong(input, !fits);
  return fits;
}

/** Where the trouble of a field is said; it is named by the field. */
export function troubleOf(input: HTMLInputElement): HTMLElement {
  const said = h("small", { class: "field-trouble", id: `field-${++fields}`, role: "alert", hidden: true });
  set(input, { "aria-describedby": said.id });
  return said;
}

/** A number of the draft with its name. */
export function numberField(
  label: string,
  range: Range,
  get: () => number,
  put: (value: number) => void,
): HTMLElement {
  const input = h("input", {
    type: "number",
    min: range.low,
    step: range.whole ? 1 : "any",
    dir: "ltr",
    inputmode: range.whole ? "numeric" : "decimal",
    onchange: () => {
      if (checked(input, said, range)) put(input.valueAsNumber);
    },
  });
  const said = troubleOf(input);
  let shown: number | null = null;
  onDraft(() => {
    if (draft.spec === null || document.activeElement === input) return;
    const value = get();
    // What is wrong stays until it is corrected, or the draft is another.
    if (value === shown && draft.wrong.has(input)) return;
    shown = value;
    input.value = String(value);
    checked(input, said, range);
  });
  return h("label", { class: "field" }, h("span", {}, label), input, said);
}
