// Pictures of the page in every state, light and dark, wide and on a phone; and what a program can say about them.
//
// They are kept in target/pictures, to be looked at.

import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { startDaemon, startGateway, startRelay } from "./support/daemon.js";
import { colours, faults, jumps, watchJumps } from "./support/looks.js";
import * as p from "./support/page.js";

const PICTURES = fileURLToPath(new URL("../../target/pictures/", import.meta.url));
const WIDE = { width: 820, height: 900 };
const PHONE = { width: 360, height: 740 };
const LOOKS = [
  ["light", WIDE, "light"],
  ["dark", WIDE, "dark"],
  ["phone", PHONE, "light"],
  ["phone-dark", PHONE, "dark"],
];
/** Bytes a second, so slow that a run lasts while pictures are taken. */
const SLOW = 1 << 20;
const MIB = 1 << 20;

let world, daemon, relay, gateway, slow, context, blank;
before(async () => {
  world = await p.setUp();
  await rm(PICTURES, { recursive: true, force: true });
  await mkdir(PICTURES, { recursive: true });
  daemon = await startDaemon("stock");
  relay = await startRelay(daemon.port, SLOW);
  gateway = await startGateway(daemon.port);
  slow = await startGateway(relay.port);
  context = await world.browser.newContext({ viewport: WIDE, deviceScaleFactor: 1.5 });
  blank = await context.newPage();
});
after(async () => {
  await world?.close();
  await gateway?.close();
  await slow?.close();
  relay?.close();
  await daemon?.close();
});

const openPage = (of) => p.open({ ...world, site: { url: of.url } }, null, context);

/** Takes the page's picture in every look, and fails if there is anything wrong with one. */
async function shoot(page, state) {
  const wrong = [];
  for (const [look, viewport, colorScheme] of LOOKS) {
    await page.setViewportSize(viewport);
    await page.emulateMedia({ colorScheme });
    const png = await page.screenshot({ fullPage: true, animations: "disabled" });
    await writeFile(join(PICTURES, `${state}-${look}.png`), png);
    wrong.push(...(await faults(page)).map((fault) => `${state}, ${look}: ${fault}`));
    const { count, most } = await colours(blank, png);
    if (count < 50 || most > 0.97) wrong.push(`${state}, ${look}: the picture is nearly blank`);
  }
  await page.setViewportSize(WIDE);
  await page.emulateMedia({ colorScheme: "light" });
  assert.deepEqual(wrong, []);
}

/** A folder with a disk image, some notes and a name that is long; written at the daemon too, as it was last week. */
async function folders() {
  const source = join(world.folder, "backup");
  const image = p.noise(192 * MIB);
  const notes = { "notes/2024/march.txt": "Rain.\n".repeat(3000), "notes/2024/april.txt": "Sun.\n".repeat(900) };
  const long = `notes/${"the-minutes-of-a-very-long-meeting-".repeat(4)}final-version.odt`;
  const before = { "disk.img": image, ...notes, "notes/old-list.txt": "Milk\n", [long]: p.noise(220_000) };
  await p.write(daemon.dir("files/backup"), before);
  const changed = Buffer.from(image);
  p.noise(5 * MIB).copy(changed, 22 * MIB);
  p.noise(10 * MIB).copy(changed, 90 * MIB);
  p.noise(MIB).copy(changed, 140 * MIB);
  const photos = Object.fromEntries([1, 2, 3].map((number) => [`photos/img_00${number}.jpg`, p.noise(60_000 * number)]));
  await p.write(source, { "disk.img": changed, ...notes, ...photos, [long]: before[long] });
  for (const name of Object.keys(before)) await p.touch(daemon.dir(`files/backup/${name}`), 700_000);
  return source;
}

test("empty, preview, running, done", async () => {
  const source = await folders();
  const page = await openPage(slow);
  await p.chooseModule(page, "files");
  await page.locator("#module:enabled").waitFor();
  await shoot(page, "empty");

  await p.pick(page, source);
  await page.click("summary:text('Options')");
  await page.check("#remove");
  await shoot(page, "chosen");

  await page.click("#preview");
  assert.match(await p.finished(page), /new, \d+ changed, 1 to delete$/);
  await shoot(page, "preview");

  await page.click("summary:text('Options')");
  await watchJumps(page);
  await page.click("#start");
  await page.waitForFunction(() => document.querySelector("#overall").value > 470, null, { polling: 20 });
  // Only where the work goes on does anything change, and that has its place from the start.
  const moved = await jumps(page);
  assert.ok(moved < 0.05, `the page has jumped by ${moved}`);
  await shoot(page, "running");

  assert.equal(await p.finished(page), "Uploaded.");
  assert.match(await p.headline(page), /^Sent 1[67]\.\d MB of 202 MB\s+91\.\d % was already there$/);
  await shoot(page, "done");
  await page.close();
});

test("errors: of the whole, and of single files", async () => {
  const page = await openPage(gateway);
  await p.chooseModule(page, "fixed");
  const source = join(world.folder, "errors");
  await p.write(source, { "a.txt": "a", "report.txt": "r", "long/er.txt": "l" });
  await p.pick(page, source);
  assert.equal(await p.upload(page), "Nothing can be uploaded here: the module is read-only.");
  await shoot(page, "error");

  await p.chooseModule(page, "files");
  await writeFile(join(source, "report.txt"), "longer than it was");
  assert.equal(await p.upload(page), "One file could not be transferred; all others were.");
  await shoot(page, "error-files");
  await page.close();
});

test("a login, a download, and what was not finished", async () => {
  await p.write(daemon.dir("private"), { "letters/joe.txt": "Dear Joe", "letters/jane.txt": "Dear Jane", "plan.pdf": p.noise(90_000) });
  const page = await openPage(gateway);
  await p.chooseModule(page, "private");
  await page.click("#tab-download");
  await page.locator("#login[open]").waitFor();
  await shoot(page, "login");
  await p.logIn(page, "joe", "secret");
  await page.locator('#listing button:text-is("plan.pdf")').waitFor();
  await shoot(page, "download");
  assert.equal(await p.upload(page), "Downloaded.");
  await shoot(page, "downloaded");
  await page.close();

  const late = await openPage(slow);
  await p.chooseModule(late, "files");
  const source = join(world.folder, "unfinished");
  await p.write(source, { "big.bin": p.noise(4 * MIB) });
  await p.pick(late, source);
  await late.click("#start");
  await late.waitForFunction(() => document.querySelector("#overall").value > 100, null, { polling: 20 });
  late.on("dialog", (dialog) => dialog.accept());
  await late.reload();
  await late.locator("#unfinished").waitFor();
  await shoot(late, "unfinished");
  await late.close();
});
