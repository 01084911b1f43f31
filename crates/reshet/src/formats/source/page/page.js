// The page: what is asked, and what is answered.

const $ = (id) => document.getElementById(id);

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

// At most this many bars; of more classes the most probable.
const MOST_BARS = 12;
const percent = (p) => `${(100 * p).toFixed(1)} %`;
const short = (x) => String(Number(x.toPrecision(6)));

// Shows an answer, or what is still missing.
function show(y, otherwise) {
  const { kind, labels } = program.answer;
  $("bars").replaceChildren();
  if (!y) {
    $("verdict").textContent = otherwise;
    return;
  }
  if (kind === "numbers") {
    $("verdict").textContent = y.length === 1 ? short(y[0]) : "";
    y.forEach((x, i) => $("bars").append(element("li", {}, element("span", {}, labels[i]), element("b", {}, short(x)))));
    return;
  }
  const p = kind === "yes or no" ? [1 - y[0], y[0]] : y;
  const is = kind === "questions" ? p.map((p) => p > 0.5) : p.map((x) => x === Math.max(...p));
  let places = p.map((_, i) => i);
  if (places.length > MOST_BARS) places = places.sort((a, b) => p[b] - p[a]).slice(0, MOST_BARS);
  for (const i of places) {
    const bar = element("i");
    bar.style.width = `${100 * p[i]}%`;
    const row = element("li", { className: is[i] ? "best" : "" }, element("span", {}, labels[i]), element("b", {}, percent(p[i])), bar);
    $("bars").append(row);
  }
  const yes = labels.filter((_, i) => is[i]);
  $("verdict").textContent = kind === "questions" ? yes.join(", ") || "none of them" : yes[0];
}

// A canvas to draw on: mouse, finger, pen, or keys.
function drawing() {
  const SIZE = 280;
  const sheet = element("canvas", { id: "draw", width: SIZE, height: SIZE, tabIndex: 0 });
  sheet.setAttribute("role", "application");
  sheet.setAttribute("aria-label", "Draw a digit here");
  sheet.setAttribute("aria-describedby", "keys");
  const seen = element("canvas", { width: 28, height: 28 });
  seen.setAttribute("role", "img");
  seen.setAttribute("aria-label", "The drawing as the network sees it");
  const clear = element("button", { type: "button" }, "Clear");
  const hint = element("p", { id: "keys", className: "faint" },
    "Mouse or finger. With keys: arrows move the pen, space lowers or lifts it, Delete clears.");
  $("question").append(sheet, element("div", { className: "tools" }, clear, seen, element("span", { className: "faint" }, "as the network sees it")), hint);

  const pen = sheet.getContext("2d", { willReadFrequently: true });
  Object.assign(pen, { lineWidth: SIZE / 13, lineCap: "round", lineJoin: "round", strokeStyle: "#000", fillStyle: "#fff" });
  let [x, y, down, waiting] = [SIZE / 2, SIZE / 2, false, false];

  const look = () => {
    waiting = false;
    const { data } = pen.getImageData(0, 0, SIZE, SIZE);
    const bytes = digit(Float64Array.from({ length: SIZE * SIZE }, (_, i) => data[4 * i]), SIZE);
    const image = seen.getContext("2d").createImageData(28, 28);
    for (let i = 0; i < 28 * 28; i++) {
      const byte = bytes ? bytes[i] : 0;
      image.data.set([byte, byte, byte, 255], 4 * i);
    }
    seen.getContext("2d").putImageData(image, 0, 0);
    show(bytes && ask(bytes), "Draw a digit");
  };
  const soon = () => {
    if (!waiting) requestAnimationFrame(look);
    waiting = true;
  };
  const wipe = () => {
    pen.fillRect(0, 0, SIZE, SIZE);
    soon();
  };
  const line = (toX, toY) => {
    pen.beginPath();
    pen.moveTo(x, y);
    pen.lineTo(toX, toY);
    pen.stroke();
    [x, y] = [toX, toY];
    soon();
  };
  const at = (event) => {
    const box = sheet.getBoundingClientRect();
    return [((event.clientX - box.left) * SIZE) / box.width, ((event.clientY - box.top) * SIZE) / box.height];
  };
  sheet.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    sheet.setPointerCapture(event.pointerId);
    down = true;
    [x, y] = at(event);
    line(x, y);
  });
  sheet.addEventListener("pointermove", (event) => {
    if (down && sheet.hasPointerCapture(event.pointerId)) line(...at(event));
  });
  for (const end of ["pointerup", "pointercancel"]) sheet.addEventListener(end, () => { down = false; });
  sheet.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (move) {
      const to = [x, y].map((v, k) => Math.min(Math.max(v + (move[k] * SIZE) / 28, 0), SIZE));
      if (down) line(...to);
      [x, y] = to;
    } else if (event.key === " ") {
      down = !down;
      if (down) line(x, y);
    } else if (event.key === "Delete" || event.key === "Backspace") {
      [x, y, down] = [SIZE / 2, SIZE / 2, false];
      wipe();
    } else return;
    event.preventDefault();
  });
  clear.addEventListener("click", wipe);
  wipe();
}

