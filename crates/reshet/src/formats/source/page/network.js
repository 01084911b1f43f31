// What happens to a raw row until it is an answer.

const program = JSON.parse(document.getElementById("program").textContent);

const numbers = (() => {
  const text = atob(document.getElementById("weights").textContent);
  const view = new DataView(new ArrayBuffer(text.length));
  for (let i = 0; i < text.length; i++) view.setUint8(i, text.charCodeAt(i));
  return Float32Array.from({ length: text.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
})();

const sigmoid = (x) => {
  const e = Math.exp(-Math.abs(x));
  return (x < 0 ? e : 1) / (1 + e);
};

// The normal distribution function (Abramowitz and Stegun 7.1.26).
const normal = (x) => {
  const t = 1 / (1 + 0.3275911 * Math.SQRT1_2 * Math.abs(x));
  const p = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  const tail = 0.5 * p * Math.exp(-0.5 * x * x);
  return x > 0 ? 1 - tail : tail;
};

const functions = {
  relu: (x) => (x < 0 ? 0 : x),
  leaky_relu: (x, slope) => (x > 0 ? x : slope * x),
  sigmoid,
  tanh: Math.tanh,
  gelu: (x) => x * normal(x),
  silu: (x) => x * sigmoid(x),
  elu: (x, alpha) => (x > 0 ? x : alpha * Math.expm1(x)),
};

function activated(row, [name, parameter]) {
  if (name === "softmax") {
    const most = row.reduce((a, b) => Math.max(a, b));
    const powers = row.map((x) => Math.exp(x - most));
    const sum = powers.reduce((a, b) => a + b);
    return powers.map((x) => x / sum);
  }
  return name === "identity" ? row : row.map((x) => functions[name](x, parameter));
}

// The network's answer to its own numbers.
function predict(input) {
  let row = Float64Array.from(input);
  let at = 0;
  for (const step of program.steps) {
    if (step.dense) {
      const [inputs, outputs] = step.dense;
      const biases = at + inputs * outputs;
      const next = new Float64Array(outputs);
      for (let o = 0; o < outputs; o++) {
        let sum = numbers[biases + o];
        for (let i = 0, w = at + o * inputs; i < inputs; i++) sum += row[i] * numbers[w + i];
        next[o] = sum;
      }
      at = biases + outputs;
      row = next;
    }
    if (step.units) row = row.map((x, i) => step.units[i][0] + step.units[i][1] * x);
    if (step.activation) row = activated(row, step.activation);
  }
  return Array.from(row);
}

// Encodes a table's row (null: missing) as the network's inputs.
function encoded(cells) {
  const input = [];
  program.columns.forEach((column, c) => {
    const cell = cells[c];
    if (column.kind === "number") {
      const known = typeof cell === "number" && Number.isFinite(cell);
      const z = ((known ? cell : column.fill) - column.centre) / column.scale;
      input.push(column.bend ? z / Math.sqrt(1 + (z / 3) ** 2) : z);
      (column.knots ?? []).slice(1).forEach((to, i) =>
        input.push(Math.min(Math.max((z - column.knots[i]) / (to - column.knots[i]), 0), 1)));
      if (column.indicator) input.push(known ? 0 : 1);
      return;
    }
    const place = cell === null ? -1 : column.values.indexOf(cell);
    if (column.kind === "two") return input.push([0, -1, 1][place + 1]);
    column.values.forEach((_, i) => input.push(i === place ? 1 : 0));
    if (column.rare) input.push(cell !== null && place < 0 ? 1 : 0);
    if (column.missing) input.push(cell === null ? 1 : 0);
  });
  return input;
}

// The answer to a raw row: cells, bytes, or numbers.
const ask = (row) =>
  predict(program.input === "columns" ? encoded(row) : program.input === "bytes" ? row.map((x) => x / 255) : row);

// The largest difference from the answers that were stored; relative above 1.
const difference = (rows, answers) =>
  Math.max(...rows.map((row, r) =>
    Math.max(...ask(row).map((y, i) => Math.abs(y - answers[r][i]) / Math.max(1, Math.abs(answers[r][i]))))));
