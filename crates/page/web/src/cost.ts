// The lesson of what a probability costs: two curves, and a probability to move along them.

import { colours } from "./colours";
import { h, ltr, say } from "./dom";
import { num, t } from "./i18n";
import { Plane, type Place } from "./plane";

/** The two curves of what a probability costs, and a probability to move. */
export function costLesson(): HTMLElement {
  let p = 0.9;
  const plane = new Plane(330, { add: ([x]) => put(x) });
  const said = h("p", { class: "result", "aria-live": "polite" });
  const slider = h("input", {
    type: "range",
    min: 0.005,
    max: 0.995,
    step: 0.005,
    dir: "ltr",
    "aria-label": t("probability"),
    oninput: () => put(slider.valueAsNumber),
  });
  const put = (value: number) => {
    p = Math.max(0.005, Math.min(0.995, value));
    draw();
  };
  const ps = Array.from({ length: 199 }, (_, i) => (i + 1) / 200);
  const draw = () => {
    const { runs } = colours();
    const yes = ps.map((q): Place => [q, -Math.log(q)]);
    const no = ps.map((q): Place => [q, -Math.log(1 - q)]);
    const [ifYes, ifNo] = [-Math.log(p), -Math.log(1 - p)];
    const text = t("costSaid", { p: num(p, 3), yes: num(ifYes, 2), no: num(ifNo, 2) });
    slider.value = String(p);
    say(said, text);
    plane.draw({
      x: { name: "p", low: 0, high: 1 },
      y: { name: t("lossNow"), low: 0, high: 5.4 },
      curves: [
        { places: yes, colour: runs[0]!, width: 2.6 },
        { places: no, colour: runs[1]!, width: 2.6, dash: [8, 4] },
        {
          places: [
            [0, Math.LN2],
            [1, Math.LN2],
          ],
          colour: colours().wire,
          width: 1,
          dash: [3, 3],
        },
        { places: [[p, ifYes]], colour: runs[0]!, ball: true },
        { places: [[p, ifNo]], colour: runs[1]!, ball: true },
      ],
      summary: text,
    });
  };
  const legend = h(
    "ul",
    { class: "plane-legend" },
    h("li", {}, h("span", { class: "mark", style: "--mark: var(--run-1)" }), t("wasYes"), ltr(" −ln p")),
    h("li", {}, h("span", { class: "mark", style: "--mark: var(--run-2)" }), t("wasNo"), ltr(" −ln(1 − p)")),
  );
  draw();
  return h("div", { class: "descent" }, plane.el, legend, plane.saving(t("probability")), slider, said);
}
