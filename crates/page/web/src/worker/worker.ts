// The worker of a page that has no server: the program as WebAssembly, its files, and a training in slices.

import { Files } from "./files";
import { wasi } from "./wasi";
import { desks, reserved, serve, spawning, threads } from "./threads";
import type { FromWorker, Source, ToWorker } from "./messages";

interface Module {
  _initialize(): void;
  room(length: number): number;
  buffer(): number;
  given(): number;
  begin(threads: number): number;
  offer(): number;
  open_kept(): void;
  request(): void;
  advance(budget: number): number;
  poll(): number;
}

/** Milliseconds that a training goes on before a request is looked for. */
const SLICE = 12;
/** What is kept when the page goes. */
const KEPT = ["runs/", "tables/"];

const tell = (message: FromWorker, transfer: Transferable[] = []) =>
  (postMessage as (message: unknown, transfer: Transferable[]) => void)(message, transfer);

const changed = new Set<string>();
const files = new Files((path) => KEPT.some((folder) => path.startsWith(folder)) && changed.add(path));
let said = "";
let lab: Module;
/** The program's, and its threads'. It can be shared in any page; only an isolated one can send it. */
let memory: WebAssembly.Memory;

async function bytesOf(source: Source): Promise<ArrayBuffer> {
  if ("base64" in source) {
    return (await fetch("data:application/octet-stream;base64," + source.base64)).arrayBuffer();
  }
  const response = await fetch(source.url);
  if (!response.ok) throw new Error(`${source.url}: ${response.status}`);
  return response.arrayBuffer();
}

async function compiled(source: Source): Promise<WebAssembly.Module> {
  if ("url" in source) {
    try {
      return await WebAssembly.compileStreaming(fetch(source.url));
    } catch {
      // A server that does not call it application/wasm.
    }
  }
  return WebAssembly.compile(await bytesOf(source));
}

function put(bytes: Uint8Array): void {
  const at = lab.room(bytes.length);
  new Uint8Array(memory.buffer, at, bytes.length).set(bytes);
}

function given(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(memory.buffer, lab.buffer(), lab.given()).slice() as Uint8Array<ArrayBuffer>;
}

async function begin(message: Extract<ToWorker, { kind: "begin" }>): Promise<void> {
  const module = await compiled(message.wasm);
  for (const folder of ["tmp", "digits", "tables"]) files.addFolder(folder);
  for (const { path, bytes, time } of message.kept) files.put(path, bytes, time);
  memory = reserved();
  const imports = wasi(
    files,
    () => memory.buffer,
    (text) => (said = (said + text).slice(-4000)),
  );
  const all = threads();
  const members = all > 1 ? desks(all - 1) : null;
  const instance = await WebAssembly.instantiate(module, {
    env: { memory },
    wasi: { "thread-spawn": spawning(members) },
    wasi_snapshot_preview1: imports,
  });
  lab = instance.exports as unknown as Module;
  lab._initialize();
  if (members !== null) {
    const shared = { module, memory, desks: members, origin: performance.timeOrigin };
    tell({ kind: "members", count: all - 1, shared });
  }
  if (lab.begin(all) === 0) throw new Error(new TextDecoder().decode(given()));
  deliver();
}

/** The files of the digits that are on their way, and whether one did not come. */
const digits = { left: 0, lost: false };

/** Takes a file of the digits, or goes on without. */
async function bring(name: string, source: Source): Promise<void> {
  try {
    const bytes = new Uint8Array(await bytesOf(source));
    await there;
    files.put(`digits/${name}`, bytes);
  } catch (error) {
    digits.lost = true;
    console.error(error);
  }
  await there;
  digits.left--;
  if (digits.left === 0) open();
}

/** Offers the digits and the tables that are kept, then opens the runs that learnt them. */
function open(): void {
  put(new TextEncoder().encode(digits.lost ? "" : "mnist"));
  if (lab.offer() === 0) console.error(new TextDecoder().decode(given()));
  deliver();
  lab.open_kept();
  deliver();
}

/** Passes on all messages and all files that are new. */
function deliver(): void {
  while (lab.poll() === 1) {
    const message = given();
    const end = message.indexOf(10);
    const text = new TextDecoder();
    tell({
      kind: "event",
      event: text.decode(message.subarray(0, end)),
      data: text.decode(message.subarray(end + 1)),
    });
  }
  if (changed.size === 0) return;
  const all = [...changed].map((path) => ({
    path,
    bytes: files.read(path),
    time: files.files.get(path)?.time ?? 0,
  }));
  changed.clear();
  tell({ kind: "kept", files: all });
}

/** What the program answers. */
function asked(method: string, path: string, query: string, type: string, body: Uint8Array) {
  const head = new TextEncoder().encode(`${method}\n${path}\n${query}\n${type}\n`);
  const whole = new Uint8Array(head.length + body.length);
  whole.set(head);
  whole.set(body, head.length);
  put(whole);
  lab.request();
  const answer = given();
  const end = answer.indexOf(10);
  const { status, headers } = JSON.parse(new TextDecoder().decode(answer.subarray(0, end)));
  return { status, headers, body: answer.slice(end + 1) };
}

function answer({ id, method, path, query, type, body }: Extract<ToWorker, { kind: "ask" }>): void {
  const answer = asked(method, path, query, type, body);
  tell({ kind: "answer", id, ...answer }, [answer.body.buffer]);
  deliver();
  wake();
}

/** A message to oneself comes after those of the page that wait, and without a timer's delay. */
const turns = new MessageChannel();
let awake = false;
let timer: ReturnType<typeof setTimeout> | undefined;

function wake(): void {
  clearTimeout(timer);
  if (awake) return;
  awake = true;
  turns.port2.postMessage(null);
}

turns.port1.onmessage = () =>
  guarded(() => {
    awake = false;
    const pause = lab.advance(SLICE);
    deliver();
    if (pause === 0) wake();
    else if (pause > 0) timer = setTimeout(wake, pause);
  });

/** Where the program fails nothing can be asked of it any more. */
function failed(error: unknown): void {
  tell({ kind: "failed", reason: `${error}\n${said}` });
}

function guarded(work: () => void): void {
  try {
    work();
  } catch (error) {
    failed(error);
  }
}

/** Requests that came before the program was there. */
let early: Extract<ToWorker, { kind: "ask" }>[] | null = [];
let beginning: () => void;
const there = new Promise<void>((done) => (beginning = done));

async function start(message: Extract<ToWorker, { kind: "begin" }>): Promise<void> {
  digits.left = message.digits;
  await begin(message);
  beginning();
  const waiting = early ?? [];
  early = null;
  for (const request of waiting) guarded(() => answer(request));
}

onmessage = ({ data }: MessageEvent<ToWorker>) => {
  if (data.kind === "begin") start(data).catch(failed);
  else if (data.kind === "member") serve(data.shared, data.desk).catch(failed);
  // Without the digits tables can still be learnt.
  else if (data.kind === "digits") bring(data.name, data.source).catch(failed);
  else if (early !== null) early.push(data);
  else guarded(() => answer(data));
};
