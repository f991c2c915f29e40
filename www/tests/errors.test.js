// Each thing that can go wrong ends in a sentence.

import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { freePort, startBridge, startDaemon, startTalker } from "./support/daemon.js";
import * as p from "./support/page.js";

let world, daemon, bridge, source;
before(async () => {
  world = await p.setUp();
  daemon = await startDaemon("stock");
  bridge = await startBridge(daemon.port);
  source = join(world.folder, "source");
  await p.write(source, { "a.txt": "a", "b.txt": "b" });
});
after(async () => {
  await world?.close();
  await bridge?.close();
  await daemon?.close();
});

const note = (page) => page.locator("#where-note");

test("a wrong password, and then the right one", async () => {
  const page = await p.open(world, bridge.url);
  await p.chooseModule(page, "private");
  await p.pick(page, source);
  await page.click("#start");
  await p.logIn(page, "joe", "wrong");
  assert.equal(await p.finished(page), "The user name or password is not right for “private”.");
  await page.click("#retry");
  await p.logIn(page, "joe", "secret");
  assert.equal(await p.finished(page), "Uploaded.");
  await page.close();
});

test("nobody logs in", async () => {
  const page = await p.open(world, bridge.url);
  await p.chooseModule(page, "private");
  await p.pick(page, source);
  await page.click("#start");
  await page.locator("#login[open]").waitFor();
  await page.keyboard.press("Escape");
  assert.equal(await p.finished(page), "Stopped.");
  await page.close();
});

test("a module that is not there", async () => {
  const page = await p.open(world, bridge.url);
  await p.chooseModule(page, "files");
  await page.evaluate(() => {
    const select = document.querySelector("#module");
    select.append(new Option("nowhere", "nowhere"));
    select.value = "nowhere";
  });
  await p.pick(page, source);
  assert.equal(await p.upload(page), "There is no module “nowhere” on this server.");
  await page.close();
});

test("a module that can only be read", async () => {
  const page = await p.open(world, bridge.url);
  await p.chooseModule(page, "fixed");
  await p.pick(page, source);
  assert.equal(await p.upload(page), "Nothing can be uploaded here: the module is read-only.");
  await page.close();
});

test("a folder that is not there", async () => {
  const page = await p.open(world, bridge.url);
  await p.chooseModule(page, "files");
  await page.click("#tab-download");
  await page.fill("#path", "no/such");
  await page.click("#start");
  assert.equal(await p.finished(page), "This path does not exist on the server.");
  await page.close();
});

test("a file that changed since it was picked; the others go on", async () => {
  const changing = join(world.folder, "changing");
  await p.write(changing, { "a.txt": "a", "b.txt": "b", "c.txt": "c" });
  const page = await p.open(world, bridge.url);
  await p.chooseModule(page, "files");
  await p.pick(page, changing);
  await writeFile(join(changing, "b.txt"), "longer than it was");
  assert.equal(await p.upload(page), "One file could not be transferred; all others were.");
  assert.match(await page.locator("#failures").innerText(), /changing\/b\.txt: it could not be read: it changed or went away/);
  assert.equal(await page.locator("#items .done").count(), 3);
  await page.close();
});

test("a file that went away since it was picked; the others go on", async () => {
  const going = join(world.folder, "going");
  await p.write(going, { "a.txt": "a", "b.txt": "b" });
  const page = await p.open(world, bridge.url);
  await p.chooseModule(page, "files");
  await p.pick(page, going);
  await rm(join(going, "b.txt"));
  assert.equal(await p.upload(page), "One file could not be transferred; all others were.");
  assert.match(await page.locator("#failures").innerText(), /going\/b\.txt: it is not there any more/);
  await page.close();
});

test("garbage instead of a server", async () => {
  const talker = await startTalker((socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n"));
  const odd = await startBridge(talker.port);
  const page = await p.open(world, odd.url);
  await note(page).filter({ hasText: "What answers there is not an rsync server." }).waitFor();
  await page.close();
  await odd.close();
  talker.close();
});

test("garbage in the middle", async () => {
  const talker = await startTalker((socket) => {
    socket.write("@RSYNCD: 32.0 sha512 sha256 sha1 md5 md4\n");
    let text = "";
    socket.on("data", (data) => {
      text += data.toString("latin1");
      if (text.endsWith("\n\n")) socket.end("files          \tx\n@RSYNCD: EXIT\n");
      else if (text.endsWith("files\n")) socket.write("@RSYNCD: OK\n");
      else if (text.endsWith("\0")) socket.write(Buffer.alloc(4096, 0xa7));
    });
  });
  const odd = await startBridge(talker.port);
  const page = await p.open(world, odd.url);
  await p.chooseModule(page, "files");
  await p.pick(page, source);
  const title = await p.upload(page);
  assert.equal(title, "The server does not speak rsync as it should.", await page.locator("#outcome-advice").innerText());
  await page.close();
  await odd.close();
  talker.close();
});

test("a server that closes at once, and one that closes before the work", async () => {
  for (const greeting of ["", "@RSYNCD: 32.0 sha512 sha256 sha1 md5 md4\n"]) {
    const talker = await startTalker((socket) => socket.end(greeting));
    const odd = await startBridge(talker.port);
    const page = await p.open(world, odd.url);
    await note(page).filter({ hasText: /not an rsync server|closed the connection before/ }).waitFor();
    await page.close();
    await odd.close();
    talker.close();
  }
});

test("nobody at the address, and what is no address", async () => {
  const page = await p.open(world, `ws://127.0.0.1:${await freePort()}/`);
  await note(page).filter({ hasText: "The gateway can't be reached." }).waitFor();
  await page.fill("#address", "http://x");
  await page.click("#connect");
  await note(page).filter({ hasText: "begins with ws://" }).waitFor();
  await page.click("#start");
  assert.equal(await p.title(page).innerText(), "First say where the gateway is.");
  await page.close();
});
