// The same with TensorFlow.js on its wasm backend, whose users write it so: batches by `tf.gather`, steps by
// `minimize`.

import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { accuracy, PIXELS } from "./digits.mjs";

const require = createRequire(import.meta.url);
const tf = require("@tensorflow/tfjs");
const backend = require("@tensorflow/tfjs-backend-wasm");

backend.setWasmPaths(join(dirname(require.resolve("@tensorflow/tfjs-backend-wasm")), "/"));
if (!(await tf.setBackend("wasm"))) throw new Error("TensorFlow.js has no wasm backend here");

export const name = `TensorFlow.js ${tf.version.tfjs}, ${tf.getBackend()}`;

/** A weight as PyTorch begins it: uniform within 1 / √inputs. */
const variable = (shape, inputs) =>
  tf.variable(tf.randomUniform(shape, -1 / Math.sqrt(inputs), 1 / Math.sqrt(inputs)));

export function start({ train, test, batch, lr }) {
  const x = tf.tensor2d(train.x, [train.length, PIXELS]);
  const y = tf.tensor2d(train.y, [train.length, 1]);
  const weights = [variable([PIXELS, 100], PIXELS), variable([100, 1], 100)];
  const biases = [variable([100], PIXELS), variable([1], 100)];
  const optimizer = tf.train.adam(lr, 0.9, 0.999, 1e-8);
  const net = (input) => input.matMul(weights[0]).add(biases[0]).relu().matMul(weights[1]).add(biases[1]);
  const step = (rows) => {
    const loss = optimizer.minimize(() => {
      const [a, b] = [tf.gather(x, rows), tf.gather(y, rows)];
      return tf.losses.sigmoidCrossEntropy(b, net(a));
    }, true);
    return loss.dataSync()[0];
  };
  return {
    /** So many steps, by default those of an epoch; answers how many. */
    train(steps = train.length / batch) {
      const order = Int32Array.from(tf.util.createShuffledIndices(train.length));
      for (let i = 0; i < steps; i++) {
        const rows = order.subarray(i * batch, (i + 1) * batch);
        tf.tidy(() => step(tf.tensor1d(rows, "int32")));
      }
      return steps;
    },
    accuracy: () =>
      tf.tidy(() => accuracy(net(tf.tensor2d(test.x, [test.length, PIXELS])).dataSync(), test.y)),
  };
}
