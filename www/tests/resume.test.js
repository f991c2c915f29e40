// A page that goes away in the middle of a download: what had arrived is there when it comes back, and so is the old version.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { startDaemon, startGateway, startRelay } from "./support/daemon.js";
import * as p from "./support/page.js";

const MIB = 1 << 20;
/** Bytes a second, so that there is a middle. */
const SLOW = 8 * MIB;

let world, daemon, relay, gateway;
before(async () => {
  world = await p.setUp();
  daemon = await startDaemon("stock");
  relay = await startRelay(daemon.port, SLOW, "down");
  gateway = await startGateway(relay.port);
});
after(async () => {
  await world?.close();
  await gateway?.close();
  relay?.close();
  await daemon?.close();
});

/** What is in a folder of the browser's own file system, by path. */
const inside = (page, ...path) =>
  page.evaluate(async (path) => {
    let dir = await navigator.storage.getDirectory();
    for (const part of path) dir = await dir.getDirectoryHandle(part, { create: true });
    const found = {};
    const walk = async (dir, prefix) => {
      for await (const [name, handle] of dir.entries()) {
        if (handle.kind === "directory") await walk(handle, `${prefix}${name}/`);
        else found[prefix + name] = (await handle.getFile()).size;
      }
    };
    await walk(dir, "");
    return found;
  }, path);

const digest = (page, ...path) =>
  page.evaluate(async (path) => {
    let dir = await navigator.storage.getDirectory();
    const name = path.pop();
    for (const part of path) dir = await dir.getDirectoryHandle(part);
    const bytes = await (await (await dir.getFileHandle(name)).getFile()).arrayBuffer();
    return [...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }, path);

const sha256 = async (bytes) => Buffer.from(await crypto.subtle.digest("SHA-256", bytes)).toString("hex");

const received = async (page) => Number(/^Received ([\d.]+) MB/.exec(await p.headline(page))?.[1]);

for (const [into, where] of [["a chosen folder", ["chosen"]], ["the browser", ["downloads", "files-set"]]]) {
  describe(`a download into ${into}`, () => {
    const big = p.noise(24 * MIB);
    let context, page;
    before(async () => {
      context = await world.browser.newContext();
      // A test can't click in the system's dialog: a folder of the browser's own file system stands in for a chosen one.
      await context.addInitScript(() => {
        window.showDirectoryPicker = async () =>
          (await navigator.storage.getDirectory()).getDirectoryHandle("chosen", { create: true });
      });
      await p.write(daemon.dir("files"), { "set/in/big.bin": big, "set/small.txt": "small" });
      page = await p.open({ site: { url: gateway.url } }, null, context);
      page.on("dialog", (dialog) => dialog.accept());
    });
    after(() => context?.close());

    /** Begins, and goes away when the bar is at so many thousandths; then comes back and goes on. */
    async function interrupted(thousandths, look) {
      await page.click("#start");
      await page.waitForFunction((at) => document.querySelector("#overall").value > at, thousandths, { polling: 20 });
      await page.reload();
      await look?.();
      await page.locator("#unfinished").waitFor();
      await page.click("#unfinished-go");
      assert.equal(await p.finished(page), "Downloaded.");
      assert.deepEqual(await inside(page, "parts"), {}, "no parts are left");
    }

    test("of a new file", async () => {
      await p.chooseModule(page, "files");
      await page.click("#tab-download");
      await page.locator('#listing button:text-is("set/")').click();
      await page.locator('#listing button:text-is("in/")').waitFor();
      if (where[0] === "chosen") {
        await page.click("#into-choose");
        await page.locator("#into-folder-name:text('chosen')").waitFor();
      }
      await interrupted(400);
      assert.equal(await digest(page, ...where, "in", "big.bin"), await sha256(big));
      const megabytes = await received(page);
      assert.ok(megabytes < 20, `${megabytes} MB were received though much was there`);
    });

    test("of a new version: the old one stays until then, and serves as well as what has arrived", async () => {
      const old = await sha256(big);
      p.noise(12 * MIB).copy(big);
      await p.write(daemon.dir("files"), { "set/in/big.bin": big });
      await p.touch(daemon.dir("files/set/in/big.bin"), -9);
      await interrupted(300, async () => assert.equal(await digest(page, ...where, "in", "big.bin"), old));
      assert.equal(await digest(page, ...where, "in", "big.bin"), await sha256(big));
      const megabytes = await received(page);
      assert.ok(megabytes < 9, `${megabytes} MB were received though all but 12 were there, and some of those had arrived`);
    });
  });
}
