// Files in the making, and beginnings of files that a run was cut off in, for the next run to go on from.
//
// They lie in the browser's own storage (OPFS), wherever the file itself will be: what is written there is there at once, while
// a browser shows nothing of a file in a chosen folder before it is closed, and forgets it with the tab. A list beside them
// says which file each belongs to; what the list does not know of is removed.

import { Failure } from "./errors.js";
import { forget, readJson, writeJson } from "./store.js";

const PLACE = "parts";
const listOf = (id) => `parts-${id}.json`;

async function place() {
  const top = await navigator.storage.getDirectory();
  return top.getDirectoryHandle(PLACE, { create: true });
}

/** Throws away all parts of a target. */
export async function forgetParts(id) {
  await place().then((all) => all.removeEntry(id, { recursive: true })).catch(() => {});
  await forget(listOf(id));
}

export class Parts {
  /** @param {string} id of the directory that the files belong to */
  static async open(id) {
    const parts = new Parts();
    parts.id = id;
    parts.folder = await (await place()).getDirectoryHandle(id, { create: true });
    /** Names of parts to paths of files. */
    parts.paths = {};
    /** Paths of files to what there is of them. */
    parts.kept = new Map();
    parts.next = 1;
    await parts.scan((await readJson(listOf(id))) ?? {});
    return parts;
  }

  /** Of several beginnings of a file the longest is the one to go on from. */
  async scan(paths) {
    const found = [];
    for await (const [name, handle] of this.folder.entries()) found.push({ name, handle });
    for (const { name, handle } of found) {
      this.next = Math.max(this.next, Number(name) + 1);
      const path = paths[name];
      const file = path === undefined ? null : await handle.getFile();
      if (file && file.size > (this.kept.get(path)?.file.size ?? 0)) await this.settle(name, path, file);
      else await this.remove(name);
    }
  }

  /** From now on this is what there is of a file. */
  async settle(name, path, file) {
    await this.drop(path);
    this.paths[name] = path;
    this.kept.set(path, { name, file });
  }

  /** A new part, of which nobody knows yet what it belongs to. */
  async create() {
    const name = String(this.next);
    this.next += 1;
    const handle = await this.folder.getFileHandle(name, { create: true });
    return new Part(name, handle, await handle.createSyncAccessHandle());
  }

  /** Whatever happens to this page, the next one will know what this part belongs to. */
  async label(part, path) {
    this.paths[part.name] = path;
    await writeJson(listOf(this.id), this.paths);
  }

  /** The part holds the first `size` bytes of a file. */
  async keep(part, path, size) {
    part.end(size);
    await this.settle(part.name, path, await part.handle.getFile());
    await this.label(part, path);
  }

  /** The part is the whole file, and becomes it. */
  async promote(part, dir, name, size) {
    part.end(size);
    await part.handle.move(dir, name);
    delete this.paths[part.name];
  }

  async discard(part) {
    part.access.close();
    await this.remove(part.name);
  }

  /** What was kept of a file is not needed any more. */
  async drop(path) {
    const known = this.kept.get(path);
    this.kept.delete(path);
    if (known) await this.remove(known.name);
  }

  async remove(name) {
    delete this.paths[name];
    await this.folder.removeEntry(name).catch(() => {});
  }

  async close() {
    if (Object.keys(this.paths).length) await writeJson(listOf(this.id), this.paths);
    else await forgetParts(this.id);
  }
}

class Part {
  constructor(name, handle, access) {
    Object.assign(this, { name, handle, access });
  }

  write(at, bytes) {
    let done = 0;
    while (done < bytes.length) {
      const count = this.access.write(bytes.subarray(done), { at: at + done });
      if (!count) throw new Failure(28, "no room left");
      done += count;
    }
  }

  end(size) {
    this.access.truncate(size);
    this.access.flush();
    this.access.close();
  }
}
