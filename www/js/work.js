// The lower half of the page: what a run does, how far it is, and how it ended.

import { $, announce, make } from "./dom.js";
import { bytes, duration, files, percent } from "./format.js";

/** Files listed; more are told by their number. */
const ITEMS_MAX = 400;
/** Seconds over which the rate is measured. */
const RATE_S = 5;

const WORDS = { new: "new", changed: "changed", deleted: "to delete", touched: "time", done: "done" };
/** What is measured while files travel. */
const GAUGES = ["headline", "overall", "figures", "picture"];

/** Draws what the strip shows anew. */
let repaint = () => {};
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => repaint());

/** One cell for each part of a file, by how much of it was found. */
function paint(canvas, picture) {
  // A canvas knows nothing of themes: the legend shows the colours that are meant.
  const [found, sent, open] = ["found", "sent", "open"].map(
    (key) => getComputedStyle(document.querySelector(`.legend .${key}`)).backgroundColor,
  );
  const context = canvas.getContext("2d");
  canvas.width = picture.length;
  picture.forEach((level, cell) => {
    context.fillStyle = level === 0 ? open : level < 250 ? sent : found;
    context.fillRect(cell, 0, 1, 1);
  });
}

/** A clean slate for a run. */
export class Work {
  /**
   * @param {string} title
   * @param {{total: number, planned: object[], verb: string}} plan bytes of all files; items that will change
   */
  constructor(title, { total = 0, planned = [], verb = "Sent" } = {}) {
    this.total = total;
    this.verb = verb;
    this.rows = new Map();
    this.planned = new Map(planned.filter((item) => item.what !== "deleted").map((item) => [item.name, item]));
    this.plannedBytes = [...this.planned.values()].reduce((sum, item) => sum + item.size, 0);
    this.finishedBytes = 0;
    this.done = 0;
    this.finished = new Set();
    this.before = { travelled: 0, literal: 0 };
    this.now = { travelled: 0, literal: 0 };
    this.samples = [];
    $("work").hidden = false;
    $("work").classList.remove("bad");
    $("work-title").textContent = title;
    for (const id of ["work-note", "headline-main", "headline-share", "rate", "left", "picture-name"]) $(id).textContent = "";
    $("outcome").hidden = true;
    $("work-buttons").hidden = false;
    $("pause").hidden = false;
    $("pause").textContent = "Pause";
    $("overall").value = 0;
    for (const id of GAUGES) $(id).hidden = false;
    repaint = () => {};
    $("strip").getContext("2d").clearRect(0, 0, $("strip").width, 1);
    $("items").replaceChildren();
    $("items-more").textContent = "";
    for (const item of planned) this.addRow(item);
    this.countRows(planned.length);
  }

  note(text) {
    $("work-note").textContent = text;
  }

  addRow({ what, name, size, isDir }) {
    if (this.rows.size >= ITEMS_MAX || this.rows.has(name)) return;
    const label = make("span", { className: `what ${what}`, textContent: WORDS[what] });
    const row = make(
      "li",
      {},
      label,
      make("span", { className: "name", textContent: name }),
      make("span", { className: "size", textContent: isDir || what === "deleted" ? "" : bytes(size) }),
    );
    this.rows.set(name, { row, label, bar: null });
    $("items").append(row);
  }

  countRows(count) {
    const left = count - this.rows.size;
    $("items-more").textContent = left > 0 ? `and ${left.toLocaleString("en")} more` : "";
  }

  /** One item is settled. */
  item(item) {
    this.addRow(item);
    const shown = this.rows.get(item.name);
    if (shown) {
      shown.label.textContent = item.what === "deleted" ? "deleted" : WORDS.done;
      if (item.what !== "deleted") shown.label.className = "what done";
      shown.bar?.remove();
      shown.bar = null;
    }
    if (this.planned.has(item.name) && !this.finished.has(item.name)) {
      this.finished.add(item.name);
      this.finishedBytes += item.size;
    }
  }

  /** Another try begins: what was counted so far stays counted. */
  again() {
    this.before = { travelled: this.before.travelled + this.now.travelled, literal: this.before.literal + this.now.literal };
    this.now = { travelled: 0, literal: 0 };
    this.samples = [];
  }

  progress(event) {
    if (this.isOver) return;
    const travelled = this.verb === "Sent" ? event.sent : event.received;
    this.now = { travelled, literal: event.literal };
    this.total = Math.max(this.total, event.totalSize);
    const name = this.shownName(event.path);
    const isOpen = this.planned.has(name) && !this.finished.has(name);
    const done = this.finishedBytes + (isOpen ? Math.min(event.position, event.size) : 0);
    if (this.plannedBytes) $("overall").value = Math.min(1000, Math.floor((done * 1000) / this.plannedBytes));
    this.done = done;
    this.headline();
    this.rate(done);
    this.picture(event, name);
    this.bar(event, name, isOpen);
  }

  /** Names of items begin at the top of what was chosen, as the paths of the engine do. */
  shownName(path) {
    return path;
  }

