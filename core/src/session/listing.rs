//! The receiving side's beginning: filters, lists, owners, destination; then generator and receiver start (spec 2.8, 2.10,
//! 2.15).

mod checks;
mod owners;

use alloc::collections::BTreeMap;
use alloc::rc::Rc;

use core::cell::{Cell, RefCell};

use super::context::{Shared, io_error};
use super::decide::{Powers, REGULAR, SYMLINK, TYPE, XattrScope};
use super::receiving::{Receiving, Rx};
use super::say::Class;
use super::{destination, filters, generator, lister, receiver, show};
use crate::Error;
use crate::flist::acl::Acl;
use crate::flist::codec::{Rules, read_io_error};
use crate::flist::ids::IdMap;
use crate::flist::verify::{self, Requested};
use crate::flist::{Decoded, Decoder, Entry, Lists};
use crate::options::Super;
use crate::wire::index::NDX_FLIST_EOF;
use checks::{check_parents, judge, prune, requested};
pub(crate) use owners::acls;
use owners::{learn_ids, map_owners, read_id_lists};

/// What reading lists needs.
pub(crate) struct Reading {
    pub(crate) decoder: Decoder,
    users: IdMap,
    groups: IdMap,
    /// Access and default ACLs with ids of this machine, by their places in the decoder's tables.
    mapped: [BTreeMap<u32, Rc<Acl>>; 2],
    requested: Option<Requested>,
}

pub(crate) async fn run(cx: Shared) -> Result<(), Error> {
    let rules = filters::exchange(&cx).await?;
    show::list_begins(&cx);
    cx.begin_record();
    let rx = Rc::new(new(&cx, rules)?);
    *cx.receiving.borrow_mut() = Some(rx.clone());
    if super::names::are_handed_on(&cx) {
        cx.spawn(super::names::hand_on(cx.clone()));
    }
    read_list(&rx, None).await?;
    if rx.entries.get() == 0 && !cx.is_server() {
        show::list_ends(&cx, 0);
        cx.goodbye.set(true);
        return Ok(());
    }
    if cx.agreed().inc && rx.entries.get() == 1 {
        read_one_more(&rx).await?;
    }
    if !cx.agreed().inc {
        rx.eof.set(true);
        cx.list_complete.set(true);
    }
    show::list_ends(&cx, rx.entries.get() as usize);
    destination::enter(&rx).await?;
    rx.has_split.set(true);
    let for_generator = rx.clone();
    cx.spawn(async move { generator::run(for_generator).await });
    cx.spawn(async move { receiver::run(rx).await });
    Ok(())
}

fn new(cx: &Shared, filters: filters::Rules) -> Result<Receiving, Error> {
    let xattr_rules = filters.for_xattrs().map(Rc::new);
    let o = &cx.config.options;
    let parse = |option, map: &Option<crate::options::OwnerMap>| match map {
        Some(map) => IdMap::parse(option, &map.text),
        None => Ok(IdMap::new()),
    };
    let mut decoder = Decoder::new(lister::caps(cx));
    decoder.role = "Receiver";
    let reading = Reading {
        decoder,
        users: parse("usermap", &o.usermap)?,
        groups: parse("groupmap", &o.groupmap)?,
        mapped: Default::default(),
        requested: requested(cx),
    };
    let root = match o.super_mode {
        Super::Auto => cx.config.root,
        Super::Off => false,
        Super::On | Super::Fake => true,
    };
    Ok(Receiving {
        cx: cx.clone(),
        lists: RefCell::new(Lists::new(lister::numbering(cx, true))),
        reading: RefCell::new(reading),
        progress: RefCell::default(),
        closed: Cell::default(),
        freed: Cell::default(),
        entries: Cell::default(),
        eof: Cell::default(),
        redo: RefCell::default(),
        redone: RefCell::default(),
        marks: Cell::default(),
        phases_done: Cell::default(),
        delayed: RefCell::default(),
        has_split: Cell::default(),
        dest: Cell::default(),
        dest_path: RefCell::default(),
        local_name: RefCell::default(),
        dest_missing: Cell::default(),
        dest_new: Cell::default(),
        filters,
        powers: Powers {
            root,
            groups: cx.config.groups.clone(),
            umask: cx.config.umask,
            xattrs: XattrScope {
                user_only: !root,
                internal: o.xattrs > 1,
                fake: o.super_mode == Super::Fake,
                rules: xattr_rules,
            },
            omit_dir_times: o.omit_dir_times || (o.backup && o.backup_dir.is_none()),
        },
        temp_root: Cell::default(),
        partial_root: Cell::default(),
        backup_root: Cell::default(),
        alternates: RefCell::default(),
        finishing: Cell::default(),
        last_ndx: Cell::new(-1),
        links: RefCell::default(),
        arriving: RefCell::default(),
        walked: Cell::new(-1),
        told_later: RefCell::default(),
        bad_list: Cell::new(usize::MAX),
        old_bases: RefCell::default(),
        wanted: RefCell::default(),
    })
}

/// A list of one entry doesn't tell how the destination is meant: the next marker does.
async fn read_one_more(rx: &Rx) -> Result<(), Error> {
    match rx.cx.read_ndx().await? {
        NDX_FLIST_EOF => {
            rx.eof.set(true);
            rx.cx.list_complete.set(true);
            Ok(())
        }
        ndx => read_sub_list(rx, ndx).await,
    }
}

