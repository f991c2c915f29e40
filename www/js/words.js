// What the page wants, as the words of an rsync command line.

/** How items are told of: what happens, length, bytes that travelled, name. */
const FORMAT = "--out-format=%i %l %b %n";
/** Seconds without a sign of life after which a connection counts as lost. */
const TIMEOUT = "--timeout=90";
/** Where the beginning of a file waits for the rest of it, so that the version that is there stays as it is until then. */
export const PARTIAL_DIR = ".rsync-partial";
const PARTIAL = `--partial-dir=${PARTIAL_DIR}`;

function shared(options) {
  const words = ["-rtO", TIMEOUT, FORMAT];
  if (options.remove) words.push("--delete");
  if (options.checksum) words.push("-c");
  if (options.compress) words.push("-z");
  for (const rule of options.excludes ?? []) words.push(`--exclude=${rule}`);
  return words;
}

function remote(module, path) {
  const clean = path.split("/").filter((part) => part && part !== ".");
  return `rsync://gateway/${[module, ...clean].join("/")}`;
}

/** Pushes the named files and folders into a folder of a module; see `passes` about what is kept, and when. */
export function push({ module, path, names, options, dry, keep, existing }) {
  const words = shared(existing ? { ...options, remove: false } : options);
  if (dry) words.push("-n");
  if (dry || keep) words.push(PARTIAL);
  if (existing) words.push("--existing");
  if (path.includes("/")) words.push("--mkpath");
  return [...words, ...names.map((name) => `/${name}`), `${remote(module, path)}/`];
}

/** Pulls a folder's contents, or a file, of a module. */
export function pull({ module, path, isFile, options, dry }) {
  const words = [...shared(options), PARTIAL];
  if (dry) words.push("-n");
  return [...words, remote(module, path) + (isFile ? "" : "/"), "/"];
}

/** Lists one folder of a module. */
export function list({ module, path }) {
  return ["--list-only", "--dirs", TIMEOUT, `${remote(module, path)}/`];
}

/** Lists the modules. */
export function modules() {
  return [TIMEOUT, "rsync://gateway/"];
}

/** Reads a line that `FORMAT` makes; null for any other. */
export function readItem(line) {
  const match = /^(\S{11}|\*\w+ {1,10}) *(\d+) (\d+) ([^]*)\n$/.exec(line);
  if (!match) return null;
  const [, code, size, sent, name] = match;
  if (code.startsWith("*deleting")) return { what: "deleted", name, size: 0, sent: 0, isDir: name.endsWith("/") };
  const isDir = code[1] === "d";
  const isNew = code.slice(2).startsWith("+++");
  const moves = code[0] === "<" || code[0] === ">" || code[0] === "c";
  const what = isNew ? "new" : moves ? "changed" : "touched";
  return { what, name, size: Number(size), sent: Number(sent), isDir };
}

/** Reads a line of a listing; null for any other. */
export function readEntry(line) {
  const match = /^([-dlcbps])[-rwxsStTl]{9} +([\d,.]+) (\d{4})\/(\d\d)\/(\d\d) (\d\d):(\d\d):(\d\d) ([^]*)\n$/.exec(line);
  if (!match) return null;
  const [, kind, size, year, month, day, hour, minute, second, name] = match;
  const mtime = Date.UTC(+year, month - 1, +day, +hour, +minute, +second);
  return { name, kind, size: Number(size.replace(/[,.]/g, "")), mtime };
}

/** Reads a line of the list of modules. */
export function readModule(line) {
  const match = /^(\S+) *\t([^]*)\n$/.exec(line);
  return match ? { name: match[1], comment: match[2].trim() } : null;
}
