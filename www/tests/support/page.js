// A browser with the page in it, and the words for what a person does there.

import { chromium } from "playwright-core";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { serveSite } from "./site.js";

const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"];

export const launch = (options = {}) =>
  chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS, ...options });

/** A browser, the page's server and a folder for files. */
export async function setUp() {
  const browser = await launch();
  const site = await serveSite();
  const folder = await mkdtemp(join(tmpdir(), "syncline-picked-"));
  return {
    browser,
    site,
    folder,
    close: async () => {
      await browser.close();
      site.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Opens the page, to be used with a gateway's address, or with the gateway that serves it. */
export async function open({ browser, site }, gateway, context) {
  const page = await (context ?? browser).newPage();
  page.setDefaultTimeout(20_000);
  page.on("pageerror", (error) => console.error("page:", error));
  page.on("console", (message) => message.type() === "error" && console.error("console:", message.text()));
  const url = new URL(site.url);
  if (gateway) url.searchParams.set("gateway", gateway);
  await page.goto(url.href);
  return page;
}

/** Writes files below a folder: names to contents. */
export async function write(folder, files) {
  for (const [name, contents] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), contents);
  }
}

/** Gives a file a time that differs from any before. */
export async function touch(path, secondsAgo = 0) {
  const time = Date.now() / 1000 - secondsAgo;
  await utimes(path, time, time);
}

export const noise = randomBytes;

export const title = (page) => page.locator("#work-title");
export const headline = (page) => page.locator("#headline").innerText();

/** Waits for the module to be there and chooses it. */
export async function chooseModule(page, module) {
  await page.locator(`#module option[value="${module}"]`).waitFor({ state: "attached" });
  await page.selectOption("#module", module);
}

export async function pick(page, folder) {
  await page.setInputFiles("#folder", folder);
  await page.locator("#chosen").waitFor();
}

/** Waits until what is shown is over, and gives its title. */
export async function finished(page, timeout = 60_000) {
  await page.locator("#outcome").waitFor({ timeout });
  return title(page).innerText();
}

export async function upload(page) {
  await page.click("#start");
  return finished(page);
}

export async function logIn(page, user, password) {
  await page.locator("#login[open]").waitFor();
  await page.fill("#user", user);
  await page.fill("#password", password);
  await page.click("#login button.main");
}
