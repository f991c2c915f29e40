//! `syncline-wasmi MODULE.wasm BASIS NEW`: signature, delta and patch in an interpreter, over the C ABI.
//!
//! Two modules are run, as on two machines: one has the old file and signs it, the other has the new file and finds what is
//! new; then the first makes the new file of the old one and the delta, and it is compared.

use std::error::Error;
use std::process::ExitCode;

use wasmi::{Instance, Linker, Memory, Module, Store, WasmParams, WasmResults};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Bytes handed over at once.
const PIECE_BYTES: usize = 256 * 1024;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [module, basis, new] = words.as_slice() else {
        eprintln!("usage: syncline-wasmi MODULE.wasm BASIS NEW");
        return ExitCode::FAILURE;
    };
    match run(module, basis, new) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("syncline-wasmi: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(module: &str, basis: &str, new: &str) -> Outcome<String> {
    let code = std::fs::read(module).map_err(|error| format!("{module}: {error}"))?;
    let basis = std::fs::read(basis).map_err(|error| format!("{basis}: {error}"))?;
    let new = std::fs::read(new).map_err(|error| format!("{new}: {error}"))?;
    let (mut here, mut there) = (Engine::load(&code)?, Engine::load(&code)?);
    let signature = here.sign(&basis)?;
    let delta = there.delta(&signature, &new)?;
    let made = here.patch(&basis, &delta)?;
    if made != new {
        return Err("the file that was made is not the new one".into());
    }
    let sizes = [basis.len(), new.len(), signature.len(), delta.len()];
    Ok(format!("old {}, new {}, signature {}, delta {} bytes: the same file", sizes[0], sizes[1], sizes[2], sizes[3]))
}

/// A module with its memory, and a buffer in it.
struct Engine {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
    buffer: u32,
}

impl Engine {
    fn load(code: &[u8]) -> Outcome<Engine> {
        let engine = wasmi::Engine::default();
        let module = Module::new(&engine, code)?;
        let mut store = Store::new(&engine, ());
        // Nothing is linked: the module imports nothing.
        let instance = <Linker<()>>::new(&engine).instantiate_and_start(&mut store, &module)?;
        let memory = instance.get_memory(&store, "memory").ok_or("the module has no memory")?;
        let mut engine = Engine { store, instance, memory, buffer: 0 };
        if engine.call::<(), u32>("abi_version", ())? != 1 {
            return Err("the module's interface is of another version".into());
        }
        engine.buffer = engine.call("alloc", PIECE_BYTES as u32)?;
        Ok(engine)
    }

    fn call<P: WasmParams, R: WasmResults>(&mut self, name: &str, parameters: P) -> Outcome<R> {
        let function = self.instance.get_typed_func::<P, R>(&self.store, &format!("syncline_{name}"))?;
        Ok(function.call(&mut self.store, parameters)?)
    }

    fn count<P: WasmParams>(&mut self, name: &str, parameters: P) -> Outcome<i32> {
        let status: i32 = self.call(name, parameters)?;
        if status >= 0 {
            return Ok(status);
        }
        let (at, len) = (self.call("error_ptr", ())?, self.call("error_len", ())?);
        Err(String::from_utf8_lossy(&self.bytes(at, len)?).into_owned().into())
    }

    fn bytes(&self, at: u32, len: u32) -> Outcome<Vec<u8>> {
        let mut bytes = vec![0; len as usize];
        self.memory.read(&self.store, at as usize, &mut bytes)?;
        Ok(bytes)
    }

    /// Hands a piece over to a function.
    fn lend(&mut self, name: &str, handle: i32, piece: &[u8]) -> Outcome<()> {
        self.memory.write(&mut self.store, self.buffer as usize, piece)?;
        self.count(name, (handle, self.buffer, piece.len() as u32)).map(drop)
    }

    fn output(&mut self, handle: i32) -> Outcome<Vec<u8>> {
        let len = self.count("output_len", handle)?;
        let at = self.call("output_ptr", handle)?;
        self.bytes(at, len as u32)
    }

    /// Pushes all of `input`, and takes what comes of it.
    fn stream(&mut self, handle: i32, input: &[u8]) -> Outcome<Vec<u8>> {
        let mut all = Vec::new();
        for piece in input.chunks(PIECE_BYTES) {
            self.lend("push", handle, piece)?;
            let output = self.output(handle)?;
            self.count("consume", (handle, output.len() as u32))?;
            all.extend(output);
        }
        self.count("finish", handle)?;
        all.extend(self.output(handle)?);
        self.count("close", handle)?;
        Ok(all)
    }

    fn sign(&mut self, basis: &[u8]) -> Outcome<Vec<u8>> {
        let handle = self.count("signature_new", (0, 0, 0, 0, 0, 0, basis.len() as u64))?;
        self.stream(handle, basis)
    }

    fn delta(&mut self, signature: &[u8], new: &[u8]) -> Outcome<Vec<u8>> {
        let basis = self.count("basis_new", ())?;
        signature.chunks(PIECE_BYTES).try_for_each(|piece| self.lend("push", basis, piece))?;
        self.count("finish", basis)?;
        let handle = self.count("delta_new", (basis, 0))?;
        self.stream(handle, new)
    }

    fn patch(&mut self, basis: &[u8], delta: &[u8]) -> Outcome<Vec<u8>> {
        let handle = self.count("patch_new", (basis.len() as u64, 1u64 << 40))?;
        let spare: u32 = self.call("alloc", PIECE_BYTES as u32)?;
        let mut made = Vec::new();
        for piece in delta.chunks(PIECE_BYTES) {
            self.lend("push", handle, piece)?;
            loop {
                match self.count("patch_step", handle)? {
                    1 => made.extend(self.output(handle)?),
                    2 => {
                        let (from, len): (u64, u64) =
                            (self.call("patch_copy_from", handle)?, self.call("patch_copy_len", handle)?);
                        let bytes =
                            basis.get(from as usize..(from + len) as usize).ok_or("a copy outside the basis")?;
                        for bytes in bytes.chunks(PIECE_BYTES) {
                            // The piece of the delta is still needed: another buffer.
                            self.memory.write(&mut self.store, spare as usize, bytes)?;
                            self.count("patch_copied", (handle, spare, bytes.len() as u32))?;
                        }
                        made.extend(bytes);
                    }
                    _ => break,
                }
            }
        }
        self.count("finish", handle)?;
        self.count("close", handle)?;
        self.count("free", spare)?;
        Ok(made)
    }
}
