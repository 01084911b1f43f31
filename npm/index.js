// A network that trains, over the library as WebAssembly (src/lib.rs has what is called here).

const place = new URL("./reshet.wasm", import.meta.url);

async function bytes() {
  if (place.protocol === "file:") return (await import("node:fs/promises")).readFile(place);
  const response = await fetch(place);
  if (!response.ok) throw new Error(`${place}: ${response.status}`);
  return response.arrayBuffer();
}

const wasm = (await WebAssembly.instantiate(await bytes())).instance.exports;

/** What was given back; a copy, as the memory may move. */
const given = () => new Uint8Array(wasm.memory.buffer, wasm.buffer(), wasm.given()).slice();
const text = () => new TextDecoder().decode(given());

function put(bytes) {
  const at = wasm.room(bytes.length);
  new Uint8Array(wasm.memory.buffer, at, bytes.length).set(bytes);
}

/** Where a call failed its reason is thrown. */
function check(done) {
  if (done === 0 || Number.isNaN(done)) throw new Error(text());
  return done;
}

const SAMPLES = 0;
const TARGETS = 1;

/** Copies numbers in: flat, or as rows of `width` numbers each. */
function numbers(which, from, width, what) {
  const rows = Array.isArray(from) && from.length > 0 && typeof from[0] !== "number";
  const length = rows ? from.length * width : from.length;
  if (rows) {
    const wrong = from.findIndex((row) => row.length !== width);
    if (wrong >= 0) {
      throw new Error(`${what} ${wrong} has ${from[wrong].length} numbers; the network has ${width}`);
    }
  }
  // First the room: the memory may grow, and is then another buffer.
  const at = wasm.numbers(which, length);
  const into = new Float32Array(wasm.memory.buffer, at, length);
  if (rows) from.forEach((row, i) => into.set(row, i * width));
  else into.set(from);
  return length / width;
}

/** Networks that nobody knows any more are freed. */
const forgotten = new FinalizationRegistry((net) => wasm.forget(net));

export class Net {
  #net;
  #about;

  constructor(network, options = {}) {
    if (network === loaded) {
      this.#net = options;
    } else {
      const settings = { optimizer: "adam", lr: 0.001, seed: 0, ...options, network };
      put(new TextEncoder().encode(JSON.stringify(settings)));
      this.#net = check(wasm.start());
    }
    forgotten.register(this, this.#net, this);
    this.#about = this.#read();
  }

  static load(bytes) {
    put(new Uint8Array(bytes));
    return new Net(loaded, check(wasm.load()));
  }

  #read() {
    check(wasm.about(this.#net));
    return JSON.parse(text());
  }

  get network() {
    return this.#about.network;
  }

  get inputs() {
    return this.#about.inputs;
  }

  get outputs() {
    return this.#about.outputs;
  }

  get loss() {
    return this.#about.loss;
  }

  get optimizer() {
    return this.#about.optimizer;
  }

  get updates() {
    return this.#read().updates;
  }

  get lr() {
    return this.#read().lr;
  }

  set lr(lr) {
    check(wasm.set_lr(this.#net, lr));
  }

  #samples(x, y) {
    numbers(SAMPLES, x, this.inputs, "sample");
    numbers(TARGETS, y, this.outputs, "target");
  }

  fit(x, y, { epochs = 10, batchSize = 64, shuffle = true, onEpoch } = {}) {
    this.#samples(x, y);
    check(wasm.attach(this.#net));
    const losses = [];
    for (let epoch = 0; epoch < epochs; epoch++) {
      const loss = check(wasm.epoch(this.#net, batchSize, shuffle ? 1 : 0));
      losses.push(loss);
      if (onEpoch?.({ epoch, loss }) === false) break;
    }
    return { loss: losses.at(-1), losses };
  }

  step(x, y) {
    this.#samples(x, y);
    return check(wasm.step(this.#net));
  }

  predict(x) {
    numbers(SAMPLES, x, this.inputs, "sample");
    check(wasm.predict(this.#net));
    const answers = new Float32Array(given().buffer);
    const rows = [];
    for (let at = 0; at < answers.length; at += this.outputs) {
      rows.push(answers.slice(at, at + this.outputs));
    }
    return rows;
  }

  parameters() {
    check(wasm.parameters(this.#net));
    const all = new Float32Array(given().buffer);
    return Object.fromEntries(
      this.#about.parameters.map(({ name, shape, start, end }) => [
        name,
        { shape, values: all.slice(start, end) },
      ]),
    );
  }

  save() {
    check(wasm.save(this.#net));
    return given();
  }

  free() {
    forgotten.unregister(this);
    wasm.forget(this.#net);
    this.#net = 0;
  }
}

/** Tells the constructor that the network is there already. */
const loaded = Symbol("loaded");
