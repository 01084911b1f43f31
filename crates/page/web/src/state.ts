// What the page knows: the data, the runs and their curves, which run and which moment it shows.

import { api, type ClassTold, type Curves, type Data, type Gone, type Progress, type Run, type State } from "./api";
import { transport } from "./transport";

export interface Curve {
  loss: [number[], number[]];
  test: Tests;
  /** Of samples it learns from, at the same moments. */
  train: Tests;
}

/** Steps, losses and measures. */
type Tests = [number[], number[], number[]];

/** A curve without points. */
export const noCurve = (): Curve => ({ loss: [[], []], test: [[], [], []], train: [[], [], []] });

type Topic = "data" | "runs" | "run" | "progress" | "moment" | "online" | "ended" | "class";
const listeners = new Map<Topic, Set<() => void>>();

/** Calls `then` whenever something about `topic` changed. */
export function on(topics: Topic | Topic[], then: () => void): void {
  for (const topic of [topics].flat()) {
    if (!listeners.has(topic)) listeners.set(topic, new Set());
    listeners.get(topic)!.add(then);
  }
}

function tell(...topics: Topic[]): void {
  for (const then of new Set(topics.flatMap((topic) => [...(listeners.get(topic) ?? [])]))) then();
}

export const state = {
  version: "",
  device: "",
  data: [] as Data[],
  runs: new Map<string, Run>(),
  curves: new Map<string, Curve>(),
  /** The names of the studies. */
  studies: [] as string[],
  /** The run all views speak about. */
  selected: null as string | null,
  /** The step all views show, or null for now. */
  moment: null as number | null,
  online: true,
  /** What a class is to this page, where there is one. */
  class: null as ClassTold | null,
};

/** The runs whose curves are laid over the selected one's. */
export const compared = new Set<string>();

/** The run all views speak about. */
export function selected(): Run | null {
  return state.selected === null ? null : (state.runs.get(state.selected) ?? null);
}

/** The run that trains or stands, if one does. */
export function current(): Run | null {
  return [...state.runs.values()].find((run) => run.state === "running" || run.state === "paused") ?? null;
}

/** Its data, where the server has it. */
export function dataOf(run: Run): Data | null {
  return state.data.find((d) => d.id === run.data) ?? null;
}

/** Whether it has curves to show: a model from a file may have none. */
export function hasCourse(run: Run): boolean {
  return run.trainable || (state.curves.get(run.id)?.loss[0].length ?? 0) > 0;
}

/** Newest first. */
export function allRuns(): Run[] {
  return [...state.runs.values()].sort((a, b) => Number(b.id) - Number(a.id));
}

/** Lets all views speak about another run, as it is now. */
export function select(id: string | null): void {
  if (state.selected === id) return;
  state.selected = id;
  state.moment = null;
  if (id !== null) void loadCurve(id);
  tell("run", "moment");
}

/** Lets all views show another moment; null is now. */
export function moveTo(moment: number | null): void {
  if (state.moment === moment) return;
  state.moment = moment;
  tell("moment");
}

/** Takes a run as an answer told it, and makes it known to all views. */
export function learned(run: Run): void {
  if (leaving.has(run.id)) return;
  const before = state.runs.get(run.id);
  // An answer that was overtaken by the event of its end: a small run is over before its start is answered.
  if (before !== undefined && !alive(before) && alive(run)) return;
  state.runs.set(run.id, { ...before, ...run });
  const ended = before !== undefined && alive(before) && !alive(run);
  if (ended) void loadCurve(run.id);
  tell(before ? "run" : "runs", "run", ...(ended ? (["ended", "runs"] as const) : []));
}

/** Runs or stands: can go on. */
export function alive(run: Run): boolean {
  return run.state === "running" || run.state === "paused";
}

/** Between the deletion of a run and its end on the server: so long it can be taken back. */
const UNDO = 8000;
const leaving = new Map<string, ReturnType<typeof setTimeout>>();

/** Forgets a run: at once here, a little later on the server. Answers how to take it back. */
export function forget(id: string, failed: (error: unknown) => void): () => void {
  const run = state.runs.get(id);
  // First here, so that nothing more is asked of it.
  gone(id);
  const timer = setTimeout(() => {
    leaving.delete(id);
    api.forget(id).catch((error) => {
      if (run !== undefined) learned(run);
      failed(error);
    });
  }, UNDO);
  leaving.set(id, timer);
  return () => {
    clearTimeout(timer);
    leaving.delete(id);
    if (run !== undefined) learned(run);
    select(id);
  };
}

