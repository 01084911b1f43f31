// What WebAssembly asks of a system (WASI, preview 1): files in memory, the time, random numbers.

import type { File, Files } from "./files";

/** Errors by their numbers. */
const [OK, BADF, EXIST, INVAL, ISDIR, NOENT, NOSYS, NOTDIR, NOTEMPTY] = [0, 8, 20, 28, 31, 44, 52, 54, 55];
const [FOLDER, FILE, STREAM] = [3, 4, 2];
/** How a file is opened. */
const [CREATE, DIRECTORY, EXCLUSIVE, TRUNCATE] = [1, 2, 4, 8];
const APPEND = 1;
/** What is waited for. */
const CLOCK = 0;
/** The descriptor of the folder that all paths begin at. */
const ROOT = 3;

interface Open {
  path: string;
  /** null: a folder. */
  file: File | null;
  at: number;
  append: boolean;
}

/** A program that ended itself. */
export class Exited extends Error {}

/**
 * The imports of a module; `memory` gives its memory, which may be shared, `say` takes what it prints. Its
 * threads see one clock: `clock` is what to add to this one's.
 */
export function wasi(
  files: Files,
  memory: () => ArrayBufferLike,
  say: (text: string) => void,
  clock = 0,
): WebAssembly.ModuleImports {
  const open = new Map<number, Open>([[ROOT, { path: "", file: null, at: 0, append: false }]]);
  const view = () => new DataView(memory());
  const bytes = (at: number, length: number) => new Uint8Array(memory(), at, length);
  const text = (at: number, length: number) => new TextDecoder().decode(bytes(at, length).slice());
  const nanoseconds = (ms: number) => BigInt(Math.round(ms * 1e6));

  /** The path that is meant, from an open folder on; null: it leads out. */
  const pathOf = (folder: number, at: number, length: number): string | null => {
    const from = open.get(folder);
    if (from === undefined) return null;
    const parts = from.path === "" ? [] : from.path.split("/");
    for (const part of text(at, length).split("/")) {
      if (part === "..") {
        if (parts.pop() === undefined) return null;
      } else if (part !== "" && part !== ".") parts.push(part);
    }
    return parts.join("/");
  };
  const parentOf = (path: string) => path.slice(0, Math.max(0, path.lastIndexOf("/")));

  const about = (into: number, kind: number, id: number, size: number, time: number) => {
    const v = view();
    bytes(into, 64).fill(0);
    v.setBigUint64(into + 8, BigInt(id), true);
    v.setUint8(into + 16, kind);
    v.setBigUint64(into + 24, 1n, true);
    v.setBigUint64(into + 32, BigInt(size), true);
    for (const at of [40, 48, 56]) v.setBigUint64(into + at, nanoseconds(time), true);
    return OK;
  };
  const aboutPath = (path: string, into: number): number => {
    const file = files.files.get(path);
    if (file !== undefined) return about(into, FILE, file.id, file.size, file.time);
    const folder = files.folders.get(path);
    return folder === undefined ? NOENT : about(into, FOLDER, folder, 0, 0);
  };

  /** Goes through buffers that stand one after the other; `each` says how many bytes it did. */
  const through = (at: number, count: number, done: number, each: (part: Uint8Array) => number) => {
    let all = 0;
    for (let i = 0; i < count; i++) {
      const v = view();
      const part = bytes(v.getUint32(at + 8 * i, true), v.getUint32(at + 8 * i + 4, true));
      const some = each(part);
      all += some;
      if (some < part.length) break;
    }
    view().setUint32(done, all, true);
    return OK;
  };
  const readAt = (file: File, at: number, into: Uint8Array) => {
    const part = file.bytes.subarray(Math.min(at, file.size), Math.min(at + into.length, file.size));
    into.set(part);
    return part.length;
  };
  const write = (fd: number, at: number, count: number, done: number) => {
    if (fd === 1 || fd === 2) {
      return through(at, count, done, (part) => {
        say(new TextDecoder().decode(part.slice()));
        return part.length;
      });
    }
    const to = open.get(fd);
    if (to?.file == null) return BADF;
    const file = to.file;
    return through(at, count, done, (part) => {
      if (to.append) to.at = file.size;
      files.write(to.path, file, to.at, part);
      to.at += part.length;
      return part.length;
    });
  };

  const calls: Record<string, (...args: any[]) => number> = {
    args_sizes_get: (count: number, size: number) => {
      view().setUint32(count, 0, true);
      view().setUint32(size, 0, true);
      return OK;
    },
    args_get: () => OK,
    environ_sizes_get: (count: number, size: number) => calls.args_sizes_get!(count, size),
    environ_get: () => OK,
    clock_res_get: (_: number, into: number) => {
      view().setBigUint64(into, 1000n, true);
      return OK;
    },
    clock_time_get: (which: number, _: bigint, into: number) => {
      view().setBigUint64(into, nanoseconds(which === 0 ? Date.now() : performance.now() + clock), true);
      return OK;
    },
    random_get: (at: number, length: number) => {
      for (let i = 0; i < length; i += 65536) {
        // Not into memory that is shared: that is refused.
        const some = crypto.getRandomValues(new Uint8Array(Math.min(65536, length - i)));
        bytes(at + i, some.length).set(some);
      }
      return OK;
    },
    sched_yield: () => OK,
    // A pause, and nothing else: that is what threads ask for.
    poll_oneoff: (subscription: number, event: number, count: number, happened: number) => {
      const v = view();
      if (count !== 1 || v.getUint8(subscription + 8) !== CLOCK) return NOSYS;
      const pause = Number(v.getBigUint64(subscription + 24, true)) / 1e6;
      // Nobody changes what is there, or wakes who waits there.
      const there = new Int32Array(memory(), subscription, 1);
      Atomics.wait(there, 0, there[0]!, pause);
      bytes(event, 32).fill(0);
      v.setBigUint64(event, v.getBigUint64(subscription, true), true);
      v.setUint32(happened, 1, true);
      return OK;
    },
    proc_exit: (code: number) => {
      throw new Exited(`exit code ${code}`);
    },
    fd_prestat_get: (fd: number, into: number) => {
      if (fd !== ROOT) return BADF;
      view().setUint32(into, 0, true);
      view().setUint32(into + 4, 1, true);
      return OK;
    },
    fd_prestat_dir_name: (fd: number, into: number) => {
      if (fd !== ROOT) return BADF;
      bytes(into, 1).set([47]);
      return OK;
    },
    fd_fdstat_get: (fd: number, into: number) => {
      const at = open.get(fd);
      if (at === undefined && fd > 2) return BADF;
      bytes(into, 24).fill(0);
      const kind = at === undefined ? STREAM : at.file === null ? FOLDER : FILE;
      view().setUint8(into, kind);
      view().setUint16(into + 2, at?.append ? APPEND : 0, true);
      view().setBigUint64(into + 8, 0xffff_ffffn, true);
      view().setBigUint64(into + 16, 0xffff_ffffn, true);
      return OK;
    },
    fd_fdstat_set_flags: () => OK,
    fd_filestat_get: (fd: number, into: number) => {
      const at = open.get(fd);
      if (at === undefined) return fd <= 2 ? about(into, STREAM, 0, 0, 0) : BADF;
      return at.file === null
        ? aboutPath(at.path, into)
        : about(into, FILE, at.file.id, at.file.size, at.file.time);
    },
    fd_filestat_set_size: (fd: number, size: bigint) => {
      const at = open.get(fd);
      if (at?.file == null) return BADF;
      files.resize(at.path, at.file, Number(size));
      return OK;
    },
    fd_filestat_set_times: () => OK,
    path_filestat_set_times: () => OK,
    fd_close: (fd: number) => (open.delete(fd) ? OK : BADF),
    fd_sync: () => OK,
    fd_datasync: () => OK,
    fd_advise: () => OK,
    fd_tell: (fd: number, into: number) => calls.fd_seek!(fd, 0n, 1, into),
    fd_seek: (fd: number, by: bigint, whence: number, into: number) => {
      const at = open.get(fd);
      if (at?.file == null) return BADF;
      const to = [0, at.at, at.file.size][whence]! + Number(by);
      if (to < 0) return INVAL;
      at.at = to;
      view().setBigUint64(into, BigInt(to), true);
      return OK;
    },
    fd_read: (fd: number, at: number, count: number, done: number) => {
      if (fd === 0) return through(at, 0, done, () => 0);
      const from = open.get(fd);
      if (from?.file == null) return BADF;
      const file = from.file;
      return through(at, count, done, (part) => {
        const read = readAt(file, from.at, part);
        from.at += read;
        return read;
      });
    },
    fd_pread: (fd: number, at: number, count: number, offset: bigint, done: number) => {
      const file = open.get(fd)?.file;
      if (file == null) return BADF;
      let place = Number(offset);
      return through(at, count, done, (part) => {
        const read = readAt(file, place, part);
        place += read;
        return read;
      });
    },
    fd_write: write,
    fd_pwrite: (fd: number, at: number, count: number, offset: bigint, done: number) => {
      const to = open.get(fd);
      if (to?.file == null) return BADF;
      const before = to.at;
      to.at = Number(offset);
      const error = write(fd, at, count, done);
      to.at = before;
      return error;
    },
    fd_readdir: (fd: number, into: number, length: number, cookie: bigint, used: number) => {
      const at = open.get(fd);
      if (at === undefined || at.file !== null) return BADF;
      const names = files.names(at.path);
      const entry = new Uint8Array(24 + 4096);
      let filled = 0;
      for (let i = Number(cookie); i < names.length && filled < length; i++) {
        const path = at.path === "" ? names[i]! : `${at.path}/${names[i]}`;
        const name = new TextEncoder().encode(names[i]);
        const head = new DataView(entry.buffer);
        head.setBigUint64(0, BigInt(i + 1), true);
        head.setBigUint64(8, BigInt(files.files.get(path)?.id ?? files.folders.get(path) ?? 0), true);
        head.setUint32(16, name.length, true);
        head.setUint32(20, files.folders.has(path) ? FOLDER : FILE, true);
        entry.set(name, 24);
        // What does not fit is cut: it is asked for again.
        const part = entry.subarray(0, Math.min(24 + name.length, length - filled));
        bytes(into + filled, part.length).set(part);
        filled += part.length;
      }
      view().setUint32(used, filled, true);
      return OK;
    },
    path_open: (
      folder: number,
      _: number,
      at: number,
      length: number,
      how: number,
      _rights: bigint,
      _inherited: bigint,
      flags: number,
      into: number,
    ) => {
      const path = pathOf(folder, at, length);
      if (path === null) return NOENT;
      const isFolder = files.folders.has(path);
      let file = files.files.get(path) ?? null;
      if ((isFolder || file !== null) && how & CREATE && how & EXCLUSIVE) return EXIST;
      if (how & DIRECTORY && file !== null) return NOTDIR;
      if (isFolder && how & (CREATE | TRUNCATE)) return ISDIR;
      if (!isFolder && file === null) {
        if (!(how & CREATE) || !files.folders.has(parentOf(path))) return NOENT;
        file = files.create(path);
      } else if (file !== null && how & TRUNCATE) files.resize(path, file, 0);
      let fd = ROOT + 1;
      while (open.has(fd)) fd++;
      open.set(fd, { path, file, at: 0, append: (flags & APPEND) !== 0 });
      view().setUint32(into, fd, true);
      return OK;
    },
    path_filestat_get: (folder: number, _: number, at: number, length: number, into: number) => {
      const path = pathOf(folder, at, length);
      return path === null ? NOENT : aboutPath(path, into);
    },
    path_create_directory: (folder: number, at: number, length: number) => {
      const path = pathOf(folder, at, length);
      if (path === null || !files.folders.has(parentOf(path))) return NOENT;
      if (files.folders.has(path) || files.files.has(path)) return EXIST;
      files.addFolder(path);
      return OK;
    },
    path_remove_directory: (folder: number, at: number, length: number) => {
      const path = pathOf(folder, at, length);
      if (path === null || !files.folders.has(path)) return NOENT;
      if (files.names(path).length > 0) return NOTEMPTY;
      files.folders.delete(path);
      return OK;
    },
    path_unlink_file: (folder: number, at: number, length: number) => {
      const path = pathOf(folder, at, length);
      if (path === null || !files.files.has(path))
        return path !== null && files.folders.has(path) ? ISDIR : NOENT;
      files.remove(path);
      return OK;
    },
    path_rename: (
      folder: number,
      at: number,
      length: number,
      other: number,
      to: number,
      toLength: number,
    ) => {
      const [from, into] = [pathOf(folder, at, length), pathOf(other, to, toLength)];
      if (from === null || into === null) return NOENT;
      if (!files.files.has(from) && !files.folders.has(from)) return NOENT;
      if (!files.folders.has(parentOf(into))) return NOENT;
      if (files.folders.has(into) && files.names(into).length > 0) return NOTEMPTY;
      if (from !== into) files.rename(from, into);
      return OK;
    },
  };
  // All others: there is no such thing here.
  return new Proxy(calls, {
    get: (known, name: string) => known[name] ?? (() => NOSYS),
    has: () => true,
  });
}
