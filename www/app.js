// The page: what the user wants becomes a job, and what becomes of it is shown.

import { $, announce } from "./js/dom.js";
import { bytes, files } from "./js/format.js";
import { isAddress, targets } from "./js/gateway.js";
import { ask, inTurn, preview, start, wireRun } from "./js/jobs.js";
import * as login from "./js/login.js";
import { abandonPlan, keptPlan, state, where } from "./js/plan.js";
import { list, modules, showListing } from "./js/remote.js";
import * as sources from "./js/sources.js";
import { showTree } from "./js/tree_view.js";

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

// ---- What was not finished ----

async function showUnfinished() {
  const { plan, handle } = await keptPlan();
  if (!plan) return;
  const isUpload = plan.mode === "upload";
  const needsPick = isUpload && !handle;
  const place = [plan.module, plan.path].filter(Boolean).join("/");
  $("unfinished-title").textContent = isUpload ? `The upload to ${place} was not finished.` : `The download of ${place} was not finished.`;
  $("unfinished-advice").textContent = needsPick
    ? `Choose the same again (${plan.names.join(", ")}): what has arrived will not travel once more.`
    : "What has arrived will not travel once more.";
  $("unfinished").hidden = false;
  $("unfinished-forget").onclick = async () => {
    await abandonPlan(plan);
    $("unfinished").hidden = true;
  };
  $("unfinished-go").onclick = () => goOn(plan, handle);
}

async function goOn(plan, handle) {
  // First of all, because a browser asks only while the click is fresh.
  const mode = plan.mode === "upload" ? "read" : "readwrite";
  const may = handle && (await handle.requestPermission({ mode }).catch(() => "denied")) === "granted";
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
  if (plan.mode === "upload") {
    if (!may) return $("folder").focus();
    choose(await sources.fromHandle(handle), handle);
  } else if (plan.into === "folder") {
    if (!may) {
      note(`Choose the folder${handle ? ` “${handle.name}”` : ""} again, then download: what has arrived will not travel once more.`);
      return $("into-choose").focus();
    }
    useFolder(handle);
  } else {
    $("into").querySelector('input[value="browser"]').checked = true;
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
  wireRun();
  $("login-cancel").onclick = () => $("login").close("cancel");
  window.addEventListener("beforeunload", (event) => {
    if (state.busy && !$("work-buttons").hidden && !$("work").hidden) event.preventDefault();
  });
}

wire();
setMode("upload");
begin();
