// Many files, and a file longer than 32 bits can say.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, open, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { watchMemory } from "../../benches/browser/memory.js";
import { startDaemon, startGateway } from "./support/daemon.js";
import * as p from "./support/page.js";

const FOLDERS = 100;
const FILES_EACH = 1000;
const MINUTES = 60_000;
/** What the engine may hold, however long a file is. */
const WASM_BYTES_MAX = 64 << 20;
/** What the page and its worker may hold, with all that travels between them and the browser. */
const PAGE_BYTES_MAX = 150 << 20;

let world, daemon, gateway;
before(async () => {
  world = await p.setUp();
  daemon = await startDaemon("ours");
  gateway = await startGateway(daemon.port);
});
after(async () => {
  await world?.close();
  await gateway?.close();
  await daemon?.close();
});

const openPage = () => p.open({ ...world, site: { url: gateway.url } });

test("a folder of 100,000 files", { timeout: 5 * MINUTES }, async () => {
  const source = join(world.folder, "many");
  for (let folder = 0; folder < FOLDERS; folder++) {
    await mkdir(join(source, `${folder}`), { recursive: true });
    await Promise.all(Array.from({ length: FILES_EACH }, (_, file) => writeFile(join(source, `${folder}/${file}`), "")));
  }
  const page = await openPage();
  page.setDefaultTimeout(3 * MINUTES);
  await p.chooseModule(page, "files");
  await p.pick(page, source);
  assert.match(await page.locator("#chosen-sum").innerText(), /^100,000 files/);
  await page.click("#start");
  assert.equal(await p.finished(page, 4 * MINUTES), "Uploaded.");
  for (const folder of [0, FOLDERS - 1]) assert.equal((await readdir(daemon.dir(`files/many/${folder}`))).length, FILES_EACH);
  await page.close();
});

/** Pushes a file of which a little has changed, and tells how much the engine held in the middle, and all of the page at most. */
async function pushLong(length, minutes) {
  // Nearly all of both is a hole, which takes no room here; the daemon writes what it makes of it in full.
  const source = join(world.folder, "long.bin");
  const target = daemon.dir("files/long.bin");
  for (const path of [source, target]) {
    const file = await open(path, "w");
    await file.truncate(length);
    if (path === source) await file.write("near the end", length - 1000);
    await file.close();
  }
  await p.touch(target, 100_000);
  const page = await openPage();
  await p.chooseModule(page, "files");
  await page.setInputFiles("#files", source);
  await page.locator("#chosen").waitFor();
  const memory = await watchMemory(page);
  await page.click("#start");
  await page.waitForFunction(() => document.querySelector("#overall").value > 500, null, { timeout: minutes * MINUTES });
  const [worker] = page.workers();
  const held = await worker.evaluate(async () => {
    const wasm = await (await import(new URL("js/wasm.js", location.href).href)).load();
    return (await wasm.default()).memory.buffer.byteLength;
  });
  assert.equal(await p.finished(page, minutes * MINUTES), "Uploaded.");
  const peak = await memory.peak();
  assert.ok(held < WASM_BYTES_MAX, `the engine held ${held} bytes`);
  assert.ok(peak.workers > 0 && peak.both < PAGE_BYTES_MAX, `the page held ${peak.both} bytes`);
  assert.match(await p.headline(page), /^Sent [\d.]+ [KM]B of [\d.]+ GB/);
  assert.equal((await stat(target)).size, length);
  execFileSync("cmp", [source, target]);
  await page.close();
  await rm(target);
  return `the engine held ${held >> 20} MiB, the page ${peak.heap >> 20} MiB of heap and ${peak.buffers >> 20} MiB of buffers`;
}

test("a file over 4 GiB, of which a little has changed", { timeout: 5 * MINUTES }, async (t) => {
  t.diagnostic(await pushLong(4 * 2 ** 30 + 12_345, 4));
});

const skip = !process.env.SYNCLINE_TEST_HUGE && "SYNCLINE_TEST_HUGE is not set; it writes 10 GB to the disk";

test("a file of 10 GB, of which a little has changed", { skip, timeout: 12 * MINUTES }, async (t) => {
  t.diagnostic(await pushLong(10_000_000_000, 10));
});
