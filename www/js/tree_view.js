// The chosen files as a tree that opens and closes.

import { make } from "./dom.js";
import { bytes, files } from "./format.js";

/** Names shown of one folder; more are told by their number. */
const NAMES_MAX = 300;

function line(name, size) {
  return make("span", { className: "line" }, make("span", { className: "name", textContent: name }), make("span", { className: "size", textContent: size }));
}

function folder(node, open) {
  const details = make("details", { open }, make("summary", {}, line(`${node.name}/`, `${files(node.count)}, ${bytes(node.size)}`)));
  const fill = () => {
    if (details.open && details.children.length === 1) details.append(contents(node, false));
  };
  details.addEventListener("toggle", fill);
  fill();
  return make("li", {}, details);
}

function contents(node, open) {
  const dirs = [...node.dirs.values()];
  const items = [
    ...dirs.slice(0, NAMES_MAX).map((dir) => folder(dir, open)),
    ...node.files.slice(0, NAMES_MAX).map(({ name, size }) => make("li", {}, line(name, bytes(size)))),
  ];
  const left = Math.max(0, dirs.length - NAMES_MAX) + Math.max(0, node.files.length - NAMES_MAX);
  if (left) items.push(make("li", { className: "note", textContent: `and ${left.toLocaleString("en")} more` }));
  return make("ul", {}, ...items);
}

/** Puts a tree into an element; a single folder is open. */
export function showTree(element, tree) {
  element.replaceChildren(contents(tree, tree.dirs.size === 1 && tree.files.length === 0));
}
