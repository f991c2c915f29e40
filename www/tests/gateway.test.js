// The page as our own gateway serves it: its headers, its tokens, its targets.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { freePort, startDaemon, startGateway } from "./support/daemon.js";
import * as p from "./support/page.js";

let world;
before(async () => (world = await p.setUp()));
after(() => world?.close());

/** A daemon, and a gateway in front of it or within it. */
const ways = {
  "our gateway, to stock": () => behind("stock"),
  "our gateway, to ours": () => behind("ours"),
  "the gateway that a daemon of ours has by `web address`": async () => {
    const port = await freePort();
    const daemon = await startDaemon("ours", `web address = 127.0.0.1:${port}`);
    return { daemon, gateway: { url: `http://127.0.0.1:${port}/`, close: () => {} } };
  },
};

async function behind(which) {
  const daemon = await startDaemon(which);
  return { daemon, gateway: await startGateway(daemon.port) };
}

/** Bytes that the daemon has counted for files that it received. */
async function received(daemon) {
  return [...(await daemon.log()).matchAll(/recv private \S+ len=\d+ sent=(\d+)/g)].reduce((sum, [, bytes]) => sum + Number(bytes), 0);
}

for (const [way, begin] of Object.entries(ways)) {
  test(`uploads and downloads through ${way}`, async () => {
    const { daemon, gateway } = await begin();
    const context = await world.browser.newContext({ acceptDownloads: true });
    try {
      const source = join(world.folder, "through");
      const big = p.noise(6 << 20);
      await p.write(source, { "big.bin": big });
      const page = await p.open({ ...world, site: { url: gateway.url } }, null, context);
      await p.chooseModule(page, "private");
      await p.pick(page, source);
      await page.click("#start");
      await p.logIn(page, "joe", "secret");
      assert.equal(await p.finished(page), "Uploaded.");
      const target = daemon.dir("private/through/big.bin");
      assert.ok((await readFile(target)).equals(big));
      const before = await received(daemon);
      big[3 << 20] ^= 1;
      await p.write(source, { "big.bin": big });
      await p.touch(join(source, "big.bin"), -5);
      await page.click("#clear");
      await p.pick(page, source);
      assert.equal(await p.upload(page), "Uploaded.");
      assert.match(await p.headline(page), /99\.\d % was already there/);
      const again = (await received(daemon)) - before;
      assert.ok(again < big.length / 20, `${again} bytes travelled the second time`);
      assert.ok((await readFile(target)).equals(big));
      await page.click("#tab-download");
      await page.locator('#listing button:text-is("through/")').click();
      await page.locator('#listing button:text-is("big.bin")').waitFor();
      assert.equal(await p.upload(page), "Downloaded.");
      const [download] = await Promise.all([page.waitForEvent("download"), page.click("#save")]);
      assert.ok((await readFile(await download.path())).equals(big));
    } finally {
      await context.close();
      await gateway.close();
      await daemon.close();
    }
  });
}
