// Where files come from: inputs, drag and drop, directory handles. All become a list of paths with their files.

/** A list of { path, file } of what an input holds. */
export function fromInput(list) {
  return [...list].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

/** Walks a directory handle. */
export async function fromHandle(handle, prefix = handle.name) {
  const entries = [];
  for await (const [name, child] of handle.entries()) {
    const path = `${prefix}/${name}`;
    if (child.kind === "directory") entries.push(...(await fromHandle(child, path)));
    else entries.push({ path, file: await child.getFile() });
  }
  return entries;
}

async function fromEntry(entry, prefix) {
  const path = prefix + entry.name;
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [{ path, file }];
  }
  const reader = entry.createReader();
  const entries = [];
  for (;;) {
    // It hands out a part at a time, and nothing when it is through.
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return entries;
    for (const child of some) entries.push(...(await fromEntry(child, `${path}/`)));
  }
}

/** What was dropped: files, and folders with all that is in them. */
export async function fromDrop(transfer) {
  // Items are gone after the first pause, so all are asked before any is walked.
  const roots = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!roots.length) return fromInput(transfer.files);
  const lists = await Promise.all(roots.map((root) => fromEntry(root, "")));
  return lists.flat();
}

/** The names at the top of a list. */
export function topNames(entries) {
  return [...new Set(entries.map(({ path }) => path.split("/", 1)[0]))];
}

/** A list with new entries in it; of two with the same path the new one stays. */
export function merge(old, added) {
  const byPath = new Map(old.map((entry) => [entry.path, entry]));
  for (const entry of added) byPath.set(entry.path, entry);
  return [...byPath.values()];
}

/** A list as a tree: names to files or further trees, with sums. */
export function tree(entries) {
  const top = { name: "", size: 0, count: 0, dirs: new Map(), files: [] };
  for (const { path, file, size = file.size } of entries) {
    const parts = path.split("/");
    const name = parts.pop();
    let node = top;
    node.size += size;
    node.count += 1;
    for (const part of parts) {
      let next = node.dirs.get(part);
      if (!next) node.dirs.set(part, (next = { name: part, size: 0, count: 0, dirs: new Map(), files: [] }));
      next.size += size;
      next.count += 1;
      node = next;
    }
    node.files.push({ name, size });
  }
  return top;
}
