// A directory that a pull writes to: one that the user chose, or one in the browser's own storage (OPFS).
//
// A new version of a file is written beside the old one and takes its name when it is complete. In OPFS that is a file with
// a temporary name and an access handle; in a chosen directory the browser's writable streams do just that. A browser can't
// set a file's time: what time it ought to have is kept in a list in OPFS, and holds as long as the file is as it was left.

import { Failure } from "./errors.js";
import { forget, readJson, writeJson } from "./store.js";

/** The end of the names of files in the making. */
const TEMP = ".syncline-part";
/** A list of times is written out after so many changes, and at the end. */
const CHANGES_MAX = 500;

const split = (path) => {
  const cut = path.lastIndexOf("/");
  return [cut < 0 ? "" : path.slice(0, cut), path.slice(cut + 1)];
};
const isTemp = (name) => name.startsWith(".") && name.endsWith(TEMP);

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
    directory.dirs = new Map([["", directory.root]]);
    directory.files = new Map();
    directory.outputs = new Map();
    directory.entries = [];
    await directory.scan(directory.root, "");
    return directory;
  }

  async scan(dir, prefix) {
    for await (const [name, handle] of dir.entries()) {
      const path = prefix + name;
      if (handle.kind === "directory") {
        this.dirs.set(path, handle);
        this.entries.push({ path, isDir: true });
        await this.scan(handle, `${path}/`);
      } else if (this.inside && isTemp(name)) {
        if (!this.dry) await this.rescue(dir, prefix, name, handle);
      } else {
        const file = await handle.getFile();
        this.entries.push({ path, size: file.size, mtime: this.timeOf(path, file) });
      }
    }
  }

  /** A run was cut off in the middle: what had arrived is the start of the next try, unless there is more of it already. */
  async rescue(dir, prefix, temp, handle) {
    const name = temp.slice(1, -TEMP.length);
    const part = await handle.getFile();
    const there = await dir.getFileHandle(name).then((old) => old.getFile()).catch(() => null);
    if (part.size === 0 || (there && there.size >= part.size)) return dir.removeEntry(temp);
    await handle.move(dir, name);
    this.entries = this.entries.filter(({ path }) => path !== prefix + name);
    this.entries.push({ path: prefix + name, size: part.size, mtime: 0 });
    // The walk may come to the name again, or not.
    this.times[prefix + name] = [part.size, (await (await dir.getFileHandle(name)).getFile()).lastModified, 0];
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
    switch (kind) {
      case Kind.Read: {
        const { at, len } = op;
        return new Uint8Array(await (await this.file(path)).slice(at, at + len).arrayBuffer());
      }
      case Kind.Create:
        return this.create(op.output, await this.dir(above), name);
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

  output(number) {
    const output = this.outputs.get(number);
    if (!output) throw new Failure(9, "no such output");
    return output;
  }

  async create(number, dir, name) {
    const make = this.inside ? AccessOutput : StreamOutput;
    this.outputs.set(number, await make.create(dir, name));
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

  async close() {
    for (const output of this.outputs.values()) await output.discard().catch(() => {});
    if (!this.dry) await this.save();
  }
}

/** A new version in OPFS. */
class AccessOutput {
  static async create(dir, name) {
    const output = new AccessOutput();
    output.dir = dir;
    output.temp = `.${name}${TEMP}`;
    output.handle = await dir.getFileHandle(output.temp, { create: true });
    output.access = await output.handle.createSyncAccessHandle();
    output.access.truncate(0);
    return output;
  }

  write(at, bytes) {
    let done = 0;
    while (done < bytes.length) {
      const count = this.access.write(bytes.subarray(done), { at: at + done });
      if (!count) throw new Failure(28, "no room left");
      done += count;
    }
  }

  async commit(dir, name, size) {
    this.access.truncate(size);
    this.access.flush();
    this.access.close();
    await this.handle.move(dir, name);
  }

  async discard() {
    this.access.close();
    await this.dir.removeEntry(this.temp);
  }
}

/** A new version in a directory that the user chose. */
class StreamOutput {
  static async create(dir, name) {
    const output = new StreamOutput();
    output.dir = dir;
    output.name = name;
    output.isNew = await dir.getFileHandle(name).then(() => false, () => true);
    output.handle = await dir.getFileHandle(name, { create: true });
    output.stream = await output.handle.createWritable();
    return output;
  }

  async write(at, bytes) {
    await this.stream.write({ type: "write", position: at, data: bytes });
  }

  async commit(dir, name) {
    if (name !== this.name) throw new Failure(95, "a file can't be stored under another name");
    await this.stream.close();
  }

  async discard() {
    await this.stream.abort().catch(() => {});
    if (this.isNew) await this.dir.removeEntry(this.name).catch(() => {});
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
  await forget(`times-opfs-${name}.json`);
}

/** All files of a directory: { path, file }. */
export async function allFiles(dir, prefix = "") {
  const found = [];
  for await (const [name, handle] of dir.entries()) {
    if (handle.kind === "directory") found.push(...(await allFiles(handle, `${prefix}${name}/`)));
    else if (!isTemp(name)) found.push({ path: prefix + name, file: await handle.getFile() });
  }
  return found;
}
