// Uploads through the real page: what travels is read from the daemon's own counters.

import assert from "node:assert/strict";
import { readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { daemons, startBridge, startDaemon, startRelay } from "./support/daemon.js";
import * as p from "./support/page.js";

/** Bytes a second where something has to happen in the middle. */
const SLOW = 8 << 20;

let world;
before(async () => (world = await p.setUp()));
after(() => world?.close());

/** What the last transfer of a file carried, by a daemon's log. */
async function sent(daemon, file) {
  const lines = [...(await daemon.log()).matchAll(/recv \w+ (\S+) len=(\d+) sent=(\d+)/g)];
  const [, , len, bytes] = lines.findLast(([, name]) => name.endsWith(file));
  return { len: Number(len), bytes: Number(bytes) };
}

for (const which of daemons) {
  describe(`a push to ${which}`, () => {
    let daemon, bridge, relay;
    before(async () => {
      daemon = await startDaemon(which);
      bridge = await startBridge(daemon.port);
      relay = await startRelay(daemon.port, SLOW);
    });
    after(async () => {
      await bridge?.close();
      relay?.close();
      await daemon?.close();
    });

    test("logs in, previews, uploads; what changed is all that travels the second time", async () => {
      const source = join(world.folder, `album-${which}`);
      const big = p.noise(12 << 20);
      const files = { "raw.bin": big, "notes/a.txt": "first\n", "notes/ünï cödé.txt": "second\n", "old.txt": "old\n", empty: "" };
      await p.write(source, files);
      const page = await p.open(world, bridge.url);
      await p.chooseModule(page, "private");
      await p.pick(page, source);
      await page.click("#preview");
      await p.logIn(page, "joe", "secret");
      assert.equal(await p.finished(page), "5 files new");
      assert.match(await page.locator("#items").innerText(), /album-\w+\/notes\/ünï cödé\.txt/);
      // A preview changes nothing.
      await assert.rejects(stat(daemon.dir(`private/album-${which}`)));

      assert.equal(await p.upload(page), "Uploaded.");
      const target = daemon.dir(`private/album-${which}`);
      for (const [name, contents] of Object.entries(files)) {
        assert.ok((await readFile(join(target, name))).equals(Buffer.from(contents)), name);
      }
      const [there, here] = [await stat(join(target, "raw.bin")), await stat(join(source, "raw.bin"))];
      assert.equal(Math.floor(there.mtimeMs / 1000), Math.floor(here.mtimeMs / 1000));

      // A change in the middle, something put in, a new file, one that goes away.
      const changed = Buffer.concat([big.subarray(0, 1 << 20), Buffer.from("put in"), big.subarray(1 << 20)]);
      changed[9 << 20] ^= 255;
      await p.write(source, { "raw.bin": changed, "new.txt": "new\n" });
      await p.touch(join(source, "raw.bin"), -5);
      await rm(join(source, "old.txt"));
      await page.click("#clear");
      await p.pick(page, source);
      await page.click("summary:text('Options')");
      await page.check("#remove");
      await page.click("#preview");
      assert.equal(await p.finished(page), "1 file new, 1 changed, 1 to delete");
      assert.match(await page.locator("#items li:has(.deleted)").innerText(), /old\.txt/);
      assert.equal(await p.upload(page), "Uploaded.");
      assert.match(await p.headline(page), /^Sent [\d.]+ KB of 12\.6 MB\s+99\.\d % was already there$/);
      assert.ok((await readFile(join(target, "raw.bin"))).equals(changed));
      await assert.rejects(stat(join(target, "old.txt")));
      const { len, bytes } = await sent(daemon, `album-${which}/raw.bin`);
      assert.equal(len, changed.length);
      assert.ok(bytes < len / 20, `${bytes} of ${len} bytes were sent`);

      // The picture shows where it changed.
      const label = await page.locator("#strip").getAttribute("aria-label");
      assert.match(label, /9\d\.?\d? % of what was looked at was there already/);
      assert.equal(await p.upload(page), "Uploaded.");
      assert.match(await page.locator("#outcome-advice").innerText(), /Everything was up to date/);
      await page.close();
    });

    test("compresses, leaves out, and compares contents", async () => {
      const source = join(world.folder, `text-${which}`);
      await p.write(source, { "log.txt": "the same line again\n".repeat(100_000), "skip.tmp": "x", "keep.txt": "1" });
      const page = await p.open(world, bridge.url);
      await p.chooseModule(page, "files");
      await page.fill("#path", "deep/er");
      await p.pick(page, source);
      await page.click("summary:text('Options')");
      await page.check("#compress");
      await page.check("#checksum");
      await page.fill("#excludes", "*.tmp");
      assert.equal(await p.upload(page), "Uploaded.");
      const target = daemon.dir(`files/deep/er/text-${which}`);
      assert.equal((await readFile(join(target, "log.txt"))).length, 2_000_000);
      await assert.rejects(stat(join(target, "skip.tmp")));
      const { bytes } = await sent(daemon, `text-${which}/log.txt`);
      assert.ok(bytes < 100_000, `${bytes} bytes were sent`);
      // Another time alone is no reason to send anything.
      await p.touch(join(source, "log.txt"), 1000);
      await page.click("#clear");
      await p.pick(page, source);
      assert.equal(await p.upload(page), "Uploaded.");
      assert.match(await page.locator("#outcome-advice").innerText(), /Everything was up to date/);
      await page.close();
    });

    test("is cancelled in the middle, and goes on from there", async () => {
      const source = join(world.folder, `cut-${which}`);
      const big = p.noise(24 << 20);
      await p.write(source, { "big.bin": big });
      const slow = await startBridge(relay.port);
      const page = await p.open(world, slow.url);
      await p.chooseModule(page, "files");
      await p.pick(page, source);
      await page.click("#start");
      await page.waitForFunction(() => document.querySelector("#overall").value > 150, null, { polling: 20 });
      await page.click("#pause");
      await page.click("#cancel");
      assert.equal(await p.finished(page), "Stopped.");
      const target = daemon.dir(`files/cut-${which}/big.bin`);
      const kept = await waitForSize(daemon.dir(`files/cut-${which}/.rsync-partial/big.bin`));
      assert.ok(kept > 1 << 20 && kept < big.length, `${kept} bytes were kept`);
      await page.click("#retry");
      assert.equal(await p.finished(page), "Uploaded.");
      assert.ok((await readFile(target)).equals(big));
      const { bytes } = await sent(daemon, `cut-${which}/big.bin`);
      assert.ok(bytes < big.length - kept / 2, `${bytes} were sent though ${kept} were there`);
      await page.close();
      await slow.close();
    });

    test("is cancelled while it sends changes: the old version stays, and serves again", async () => {
      const source = join(world.folder, `spoil-${which}`);
      const old = p.noise(24 << 20);
      const target = daemon.dir(`files/spoil-${which}/big.bin`);
      await p.write(daemon.dir("files"), { [`spoil-${which}/big.bin`]: old });
      await p.touch(target, 1000);
      // Changes that take a while, and what is new besides.
      const changed = Buffer.from(old);
      for (const at of [1, 9]) p.noise(4 << 20).copy(changed, at << 20);
      await p.write(source, { "big.bin": changed, "new.bin": p.noise(2 << 20) });
      const slow = await startBridge(relay.port);
      const page = await p.open(world, slow.url);
      await p.chooseModule(page, "files");
      await p.pick(page, source);
      // Behind the first piece of what changed, and before the end of the second.
      relay.hold(5 << 20);
      await page.click("#start");
      await page.waitForFunction(() => document.querySelector("#overall").value > 300, null, { polling: 20 });
      await page.click("#cancel");
      assert.equal(await p.finished(page), "Stopped.");
      relay.drop();
      assert.ok((await readFile(target)).equals(old), "the old version is as it was");
      await page.click("#retry");
      assert.equal(await p.finished(page), "Uploaded.");
      assert.ok((await readFile(target)).equals(changed));
      assert.equal((await stat(daemon.dir(`files/spoil-${which}/new.bin`))).size, 2 << 20);
      const { bytes } = await sent(daemon, `spoil-${which}/big.bin`);
      assert.ok(bytes < 10 << 20, `${bytes} bytes were sent where 8 MiB had changed`);
      await page.close();
      await slow.close();
    });

    test("goes on by itself when the connection is cut", async () => {
      const source = join(world.folder, `lost-${which}`);
      const big = p.noise(24 << 20);
      await p.write(source, { "big.bin": big });
      const fragile = await startBridge(relay.port);
      const page = await p.open(world, fragile.url);
      await p.chooseModule(page, "files");
      await p.pick(page, source);
      await page.click("#start");
      await page.waitForFunction(() => document.querySelector("#overall").value > 150, null, { polling: 20 });
      await fragile.close();
      await page.locator("#work-note:text('Trying again')").waitFor();
      const again = await startBridge(daemon.port, fragile.port);
      try {
        assert.equal(await p.finished(page), "Uploaded.");
        assert.ok((await readFile(daemon.dir(`files/lost-${which}/big.bin`))).equals(big));
        assert.match(await p.headline(page), /^Sent [\d.]+ MB of 25\.2 MB/);
      } finally {
        await again.close();
      }
      await page.close();
    });
  });
}

/** The length of what a daemon has kept, once it has. */
async function waitForSize(path) {
  for (let tries = 0; tries < 100; tries++) {
    const size = await stat(path).then((found) => found.size, () => 0);
    if (size) return size;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return 0;
}

test("a plan outlives the page", async () => {
  const daemon = await startDaemon("stock");
  const relay = await startRelay(daemon.port, SLOW);
  const bridge = await startBridge(relay.port);
  const context = await world.browser.newContext();
  try {
    const source = join(world.folder, "reload");
    const big = p.noise(24 << 20);
    await p.write(source, { "big.bin": big });
    let page = await p.open(world, bridge.url, context);
    await p.chooseModule(page, "files");
    await p.pick(page, source);
    await page.click("#start");
    await page.waitForFunction(() => document.querySelector("#overall").value > 150, null, { polling: 20 });
    page.on("dialog", (dialog) => dialog.accept());
    await page.close();
    const kept = await waitForSize(daemon.dir("files/reload/.rsync-partial/big.bin"));
    assert.ok(kept, "something was kept");
    page = await p.open(world, bridge.url, context);
    await page.locator("#unfinished").waitFor();
    assert.match(await page.locator("#unfinished-title").innerText(), /The upload to files was not finished/);
    await page.click("#unfinished-go");
    await p.chooseModule(page, "files");
    await p.pick(page, source);
    assert.equal(await p.upload(page), "Uploaded.");
    assert.ok((await readFile(daemon.dir("files/reload/big.bin"))).equals(big));
    await page.reload();
    await p.chooseModule(page, "files");
    assert.ok(await page.locator("#unfinished").isHidden());
  } finally {
    await context.close();
    await bridge.close();
    relay.close();
    await daemon.close();
  }
});
