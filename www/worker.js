// The worker that runs the engine, apart from the page, which so stays responsive.

import { connect, Unreachable } from "./js/connection.js";
import { Run } from "./js/drive.js";
import { Picked } from "./js/picked.js";
import { load } from "./js/wasm.js";

let run = null;
let cancelled = false;
let gotPassword = null;

const tell = (event) => postMessage(event);

function askPassword() {
  tell({ type: "password" });
  return new Promise((resolve) => (gotPassword = resolve));
}

/** Opens what the job is about: picked files, a directory, or nothing where nothing is stored. */
async function openFiles(job) {
  if (job.entries) return new Picked(job.entries);
  if (job.target) {
    const { Directory } = await import("./js/directory.js");
    return Directory.open(job.target);
  }
  return new Picked([]);
}

async function start(job) {
  let outcome = { exit: 35, unreachable: true };
  let files = null;
  cancelled = false;
  try {
    const wasm = await load();
    files = await openFiles(job);
    const seed = crypto.getRandomValues(new Int32Array(1))[0];
    const client = new wasm.Client(job.words, job.user ?? "", Date.now() / 1000, seed);
    files.fill(client);
    run = new Run(wasm, client, files, tell);
    if (cancelled) run.cancel();
    const connection = await connect(job.url, job.protocols, run.ring, !job.entries);
    tell({ type: "connected" });
    const exit = await run.run(connection, askPassword);
    outcome = { exit, cancelled: Boolean(run.cancelled), closed: connection.closed };
    client.free();
  } catch (error) {
    if (!(error instanceof Unreachable)) outcome = { exit: 15, text: String(error?.message ?? error) };
  }
  await files?.close?.(outcome.exit === 0);
  run = null;
  tell({ type: "done", ...outcome });
}

onmessage = ({ data }) => {
  if (data.type === "start") start(data.job);
  if (data.type === "password") gotPassword?.(data.password);
  if (data.type === "cancel") {
    cancelled = true;
    run?.cancel();
  }
  if (data.type === "pause") run?.pause();
  if (data.type === "resume") run?.resume();
};
tell({ type: "ready" });
