// The page's end of the worker: one run at a time, tried again while its connection gets lost.

import { route } from "./gateway.js";
import { explain } from "./sentences.js";

/** Seconds before each further try. */
const PAUSES = [1, 2, 4, 8, 15, 30];

export class Runner {
  /** @param {(event: object) => void} tell takes what happens: progress, texts, waiting for a try */
  constructor(tell) {
    this.tell = tell;
    this.worker = new Worker(new URL("../worker.js", import.meta.url), { type: "module" });
    this.worker.onmessage = ({ data }) => this.hear(data);
    this.worker.onerror = () => this.hear({ type: "done", exit: 15, text: "This browser can't run the engine." });
    this.wait = null;
  }

  hear(event) {
    if (event.type === "texts") {
      for (const { voice, text } of event.texts) if (voice === "err") this.errors.push(text);
    }
    if (event.type === "password") {
      Promise.resolve(this.askPassword()).then((password) => this.worker.postMessage({ type: "password", password }));
    } else if (event.type === "done") this.finish?.(event);
    else this.tell(event);
  }

  once(job) {
    this.errors = [];
    return new Promise((resolve) => {
      this.finish = resolve;
      this.worker.postMessage({ type: "start", job });
    });
  }

  /**
   * Runs a job to its end.
   * @param {object} where see `route`
   * @param {object} job words, user, and entries or a target
   * @param {{askPassword: () => Promise<string|null>, persistent?: boolean, again?: () => Promise<object>}} how `again` makes
   *   the job for another try
   * @returns {Promise<object>} outcome, with `explained` unless all is well
   */
  async run(where, job, { askPassword, persistent = false, again = null }) {
    this.askPassword = askPassword;
    this.cancelled = false;
    let connected = false;
    for (let tries = 0; ; ) {
      const outcome = await this.attempt(where, job);
      if (outcome.exit === 0) return outcome;
      const isPush = Boolean(job.entries);
      const explained = explain({ ...outcome, cancelled: this.cancelled, isPush }, this.errors ?? []);
      connected ||= !outcome.unreachable;
      // A connection that never was is a matter of the address; one that got lost comes back.
      const isWorthIt = persistent && explained.lost && connected && !this.cancelled && tries < PAUSES.length;
      if (!isWorthIt) return { ...outcome, explained };
      const seconds = PAUSES[tries];
      tries += 1;
      this.tell({ type: "lost", seconds, explained });
      await this.rest(seconds);
      if (this.cancelled) return { ...outcome, explained: explain({ exit: 20, cancelled: true }, []) };
      if (again) job = { ...job, ...(await again()) };
    }
  }

  async attempt(where, job) {
    try {
      const { url, protocols } = await route(where);
      return await this.once({ ...job, url, protocols });
    } catch (error) {
      this.errors = [];
      return { exit: 5, text: error.message };
    }
  }

  rest(seconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, seconds * 1000);
      this.wait = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Doesn't wait any longer before the next try. */
  retryNow() {
    this.wait?.();
  }

  cancel() {
    this.cancelled = true;
    this.worker.postMessage({ type: "cancel" });
    this.wait?.();
  }

  pause() {
    this.worker.postMessage({ type: "pause" });
  }

  resume() {
    this.worker.postMessage({ type: "resume" });
  }
}
