// Folders that the browser hands over (File System Access), as the source of a push and as the target of a pull.
//
// A test can't click in the system's dialog, so the picker gives a folder of the browser's own file system. The handle is of
// the same kind, and everything behind the dialog is what runs.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";

import { startDaemon, startGateway } from "./support/daemon.js";
import * as p from "./support/page.js";

let world, daemon, gateway;
before(async () => {
  world = await p.setUp();
  daemon = await startDaemon("stock");
  gateway = await startGateway(daemon.port);
});
after(async () => {
  await world?.close();
  await gateway?.close();
  await daemon?.close();
});

/** What a file of the chosen folder holds. */
const held = (page, ...path) =>
  page.evaluate(async ([name, ...above]) => {
    let dir = await window.showDirectoryPicker();
    for (const part of above.reverse()) dir = await dir.getDirectoryHandle(part);
    return (await (await dir.getFileHandle(name)).getFile()).text();
  }, path.reverse());

test("a chosen folder is synced to, and pushed from", async () => {
  const context = await world.browser.newContext();
  await context.addInitScript(() => {
    window.showDirectoryPicker = async () =>
      (await navigator.storage.getDirectory()).getDirectoryHandle("chosen", { create: true });
  });
  const big = p.noise(6 << 20).toString("hex");
  await p.write(daemon.dir("files"), { "set/big.txt": big, "set/in/small.txt": "small", "set/gone.txt": "gone" });
  const page = await p.open({ site: { url: gateway.url } }, null, context);
  await p.chooseModule(page, "files");
  await page.click("#tab-download");
  await page.locator('#listing button:text-is("set/")').click();
  await page.locator('#listing button:text-is("big.txt")').waitFor();
  await page.click("#into-choose");
  await page.locator("#into-folder-name:text('chosen')").waitFor();
  assert.equal(await p.upload(page), "Downloaded.");
  assert.equal(await held(page, "big.txt"), big);
  assert.equal(await held(page, "in", "small.txt"), "small");

  // What changed is what travels, also into a folder like this.
  const changed = `in front${big}`;
  await p.write(daemon.dir("files"), { "set/big.txt": changed });
  await p.touch(daemon.dir("files/set/big.txt"), -9);
  assert.equal(await p.upload(page), "Downloaded.");
  assert.match(await p.headline(page), /^Received [\d.]+ KB of 12\.6 MB\s+99\.\d % was already there$/);
  assert.equal(await held(page, "big.txt"), changed);

  await page.click("#tab-upload");
  await page.click("#remembered");
  await page.locator("#chosen-sum:text('3 files')").waitFor();
  assert.equal(await p.upload(page), "Uploaded.");
  assert.equal(await readFile(daemon.dir("files/set/chosen/big.txt"), "utf8"), changed);
  assert.equal(await readFile(daemon.dir("files/set/chosen/in/small.txt"), "utf8"), "small");
  await context.close();
});