  get travelled() {
    return this.before.travelled + this.now.travelled;
  }

  headline() {
    const literal = this.before.literal + this.now.literal;
    $("headline-main").textContent = `${this.verb} ${bytes(this.travelled)} of ${bytes(this.total)}`;
    // Until it is over, what was not looked at yet says nothing.
    const seen = this.isComplete ? this.total : this.total - this.plannedBytes + this.done;
    const there = Math.max(0, seen - literal);
    $("headline-share").textContent = seen > 0 ? this.share(there, seen) : "";
  }

  share(there, seen) {
    if (this.isComplete) return there ? `${percent(there, seen)} was already there` : "All of it was new";
    return `${percent(there, seen)} was already there so far`;
  }

  rate(done) {
    const now = performance.now() / 1000;
    this.samples.push([now, this.travelled, done]);
    while (this.samples.length > 2 && now - this.samples[0][0] > RATE_S) this.samples.shift();
    const [at, travelled, then] = this.samples[0];
    const seconds = now - at;
    if (seconds < 0.5) return;
    const speed = (done - then) / seconds;
    $("rate").textContent = `${bytes((this.travelled - travelled) / seconds)}/s on the line, ${bytes(speed)}/s of files`;
    const left = this.plannedBytes - done;
    $("left").textContent = speed > 0 && left > 0 ? `${duration(left / speed)} left` : "";
  }

  picture({ picture, path, size, position }, name) {
    if (!path) return;
    $("picture-name").textContent = `${name} (${bytes(position)} of ${bytes(size)})`;
    const canvas = $("strip");
    repaint = () => paint(canvas, picture);
    repaint();
    const known = picture.filter((level) => level);
    const there = known.reduce((sum, level) => sum + (level - 1) / 254, 0);
    const share = known.length ? percent(there, known.length) : "nothing yet";
    canvas.setAttribute("aria-label", `Of ${name}, ${share} of what was looked at was there already`);
  }

  bar({ size, position }, name, isOpen) {
    const shown = this.rows.get(name);
    if (!shown || !isOpen || !size) return;
    if (!shown.bar) {
      shown.bar = make("progress", { max: 1000, ariaLabel: name });
      shown.row.append(shown.bar);
    }
    shown.bar.value = Math.floor((position * 1000) / size);
  }

  /** The end. */
  end(title, advice = "") {
    this.isOver = true;
    $("work-title").textContent = title;
    $("outcome-advice").textContent = advice;
    $("work-note").textContent = "";
    $("work-buttons").hidden = true;
    $("outcome").hidden = false;
    for (const id of ["retry", "save", "discard"]) $(id).hidden = true;
    $("failures").replaceChildren();
    $("rate").textContent = "";
    $("left").textContent = "";
    for (const { bar } of this.rows.values()) bar?.remove();
    announce(`${title} ${advice}`);
  }

  /** All is well. */
  succeed(title, advice) {
    this.end(title, advice);
    this.isComplete = true;
    $("overall").value = 1000;
    this.headline();
    announce(`${title} ${$("headline-main").textContent}, ${$("headline-share").textContent}`);
  }

  /** It did not work. */
  fail({ title, advice, failures }) {
    this.end(title, advice);
    $("work").classList.add("bad");
    this.list(failures);
    for (const { name } of failures) {
      const shown = this.rows.get(name);
      if (shown) Object.assign(shown.label, { textContent: "failed", className: "what deleted" });
    }
    if (this.travelled === 0) for (const id of GAUGES) $(id).hidden = true;
  }

  list(failures) {
    const lines = failures.slice(0, ITEMS_MAX).map(({ name, reason }) => make("li", {}, make("strong", { textContent: name }), `: ${reason}`));
    $("failures").replaceChildren(...lines);
  }

  /** What a preview found, and what it found to be impossible. */
  found(items, total, failures) {
    const advice = items.length ? "Nothing was changed yet." : "";
    this.end(summary(items), failures.length ? `${advice} What follows can't be transferred:`.trim() : advice);
    this.list(failures);
    for (const id of GAUGES) $(id).hidden = true;
    $("outcome").hidden = !items.length && !failures.length;
    const moving = items.reduce((sum, item) => sum + item.size, 0);
    this.note(`${bytes(moving)} in these files, of ${bytes(total)} in all. What the other side has of them will not travel.`);
  }

  /** Only a list; nothing is measured. */
  quiet() {
    for (const id of GAUGES) $(id).hidden = true;
    $("pause").hidden = true;
  }
}

/** How many of which kind. */
export function summary(items) {
  const count = (what) => items.filter((item) => item.what === what && !item.isDir).length;
  const parts = [
    [count("new"), "new"],
    [count("changed"), "changed"],
    [count("deleted"), "to delete"],
  ].filter(([number]) => number);
  if (!parts.length) return "Everything is up to date.";
  return parts.map(([number, word], index) => `${index ? number.toLocaleString("en") : files(number)} ${word}`).join(", ");
}
