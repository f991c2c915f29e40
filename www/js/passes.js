// In how many runs an upload is done, so that neither an interruption nor a full disk spoils what the server has.

/** Less than this is not worth a run of its own. */
const BYTES_MIN = 1 << 20;

/**
 * What has arrived of a file is kept beside it, and the next run takes that as its basis, not the version that is there. For a
 * file that is new at the server it is all there is. Of one that has changed, nearly everything may be in the old version: it is
 * sent without anything being kept, and after an interruption the old version serves once more.
 *
 * Where `keepAll` is set, an earlier try found that little of the old version is of use.
 * @param {{what: string, size: number, isDir: boolean}[]} items what a survey has found
 * @returns {{keep: boolean, existing?: boolean}[]} one or two runs
 */
export function passes(items, keepAll) {
  const sum = (what) => items.filter((item) => item.what === what && !item.isDir).reduce((total, { size }) => total + size, 0);
  const [fresh, changed] = [sum("new"), sum("changed")];
  if (keepAll || changed < BYTES_MIN) return [{ keep: true }];
  if (fresh < BYTES_MIN) return [{ keep: false }];
  return [{ keep: false, existing: true }, { keep: true }];
}

/** Whether a try that was cut off shows that the old version helps little: most of a lot was sent. */
export function isMostlyNew(progress) {
  return progress !== null && progress.literal >= BYTES_MIN && progress.literal > progress.matched;
}
