// Firefox, driven by WebDriver BiDi itself: Debian's does not know all the commands that playwright-core sends.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const { ws: WebSocket } = createRequire(import.meta.url)("playwright-core/lib/utilsBundle");

/** Starts it; the page has `goto`, `evaluate(source)`, `setFiles(selector, paths)` and `waitFor(source)`. */
export async function startFirefox(program) {
  const profile = await mkdtemp(join(tmpdir(), "syncline-firefox-"));
  const child = spawn(program, ["--headless", "--remote-debugging-port=0", "--profile", profile, "--no-remote"]);
  const address = await new Promise((resolve, reject) => {
    let said = "";
    child.stderr.on("data", (data) => {
      said += data;
      const found = /WebDriver BiDi listening on (ws:\S+)/.exec(said);
      if (found) resolve(found[1]);
    });
    child.once("exit", () => reject(new Error(`Firefox ended: ${said}`)));
  });
  const socket = new WebSocket(`${address}/session`);
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  const waiting = new Map();
  socket.on("message", (text) => {
    const { id, result, error, message } = JSON.parse(text);
    const { resolve, reject } = waiting.get(id) ?? {};
    waiting.delete(id);
    if (error) reject?.(new Error(`${error}: ${message}`));
    else resolve?.(result);
  });
  let last = 0;
  const send = (method, params) =>
    new Promise((resolve, reject) => {
      last += 1;
      waiting.set(last, { resolve, reject });
      socket.send(JSON.stringify({ id: last, method, params }));
    });

  await send("session.new", { capabilities: {} });
  const { context } = await send("browsingContext.create", { type: "tab" });
  const target = { context };
  const ask = async (expression) => {
    const answer = await send("script.evaluate", { expression, target, awaitPromise: true });
    if (answer.type !== "success") throw new Error(answer.exceptionDetails.text);
    return answer.result;
  };
  const evaluate = async (expression) => (await ask(expression)).value;
  return {
    goto: (url) => send("browsingContext.navigate", { context, url, wait: "complete" }),
    evaluate,
    setFiles: async (selector, files) => {
      const { sharedId } = await ask(`document.querySelector(${JSON.stringify(selector)})`);
      await send("input.setFiles", { context, element: { sharedId }, files });
    },
    waitFor: async (expression, seconds = 30) => {
      for (const end = Date.now() + seconds * 1000; Date.now() < end; ) {
        if (await evaluate(expression)) return;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      throw new Error(`not within ${seconds} s: ${expression}`);
    },
    close: async () => {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      await send("browser.close", {}).catch(() => child.kill());
      await ended;
      await rm(profile, { recursive: true, force: true });
    },
  };
}
