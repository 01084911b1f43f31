// An answer of the network laid open: what it says, how sure, what it saw, which neurons lit up, what spoke for it.

import type { Run, Trace } from "./api";
import { colours, css, onScheme } from "./colours";
import { fill, h, ltr, s, say } from "./dom";
import { className, int, num, percent, signed, t } from "./i18n";
import { recorded } from "./pen";
import { board, paintEvidence, paintGrey, reach } from "./picture";
import { traceSentence } from "./network";
import { saveButtons } from "./share";
import { inputSaid, legend } from "./weights";

export interface Answer {
  el: HTMLElement;
  show: (run: Run, trace: Trace) => void;
  clear: (why: string) => void;
}

/** The panel; `what` names what the network saw. */
export function answerPanel(what: string): Answer {
  const big = h("p", { class: "answer-big" });
  const sure = h("p", { class: "answer-sure" });
  const bars = h("ul", { class: "bars" });
  const saw = board(28, 28, what);
  const evidence = board(28, 28, t("evidence"), "evidence");
  const list = h("ol", { class: "evidence-list" });
  const listTitle = h("h3", {}, t("evidence"));
  const neurons = h("div", { class: "neurons" });
  const save = saveButtons(t("evidence"), () =>
    last?.[1].evidence ? recorded(() => shownEvidence(...last!), colours().card) : null,
  );
  const shownEvidence = ({ shape }: Run, { input, evidence: told }: Trace) => {
    if (told) paintEvidence(evidence, input, told, shape[2] ?? 28, shape[1] ?? 28);
  };
  const pictures = h(
    "div",
    { class: "saw" },
    h("figure", {}, h("figcaption", {}, what), saw),
    h("figure", {}, h("figcaption", {}, t("evidence")), evidence, legend(t("against"), t("forIt")), save),
  );
  const listing = h("div", {}, listTitle, legend(t("against"), t("forIt")), list);
  const details = h("div", { class: "answer-body" }, bars, pictures, listing, neurons);
  const el = h("div", { class: "answer" }, big, sure, details);
  let last: [Run, Trace] | null = null;

  const show = (run: Run, trace: Trace) => {
    last = [run, trace];
    el.classList.remove("nothing");
    details.hidden = false;
    const shares = trace.probabilities;
    if (shares === null) {
      fill(big, ltr(num(trace.value)));
      say(sure, trace.truth === undefined ? (run.spec?.target ?? "") : traceSentence(trace));
      bars.hidden = true;
    } else {
      const ranked = Object.entries(shares).sort((a, b) => b[1] - a[1]);
      const [best, share] = ranked[0] ?? ["", 0];
      fill(big, h("bdi", {}, className(best)));
      say(sure, trace.truth === undefined ? t("sure", { share: percent(share, 1) }) : traceSentence(trace));
      bars.hidden = false;
      drawBars(bars, run.names ?? Object.keys(shares), shares, best);
    }
    const pictured = run.shape.length === 3;
    pictures.hidden = !pictured;
    listing.hidden = pictured || trace.evidence === null;
    const [channels = 1, height = 28, width = 28] = pictured ? run.shape : [];
    if (pictured) {
      if (saw.width !== width || saw.height !== height) Object.assign(saw, { width, height });
      paintGrey(saw, trace.input, channels, 255);
      evidence.parentElement!.hidden = trace.evidence === null;
      shownEvidence(run, trace);
    } else if (trace.evidence) drawList(list, run, trace);
    drawNeurons(neurons, trace);
    el.dataset.step = String(trace.step);
  };
  onScheme(() => last && show(...last));

  return {
    el,
    show,
    clear(why) {
      last = null;
      el.classList.add("nothing");
      say(big, "?");
      say(sure, why);
      details.hidden = true;
      delete el.dataset.step;
    },
  };
}

function drawBars(host: HTMLElement, names: string[], shares: Record<string, number>, best: string): void {
  if (host.childElementCount !== names.length || host.dataset.names !== names.join("|")) {
    host.dataset.names = names.join("|");
    fill(
      host,
      ...names.map((name) =>
        h(
          "li",
          {},
          h("span", { class: "bar-name" }, h("bdi", {}, className(name))),
          h("span", { class: "bar-track" }, h("span", { class: "bar-part" })),
          h("span", { class: "bar-number", dir: "ltr" }),
        ),
      ),
    );
  }
  names.forEach((name, i) => {
    const row = host.children[i]!;
    const share = shares[name] ?? 0;
    row.classList.toggle("best", name === best);
    row.querySelector<HTMLElement>(".bar-part")!.style.inlineSize = `${share * 100}%`;
    say(row.querySelector(".bar-number")!, percent(share, 1));
  });
}

/** Of a table: the inputs that spoke the loudest, for or against. */
function drawList(host: HTMLElement, run: Run, trace: Trace): void {
  const { evidence, input } = trace;
  const most = reach(evidence!) || 1;
  const order = [...evidence!.keys()]
    .sort((a, b) => Math.abs(evidence![b]!) - Math.abs(evidence![a]!))
    .slice(0, 12);
  fill(
    host,
    ...order.map((i) => {
      const e = evidence![i]!;
      const bar = h("span", { class: e < 0 ? "side minus" : "side plus" });
      bar.style.inlineSize = `${Math.min(1, Math.abs(e) / most) * 50}%`;
      return h(
        "li",
        {},
        h("bdi", { class: "bar-name", title: num(input[i], 3) }, inputSaid(run, i, input[i])),
        h("span", { class: "two-sided", dir: "ltr" }, bar),
        h("span", { class: "bar-number", dir: "ltr" }, signed(e, 2)),
      );
    }),
  );
}

const MOST = 200;

/** The hidden neurons, a cell each: as full as the neuron is active. */
function drawNeurons(host: HTMLElement, trace: Trace): void {
  const hidden = trace.layers.slice(0, -1);
  host.hidden = hidden.length === 0;
  fill(
    host,
    ...hidden.map((layer, at) => {
      const values = layer.values.slice(0, MOST);
      const most = Math.max(1e-12, ...layer.values.map(Math.abs));
      const lit = layer.values.filter((v) => v > 0.001 * most).length;
      const columns = Math.min(values.length, 25);
      const lines = Math.ceil(values.length / columns);
      const { plus, minus, wire } = colours();
      const cells = values.map((v, n) => {
        const strength = Math.sqrt(Math.min(1, Math.abs(v) / most));
        const cx = (n % columns) * 12 + 6;
        const cy = Math.floor(n / columns) * 12 + 6;
        return s(
          "g",
          {},
          s("title", {}, `#${n + 1}: ${num(v, 3)}`),
          s("circle", { cx, cy, r: 5, fill: "none", stroke: wire }),
          strength > 0.05 &&
            (v < 0
              ? s("rect", {
                  x: cx - 4.5 * strength,
                  y: cy - 1.5,
                  width: 9 * strength,
                  height: 3,
                  fill: css(minus),
                })
              : s("circle", { cx, cy, r: 5 * strength, fill: css(plus) })),
        );
      });
      const label = t("litUp", { lit, of: layer.values.length, n: at + 1 });
      return h(
        "figure",
        {},
        h(
          "figcaption",
          {},
          label,
          layer.values.length > MOST ? ` (${t("firstOf", { n: MOST, of: int(layer.values.length) })})` : "",
        ),
        s(
          "svg",
          {
            viewBox: `0 0 ${columns * 12} ${lines * 12}`,
            class: "lamps",
            role: "img",
            "aria-label": label,
            style: `max-inline-size:${columns * 26}px`,
          },
          ...cells,
        ),
      );
    }),
  );
}
