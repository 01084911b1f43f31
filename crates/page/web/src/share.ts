// Links that hold a whole setting, and pictures that are saved.

import type { Data, Hidden, Spec } from "./api";
import { h } from "./dom";
import { specFor } from "./draft";
import { t } from "./i18n";
import { complain } from "./toast";

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
  if (typeof given.precision === "string") spec.precision = given.precision;
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

/** A saved picture has so many points a unit of its drawing. */
const SHARP = 2;

/** How each figure draws itself as SVG, by its button. */
const drawings = new WeakMap<Element, () => string | null>();

/** How a figure draws itself as SVG, if it does. */
export function drawingOf(figure: Element): (() => string | null) | undefined {
  const button = figure.querySelector(":scope > figcaption .svg");
  return button === null ? undefined : drawings.get(button);
}

/** Buttons that save a figure as PNG and as SVG; `draw` makes the SVG, or null where there is nothing yet. */
export function saveButtons(name: string, draw: () => string | null): HTMLElement {
  const save = async (kind: "png" | "svg") => {
    const svg = draw();
    if (svg === null) return;
    const blob = kind === "svg" ? new Blob([svg], { type: "image/svg+xml" }) : await rastered(svg);
    if (blob !== null) saveBlob(blob, `${name}.${kind}`);
  };
  const button = (kind: "png" | "svg", title: string) =>
    h(
      "button",
      { type: "button", class: `small ${kind}`, title, onclick: () => void save(kind).catch(complain) },
      kind.toUpperCase(),
    );
  const svg = button("svg", t("saveSvg"));
  drawings.set(svg, draw);
  return h("span", { class: "saving" }, button("png", t("savePicture")), svg);
}

/** A drawing as a PNG. */
async function rastered(svg: string): Promise<Blob | null> {
  const image = h("img", { src: `data:image/svg+xml,${encodeURIComponent(svg)}` });
  await image.decode();
  const canvas = h("canvas", { width: image.naturalWidth * SHARP, height: image.naturalHeight * SHARP });
  canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done));
}

function saveBlob(blob: Blob, name: string): void {
  const link = h("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
