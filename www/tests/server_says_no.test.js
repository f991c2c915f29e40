// What a server can't or won't take: a disk that is full, and names that it refuses.

import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { daemons, mountSmall, startDaemon, startGateway } from "./support/daemon.js";
import * as p from "./support/page.js";

const MIB = 1 << 20;

let world;
before(async () => (world = await p.setUp()));
after(() => world?.close());

for (const which of daemons) {
  describe(`what ${which} can't or won't take`, () => {
    let daemon, gateway, unmount;
    before(async () => {
      daemon = await startDaemon(which);
      gateway = await startGateway(daemon.port);
      unmount = mountSmall(daemon.dir("files"), 6 * MIB);
    });
    after(async () => {
      await gateway?.close();
      unmount?.();
      await daemon?.close();
    });

    const openPage = async (module) => {
      const page = await p.open({ ...world, site: { url: gateway.url } });
      await p.chooseModule(page, module);
      return page;
    };
    const failures = (page) => page.locator("#failures li").allInnerTexts();

    test("a full disk: it is told of, the old version stays, and with room it goes on", async (t) => {
      if (!unmount) return t.skip("mounting a small file system takes root's rights");
      const source = join(world.folder, `full-${which}`);
      const old = p.noise(2 * MIB);
      await p.write(daemon.dir("files"), { [`full-${which}/big.bin`]: old, ballast: Buffer.alloc(2 * MIB) });
      const big = Buffer.concat([p.noise(3 * MIB), old]);
      await p.write(source, { "a.txt": "first", "big.bin": big, "fresh.bin": p.noise(MIB), "z.txt": "last" });
      const page = await openPage("files");
      await p.pick(page, source);
      assert.equal(await p.upload(page), "The server's disk is full.");
      assert.match(await page.locator("#outcome-advice").innerText(), /Make room there and try again/);
      assert.deepEqual(await failures(page), [`full-${which}/big.bin: there was no room left for it`]);
      const target = daemon.dir(`files/full-${which}`);
      assert.ok((await readFile(join(target, "big.bin"))).equals(old), "the old version is as it was");
      for (const name of await readdir(target)) assert.ok(!name.startsWith(".big.bin."), `${name} is left over`);

      unmount();
      unmount = mountSmall(daemon.dir("files"), 20 * MIB);
      await p.write(daemon.dir("files"), { [`full-${which}/big.bin`]: old });
      await page.click("#retry");
      assert.equal(await p.finished(page), "Uploaded.");
      assert.ok((await readFile(join(target, "big.bin"))).equals(big));
      assert.equal(await readFile(join(target, "z.txt"), "utf8"), "last");
      await page.close();
    });

    test("names that the module's rules refuse; the others go on", async () => {
      const source = join(world.folder, `picky-${which}`);
      await p.write(source, { "a.txt": "a", "keys.secret": "k", "of.secret/b.txt": "b", "z.txt": "z" });
      const page = await openPage("picky");
      await p.pick(page, source);
      await page.click("#preview");
      assert.equal(await p.finished(page), "2 files new");
      const refused = [
        `picky-${which}/keys.secret: the server's rules refuse this name`,
        `picky-${which}/of.secret: the server's rules refuse this name, so nothing in it was transferred`,
      ];
      assert.deepEqual((await failures(page)).sort(), refused);
      assert.equal(await p.upload(page), "2 files could not be transferred; all others were.");
      assert.deepEqual((await failures(page)).sort(), refused);
      assert.deepEqual((await readdir(daemon.dir(`picky/picky-${which}`))).sort(), ["a.txt", "z.txt"]);
      await page.close();
    });

    test("a name that is too long for the server; the others go on", async () => {
      const page = await openPage("picky");
      // No file system here has such a file, but a browser can have one.
      await page.evaluate(() => {
        const transfer = new DataTransfer();
        for (const name of ["a.txt", `${"x".repeat(300)}.txt`, "z.txt"]) transfer.items.add(new File([name], name));
        const input = document.querySelector("#files");
        input.files = transfer.files;
        input.dispatchEvent(new Event("change"));
      });
      assert.equal(await p.upload(page), "One file could not be transferred; all others were.");
      assert.deepEqual(await failures(page), [`${"x".repeat(300)}.txt: the name is too long for the server`]);
      for (const name of ["a.txt", "z.txt"]) assert.equal(await readFile(daemon.dir(`picky/${name}`), "utf8"), name);
      await page.close();
    });
  });
}
