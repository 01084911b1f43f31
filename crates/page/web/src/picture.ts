// Pictures of numbers: grey ones as they are, and those with a sign in blue (+) and orange (−).

import { colours, css, diverging } from "./colours";
import { h, set, textScale } from "./dom";
import { recording } from "./pen";

/** A canvas of `width` by `height` cells with a description; CSS makes it as large as wanted. */
export function board(width: number, height: number, label: string, kind = "pixels"): HTMLCanvasElement {
  // What stands beside its own name in text needs none.
  const named = label === "" ? { "aria-hidden": "true" } : { role: "img", "aria-label": label };
  return h("canvas", { width, height, class: kind, ...named });
}

/** Says what a canvas shows. One that is nothing else is a picture from then on: without a name it must be none. */
export function describe(canvas: HTMLCanvasElement, shows: string): void {
  set(canvas, { role: canvas.getAttribute("role") ?? "img", "aria-label": shows });
}

/** The pixels of a canvas to be written, four bytes each; `put` shows them. */
export function pixelsOf(canvas: HTMLCanvasElement): { data: Uint32Array; put: () => void } {
  const context = canvas.getContext("2d")!;
  const image = context.createImageData(canvas.width, canvas.height);
  return { data: new Uint32Array(image.data.buffer), put: () => context.putImageData(image, 0, 0) };
}

/** A picture of bytes (`scale` 1) or of numbers up to 1 (`scale` 255), channel after channel. */
export function paintGrey(
  canvas: HTMLCanvasElement,
  values: ArrayLike<number>,
  channels: number,
  scale = 1,
): void {
  const context = canvas.getContext("2d")!;
  const image = context.createImageData(canvas.width, canvas.height);
  const size = canvas.width * canvas.height;
  // Channel 0 stands for all where there are fewer than three; the bytes clamp by themselves.
  const from = [0, channels >= 3 ? size : 0, channels >= 3 ? 2 * size : 0];
  for (let i = 0; i < size; i++) {
    for (let c = 0; c < 3; c++) image.data[i * 4 + c] = (values[from[c]! + i] ?? 0) * scale;
    image.data[i * 4 + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

/** The largest absolute value, all but a few in a thousand: one wild number shall not pale all others. */
export function reach(values: ArrayLike<number>): number {
  const every = Math.max(1, Math.floor(values.length / 4000));
  const sizes: number[] = [];
  for (let i = 0; i < values.length; i += every) sizes.push(Math.abs(values[i]!));
  sizes.sort((a, b) => a - b);
  return sizes[Math.floor((sizes.length - 1) * 0.995)] || sizes.at(-1) || 1;
}

/** Adds up the channels of a picture with several. */
export function overChannels(values: ArrayLike<number>, size: number): Float32Array {
  const sum = new Float32Array(size);
  for (let i = 0; i < values.length; i++) sum[i % size]! += values[i]!;
  return sum;
}

/**
 * The evidence over the picture: the grey picture faint below, blue cells with + spoke for the answer,
 * orange ones with − against it.
 */
export function paintEvidence(
  canvas: HTMLCanvasElement,
  input: ArrayLike<number>,
  evidence: ArrayLike<number>,
  width: number,
  height: number,
): void {
  const cell = 12;
  const pen = recording([width * cell, height * cell]);
  if (pen === null) set(canvas, { width: width * cell, height: height * cell });
  const context = pen ?? canvas.getContext("2d")!;
  const size = width * height;
  const sums = overChannels(evidence, size);
  const most = reach(sums);
  const { zero } = colours();
  for (let i = 0; i < size; i++) {
    const e = sums[i]! / most;
    const x = (i % width) * cell;
    const y = Math.floor(i / width) * cell;
    const ink = Math.min(1, input[i] ?? 0) * 0.35;
    const base = zero.map((c) => c + ((c > 128 ? 0 : 255) - c) * ink) as [number, number, number];
    context.fillStyle = css(base);
    context.fillRect(x, y, cell, cell);
    const strength = Math.min(1, Math.abs(e));
    if (strength < 0.04) continue;
    context.fillStyle = css(diverging(Math.sign(e)), 0.25 + 0.75 * strength);
    context.fillRect(x, y, cell, cell);
    if (strength < 0.3) continue;
    context.strokeStyle = strength > 0.55 ? colours().card : colours().ink;
    context.lineWidth = 1.6;
    context.beginPath();
    context.moveTo(x + 3, y + cell / 2);
    context.lineTo(x + cell - 3, y + cell / 2);
    if (e > 0) {
      context.moveTo(x + cell / 2, y + 3);
      context.lineTo(x + cell / 2, y + cell - 3);
    }
    context.stroke();
  }
}

/**
 * A canvas as wide as its place on the screen, at the screen's own resolution; its units grow with the text.
 * Answers its width in these units, and a unit in pixels.
 */
export function fit(
  canvas: HTMLCanvasElement,
  height: number,
): { context: CanvasRenderingContext2D; width: number; unit: number } {
  const unit = Math.max(0.9, textScale());
  const width = Math.max(120, Math.round(canvas.parentElement?.clientWidth ?? 300));
  const ratio = Math.min(2, devicePixelRatio || 1);
  const pen = recording([width / unit, height]);
  if (pen !== null) return { context: pen, width: width / unit, unit };
  const high = Math.round(height * unit);
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(high * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(high * ratio);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${high}px`;
  }
  const context = canvas.getContext("2d")!;
  context.setTransform(ratio * unit, 0, 0, ratio * unit, 0, 0);
  context.clearRect(0, 0, width / unit, height);
  return { context, width: width / unit, unit };
}
