// Reads files by pieces. A run of them, one behind the other, is read by a stream into buffers that are used again: that takes a
// third of what as many slices take, each of which a browser has to open, to pass through a pipe, and to collect.

/** Buffers that wait to be used again. */
const SPARE_MAX = 6;

export class Reading {
  constructor() {
    this.run = null;
    // A browser forgets a stream that nobody holds, even one that somebody waits for.
    this.retired = new Set();
    this.spare = [];
    /** Where the last piece ended, of which file. */
    this.last = { file: null, end: 0 };
  }

  /**
   * @param {Blob} file
   * @param {number} at
   * @param {number} len
   * @returns {Promise<Uint8Array>} fewer bytes only at the file's end; to be given back by `recycle`
   */
  async read(file, at, len) {
    const goesOn = this.last.file === file ? this.last.end === at : at === 0;
    this.last = { file, end: at + len };
    if (goesOn && !this.run?.serves(file, at) && at + len < file.size) {
      this.close();
      this.run = Run.begin(file, at);
    }
    if (this.run?.serves(file, at)) return this.run.next(this.spare.pop(), len);
    return new Uint8Array(await file.slice(at, at + len).arrayBuffer());
  }

  recycle(bytes) {
    if (this.spare.length < SPARE_MAX) this.spare.push(bytes.buffer);
  }

  /** No more of the run; what was asked for still comes. */
  close() {
    const { run } = this;
    this.run = null;
    if (!run) return;
    this.retired.add(run);
    run.end().finally(() => this.retired.delete(run));
  }
}

/** A stream of a file from some offset on. */
class Run {
  /** Null where the browser's streams can't fill buffers of ours. */
  static begin(file, at) {
    const run = new Run();
    try {
      run.reader = file.slice(at).stream().getReader({ mode: "byob" });
    } catch {
      return null;
    }
    Object.assign(run, { file, at, last: Promise.resolve() });
    return run;
  }

  serves(file, at) {
    return !this.isBroken && this.file === file && this.at === at;
  }

  /** The next bytes; pieces that are asked for in a row come in a row. */
  next(buffer, len) {
    this.at += len;
    const piece = this.last.then(() => this.fill(buffer, len));
    this.last = piece.catch(() => (this.isBroken = true));
    return piece;
  }

  async fill(buffer, len) {
    if (this.isBroken) throw new DOMException("an earlier piece could not be read", "NotReadableError");
    let store = buffer?.byteLength >= len ? buffer : new ArrayBuffer(len);
    let filled = 0;
    while (filled < len) {
      const rest = len - filled;
      // Browsers that know `min` fill the buffer before they wake us; others come with what they have.
      const { value, done } = await this.reader.read(new Uint8Array(store, filled, rest), { min: rest });
      if (value) {
        // The buffer went to the browser, and came back as another.
        store = value.buffer;
        filled += value.length;
      }
      if (done) break;
    }
    return new Uint8Array(store, 0, filled);
  }

  async end() {
    await this.last;
    await this.reader.cancel().catch(() => {});
  }
}
