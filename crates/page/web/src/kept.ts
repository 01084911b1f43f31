// What a tab keeps in the browser: the files of runs, by their paths.

import type { KeptFile } from "./worker/messages";

const STORE = "files";

let base: Promise<IDBDatabase | null> | undefined;

/** The store; null where the browser has none for this page, or the reader does not want it. */
function opened(): Promise<IDBDatabase | null> {
  base ??= new Promise((done) => {
    try {
      const request = indexedDB.open("reshet", 1);
      request.onupgradeneeded = () => request.result.createObjectStore(STORE);
      request.onsuccess = () => done(request.result);
      request.onerror = () => done(null);
    } catch {
      done(null);
    }
  });
  return base;
}

/** Whether this page keeps files: of several pages one does, that they do not overwrite each other's. */
let keeper = false;

/** Finds out whether this page keeps files: it does if no other one does that is open. */
export async function keeping(): Promise<void> {
  const held = () => new Promise<void>(() => undefined);
  const lead = () => ((keeper = true), held());
  await new Promise<void>((known) => {
    try {
      void navigator.locks
        .request("reshet-runs", { ifAvailable: true }, (lock) => {
          known();
          return lock === null ? undefined : lead();
        })
        .catch(() => ((keeper = true), known()));
    } catch {
      // A page from a file has no locks.
      keeper = true;
      known();
    }
  });
}

/** All files that are kept. */
export async function kept(): Promise<KeptFile[]> {
  const store = await opened();
  if (store === null) return [];
  return new Promise((done) => {
    const files: KeptFile[] = [];
    const request = store.transaction(STORE).objectStore(STORE).openCursor();
    request.onerror = () => done(files);
    request.onsuccess = () => {
      const cursor = request.result;
      if (cursor === null) return done(files);
      files.push({
        path: String(cursor.key),
        ...(cursor.value as { bytes: KeptFile["bytes"]; time: number }),
      });
      cursor.continue();
    };
  });
}

/** Keeps files, or lets go of those that are not there any more. */
export async function keep(
  files: { path: string; bytes: KeptFile["bytes"] | null; time: number }[],
): Promise<void> {
  const store = keeper ? await opened() : null;
  if (store === null) return;
  const all = store.transaction(STORE, "readwrite").objectStore(STORE);
  for (const { path, bytes, time } of files) {
    if (bytes === null) all.delete(path);
    else all.put({ bytes, time }, path);
  }
}
