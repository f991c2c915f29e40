//! `syncline-component-host COMPONENT.wasm BASIS NEW`: signature, delta and patch through the component.
//!
//! The bindings are made of the component's WIT. As on two machines, the new file is made of the old one and the delta, and is
//! compared. Then everything that can be wrong with a signature or delta is tried: each has a fault that says what.

use std::error::Error;
use std::process::ExitCode;

use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store, StoreLimits, StoreLimitsBuilder};

mod bad_files;

mod bindings {
    wasmtime::component::bindgen!({ path: "../../host-embed/component/wit", world: "engine" });
}

use bindings::exports::syncline::engine::files::{Algorithm, Format, Guest, Range, SignatureOptions, Step};

type Outcome<T> = Result<T, Box<dyn Error>>;
type Sandbox = Store<StoreLimits>;

/// Bytes handed over at once.
const PIECE_BYTES: usize = 256 * 1024;
/// What the engine may have in use.
const MEMORY_BYTES: u64 = 64 << 20;
/// How long a new file may be.
const OUTPUT_MAX: u64 = 1 << 40;
/// What the runtime lets it take.
const RUNTIME_BYTES: usize = 72 << 20;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [component, basis, new] = words.as_slice() else {
        eprintln!("usage: syncline-component-host COMPONENT.wasm BASIS NEW");
        return ExitCode::FAILURE;
    };
    match run(component, basis, new) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("syncline-component-host: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(path: &str, basis: &str, new: &str) -> Outcome<String> {
    let basis = std::fs::read(basis).map_err(|error| format!("{basis}: {error}"))?;
    let new = std::fs::read(new).map_err(|error| format!("{new}: {error}"))?;
    let engine = Engine::default();
    let component = Component::from_file(&engine, path).map_err(|error| format!("{path}: {error}"))?;
    let mut store = Store::new(&engine, StoreLimitsBuilder::new().memory_size(RUNTIME_BYTES).build());
    store.limiter(|limits| limits);
    // Nothing is linked: the component imports nothing.
    let world = bindings::Engine::instantiate(&mut store, &component, &Linker::new(&engine))?;
    world.syncline_engine_memory().call_set_limit(&mut store, MEMORY_BYTES)?;
    let files = world.syncline_engine_files();

    let signature = sign(&mut store, files, &basis, Format::Syncline, None)?;
    let delta = delta(&mut store, files, &signature, &new, Format::Syncline)?;
    if patch(&mut store, files, &basis, &delta, OUTPUT_MAX)?.map_err(|error| error.text)? != new {
        return Err("the file that was made is not the new one".into());
    }
    let refused = bad_files::check(&mut store, files)?;
    let digest = files.checksum().call_constructor(&mut store, Algorithm::Xxh128)?;
    files.checksum().call_push(&mut store, digest, &new)?;
    let digest = files.checksum().call_value(&mut store, digest)?;
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let sizes = [basis.len(), new.len(), signature.len(), delta.len()];
    let [old, new, signature, delta] = sizes;
    let text = format!("old {old}, new {new}, signature {signature}, delta {delta} bytes: the same file, xxh128 {hex}");
    Ok(format!("{text}\nrefused {refused} bad files, each for what is wrong with it"))
}

fn sign(
    store: &mut Sandbox,
    files: &Guest,
    basis: &[u8],
    format: Format,
    block_bytes: Option<u32>,
) -> Outcome<Vec<u8>> {
    let options = SignatureOptions {
        format,
        algorithm: None,
        block_bytes,
        strong_bytes: None,
        basis_bytes: Some(basis.len() as u64),
    };
    let writer = files.signature_writer().call_open(&mut *store, options)?.map_err(|error| error.text)?;
    let mut signature = Vec::new();
    for piece in basis.chunks(PIECE_BYTES) {
        let pushed = files.signature_writer().call_push(&mut *store, writer, piece)?;
        signature.extend(pushed.map_err(|error| error.text)?);
    }
    signature.extend(files.signature_writer().call_finish(&mut *store, writer)?);
    writer.resource_drop(store)?;
    Ok(signature)
}

fn delta(store: &mut Sandbox, files: &Guest, signature: &[u8], new: &[u8], format: Format) -> Outcome<Vec<u8>> {
    let reader = files.signature_reader().call_constructor(&mut *store, MEMORY_BYTES / 2)?;
    for piece in signature.chunks(PIECE_BYTES) {
        files.signature_reader().call_push(&mut *store, reader, piece)?.map_err(|error| error.text)?;
    }
    let signature = files.signature_reader().call_finish(&mut *store, reader)?.map_err(|error| error.text)?;
    let writer = files.delta_writer().call_open(&mut *store, signature, format)?;
    let writer = writer.map_err(|error| error.text)?;
    let mut delta = Vec::new();
    for piece in new.chunks(PIECE_BYTES) {
        let pushed = files.delta_writer().call_push(&mut *store, writer, piece)?;
        delta.extend(pushed.map_err(|error| error.text)?);
    }
    delta.extend(files.delta_writer().call_finish(&mut *store, writer)?);
    writer.resource_drop(&mut *store)?;
    signature.resource_drop(store)?;
    Ok(delta)
}

type Refusal = bindings::exports::syncline::engine::files::Error;

fn patch(
    store: &mut Sandbox,
    files: &Guest,
    basis: &[u8],
    delta: &[u8],
    output_max: u64,
) -> Outcome<Result<Vec<u8>, Refusal>> {
    let guest = files.patcher();
    let patcher = guest.call_constructor(&mut *store, basis.len() as u64, output_max)?;
    let mut made = Vec::new();
    for piece in delta.chunks(PIECE_BYTES) {
        guest.call_push(&mut *store, patcher, piece)?.map_err(|error| error.text)?;
        loop {
            match guest.call_step(&mut *store, patcher)? {
                Err(refusal) => return Ok(Err(refusal)),
                Ok(Step::Write(bytes)) => made.extend(bytes),
                Ok(Step::Copy(Range { from, len })) => {
                    let bytes = basis.get(from as usize..(from + len) as usize).ok_or("a copy outside the basis")?;
                    for bytes in bytes.chunks(PIECE_BYTES) {
                        guest.call_copied(&mut *store, patcher, bytes)?.map_err(|error| error.text)?;
                    }
                    made.extend(bytes);
                }
                Ok(Step::More | Step::Done) => break,
            }
        }
    }
    let end = guest.call_finish(&mut *store, patcher)?;
    patcher.resource_drop(store)?;
    Ok(end.map(|()| made))
}
