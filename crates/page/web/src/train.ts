// The view Train: on one side what is to be learnt, on the other the learning itself.

import { controls, score } from "./controls";
import { curves } from "./curves";
import { h, set } from "./dom";
import { t } from "./i18n";
import { liveDrawing, planDrawing } from "./network";
import { runList } from "./runs";
import { samples } from "./samples";
import { setup } from "./setup";
import { stages } from "./stages";
import { hasCourse, on, selected } from "./state";
import { weights } from "./weights";

/** Builds the view. */
export function train(): HTMLElement {
  const steps = stages();
  const both = curves(178);
  const course = h("div", { class: "paper stacked" }, both.el);
  const empty = h("div", { class: "empty-stage" }, planDrawing(), samples());
  const live = h(
    "div",
    { class: "live-stage" },
    controls(steps.show),
    score(),
    steps.el,
    h("div", { class: "pair" }, course, h("div", { class: "paper" }, weights())),
    h("div", { class: "paper" }, liveDrawing()),
    runList(both.show),
  );
  const started = () => {
    const name = live.querySelector<HTMLElement>(".run-name")!;
    name.focus({ preventScroll: true });
    if (innerWidth < 900)
      name.scrollIntoView({
        behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth",
      });
  };
  const fold = h(
    "button",
    {
      type: "button",
      class: "fold",
      "aria-expanded": "true",
      onclick: () => {
        const folded = el.classList.toggle("folded");
        set(fold, { "aria-expanded": String(!folded), title: folded ? t("unfold") : t("fold") });
      },
      title: t("fold"),
      "aria-label": t("setup"),
    },
    h("span", { class: "flip", "aria-hidden": "true" }, "‹"),
  );
  const el = h(
    "div",
    { class: "train" },
    h("div", { class: "setup-side" }, setup(started)),
    fold,
    h("div", { class: "stage-side" }, empty, live),
  );
  const show = () => {
    const run = selected();
    empty.hidden = run !== null;
    live.hidden = run === null;
    course.hidden = run !== null && !hasCourse(run);
  };
  on(["run", "runs", "progress"], show);
  show();
  return el;
}
