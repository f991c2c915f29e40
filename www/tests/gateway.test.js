// The page as our own gateway serves it: its headers, its tokens, its targets.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { startDaemon, startGateway } from "./support/daemon.js";
import * as p from "./support/page.js";

let world;
before(async () => (world = await p.setUp()));
after(() => world?.close());

for (const which of ["stock", "ours"]) {
  test(`uploads and downloads through our gateway, to ${which}`, async () => {
    const daemon = await startDaemon(which);
    const gateway = await startGateway(daemon.port);
    const context = await world.browser.newContext({ acceptDownloads: true });
    try {
      const source = join(world.folder, `through-${which}`);
      const big = p.noise(6 << 20);
      await p.write(source, { "big.bin": big });
      const page = await p.open({ ...world, site: { url: gateway.url } }, null, context);
      await p.chooseModule(page, "private");
      await p.pick(page, source);
      await page.click("#start");
      await p.logIn(page, "joe", "secret");
      assert.equal(await p.finished(page), "Uploaded.");
      const target = daemon.dir(`private/through-${which}/big.bin`);
      assert.ok((await readFile(target)).equals(big));
      big[3 << 20] ^= 1;
      await p.write(source, { "big.bin": big });
      await p.touch(join(source, "big.bin"), -5);
      await page.click("#clear");
      await p.pick(page, source);
      assert.equal(await p.upload(page), "Uploaded.");
      assert.match(await p.headline(page), /99\.\d % was already there/);
      assert.ok((await readFile(target)).equals(big));
      await page.click("#tab-download");
      await page.locator(`#listing button:text-is("through-${which}/")`).click();
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
