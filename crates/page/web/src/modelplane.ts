// The run's model over one or two of its inputs: it moves with the run and with time. Its points can be changed, and
// the changed ones be trained on.

import { api, type Plane as Told, type Run, type Spec } from "./api";
import { colours, css, diverging } from "./colours";
import { announce, fill, h, say, set } from "./dom";
import { follow } from "./follow";
import { className, num, t } from "./i18n";
import { Plane, type Curve, type Dot, type Place, type Rgb, type Scene } from "./plane";
import { start } from "./start";
import { learnedData, on, selected, state } from "./state";
import { complain } from "./toast";

/** A point as it is drawn: x, y, its class's place or its number, 1 in the test part. */
type Spot = [number, number, number, number];

/** A run on changed points takes about so many seconds. */
const SECONDS = 5;

/** The colour of a class among so many. */
export function classColour(place: number, count: number): Rgb {
  const { plus, minus, runs } = colours();
  if (count <= 2) return place === 1 ? plus : minus;
  const n = parseInt(runs[place % runs.length]!.slice(1), 16);
  return [n >> 16, (n >> 8) & 255, n & 255];
}

function mixed(colour: Rgb, strength: number): Rgb {
  const { zero } = colours();
  return zero.map((c, i) => c + (colour[i]! - c) * strength) as Rgb;
}

function fieldColours(told: Told, low: number, high: number): Rgb[] {
  const { classes, values } = told.field!;
  const count = told.names.length;
  return values.map((value, i) => {
    if (count === 0) return diverging(0.6 * ((2 * (value - low)) / (high - low || 1) - 1));
    if (count === 2) return diverging(0.42 * (2 * value - 1));
    const chance = 1 / count;
    return mixed(classColour(classes[i]!, count), 0.08 + (0.36 * (value - chance)) / (1 - chance));
  });
}

/** Where z = 0 between three corners: a neuron's line across the plane. */
function neuronLine([a, b, c]: [number, number, number], told: Told): Place[] | null {
  // z = a + (b − a)·u + (c − a)·v with u, v from 0 to 1.
  const [du, dv] = [b - a, c - a];
  const ends: Place[] = [];
  for (const u of [0, 1]) if (dv !== 0) ends.push([u, (-a - du * u) / dv]);
  for (const v of [0, 1]) if (du !== 0) ends.push([(-a - dv * v) / du, v]);
  const inside = ends.filter(([u, v]) => u > -1e-9 && u < 1 + 1e-9 && v > -1e-9 && v < 1 + 1e-9);
  if (inside.length < 2) return null;
  const { x, y } = told;
  const placed = ([u, v]: Place): Place => [x.low + u * (x.high - x.low), y!.low + v * (y!.high - y!.low)];
  return [placed(inside[0]!), placed(inside.at(-1)!)];
}

/** The boundary between yes and no: where the field crosses one half. */
function boundary(told: Told): Scene["contours"] {
  if (told.field === null || told.names.length !== 2) return undefined;
  return { side: told.field.side, heights: told.field.values, levels: [0.5] };
}

function span(values: number[]): [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = 0.06 * (high - low) || 1;
  return [low - room, high + room];
}

