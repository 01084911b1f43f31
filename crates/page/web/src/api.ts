// The server's HTTP API, as docs/api.md tells it.

import type * as told from "./api-types";

export type {
  Baseline,
  Chapter,
  ClassTask,
  ClassTold,
  Column,
  Curves,
  Data,
  Descent,
  Finding,
  GameTold,
  Gone,
  Hidden,
  Item,
  Mistakes,
  Plane,
  Preset,
  Progress,
  Run,
  Snapshots,
  StageReport,
  State,
  Suspicious,
  Task,
  Touched,
  Trace,
} from "./api-types";
import { whyRefused } from "./told";
import { transport } from "./transport";
import type { Data, Mistakes, Run, Snapshots, Suspicious, Task, Touched, Trace } from "./api-types";

/** A spec of which only the question may be open: what the server answers, and what the page puts together. */
export type Spec = Pick<told.Spec, Open> & {
  [K in Exclude<keyof told.Spec, Open>]: NonNullable<told.Spec[K]>;
};
/** What may be null: the data's own question, the optimizer's own weight decay. */
type Open = "data" | "is" | "target" | "weight_decay" | "scaling" | "no_scale" | "test_fraction" | "precision";
export type Plan = Omit<told.Plan, "spec"> & { spec: Spec };

/** A training of a study, with what was trained. */
export interface Network {
  trial: number;
  epochs: number;
  parameters: number;
  loss: number | null;
  measure: number | null;
  network: string;
  command: string;
  hidden: number[];
  activation: string;
  lr: number;
  "batch-size": number;
  "weight-decay": number;
  dropout: number;
  schedule: string;
}

export interface Study {
  name: string;
  question: string;
  /** The question; `data` is null where it is not there any more. */
  spec: Partial<Spec> & { data: string | null };
  task: Task;
  /** Epochs of a network that comes through. */
  epochs: number;
  validation_samples: number;
  baseline: number;
  /** Each trial's longest training. */
  networks: Network[];
  best: Network | null;
  simplest: Network | null;
  frontier: Network[];
  importance: Record<string, number>;
  /** Of the winner on the test part; null while it is closed. */
  test: number | null;
}

export interface Pictures {
  count: number;
  channels: number;
  height: number;
  width: number;
  bytes: Uint8Array;
  labels: string[];
}

/** What the server refused, in the reader's words. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    reason: string,
  ) {
    super(reason);
  }
}

/** Requests on their way, by their addresses. */
const underway = new Map<Promise<Response>, string>();

/** Waits until nothing is asked of a run any more. */
async function quiet(id: string): Promise<void> {
  const all = [...underway].filter(([, path]) => path.startsWith(run(id) + "/"));
  await Promise.allSettled(all.map(([response]) => response));
}

async function ask(method: string, path: string, body?: unknown): Promise<Response> {
  const options: RequestInit = { method };
  if (body instanceof Blob) options.body = body;
  else if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers = { "Content-Type": "application/json" };
  }
  const answer = transport.ask(path, options);
  underway.set(answer, path);
  const response = await answer.finally(() => underway.delete(answer));
  if (response.ok) return response;
  const refused = await response.json().catch(() => null);
  const why: told.Told | undefined = refused?.error?.told;
  const reason = why === undefined ? `${response.status} ${response.statusText}` : whyRefused(why);
  throw new Refused(response.status, reason);
}

async function json<T>(method: string, path: string, body?: unknown): Promise<T> {
  return (await ask(method, path, body)).json() as Promise<T>;
}

function query(values: Record<string, string | number | null | undefined>): string {
  const given = Object.entries(values).filter(([, v]) => v !== null && v !== undefined);
  return given.length === 0
    ? ""
    : "?" + new URLSearchParams(given.map(([k, v]) => [k, String(v)])).toString();
}

/** Another value for one number of a network. */
export interface Tweak {
  tensor: string;
  index: number[];
  value: number;
}

/** A neuron: of which layer with weights, and which, from 0. */
export interface Neuron {
  layer: number;
  neuron: number;
}

type Step = number | null;
const run = (id: string, rest = "") => `/api/runs/${encodeURIComponent(id)}${rest}`;

