// A drawing brought to the form of MNIST's digits, step by step as reshet reads pictures of them.

// For each of `to` pixels, which of `from` pixels make it, and by how much.
function shares(from, to) {
  const step = from / to;
  return Array.from({ length: to }, (_, t) => {
    if (from < to) {
      const middle = Math.min(Math.max((t + 0.5) * step - 0.5, 0), from - 1);
      const first = Math.floor(middle);
      return [[first, 1 - (middle - first)], [Math.min(first + 1, from - 1), middle - first]];
    }
    const [a, b] = [t * step, (t + 1) * step];
    const parts = [];
    for (let i = Math.floor(a); i < Math.min(Math.ceil(b), from); i++) {
      parts.push([i, Math.max(Math.min(b, i + 1) - Math.max(a, i), 0) / step]);
    }
    return parts;
  });
}

// A plane of pixels at another size; each is the mean of the area that it covers.
function resized(pixels, width, height, toWidth, toHeight) {
  const [columns, rows] = [shares(width, toWidth), shares(height, toHeight)];
  return rows.flatMap((row) => columns.map((column) =>
    row.reduce((sum, [y, a]) =>
      sum + column.reduce((sum, [x, b]) => sum + a * b * pixels[y * width + x], 0), 0)));
}

// The paper: a plane through the picture's edge, fitted once more without the quarter of the
// edge that is farthest from it.
function paper(pixels, width, height) {
  let points = [];
  for (let i = 0; i < pixels.length; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    if (x === 0 || y === 0 || x === width - 1 || y === height - 1) points.push([x, y, pixels[i]]);
  }
  const fit = () => {
    const mean = (f) => points.reduce((sum, p) => sum + f(p), 0) / points.length;
    const [mx, my, mv] = [0, 1, 2].map((k) => mean((p) => p[k]));
    const slope = (k, middle) =>
      mean((p) => (p[k] - middle) * (p[2] - mv)) / Math.max(mean((p) => (p[k] - middle) ** 2), 1e-6);
    const [sx, sy] = [slope(0, mx), slope(1, my)];
    return (x, y) => mv + sx * (x - mx) + sy * (y - my);
  };
  const first = fit();
  const off = (p) => Math.abs(p[2] - first(p[0], p[1]));
  points.sort((a, b) => off(a) - off(b));
  points = points.slice(0, Math.ceil(points.length / 4) * 3);
  return fit();
}

// 28×28 bytes of white ink on black, or null if nothing is drawn.
function digit(grey, width) {
  const height = grey.length / width;
  const plane = paper(grey, width, height);
  // In float32 as there, so that what lies at a limit falls on the same side of it.
  const [PAPER, EDGE, SPECKS] = [0.15, 0.4, 0.005].map(Math.fround);
  let ink = Float32Array.from(grey, (p, i) => p - plane(i % width, Math.floor(i / width)));
  const side = ink.reduce((sum, p) => sum + p ** 3, 0) < 0 ? -1 : 1;
  ink = ink.map((p) => Math.max(side * p, 0));
  const sorted = ink.slice().sort();
  const strongest = sorted[sorted.length - 1 - Math.floor(sorted.length / 2000)];
  if (strongest < 24) return null;
  ink = ink.map((p) => Math.min(p / strongest, 1)).map((p) => (p < PAPER ? 0 : p));

  // The smallest part that has all the ink, a few specks aside.
  const extent = (length, of) => {
    const sums = new Array(length).fill(0);
    ink.forEach((p, i) => { if (p > EDGE) sums[of(i)] += p; });
    const specks = Math.fround(SPECKS * sums.reduce((a, b) => a + b));
    const outside = (all) => {
      let [seen, n] = [0, 0];
      while (n < length && (seen += all[n]) <= specks) n++;
      return n;
    };
    return [outside(sums), length - outside(sums.slice().reverse())];
  };
  const [left, right] = extent(width, (i) => i % width);
  const [top, bottom] = extent(height, (i) => Math.floor(i / width));
  const cropped = [];
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) cropped.push(ink[y * width + x]);
  }

  // The longer side at 20 pixels, the centre of mass in the middle.
  const [w, h] = [right - left, bottom - top];
  const step = Math.max(w, h) / 20;
  const size = (n) => Math.min(Math.max(Math.round(n / step), 1), 20);
  const [sw, sh] = [size(w), size(h)];
  const small = resized(cropped, w, h, sw, sh);
  const mass = small.reduce((a, b) => a + b);
  const centre = (f) => small.reduce((sum, p, i) => sum + p * f(i), 0) / mass;
  const dx = Math.round(14 - centre((i) => i % sw));
  const dy = Math.round(14 - centre((i) => Math.floor(i / sw)));
  const brightest = small.reduce((a, b) => Math.max(a, b));
  const bytes = new Array(28 * 28).fill(0);
  small.forEach((p, i) => {
    const [x, y] = [(i % sw) + dx, Math.floor(i / sw) + dy];
    if (x >= 0 && x < 28 && y >= 0 && y < 28) bytes[y * 28 + x] = Math.round((255 * p) / brightest);
  });
  return bytes;
}
