//! The module's functions, as `host-embed/ABI.md` describes them.

use syncline_core::session::{Errno, HostResult, Reply};
use syncline_embed::document::{Event, Start, decode, encode};
use wasmtime::{Instance, Memory, Module, Store, TypedFunc, WasmParams, WasmResults};

use crate::Outcome;

/// A module with its memory.
pub struct Engine {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
}

impl Engine {
    /// Loads a module, which imports nothing, and sets its limit.
    pub fn load(path: &str, memory_bytes: u64) -> Outcome<Engine> {
        let engine = wasmtime::Engine::default();
        let module = Module::from_file(&engine, path)?;
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[])?;
        let memory = instance.get_memory(&mut store, "memory").ok_or("the module has no memory")?;
        let mut engine = Engine { store, instance, memory };
        match engine.call::<(), u32>("syncline_abi_version", ())? {
            1 => {}
            version => return Err(format!("the module's interface has version {version}, this host knows 1").into()),
        }
        engine.call::<u64, ()>("syncline_set_memory_limit", memory_bytes)?;
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
    pub fn session(&mut self, start: &Start) -> Outcome<Session<'_>> {
        let handle = self.lend(&encode(start), |engine, at, len| engine.count("syncline_session_new", (at, len)))?;
        Ok(Session { engine: self, handle })
    }
}

/// A session in the module.
pub struct Session<'a> {
    engine: &'a mut Engine,
    handle: i32,
}

impl Session<'_> {
    /// What to do next.
    pub fn next(&mut self) -> Outcome<Event> {
        let len = self.engine.count("syncline_session_next", self.handle)?;
        let at: u32 = self.engine.call("syncline_session_event_ptr", self.handle)?;
        decode(&self.engine.bytes(at, len as u32)?).ok_or_else(|| "the module's document can't be read".into())
    }

    /// The bytes of the last write.
    pub fn data(&mut self) -> Outcome<Vec<u8>> {
        let len = self.engine.count("syncline_session_data_len", self.handle)?;
        let at: u32 = self.engine.call("syncline_session_data_ptr", self.handle)?;
        self.engine.bytes(at, len as u32)
    }

    /// Tells the time.
    pub fn tick(&mut self, now_ms: u64) -> Outcome<()> {
        self.engine.count("syncline_session_tick", (self.handle, now_ms)).map(drop)
    }

    /// Bytes for the peer.
    pub fn output(&mut self) -> Outcome<Vec<u8>> {
        let len = self.engine.count("syncline_output_len", self.handle)?;
        let at: u32 = self.engine.call("syncline_output_ptr", self.handle)?;
        let bytes = self.engine.bytes(at, len as u32)?;
        self.engine.count("syncline_consume", (self.handle, len as u32))?;
        Ok(bytes)
    }

    /// The peer takes no more.
    pub fn output_broken(&mut self) -> Outcome<()> {
        self.engine.count("syncline_session_output_broken", self.handle).map(drop)
    }

    /// Bytes of the peer's: how many were taken.
    pub fn feed(&mut self, bytes: &[u8]) -> Outcome<usize> {
        let handle = self.handle;
        let feed = |engine: &mut Engine, at, len| engine.count("syncline_session_feed", (handle, at, len));
        Ok(self.engine.lend(bytes, feed)? as usize)
    }

    /// The peer closed its direction.
    pub fn feed_end(&mut self) -> Outcome<()> {
        self.engine.count("syncline_session_feed_end", self.handle).map(drop)
    }

    /// Answers a request.
    pub fn answer(&mut self, id: u32, reply: &Reply) -> Outcome<()> {
        let handle = self.handle;
        let answer = |engine: &mut Engine, at, len| engine.count("syncline_session_answer", (handle, id, at, len));
        self.engine.lend(&encode(reply), answer).map(drop)
    }

    /// Carries out a read.
    pub fn fill(&mut self, bytes: HostResult<Vec<u8>>) -> Outcome<()> {
        match bytes {
            Ok(bytes) => self.with("syncline_session_fill", &bytes),
            Err(error) => self.with("syncline_session_fill_failed", &encode(&error)),
        }
    }

    /// A copy was carried out.
    pub fn copied(&mut self) -> Outcome<()> {
        self.engine.count("syncline_session_copied", self.handle).map(drop)
    }

    /// Writing failed.
    pub fn write_failed(&mut self, path: &[u8], error: Errno) -> Outcome<()> {
        self.with("syncline_session_write_failed", &encode(&(path.to_vec(), error)))
    }

    /// The password that was asked for.
    pub fn password(&mut self, password: &[u8]) -> Outcome<()> {
        self.with("syncline_session_password", password)
    }

    fn with<T: AsRef<[u8]> + ?Sized>(&mut self, name: &str, bytes: &T) -> Outcome<()> {
        let handle = self.handle;
        self.engine.lend(bytes.as_ref(), |engine, at, len| engine.count(name, (handle, at, len))).map(drop)
    }

    /// A checksum in the making, in the module too.
    pub fn checksum(&mut self, algorithm: u32) -> Outcome<i32> {
        self.engine.count("syncline_checksum_new", algorithm)
    }

    /// More bytes for it.
    pub fn checksum_push(&mut self, checksum: i32, bytes: &[u8]) -> Outcome<()> {
        self.engine.lend(bytes, |engine, at, len| engine.count("syncline_push", (checksum, at, len))).map(drop)
    }

    /// Its value, and its end.
    pub fn checksum_value(&mut self, checksum: i32) -> Outcome<Vec<u8>> {
        self.engine.count("syncline_finish", checksum)?;
        let len = self.engine.count("syncline_output_len", checksum)?;
        let at: u32 = self.engine.call("syncline_output_ptr", checksum)?;
        let value = self.engine.bytes(at, len as u32)?;
        self.engine.count("syncline_close", checksum)?;
        Ok(value)
    }
}