/// The list of a directory, whose marker was read.
pub(crate) async fn read_sub_list(rx: &Rx, ndx: i32) -> Result<(), Error> {
    let dir = rx.lists.borrow_mut().accept_marker(ndx, "receiver")?;
    read_list(rx, Some(dir)).await
}

async fn read_list(rx: &Rx, dir: Option<u32>) -> Result<(), Error> {
    // With a single argument the list of its directory comes before the destination is entered.
    let is_later = dir.is_some() && (rx.lists.borrow().len() > 1 || rx.entries.get() > 1);
    let cx = rx.cx.clone();
    let o = &cx.config.options;
    let (mut list, dir_name) = {
        let lists = rx.lists.borrow();
        let name = dir.and_then(|number| lists.dir(number)).map(|view| view.name()).unwrap_or_default();
        (lists.begin(dir), name)
    };
    let mut entry = Entry::default();
    let chmod = |mode: u32| match cx.chmod() {
        Some(chmod) if mode != 0 && mode & TYPE != SYMLINK => {
            mode & TYPE | chmod.apply(mode, mode & TYPE == super::decide::DIRECTORY, cx.config.umask)
        }
        _ => mode,
    };
    // Stock counts what it receives meanwhile; before the first list, nothing more than that was read.
    let received_before = {
        let inbox = cx.inbox.borrow();
        if dir.is_none() { inbox.framed_at() } else { inbox.received_total() }
    };
    let xattr_name = |name: &[u8]| rx.powers.xattrs.here(name);
    let conversion = cx.config.conversion.as_ref();
    let recode = |name: &[u8]| match conversion {
        Some(conversion) => conversion.0.to_local(name).map_err(|errno| errno.text),
        None => Ok(name.to_vec()),
    };
    let convert = conversion.is_some().then_some(&recode as &crate::flist::codec::Recode<'_>);
    let io_errors = loop {
        let result = cx
            .item(|r| {
                let mut reading = rx.reading.borrow_mut();
                let Reading { decoder, requested, .. } = &mut *reading;
                let mut judge = |name: &[u8], is_dir: bool| judge(rx, requested.as_ref(), name, is_dir, is_later);
                let mut rules = Rules { judge: &mut judge, chmod: &chmod, xattr_name: &xattr_name, convert };
                decoder.decode(r, &list, &mut entry, &mut rules)
            })
            .await;
        let unconverted = rx.reading.borrow_mut().decoder.unconverted.take();
        if let Some((name, reason)) = unconverted {
            cx.say_inconvertible(&name, &reason);
        }
        let decoded = result?;
        let mut stats = cx.stats.borrow_mut();
        match decoded {
            Decoded::End { io_error } => break io_error,
            Decoded::Entry => {
                if cx.agreed().inc {
                    verify::check_in_dir(&entry.name, &dir_name, o.relative)?;
                }
                stats.files.add(entry.mode);
                if matches!(entry.mode & TYPE, REGULAR | SYMLINK) {
                    stats.total_size += entry.size;
                }
                drop(stats);
                let to_convert = entry.target.as_mut().filter(|_| cx.agreed().symlink_iconv);
                if let (Some(convert), Some(target)) = (convert, to_convert) {
                    match convert(target) {
                        Ok(local) => *target = local,
                        Err(reason) => {
                            let full = show::full_path(&cx, &entry.name);
                            let what = b"[Receiver] cannot convert symlink data for: \"".as_slice();
                            cx.say(Class::Transfer, [what, &full, b"\" (", reason.as_bytes(), b")"].concat());
                            cx.add_io_error(io_error::GENERAL);
                            entry.flags.set(crate::flist::Flags::INACTIVE, true);
                        }
                    }
                }
                if let Some(target) = &mut entry.target {
                    if cx.munges() {
                        *target = [show::MUNGED, target].concat();
                    } else if cx.config.module.as_ref().is_some_and(|module| module.sanitize) {
                        // Without a chroot, a link must not lead out of the module (2.8.5).
                        let depth = entry.name.iter().filter(|&&byte| byte == b'/').count();
                        *target = verify::sanitize(target, verify::Sanitize { depth, keep_dots: false });
                    }
                }
                list.push(&entry)?;
                show::list_grows(&cx, list.len() as u64);
            }
        }
    };
    cx.stats.borrow_mut().list_bytes += cx.inbox.borrow().received_total() - received_before;
    let ignore = o.ignore_errors || cx.config.module.as_ref().is_some_and(|m| m.ignore_errors);
    if dir.is_none() && !cx.agreed().inc {
        read_id_lists(rx).await?;
        if cx.protocol() < 30 {
            let errors = cx.item(read_io_error).await?;
            if !ignore {
                cx.add_io_error(errors as i32);
            }
        }
    }
    if !ignore {
        let bits = io_errors as i32 & (io_error::GENERAL | io_error::VANISHED | io_error::DEL_LIMIT);
        cx.add_list_error(bits);
        if bits & io_error::GENERAL != 0 {
            rx.bad_list.set(rx.bad_list.get().min(rx.received()));
        }
    }
    learn_ids(rx).await;
    map_owners(rx, &mut list);
    rx.entries.set(rx.entries.get() + list.len() as u64);
    rx.lists.borrow_mut().complete(list)?;
    check_parents(rx)?;
    if o.prune_empty_dirs && !cx.agreed().inc {
        prune(rx);
    }
    rx.note_links();
    rx.opened();
    cx.moved.notify();
    Ok(())
}
