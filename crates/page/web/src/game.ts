// The lesson of the game: a network learns tic-tac-toe while one watches. Each free square shows what a move there is
// worth; one plays against it, and sees a batch of what it remembers become what it is taught.

import { api, type GameTold } from "./api";
import { colours, onScheme } from "./colours";
import { announce, fill, h, ltr, say, segmented, set } from "./dom";
import { int, num, percent, t } from "./i18n";
import { Plane, type Place } from "./plane";
import { complain } from "./toast";

const GAMES = 30_000;
const SHOWN = 6;

/** What the page remembers of the network while it is open: the lab has the network itself. */
let last: GameTold | null = null;

/** Builds the lesson. */
export function gameLesson(): HTMLElement {
  let board = Array<number>(9).fill(0);
  let learning = false;
  let over: string | null = null;
  let draws = 0;
  const how = { lr: 0.1, discount: 0.99, curious: null as number | null, target: true, double: false };

  const squares = board.map((_, i) => {
    const bar = h("span", { class: "q-bar", "aria-hidden": "true" });
    const value = h("span", { class: "q-value", dir: "ltr" });
    const sign = h("span", { class: "q-sign" });
    const el = h(
      "button",
      { type: "button", class: "square", onclick: () => void reply(i) },
      sign,
      value,
      bar,
    );
    return { el, bar, value, sign };
  });
  const grid = h(
    "div",
    { class: "game-board", role: "group", "aria-label": t("theBoard"), dir: "ltr" },
    ...squares.map((s) => s.el),
  );
  const verdict = h("p", { class: "result", "aria-live": "polite" });
  const learn = h("button", {
    type: "button",
    class: "primary game-learn",
    onclick: () => (learning ? pause() : void begin()),
  });
  const anew = h("button", { type: "button", class: "small", onclick: () => void fresh() }, t("forgetAll"));
  const again = h(
    "button",
    { type: "button", class: "small game-again", onclick: () => void newGame() },
    t("newGame"),
  );
  const test = h(
    "button",
    { type: "button", class: "small game-test", onclick: () => void tested() },
    t("test1000"),
  );
  const facts = h("p", { class: "quiet game-facts", "aria-live": "off" });
  const outcome = h("p", { class: "result game-tested", "aria-live": "polite" });
  const curve = new Plane(220);
  const batch = h("div", { class: "game-batch" });
  const batchButton = h(
    "button",
    { type: "button", class: "small game-recall", onclick: () => void recall() },
    t("drawBatch"),
  );

  const slider = (
    label: string,
    low: number,
    high: number,
    step: number,
    value: number,
    put: (value: number) => void,
  ) => {
    const said = h("output", { dir: "ltr" }, num(value));
    const input = h("input", {
      type: "range",
      min: low,
      max: high,
      step,
      value: String(value),
      dir: "ltr",
      "aria-label": label,
      oninput: () => say(said, num(input.valueAsNumber)),
      onchange: () => {
        put(input.valueAsNumber);
        void changed();
      },
    });
    return h("label", { class: "field" }, h("span", {}, label, " ", said), input);
  };
  const tick = (label: string, checked: boolean, put: (on: boolean) => void) => {
    const input = h("input", {
      type: "checkbox",
      checked,
      onchange: () => {
        put(input.checked);
        void changed();
      },
    });
    return h("label", { class: "tick" }, input, label);
  };
  const curious = slider(t("curiosity"), 0, 1, 0.01, 0.1, (value) => (how.curious = value));
  const falls = segmented(
    t("curiosityHow"),
    [
      { value: true, text: t("curiosityFalls") },
      { value: false, text: t("curiosityFixed") },
    ],
    true,
    (value) => {
      how.curious = value ? null : Number(curious.querySelector("input")!.value);
      curious.hidden = value;
      void changed();
    },
  );
  curious.hidden = true;
  const settings = h(
    "div",
    { class: "game-settings" },
    falls.el,
    curious,
    slider(t("discount"), 0, 1, 0.01, how.discount, (value) => (how.discount = value)),
    slider(t("learningRate"), 0.01, 0.5, 0.01, how.lr, (value) => (how.lr = value)),
    tick(t("targetNetwork"), true, (on) => (how.target = on)),
    tick(t("doubleDqn"), false, (on) => (how.double = on)),
  );
  const el = h(
    "div",
    { class: "game" },
    h("div", { class: "game-play" }, grid, verdict, again),
    h(
      "div",
      { class: "game-side" },
      h("div", { class: "course-begin" }, learn, test, anew),
      facts,
      outcome,
      h("figure", {}, h("figcaption", {}, h("h3", {}, t("wonCurve")), curve.saving(t("wonCurve"))), curve.el),
      settings,
    ),
    h(
      "div",
      { class: "game-memory" },
      h("h3", {}, t("replay")),
      h("p", { class: "quiet" }, t("replayHint")),
      batchButton,
      batch,
    ),
  );

  async function ask(what: Record<string, unknown>): Promise<GameTold> {
    const told = await api.game(what);
    last = told;
    showFacts(told);
    return told;
  }
  async function guarded(act: () => Promise<void>): Promise<void> {
    await act().catch(complain);
  }

  const fresh = () =>
    guarded(async () => {
      pause();
      await ask({ do: "new", seed: 0, how });
      fill(batch);
      say(outcome, "");
      await newGame();
    });
  const changed = () =>
    guarded(async () => {
      if (last !== null) await ask({ do: "change", how });
    });

  async function begin(): Promise<void> {
    learning = true;
    show();
    try {
      while (learning && el.isConnected && (last?.games ?? 0) < GAMES) {
        const told = await ask({ do: "learn", most: Math.min(200, GAMES - (last?.games ?? 0)) });
        if (told.games % 5 === 0 || told.games < 2000) await look(false);
        await new Promise((done) => setTimeout(done, 0));
      }
    } catch (error) {
      complain(error);
    }
    pause();
    if (el.isConnected) await guarded(() => look(false));
  }
  function pause(): void {
    learning = false;
    show();
  }

  const tested = () =>
    guarded(async () => {
      const { tested } = await ask({ do: "test", games: 1000 });
      const [won, lost, drawn] = tested ?? [0, 0, 0];
      say(outcome, t("gameTested", { won, lost, drawn }));
    });

  /** X, the network, begins. */
  const newGame = () =>
    guarded(async () => {
      board = Array<number>(9).fill(0);
      over = null;
      await look(true);
    });

  /** Shows what the squares are worth; where it is the network's turn it may move. */
  async function look(move: boolean): Promise<void> {
    const told = await ask({ do: "look", board });
    over = told.over;
    const turn = board.filter((s) => s === 1).length === board.filter((s) => s === -1).length;
    if (move && turn && told.over === null && told.best !== null) {
      // What it saw before its move is what made it move.
      drawBoard(told);
      board[told.best] = 1;
      squares[told.best]!.el.classList.add("fresh");
      const after = await ask({ do: "look", board });
      over = after.over;
      drawBoard({ ...told, over: after.over }, told.best);
      return;
    }
    drawBoard(told);
  }

  const reply = (i: number) =>
    guarded(async () => {
      if (over !== null || board[i] !== 0) return;
      board[i] = -1;
      const told = await ask({ do: "look", board });
      over = told.over;
      drawBoard(told);
      if (over === null) await look(true);
    });

  function drawBoard(told: GameTold, moved?: number): void {
    squares.forEach(({ el, bar, value, sign }, i) => {
      const taken = board[i]!;
      const q = told.values[i] ?? null;
      say(sign, taken === 1 ? "×" : taken === -1 ? "○" : "");
      el.classList.toggle("fresh", moved === i);
      const shownQ = q !== null && (taken === 0 || moved === i);
      bar.style.inlineSize = shownQ ? `${Math.min(100, Math.abs(q) * 100)}%` : "0";
      bar.classList.toggle("below", (q ?? 0) < 0);
      say(value, shownQ ? `Q ${num(q, 2)}` : "");
      const place = `${Math.floor(i / 3) + 1}, ${(i % 3) + 1}`;
      const what = `${sign.textContent} ${value.textContent}`.trim() || t("free");
      set(el, {
        "aria-label": `${place}: ${what}`,
        "aria-disabled": taken !== 0 || over !== null ? "true" : null,
      });
    });
    const text =
      over === null
        ? t("yourTurn")
        : over === "x"
          ? t("networkWon")
          : over === "o"
            ? t("youWon")
            : t("aDraw");
    if (over !== null && verdict.textContent !== text) announce(text, true);
    say(verdict, text);
  }

  function showFacts(told: GameTold): void {
    say(facts, t("gameFacts", { games: told.games, epsilon: num(told.curious, 3), n: told.remembered }));
    const games = Math.max(1000, told.curve.at(-1)?.[0] ?? 0);
    const line = (which: 1 | 2): Place[] => told.curve.map((point) => [point[0], point[which] * 100]);
    const { runs } = colours();
    const won = told.curve.at(-1)?.[1];
    curve.draw({
      x: { name: t("gamesAxis"), low: 0, high: games },
      y: { name: "%", low: 0, high: 100 },
      curves: [
        { places: line(1), colour: runs[0]!, width: 2.4 },
        { places: line(2), colour: runs[1]!, width: 1.6, dash: [5, 4] },
      ],
      summary: t("wonSummary", { games: told.games, won: won === undefined ? "–" : percent(won, 0) }),
    });
    curve.canvas.dataset.games = String(told.games);
    set(batchButton, { disabled: told.remembered < 64 });
    show();
  }

  function show(): void {
    say(learn, learning ? t("pause") : (last?.games ?? 0) === 0 ? t("learnToPlay") : t("resume"));
    learn.disabled = !learning && (last?.games ?? 0) >= GAMES;
  }

  const small = (squares: number[], mark: number | null) =>
    h(
      "span",
      { class: "mini-board", dir: "ltr", "aria-hidden": "true" },
      ...squares.map((s, i) =>
        h(
          "span",
          { class: i === mark ? "marked" : "" },
          s === 1 ? "×" : s === -1 ? "○" : i === mark ? "×" : "",
        ),
      ),
    );

  const recall = () =>
    guarded(async () => {
      const told = await ask({ do: "recall", count: SHOWN, draw: ++draws });
      fill(
        batch,
        ...told.recalled.map((one) =>
          h(
            "div",
            { class: "taught" },
            small(one.board, one.square),
            h("span", { class: "flip", "aria-hidden": "true" }, "→"),
            one.next === null ? h("span", { class: "mini-over" }, t("gameOver")) : small(one.next, null),
            h(
              "span",
              { class: "taught-sum" },
              one.worth === null
                ? ltr(`${num(one.reward)} = ${num(one.target, 3)}`)
                : ltr(
                    `${num(one.reward)} + ${num(how.discount)} · ${num(one.worth, 3)} = ${num(one.target, 3)}`,
                  ),
              h("small", {}, t("itSaysNow", { q: num(one.answer, 3) })),
            ),
          ),
        ),
      );
      announce(t("batchDrawn", { n: int(told.recalled.length) }), true);
    });

  onScheme(() => last !== null && showFacts(last));
  set(batchButton, { disabled: true });
  show();
  void fresh();
  return el;
}
