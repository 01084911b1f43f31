// The lecture's job, 784-100-1 with batches of 50 and Adam, on WebAssembly in Node, in turn: see README.md.
// node run.mjs FOLDER [ROUNDS]: the folder has MNIST's four files.

import os from "node:os";
import { digits } from "./digits.mjs";
import * as ours from "./ours.mjs";
import * as tfjs from "./tfjs.mjs";

const [folder, rounds = "5"] = process.argv.slice(2);
if (folder === undefined) {
  console.error("node run.mjs FOLDER [ROUNDS]: the folder has MNIST's four files");
  process.exit(2);
}
const job = { train: digits(folder, "train"), test: digits(folder, "t10k"), batch: 50, lr: 0.01 };
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

const contenders = [ours, tfjs].map(({ name, start }) => ({ name, us: [], ...start(job) }));
// A round of the slower one need not be a minute.
contenders[1].steps = 100;
for (const contender of contenders) {
  // Also warms up: two epochs, as in the lecture.
  contender.train();
  contender.train();
  contender.right = contender.accuracy();
}
for (let round = 0; round < Number(rounds); round++) {
  for (const contender of contenders) {
    const start = performance.now();
    const steps = contender.train(contender.steps);
    contender.us.push(((performance.now() - start) * 1000) / steps);
  }
}
console.log(`${os.cpus()[0].model}, Node ${process.version}, one thread`);
for (const { name, us, right } of contenders) {
  console.log(`${name}: ${Math.round(median(us))} µs a step, ${(100 * right).toFixed(2)} % after two epochs`);
}
const [mine, theirs] = contenders;
const ratios = theirs.us.map((us, i) => us / mine.us[i]);
console.log(`ratio, median of ${ratios.length} pairs: ${median(ratios).toFixed(2)}`);
