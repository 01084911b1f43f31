// The learning rate: a slider on a logarithmic scale with the number beside it.

import { h, set } from "./dom";
import { checked, troubleOf } from "./field";
import { t } from "./i18n";

const LOW = -5;
const HIGH = 0.5;

/** Two digits that say something: 0.0032. */
function tidy(lr: number): number {
  return Number(lr.toPrecision(2));
}

/** The control; `change` is called with each new rate. */
export function rateSlider(
  label: string,
  change: (lr: number) => void,
): { el: HTMLElement; set: (lr: number) => void } {
  const slider = h("input", {
    type: "range",
    min: LOW,
    max: HIGH,
    step: 0.05,
    dir: "ltr",
    "aria-label": `${label} (${t("logScale")})`,
    oninput: () => {
      number.value = String(tidy(10 ** slider.valueAsNumber));
      take(number.valueAsNumber, slider);
    },
  });
  const number = h("input", {
    type: "number",
    min: 0,
    step: "any",
    dir: "ltr",
    "aria-label": label,
    inputmode: "decimal",
    onchange: () => take(number.valueAsNumber, number),
  });
  const said = troubleOf(number);
  let shown = 0;
  const show = (lr: number, except?: HTMLElement) => {
    shown = lr;
    if (except !== slider) slider.value = String(Math.log10(lr));
    if (except !== number) number.value = String(lr);
    set(slider, { "aria-valuetext": String(lr) });
  };
  const take = (lr: number, from: HTMLElement) => {
    if (!checked(number, said, { low: 1e-9, high: () => 1000, whole: false })) return;
    show(lr, from);
    change(lr);
  };
  return {
    el: h("div", { class: "rate" }, h("span", { class: "rate-name" }, label), slider, number, said),
    set: (lr) => {
      if (lr !== shown && lr > 0) show(lr, document.activeElement === number ? number : undefined);
    },
  };
}
