// A directory that a pull writes to: one that the user chose, or one in the browser's own storage (OPFS).
//
// The engine keeps what it has of a file that it can't finish in a directory beside it, and looks there for a basis the next
// time. That directory is not in the tree that is written to: what it would hold are parts (`parts.js`). A browser can't set a
// file's time: what time it ought to have is kept in a list in OPFS, and holds as long as the file is as it was left.

import { Failure } from "./errors.js";
import { ChosenOutput, OwnOutput } from "./outputs.js";
import { Parts, forgetParts } from "./parts.js";
import { Reading } from "./reading.js";
import { forget, readJson, writeJson } from "./store.js";
import { PARTIAL_DIR } from "./words.js";

/** A list of times is written out after so many changes, and at the end. */
const CHANGES_MAX = 500;

const split = (path) => {
  const cut = path.lastIndexOf("/");
  return [cut < 0 ? "" : path.slice(0, cut), path.slice(cut + 1)];
};
const join = (above, name) => (above ? `${above}/${name}` : name);
/** The file that a path in the partial directory is about; null for other paths. */
function wholeOf(path) {
  const [above, name] = split(path);
  const [dir, last] = split(above);
  return last === PARTIAL_DIR ? join(dir, name) : null;
}

export class Directory {
  /** @param {{handle?: FileSystemDirectoryHandle, opfs?: string, id: string, dry?: boolean}} target */
  static async open(target) {
    const directory = new Directory();
    directory.dry = Boolean(target.dry);
    directory.inside = Boolean(target.opfs);
    directory.root = target.handle ?? (await opfsFolder(target.opfs));
    directory.list = `times-${target.id}.json`;
    directory.times = (await readJson(directory.list)) ?? {};
    directory.changes = 0;
    directory.parts = directory.dry ? null : await Parts.open(target.id).catch(() => null);
    directory.dirs = new Map([["", directory.root]]);
    directory.files = new Map();
    directory.outputs = new Map();
    directory.entries = [];
    directory.reading = new Reading();
    await directory.scan(directory.root, "");
    for (const path of directory.parts?.kept.keys() ?? []) await directory.offer(path);
    return directory;
  }

  async scan(dir, prefix) {
    for await (const [name, handle] of dir.entries()) {
      const path = prefix + name;
      if (handle.kind === "directory") {
        // Another rsync has put it there; it is none of the files.
        if (name === PARTIAL_DIR) continue;
        this.dirs.set(path, handle);
        this.entries.push({ path, isDir: true });
        await this.scan(handle, `${path}/`);
      } else {
        const file = await handle.getFile();
        this.entries.push({ path, size: file.size, mtime: this.timeOf(path, file) });
      }
    }
  }

  timeOf(path, file) {
    const known = this.times[path];
    return known && known[0] === file.size && known[1] === file.lastModified ? known[2] : file.lastModified;
  }

  fill(client) {
    for (const { path, isDir, size, mtime } of this.entries) {
      if (isDir) client.add_directory(path);
      else client.add_file(path, size, mtime);
    }
    this.entries = [];
  }

  /**
   * Makes a basis of what was kept of a file: that, and behind it what the old version has there. So neither what has arrived
   * nor what was there already travels again.
   */
  async offer(whole) {
    const [above, name] = split(whole);
    if (!this.dirs.has(above)) return;
    const { file } = this.parts.kept.get(whole);
    const old = await this.file(whole).catch(() => null);
    const basis = old ? new Blob([file, old.slice(file.size)]) : file;
    const dir = join(above, PARTIAL_DIR);
    const path = join(dir, name);
    this.files.set(path, basis);
    this.entries.push({ path: dir, isDir: true }, { path, size: basis.size, mtime: 0 });
  }

  async dir(path) {
    const known = this.dirs.get(path);
    if (known) return known;
    const [above, name] = split(path);
    const dir = await (await this.dir(above)).getDirectoryHandle(name);
    this.dirs.set(path, dir);
    return dir;
  }

  async file(path) {
    let file = this.files.get(path);
    if (!file) {
      const [above, name] = split(path);
      file = await (await (await this.dir(above)).getFileHandle(name)).getFile();
      this.files.set(path, file);
    }
    return file;
  }

