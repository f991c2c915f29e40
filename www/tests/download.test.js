// Downloads to the browser's own storage, and from there to a file.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { daemons, startBridge, startDaemon, startRelay } from "./support/daemon.js";
import * as p from "./support/page.js";

const SLOW = 8 << 20;

let world;
before(async () => (world = await p.setUp()));
after(() => world?.close());

/** Saves what was downloaded and gives the path of it. */
async function save(page, name) {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#save")]);
  const path = join(world.folder, name);
  await download.saveAs(path);
  return { path, suggested: download.suggestedFilename() };
}

/** Shows the downloads tab and goes into folders. */
async function goTo(page, module, ...folders) {
  await p.chooseModule(page, module);
  await page.click("#tab-download");
  for (const folder of folders) await page.locator(`#listing button:text-is("${folder}/")`).click();
}

for (const which of daemons) {
  describe(`a pull from ${which}`, () => {
    let daemon, bridge, context;
    before(async () => {
      daemon = await startDaemon(which);
      bridge = await startBridge(daemon.port);
      context = await world.browser.newContext({ acceptDownloads: true });
    });
    after(async () => {
      await context?.close();
      await bridge?.close();
      await daemon?.close();
    });

    test("lists, downloads, and the second time receives only what changed", async () => {
      const big = p.noise(10 << 20);
      const long = `${"long-".repeat(30)}name.txt`;
      await p.write(daemon.dir("files"), { "set/big.bin": big, "set/in/ünï.txt": "text", [`set/in/${long}`]: "l", "set/gone": "g" });
      const page = await p.open(world, bridge.url, context);
      await goTo(page, "files", "set");
      await page.locator('#listing button:text-is("big.bin")').waitFor();
      assert.equal(await page.inputValue("#path"), "set");
      assert.equal(await p.upload(page), "Downloaded.");
      const first = await save(page, `first-${which}.tar`);
      assert.equal(first.suggested, "files-set.tar");
      const unpacked = join(world.folder, `unpacked-${which}`);
      await mkdir(unpacked);
      execFileSync("tar", ["-xf", first.path, "-C", unpacked]);
      execFileSync("diff", ["-r", unpacked, daemon.dir("files/set")]);

      const changed = Buffer.concat([Buffer.from("in front"), big]);
      await p.write(daemon.dir("files"), { "set/big.bin": changed });
      await p.touch(daemon.dir("files/set/big.bin"), -9);
      execFileSync("rm", [daemon.dir("files/set/gone")]);
      await page.click("summary:text('Options')");
      await page.check("#remove");
      await page.click("#preview");
      assert.equal(await p.finished(page), "1 file changed, 1 to delete");
      assert.equal(await p.upload(page), "Downloaded.");
      assert.match(await p.headline(page), /^Received [\d.]+ KB of 10\.5 MB\s+99\.\d % was already there$/);
      const second = await save(page, `second-${which}.tar`);
      execFileSync("tar", ["-xf", second.path, "-C", unpacked]);
      assert.ok((await readFile(join(unpacked, "big.bin"))).equals(changed));

      // Times are remembered, so nothing is looked into that is the same.
      assert.equal(await p.upload(page), "Downloaded.");
      assert.match(await page.locator("#outcome-advice").innerText(), /Everything was up to date/);
      await page.close();
    });

    test("takes one file, behind a login", async () => {
      await writeFile(daemon.dir("private/letter.txt"), "Dear Joe");
      const page = await p.open(world, bridge.url, context);
      await goTo(page, "private");
      await p.logIn(page, "joe", "secret");
      await page.locator('#listing button:text-is("letter.txt")').click();
      assert.equal(await p.upload(page), "Downloaded.");
      const { path, suggested } = await save(page, `letter-${which}`);
      assert.equal(suggested, "letter.txt");
      assert.equal(await readFile(path, "utf8"), "Dear Joe");
      await page.close();
    });

    test("is cancelled in the middle, and goes on from there", async () => {
      const big = p.noise(24 << 20);
      await p.write(daemon.dir("files"), { "cut/big.bin": big });
      const relay = await startRelay(daemon.port, SLOW, "down");
      const slow = await startBridge(relay.port);
      const page = await p.open(world, slow.url, context);
      await goTo(page, "files", "cut");
      await page.click("#start");
      await page.waitForFunction(() => document.querySelector("#overall").value > 300, null, { polling: 20 });
      await page.click("#cancel");
      assert.equal(await p.finished(page), "Stopped.");
      await page.click("#retry");
      assert.equal(await p.finished(page), "Downloaded.");
      const [, received] = /^Received ([\d.]+) MB/.exec(await p.headline(page));
      assert.ok(Number(received) < 22, `${received} MB were received though much was there`);
      const { path } = await save(page, `cut-${which}`);
      assert.ok((await readFile(path)).equals(big));
      await page.close();
      await slow.close();
      relay.close();
    });

    test("goes on by itself when the connection is cut", async () => {
      const big = p.noise(24 << 20);
      await p.write(daemon.dir("files"), { "lost/big.bin": big });
      const relay = await startRelay(daemon.port, SLOW, "down");
      const fragile = await startBridge(relay.port);
      const page = await p.open(world, fragile.url, context);
      await goTo(page, "files", "lost");
      await page.click("#start");
      await page.waitForFunction(() => document.querySelector("#overall").value > 300, null, { polling: 20 });
      await fragile.close();
      await page.locator("#work-note:text('Trying again')").waitFor();
      const again = await startBridge(daemon.port, fragile.port);
      assert.equal(await p.finished(page), "Downloaded.");
      const { path } = await save(page, `lost-${which}`);
      assert.ok((await readFile(path)).equals(big));
      await page.close();
      await again.close();
      relay.close();
    });
  });
}
