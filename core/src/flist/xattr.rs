//! Extended attributes: how they travel with an entry, and what becomes of the long ones (spec 2.13).
//!
//! A list of attributes is sent once; an entry with the same list names it by number. A value of more than
//! [`SHORT_BYTES`] travels as a digest; the receiving side asks for those it needs, by their numbers in the list.

use alloc::format;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;
use hashbrown::HashMap;

use crate::checksum::{Algorithm, Digest};
use crate::wire::item::{Reader, Stop, put_varint};
use crate::{Error, Exit};

/// Longest value that is sent with the list.
pub const SHORT_BYTES: usize = 32;
/// Longest value at all.
pub const VALUE_BYTES_MAX: usize = 128 << 20;
const COUNT_MAX: usize = 65536;
const NAME_BYTES_MAX: usize = 4096;
const TOTAL_BYTES_MAX: usize = 512 << 20;
/// Longest value that the sending side keeps until it is asked for, and how much of such it keeps.
const KEPT_BYTES: usize = 1024;
const KEPT_BYTES_MAX: usize = 4 << 20;
/// Most memory that the attributes a peer sends may take, but for values that were asked for.
const BYTES_MAX: usize = 512 << 20;
/// Bytes of the digest of a long value.
pub const DIGEST_BYTES: usize = 16;

/// A name and its value, as files have them.
pub type Pair = (Vec<u8>, Vec<u8>);

/// What is known of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// All of it.
    Whole(Vec<u8>),
    /// Its digest; `asked` once somebody wants it.
    Digest {
        /// MD5.
        digest: [u8; DIGEST_BYTES],
        /// It is on its way.
        asked: bool,
    },
}

/// An attribute of a received list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Xattr {
    /// What it is called here; `None` if it is not to be stored.
    pub name: Option<Vec<u8>>,
    /// Length of the value.
    pub len: u32,
    /// The value.
    pub value: Value,
}

/// The attributes of a received entry, in the order of their numbers, which count from 1.
pub type List = Rc<RefCell<Vec<Xattr>>>;

/// The digest of a long value.
pub fn digest(value: &[u8]) -> [u8; DIGEST_BYTES] {
    let mut digest = Digest::whole_file(Algorithm::Md5, 0);
    digest.update(value);
    let mut bytes = [0; DIGEST_BYTES];
    bytes.copy_from_slice(digest.finish().as_bytes());
    bytes
}

type NameAndLong = (Vec<u8>, Option<[u8; DIGEST_BYTES]>);

/// Lists that were sent.
#[derive(Debug, Default)]
pub struct SentXattrs {
    known: HashMap<Vec<u8>, u32>,
    /// Of each list its names, and of long values the digest.
    names: Vec<Vec<NameAndLong>>,
    /// Long values by their digests, so that the files that have them need not be read again.
    kept: HashMap<[u8; DIGEST_BYTES], Vec<u8>>,
    kept_bytes: usize,
}

impl SentXattrs {
    /// Appends the attributes of an entry, ordered by name. Returns the place of its list.
    pub fn put(&mut self, pairs: &[Pair], out: &mut Vec<u8>) -> u32 {
        let mut literal = Vec::new();
        let mut names = Vec::with_capacity(pairs.len());
        put_varint(&mut literal, pairs.len() as i32);
        for (name, value) in pairs {
            let digest = (value.len() > SHORT_BYTES).then(|| digest(value));
            put_varint(&mut literal, name.len() as i32 + 1);
            put_varint(&mut literal, value.len() as i32);
            literal.extend_from_slice(name);
            literal.push(0);
            literal.extend_from_slice(digest.as_ref().map_or(value, |digest| digest));
            names.push((name.clone(), digest));
        }
        if let Some(&at) = self.known.get(&literal) {
            put_varint(out, at as i32 + 1);
            return at;
        }
        out.push(0);
        out.extend_from_slice(&literal);
        let at = self.names.len() as u32;
        self.known.insert(literal, at);
        for ((_, digest), (_, value)) in names.iter().zip(pairs) {
            digest.iter().for_each(|digest| self.keep(digest, value));
        }
        self.names.push(names);
        at
    }

    fn keep(&mut self, digest: &[u8; DIGEST_BYTES], value: &[u8]) {
        let bytes = value.len() + DIGEST_BYTES + size_of::<Vec<u8>>();
        let is_room = value.len() <= KEPT_BYTES && self.kept_bytes + bytes <= KEPT_BYTES_MAX;
        if is_room && !self.kept.contains_key(digest) {
            self.kept.insert(*digest, value.to_vec());
            self.kept_bytes += bytes;
        }
    }

    /// An attribute that was sent as a digest: its name, and its value if that was kept.
    pub fn long(&self, list: u32, number: i32) -> Option<(&[u8], Option<&[u8]>)> {
        let at = usize::try_from(number).ok()?.checked_sub(1)?;
        let (name, digest) = self.names.get(list as usize)?.get(at)?;
        Some((name, self.kept.get(digest.as_ref()?).map(Vec::as_slice)))
    }

