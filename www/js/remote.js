// What is at the server: the modules, and the folders in them.

import { $, make } from "./dom.js";
import { bytes } from "./format.js";
import * as words from "./words.js";

/** Runs a command by `run(command, tell)` and gives the lines that it prints. */
async function lines(run, command, voice) {
  const texts = [];
  const outcome = await run(command, (event) => {
    if (event.type === "texts") texts.push(...event.texts.filter((text) => text.voice === voice));
  });
  return { outcome, texts: texts.map(({ text }) => text) };
}

/** The modules of a server. */
export async function modules(run) {
  const { outcome, texts } = await lines(run, { words: words.modules() }, "daemon");
  return { outcome, modules: texts.map(words.readModule).filter(Boolean) };
}

/** What is in a folder of a module. */
export async function list(run, { module, path }) {
  const { outcome, texts } = await lines(run, { words: words.list({ module, path }) }, "out");
  const entries = texts.map(words.readEntry).filter((entry) => entry && entry.name !== "." && entry.name !== words.PARTIAL_DIR);
  entries.sort((a, b) => (b.kind === "d") - (a.kind === "d") || a.name.localeCompare(b.name));
  return { outcome, entries };
}

/** Shows a folder; `go(path)` is called for another one, `pick(path)` for a file. */
export function showListing(module, path, entries, { go, pick }) {
  const parts = path.split("/").filter(Boolean);
  const crumb = (name, to) => make("li", {}, make("button", { type: "button", textContent: name, onclick: () => go(to) }));
  $("crumbs").replaceChildren(
    crumb(module, ""),
    ...parts.map((part, index) => crumb(part, parts.slice(0, index + 1).join("/"))),
  );
  const row = ({ name, kind, size }) => {
    const to = [...parts, name].join("/");
    const isDir = kind === "d";
    const label = isDir ? `${name}/` : name;
    const act = () => (isDir ? go(to) : pick(to));
    return make(
      "li",
      {},
      make("button", { type: "button", textContent: label, onclick: act }),
      make("span", { className: "size", textContent: isDir ? "" : bytes(size) }),
    );
  };
  const rows = entries.map(row);
  $("listing").replaceChildren(...(rows.length ? rows : [make("li", { className: "note", textContent: "This folder is empty." })]));
  $("browser").hidden = false;
}
