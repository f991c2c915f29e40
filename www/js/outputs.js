// New versions of files: written beside the old one, and in its place when they are complete.

import { Failure } from "./errors.js";

/** From this length on, what there is of a file is worth keeping when the page goes away. */
const BYTES_MIN = 1 << 20;

/** In the browser's own storage: a part, which takes the file's name in the end. */
export class OwnOutput {
  static async create(parts, path) {
    const output = new OwnOutput();
    Object.assign(output, { parts, path, part: await parts.create() });
    return output;
  }

  async write(at, bytes) {
    this.part.write(at, bytes);
    if (at === 0 && bytes.length >= BYTES_MIN) await this.parts.label(this.part, this.path);
  }

  commit(dir, name, size) {
    return this.parts.promote(this.part, dir, name, size);
  }

  /** It is incomplete, and kept for the next run. */
  keep(size) {
    return this.parts.keep(this.part, this.path, size);
  }

  discard() {
    return this.parts.discard(this.part);
  }
}

/** In a folder that the user chose: the browser's writable stream, which shows nothing until it is closed; and a part beside it. */
export class ChosenOutput {
  /** @param {Parts | null} parts null where the browser has no storage of its own */
  static async create(parts, path, dir, name) {
    const output = new ChosenOutput();
    Object.assign(output, { parts, path, dir, name, part: null, start: null });
    output.isNew = await dir.getFileHandle(name).then(() => false, () => true);
    const handle = await dir.getFileHandle(name, { create: true });
    output.stream = await handle.createWritable();
    return output;
  }

  async write(at, bytes) {
    if (at === 0 && bytes.length < BYTES_MIN) this.start = bytes;
    else if (at === 0) this.part = this.begin();
    await Promise.all([this.stream.write({ type: "write", position: at, data: bytes }), this.copy(at, bytes)]);
  }

  /** Without a part all is as well, as long as nothing interrupts it. */
  async begin() {
    try {
      const part = await this.parts.create();
      await this.parts.label(part, this.path);
      return part;
    } catch {
      return null;
    }
  }

  async copy(at, bytes) {
    const part = await this.part;
    try {
      part?.write(at, bytes);
    } catch {
      // There is less room for it than for the file.
      this.part = null;
      await this.parts.discard(part);
    }
  }

  async commit(dir, name) {
    if (dir !== this.dir || name !== this.name) throw new Failure(95, "a file can't be stored under another name");
    await this.stream.close();
    await this.forget();
  }

  async keep(size) {
    await this.leave();
    const part = (await this.part) ?? (this.start && (await this.parts?.create()));
    if (!part) return;
    if (this.start) part.write(0, this.start);
    await this.parts.keep(part, this.path, size);
  }

  async discard() {
    await this.leave();
    await this.forget();
  }

  /** The folder is as it was. */
  async leave() {
    await this.stream.abort().catch(() => {});
    if (this.isNew) await this.dir.removeEntry(this.name).catch(() => {});
  }

  async forget() {
    const part = await this.part;
    if (part) await this.parts.discard(part);
  }
}
