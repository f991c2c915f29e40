// The files that were picked, for a push: read by slices, never whole.

import { Failure } from "./errors.js";
import { Reading } from "./reading.js";

export class Picked {
  /** @param {{path: string, file: File}[]} entries */
  constructor(entries) {
    this.files = new Map(entries.map(({ path, file }) => [path, file]));
    this.reading = new Reading();
  }

  /** Tells the client what there is. */
  fill(client) {
    for (const [path, file] of this.files) client.add_file(path, file.size, file.lastModified);
  }

  async perform(op, Kind) {
    const { kind, path, at, len } = op;
    if (kind !== Kind.Read) throw new Failure(30, "picked files are only read");
    const file = this.files.get(path);
    if (!file) throw new Failure(2, `${path} was not picked`);
    return this.reading.read(file, at, len);
  }

  recycle(bytes) {
    this.reading.recycle(bytes);
  }

  close() {
    this.reading.close();
  }
}
