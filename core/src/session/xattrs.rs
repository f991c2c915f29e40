//! Extended attributes in the course of a session: which long values are asked for, how they travel beside the items, and
//! when they are stored (spec 2.13.3).
//!
//! The generator takes a long value from the file that it compares with, if that has it, and asks for it otherwise, once.
//! The sender reads it again and sends it with the item; the receiver keeps it with the list that it belongs to.

use alloc::format;
use alloc::rc::Rc;
use alloc::vec::Vec;

use super::ask::{Ask, At, Follow, Meta, Reply, SetExtended, SetMeta};
use super::context::{Context, io_error};
use super::decide::{Item, Powers, XattrScope};
use super::lister::Lister;
use super::receiving::{Receiving, Rx};
use super::say::Class;
use super::show::{self, ItemRecord};
use crate::flist::View;
use crate::flist::xattr::{self, Pair, VALUE_BYTES_MAX, Value, Xattr};
use crate::options::Super;
use crate::report::ItemFlags;
use crate::wire::item::put_varint;
use crate::{Error, Exit};

/// Most values that one item may ask for.
const WANTED_MAX: usize = 65536;
/// Bytes of a value that are read or written at a time.
const PIECE: usize = 32 * 1024;
/// A hard link, made here.
const LINKED: u16 = ItemFlags::XNAME_FOLLOWS.0 | ItemFlags::LOCAL_CHANGE.0;

/// Gives an item of the receiving side its ACLs and extended attributes.
pub(crate) fn attach(rx: &Receiving, view: &View<'_>, item: &mut Item) {
    item.acls = view.acls().map(|places| super::listing::acls(rx, places));
    item.xattrs = view.xattrs().and_then(|place| rx.reading.borrow().decoder.xattrs.list(place));
}

/// Whether requests and values follow an item.
fn are_exchanged(cx: &Context, flags: ItemFlags) -> bool {
    let o = &cx.config.options;
    let shortcut = cx.protocol() >= 31 && !cx.agreed().no_xattr_shortcut && flags.0 & LINKED == LINKED;
    o.xattrs > 0 && !cx.is_dry() && flags.contains(ItemFlags::REPORT_XATTR) && !shortcut
}

/// The generator asks for the values that are not here.
pub(crate) fn put_request(cx: &Context, flags: ItemFlags, item: &Item, there: Option<&Meta>) {
    let Some(list) = item.xattrs.as_ref().filter(|_| are_exchanged(cx, flags)) else { return };
    let there = there.and_then(|meta| meta.extended.as_ref()).map_or(&[][..], |extended| &extended.xattrs);
    let mut list = list.borrow_mut();
    xattr::take(&mut list, there);
    let wanted = xattr::ask(&mut list);
    cx.put(|out| {
        let mut last = 0;
        for number in wanted {
            put_varint(out, number - last);
            last = number;
        }
        out.push(0);
    });
}

/// The sender learns what the generator wants: numbers in the list of the item.
pub(crate) async fn read_request(cx: &Context, flags: ItemFlags) -> Result<Vec<i32>, Error> {
    let mut wanted = Vec::new();
    if !are_exchanged(cx, flags) {
        return Ok(wanted);
    }
    let mut number = 0i32;
    loop {
        let delta = cx.item(|r| r.varint()).await?;
        if delta == 0 {
            wanted.sort_unstable();
            return Ok(wanted);
        }
        number = number.wrapping_add(delta);
        if wanted.len() == WANTED_MAX {
            return Err(Error::peer(Exit::PROTOCOL, format!("more than {WANTED_MAX} xattr values wanted at once")));
        }
        wanted.push(number);
    }
}

impl Lister {
    /// The sender answers with the values, in the order of their numbers.
    pub(crate) async fn put_xattrs(&self, item: &Item, record: &ItemRecord) -> Result<(), Error> {
        let cx = &self.cx;
        if !are_exchanged(cx, record.flags) {
            return Ok(());
        }
        let long = |number| item.xattr_list.and_then(|list| self.encoder.xattrs.long(list, number));
        let is_kept = |&number: &i32| long(number).is_none_or(|(_, kept)| kept.is_some());
        let pairs = if record.wanted.iter().all(is_kept) { Vec::new() } else { self.xattrs_again(item).await };
        let mut last = 0;
        for &number in &record.wanted {
            let Some((name, kept)) = long(number).filter(|_| number > last) else {
                return Err(unknown_number(cx, item, number));
            };
            let there = pairs.iter().find(|(other, _)| other == name).map(|(_, value)| &value[..]);
            let value = there.or(kept);
            if value.is_none() {
                let text = [b"failed to read xattr ".as_slice(), name, b" for \"", &item.name, b"\""].concat();
                cx.say(Class::Transfer, text);
                cx.add_io_error(io_error::GENERAL);
            }
            let value = value.unwrap_or_default();
            cx.put(|out| {
                put_varint(out, number - last);
                put_varint(out, value.len() as i32);
            });
            for piece in value.chunks(PIECE) {
                cx.room().await;
                cx.outbox.borrow_mut().data(piece);
            }
            last = number;
        }
        cx.put(|out| out.push(0));
        Ok(())
    }

    async fn xattrs_again(&self, item: &Item) -> Vec<Pair> {
        let o = &self.cx.config.options;
        let follows = o.copy_links || o.copy_dirlinks || o.copy_unsafe_links;
        let follow = if follows { Follow::All } else { Follow::No };
        let meta = self.cx.stat(Ask::Stat { at: self.at(item.ndx), follow }).await;
        let mut pairs = meta.ok().and_then(|meta| meta.extended).map_or_else(Vec::new, |extended| extended.xattrs);
        name_for_peer(&self.cx, &mut pairs, self.has_xattr_rules);
        pairs
    }
}

