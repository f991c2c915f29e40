// Signature and delta from JavaScript with nothing but the WebAssembly object that every runtime has.
//
//   node syncline.mjs MODULE.wasm BASIS NEW DELTA
//
// The functions of the module are described in host-embed/ABI.md.

import { readFileSync, writeFileSync } from "node:fs";

const PIECE_BYTES = 1 << 20;
const [path, basisPath, newPath, deltaPath] = process.argv.slice(2);
if (!deltaPath) {
  console.error("usage: node syncline.mjs MODULE.wasm BASIS NEW DELTA");
  process.exit(1);
}

const { instance } = await WebAssembly.instantiate(readFileSync(path), {});
const engine = instance.exports;
if (engine.syncline_abi_version() !== 1) throw new Error("the module's interface is of another version");
const buffer = engine.syncline_alloc(PIECE_BYTES);

// The memory may have moved when it grew, so it is looked up each time.
const bytes = (at, length) => Uint8Array.prototype.slice.call(new Uint8Array(engine.memory.buffer, at >>> 0, length));

function checked(status) {
  if (status >= 0) return status;
  const text = bytes(engine.syncline_error_ptr(), engine.syncline_error_len());
  throw new Error(`${new TextDecoder().decode(text)} (${status})`);
}

function push(handle, piece) {
  new Uint8Array(engine.memory.buffer).set(piece, buffer >>> 0);
  checked(engine.syncline_push(handle, buffer, piece.length));
}

function output(handle) {
  const length = checked(engine.syncline_output_len(handle));
  const out = bytes(engine.syncline_output_ptr(handle), length);
  checked(engine.syncline_consume(handle, length));
  return out;
}

function stream(handle, input) {
  const all = [];
  for (let at = 0; at < input.length; at += PIECE_BYTES) {
    push(handle, input.subarray(at, at + PIECE_BYTES));
    all.push(output(handle));
  }
  checked(engine.syncline_finish(handle));
  all.push(output(handle));
  checked(engine.syncline_close(handle));
  return Buffer.concat(all);
}

const basis = readFileSync(basisPath);
const signature = stream(
  checked(engine.syncline_signature_new(0, 0, 0, 0, 0, 0, BigInt(basis.length))),
  basis,
);
const loaded = checked(engine.syncline_basis_new());
push(loaded, signature.subarray(0, PIECE_BYTES));
for (let at = PIECE_BYTES; at < signature.length; at += PIECE_BYTES) {
  push(loaded, signature.subarray(at, at + PIECE_BYTES));
}
checked(engine.syncline_finish(loaded));
const delta = stream(checked(engine.syncline_delta_new(loaded, 0)), readFileSync(newPath));
writeFileSync(deltaPath, delta);
console.log(`signature ${signature.length}, delta ${delta.length} bytes`);
