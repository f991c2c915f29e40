// The engine: the build with vector instructions where the browser has them, else the other.

/** A function of one vector instruction, which a browser without them finds invalid. */
const PROBE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]);

let loaded;

/** Loads it, once. */
export function load() {
  loaded ??= (async () => {
    const build = WebAssembly.validate(PROBE) ? "simd" : "base";
    const wasm = await import(`../wasm/${build}/syncline_wasm.js`);
    await wasm.default();
    return wasm;
  })();
  return loaded;
}
