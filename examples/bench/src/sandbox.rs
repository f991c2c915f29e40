//! The module in wasmtime, on files.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use wasmtime::{Instance, Memory, Module, Store, TypedFunc, WasmParams, WasmResults};

use crate::Outcome;

const PIECE_BYTES: usize = 1 << 20;

/// A module, and two buffers in it: for input, and for the bytes of copies.
pub struct Sandbox {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
    input: u32,
    spare: u32,
}

impl Sandbox {
    pub fn load(path: &str) -> Outcome<Sandbox> {
        let engine = wasmtime::Engine::default();
        let module = Module::from_file(&engine, path)?;
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[])?;
        let memory = instance.get_memory(&mut store, "memory").ok_or("the module has no memory")?;
        let mut sandbox = Sandbox { store, instance, memory, input: 0, spare: 0 };
        sandbox.input = sandbox.call("alloc", PIECE_BYTES as u32)?;
        sandbox.spare = sandbox.call("alloc", PIECE_BYTES as u32)?;
        Ok(sandbox)
    }

    fn call<P: WasmParams, R: WasmResults>(&mut self, name: &str, parameters: P) -> Outcome<R> {
        let function: TypedFunc<P, R> = self.instance.get_typed_func(&mut self.store, &format!("syncline_{name}"))?;
        Ok(function.call(&mut self.store, parameters)?)
    }

    fn count<P: WasmParams>(&mut self, name: &str, parameters: P) -> Outcome<i32> {
        let status: i32 = self.call(name, parameters)?;
        if status >= 0 { Ok(status) } else { Err(format!("{name}: {status}").into()) }
    }

    fn room(&mut self, at: u32, len: usize) -> Outcome<&mut [u8]> {
        let memory = self.memory.data_mut(&mut self.store);
        memory.get_mut(at as usize..at as usize + len).ok_or_else(|| "outside the memory".into())
    }

    fn drain(&mut self, handle: i32, out: &mut File) -> Outcome<()> {
        let len = self.count("output_len", handle)?;
        let at: u32 = self.call("output_ptr", handle)?;
        out.write_all(self.room(at, len as usize)?)?;
        Ok(())
    }

    fn stream(&mut self, handle: i32, from: &Path, mut out: Option<File>) -> Outcome<()> {
        let mut file = File::open(from)?;
        loop {
            let input = self.input;
            let len = file.read(self.room(input, PIECE_BYTES)?)?;
            if len == 0 {
                self.count("finish", handle)?;
            } else {
                self.count("push", (handle, input, len as u32))?;
            }
            if let Some(out) = &mut out {
                self.drain(handle, out)?;
                let len = self.count("output_len", handle)?;
                self.count("consume", (handle, len as u32))?;
            }
            if len == 0 {
                return Ok(());
            }
        }
    }

    pub fn sign(&mut self, old: &Path, signature: &Path, block_bytes: u32) -> Outcome<()> {
        let handle = self.count("signature_new", (0, 0, 0, block_bytes, 0, 0, u64::MAX))?;
        self.stream(handle, old, Some(File::create(signature)?))?;
        self.count("close", handle).map(drop)
    }

    pub fn delta(&mut self, signature: &Path, new: &Path, delta: &Path) -> Outcome<()> {
        let basis = self.count("basis_new", ())?;
        self.stream(basis, signature, None)?;
        let handle = self.count("delta_new", (basis, 0))?;
        self.count("close", basis)?;
        self.stream(handle, new, Some(File::create(delta)?))?;
        self.count("close", handle).map(drop)
    }

    pub fn patch(&mut self, old: &Path, delta: &Path, made: &Path) -> Outcome<()> {
        let (old, mut delta, mut out) = (File::open(old)?, File::open(delta)?, File::create(made)?);
        let handle = self.count("patch_new", (old.metadata()?.len(), u64::MAX))?;
        let (input, spare) = (self.input, self.spare);
        loop {
            let len = delta.read(self.room(input, PIECE_BYTES)?)?;
            if len == 0 {
                self.count("finish", handle)?;
                return self.count("close", handle).map(drop);
            }
            self.count("push", (handle, input, len as u32))?;
            loop {
                match self.count("patch_step", handle)? {
                    1 => self.drain(handle, &mut out)?,
                    2 => {
                        let mut from: u64 = self.call("patch_copy_from", handle)?;
                        let mut left: u64 = self.call("patch_copy_len", handle)?;
                        while left > 0 {
                            let now = left.min(PIECE_BYTES as u64) as usize;
                            let bytes = self.room(spare, now)?;
                            old.read_exact_at(bytes, from)?;
                            out.write_all(bytes)?;
                            self.count("patch_copied", (handle, spare, now as u32))?;
                            (from, left) = (from + now as u64, left - now as u64);
                        }
                    }
                    _ => break,
                }
            }
        }
    }
}