    /// Whether a list has an attribute of that number, long or not.
    pub fn has(&self, list: u32, number: i32) -> bool {
        let at = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        at.is_some_and(|at| self.names.get(list as usize).is_some_and(|names| at < names.len()))
    }
}

/// What a name on the wire is called here; `None` if it isn't kept.
pub type Rename<'a> = dyn Fn(&[u8]) -> Option<Vec<u8>> + 'a;

/// Lists that were received.
#[derive(Debug, Default)]
pub struct ReceivedXattrs {
    known: Vec<List>,
    bytes: usize,
}

/// What an entry has: a place in the table, or what is new there.
#[derive(Debug)]
pub(super) enum NewXattrs {
    Known(u32),
    New(Vec<Xattr>),
}

impl ReceivedXattrs {
    /// Reads the attributes of an entry; nothing is kept before [`ReceivedXattrs::keep`].
    pub(super) fn read(&self, r: &mut Reader<'_>, rename: &Rename<'_>) -> Result<NewXattrs, Stop> {
        let known = self.known.len();
        let number = r.varint()?;
        if number != 0 {
            let at = usize::try_from(number).ok().filter(|&number| number <= known).ok_or_else(|| {
                Error::peer(Exit::STREAM, format!("receive_xattr: xa index {number} out of range (0..{known})"))
            })?;
            return Ok(NewXattrs::Known(at as u32 - 1));
        }
        let count = in_range(r.varint()?, 0, COUNT_MAX, "xattr count")?;
        let (mut list, mut total) = (Vec::new(), 0usize);
        for _ in 0..count {
            let name_len = in_range(r.varint()?, 1, NAME_BYTES_MAX, "xattr name length")?;
            let len = in_range(r.varint()?, 0, VALUE_BYTES_MAX, "xattr value length")?;
            total += name_len + len;
            if total > TOTAL_BYTES_MAX {
                return Err(Error::peer(Exit::PROTOCOL, "xattr values of one file take too many bytes").into());
            }
            let [name @ .., 0] = r.bytes(name_len)? else {
                return Err(Error::peer(Exit::FILE_IO, "Invalid xattr name received (missing trailing \\0).").into());
            };
            let value = if len > SHORT_BYTES {
                Value::Digest { digest: r.array()?, asked: false }
            } else {
                Value::Whole(r.bytes(len)?.to_vec())
            };
            list.push(Xattr { name: rename(name), len: len as u32, value });
        }
        Ok(NewXattrs::New(list))
    }

    /// Keeps what is new, and says where the list of the entry is.
    pub(super) fn keep(&mut self, read: NewXattrs) -> Result<u32, Error> {
        let list = match read {
            NewXattrs::Known(at) => return Ok(at),
            NewXattrs::New(list) => list,
        };
        let names = list.iter().filter_map(|xattr| xattr.name.as_ref());
        self.bytes += 64 + list.len() * (size_of::<Xattr>() + SHORT_BYTES) + names.map(Vec::len).sum::<usize>();
        if self.bytes > BYTES_MAX {
            return Err(Error::peer(Exit::MALLOC, "too many extended attributes in the file list"));
        }
        self.known.push(Rc::new(RefCell::new(list)));
        Ok(self.known.len() as u32 - 1)
    }

    /// A list.
    pub fn list(&self, at: u32) -> Option<List> {
        self.known.get(at as usize).cloned()
    }
}

fn in_range(value: i32, min: usize, max: usize, what: &str) -> Result<usize, Error> {
    usize::try_from(value)
        .ok()
        .filter(|value| (min..=max).contains(value))
        .ok_or_else(|| Error::peer(Exit::PROTOCOL, format!("{what} {value} is out of range ({min}..{max})")))
}

/// Whether a file with these attributes has what a list says, as far as `in_scope` goes.
pub fn is_met_by(list: &[Xattr], there: &[Pair], in_scope: impl Fn(&[u8]) -> bool) -> bool {
    let mut wanted = 0;
    let all = list.iter().filter_map(|xattr| xattr.name.as_ref().map(|name| (name, xattr))).all(|(name, xattr)| {
        wanted += 1;
        there.iter().any(|(other, value)| other == name && has_value(xattr, value))
    });
    all && wanted == there.iter().filter(|(name, _)| in_scope(name)).count()
}

/// Whether `value` is that of an attribute.
fn has_value(xattr: &Xattr, value: &[u8]) -> bool {
    xattr.len as usize == value.len()
        && match &xattr.value {
            Value::Whole(whole) => whole == value,
            Value::Digest { digest: wanted, .. } => *wanted == digest(value),
        }
}