/** The panel; `axes` are drawn at first, where the run has them. */
export function modelPlane(axes: () => [string, string] | null = () => null): {
  el: HTMLElement;
  show: () => void;
} {
  let told: Told | null = null;
  let edited: Spot[] | null = null;
  let of = "";
  let chosen: { x: string | null; y: string | null } = { x: null, y: null };
  const plane = new Plane(360, { add: (at) => added(at), move: (dot, to, done) => moved(dot, to, done) });
  const parts = new Plane(200);
  const axis = (which: "x" | "y") =>
    h("select", {
      "aria-label": t(which === "x" ? "axisAcross" : "axisUp"),
      onchange: (event: Event) => {
        chosen[which] = (event.target as HTMLSelectElement).value;
        poke();
      },
    });
  const [across, up] = [axis("x"), axis("y")];
  const tick = (key: "neuronLines" | "residualsOn" | "asSquares", checked: boolean) => {
    const input = h("input", { type: "checkbox", checked, onchange: () => draw() });
    return { input, el: h("label", { class: "tick" }, input, t(key)) };
  };
  const lines = tick("neuronLines", true);
  const sticks = tick("residualsOn", true);
  const squares = tick("asSquares", false);
  const legend = h("ul", { class: "plane-legend" });
  const said = h("p", { class: "quiet plane-said", "aria-live": "off" });
  const classChoice = h("select", { "aria-label": t("newPointsClass") });
  const train = h("button", { type: "button", class: "primary small train-points" }, t("trainOnThese"));
  const undo = h(
    "button",
    {
      type: "button",
      class: "small",
      onclick: () => {
        edited = null;
        draw();
      },
    },
    t("pointsAsTheyWere"),
  );
  const editing = h(
    "div",
    { class: "plane-edit" },
    h("span", {}, t("addPointHint")),
    classChoice,
    train,
    undo,
  );
  const kinks = h(
    "figure",
    { hidden: true },
    h("figcaption", {}, h("h3", {}, t("kinks")), parts.saving(t("kinks"))),
    parts.el,
  );
  const choice = h("div", { class: "plane-axes" }, across, h("span", { "aria-hidden": "true" }, "×"), up);
  const none = h("p", { class: "quiet", hidden: true }, t("noPlane"));
  const body = h(
    "div",
    { class: "plane-body" },
    h("div", { class: "plane-tools" }, choice, lines.el, sticks.el, squares.el, plane.saving(t("thePlane"))),
    plane.el,
    legend,
    said,
    editing,
    kinks,
  );
  const el = h("div", { class: "model-plane" }, none, body);

  const editable = () => {
    if (told === null || !selected()?.data) return false;
    return told.inputs.length === (told.y === null ? 1 : 2);
  };
  const spots = (): Spot[] => edited ?? ((told?.spots ?? []) as Spot[]);
  const begin = () => (edited ??= spots().map((spot) => [...spot] as Spot));

  function added([x, y]: Place): void {
    if (!editable() || told === null) return;
    begin().push([x, y, told.y === null && told.names.length === 0 ? y : Number(classChoice.value), 0]);
    announce(t("pointAdded", { x: num(x, 3), y: num(y, 3) }), true);
    draw();
  }
  function moved(dot: number, [x, y]: Place, _done: boolean): void {
    if (!editable() || told === null) return;
    const spot = begin()[dot];
    if (spot === undefined) return;
    [spot[0], spot[1]] = [x, y];
    if (told.y === null && told.names.length === 0) spot[2] = y;
    draw();
  }

  set(train, {
    onclick: async () => {
      const run = selected();
      if (run === null || told === null || run.spec === null) return;
      const { x, y, target, names } = told;
      const answer = target ?? "y";
      const head = [x.name, ...(y === null ? [] : [y.name]), answer];
      const rows = spots().map(([px, py, truth]) => [
        px,
        ...(y === null ? [] : [py]),
        names.length === 0 ? truth : (names[truth] ?? ""),
      ]);
      const table = [head, ...rows].map((row) => row.join(",")).join("\n") + "\n";
      try {
        const data = await api.addData(new File([table], "points.csv", { type: "text/csv" }));
        learnedData(data);
        // All of them at once, where the run took all of its own.
        const batch = run.spec.batch_size ?? 50;
        const test = spots().filter((spot) => spot[3] === 1).length / rows.length;
        const learnt = Math.round(rows.length * (1 - test));
        const few = Math.max(1, Math.min(batch, learnt));
        // As large a part is tested on as was of the points before.
        const asked = { data: data.id, is: null, target: answer, batch_size: few, test_fraction: test };
        const spec = { ...run.spec, ...asked } as Spec;
        const steps = Math.ceil(learnt / few) * spec.epochs;
        await start(spec, Math.max(50, steps / SECONDS));
      } catch (error) {
        complain(error);
      }
    },
  });

  function draw(): void {
    if (told === null) return;
    const { curve, names, x, y } = told;
    const all = spots();
    const truths = all.map((spot) => spot[2]);
    const [low, high] =
      names.length > 0 ? [0, 1] : span(told.field?.values.concat(truths) ?? truths.concat(curve?.ys ?? []));
    // Few that are learnt from are seen among many that are not.
    const learnt = all.filter((spot) => spot[3] === 0).length;
    const dots: Dot[] = all.map(([px, py, truth, test]) => ({
      at: [px, py],
      shape: names.length > 0 ? truth : 0,
      colour:
        names.length > 0
          ? classColour(truth, names.length)
          : y === null
            ? [120, 130, 150]
            : diverging((2 * (truth - low)) / (high - low) - 1),
      hollow: test === 1,
      large: (test === 1 ? all.length : learnt) <= 60,
    }));
    const { ink, wire, runs } = colours();
    const summary = t("planeSummary", {
      n: all.length,
      step: told.step,
      x: x.name,
      y: y?.name ?? told.target ?? "y",
    });
    const curves: Curve[] = [];
    if (curve !== null) {
      const line: Place[] = curve.xs.map((at, i) => [at, curve.ys[i]!]);
      curves.push({ places: line, colour: runs[1]!, width: 3 });
      const residuals =
        names.length > 0 || !sticks.input.checked || all.length > 220
          ? []
          : all.map(([px, py]) => {
              return {
                from: [px, py] as Place,
                to: between(curve.xs, curve.ys, px),
                square: squares.input.checked,
              };
            });
      const [bottom, top] = names.length > 0 ? [-0.1, 1.1] : [low, high];
      plane.draw({
        x,
        y: { name: told.target ?? "y", low: bottom, high: top },
        dots,
        curves,
        residuals,
        summary,
      });
      drawParts(told);
    } else {
      if (lines.input.checked)
        for (const corners of told.lines) {
          const places = neuronLine(corners, told);
          if (places !== null)
            curves.push({ places, colour: told.lines.length === 1 ? ink : wire, width: 1.2, dash: [6, 4] });
        }
      const field = { side: told.field!.side, colours: fieldColours(told, low, high) };
      plane.draw({ x, y: y!, field, contours: boundary(told), dots, curves, summary });
    }
    sticks.el.hidden = squares.el.hidden = curve === null || names.length > 0 || all.length > 220;
    lines.el.hidden = curve !== null;
    kinks.hidden = curve === null || curve.parts.length === 0;
    choice.hidden = told.inputs.length < 3;
    editing.hidden = !editable();
    classChoice.hidden = names.length === 0;
    train.hidden = undo.hidden = edited === null;
    plane.canvas.dataset.step = String(told.step);
    plane.canvas.dataset.points = String(all.length);
    const hints = [
      all.some((spot) => spot[3] === 1) ? t("hollowIsTest") : "",
      told.inputs.length > 2 ? t("othersAsUsual") : "",
    ];
    say(said, hints.join(" ").trim());
  }

  function drawParts({ curve, x }: Told): void {
    if (curve === null || curve.parts.length === 0) return;
    const [low, high] = span(curve.parts.flat());
    const { runs } = colours();
    const curves = curve.parts.map((part, i) => ({
      places: part.map((y, j): Place => [curve.xs[j]!, y]),
      colour: css(diverging(i % 2 === 0 ? 0.9 : -0.9), 0.65),
      width: 1.3,
    }));
    parts.draw({
      x,
      y: { name: "", low, high },
      curves: [
        ...curves,
        {
          places: [
            [x.low, 0],
            [x.high, 0],
          ],
          colour: runs[5]!,
          width: 1,
        },
      ],
      summary: t("kinksSummary", { n: curve.parts.length }),
    });
  }

  function choices(fresh: Told): void {
    for (const [select, name] of [
      [across, fresh.x.name],
      [up, fresh.y?.name ?? ""],
    ] as const) {
      if (select.options.length !== fresh.inputs.length)
        fill(select, ...fresh.inputs.map((input) => h("option", { value: input }, input)));
      select.value = name;
    }
    const shown = fresh.names.map(className);
    fill(
      legend,
      ...shown.map((name, i) =>
        h(
          "li",
          {},
          h("span", { class: `mark mark-${i % 3}`, style: `--mark: ${css(classColour(i, shown.length))}` }),
          h("bdi", {}, name),
        ),
      ),
    );
    if (classChoice.options.length !== shown.length)
      fill(classChoice, ...shown.map((name, i) => h("option", { value: i }, name)));
  }

  const poke = follow(
    el,
    () => 90,
    async (run: Run | null) => {
      if (run === null) return;
      if (run.id !== of) {
        [of, edited] = [run.id, null];
        const first = axes();
        const has = (name: string) => run.columns?.some((column) => column.name === name) ?? false;
        chosen = first !== null && first.every(has) ? { x: first[0], y: first[1] } : { x: null, y: null };
      }
      const flat = run.shape.length === 1;
      none.hidden = flat;
      body.hidden = !flat;
      if (!flat) return;
      const fresh = await api.plane(run.id, { ...chosen, step: state.moment });
      if (run.id !== selected()?.id) return;
      told = fresh;
      choices(fresh);
      draw();
    },
  );
  on(["runs"], poke);
  return { el, show: poke };
}

/** A curve's height between its places. */
function between(xs: number[], ys: number[], x: number): number {
  const step = (xs.at(-1)! - xs[0]!) / (xs.length - 1);
  const at = Math.max(0, Math.min(xs.length - 2, Math.floor((x - xs[0]!) / step)));
  const part = (x - xs[at]!) / step;
  return ys[at]! + (ys[at + 1]! - ys[at]!) * Math.max(0, Math.min(1, part));
}
