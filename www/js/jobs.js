// Previews, uploads and downloads: a survey of what there is to do, the runs that do it, and how it ended.

import { $, announce, throttle } from "./dom.js";
import { bytes, files } from "./format.js";
import * as login from "./login.js";
import { isMostlyNew, passes } from "./passes.js";
import { describe, forgetPlan, jobOf, remember, state, where } from "./plan.js";
import { Runner } from "./runner.js";
import { offerSave } from "./save.js";
import { Work } from "./work.js";
import * as words from "./words.js";

const runner = new Runner(() => {});
/** What is shown of the job that runs, or ran last. */
let work = null;
let last = Promise.resolve();

/** One after the other: there is one worker. */
export function inTurn(task) {
  const turn = last.then(task, task);
  last = turn;
  return turn;
}

/** Nothing else can be started meanwhile. */
async function alone(task) {
  state.busy = true;
  const controls = ["start", "preview", "connect"].map($);
  controls.forEach((control) => (control.disabled = true));
  try {
    return await inTurn(task);
  } finally {
    state.busy = false;
    controls.forEach((control) => (control.disabled = false));
  }
}

const withLogin = (job, how) => login.run(runner, where(), job, how);

/** Runs a command that asks the server something. */
export function ask(job, tell) {
  runner.tell = tell;
  return withLogin(job);
}

/** A run that did not transfer everything, but came to its end. */
const isPartial = ({ exit }) => exit === 23 || exit === 24;
const cameThrough = (outcome) => outcome.exit === 0 || isPartial(outcome);

const readItems = (texts) =>
  texts.filter(({ voice }) => voice === "out").map(({ text }) => words.readItem(text)).filter(Boolean);

/** What a run would do. */
async function survey(plan) {
  work = new Work("Looking what has changed …");
  work.quiet();
  show();
  const items = [];
  runner.tell = (event) => {
    if (event.type === "progress") plan.total = Math.max(plan.total ?? 0, event.totalSize);
    if (event.type === "texts") items.push(...readItems(event.texts));
  };
  const outcome = await withLogin(await jobOf(plan, { dry: true }));
  return { outcome, items: items.filter((item) => item.what !== "touched" && item.name !== "./") };
}

function show() {
  $("work").scrollIntoView({ block: "nearest", behavior: "smooth" });
  $("work").focus({ preventScroll: true });
}

function complain(text) {
  work = new Work(text);
  work.fail({ title: text, advice: "", failures: [] });
  show();
}

/** Does what the form says; complains if it says too little. */
function begin(task) {
  const { plan, missing } = describe();
  return missing ? complain(missing) : alone(() => task(plan));
}

export const preview = () => begin(look);
export const start = () => begin(carryOut);

async function look(plan) {
  const { outcome, items } = await survey(plan);
  if (!cameThrough(outcome)) return ended(outcome, plan);
  work = new Work("", { planned: items, total: plan.total });
  work.found(items, plan.total ?? 0, outcome.explained?.failures ?? []);
}

/** A survey first, so that it is known how much there is to do; then the work itself. */
async function carryOut(plan) {
  const { outcome: surveyed, items } = await survey(plan);
  if (!cameThrough(surveyed)) return ended(surveyed, plan);
  const isUpload = plan.mode === "upload";
  work = new Work(isUpload ? "Uploading" : "Downloading", { planned: items, total: plan.total, verb: isUpload ? "Sent" : "Received" });
  const remembered = remember(plan);
  let outcome;
  for (const pass of isUpload ? passes(items, plan.keepAll) : [{ keep: true }]) {
    if (outcome) work.again();
    outcome = await once(plan, pass);
    // What one run could not transfer, the next one tries again.
    if (!cameThrough(outcome)) break;
  }
  await remembered;
  await ended(outcome, plan);
}

/** One run, and again while its connection gets lost. */
async function once(plan, pass) {
  let latest = null;
  const paint = throttle(() => latest && work.progress(latest), 100);
  const learn = () => {
    plan.keepAll ||= !pass.keep && isMostlyNew(latest);
  };
  runner.tell = (event) => {
    if (event.type === "progress") {
      latest = event;
      paint();
    }
    if (event.type === "texts") readItems(event.texts).forEach((item) => work.item(item));
    if (event.type === "lost") {
      learn();
      latest = null;
      work.again();
      work.note(`${event.explained.title} Trying again in ${event.seconds} s.`);
      announce(event.explained.title);
    }
    if (event.type === "connected") work.note("");
  };
  const again = () => jobOf(plan, { ...pass, keep: pass.keep || plan.keepAll });
  const outcome = await withLogin(await jobOf(plan, pass), { persistent: true, again });
  if (latest) work.progress(latest);
  if (!cameThrough(outcome)) learn();
  return outcome;
}

async function ended(outcome, plan) {
  if (outcome.exit === 0) {
    const forgotten = forgetPlan();
    const done = plan.mode === "upload" ? "Uploaded." : "Downloaded.";
    work.succeed(done, work.finished.size ? `${files(work.finished.size)} brought up to date.` : "Everything was up to date.");
    if (plan.mode === "download" && plan.into === "browser") offerSave(plan.folder);
    await forgotten;
    return;
  }
  work.fail(outcome.explained);
  const { action } = outcome.explained;
  $("retry").hidden = !action;
  $("retry").textContent = action === "login" ? "Log in again" : outcome.explained.lost || outcome.exit === 20 ? "Go on" : "Try again";
  $("retry").onclick = () => !state.busy && alone(() => carryOut(plan));
}

/** What the buttons of a run do. */
export function wireRun() {
  $("pause").onclick = () => {
    const pausing = $("pause").textContent === "Pause";
    if (pausing) runner.pause();
    else runner.resume();
    $("pause").textContent = pausing ? "Go on" : "Pause";
    work.note(pausing ? "Paused." : "");
  };
  $("cancel").onclick = () => runner.cancel();
}
