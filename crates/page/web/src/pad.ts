// The sheet one draws on: with mouse, finger or pen; with arrow keys and space; or by stamping an example.

import { announce, h } from "./dom";
import { t } from "./i18n";

const SIZE = 280;
const PEN = 20;
const STRIDE = 8;

export interface Pad {
  el: HTMLElement;
  /** The drawing as the server takes it, or null if nothing is drawn. */
  drawing: () => { width: number; height: number; pixels: string } | null;
  /** Puts a picture of grey bytes (light on dark) onto the sheet. */
  stamp: (bytes: Uint8Array, width: number, height: number) => void;
  clear: () => void;
}

/** The sheet; `changed` is called at each stroke. It is kept dark on light whatever the page's scheme. */
export function pad(changed: () => void): Pad {
  const canvas = h("canvas", {
    class: "pad",
    width: SIZE,
    height: SIZE,
    tabindex: 0,
    role: "application",
    "aria-label": t("padLabel"),
    "aria-describedby": "pad-keys",
  });
  const cursor = h("span", { class: "pad-cursor", "aria-hidden": "true", hidden: true });
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  let empty = true;
  let at = { x: SIZE / 2, y: SIZE / 4 };
  let inking = false;
  let stroke: number | null = null;
  let before: { x: number; y: number } | null = null;

  const wipe = () => {
    context.fillStyle = "#fff";
    context.fillRect(0, 0, SIZE, SIZE);
    empty = true;
  };
  const clear = () => {
    wipe();
    changed();
  };
  const line = (from: { x: number; y: number }, to: { x: number; y: number }) => {
    context.strokeStyle = "#141a2b";
    context.lineWidth = PEN;
    context.lineCap = "round";
    context.lineJoin = "round";
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.lineTo(to.x + 0.01, to.y);
    context.stroke();
    empty = false;
  };
  const place = (event: PointerEvent) => {
    const box = canvas.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) / box.width) * SIZE,
      y: ((event.clientY - box.top) / box.height) * SIZE,
    };
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || stroke !== null) return;
    stroke = event.pointerId;
    canvas.setPointerCapture(event.pointerId);
    cursor.hidden = true;
    before = place(event);
    line(before, before);
    changed();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== stroke || before === null) return;
    const points = event.getCoalescedEvents?.() ?? [];
    for (const point of points.length > 0 ? points : [event]) {
      const to = place(point);
      line(before, to);
      before = to;
    }
    changed();
  });
  const lift = (event: PointerEvent) => {
    if (event.pointerId !== stroke) return;
    stroke = null;
    before = null;
    changed();
  };
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);

  const showCursor = () => {
    cursor.hidden = document.activeElement !== canvas;
    cursor.style.left = `${(at.x / SIZE) * 100}%`;
    cursor.style.top = `${(at.y / SIZE) * 100}%`;
    cursor.classList.toggle("inking", inking);
  };
  canvas.addEventListener("keydown", (event) => {
    const moves: Record<string, [number, number]> = {
      ArrowUp: [0, -1],
      ArrowDown: [0, 1],
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
    };
    const move = moves[event.key];
    if (move) {
      const within = (v: number) => Math.max(PEN, Math.min(SIZE - PEN, v));
      const to = { x: within(at.x + move[0] * STRIDE), y: within(at.y + move[1] * STRIDE) };
      if (inking) {
        line(at, to);
        changed();
      }
      at = to;
    } else if (event.key === " ") {
      inking = !inking;
      if (inking) {
        line(at, at);
        changed();
      }
      announce(inking ? t("penDown") : t("penUp"), true);
    } else if (event.key === "Delete" || event.key === "Backspace" || event.key === "Escape") {
      inking = false;
      clear();
      announce(t("cleared"), true);
    } else return;
    event.preventDefault();
    showCursor();
  });
  canvas.addEventListener("focus", () => canvas.matches(":focus-visible") && showCursor());
  canvas.addEventListener("blur", () => {
    inking = false;
    cursor.hidden = true;
  });
  const hint = h("p", { class: "quiet", id: "pad-keys" }, t("padKeys"));
  const clearButton = h("button", { type: "button", onclick: () => clear() }, t("clear"));
  const el = h(
    "div",
    { class: "pad-box" },
    h("div", { class: "pad-frame", dir: "ltr" }, canvas, cursor),
    h("div", { class: "pad-tools" }, clearButton, hint),
  );
  wipe();

  return {
    el,
    clear,
    drawing() {
      if (empty) return null;
      const { data } = context.getImageData(0, 0, SIZE, SIZE);
      let text = "";
      for (let i = 0; i < data.length; i += 4) text += String.fromCharCode(data[i]!);
      return { width: SIZE, height: SIZE, pixels: btoa(text) };
    },
    stamp(bytes, width, height) {
      const small = h("canvas", { width, height });
      const image = new ImageData(width, height);
      for (let i = 0; i < width * height; i++) {
        const grey = 255 - bytes[i]!;
        image.data.set([grey, grey, grey, 255], i * 4);
      }
      small.getContext("2d")!.putImageData(image, 0, 0);
      context.imageSmoothingEnabled = true;
      wipe();
      context.drawImage(small, 0, 0, SIZE, SIZE);
      empty = false;
      changed();
    },
  };
}
