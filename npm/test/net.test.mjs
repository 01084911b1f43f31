// The package as a program uses it. Without reshet.wasm (`npm run build`) the tests are skipped.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";

const built = existsSync(new URL("../reshet.wasm", import.meta.url));
const skip = built ? false : "no reshet.wasm: npm/build.sh";
const { Net } = built ? await import("@reshet/core") : {};

const x = [[0, 0], [0, 1], [1, 0], [1, 1]];
const y = [0, 1, 1, 0];

/** As in `src/net.rs`'s caller, tests/portable.rs. */
const settings = { lr: 0.05, seed: 3 };
const xor = "2-8:relu-1:sigmoid";

describe("@reshet/core", { skip }, () => {
  test("learns XOR", () => {
    const net = new Net(xor, settings);
    const seen = [];
    const { loss, losses } = net.fit(x, y, { epochs: 300, batchSize: 4, onEpoch: (e) => void seen.push(e) });
    assert.ok(loss < 0.05, `${loss}`);
    assert.deepEqual(seen.map((e) => e.loss), losses);
    assert.equal(seen.at(-1).epoch, 299);
    assert.deepEqual(net.predict(x).map(([yes]) => Math.round(yes)), y);
    assert.equal(net.updates, 300);
  });

  test("has the bits of the library's portable instructions", () => {
    const net = new Net(xor, settings);
    net.fit(x, y, { epochs: 20, batchSize: 3 });
    const kept = new Uint8Array(readFileSync(new URL("portable.safetensors", import.meta.url)));
    assert.deepEqual(net.save(), kept);
  });

  test("is saved and goes on to the same bits", () => {
    const net = new Net(xor, { optimizer: "rmsprop", momentum: 0.9, lr: 0.01, seed: 7 });
    net.step(x, y);
    const again = Net.load(net.save());
    assert.equal(again.optimizer, net.optimizer);
    assert.equal(again.step(x, y), net.step(x, y));
    assert.deepEqual(again.parameters(), net.parameters());
    assert.deepEqual(Object.keys(net.parameters()), ["0.weight", "0.bias", "2.weight", "2.bias"]);
    assert.deepEqual(net.parameters()["0.weight"].shape, [8, 2]);
  });

  test("takes classes, and flat arrays as rows", () => {
    const rows = Array.from({ length: 60 }, (_, i) => [Math.sin(i), Math.cos(i)]);
    const classes = rows.map(([a, b]) => (a > 0.5 ? 2 : b > 0 ? 1 : 0));
    const net = new Net("2-16:relu-3:softmax", { lr: 0.02 });
    net.fit(rows, classes, { epochs: 200, batchSize: 20 });
    const flat = new Net("2-16:relu-3:softmax", { lr: 0.02 });
    flat.fit(Float32Array.from(rows.flat()), Uint8Array.from(classes), { epochs: 200, batchSize: 20 });
    assert.deepEqual(flat.parameters(), net.parameters());
    const right = net.predict(rows).filter((p, i) => p.indexOf(Math.max(...p)) === classes[i]);
    assert.ok(right.length >= 57, `${right.length} of 60`);
  });

  test("goes on where fit ended, and ends where onEpoch says so", () => {
    const once = new Net(xor, settings);
    once.fit(x, y, { epochs: 4, batchSize: 3 });
    const twice = new Net(xor, settings);
    const { losses } = twice.fit(x, y, { epochs: 9, batchSize: 3, onEpoch: ({ epoch }) => epoch < 1 });
    assert.equal(losses.length, 2);
    twice.fit(x, y, { epochs: 2, batchSize: 3 });
    assert.deepEqual(twice.parameters(), once.parameters());
  });

  test("many samples make the memory grow", () => {
    const net = new Net("100-4:tanh-1", { lr: 0.01 });
    const many = new Float32Array(100 * 100_000).fill(0.5);
    const { loss } = net.fit(many, new Float32Array(100_000).fill(1), { epochs: 1 });
    assert.ok(loss < 1);
    assert.equal(net.predict(many).length, 100_000);
    net.free();
    assert.throws(() => net.predict([new Array(100).fill(0)]), /freed/);
  });

  test("says what is wrong", () => {
    const net = new Net(xor, settings);
    assert.throws(() => new Net("2-x"), /x/);
    assert.throws(() => new Net(xor, { momentum: 0.9 }), /momentum/);
    assert.throws(() => new Net(xor, { learningRate: 0.9 }), /learningRate/);
    assert.throws(() => net.fit([[0, 1], [1]], [0, 1]), /sample 1 has 1 numbers/);
    assert.throws(() => net.fit(x, [0, 1]), /4/);
    assert.throws(() => net.fit(x, y, { batchSize: 0 }), /at least one sample/);
    assert.throws(() => net.predict([0, NaN]), /not finite/);
    assert.throws(() => new Net("2-3:softmax").step(x, [0, 1, 2, 0.5]), /classes/);
    assert.throws(() => Net.load(new Uint8Array(20)), /safetensors/);
    assert.throws(() => net.lr = -1, /lr|learning rate/);
    // It can still be used.
    assert.equal(net.predict(x).length, 4);
  });
});
