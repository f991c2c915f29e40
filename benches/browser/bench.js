// What a browser does beside what the program does: `cargo xtask bench browser [TRIES] [engine|push]`.
//
// Signing and searching run on the same data natively, in node and in Chromium. Then a large file with scattered edits is
// pushed to a daemon by the program and by the page. It ends with a failure if a target is missed.

import { execFileSync } from "node:child_process";
import { copyFile, mkdir, mkdtemp, open, readFile, rm, utimes } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { daemons, startDaemon, startGateway } from "../../www/tests/support/daemon.js";
import * as p from "../../www/tests/support/page.js";
import { measure } from "./engine.js";
import { watchMemory } from "./memory.js";

const TRIES = Number(process.argv[2] ?? 3);
const ONLY = process.argv[3];
const LEN = 64 << 20;
const MIB = 1 << 20;
const FILE_MIB = 512;
const EDITS = 500;
const EDIT_BYTES = 32;

/** Targets. */
const SHARE_MIN = 0.5;
const TIMES_MAX = 3;
const HEAP_MIB_MAX = 150;

const built = (name) => fileURLToPath(new URL(`../../target/release/${name}`, import.meta.url));
let missed = 0;

function verdict(isMet) {
  if (!isMet) missed += 1;
  return isMet ? "ok" : "MISSED";
}

function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  for (const row of rows) console.log(row.map((cell, column) => (column ? cell.padStart(widths[column]) : cell.padEnd(widths[column]))).join("  "));
  console.log();
}

const rate = (seconds) => `${Math.round(LEN / seconds / 1e6)} MB/s`;

async function engines(browser) {
  const module = await readFile(process.env.SYNCLINE_BENCH_MODULE);
  const native = execFileSync(built("cases"), [String(LEN), String(TRIES)], { encoding: "utf8" });
  const rows = native.trim().split("\n").map((line) => JSON.parse(line));
  const inNode = await measure(module, LEN, TRIES, rows.length);
  const page = await browser.newPage();
  const source = await readFile(new URL("engine.js", import.meta.url), "utf8");
  const args = [source, module.toString("base64"), LEN, TRIES, rows.length];
  const inChromium = await page.evaluate(async ([source, base64, ...rest]) => {
    const { measure } = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    return measure(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)), ...rest);
  }, args);
  await page.close();
  const lines = rows.map(({ name, seconds, result }, number) => {
    const [node, chromium] = [inNode[number], inChromium[number]];
    if (node.result !== result || chromium.result !== result) throw new Error(`${name}: not the same result everywhere`);
    const share = seconds / Math.max(node.seconds, chromium.seconds);
    return [name, rate(seconds), rate(node.seconds), rate(chromium.seconds), share.toFixed(2), verdict(share >= SHARE_MIN)];
  });
  table([["one thread, 64 MiB", "native", "node", "chromium", "share of native", `at least ${SHARE_MIN}`], ...lines]);
}

/** A file of noise, and the same with edits all over it. */
async function files(folder) {
  const [old, edited] = [join(folder, "old.bin"), join(folder, "new/file.bin")];
  await mkdir(join(folder, "new"));
  const file = await open(old, "w");
  for (let at = 0; at < FILE_MIB; at += 16) await file.write(p.noise(16 * MIB));
  await file.close();
  await copyFile(old, edited);
  const changed = await open(edited, "r+");
  const distance = Math.floor((FILE_MIB * MIB) / EDITS);
  for (let edit = 0; edit < EDITS; edit++) await changed.write(p.noise(EDIT_BYTES), 0, EDIT_BYTES, edit * distance + 4321);
  await changed.close();
  return { old, edited };
}

const seconds = async (work) => {
  const begun = performance.now();
  await work();
  return (performance.now() - begun) / 1000;
};

async function pushes(world, { old, edited }, which) {
  const daemon = await startDaemon(which);
  const gateway = await startGateway(daemon.port);
  const target = daemon.dir("files/file.bin");
  /** The daemon has the old file again. */
  const reset = async () => {
    await copyFile(old, target);
    await utimes(target, 1e9, 1e9);
  };
  const check = () => execFileSync("cmp", [target, edited]);
  let [native, page, peak] = [Infinity, Infinity, { both: 0 }];
  try {
    for (let at = 0; at < TRIES; at++) {
      await reset();
      const words = ["-t", edited, `rsync://127.0.0.1:${daemon.port}/files/`];
      native = Math.min(native, await seconds(() => execFileSync(built("syncline"), words)));
      check();
      await reset();
      const tab = await p.open({ ...world, site: { url: gateway.url } });
      await p.chooseModule(tab, "files");
      await tab.setInputFiles("#files", edited);
      await tab.locator("#chosen").waitFor();
      const memory = await watchMemory(tab);
      page = Math.min(page, await seconds(async () => {
        const title = await p.upload(tab);
        if (title !== "Uploaded.") throw new Error(title);
      }));
      const seen = await memory.peak();
      if (seen.both > peak.both) peak = seen;
      check();
      await tab.close();
    }
  } finally {
    await gateway.close();
    await daemon.close();
  }
  const times = page / native;
  const mib = (bytes) => `${(bytes / MIB).toFixed(1)} MiB`;
  return [
    which,
    `${native.toFixed(2)} s`,
    `${page.toFixed(2)} s`,
    times.toFixed(2),
    verdict(times <= TIMES_MAX),
    `${mib(peak.heap)} + ${mib(peak.buffers)}`,
    verdict(peak.workers > 0 && peak.both < HEAP_MIB_MAX * MIB),
  ];
}

const world = await p.setUp();
const folder = await mkdtemp(join(process.env.SYNCLINE_BENCH_DIR ?? tmpdir(), "syncline-bench-"));
console.log(`load of the machine: ${loadavg()[0].toFixed(1)}; best of ${TRIES}\n`);
try {
  if (ONLY !== "push") await engines(world.browser);
  const made = ONLY === "engine" ? null : await files(folder);
  const head = [`push of ${FILE_MIB} MiB, ${EDITS} edits`, "native", "chromium", "times", `at most ${TIMES_MAX}`, "heap + buffers", `under ${HEAP_MIB_MAX} MiB`];
  const rows = [];
  for (const which of made ? daemons : []) rows.push(await pushes(world, made, which));
  if (made) table([head, ...rows]);
} finally {
  await rm(folder, { recursive: true, force: true });
  await world.close();
}
if (missed) {
  console.log(`${missed} missed`);
  process.exitCode = 1;
}
