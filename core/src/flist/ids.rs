//! Users and groups: their names travel beside their numbers, since the numbers differ from machine to machine (spec 2.5,
//! 2.15).
//!
//! Names are looked up by the host. So these types say which names or ids they have to know, and are told. On the sender
//! that is [`SentIds`]; on the receiving side [`ReceivedNames`] collects what came and [`IdMap`] turns ids into local ones.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use hashbrown::HashMap;

use super::codec::Caps;
use crate::wire::item::{Reader, Stop, put_varint30};
use crate::{Error, Exit, limits};

mod map;

pub use map::IdMap;

/// Most memory that the names a peer sends may take.
const NAMES_BYTES_MAX: usize = 64 << 20;

/// Users or groups that a sender met.
#[derive(Debug, Default)]
pub struct SentTable {
    /// In the order of their first appearance.
    seen: Vec<u32>,
    known: HashMap<u32, Sent>,
}

#[derive(Debug, Default)]
struct Sent {
    is_looked_up: bool,
    name: Option<Vec<u8>>,
    is_announced: bool,
}

impl SentTable {
    /// An entry with this id is about to be sent. Whether its name still has to be looked up.
    pub fn note(&mut self, id: u32) -> bool {
        let sent = self.known.entry(id).or_insert_with(|| {
            self.seen.push(id);
            Sent::default()
        });
        !sent.is_looked_up
    }

    /// The ids whose names have to be looked up.
    pub fn unknown(&self) -> Vec<u32> {
        let is_unknown = |id: &&u32| self.known.get(*id).is_some_and(|sent| !sent.is_looked_up);
        self.seen.iter().filter(is_unknown).copied().collect()
    }

    /// What the host says an id is called, if it has a name. Longer names are cut to what the wire takes.
    pub fn learn(&mut self, id: u32, name: Option<&[u8]>) {
        self.note(id);
        if let Some(sent) = self.known.get_mut(&id) {
            sent.is_looked_up = true;
            sent.name = name.map(|name| name[..name.len().min(limits::ID_NAME_BYTES_MAX)].to_vec());
        }
    }

    /// Whether the name of this id has to follow it now.
    pub(super) fn is_name_due(&self, id: u32) -> bool {
        self.known.get(&id).is_some_and(|sent| sent.name.is_some() && !sent.is_announced)
    }

    /// The id was just sent: its name follows if it is due, and is never due again.
    pub(super) fn put_due_name(&mut self, id: u32, is_due: bool, out: &mut Vec<u8>) {
        self.note(id);
        if let Some(sent) = self.known.get_mut(&id) {
            sent.is_announced = true;
            if let Some(name) = sent.name.as_deref().filter(|_| is_due) {
                put_short(out, name);
            }
        }
    }

    /// Appends the id list, latest id first as stock does. Names have to be known, that of id 0 too.
    pub fn put_list(&self, caps: &Caps, out: &mut Vec<u8>) {
        let name = |id: u32| self.known.get(&id).and_then(|sent| sent.name.as_deref());
        for &id in self.seen.iter().rev().filter(|&&id| id != 0) {
            if let Some(name) = name(id) {
                put_varint30(out, caps.protocol, id as i32);
                put_short(out, name);
            }
        }
        put_varint30(out, caps.protocol, 0);
        if caps.id0_names {
            put_short(out, name(0).unwrap_or_default());
        }
    }
}

fn put_short(out: &mut Vec<u8>, name: &[u8]) {
    out.push(name.len() as u8);
    out.extend_from_slice(name);
}

/// Users and groups that a sender met.
#[derive(Debug, Default)]
pub struct SentIds {
    /// Users.
    pub users: SentTable,
    /// Groups.
    pub groups: SentTable,
}

/// Names of users or groups as they came from the sender.
#[derive(Debug, Default)]
pub struct NameTable {
    names: BTreeMap<u32, Vec<u8>>,
    bytes: usize,
}

impl NameTable {
    /// An id is called `name` at the sender. The first name of an id stays.
    pub fn learn(&mut self, id: u32, name: &[u8]) -> Result<(), Error> {
        if name.is_empty() || self.names.contains_key(&id) {
            return Ok(());
        }
        self.bytes += name.len() + 64;
        if self.bytes > NAMES_BYTES_MAX {
            return Err(Error::peer(Exit::MALLOC, "too many user or group names"));
        }
        self.names.insert(id, name.to_vec());
        Ok(())
    }

    /// What the sender calls an id.
    pub fn name(&self, id: u32) -> Option<&[u8]> {
        self.names.get(&id).map(Vec::as_slice)
    }

    /// Reads one item of an id list. Returns whether that was the end of the list.
    pub fn read_item(&mut self, r: &mut Reader<'_>, caps: &Caps) -> Result<bool, Stop> {
        let id = r.varint30(caps.protocol)? as u32;
        if id != 0 || caps.id0_names {
            let length = usize::from(r.u8()?);
            self.learn(id, r.bytes(length)?)?;
        } else if !caps.numeric_ids {
            self.learn(0, b"root")?;
        }
        Ok(id == 0)
    }
}

/// Names of users and groups as they came from the sender.
#[derive(Debug, Default)]
pub struct ReceivedNames {
    /// Users.
    pub users: NameTable,
    /// Groups.
    pub groups: NameTable,
}

#[cfg(test)]
mod tests;
