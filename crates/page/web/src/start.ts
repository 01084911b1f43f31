// Starting runs: the draft's, the lecture's, or several one after the other.

import { api, type Run, type Spec } from "./api";
import { announce } from "./dom";
import { draft } from "./draft";
import { t } from "./i18n";
import { alive, compared, learned, on, select, state } from "./state";
import { complain } from "./toast";

/** Starts a run and lets all views speak about it. `pace` 0: it stands still until told. */
export async function start(spec: Spec, pace: number | null): Promise<Run | null> {
  try {
    const run = await api.start(spec, pace === 0 ? null : pace, pace === 0, true);
    learned(run);
    select(run.id);
    announce(t("startedRun", { name: run.name }), true);
    return run;
  } catch (error) {
    complain(error);
    return null;
  }
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
}

on("ended", async () => {
  const run = awaited === null ? undefined : state.runs.get(awaited);
  if (run === undefined || alive(run)) return;
  const next = run.state === "done" ? queue.shift() : undefined;
  awaited = null;
  if (next !== undefined) await startNext(next);
  else queue = [];
});
