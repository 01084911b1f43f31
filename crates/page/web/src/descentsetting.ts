// What a lesson of descent is about, and how it begins.

import type { Chapter, Preset } from "./api";
import { h } from "./dom";
import type { Key } from "./i18n";
import type { Place } from "./plane";

export const BALLS = ["sgd", "momentum", "adam"] as const;
export type Ball = (typeof BALLS)[number];

/** What is descended, and how. */
export interface Setting {
  function: string | null;
  points: Place[] | null;
  /** A picture of the loss for each. */
  scalings: string[];
  bias: boolean;
  start: number[];
  lr: number;
  steps: number;
  /** What is drawn of each variable, by the scaling. */
  shown: Record<string, [Place, Place]>;
}

/** Learning rates with what comes of them on the first curve. */
export const RATES: [number, Key][] = [
  [0.01, "rateSlow"],
  [0.1, "rateRight"],
  [0.5, "rateOnce"],
  [0.9, "rateZigzag"],
  [1, "rateForever"],
  [1.05, "rateDiverges"],
];

/** How a chapter begins. */
export function settingOf(chapter: Chapter, presets: Preset[]): Setting {
  const points = chapter.points.length > 0 ? (chapter.points as Place[]) : null;
  const base = { function: null, points, scalings: ["none"], bias: false, shown: {} };
  if (chapter.drawn === "line") {
    const one = points?.length === 1;
    return { ...base, start: [one ? -1.5 : 8], lr: 0.01, steps: one ? 300 : 200 };
  }
  if (chapter.drawn === "scaled")
    return {
      ...base,
      scalings: ["none", "min-max"],
      bias: true,
      start: [0, 0],
      lr: 0.1,
      steps: 1000,
      shown: {
        none: [
          [-0.2, 0.2],
          [-6, 6],
        ],
        "min-max": [
          [-2, 4],
          [-1, 5],
        ],
      },
    };
  const variables = chapter.drawn === "descent" ? 1 : 2;
  const { function: name, start, lr, steps } = presets.find((p) => p.start.length === variables)!;
  return { ...base, points: null, function: name, start, lr, steps };
}

/** A number field with its name; it tells of each change. */
export function field(
  label: string,
  get: () => number,
  put: (value: number) => void,
  low?: number,
): { el: HTMLElement; show: () => void } {
  const input = h("input", {
    type: "number",
    step: "any",
    min: low,
    dir: "ltr",
    inputmode: "decimal",
    oninput: () => {
      if (Number.isFinite(input.valueAsNumber) && (low === undefined || input.valueAsNumber >= low))
        put(input.valueAsNumber);
    },
  });
  const show = () => {
    if (document.activeElement !== input) input.value = String(Number(get().toPrecision(5)));
  };
  return { el: h("label", { class: "field" }, h("span", {}, label), input), show };
}