export const api = {
  addData: (file: File) => json<Data>("POST", "/api/data" + query({ name: file.name }), file),
  openModel: (file: File) => json<Run>("POST", "/api/models" + query({ name: file.name }), file),
  plan: (spec: Spec) => json<Plan>("POST", "/api/plan", spec),
  start: (spec: Spec, pace: number | null, paused: boolean, replace: boolean) =>
    json<Run>("POST", "/api/runs" + (replace ? "?replace=true" : ""), { ...spec, pace, paused }),
  run: (id: string) => json<Run>("GET", run(id)),
  forget: async (id: string) => {
    await quiet(id);
    return ask("DELETE", run(id));
  },
  control: (id: string, what: { do?: string; lr?: number; pace?: number | null }) =>
    json<Run>("POST", run(id, "/control"), what),
  snapshots: (id: string) => json<Snapshots>("GET", run(id, "/snapshots")),
  trace: (id: string, row: number, part: "train" | "test", step: Step) =>
    json<Trace>("GET", run(id, "/trace" + query({ part, row, step }))),
  /** The network with some of its numbers changed, on a test sample. */
  touch: (id: string, what: { changes: Tweak[]; row: number; neuron: Neuron | null }, step: Step) =>
    json<Touched>("POST", run(id, "/touch" + query({ step })), what),
  /** The gradient of the batch, between its backward stage and its update. */
  gradients: async (id: string) =>
    new Float32Array(await (await ask("GET", run(id, "/gradients"))).arrayBuffer()),
  predict: (id: string, body: unknown, step: Step) =>
    json<Trace>("POST", run(id, "/predict" + query({ step })), body),
  mistakes: (
    id: string,
    q: { truth?: number; answer?: number; offset?: number; limit: number; step: Step },
  ) => json<Mistakes>("GET", run(id, "/mistakes" + query(q))),
  suspicious: (id: string, limit: number, step: Step) =>
    json<Suspicious>("GET", run(id, "/suspicious" + query({ limit, step }))),
  plane: (id: string, q: { x: string | null; y: string | null; step: Step }) =>
    json<told.Plane>("GET", run(id, "/plane" + query(q))),
  chapters: () => json<told.Chapter[]>("GET", "/api/chapters"),
  /** A chapter's data, and how it is trained. */
  openChapter: (name: string, seed: number) =>
    json<{ data: Data; spec: Spec }>("POST", `/api/chapters/${encodeURIComponent(name)}`, { seed }),
  presets: () => json<told.Preset[]>("GET", "/api/descent"),
  descend: (what: unknown) => json<told.Descent>("POST", "/api/descent", what),
  game: (what: unknown) => json<told.GameTold>("POST", "/api/game", what),
  classTold: () => json<told.ClassTold>("GET", "/api/class"),
  nickname: (nickname: string) => json<told.ClassTold>("POST", "/api/class/nickname", { nickname }),
  classLink: () => json<{ address: string; size: number; path: string }>("GET", "/api/class/link"),
  wall: () => json<told.Wall>("GET", "/api/class/wall"),
  setTask: (task: told.ClassTask) => json<told.Wall>("POST", "/api/class/task", task),
  takeNickname: (pupil: number) => json<told.Wall>("DELETE", `/api/class/pupils/${pupil}/nickname`),
  takeRun: (pupil: number, id: string) => json<told.Wall>("DELETE", `/api/class/pupils/${pupil}/runs/${id}`),
  takePupil: (pupil: number) => json<told.Wall>("DELETE", `/api/class/pupils/${pupil}`),
  study: (place: number) => json<Study>("GET", `/api/studies/${place}`),
  /** Makes a link that saves the model of a moment. */
  saveModel: (link: HTMLAnchorElement, id: string, step: Step) =>
    transport.saves(link, run(id, "/model" + query({ step })), `reshet-${id}.safetensors`),
  /** Makes a link that saves a run's folder. */
  saveFolder: (link: HTMLAnchorElement, id: string, saved: string) =>
    transport.saves(link, run(id, "/folder"), `${saved.split(/[\\/]/).at(-1)}.zip`),

  /** A tensor, or all of them one after the other, with the step they are of. */
  async parameters(
    id: string,
    name: string | null,
    step: Step,
  ): Promise<{ step: number; values: Float32Array }> {
    const response = await ask("GET", run(id, "/parameters" + query({ name, step })));
    return {
      step: Number(response.headers.get("X-Step")),
      values: new Float32Array(await response.arrayBuffer()),
    };
  },

  /** Pictures of a data's samples, or of a run's, which may be split otherwise. */
  async pictures(
    of: { data: string } | { run: string },
    part: "train" | "test",
    rows: number[],
  ): Promise<Pictures> {
    const path = "data" in of ? `/api/data/${encodeURIComponent(of.data)}` : run(of.run);
    const response = await ask("GET", path + "/pictures" + query({ part, rows: rows.join(",") }));
    const shape = (response.headers.get("X-Shape") ?? "").split(",").map(Number);
    const labels = (response.headers.get("X-Labels") ?? "").split(",").map(decodeURIComponent);
    const [count = 0, channels = 1, height = 28, width = 28] = shape;
    return { count, channels, height, width, labels, bytes: new Uint8Array(await response.arrayBuffer()) };
  },
};