// A field a column: numbers typed, words chosen.
function table() {
  const form = element("form");
  const fields = program.columns.map((column) => {
    const name = element("span", {}, column.name);
    let field;
    if (column.kind === "number") {
      const [low, high] = column.range.map(short);
      field = element("input", { type: "number", step: "any", value: short(column.fill), placeholder: "not known" });
      name.append(element("span", { className: "faint" }, `${low} to ${high}`));
    } else {
      const option = (text, value) => element("option", { value }, text);
      const others = column.rare ? [option("another", "other")] : [];
      field = element("select", {}, ...column.values.map((value, i) => option(value, i)), ...others, option("not known", "none"));
    }
    form.append(element("label", {}, name, field));
    return field;
  });
  const cells = () => fields.map((field, c) => {
    const column = program.columns[c];
    if (column.kind === "number") return field.value === "" ? null : Number(field.value);
    // No value of a column: of all of them together with one letter more.
    if (field.value === "other") return column.values.join("") + "?";
    return field.value === "none" ? null : column.values[Number(field.value)];
  });
  form.addEventListener("input", () => show(ask(cells())));
  form.addEventListener("submit", (event) => event.preventDefault());
  $("question").append(form);
  show(ask(cells()));
}

// A picture from a file, brought to the network's size.
function picture([channels, height, width]) {
  const file = element("input", { type: "file", accept: "image/*" });
  const seen = element("canvas", { width, height });
  seen.setAttribute("role", "img");
  seen.setAttribute("aria-label", "The picture as the network sees it");
  $("question").append(
    element("label", { className: "wide" }, element("span", {}, "A picture"), file),
    element("div", { className: "tools" }, seen, element("span", { className: "faint" }, `as the network sees it, ${width}×${height}`)));
  file.addEventListener("change", async () => {
    if (!file.files.length) return;
    const image = await createImageBitmap(file.files[0]).catch(() => null);
    if (!image) return show(null, "This is no picture that your browser can read");
    const large = element("canvas", { width: image.width, height: image.height }).getContext("2d");
    large.fillStyle = "#fff";
    large.fillRect(0, 0, image.width, image.height);
    large.drawImage(image, 0, 0);
    const { data } = large.getImageData(0, 0, image.width, image.height);
    const colours = [0, 1, 2].map((c) =>
      resized(Float64Array.from({ length: data.length / 4 }, (_, i) => data[4 * i + c]), image.width, image.height, width, height).map(Math.round));
    const luma = colours[0].map((_, i) => Math.round(0.299 * colours[0][i] + 0.587 * colours[1][i] + 0.114 * colours[2][i]));
    const planes = channels === 3 ? colours : [luma];
    const small = seen.getContext("2d").createImageData(width, height);
    for (let i = 0; i < width * height; i++) {
      small.data.set([planes[0][i], planes[planes.length - 1 >> 1][i], planes[planes.length - 1][i], 255], 4 * i);
    }
    seen.getContext("2d").putImageData(small, 0, 0);
    const row = planes.flat();
    show(ask(program.input === "bytes" ? row : row.map((x) => x / 255)));
  });
  show(null, "Choose a picture");
}

// Numbers alone, as text.
function list() {
  const wanted = program.rows[0].length;
  const what = program.input === "bytes" ? "numbers from 0 to 255" : "numbers";
  const text = element("textarea", { value: program.rows[0].join(", "), spellcheck: false });
  $("question").append(element("label", { className: "wide" }, element("span", {}, `${wanted} ${what}`), text));
  const look = () => {
    const row = text.value.split(/[\s,;]+/).filter(Boolean).map(Number);
    const odd = row.findIndex((x) => !Number.isFinite(x));
    if (odd >= 0) show(null, `number ${odd + 1} is none`);
    else if (row.length !== wanted) show(null, `${row.length} of ${wanted} numbers`);
    else show(ask(row));
  };
  text.addEventListener("input", look);
  look();
}

const most = difference(program.rows, program.answers);
const right = most < 1e-5;
document.documentElement.dataset.check = right ? "right" : "wrong";
document.documentElement.dataset.difference = most;
$("check").textContent = right
  ? `Checked on ${program.rows.length} stored samples: largest difference ${most.toExponential(0)}.`
  : `This page does not compute what it should: it is off by ${most}. Do not trust it.`;
if (!right) $("check").className = "bad";
$("about").textContent = program.about.join("; ");

if (program.columns) table();
else if (program.picture === "digit") drawing();
else if (program.picture) picture(program.shape);
else list();
