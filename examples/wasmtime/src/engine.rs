//! The module's functions, as `host-embed/ABI.md` describes them.

use syncline_core::checksum::Algorithm;
use syncline_core::session::{Errno, HostResult, Reply};
use syncline_embed::document::{Event, Start, decode, encode};
use wasmtime::{Instance, Memory, Module, Store, StoreLimits, StoreLimitsBuilder, TypedFunc, WasmParams, WasmResults};

use crate::Outcome;
use crate::sandbox::{MEMORY_BYTES, RUNTIME_BYTES, Session};

/// A module with its memory.
pub struct Engine {
    store: Store<StoreLimits>,
    instance: Instance,
    memory: Memory,
}

impl Engine {
    /// Takes a module, which imports nothing, and sets its limit.
    pub fn load(engine: &wasmtime::Engine, code: &[u8]) -> Outcome<Engine> {
        let module = Module::new(engine, code)?;
        let mut store = Store::new(engine, StoreLimitsBuilder::new().memory_size(RUNTIME_BYTES).build());
        store.limiter(|limits| limits);
        let instance = Instance::new(&mut store, &module, &[])?;
        let memory = instance.get_memory(&mut store, "memory").ok_or("the module has no memory")?;
        let mut engine = Engine { store, instance, memory };
        match engine.call::<(), u32>("syncline_abi_version", ())? {
            1 => {}
            version => return Err(format!("the module's interface has version {version}, this host knows 1").into()),
        }
        engine.call::<u64, ()>("syncline_set_memory_limit", MEMORY_BYTES)?;
        Ok(engine)
    }

    /// Calls a function.
    pub fn call<P: WasmParams, R: WasmResults>(&mut self, name: &str, parameters: P) -> Outcome<R> {
        let function: TypedFunc<P, R> = self.instance.get_typed_func(&mut self.store, name)?;
        Ok(function.call(&mut self.store, parameters)?)
    }

    /// Calls a function that returns a status or a count.
    pub fn count<P: WasmParams>(&mut self, name: &str, parameters: P) -> Outcome<i32> {
        let status: i32 = self.call(name, parameters)?;
        if status >= 0 {
            return Ok(status);
        }
        let at = self.call::<(), u32>("syncline_error_ptr", ())?;
        let len = self.call::<(), u32>("syncline_error_len", ())?;
        let text = String::from_utf8_lossy(&self.bytes(at, len)?).into_owned();
        Err(format!("{name}: {text} ({status})").into())
    }

    /// A copy of bytes of the module's.
    pub fn bytes(&self, at: u32, len: u32) -> Outcome<Vec<u8>> {
        let memory = self.memory.data(&self.store);
        let bytes = memory.get(at as usize..).and_then(|rest| rest.get(..len as usize));
        Ok(bytes.ok_or("the module points outside its memory")?.to_vec())
    }

    /// Calls with bytes in a buffer of the module's.
    pub fn lend<T>(&mut self, bytes: &[u8], call: impl FnOnce(&mut Engine, u32, u32) -> Outcome<T>) -> Outcome<T> {
        let len = u32::try_from(bytes.len())?;
        let at: u32 = self.call("syncline_alloc", len.max(1))?;
        if at == 0 {
            return Err("the memory limit forbids it".into());
        }
        self.memory.write(&mut self.store, at as usize, bytes)?;
        let result = call(self, at, len);
        self.count("syncline_free", at)?;
        result
    }

    /// Starts a session.
    pub fn session(mut self, start: &Start) -> Outcome<ModuleSession> {
        let handle = self.lend(&encode(start), |engine, at, len| engine.count("syncline_session_new", (at, len)))?;
        Ok(ModuleSession { engine: self, handle })
    }
}

/// A session in the module.
pub struct ModuleSession {
    engine: Engine,
    handle: i32,
}

impl ModuleSession {
    fn with<T: AsRef<[u8]> + ?Sized>(&mut self, name: &str, bytes: &T) -> Outcome<()> {
        let handle = self.handle;
        self.engine.lend(bytes.as_ref(), |engine, at, len| engine.count(name, (handle, at, len))).map(drop)
    }
}

