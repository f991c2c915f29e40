// The page: what the user wants becomes a job, and what becomes of it is shown.

import { $, announce, throttle } from "./js/dom.js";
import { bytes, files } from "./js/format.js";
import { isAddress, targets } from "./js/gateway.js";
import * as login from "./js/login.js";
import { describe, jobOf, state, where } from "./js/plan.js";
import { list, modules, showListing } from "./js/remote.js";
import { Runner } from "./js/runner.js";
import { offerSave } from "./js/save.js";
import * as sources from "./js/sources.js";
import { forget, keepHandle, keptHandle, readJson, writeJson } from "./js/store.js";
import { showTree } from "./js/tree_view.js";
import { Work } from "./js/work.js";
import * as words from "./js/words.js";

const PLAN = "plan.json";

let work = null;
const runner = new Runner(() => {});

// ---- Where ----

async function begin() {
  const address = new URLSearchParams(location.search).get("gateway");
  const offered = address ? [] : await targets();
  if (offered.length) {
    $("target").replaceChildren(...offered.map(({ name, title }) => new Option(title || name, name)));
    $("target-field").hidden = false;
    $("address-field").hidden = true;
    await loadModules();
  } else if (address) {
    $("address").value = address;
    await loadModules();
  }
  await showUnfinished();
}

async function loadModules(chosen) {
  const place = where();
  if (!place.target && !isAddress(place.address)) return note("A gateway's address begins with ws:// or wss://.");
  note("Looking for modules …");
  $("browser").hidden = true;
  const { outcome, modules: found } = await inTurn(() => modules(ask));
  if (outcome.exit !== 0) return note(`${outcome.explained.title} ${outcome.explained.advice}`);
  const option = ({ name, comment }) => new Option(comment ? `${name} – ${comment}` : name, name);
  $("module").replaceChildren(...found.map(option));
  $("module").disabled = !found.length;
  if (chosen) $("module").value = chosen;
  note(found.length ? "" : "This server has no modules that it shows.");
  if (state.mode === "download" && found.length) await look();
}

function note(text) {
  $("where-note").textContent = text;
}

/** Shows what is at the path, for a download. */
async function look() {
  const path = $("path").value.trim();
  const module = $("module").value;
  if (!module || state.busy) return;
  note("Looking …");
  const { outcome, entries } = await inTurn(() => list(ask, { module, path }));
  // Somebody may have gone on meanwhile.
  if (path !== $("path").value.trim() || module !== $("module").value) return;
  if (outcome.exit !== 0) {
    $("browser").hidden = true;
    return note(`${outcome.explained.title} ${outcome.explained.advice}`);
  }
  note("");
  state.isFile = false;
  showListing(module, path, entries, {
    go: (to) => {
      $("path").value = to;
      look();
    },
    pick: (to) => {
      $("path").value = to;
      state.isFile = true;
      note(`Only “${to}” will be downloaded.`);
    },
  });
}

// ---- Who ----

const withLogin = (job, how) => login.run(runner, where(), job, how);

/** Runs a command that asks the server something. */
function ask(job, tell) {
  runner.tell = tell;
  return withLogin(job);
}

// ---- What ----

function choose(added, handle = null) {
  if (!added.length) return announce("There are no files in it.");
  state.handle = state.entries.length ? null : handle;
  state.entries = sources.merge(state.entries, added);
  showChosen();
}

function showChosen() {
  const tree = sources.tree(state.entries);
  $("chosen").hidden = !state.entries.length;
  $("chosen-sum").textContent = `${files(tree.count)}, ${bytes(tree.size)}`;
  showTree($("tree"), tree);
  announce(`Chosen: ${$("chosen-sum").textContent}`);
}

// ---- Jobs ----

let last = Promise.resolve();

