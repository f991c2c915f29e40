// The cases of benches/src/engine.rs in a WebAssembly module; the same in node and in a browser.

/**
 * @param {BufferSource} bytes the module
 * @param {number} len bytes of each file
 * @param {number} tries of which the best counts
 * @param {number} cases how many there are
 * @returns {Promise<{seconds: number, result: number}[]>}
 */
export async function measure(bytes, len, tries, cases) {
  const { instance } = await WebAssembly.instantiate(bytes, {});
  const { prepare, run } = instance.exports;
  prepare(len);
  const rows = [];
  for (let number = 0; number < cases; number++) {
    let [seconds, result] = [Infinity, 0];
    // Once more than counts: engines compile again what has turned out to be hot.
    for (let at = 0; at <= tries; at++) {
      const begun = performance.now();
      result = run(number);
      seconds = Math.min(seconds, (performance.now() - begun) / 1000);
    }
    rows.push({ seconds, result });
  }
  return rows;
}