function gone(id: string): void {
  if (!state.runs.delete(id)) return;
  state.curves.delete(id);
  if (state.selected === id) {
    state.selected = null;
    select(allRuns()[0]?.id ?? null);
  }
  tell("runs", "run");
}

/** Takes data that is new. */
export function learnedData(data: Data): void {
  const at = state.data.findIndex((d) => d.id === data.id);
  if (at < 0) state.data.push(data);
  else state.data[at] = data;
  tell("data");
}

/** Fetches a run's whole curves. */
export async function loadCurve(id: string): Promise<void> {
  const told = await api.run(id).catch(() => null);
  if (told?.curves === undefined) return;
  const curve = noCurve();
  addPoints(curve, told.curves);
  const newer = state.curves.get(id);
  if (newer !== undefined) {
    // Points that came in while this was on its way.
    const lastLoss = curve.loss[0].at(-1) ?? -1;
    newer.loss[0].forEach((x, i) => x > lastLoss && push(curve.loss, [x, newer.loss[1][i]!]));
    for (const part of ["test", "train"] as const) {
      const last = curve[part][0].at(-1) ?? -1;
      const [xs, losses, measures] = newer[part];
      xs.forEach((x, i) => x > last && push(curve[part], [x, losses[i]!, measures[i]!]));
    }
  }
  state.curves.set(id, curve);
  // What was measured at kept moments is not in what the server told.
  newer?.test[0].forEach((x, i) => Number.isNaN(newer.test[1][i]) && addTests(id, x, newer.test[2][i]!));
  tell("progress");
}

function push(columns: number[][], values: number[]): void {
  columns.forEach((column, i) => column.push(values[i]!));
}

/** Adds a measure of a run's moment to its curve, at its place. */
export function addTests(id: string, step: number, measure: number): void {
  const test = state.curves.get(id)?.test;
  if (test === undefined || test[0].includes(step)) return;
  const at = test[0].findIndex((x) => x > step);
  const place = at < 0 ? test[0].length : at;
  [step, NaN, measure].forEach((value, column) => test[column]!.splice(place, 0, value));
  tell("progress");
}

const MOST_POINTS = 4000;

function addPoints(curve: Curve, told: Curves): void {
  for (const point of told.loss) push(curve.loss, point);
  for (const part of ["test", "train"] as const)
    for (const [x, loss, measure] of told[part]) push(curve[part], [x, loss, measure ?? NaN]);
  if (curve.loss[0].length > MOST_POINTS) {
    const [xs, ys] = curve.loss;
    const half = { x: [] as number[], y: [] as number[] };
    for (let i = 0; i + 1 < xs.length; i += 2) {
      half.x.push(xs[i + 1]!);
      half.y.push((ys[i]! + ys[i + 1]!) / 2);
    }
    curve.loss = [half.x, half.y];
  }
}

function took(all: State): void {
  state.version = all.version;
  state.device = all.device;
  state.data = all.data;
  state.studies = all.studies;
  state.runs = new Map(all.runs.filter((run) => !leaving.has(run.id)).map((run) => [run.id, run]));
  if (state.selected === null || !state.runs.has(state.selected)) {
    state.selected = null;
    select(all.current ?? allRuns()[0]?.id ?? null);
  } else void loadCurve(state.selected);
  tell("data", "runs", "run", "moment");
}

function progressed(p: Progress): void {
  const run = state.runs.get(p.run);
  if (run === undefined) return;
  run.step = p.step;
  run.epoch = p.epoch;
  run.lr = p.lr;
  run.seconds = p.seconds;
  const curve = state.curves.get(p.run) ?? noCurve();
  state.curves.set(p.run, curve);
  addPoints(curve, p);
  const loss = p.loss.at(-1);
  if (loss) run.loss = loss[1];
  if (p.tested) run.test = p.tested;
  tell("progress");
}

/** Takes what a class is to this page. */
export function tookClass(told: ClassTold): void {
  state.class = told;
  tell("class");
}

function setOnline(online: boolean): void {
  if (state.online === online) return;
  state.online = online;
  tell("online");
}

/** Listens to the server for as long as the page is open, and comes back to it after it was away. */
export function listenToServer(): void {
  const handlers: Record<string, (value: any) => void> = {
    online: setOnline,
    state: took,
    progress: progressed,
    run: learned,
    gone: (value: Gone) => gone(value.run),
    data: learnedData,
    class: tookClass,
  };
  transport.listen((event, value) => handlers[event]?.(value));
}
