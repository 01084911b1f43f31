// MNIST's files, packed or not, as numbers from 0 to 1 and as answers to the lecture's question: is it a 7?

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

export const PIXELS = 784;

function idx(folder, name, header) {
  const plain = join(folder, name);
  const bytes = existsSync(plain) ? readFileSync(plain) : gunzipSync(readFileSync(`${plain}.gz`));
  return bytes.subarray(header);
}

/** A part of the digits: `train` or `t10k`. */
export function digits(folder, part) {
  const pixels = idx(folder, `${part}-images-idx3-ubyte`, 16);
  const labels = idx(folder, `${part}-labels-idx1-ubyte`, 8);
  return {
    length: labels.length,
    x: Float32Array.from(pixels, (pixel) => pixel / 255),
    y: Float32Array.from(labels, (label) => (label === 7 ? 1 : 0)),
  };
}

/** The share of logits that are on the right side of 0. */
export function accuracy(logits, y) {
  let right = 0;
  logits.forEach((logit, i) => (right += logit > 0 === y[i] > 0.5 ? 1 : 0));
  return right / y.length;
}
