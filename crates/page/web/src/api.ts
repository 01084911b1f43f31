// The server's HTTP API, as docs/api.md tells it.

export type Activation = string | null;
export interface Hidden {
  width: number;
  activation: Activation;
  dropout: number;
}

export interface Spec {
  data: string;
  is: string | null;
  target: string | null;
  hidden: Hidden[];
  optimizer: string;
  lr: number;
  weight_decay: number;
  schedule: string;
  batch_size: number;
  epochs: number;
  seed: number;
}

export type Task = "binary" | "classes" | "number" | string;

export interface Data {
  id: string;
  name: string;
  kind: "pictures" | "table" | "array";
  train_samples: number;
  test_samples: number;
  shape: number[];
  features: number;
  task: Task;
  names: string[] | null;
  columns: string[] | null;
  target: string | null;
  said: string[];
  warnings: string[];
  defaults: Omit<Spec, "data" | "is" | "target">;
}

export interface Baseline {
  measure: number;
  answer: string | null;
}

export interface Plan {
  network: string;
  task: Task;
  names: string[] | null;
  inputs: number;
  outputs: number;
  output_activation: string;
  loss: string;
  parameters: number;
  train_samples: number;
  test_samples: number;
  steps_per_epoch: number;
  steps: number;
  baseline: Baseline;
  shape: number[];
  spec: Spec;
  command: string;
  said: string[];
  warnings: string[];
}

export interface Test {
  step: number;
  loss: number;
  measure: number;
  accuracy?: number;
  baseline?: number;
  errors?: number;
  rmse?: number;
  mae?: number;
  r2?: number;
}

export interface Column {
  name: string;
  kind: "category" | "number";
  words?: string[];
  typical?: number;
  low?: number;
  high?: number;
}

export interface Run {
  id: string;
  name: string;
  data: string | null;
  spec: Spec | null;
  network: string;
  task: Task;
  names: string[] | null;
  inputs?: string[] | null;
  shape: number[];
  pictures: boolean;
  parameters: number;
  state: "running" | "paused" | "done" | "stopped" | "diverged" | "loaded";
  stage: "forward" | "backward" | null;
  step: number;
  steps: number;
  steps_per_epoch: number;
  epoch: number;
  lr: number;
  pace: number | null;
  loss: number | null;
  seconds: number;
  test: Test | null;
  baseline: Baseline | null;
  tensors: { name: string; shape: number[] }[];
  columns: Column[] | null;
  trainable: boolean;
  saved: string | null;
  reason: string | null;
  command: string | null;
  stage_report?: StageReport;
  curves?: { loss: [number, number][]; test: [number, number, number][] };
}

export type StageReport =
  | {
      stage: "forward";
      step: number;
      batch: number;
      rows: number[];
      outputs: number[][];
      targets: number[][];
    }
  | {
      stage: "backward";
      step: number;
      loss: number;
      tensors: { name: string; norm: number; largest: { index: number[]; value: number } }[];
    }
  | {
      stage: "update";
      step: number;
      lr: number;
      changes: { name: string; index: number[]; before: number; gradient: number; after: number }[];
    };

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

export interface State {
  version: string;
  device: string;
  threads: number;
  cores: number;
  data: Data[];
  runs: Run[];
  current: string | null;
  /** The names of the studies. */
  studies: string[];
}

export interface Progress {
  run: string;
  step: number;
  epoch: number;
  lr: number;
  loss: [number, number][];
  test: [number, number, number][];
  seconds: number;
}

export interface Trace {
  step: number;
  row?: number;
  truth?: string | number;
  label?: string | null;
  right?: boolean;
  probabilities: Record<string, number> | null;
  value?: number;
  input: number[];
  evidence: number[] | null;
  row_values?: Record<string, string | number | null>;
  layers: { name: string; activation: Activation; values: number[] }[];
}

export interface Item {
  row: number;
  truth: number;
  answer: number;
  probability?: number | null;
  loss?: number;
}

export interface Mistakes {
  step: number;
  samples: number;
  errors: number;
  names: string[] | null;
  confusion: number[][] | null;
  items: Item[];
}

export interface Pictures {
  count: number;
  channels: number;
  height: number;
  width: number;
  bytes: Uint8Array;
  labels: string[];
}

/** What the server refused, in its own words. */
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
  const answer = fetch(path, options);
  underway.set(answer, path);
  const response = await answer.finally(() => underway.delete(answer));
  if (response.ok) return response;
  const told = await response.json().catch(() => null);
  throw new Refused(response.status, told?.error?.reason ?? `${response.status} ${response.statusText}`);
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

type Step = number | null;
const run = (id: string, rest = "") => `/api/runs/${encodeURIComponent(id)}${rest}`;

export const api = {
  addData: (file: File) => json<Data>("POST", "/api/data" + query({ name: file.name }), file),
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
  snapshots: (id: string) =>
    json<{ steps: number[]; bytes: number; limit: number }>("GET", run(id, "/snapshots")),
  trace: (id: string, row: number, part: "train" | "test", step: Step) =>
    json<Trace>("GET", run(id, "/trace" + query({ part, row, step }))),
  predict: (id: string, body: unknown, step: Step) =>
    json<Trace>("POST", run(id, "/predict" + query({ step })), body),
  mistakes: (
    id: string,
    q: { truth?: number; answer?: number; offset?: number; limit: number; step: Step },
  ) => json<Mistakes>("GET", run(id, "/mistakes" + query(q))),
  suspicious: (id: string, limit: number, step: Step) =>
    json<{ step: number; items: Item[] }>("GET", run(id, "/suspicious" + query({ limit, step }))),
  study: (place: number) => json<Study>("GET", `/api/studies/${place}`),
  modelUrl: (id: string, step: Step) => run(id, "/model" + query({ step })),

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
