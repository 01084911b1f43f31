// What a page and its worker say to each other.

/** Where the bytes of a file come from. */
export type Source = { url: string } | { base64: string };

export interface KeptFile {
  path: string;
  bytes: Uint8Array<ArrayBuffer>;
  /** Milliseconds since 1970. */
  time: number;
}

/** What each thread of the program needs. */
export interface Shared {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  desks: SharedArrayBuffer;
  /** When the program's clock was 0, in milliseconds since 1970. */
  origin: number;
}

export type ToWorker =
  /** Is to be a thread of another worker's program, the one at this desk. */
  | { kind: "member"; shared: Shared; desk: number }
  /** The digits follow, a message each. */
  | { kind: "begin"; wasm: Source; digits: number; kept: KeptFile[] }
  | { kind: "digits"; name: string; source: Source }
  | {
      kind: "ask";
      id: number;
      method: string;
      path: string;
      query: string;
      type: string;
      body: Uint8Array<ArrayBuffer>;
    };

export type FromWorker =
  | { kind: "event"; event: string; data: string }
  | {
      kind: "answer";
      id: number;
      status: number;
      headers: Record<string, string>;
      body: Uint8Array<ArrayBuffer>;
    }
  /** Files that are to be there the next time; null: that are not. */
  | { kind: "kept"; files: { path: string; bytes: Uint8Array<ArrayBuffer> | null; time: number }[] }
  /** So many more workers are to be its threads. */
  | { kind: "members"; count: number; shared: Shared }
  | { kind: "failed"; reason: string };
