// Links that hold a whole setting, and pictures that are saved.

import type { Data, Hidden, Spec } from "./api";
import { colours } from "./colours";
import { h } from "./dom";
import { specFor } from "./draft";
import { t } from "./i18n";

/** The address of this page with a setting in it; a token is not part of it. */
export function linkTo(spec: Spec): string {
  return `${location.href.split("#")[0]}#train?spec=${encodeURIComponent(JSON.stringify(spec))}`;
}

/** A link's setting: what it does not name, or names wrongly, is the data's own. Null: it is none. */
export function settingOf(text: string, data: readonly Data[]): Spec | null {
  let told: unknown;
  try {
    told = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof told !== "object" || told === null) return null;
  const given = told as Record<string, unknown>;
  const of = data.find((d) => d.id === given.data);
  if (of === undefined) return null;
  const spec: Record<string, unknown> = { ...specFor(of) };
  for (const [key, own] of Object.entries(spec)) {
    const value = given[key];
    const open = key === "is" || key === "target" || key === "weight_decay";
    const alike =
      value === null
        ? open
        : own === null
          ? ["string", "number"].includes(typeof value)
          : typeof value === typeof own;
    if (value !== undefined && alike && key !== "hidden") spec[key] = value;
  }
  if (Array.isArray(given.hidden) && given.hidden.every(isLayer)) spec.hidden = given.hidden;
  return spec as unknown as Spec;
}

function isLayer(layer: unknown): layer is Hidden {
  const { width, activation, dropout } = (layer ?? {}) as Partial<Hidden>;
  return (
    typeof width === "number" &&
    (activation === null || typeof activation === "string") &&
    typeof dropout === "number"
  );
}

/** How each figure draws itself as SVG, by its button. */
const drawings = new WeakMap<Element, () => string | null>();

/** How a figure draws itself as SVG, if it does. */
export function drawingOf(figure: Element): (() => string | null) | undefined {
  const button = figure.querySelector(":scope > figcaption > .svg");
  return button === null ? undefined : drawings.get(button);
}

/** A button that saves a figure as SVG, made by `draw`. */
export function svgButton(name: string, draw: () => string | null): HTMLElement {
  const save = () => {
    const svg = draw();
    if (svg !== null) saveBlob(new Blob([svg], { type: "image/svg+xml" }), `${name}.svg`);
  };
  const button = h(
    "button",
    { type: "button", class: "small svg", title: t("saveSvg"), onclick: save },
    "SVG",
  );
  drawings.set(button, draw);
  return button;
}

/** A button that saves a canvas as a picture, on the page's own ground. */
export function pngButton(name: string, find: () => HTMLCanvasElement | null): HTMLElement {
  return h(
    "button",
    {
      type: "button",
      class: "small png",
      title: t("savePicture"),
      onclick: () => {
        const from = find();
        if (from === null || from.width === 0) return;
        const canvas = h("canvas", { width: from.width, height: from.height });
        const context = canvas.getContext("2d")!;
        context.fillStyle = colours().card;
        context.fillRect(0, 0, from.width, from.height);
        context.drawImage(from, 0, 0);
        canvas.toBlob((blob) => blob && saveBlob(blob, `${name}.png`));
      },
    },
    "PNG",
  );
}

function saveBlob(blob: Blob, name: string): void {
  const link = h("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
