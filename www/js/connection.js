// A connection through a gateway: binary WebSocket messages, with a bound on what waits at either end.
//
// A plain WebSocket takes whatever it is given and hands over whatever comes. So what is sent is held back while
// `bufferedAmount` is high, and what comes is capped. Where the browser has WebSocketStream, both ends wait for each other.

/** Bytes that may wait to be sent. */
const SEND_BYTES_MAX = 2 << 20;
/** Bytes that came and were not taken, from which on no more is read, where that can be helped. */
const READ_BYTES_MAX = 1 << 20;
/** The same where it can't: the connection is given up. */
const QUEUE_BYTES_MAX = 24 << 20;
/** How long a connection may take to come about. */
const OPEN_MS = 20_000;

/** What both kinds of connection share: a queue of what came, and a bell for whoever waits. */
class Connection {
  /** @param {() => void} ring called whenever something changed */
  constructor(ring) {
    this.ring = ring;
    this.queue = [];
    this.queued = 0;
    /** Why it is over, once it is: { text, code }. */
    this.closed = null;
  }

  push(bytes) {
    this.queue.push(bytes);
    this.queued += bytes.length;
    this.ring();
  }

  /** Hands what came to `take`, which returns how much it took. */
  feed(take) {
    while (this.queue.length) {
      const bytes = this.queue[0];
      const taken = take(bytes);
      this.queued -= taken;
      if (taken < bytes.length) {
        this.queue[0] = bytes.subarray(taken);
        break;
      }
      this.queue.shift();
    }
  }

  end(text, code = 0) {
    this.closed ??= { text, code };
    this.ring();
  }
}

class Plain extends Connection {
  open(url, protocols) {
    return new Promise((resolve, reject) => {
      const socket = (this.socket = new WebSocket(url, protocols));
      socket.binaryType = "arraybuffer";
      let opened = false;
      const timer = setTimeout(() => socket.close(), OPEN_MS);
      socket.onopen = () => {
        opened = true;
        clearTimeout(timer);
        resolve();
      };
      socket.onmessage = ({ data }) => {
        this.push(typeof data === "string" ? new TextEncoder().encode(data) : new Uint8Array(data));
        if (this.queued > QUEUE_BYTES_MAX) {
          socket.close();
          this.end("more came than could be stored in time");
        }
      };
      socket.onclose = ({ code, reason }) => {
        clearTimeout(timer);
        if (opened) this.end(reason, code);
        else reject(new Unreachable(reason));
      };
    });
  }

  hasRoom() {
    return !this.closed && this.socket.bufferedAmount < SEND_BYTES_MAX;
  }

  /** A plain WebSocket doesn't tell when its backlog has gone down. */
  room() {
    return new Promise((resolve) => setTimeout(resolve, 4));
  }

  send(bytes) {
    this.socket.send(bytes);
  }

  close() {
    this.socket.close();
  }
}

class Stream extends Connection {
  async open(url, protocols) {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), OPEN_MS);
    try {
      this.stream = new WebSocketStream(url, { protocols, signal: abort.signal });
      const { readable, writable } = await this.stream.opened;
      this.reader = readable.getReader();
      this.writer = writable.getWriter();
    } catch {
      throw new Unreachable("");
    } finally {
      clearTimeout(timer);
    }
    this.writer.closed.catch(() => {});
    this.stream.closed.then(
      ({ closeCode, reason }) => this.end(reason, closeCode),
      () => this.end("", 1006),
    );
    this.read();
  }

  async read() {
    try {
      for (;;) {
        while (this.queued >= READ_BYTES_MAX) await new Promise((resolve) => (this.hungry = resolve));
        const { value, done } = await this.reader.read();
        if (done) return;
        this.push(typeof value === "string" ? new TextEncoder().encode(value) : new Uint8Array(value));
      }
    } catch {
      // `closed` tells how it ended.
    }
  }

  feed(take) {
    super.feed(take);
    if (this.queued < READ_BYTES_MAX) this.hungry?.();
  }

  hasRoom() {
    return !this.closed && this.writer.desiredSize > 0;
  }

  /** Where the connection breaks there will be no room; that it broke rings the bell. */
  room() {
    return this.writer.ready.catch(() => new Promise(() => {}));
  }

  send(bytes) {
    this.writer.write(bytes).catch(() => {});
  }

  close() {
    try {
      this.stream.close();
    } catch {
      // It is closed.
    }
  }
}

/** No connection came about. */
export class Unreachable extends Error {}

/**
 * Opens a connection.
 * @param {string} url of a gateway
 * @param {string[]} protocols subprotocols to offer
 * @param {() => void} ring called whenever something changed
 * @param {boolean} receives whether much will come. Chromium's WebSocketStream can bring down the page when a connection
 *   breaks while much is being sent; for that a plain WebSocket is as good.
 */
export async function connect(url, protocols, ring, receives) {
  const connection = receives && "WebSocketStream" in globalThis ? new Stream(ring) : new Plain(ring);
  await connection.open(url, protocols);
  return connection;
}
