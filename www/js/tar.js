// Many files as one download: a tar archive that refers to them, so that none is read before it is saved.

const BLOCK = 512;
const encoder = new TextEncoder();

function header(name, size, mtime, type) {
  const block = new Uint8Array(BLOCK);
  const put = (text, at, len) => block.set(encoder.encode(text).subarray(0, len), at);
  const octal = (number, at, len) => put(Math.floor(number).toString(8).padStart(len - 1, "0"), at, len);
  put(name, 0, 100);
  octal(0o644, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  // Longer files have their length in a record of their own.
  octal(size < 8 ** 11 ? size : 0, 124, 12);
  octal(mtime / 1000, 136, 12);
  put("        ", 148, 8);
  put(type, 156, 1);
  put("ustar\u000000", 257, 8);
  octal(block.reduce((sum, byte) => sum + byte, 0), 148, 7);
  block[155] = 32;
  return block;
}

/** A record of an extended header: its length, which counts itself, then what it says. */
function record(key, value) {
  const rest = encoder.encode(` ${key}=${value}\n`).length;
  let length = rest + String(rest).length;
  if (rest + String(length).length !== length) length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}

const padding = (size) => new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK);

/** @param {{path: string, file: File}[]} files */
export function tar(files) {
  const parts = [];
  for (const { path, file } of files) {
    let records = record("path", path);
    if (file.size >= 8 ** 11) records += record("size", String(file.size));
    const extended = encoder.encode(records);
    parts.push(header("pax", extended.length, 0, "x"), extended, padding(extended.length));
    parts.push(header(path, file.size, file.lastModified, "0"), file, padding(file.size));
  }
  parts.push(new Uint8Array(2 * BLOCK));
  return new Blob(parts, { type: "application/x-tar" });
}
