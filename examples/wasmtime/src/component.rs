//! The component, as `host-embed/component/wit/engine.wit` describes it; the bindings are made from that file.

use syncline_core::checksum::Algorithm;
use syncline_core::session::{Errno, HostResult, Reply};
use syncline_embed::document::{Event, Start, decode, encode};
use wasmtime::component::{Component, Linker, ResourceAny};
use wasmtime::{Store, StoreLimits, StoreLimitsBuilder};

use crate::Outcome;
use crate::sandbox::{MEMORY_BYTES, RUNTIME_BYTES, Session};

mod bindings {
    wasmtime::component::bindgen!({ path: "../../host-embed/component/wit", world: "engine" });
}

use bindings::exports::syncline::engine::files;

/// A session in a component.
pub struct ComponentSession {
    store: Store<StoreLimits>,
    world: bindings::Engine,
    session: ResourceAny,
}

/// Calls a method of the session.
macro_rules! call {
    ($self:ident.$method:ident($($word:expr),*)) => {
        $self.world.syncline_engine_sessions().session().$method(&mut $self.store, $self.session, $($word),*)
    };
}

impl ComponentSession {
    /// Takes a component, which imports nothing, sets its limit, and starts a session.
    pub fn start(engine: &wasmtime::Engine, code: &[u8], start: &Start) -> Outcome<ComponentSession> {
        let component = Component::new(engine, code)?;
        let mut store = Store::new(engine, StoreLimitsBuilder::new().memory_size(RUNTIME_BYTES).build());
        store.limiter(|limits| limits);
        let world = bindings::Engine::instantiate(&mut store, &component, &Linker::new(engine))?;
        world.syncline_engine_memory().call_set_limit(&mut store, MEMORY_BYTES)?;
        let session = world.syncline_engine_sessions().session().call_open(&mut store, &encode(start))??;
        Ok(ComponentSession { store, world, session })
    }
}

/// What a call answers that says whether somebody asked.
fn asked(was_asked: bool) -> Outcome<()> {
    if was_asked { Ok(()) } else { Err("nobody asked for that".into()) }
}

impl Session for ComponentSession {
    fn next(&mut self) -> Outcome<Event> {
        let event = call!(self.call_next())?;
        decode(&event).ok_or_else(|| "the component's document can't be read".into())
    }

    fn data(&mut self) -> Outcome<Vec<u8>> {
        Ok(call!(self.call_data())?)
    }

    fn tick(&mut self, now_ms: u64) -> Outcome<()> {
        Ok(call!(self.call_tick(now_ms))?)
    }

    fn output(&mut self) -> Outcome<Vec<u8>> {
        Ok(call!(self.call_output())?)
    }

    fn output_broken(&mut self) -> Outcome<()> {
        Ok(call!(self.call_output_broken())?)
    }

    fn feed(&mut self, bytes: &[u8]) -> Outcome<usize> {
        Ok(call!(self.call_feed(bytes))? as usize)
    }

    fn feed_end(&mut self) -> Outcome<()> {
        Ok(call!(self.call_feed_end())?)
    }

    fn answer(&mut self, id: u32, reply: &Reply) -> Outcome<()> {
        asked(call!(self.call_answer(id, &encode(reply)))?)
    }

    fn fill(&mut self, bytes: HostResult<Vec<u8>>) -> Outcome<()> {
        asked(match bytes {
            Ok(bytes) => call!(self.call_fill(&bytes))?,
            Err(error) => call!(self.call_fill_failed(&encode(&error)))?,
        })
    }

    fn copied(&mut self) -> Outcome<()> {
        Ok(call!(self.call_copied())?)
    }

    fn write_failed(&mut self, path: &[u8], error: Errno) -> Outcome<()> {
        asked(call!(self.call_write_failed(path, &encode(&error)))?)
    }

    fn password(&mut self, password: &[u8]) -> Outcome<()> {
        asked(call!(self.call_password(password))?)
    }

    fn digest(&mut self, algorithm: Algorithm, piece: &mut dyn FnMut() -> Outcome<Vec<u8>>) -> Outcome<Vec<u8>> {
        let number = match algorithm {
            Algorithm::Xxh128 => files::Algorithm::Xxh128,
            Algorithm::Xxh3 => files::Algorithm::Xxh3,
            Algorithm::Xxh64 => files::Algorithm::Xxh64,
            Algorithm::Md5 => files::Algorithm::Md5,
            Algorithm::Md4 => files::Algorithm::Md4,
            Algorithm::Sha1 => files::Algorithm::Sha1,
            _ => return Err("the component has no such checksum".into()),
        };
        let guest = self.world.syncline_engine_files().checksum();
        let checksum = guest.call_constructor(&mut self.store, number)?;
        loop {
            let bytes = piece()?;
            if bytes.is_empty() {
                break;
            }
            guest.call_push(&mut self.store, checksum, &bytes)?;
        }
        let value = guest.call_value(&mut self.store, checksum)?;
        checksum.resource_drop(&mut self.store)?;
        Ok(value)
    }
}
