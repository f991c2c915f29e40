// rsync daemons, stock and our own, and bridges that carry WebSocket messages to them.

import { execFileSync, spawn } from "node:child_process";
import { createServer, connect } from "node:net";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";

const OURS = fileURLToPath(new URL("../../../target/release/syncline", import.meta.url));

/** What a test that failed has left running ends with the tests. */
const running = new Set();
process.on("exit", () => running.forEach((child) => kill(child)));

/** With all that it has started; it is the leader of a group. */
function kill(child, signal = "SIGKILL") {
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It is gone.
  }
}

function start(program, args) {
  const child = spawn(program, args, { stdio: "ignore", detached: true });
  child.unref();
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

/** A port that nobody listens on. */
export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function listens(port, child) {
  for (let tries = 0; tries < 200; tries++) {
    if (child.exitCode !== null) throw new Error(`${child.spawnfile} ended with ${child.exitCode}`);
    const up = await new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.on("connect", () => resolve(true) ?? socket.destroy());
      socket.on("error", () => resolve(false));
    });
    if (up) return;
    await sleep(25);
  }
  throw new Error(`nothing listens on port ${port}`);
}

async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.ref();
  kill(child);
  await ended;
}

/**
 * Starts a daemon with the modules `files` (for anybody), `private` (user joe, password secret), `fixed` (read-only), and
 * `picky` (which refuses names that end in .secret).
 * @param {"stock" | "ours"} which
 * @param {string} globals further lines of its configuration
 */
export async function startDaemon(which, globals = "") {
  const folder = await mkdtemp(join(tmpdir(), "syncline-page-"));
  const port = await freePort();
  const dir = (name) => join(folder, name);
  for (const name of ["files", "private", "fixed", "picky"]) await mkdir(dir(name));
  await writeFile(dir("secrets"), "joe:secret\n", { mode: 0o600 });
  const log = dir("log");
  const config = `port = ${port}
address = 127.0.0.1
use chroot = no
log file = ${log}
pid file = ${dir("pid")}
transfer logging = yes
log format = %o %m %f len=%l sent=%b
uid = ${process.getuid()}
gid = ${process.getgid()}
${globals}
[files]
path = ${dir("files")}
comment = Files for everybody
read only = no
[private]
path = ${dir("private")}
comment = For joe
read only = no
auth users = joe
secrets file = ${dir("secrets")}
[fixed]
path = ${dir("fixed")}
comment = To look at only
read only = yes
[picky]
path = ${dir("picky")}
comment = With rules about names
read only = no
exclude = *.secret
`;
  await writeFile(dir("rsyncd.conf"), config);
  const program = which === "ours" ? OURS : "/usr/bin/rsync";
  const child = start(program, ["--daemon", "--no-detach", `--config=${dir("rsyncd.conf")}`]);
  await listens(port, child);
  return {
    port,
    dir,
    log: () => readFile(log, "utf8"),
    close: async () => {
      await stop(child);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A bridge that we did not write: Debian's websockify. */
export async function startBridge(targetPort, port) {
  port ??= await freePort();
  const args = ["--heartbeat=0", `127.0.0.1:${port}`, `127.0.0.1:${targetPort}`];
  const child = start("websockify", args);
  await listens(port, child);
  return {
    port,
    url: `ws://127.0.0.1:${port}/`,
    close: () => stop(child),
  };
}

/** A way to a port on which no more than so many bytes a second go towards it, or come from there. */
export async function startRelay(targetPort, bytesPerSecond, direction = "up") {
  const pairs = new Set();
  let budget = Infinity;
  const server = createServer((socket) => {
    const target = connect(targetPort, "127.0.0.1");
    const pair = [socket, target];
    pairs.add(pair);
    const end = () => pair.forEach((one) => one.destroy()) ?? pairs.delete(pair);
    pair.forEach((one) => one.on("error", end).on("close", end));
    const [from, to] = direction === "up" ? pair : [target, socket];
    to.pipe(from);
    from.on("data", (bytes) => {
      to.write(bytes);
      from.pause();
      budget -= bytes.length;
      if (budget > 0) setTimeout(() => from.resume(), (bytes.length * 1000) / bytesPerSecond);
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  return {
    port: server.address().port,
    /** Carries about so many bytes more, and then none until `drop`. */
    hold: (bytes) => (budget = bytes),
    /** Ends the connections with what they still hold, and carries again. */
    drop: () => {
      budget = Infinity;
      pairs.forEach((pair) => pair.forEach((one) => one.destroy()));
    },
    close: () => {
      server.close();
      pairs.forEach((pair) => pair.forEach((one) => one.destroy()));
    },
  };
}

/** A server that answers every connection as `talk(socket)` does. */
export async function startTalker(talk) {
  const sockets = new Set();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    talk(socket);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  const close = () => {
    server.close();
    sockets.forEach((socket) => socket.destroy());
  };
  return { port: server.address().port, close };
}

/**
 * A file system of its own, with so much room, in a folder that is there; null where this user may not mount one.
 * @returns {(() => void) | null} what takes it away again
 */
export function mountSmall(folder, bytes) {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", folder], { stdio: "ignore" });
  } catch {
    return null;
  }
  return () => execFileSync("umount", ["--lazy", folder]);
}

/** The daemons that the tests talk to. */
export const daemons = ["stock", "ours"];

/** Our own gateway in front of a daemon, with the page that is in the program. */
export async function startGateway(targetPort) {
  const port = await freePort();
  const target = `main=rsync://127.0.0.1:${targetPort}`;
  const child = start(OURS, ["gateway", "--target", target, "--listen", `127.0.0.1:${port}`]);
  await listens(port, child);
  return { url: `http://127.0.0.1:${port}/`, close: () => stop(child) };
}
