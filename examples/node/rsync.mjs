// An rsync client in Node, from the npm package: the engine talks to a daemon, and out here are a socket and a folder.
//
//   node rsync.mjs FOLDER [OPTIONS] rsync://host[:port]/module/path/ /      pulls into FOLDER
//   node rsync.mjs FOLDER [OPTIONS] / rsync://host[:port]/module/path/      pushes what is in FOLDER
//
// Regular files and directories, as the package knows them; local paths begin with a slash, which stands for FOLDER.

import { mkdir, open, readdir, readFile, rename, rmdir, stat, unlink, utimes } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import init, { Client, Kind, Status } from "syncline-wasm";

/** Bytes that may wait in the socket before more is taken from the engine. */
const SEND_BYTES_MAX = 1 << 20;
/** Bytes that go out at once. */
const PIECE_BYTES = 1 << 17;

const [folder, ...words] = process.argv.slice(2);
const url = words.map((word) => /^rsync:\/\/([^/:]+)(?::(\d+))?\//.exec(word)).find(Boolean);
if (!url) {
  console.error("usage: node rsync.mjs FOLDER [OPTIONS] SOURCE DEST, one of them rsync://host/module/path/, the other /");
  process.exit(1);
}

/** Carries out operations below a folder. */
class Folder {
  outputs = new Map();

  async fill(client, path = "") {
    for (const entry of await readdir(join(folder, path), { withFileTypes: true })) {
      const name = join(path, entry.name);
      if (entry.isDirectory()) {
        client.add_directory(name);
        await this.fill(client, name);
      } else if (entry.isFile()) {
        const { size, mtimeMs } = await stat(join(folder, name));
        client.add_file(name, size, mtimeMs);
      }
    }
  }

  async perform(op) {
    const path = join(folder, op.path);
    switch (op.kind) {
      case Kind.Read:
        return this.read(path, op.at, op.len);
      case Kind.Create:
        return this.create(op.output, path);
      case Kind.Write:
        return this.write(this.outputs.get(op.output).file, op.take_bytes(), op.at);
      case Kind.Commit: {
        const { file, temp } = this.outputs.get(op.output);
        this.outputs.delete(op.output);
        await file.truncate(op.size);
        await file.close();
        await utimes(temp, Date.now() / 1000, op.mtime_ms / 1000);
        return rename(temp, path);
      }
      case Kind.Discard: {
        const { file, temp } = this.outputs.get(op.output);
        this.outputs.delete(op.output);
        await file.close();
        return unlink(temp);
      }
      case Kind.Mkdir:
        return mkdir(path);
      case Kind.Unlink:
        return unlink(path);
      case Kind.Rmdir:
        return rmdir(path);
      case Kind.Rename:
        return rename(path, join(folder, op.to));
      case Kind.Stamp:
        return utimes(path, Date.now() / 1000, op.mtime_ms / 1000);
    }
  }

  async read(path, at, len) {
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(new Uint8Array(len), 0, len, at);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  }

  async write(file, bytes, at) {
    for (let done = 0; done < bytes.length; ) {
      done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
    }
  }

  /** A new version takes its name only when it is complete. */
  async create(output, path) {
    const temp = `${path}.${process.pid}.part`;
    this.outputs.set(output, { file: await open(temp, "w"), temp });
  }
}

/** Runs a client to its end; the exit code. */
function run(client, files, socket) {
  return new Promise((resolve) => {
    const waiting = [];
    let ended = false;
    let timer;

    async function carryOut(op) {
      try {
        const bytes = await files.perform(op);
        if (op.kind === Kind.Read) client.supply(op.id, bytes);
        else client.done(op.id);
      } catch (error) {
        client.fail(op.id, Math.abs(error.errno ?? 5), "");
      }
      op.free();
      turn();
    }

    function turn() {
      clearTimeout(timer);
      while (waiting.length) {
        const taken = client.receive(waiting[0]);
        if (taken < waiting[0].length) {
          waiting[0] = waiting[0].subarray(taken);
          break;
        }
        waiting.shift();
      }
      if (ended && !waiting.length) client.end_input();
      if (waiting.length > 16) socket.pause();
      else socket.resume();
      const status = client.run(performance.now());
      while (socket.writable && socket.writableLength < SEND_BYTES_MAX) {
        const bytes = client.output(PIECE_BYTES);
        if (!bytes.length) break;
        socket.write(bytes, turn);
      }
      for (let op; (op = client.next_op()); ) carryOut(op);
      for (let text; (text = client.next_text()); text.free()) {
        (text.voice === "err" ? process.stderr : process.stdout).write(text.text);
      }
      if (status === Status.Done) {
        clearTimeout(timer);
        socket.destroy();
        return resolve(client.exit_code());
      }
      if (status === Status.Password) client.password(process.env.RSYNC_PASSWORD ?? "");
      timer = setTimeout(turn, status === Status.Waiting ? 1000 : 0);
    }

    socket.on("connect", turn);
    socket.on("data", (bytes) => {
      waiting.push(new Uint8Array(bytes));
      turn();
    });
    socket.on("end", () => {
      ended = true;
      turn();
    });
    socket.on("error", (error) => {
      client.lost(error.message);
      turn();
    });
  });
}

const build = import.meta.resolve("syncline-wasm/web/simd/syncline_wasm_bg.wasm");
await init({ module_or_path: await readFile(fileURLToPath(build)) });
await mkdir(folder, { recursive: true });
const client = new Client(words, process.env.USER ?? "", Date.now() / 1000, (Math.random() * 2 ** 31) | 0);
const files = new Folder();
await files.fill(client);
process.exitCode = await run(client, files, connect(Number(url[2] ?? 873), url[1]));
