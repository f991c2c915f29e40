// What went wrong, in plain words: a title, what to do, and whether trying again makes sense.

/** Reasons of systems, as people would say them; the place is where files go. */
const REASONS = [
  [/Permission denied|Operation not permitted/, "permission was denied"],
  [/No space left|quota exceeded/i, "there was no room left for it"],
  [/File name too long/, "the name is too long for PLACE"],
  [/Invalid argument|Invalid or incomplete multibyte/, "a file can't have this name on PLACE"],
  [/Read-only file system/, "it can only be read"],
  [/No such file or directory/, "it is not there any more"],
  [/Input\/output error/, "it could not be read: it changed or went away after it was picked"],
  [/Is a directory|Not a directory|File exists/, "something of another kind has its name"],
];

function reason(text, isPush) {
  const known = REASONS.find(([pattern]) => pattern.test(text))?.[1];
  return known?.replace("PLACE", isPush ? "the server" : "this device") ?? text.replace(/ \(\d+\)\s*$/, "");
}

const FULL = {
  there: ["The server's disk is full.", "Make room there and try again: what has arrived is kept, and the old version of each file stays."],
  here: ["There is no room left on this device.", "Make room and try again: what has arrived is kept, and the old version of each file stays."],
};

/** What the daemon or the engine says first, as whole sentences. They are given what is in parentheses, and the direction. */
const KNOWN = [
  [/auth failed on module (\S+)/, (module) => [`The user name or password is not right for “${module}”.`, "Check both and try again.", "login"]],
  [/Unknown module '([^']*)'/, (module) => [`There is no module “${module}” on this server.`, "Choose another one from the list."]],
  [/access denied to (\S+)/, (module) => [`The server lets nobody from this address in to “${module}”.`, "Ask whoever runs the server."]],
  [/module is read only|read only/i, () => ["Nothing can be uploaded here: the module is read-only.", "Choose another module."]],
  [/module is write only/i, () => ["Nothing can be downloaded here: the module is write-only.", "Choose another module."]],
  [/max connections \((\d+)\) reached/, () => ["The server has all the visitors that it can take.", "Try again in a while.", "retry"]],
  [/did not see server greeting|rather than greeting|omitted the/, () => ["What answers there is not an rsync server.", "Check the address of the server behind the gateway."]],
  [/didn't get server startup line/, () => ["The server closed the connection before the work began.", "Try again; if that happens again, ask whoever runs the server.", "retry"]],
  [/No space left on device|quota exceeded/i, (_, isPush) => [...FULL[isPush ? "there" : "here"], "retry"]],
  [/refusing "?(-\S+)|refused.*option|not supported by.*server/i, () => ["The server refuses what was asked for.", "Turn off options and try again."]],
  [/^@ERROR: (.*)/m, (text) => [`The server says: ${text.replace(/\s+$/, "")}`, "Ask whoever runs the server."]],
];

const STRANGE = [
  "The server does not speak rsync as it should.",
  "It may not be an rsync server, or something between changes what it says.",
];

/** What makes the whole of it fail. */
const KNOWN_PATHS = [
  [/(change_dir|link_stat) .*failed: No such file/, ["This path does not exist on the server.", "Choose another one."]],
  [/\] mkdir .*failed: No such file/, ["The folder above this path does not exist on the server.", "Choose another path."]],
  [/\] mkdir .*failed: Permission denied/, ["The server may not make this folder.", "Choose another path."]],
];

/** Exit codes without better words. */
const CODES = {
  2: STRANGE,
  4: STRANGE,
  13: STRANGE,
  14: STRANGE,
  22: STRANGE,
  5: ["The server refused to begin.", "Try again; if that happens again, ask whoever runs the server."],
  10: ["The connection was lost.", "What has arrived is kept: going on starts where it ended.", "retry"],
  12: ["The connection ended in the middle.", "What has arrived is kept: going on starts where it ended.", "retry"],
  20: ["Stopped.", "What has arrived is kept: going on starts where it ended.", "retry"],
  30: ["The server has not been heard of for too long.", "What has arrived is kept: going on starts where it ended.", "retry"],
};

/** Codes that mean that the connection went away, not that anything is wrong. */
export const LOST = new Set([10, 12, 30]);

/** One failed file of a message line, or null. */
function failedFile(line, isPush) {
  const vanished = /file has vanished: "([^"]*)"/.exec(line);
  if (vanished) return { name: vanished[1], reason: "it went away after it was picked" };
  const refused = /daemon refused to receive (\w+(?: \w+)*) "([^"]*)"/.exec(line);
  if (refused) {
    const isDir = refused[1] === "directory";
    return { name: refused[2], reason: `the server's rules refuse this name${isDir ? ", so nothing in it was transferred" : ""}` };
  }
  const failed = /rsync: \[\w+\] (\w+)[^"]*"([^"]*)"(?: \([^)]*\))?(?: failed)?: (.*)/.exec(line);
  return failed ? { name: failed[2].replace(/^\//, ""), reason: reason(failed[3], isPush) } : null;
}

/**
 * @param {object} outcome how a run ended: exit, unreachable, cancelled, isPush, text
 * @param {string[]} lines what was said on the error channel
 * @returns {{title: string, advice: string, action: string, failures: object[], lost: boolean}}
 */
export function explain(outcome, lines) {
  const said = lines.join("");
  // A file that failed is asked for once more, and fails again.
  const failures = [...new Map(lines.map((line) => failedFile(line, outcome.isPush)).filter(Boolean).map((failed) => [failed.name, failed])).values()];
  const make = ([title, advice, action = ""]) => ({ title, advice, action, failures, lost: LOST.has(outcome.exit) });
  if (outcome.unreachable) {
    const sentence = ["The gateway can't be reached.", "Check that you are online and that the gateway runs.", "retry"];
    return { ...make(sentence), lost: true };
  }
  if (outcome.cancelled) return { ...make(CODES[20]), lost: false };
  const isPartial = outcome.exit === 23 || outcome.exit === 24;
  const nowhere = KNOWN_PATHS.find(([pattern]) => pattern.test(said));
  if (nowhere) return { ...make(nowhere[1]), failures: [] };
  if (isPartial && failures.length) {
    const count = failures.length === 1 ? "One file" : `${failures.length} files`;
    return make([`${count} could not be transferred; all others were.`, "See why below, then try again.", "retry"]);
  }
  for (const [pattern, sentence] of KNOWN) {
    const match = pattern.exec(said);
    if (match) return { ...make(sentence(match[1], outcome.isPush)), lost: false };
  }
  if (isPartial) return make(["Some files could not be transferred.", said.trim(), "retry"]);
  if (CODES[outcome.exit]) return make(CODES[outcome.exit]);
  return make(["That did not work.", outcome.text || said.trim() || `rsync's exit code is ${outcome.exit}.`, "retry"]);
}
