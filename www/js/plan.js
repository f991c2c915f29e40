// What the form says, as a plan that can be kept, and the job that carries it out.

import { $ } from "./dom.js";
import { isAddress } from "./gateway.js";
import * as login from "./login.js";
import { forgetParts } from "./parts.js";
import * as sources from "./sources.js";
import { forget, idOf, keepHandle, keptHandle, readJson, writeJson } from "./store.js";
import * as words from "./words.js";

/** What was chosen and is not in the form. */
export const state = {
  mode: "upload",
  entries: [],
  /** The handle that the entries are from, if they are all from one. */
  handle: null,
  /** Where a download goes, if not to this browser. */
  into: null,
  /** A download of one file rather than of a folder. */
  isFile: false,
  busy: false,
};

/** Which gateway and server. */
export const where = () => ($("target-field").hidden ? { address: $("address").value.trim() } : { target: $("target").value });

function options() {
  return {
    remove: $("remove").checked,
    checksum: $("checksum").checked,
    compress: $("compress").checked,
    excludes: $("excludes").value.split(/\s+/).filter(Boolean),
  };
}

/** The plan that the form describes; or a sentence that says what is missing. */
export function describe() {
  const place = where();
  if (!place.target && !isAddress(place.address)) return { missing: "First say where the gateway is." };
  if (!$("module").value) return { missing: "First choose a module." };
  const plan = {
    mode: state.mode,
    where: place,
    module: $("module").value,
    path: $("path").value.trim().replace(/^\/+|\/+$/g, ""),
    options: options(),
    isFile: state.isFile,
    user: login.user(),
  };
  if (state.mode === "upload") {
    if (!state.entries.length) return { missing: "First choose what to upload." };
    plan.names = sources.topNames(state.entries);
    plan.total = state.entries.reduce((sum, { file }) => sum + file.size, 0);
    plan.count = state.entries.length;
  } else {
    const chosen = $("into").querySelector("input:checked").value;
    if (chosen === "folder" && !state.into) return { missing: "First choose the folder." };
    plan.into = chosen;
    plan.folder = [plan.module, ...plan.path.split("/")].filter(Boolean).join("-").replace(/[^\w.-]/g, "_");
  }
  return { plan };
}

/** The words of a plan, with the files that they are about. @param {{dry?: boolean, keep?: boolean, existing?: boolean}} how */
export async function jobOf(plan, how) {
  if (plan.mode === "upload") return { words: words.push({ ...plan, ...how }), entries: state.entries };
  const { dry = false } = how;
  return { words: words.pull({ ...plan, dry }), target: { ...(await targetOf(plan)), dry } };
}

async function targetOf(plan) {
  if (plan.into === "folder") return { handle: state.into, id: await idOf(state.into) };
  return { opfs: plan.folder, id: `opfs-${plan.folder}` };
}

const PLAN = "plan.json";
/** The handle that belongs to it. */
const HANDLE = "current";

/** Keeps a plan, in case that the page does not live to see its end. */
export async function remember(plan) {
  const target = plan.mode === "download" ? (await targetOf(plan)).id : null;
  await writeJson(PLAN, { ...plan, target, at: Date.now() });
  // None is kept as none: the handle of an earlier plan belongs to other files.
  await keepHandle(HANDLE, plan.mode === "upload" ? state.handle : plan.into === "folder" ? state.into : null);
}

/** The plan that an earlier page did not finish, if there is one, and its handle. */
export async function keptPlan() {
  return { plan: await readJson(PLAN), handle: await keptHandle(HANDLE) };
}

export const forgetPlan = () => forget(PLAN);

/** The same, with the beginnings of files that it has left. */
export async function abandonPlan({ target }) {
  if (target) await forgetParts(target);
  await forgetPlan();
}