/// Leaves only the attributes that are sent, with the names that they travel by.
pub(crate) fn name_for_peer(cx: &Context, pairs: &mut Vec<Pair>, is_ruled: bool) {
    // What the rules say was or will be asked for; here they only lift what is usual for namespaces.
    let rules = is_ruled.then(Rc::default);
    let o = &cx.config.options;
    let fake = o.super_mode == Super::Fake;
    let scope = XattrScope { user_only: false, internal: o.xattrs > 1 && !fake, fake, rules };
    pairs.retain(|(name, _)| scope.has(name));
    if fake {
        pairs.iter_mut().for_each(|(name, _)| *name = scope.there(name).to_vec());
    }
}

fn unknown_number(cx: &Context, item: &Item, number: i32) -> Error {
    let mut text = format!("[{}] could not find xattr #{number} for ", cx.role_name()).into_bytes();
    text.extend_from_slice(&item.name);
    Error::peer(Exit::PROTOCOL, text)
}

/// The receiver takes in the values that follow an item.
pub(crate) async fn read_values(cx: &Context, flags: ItemFlags, item: &Item) -> Result<(), Error> {
    if !are_exchanged(cx, flags) {
        return Ok(());
    }
    let mut number = 0i32;
    loop {
        let delta = cx.item(|r| r.varint()).await?;
        if delta == 0 {
            return Ok(());
        }
        number = number.wrapping_add(delta);
        let len = cx.item(|r| r.varint()).await?;
        let len = usize::try_from(len).ok().filter(|&len| len <= VALUE_BYTES_MAX).ok_or_else(|| {
            Error::peer(Exit::PROTOCOL, format!("xattr value length {len} is out of range (0..{VALUE_BYTES_MAX})"))
        })?;
        let at = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        let Some((list, at)) = item.xattrs.as_ref().zip(at).filter(|(list, at)| is_asked(list.borrow().get(*at)))
        else {
            return Err(unknown_number(cx, item, number));
        };
        let mut value = Vec::new();
        while value.len() < len {
            let piece = PIECE.min(len - value.len());
            cx.item(|r| {
                value.extend_from_slice(r.bytes(piece)?);
                Ok(())
            })
            .await?;
        }
        if let Some(xattr) = list.borrow_mut().get_mut(at) {
            xattr.len = len as u32;
            xattr.value = Value::Whole(value);
        }
    }
}

fn is_asked(xattr: Option<&Xattr>) -> bool {
    xattr.is_some_and(|xattr| matches!(xattr.value, Value::Digest { asked: true, .. }))
}

/// What has to change so that a file with the attributes of `there` gets those of the list.
fn changes(powers: &Powers, list: &[Xattr], there: &[Pair]) -> SetExtended {
    let mut changes = SetExtended::default();
    for xattr in list {
        let (Some(name), Value::Whole(value)) = (&xattr.name, &xattr.value) else { continue };
        if !there.iter().any(|(other, old)| other == name && old == value) {
            changes.set.push((name.clone(), value.clone()));
        }
    }
    let listed = |name: &Vec<u8>| list.iter().any(|xattr| xattr.name.as_ref() == Some(name));
    let surplus = there.iter().map(|(name, _)| name).filter(|name| powers.xattrs.has(name) && !listed(name));
    changes.remove = surplus.cloned().collect();
    changes
}

/// Adds the attributes of an item to what is set on a file that has those of `there`.
pub(crate) fn add(powers: &Powers, item: &Item, there: Option<&Meta>, meta: &mut SetMeta) {
    let Some(list) = &item.xattrs else { return };
    let there = there.and_then(|meta| meta.extended.as_ref()).map_or(&[][..], |extended| &extended.xattrs);
    let changes = changes(powers, &list.borrow(), there);
    if !changes.set.is_empty() || !changes.remove.is_empty() {
        let extended = meta.extended.get_or_insert_default();
        (extended.set, extended.remove) = (changes.set, changes.remove);
    }
}

/// Long values of an item that never came.
pub(crate) fn say_missing(cx: &Context, item: &Item) {
    let Some(list) = &item.xattrs else { return };
    for xattr in list.borrow().iter() {
        if let (Some(name), Value::Digest { .. }) = (&xattr.name, &xattr.value) {
            let text = [b"Missing abbreviated xattr value, ".as_slice(), name, b", for ", &item.path].concat();
            cx.say(Class::Transfer, text);
        }
    }
}

/// Stores the attributes of an item that needs no data.
pub(crate) async fn apply(rx: &Rx, item: &Item, flags: ItemFlags) {
    let cx = &rx.cx;
    if !are_exchanged(cx, flags) || flags.0 & LINKED == LINKED {
        return;
    }
    let at = At { root: rx.dest(), path: item.path.clone() };
    let keeps_links = item.is_dir() && cx.config.options.keep_dirlinks;
    let follow = if keeps_links { Follow::Directories } else { Follow::No };
    let Ok(there) = cx.stat(Ask::Stat { at: at.clone(), follow }).await else { return };
    say_missing(cx, item);
    let mut meta = SetMeta::default();
    add(&rx.powers, item, Some(&there), &mut meta);
    if meta.is_empty() {
        return;
    }
    if let Reply::Set(errors) = cx.ask(Ask::SetMeta { at, meta }).await {
        show::set_errors(cx, "receiver", &item.path, false, errors);
    }
}
