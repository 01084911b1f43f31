// The lessons of descent: a ball on a curve, a path on a landscape, and the line that is fitted meanwhile. The places
// are those of the library's own optimizers: the lab is asked for them.

import { api, type Chapter, type Descent, type Preset } from "./api";
import { colours, diverging } from "./colours";
import { BALLS, field, RATES, settingOf, type Ball } from "./descentsetting";
import { fill, h, ltr, say, segmented, set } from "./dom";
import { num, t, type Key } from "./i18n";
import { levels, Plane, type Curve, type Dot, type Place, type Scene } from "./plane";
import { complain } from "./toast";

/** A function as one writes it: powers above the line, and minus signs. */
function written(name: string): string {
  const powers = { 2: "²", 3: "³", 4: "⁴" };
  return name
    .replace(/\^([234])/g, (_, power: string) => powers[Number(power) as 2 | 3 | 4])
    .replace(/(?<![a-z])-|-(?![a-z])/g, "−");
}

/** Builds a lesson of descent. */
export function descentLesson(chapter: Chapter, presets: Preset[]): HTMLElement {
  const setting = settingOf(chapter, presets);
  const balls = new Set<Ball>(["sgd"]);
  let told: Descent[] = [];
  let at = 0;
  let playing: ReturnType<typeof setInterval> | undefined;
  let asked = 0;

  const pictures = setting.scalings.map(
    (): Plane =>
      new Plane(330, {
        add: (place) => {
          const variables = setting.bias ? 2 : (told[0]?.shown.length ?? 1);
          setting.start = variables === 2 ? place : [place[0]];
          refresh();
        },
      }),
  );
  const fitted = new Plane(330, {
    add: (place) => {
      setting.points!.push(place);
      refresh();
    },
    move: (dot, to) => {
      setting.points![dot] = to;
      refresh();
    },
  });
  const slider = h("input", {
    type: "range",
    min: 0,
    step: 1,
    dir: "ltr",
    "aria-label": t("step"),
    oninput: () => {
      at = slider.valueAsNumber;
      stop();
    },
  });
  const play = h("button", { type: "button", class: "round", onclick: () => (playing ? stop() : begin()) });
  const one = h(
    "button",
    {
      type: "button",
      class: "small",
      onclick: () => {
        at = Math.min(setting.steps, at + 1);
        stop();
      },
    },
    t("stepOnce"),
  );
  const said = h("ul", { class: "descent-said", "aria-live": "off" });
  const rate = field(
    t("learningRate"),
    () => setting.lr,
    (value) => ((setting.lr = value), refresh()),
    0,
  );
  const steps = field(
    t("stepsField"),
    () => setting.steps,
    (value) => {
      setting.steps = Math.min(5000, Math.round(value));
      refresh();
    },
    1,
  );
  const names = () =>
    setting.points !== null
      ? ["w", "b"]
      : (told[0]?.shown.length ?? setting.start.length) === 2
        ? ["x", "y"]
        : ["w"];
  const starts = [0, 1].map((i) =>
    field(
      t("startAt", {
        name: (setting.points === null && setting.start.length === 2 ? ["x", "y"] : ["w", "b"])[i]!,
      }),
      () => setting.start[i] ?? 0,
      (value) => {
        setting.start[i] = value;
        refresh();
      },
    ),
  );
  const chooseBalls = BALLS.map((ball) => {
    const input = h("input", {
      type: "checkbox",
      checked: ball === "sgd",
      onchange: () => {
        if (input.checked) balls.add(ball);
        else balls.delete(ball);
        refresh();
      },
    });
    return h("label", { class: `tick ball ball-${ball}` }, input, t(`ball_${ball}` as Key));
  });
  const own = presets.filter((p) => setting.points === null && p.start.length === setting.start.length);
  const presetButtons = own.map((preset) =>
    h(
      "button",
      {
        type: "button",
        class: "small preset",
        onclick: () => {
          Object.assign(setting, {
            function: preset.function,
            start: [...preset.start],
            lr: preset.lr,
            steps: preset.steps,
          });
          at = 0;
          refresh();
          begin();
        },
      },
      rateName(preset),
    ),
  );
  const bias = h("input", {
    type: "checkbox",
    onchange: () => {
      setting.bias = bias.checked;
      setting.start = bias.checked ? [setting.start[0]!, 0] : [setting.start[0]!];
      refresh();
    },
  });
  const residuals = segmented(
    t("residualsOn"),
    [
      { value: false, text: t("asSticks") },
      { value: true, text: t("asSquares") },
    ],
    chapter.drawn !== "scaled",
    (value) => ((square = value), draw()),
  );
  let square = chapter.drawn !== "scaled";
  const titleOf = (scaling: string) =>
    setting.scalings.length === 1
      ? t(setting.points === null ? "theFunction" : "theLoss")
      : t(scaling === "none" ? "rawInputs" : "scaledInputs");
  const figures = pictures.map((picture, i) => {
    const title = titleOf(setting.scalings[i]!);
    const caption = h("figcaption", {}, h("h3", {}, title), picture.saving(title));
    return h("figure", { class: "descent-map" }, caption, picture.el);
  });
  const line = h(
    "figure",
    { class: "descent-line", hidden: setting.points === null },
    h("figcaption", {}, h("h3", {}, t("pointsAndLine")), fitted.saving(t("pointsAndLine"))),
    fitted.el,
  );
  const el = h(
    "div",
    { class: "descent" },
    h("div", { class: "descent-presets" }, ...presetButtons),
    h(
      "div",
      { class: "descent-fields" },
      rate.el,
      steps.el,
      ...starts.map((start) => start.el),
      h("div", { class: "descent-balls", role: "group", "aria-label": t("balls") }, ...chooseBalls),
      chapter.drawn === "line" ? h("label", { class: "tick" }, bias, t("withBias")) : null,
      setting.points === null ? null : residuals.el,
    ),
    h(
      "div",
      { class: "descent-pictures" },
      ...(figures.length > 1 ? [...figures, line] : [line, ...figures]),
    ),
    h("div", { class: "descent-time" }, play, one, slider),
    said,
    h("p", { class: "quiet" }, t(setting.points === null ? "clickStart" : "dragPoints")),
  );

  function rateName(preset: Preset): HTMLElement {
    const { function: name, start, lr } = preset;
    const place = start.map((x) => num(x)).join(", ");
    const rate = name === presets[0]!.function ? RATES.find(([rate]) => rate === lr)?.[1] : undefined;
    return h(
      "span",
      {},
      ltr(written(name)),
      ` ${t("fromAtRate", { place: start.length === 2 ? `(${place})` : place, rate: num(lr) })}`,
      rate === undefined ? null : ` – ${t(rate)}`,
    );
  }

  function begin(): void {
    if (at >= setting.steps) at = 0;
    const stride = Math.max(1, Math.round(setting.steps / 150));
    clearInterval(playing);
    playing = setInterval(() => {
      if (!el.isConnected) return stop();
      // The first steps are the ones to see.
      at = Math.min(setting.steps, at + (at < 20 ? 1 : stride));
      if (at === setting.steps) stop();
      draw();
    }, 70);
    draw();
  }
  function stop(): void {
    clearInterval(playing);
    playing = undefined;
    draw();
  }

  function refresh(): void {
    const mine = ++asked;
    const many = setting.scalings.map((scaling) =>
      api.descend({
        ...(setting.points === null
          ? { function: setting.function! }
          : { points: setting.points, scaling, bias: setting.bias }),
        balls: [...balls].map((optimizer) => ({ optimizer, lr: setting.lr, start: setting.start })),
        steps: setting.steps,
        x: setting.shown[scaling]?.[0] ?? null,
        y: setting.shown[scaling]?.[1] ?? null,
      }),
    );
    Promise.all(many)
      .then((fresh) => {
        if (mine !== asked) return;
        told = fresh;
        at = Math.min(at, setting.steps);
        draw();
      })
      .catch(complain);
  }

  const ballColour = (i: number) => colours().runs[BALLS.indexOf([...balls][i]!)]!;

  function map(plane: Plane, { shown, curve, side, heights, balls: paths }: Descent): void {
    const [x, y] = shown;
    const [first, second] = names();
    const summary = t("descentSummary", {
      n: at,
      place: paths
        .map((p) => (p.places[Math.min(at, p.places.length - 1)] ?? []).map((v) => num(v)).join(", "))
        .join("; "),
    });
    if (y === undefined) {
      const line: Place[] = curve.map((height, i) => [
        x![0] + ((x![1] - x![0]) * i) / (curve.length - 1),
        height,
      ]);
      const [low, high] = [Math.min(...curve), Math.max(...curve)];
      const room = 0.08 * (high - low) || 1;
      const curves: Curve[] = [{ places: line, colour: colours().quiet, width: 2.4 }];
      paths.forEach((path, i) => {
        const walked = path.places.slice(0, at + 1).map(([w], n): Place => [w!, path.heights[n]!]);
        const n = walked.length - 1;
        const slope = path.slopes[n]?.[0];
        if (slope !== undefined && walked[n] !== undefined) {
          const reach = (x![1] - x![0]) / 10;
          const [w, f] = walked[n];
          curves.push({
            places: [
              [w - reach, f - reach * slope],
              [w + reach, f + reach * slope],
            ],
            colour: ballColour(i),
            width: 1.4,
            dash: [5, 4],
          });
        }
        curves.push({ places: walked, colour: ballColour(i), width: 1, dots: true, ball: true });
      });
      plane.draw({
        x: { name: first!, low: x![0], high: x![1] },
        y: { name: setting.points === null ? "f" : t("lossNow"), low: low - room, high: high + room },
        curves,
        summary,
      });
    } else {
      const [low, high] = [Math.min(...heights), Math.max(...heights)];
      // What is low is what matters of a loss.
      const bowl = setting.points !== null;
      const part = (f: number) =>
        bowl ? Math.cbrt((f - low) / (high - low || 1)) : (f - low) / (high - low || 1);
      const field: Scene["field"] = { side, colours: heights.map((f) => diverging(0.8 * (2 * part(f) - 1))) };
      const curves = paths.map((path, i): Curve => {
        const places = path.places.slice(0, at + 1).map(([a, b]): Place => [a!, b!]);
        return { places, colour: ballColour(i), width: 1.6, dots: true, ball: true };
      });
      const contours = { side, heights, levels: levels(heights, 14, bowl) };
      plane.draw({
        x: { name: first!, low: x![0], high: x![1] },
        y: { name: second!, low: y[0], high: y[1] },
        field,
        contours,
        curves,
        summary,
      });
    }
    plane.canvas.dataset.step = String(at);
  }

  function drawLine(): void {
    const points = setting.points!;
    const dots: Dot[] = points.map((place) => ({
      at: place,
      shape: 0,
      colour: [100, 110, 140],
      large: true,
    }));
    const xs = points.map((p) => p[0]);
    const ys = points.map((p) => p[1]);
    const near = chapter.drawn === "scaled";
    const [left, right] = [near ? Math.min(...xs) : Math.min(0, ...xs), Math.max(...xs)];
    const [low, high] = [near ? Math.min(...ys) : Math.min(0, ...ys), Math.max(...ys)];
    const [roomX, roomY] = [0.15 * (right - left) || 1, 0.25 * (high - low) || 1];
    const x = { name: chapter.drawn === "scaled" ? t("area") : "x", low: left - roomX, high: right + roomX };
    const y = { name: chapter.drawn === "scaled" ? t("price") : "y", low: low - roomY, high: high + roomY };
    const curves: Curve[] = [];
    const residuals: Scene["residuals"] = [];
    told.forEach((descent, n) => {
      descent.balls.forEach((path, i) => {
        const [w, b] = path.places[Math.min(at, path.places.length - 1)] ?? [0];
        const f = (value: number) => w! * ((value - descent.centre) / descent.scale) + (b ?? 0);
        curves.push({
          places: [
            [x.low, f(x.low)],
            [x.high, f(x.high)],
          ],
          colour: ballColour(i),
          width: 2.6,
          dash: told.length > 1 && n === 0 ? [7, 5] : [],
        });
        if (i === 0 && n === told.length - 1)
          for (const place of points) residuals.push({ from: place, to: f(place[0]), square });
      });
    });
    fitted.draw({ x, y, dots, curves, residuals, summary: t("lineSummary", { n: points.length }) });
  }

  function draw(): void {
    if (told.length === 0) return;
    told.forEach((descent, i) => map(pictures[i]!, descent));
    if (setting.points !== null) drawLine();
    set(slider, { max: setting.steps });
    slider.value = String(at);
    say(play, playing ? "❚❚" : "▶");
    set(play, { "aria-label": playing ? t("pause") : t("playTime") });
    [rate, steps, ...starts].forEach((one) => one.show());
    starts[1]!.el.hidden = told[0]!.shown.length < 2;
    fill(
      said,
      ...told.flatMap((descent, n) => descent.balls.map((path, i) => h("li", {}, sentence(path, i, n)))),
    );
  }

  function sentence(path: Descent["balls"][number], i: number, n: number): HTMLElement {
    const step = Math.min(at, path.places.length - 1);
    const place = names().slice(0, path.places[0]!.length);
    const where = place.map((name, v) => `${name} = ${num(path.places[step]![v])}`).join("   ");
    const slope = path.slopes[step]!.map((v) => num(v)).join(", ");
    const loss = `${setting.points === null ? "f" : "loss"} = ${num(path.heights[step])}`;
    const scaling = told.length > 1 ? t(n === 0 ? "rawInputs" : "scaledInputs") : "";
    const diverged = path.diverged && at >= path.places.length - 1 ? t("itDiverged") : "";
    return h(
      "span",
      {},
      h("span", { class: "swatch", style: `background: ${ballColour(i)}`, "aria-hidden": "true" }),
      `${t(`ball_${[...balls][i]!}` as Key)} ${scaling} `,
      ltr(`${step}:  ${where}   ${loss}   ∇ = ${slope}`, "code"),
      diverged === "" ? null : h("b", {}, ` ${diverged}`),
    );
  }

  refresh();
  return el;
}
