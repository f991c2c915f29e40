// The page in Firefox: a push, and a second one of what changed, through our own gateway to stock rsync.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { startFirefox } from "./support/bidi.js";
import { startDaemon, startGateway } from "./support/daemon.js";
import { noise, touch, write } from "./support/page.js";

const FIREFOX = process.env.FIREFOX ?? "/usr/bin/firefox-esr";
const skip = !existsSync(FIREFOX) && `${FIREFOX} is not installed`;
const text = (selector) => `document.querySelector("${selector}").innerText`;

test("uploads, and the second time only what changed", { skip, timeout: 120_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "syncline-picked-"));
  const daemon = await startDaemon("stock");
  const gateway = await startGateway(daemon.port);
  const page = await startFirefox(FIREFOX);
  const source = join(folder, "big.bin");
  const upload = async () => {
    await page.setFiles("#files", [source]);
    await page.waitFor(`!document.querySelector("#chosen").hidden`);
    // What an earlier run has left there is not what is waited for.
    await page.evaluate(`document.querySelector("#outcome").hidden = true; document.querySelector("#start").click()`);
    await page.waitFor(`!document.querySelector("#outcome").hidden`);
    return page.evaluate(text("#work-title"));
  };
  try {
    const big = noise(12 << 20);
    await write(folder, { "big.bin": big });
    await page.goto(gateway.url);
    await page.waitFor(`document.querySelector('#module option[value="files"]') !== null`);
    await page.evaluate(`document.querySelector("#module").value = "files"`);
    assert.equal(await upload(), "Uploaded.");
    assert.ok((await readFile(daemon.dir("files/big.bin"))).equals(big));

    big[5 << 20] ^= 255;
    await write(folder, { "big.bin": big });
    await touch(source, -9);
    await page.evaluate(`document.querySelector("#clear").click()`);
    assert.equal(await upload(), "Uploaded.");
    assert.match(await page.evaluate(text("#headline")), /^Sent [\d.]+ KB of 12\.6 MB\s+99\.\d % was already there$/);
    assert.ok((await readFile(daemon.dir("files/big.bin"))).equals(big));
  } finally {
    await page.close();
    await gateway.close();
    await daemon.close();
    await rm(folder, { recursive: true, force: true });
  }
});