  async perform(op, Kind) {
    const { kind, path } = op;
    const [above, name] = split(path);
    const whole = wholeOf(path);
    if (name === PARTIAL_DIR || whole !== null) return this.performPartial(op, whole, Kind);
    switch (kind) {
      case Kind.Read: {
        const { at, len } = op;
        return this.reading.read(await this.file(path), at, len);
      }
      case Kind.Create:
        return this.create(op.output, path);
      case Kind.Write:
        return this.output(op.output).write(op.at, op.take_bytes());
      case Kind.Commit:
        return this.commit(op.output, path, op.size, op.mtime_ms);
      case Kind.Discard: {
        const output = this.output(op.output);
        this.outputs.delete(op.output);
        return output.discard();
      }
      case Kind.Mkdir:
        this.dirs.set(path, await (await this.dir(above)).getDirectoryHandle(name, { create: true }));
        return;
      case Kind.Unlink:
      case Kind.Rmdir:
        await (await this.dir(above)).removeEntry(name);
        this.dirs.delete(path);
        this.files.delete(path);
        delete this.times[path];
        return;
      case Kind.Rename: {
        const [newAbove, newName] = split(op.to);
        const handle = await (await this.dir(above)).getFileHandle(name);
        if (!handle.move) throw new Failure(95, "this browser can't rename files");
        await handle.move(await this.dir(newAbove), newName);
        this.files.delete(path);
        return;
      }
      case Kind.Stamp:
        return this.stamp(path, op.mtime_ms);
      default:
        throw new Failure(95, "unknown operation");
    }
  }

  /** The same in a partial directory, of which the file `whole` is meant; or for that directory itself. */
  async performPartial(op, whole, Kind) {
    switch (op.kind) {
      case Kind.Mkdir:
      case Kind.Rmdir:
        return;
      case Kind.Read: {
        const basis = this.files.get(op.path);
        if (!basis) throw new Failure(2, "nothing was kept of it");
        return this.reading.read(basis, op.at, op.len);
      }
      case Kind.Commit: {
        const output = this.output(op.output);
        this.outputs.delete(op.output);
        await output.keep(op.size);
        if (this.parts?.kept.has(whole)) await this.offer(whole);
        return;
      }
      case Kind.Unlink:
        this.files.delete(op.path);
        return this.parts.drop(whole);
      default:
        throw new Failure(95, "not possible for partial files");
    }
  }

  output(number) {
    const output = this.outputs.get(number);
    if (!output) throw new Failure(9, "no such output");
    return output;
  }

  async create(number, path) {
    const [above, name] = split(path);
    const dir = await this.dir(above);
    const output = this.inside ? OwnOutput.create(this.parts, path) : ChosenOutput.create(this.parts, path, dir, name);
    this.outputs.set(number, await output);
  }

  async commit(number, path, size, mtime) {
    const output = this.output(number);
    this.outputs.delete(number);
    const [above, name] = split(path);
    await output.commit(await this.dir(above), name, size);
    this.files.delete(path);
    await this.stamp(path, mtime);
  }

  async stamp(path, mtime) {
    const file = await this.file(path);
    this.times[path] = [file.size, file.lastModified, mtime];
    this.changes += 1;
    if (this.changes >= CHANGES_MAX) await this.save();
  }

  async save() {
    this.changes = 0;
    await writeJson(this.list, this.times);
  }

  recycle(bytes) {
    this.reading.recycle(bytes);
  }

  /** @param {boolean} isComplete whether all is as it should be: then no parts are needed any more */
  async close(isComplete) {
    this.reading.close();
    for (const output of this.outputs.values()) await output.discard().catch(() => {});
    if (this.dry) return;
    await this.save();
    if (isComplete) for (const path of [...(this.parts?.kept.keys() ?? [])]) await this.parts.drop(path);
    await this.parts?.close();
  }
}

/** A folder below `downloads` in OPFS. */
export async function opfsFolder(name) {
  const top = await navigator.storage.getDirectory();
  const downloads = await top.getDirectoryHandle("downloads", { create: true });
  return downloads.getDirectoryHandle(name, { create: true });
}

/** Removes such a folder with all that is in it. */
export async function removeOpfsFolder(name) {
  const top = await navigator.storage.getDirectory();
  const downloads = await top.getDirectoryHandle("downloads", { create: true });
  await downloads.removeEntry(name, { recursive: true }).catch(() => {});
  await forgetParts(`opfs-${name}`);
  await forget(`times-opfs-${name}.json`);
}

/** All files of a directory: { path, file }. */
export async function allFiles(dir, prefix = "") {
  const found = [];
  for await (const [name, handle] of dir.entries()) {
    if (handle.kind === "directory") found.push(...(await allFiles(handle, `${prefix}${name}/`)));
    else found.push({ path: prefix + name, file: await handle.getFile() });
  }
  return found;
}