/** One after the other: there is one worker. */
function inTurn(task) {
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

/** What a run would do. */
async function survey(plan) {
  const items = [];
  runner.tell = (event) => {
    if (event.type === "progress") plan.total = Math.max(plan.total ?? 0, event.totalSize);
    if (event.type === "texts") items.push(...readItems(event.texts));
  };
  const outcome = await withLogin(await jobOf(plan, true));
  return { outcome, items: items.filter((item) => item.what !== "touched" && item.name !== "./") };
}

const readItems = (texts) =>
  texts.filter(({ voice }) => voice === "out").map(({ text }) => words.readItem(text)).filter(Boolean);

function show() {
  $("work").scrollIntoView({ block: "nearest", behavior: "smooth" });
  $("work").focus({ preventScroll: true });
}

async function preview() {
  const { plan, missing } = describe();
  if (missing) return complain(missing);
  await alone(async () => {
    work = new Work("Looking what has changed …");
    work.quiet();
    show();
    const { outcome, items } = await survey(plan);
    if (outcome.exit !== 0) return ended(outcome, plan);
    work = new Work("", { planned: items, total: plan.total });
    work.found(items, plan.total ?? 0);
  });
}

async function start() {
  const { plan, missing } = describe();
  if (missing) return complain(missing);
  await alone(() => carryOut(plan));
}

/** A survey first, so that it is known how much there is to do; then the work itself. */
async function carryOut(plan) {
  work = new Work("Looking what has changed …");
  work.quiet();
  show();
  const { outcome: surveyed, items } = await survey(plan);
  if (surveyed.exit !== 0 && !isPartial(surveyed)) return ended(surveyed, plan);
  const isUpload = plan.mode === "upload";
  work = new Work(isUpload ? "Uploading" : "Downloading", { planned: items, total: plan.total, verb: isUpload ? "Sent" : "Received" });
  await remember(plan);
  let latest = null;
  const paint = throttle(() => latest && work.progress(latest), 100);
  runner.tell = (event) => {
    if (event.type === "progress") {
      latest = event;
      paint();
    }
    if (event.type === "texts") readItems(event.texts).forEach((item) => work.item(item));
    if (event.type === "lost") {
      latest = null;
      work.again();
      work.note(`${event.explained.title} Trying again in ${event.seconds} s.`);
      announce(event.explained.title);
    }
    if (event.type === "connected") work.note("");
  };
  const outcome = await withLogin(await jobOf(plan, false), { persistent: true });
  if (latest) work.progress(latest);
  await ended(outcome, plan);
}

const isPartial = ({ exit }) => exit === 23 || exit === 24;

async function ended(outcome, plan) {
  if (outcome.exit === 0) {
    await forgetPlan();
    const done = plan.mode === "upload" ? "Uploaded." : "Downloaded.";
    work.succeed(done, work.finished.size ? `${files(work.finished.size)} brought up to date.` : "Everything was up to date.");
    if (plan.mode === "download" && plan.into === "browser") offerSave(plan.folder);
    return;
  }
  work.fail(outcome.explained);
  const { action } = outcome.explained;
  $("retry").hidden = !action;
  $("retry").textContent = action === "login" ? "Log in again" : outcome.explained.lost || outcome.exit === 20 ? "Go on" : "Try again";
  $("retry").onclick = () => !state.busy && alone(() => carryOut(plan));
}

function complain(text) {
  work = new Work(text);
  work.fail({ title: text, advice: "", failures: [] });
  show();
}

// ---- What was not finished ----

async function remember(plan) {
  await writeJson(PLAN, { ...plan, at: Date.now() });
  const handle = plan.mode === "upload" ? state.handle : plan.into === "folder" ? state.into : null;
  if (handle) await keepHandle("current", handle);
}

const forgetPlan = () => forget(PLAN);

async function showUnfinished() {
  const plan = await readJson(PLAN);
  if (!plan) return;
  const isUpload = plan.mode === "upload";
  const handle = await keptHandle("current");
  const needsPick = isUpload && !handle;
  const place = [plan.module, plan.path].filter(Boolean).join("/");
  $("unfinished-title").textContent = isUpload ? `The upload to ${place} was not finished.` : `The download of ${place} was not finished.`;
  $("unfinished-advice").textContent = needsPick
    ? `Choose the same again (${plan.names.join(", ")}): what has arrived will not travel once more.`
    : "What has arrived will not travel once more.";
  $("unfinished").hidden = false;
  $("unfinished-forget").onclick = async () => {
    await forgetPlan();
    $("unfinished").hidden = true;
  };
  $("unfinished-go").onclick = () => goOn(plan, handle);
}

async function goOn(plan, handle) {
  setMode(plan.mode);
  if (plan.where.address) $("address").value = plan.where.address;
  else $("target").value = plan.where.target;
  await loadModules(plan.module);
  $("path").value = plan.path;
  state.isFile = plan.isFile;
  login.setUser(plan.user ?? "");
  for (const key of ["remove", "checksum", "compress"]) $(key).checked = plan.options[key];
  $("excludes").value = plan.options.excludes.join(" ");
  $("unfinished").hidden = true;
  const mode = plan.mode === "upload" ? "read" : "readwrite";
  const may = handle && (await handle.requestPermission({ mode }).catch(() => "denied")) === "granted";
  if (plan.mode === "upload") {
    if (!may) return $("folder").focus();
    choose(await sources.fromHandle(handle), handle);
  } else if (plan.into === "folder") {
    if (!may) return;
    useFolder(handle);
  }
  await start();
}

// ---- Controls ----

function setMode(mode) {
  state.mode = mode;
  const isUpload = mode === "upload";
  for (const name of ["upload", "download"]) {
    const tab = $(`tab-${name}`);
    tab.ariaSelected = String(name === mode);
    tab.tabIndex = name === mode ? 0 : -1;
  }
  $("form").setAttribute("aria-labelledby", `tab-${mode}`);
  $("what").hidden = !isUpload;
  $("into").hidden = isUpload;
  $("where-title").textContent = isUpload ? "Where to" : "Where from";
  $("start").textContent = isUpload ? "Upload" : "Download";
  $("remove-note").textContent = isUpload ? "Only inside the folders that you upload." : "Only inside the folder that is written to.";
  $("browser").hidden = true;
  $("work").hidden = true;
  if (!isUpload && $("module").value) look();
}

function useFolder(handle) {
  state.into = handle;
  $("into-folder-name").textContent = handle.name;
  $("into").querySelector('input[value="folder"]').checked = true;
}

async function pickFolder(mode) {
  try {
    return await showDirectoryPicker({ mode });
  } catch {
    return null;
  }
}

function wire() {
  for (const [mode, other] of [["upload", "download"], ["download", "upload"]]) {
    const tab = $(`tab-${mode}`);
    tab.onclick = () => !state.busy && setMode(mode);
    tab.onkeydown = ({ key }) => {
      if (state.busy || !["ArrowLeft", "ArrowRight", "Home", "End"].includes(key)) return;
      setMode(other);
      $(`tab-${other}`).focus();
    };
  }
  $("connect").onclick = () => loadModules();
  $("address").onkeydown = (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    loadModules();
  };
  $("target").onchange = () => loadModules();
  $("module").onchange = () => {
    login.forgetPassword();
    $("path").value = "";
    if (state.mode === "download") look();
  };
  $("path").onchange = () => state.mode === "download" && look();
  for (const id of ["files", "folder"]) {
    $(id).onchange = () => {
      choose(sources.fromInput($(id).files));
      $(id).value = "";
    };
  }
  const canPick = "showDirectoryPicker" in window;
  $("remembered").hidden = $("into-choose").hidden = !canPick;
  $("into-folder-choice").hidden = !canPick;
  $("remembered").onclick = async () => {
    const handle = await pickFolder("read");
    if (handle) choose(await sources.fromHandle(handle), handle);
  };
  $("into-choose").onclick = async () => {
    const handle = await pickFolder("readwrite");
    if (handle) useFolder(handle);
  };
  $("clear").onclick = () => {
    state.entries = [];
    state.handle = null;
    showChosen();
  };
  const drop = $("drop");
  drop.ondragover = (event) => {
    event.preventDefault();
    drop.classList.add("over");
  };
  drop.ondragleave = () => drop.classList.remove("over");
  drop.ondrop = async (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    choose(await sources.fromDrop(event.dataTransfer));
  };
  $("preview").onclick = preview;
  $("form").onsubmit = (event) => {
    event.preventDefault();
    if (!state.busy) start();
  };
  $("pause").onclick = () => {
    const pausing = $("pause").textContent === "Pause";
    if (pausing) runner.pause();
    else runner.resume();
    $("pause").textContent = pausing ? "Go on" : "Pause";
    work.note(pausing ? "Paused." : "");
  };
  $("cancel").onclick = () => runner.cancel();
  $("login-cancel").onclick = () => $("login").close("cancel");
  window.addEventListener("beforeunload", (event) => {
    if (state.busy && !$("work-buttons").hidden && !$("work").hidden) event.preventDefault();
  });
}

wire();
setMode("upload");
begin();