impl Session for ModuleSession {
    fn next(&mut self) -> Outcome<Event> {
        let len = self.engine.count("syncline_session_next", self.handle)?;
        let at: u32 = self.engine.call("syncline_session_event_ptr", self.handle)?;
        decode(&self.engine.bytes(at, len as u32)?).ok_or_else(|| "the module's document can't be read".into())
    }

    fn data(&mut self) -> Outcome<Vec<u8>> {
        let len = self.engine.count("syncline_session_data_len", self.handle)?;
        let at: u32 = self.engine.call("syncline_session_data_ptr", self.handle)?;
        self.engine.bytes(at, len as u32)
    }

    fn tick(&mut self, now_ms: u64) -> Outcome<()> {
        self.engine.count("syncline_session_tick", (self.handle, now_ms)).map(drop)
    }

    fn output(&mut self) -> Outcome<Vec<u8>> {
        let len = self.engine.count("syncline_output_len", self.handle)?;
        let at: u32 = self.engine.call("syncline_output_ptr", self.handle)?;
        let bytes = self.engine.bytes(at, len as u32)?;
        self.engine.count("syncline_consume", (self.handle, len as u32))?;
        Ok(bytes)
    }

    fn output_broken(&mut self) -> Outcome<()> {
        self.engine.count("syncline_session_output_broken", self.handle).map(drop)
    }

    fn feed(&mut self, bytes: &[u8]) -> Outcome<usize> {
        let handle = self.handle;
        let feed = |engine: &mut Engine, at, len| engine.count("syncline_session_feed", (handle, at, len));
        Ok(self.engine.lend(bytes, feed)? as usize)
    }

    fn feed_end(&mut self) -> Outcome<()> {
        self.engine.count("syncline_session_feed_end", self.handle).map(drop)
    }

    fn answer(&mut self, id: u32, reply: &Reply) -> Outcome<()> {
        let handle = self.handle;
        let answer = |engine: &mut Engine, at, len| engine.count("syncline_session_answer", (handle, id, at, len));
        self.engine.lend(&encode(reply), answer).map(drop)
    }

    fn fill(&mut self, bytes: HostResult<Vec<u8>>) -> Outcome<()> {
        match bytes {
            Ok(bytes) => self.with("syncline_session_fill", &bytes),
            Err(error) => self.with("syncline_session_fill_failed", &encode(&error)),
        }
    }

    fn copied(&mut self) -> Outcome<()> {
        self.engine.count("syncline_session_copied", self.handle).map(drop)
    }

    fn write_failed(&mut self, path: &[u8], error: Errno) -> Outcome<()> {
        self.with("syncline_session_write_failed", &encode(&(path.to_vec(), error)))
    }

    fn password(&mut self, password: &[u8]) -> Outcome<()> {
        self.with("syncline_session_password", password)
    }

    fn digest(&mut self, algorithm: Algorithm, piece: &mut dyn FnMut() -> Outcome<Vec<u8>>) -> Outcome<Vec<u8>> {
        let numbers =
            [Algorithm::Xxh128, Algorithm::Xxh3, Algorithm::Xxh64, Algorithm::Md5, Algorithm::Md4, Algorithm::Sha1];
        let index = numbers.iter().position(|known| *known == algorithm).ok_or("the module has no such checksum")?;
        let checksum = self.engine.count("syncline_checksum_new", index as u32 + 1)?;
        loop {
            let bytes = piece()?;
            if bytes.is_empty() {
                break;
            }
            self.engine.lend(&bytes, |engine, at, len| engine.count("syncline_push", (checksum, at, len)))?;
        }
        self.engine.count("syncline_finish", checksum)?;
        let len = self.engine.count("syncline_output_len", checksum)?;
        let at: u32 = self.engine.call("syncline_output_ptr", checksum)?;
        let value = self.engine.bytes(at, len as u32)?;
        self.engine.count("syncline_close", checksum)?;
        Ok(value)
    }
}
