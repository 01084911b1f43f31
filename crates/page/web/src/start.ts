// Starting runs: the draft's, the lecture's, or several one after the other.

import { api, Refused, type Run, type Spec } from "./api";
import { askBusy, isOwn, started } from "./busy";
import { announce } from "./dom";
import { draft } from "./draft";
import { t } from "./i18n";
import { alive, compared, current, learned, on, select, state } from "./state";
import { complain, toast } from "./toast";

const TRIES = 5;

/** Starts a run and lets all views speak about it. `pace` 0: it stands still until told. */
export async function start(spec: Spec, pace: number | null): Promise<Run | null> {
  const other = current();
  if (other !== null && !isOwn(other)) {
    const answer = await askBusy(other);
    if (answer === "cancel") return null;
    if (answer === "wait") {
      toast(t("waitingFor", { n: other.id }));
      await ended(other.id);
    }
  }
  try {
    const run = await patiently(() => api.start(spec, pace === 0 ? null : pace, pace === 0, true));
    started(run);
    learned(run);
    select(run.id);
    announce(t("startedRun", { name: run.name }), true);
    return run;
  } catch (error) {
    complain(error);
    return null;
  }
}

/** Asks again while the run before is still being kept: a large network's takes a while. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await ask();
    } catch (error) {
      const busy = error instanceof Refused && error.status === 409;
      if (!busy || tries === TRIES) throw error;
      await new Promise((done) => setTimeout(done, 500));
    }
  }
}

/** Waits until a run has ended, or is gone. */
function ended(id: string): Promise<void> {
  return new Promise((done) => {
    const look = () => {
      const run = state.runs.get(id);
      if (run === undefined || !alive(run)) done();
    };
    on(["ended", "runs"], look);
    look();
  });
}

/** Starts what the draft says. */
export function startDraft(): Promise<Run | null> {
  return draft.spec === null ? Promise.resolve(null) : start(draft.spec, draft.pace);
}

/** The lecture's network: 784-100-1, is it a 7?, two epochs. */
export function lectureSpec(part: Partial<Spec> = {}): Spec {
  return {
    data: "mnist",
    is: "7",
    target: null,
    hidden: [{ width: 100, activation: "relu", dropout: 0 }],
    optimizer: "adam",
    lr: 0.01,
    weight_decay: 0,
    schedule: "constant",
    batch_size: 50,
    epochs: 2,
    seed: 0,
    ...part,
  };
}

let queue: Spec[] = [];
let awaited: string | null = null;

/** Trains several, one after the other at full speed. Starting another by hand ends the queue. */
export async function startAll(specs: Spec[]): Promise<void> {
  queue = specs.slice(1);
  await startNext(specs[0]!);
}

/** Those trained in a row are laid over each other. */
async function startNext(spec: Spec): Promise<void> {
  awaited = (await start(spec, null))?.id ?? null;
  if (awaited !== null) compared.add(awaited);
  await goOn();
}

/** Starts the next one if the awaited one has ended. */
async function goOn(): Promise<void> {
  const run = awaited === null ? undefined : state.runs.get(awaited);
  if (run === undefined || alive(run)) return;
  awaited = null;
  const next = run.state === "done" ? queue.shift() : undefined;
  if (next === undefined) queue = [];
  else await startNext(next);
}

on(["ended", "runs"], goOn);
