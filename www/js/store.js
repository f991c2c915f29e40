// What outlives the page: small files in OPFS (plans, lists of times), and handles of directories in IndexedDB.

async function folder() {
  const top = await navigator.storage.getDirectory();
  return top.getDirectoryHandle("syncline", { create: true });
}

/** What a file of this name holds; null if there is none, or none that can be read. */
export async function readJson(name) {
  try {
    const handle = await (await folder()).getFileHandle(name);
    return JSON.parse(await (await handle.getFile()).text());
  } catch {
    return null;
  }
}

/** Writes it; it is the old one or the new one, whatever happens. */
export async function writeJson(name, value) {
  try {
    const handle = await (await folder()).getFileHandle(name, { create: true });
    const stream = await handle.createWritable();
    await stream.write(JSON.stringify(value));
    await stream.close();
  } catch {
    // Without storage (a private window) nothing outlives the page; the work itself goes on.
  }
}

/** Removes it. */
export async function forget(name) {
  try {
    await (await folder()).removeEntry(name);
  } catch {
    // There is none.
  }
}

function database() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("syncline", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("handles");
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function handles(mode, work) {
  const db = await database();
  try {
    const store = db.transaction("handles", mode).objectStore("handles");
    return await new Promise((resolve, reject) => {
      const request = work(store);
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  } finally {
    db.close();
  }
}

/** Keeps a handle under a name. */
export const keepHandle = (name, handle) => handles("readwrite", (store) => store.put(handle, name)).catch(() => {});

/** The handle of a name; undefined if there is none. */
export const keptHandle = (name) => handles("readonly", (store) => store.get(name)).catch(() => undefined);

/** A name for a directory handle that is the same whenever the same directory is chosen. */
export async function idOf(handle) {
  const names = (await handles("readonly", (store) => store.getAllKeys()).catch(() => [])) ?? [];
  for (const name of names.filter((name) => String(name).startsWith("dir-"))) {
    const known = await keptHandle(name);
    if (known && (await known.isSameEntry(handle))) return name;
  }
  const name = `dir-${crypto.randomUUID()}`;
  await keepHandle(name, handle);
  return name;
}
