// The loop between a client and the world: bytes to and from the connection, operations to the files, texts to the page.

import { errorNumber } from "./errors.js";

/** Bytes that go into one message. */
const MESSAGE_BYTES = 128 << 10;
/** How often the page hears how far it is. */
const PROGRESS_MS = 100;

/** Gives others a turn, without the delay that timers have. */
const turn = (() => {
  const channel = new MessageChannel();
  const waiting = [];
  channel.port1.onmessage = () => waiting.shift()?.();
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      channel.port2.postMessage(0);
    });
})();

export class Run {
  /**
   * @param {object} wasm the module that the client is of
   * @param {object} client see syncline_wasm.d.ts
   * @param {object} files carries out operations: `perform(op)`; bytes that it gave are its again by `recycle(bytes)`
   * @param {(event: object) => void} tell takes what the page should know
   */
  constructor(wasm, client, files, tell) {
    Object.assign(this, { wasm, client, files, tell });
    this.connection = null;
    this.paused = null;
    this.told = 0;
    this.rung = false;
    this.wake = null;
    this.ring = () => {
      this.rung = true;
      this.wake?.();
    };
  }

  cancel() {
    this.cancelled = true;
    this.client.cancel();
    this.resume();
    this.ring();
  }

  pause() {
    if (this.paused) return;
    let resume;
    this.paused = new Promise((resolve) => (resume = resolve));
    this.paused.resume = resume;
  }

  resume() {
    this.paused?.resume();
    this.paused = null;
  }

  /** Runs to the end and returns rsync's exit code. `password()` asks for one when the daemon does. */
  async run(connection, password) {
    this.connection = connection;
    const { Status } = this.wasm;
    for (;;) {
      if (this.paused) await this.paused;
      this.rung = false;
      connection.feed((bytes) => this.client.receive(bytes));
      if (connection.closed && !connection.queue.length && !this.ended) {
        this.ended = true;
        this.client.end_input();
      }
      const status = this.client.run(performance.now());
      const { sent, stuffed } = this.send();
      this.texts();
      this.operate();
      this.progress(false);
      if (status === Status.Done) break;
      if (status === Status.Password && !this.asked) {
        this.asked = true;
        password().then((word) => {
          if (word === null) this.cancel();
          else this.client.password(word);
          this.asked = false;
          this.ring();
        });
      }
      // What was sent has made room for more.
      if (status === Status.Busy || sent) await turn();
      else await this.sleep(stuffed);
    }
    this.progress(true);
    connection.close();
    // What is still under way (after a cancel) finds nobody to tell.
    this.over = true;
    return this.client.exit_code();
  }

  /** Sends what there is room for; tells whether it sent any, and whether it has to wait for room. */
  send() {
    const { connection, client } = this;
    let sent = false;
    while (connection.hasRoom()) {
      const bytes = client.output(MESSAGE_BYTES);
      if (!bytes.length) return { sent, stuffed: false };
      connection.send(bytes);
      sent = true;
    }
    return { sent, stuffed: !connection.closed };
  }

  texts() {
    const texts = [];
    for (let text; (text = this.client.next_text()); text.free()) texts.push({ voice: text.voice, text: text.text });
    if (texts.length) this.tell({ type: "texts", texts });
  }

  operate() {
    for (let op; (op = this.client.next_op()); ) this.perform(op);
  }

  async perform(op) {
    const { client, wasm } = this;
    const { id, kind } = op;
    try {
      const bytes = await this.files.perform(op, wasm.Kind);
      if (this.over) return;
      if (kind === wasm.Kind.Read) {
        client.supply(id, bytes);
        this.files.recycle(bytes);
      } else client.done(id);
    } catch (error) {
      if (!this.over) client.fail(id, errorNumber(error), "");
    } finally {
      op.free();
      this.ring();
    }
  }

  progress(always) {
    const now = performance.now();
    if (!always && now - this.told < PROGRESS_MS) return;
    this.told = now;
    const progress = this.client.progress();
    const { sent, received, literal, matched, total_size, files, files_size, size, position, path, picture } = progress;
    progress.free();
    const numbers = { sent, received, literal, matched, totalSize: total_size, files, filesSize: files_size };
    this.tell({ type: "progress", ...numbers, size, position, path, picture });
  }

  /** Waits for the bell, for room, or for the moment that the client named. */
  async sleep(stuffed) {
    if (this.rung) return;
    const bell = new Promise((resolve) => (this.wake = resolve));
    const at = this.client.deadline_ms();
    const timer = setTimeout(this.ring, Math.max(0, Math.min(at === undefined ? 1000 : at - performance.now(), 1000)));
    await (stuffed && !this.connection.hasRoom() ? Promise.race([bell, this.connection.room()]) : bell);
    clearTimeout(timer);
    this.wake = null;
  }
}
