//! The module's functions, under a limit of memory and of time.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use wasmtime::{
    Config, Engine, Instance, Memory, Module, Store, StoreLimits, StoreLimitsBuilder, TypedFunc, WasmParams,
    WasmResults,
};

pub type Outcome<T> = Result<T, Box<dyn Error>>;
/// How often each status came.
pub type Seen = BTreeMap<i32, u64>;

/// Seconds that a call may take.
const CALL_SECONDS: u64 = 20;
/// The longest piece handed over.
pub const PIECE_BYTES: usize = 1 << 16;

/// A module, compiled.
pub struct Code {
    engine: Engine,
    module: Module,
}

impl Code {
    /// Compiles it, and starts the clock.
    pub fn load(path: &str) -> Outcome<Code> {
        let engine = Engine::new(Config::new().epoch_interruption(true))?;
        let module = Module::from_file(&engine, path).map_err(|error| format!("{path}: {error}"))?;
        let clock = engine.clone();
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(Duration::from_secs(1));
                clock.increment_epoch();
            }
        });
        Ok(Code { engine, module })
    }
}

/// A module with its memory, and a buffer in it.
pub struct Sandbox<'a> {
    store: Store<StoreLimits>,
    instance: Instance,
    memory: Memory,
    buffer: u32,
    seen: &'a mut Seen,
}

impl<'a> Sandbox<'a> {
    /// A fresh one that may have `limit` bytes in use, in a runtime that allows an eighth more.
    pub fn new(code: &Code, limit: u64, seen: &'a mut Seen) -> Outcome<Sandbox<'a>> {
        let runtime = limit + limit / 8;
        let limits = StoreLimitsBuilder::new().memory_size(runtime as usize).build();
        let mut store = Store::new(&code.engine, limits);
        store.limiter(|limits| limits);
        store.set_epoch_deadline(CALL_SECONDS);
        let instance = Instance::new(&mut store, &code.module, &[])?;
        let memory = instance.get_memory(&mut store, "memory").ok_or("the module has no memory")?;
        let mut sandbox = Sandbox { store, instance, memory, buffer: 0, seen };
        sandbox.call::<u64, ()>("set_memory_limit", limit)?;
        sandbox.buffer = sandbox.call("alloc", PIECE_BYTES as u32)?;
        if sandbox.buffer == 0 { Err("no room for a buffer".into()) } else { Ok(sandbox) }
    }

    /// Calls a function; a trap is an error.
    pub fn call<P: WasmParams, R: WasmResults>(&mut self, name: &str, parameters: P) -> Outcome<R> {
        self.store.set_epoch_deadline(CALL_SECONDS);
        let function: TypedFunc<P, R> = self.instance.get_typed_func(&mut self.store, &format!("syncline_{name}"))?;
        function.call(&mut self.store, parameters).map_err(|trap| format!("{name} trapped: {trap:?}").into())
    }

    /// Calls a function that returns a status or a count: the count, or the status if it is one of those that there are.
    pub fn count<P: WasmParams>(&mut self, name: &str, parameters: P) -> Outcome<Result<u32, i32>> {
        let status: i32 = self.call(name, parameters)?;
        if status >= 0 {
            return Ok(Ok(status as u32));
        }
        let (at, len): (u32, u32) = (self.call("error_ptr", ())?, self.call("error_len", ())?);
        let text = String::from_utf8(self.bytes(at, len)?)?;
        if text.is_empty() || !((-11..=-1).contains(&status) || (-26..=-20).contains(&status)) {
            return Err(format!("{name} returned {status} with the text {text:?}").into());
        }
        *self.seen.entry(status).or_default() += 1;
        Ok(Err(status))
    }

    /// Bytes of the module's.
    pub fn bytes(&self, at: u32, len: u32) -> Outcome<Vec<u8>> {
        let memory = self.memory.data(&self.store);
        let bytes = memory.get(at as usize..).and_then(|rest| rest.get(..len as usize));
        Ok(bytes.ok_or("the module points outside its memory")?.to_vec())
    }

    /// Puts a piece into the buffer; where that is.
    pub fn lend(&mut self, piece: &[u8]) -> Outcome<(u32, u32)> {
        self.memory.write(&mut self.store, self.buffer as usize, piece)?;
        Ok((self.buffer, piece.len() as u32))
    }

    /// Puts bytes somewhere else.
    pub fn put(&mut self, at: u32, bytes: &[u8]) -> Outcome<()> {
        Ok(self.memory.write(&mut self.store, at as usize, bytes)?)
    }

    /// The output of a handle, taken.
    pub fn take(&mut self, handle: u32) -> Outcome<Vec<u8>> {
        let Ok(len) = self.count("output_len", handle)? else { return Ok(Vec::new()) };
        let at: u32 = self.call("output_ptr", handle)?;
        let bytes = self.bytes(at, len)?;
        let _ = self.count("consume", (handle, len))?;
        Ok(bytes)
    }

    /// Pushes a file in pieces, of which there are not too many, and ends it; or the first status.
    pub fn stream(
        &mut self,
        handle: u32,
        file: &[u8],
        piece: usize,
        has_output: bool,
    ) -> Outcome<Result<Vec<u8>, i32>> {
        let piece = piece.max(file.len() / 5000);
        let mut out = Vec::new();
        for piece in file.chunks(piece.clamp(1, PIECE_BYTES)) {
            let (at, len) = self.lend(piece)?;
            if let Err(status) = self.count("push", (handle, at, len))? {
                return Ok(Err(status));
            }
            if has_output {
                out.extend(self.take(handle)?);
            }
        }
        if let Err(status) = self.count("finish", handle)? {
            return Ok(Err(status));
        }
        if has_output {
            out.extend(self.take(handle)?);
        }
        Ok(Ok(out))
    }
}
