// Files in memory, by their whole paths: all that the program reads and writes in a tab.

export interface File {
  bytes: Uint8Array<ArrayBuffer>;
  /** Of `bytes`, which may have room to grow. */
  size: number;
  /** Milliseconds since 1970. */
  time: number;
  id: number;
}

let ids = 0;

/** A tree of folders and files. `changed` is told of each path that is written, moved or removed. */
export class Files {
  readonly files = new Map<string, File>();
  readonly folders = new Map<string, number>([["", ++ids]]);

  constructor(private readonly changed: (path: string) => void = () => undefined) {}

  /** Puts a file where it belongs, with the folders above it. */
  put(path: string, bytes: Uint8Array<ArrayBuffer>, time = Date.now()): void {
    for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) {
      const folder = path.slice(0, at);
      if (!this.folders.has(folder)) this.folders.set(folder, ++ids);
    }
    this.files.set(path, { bytes, size: bytes.length, time, id: ++ids });
  }

  /** A file's bytes as they are now. */
  read(path: string): Uint8Array<ArrayBuffer> | null {
    const file = this.files.get(path);
    return file === undefined ? null : file.bytes.slice(0, file.size);
  }

  create(path: string): File {
    const file = { bytes: new Uint8Array(0), size: 0, time: Date.now(), id: ++ids };
    this.files.set(path, file);
    this.changed(path);
    return file;
  }

  /** Makes a file this long; what is new of it is 0. */
  resize(path: string, file: File, size: number): void {
    if (size > file.bytes.length) {
      const larger = new Uint8Array(Math.max(size, 2 * file.bytes.length));
      larger.set(file.bytes.subarray(0, file.size));
      file.bytes = larger;
    } else file.bytes.fill(0, size, file.size);
    file.size = size;
    this.touch(path, file);
  }

  write(path: string, file: File, at: number, bytes: Uint8Array): void {
    if (at + bytes.length > file.size) this.resize(path, file, at + bytes.length);
    file.bytes.set(bytes, at);
    this.touch(path, file);
  }

  private touch(path: string, file: File): void {
    file.time = Date.now();
    this.changed(path);
  }

  addFolder(path: string): void {
    this.folders.set(path, ++ids);
  }

  remove(path: string): void {
    this.files.delete(path);
    this.changed(path);
  }

  /** Gives a file, or a folder with all that is in it, another name. */
  rename(from: string, to: string): void {
    for (const map of [this.files, this.folders] as Map<string, unknown>[]) {
      for (const [path, value] of [...map]) {
        if (path !== from && !path.startsWith(from + "/")) continue;
        map.delete(path);
        map.set(to + path.slice(from.length), value);
        this.changed(path);
        this.changed(to + path.slice(from.length));
      }
    }
  }

  /** The names in a folder. */
  names(folder: string): string[] {
    const start = folder === "" ? "" : folder + "/";
    const inside = (path: string) =>
      path !== "" && path.startsWith(start) && !path.slice(start.length).includes("/");
    return [...this.folders.keys(), ...this.files.keys()].filter(inside).map((p) => p.slice(start.length));
  }
}