/// Takes long values from a file that has them.
pub fn take(list: &mut [Xattr], there: &[Pair]) {
    for xattr in list {
        let (Some(name), Value::Digest { asked: false, .. }) = (&xattr.name, &xattr.value) else { continue };
        if let Some((_, value)) = there.iter().find(|(other, value)| other == name && has_value(xattr, value)) {
            xattr.value = Value::Whole(value.clone());
        }
    }
}

/// The numbers of the values that are not here and were not asked for. From now on they count as asked for.
pub fn ask(list: &mut [Xattr]) -> Vec<i32> {
    let mut wanted = Vec::new();
    for (at, xattr) in list.iter_mut().enumerate().filter(|(_, xattr)| xattr.name.is_some()) {
        if let Value::Digest { asked: asked @ false, .. } = &mut xattr.value {
            *asked = true;
            wanted.push(at as i32 + 1);
        }
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str, len: usize) -> Pair {
        (name.as_bytes().to_vec(), alloc::vec![7; len])
    }

    #[test]
    fn lists_are_sent_once_and_long_values_as_digests() {
        let (mut sent, mut out) = (SentXattrs::default(), Vec::new());
        let pairs = [pair("user.a", 33), pair("user.b", 32)];
        assert_eq!(sent.put(&pairs, &mut out), 0);
        assert_eq!(out[..5], [0, 2, 7, 33, b'u']);
        assert_eq!(out.len(), 4 + 7 + 16 + 2 + 7 + 32);
        assert_eq!(sent.put(&[], &mut out), 1);
        assert_eq!(sent.put(&pairs, &mut out), 0);
        assert_eq!(sent.long(0, 1), Some((&b"user.a"[..], Some(&[7; 33][..]))));
        assert!(sent.long(0, 2).is_none() && sent.has(0, 2) && !sent.has(0, 3));

        let mut received = ReceivedXattrs::default();
        let keep = |name: &[u8]| Some(name.to_vec());
        for cut in 0..out.len() - 3 {
            assert_eq!(received.read(&mut Reader::new(&out[..cut]), &keep).unwrap_err(), Stop::Short);
        }
        let mut r = Reader::new(&out);
        let mut next = || {
            let read = received.read(&mut r, &keep).unwrap();
            received.keep(read).unwrap()
        };
        assert_eq!([next(), next(), next()], [0, 1, 0]);
        let list = received.list(0).unwrap();
        assert!(is_met_by(&list.borrow(), &pairs, |_| true));
        assert!(!is_met_by(&list.borrow(), &pairs[..1], |_| true));
        let more = [&pairs[..], &[pair("user.c", 1)]].concat();
        assert!(!is_met_by(&list.borrow(), &more, |_| true) && is_met_by(&list.borrow(), &more, |n| n != b"user.c"));
    }

    #[test]
    fn few_values_are_kept() {
        let (mut sent, mut out) = (SentXattrs::default(), Vec::new());
        assert_eq!(sent.put(&[pair("user.a", KEPT_BYTES + 1)], &mut out), 0);
        assert_eq!(sent.long(0, 1), Some((&b"user.a"[..], None)));
        for n in 0..KEPT_BYTES_MAX as u32 / KEPT_BYTES as u32 {
            let value = [&n.to_le_bytes()[..], &[0; KEPT_BYTES - 4]].concat();
            sent.put(&[(b"user.a".to_vec(), value.clone()), (b"user.b".to_vec(), value)], &mut out);
        }
        assert!(sent.kept_bytes <= KEPT_BYTES_MAX && sent.kept_bytes > KEPT_BYTES_MAX - 2 * KEPT_BYTES);
        assert!(sent.long(1, 2).is_some_and(|(_, kept)| kept.is_some()));
        let last = sent.names.len() as u32 - 1;
        assert_eq!(sent.long(last, 1), Some((&b"user.a"[..], None)));
    }

    #[test]
    fn what_is_there_is_not_asked_for() {
        let wanted = |name: &str| Xattr {
            name: Some(name.into()),
            len: 40,
            value: Value::Digest { digest: digest(&[7; 40]), asked: false },
        };
        let mut list = [wanted("user.a"), wanted("user.b")];
        take(&mut list, &[pair("user.a", 40), pair("user.b", 41)]);
        assert_eq!(ask(&mut list), [2]);
        assert_eq!(list[0].value, Value::Whole(alloc::vec![7; 40]));
        assert!(ask(&mut list).is_empty(), "already on its way");
    }

    #[test]
    fn nonsense_is_refused() {
        let received = ReceivedXattrs::default();
        for bytes in [&[1u8][..], &[0, 1, 0], &[0, 1, 2, 0, b'a', b'b'], &[0, 0xf0, 0xff, 0xff, 0xff, 0x7f]] {
            assert!(matches!(received.read(&mut Reader::new(bytes), &|_| None), Err(Stop::Bad(_))), "{bytes:?}");
        }
    }
}
