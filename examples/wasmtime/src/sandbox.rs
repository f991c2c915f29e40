//! A session in a sandbox, whichever kind of WebAssembly it came as.

use syncline_core::checksum::Algorithm;
use syncline_core::session::{Errno, HostResult, Reply};
use syncline_embed::document::{Event, Start};

use crate::Outcome;
use crate::component::ComponentSession;
use crate::engine::Engine;

/// What the engine may have in use: it refuses what needs more.
pub const MEMORY_BYTES: u64 = 256 << 20;
/// What the runtime lets it take, which includes what lies between pieces in use.
pub const RUNTIME_BYTES: usize = 320 << 20;
/// The fifth byte of a core module is its version, 1; a component has another.
const CORE_VERSION: u8 = 1;

/// What `host-embed/ABI.md` and `host-embed/component/wit` say of sessions.
pub trait Session {
    /// What to do next.
    fn next(&mut self) -> Outcome<Event>;
    /// The bytes of the last write.
    fn data(&mut self) -> Outcome<Vec<u8>>;
    /// Tells the time.
    fn tick(&mut self, now_ms: u64) -> Outcome<()>;
    /// Bytes for the peer, which count as sent.
    fn output(&mut self) -> Outcome<Vec<u8>>;
    /// The peer takes no more.
    fn output_broken(&mut self) -> Outcome<()>;
    /// Bytes of the peer's: how many were taken.
    fn feed(&mut self, bytes: &[u8]) -> Outcome<usize>;
    /// The peer closed its direction.
    fn feed_end(&mut self) -> Outcome<()>;
    /// Answers a request.
    fn answer(&mut self, id: u32, reply: &Reply) -> Outcome<()>;
    /// Carries out a read.
    fn fill(&mut self, bytes: HostResult<Vec<u8>>) -> Outcome<()>;
    /// A copy was carried out.
    fn copied(&mut self) -> Outcome<()>;
    /// Writing failed.
    fn write_failed(&mut self, path: &[u8], error: Errno) -> Outcome<()>;
    /// The password that was asked for.
    fn password(&mut self, password: &[u8]) -> Outcome<()>;
    /// The digest of all pieces up to an empty one, made in the sandbox too.
    fn digest(&mut self, algorithm: Algorithm, piece: &mut dyn FnMut() -> Outcome<Vec<u8>>) -> Outcome<Vec<u8>>;
}

/// Starts a session in a module or a component.
pub fn start(path: &str, start: &Start) -> Outcome<Box<dyn Session>> {
    let code = std::fs::read(path).map_err(|error| format!("{path}: {error}"))?;
    let engine = wasmtime::Engine::default();
    if code.get(4) == Some(&CORE_VERSION) && code.get(6) == Some(&0) {
        Ok(Box::new(Engine::load(&engine, &code)?.session(start)?))
    } else {
        Ok(Box::new(ComponentSession::start(&engine, &code, start)?))
    }
}
