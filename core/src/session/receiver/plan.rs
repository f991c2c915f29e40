//! What the host is asked to make of a file: where the output goes, and what it looks like then.

use crate::checksum::Algorithm;
use crate::delta::SumHead;
use crate::options::Append;
use crate::report::ItemFlags;
use crate::session::ask::{At, CopyLocal, CopySource, Create, KeepMode, Meta, Output};
use crate::session::context::Context;
use crate::session::decide::{self, Item};
use crate::session::receiving::Receiving;
use crate::session::show::ItemRecord;

pub(super) fn create_plan(
    cx: &Context,
    rx: &Receiving,
    item: &Item,
    basis_at: Option<At>,
    head: SumHead,
    redo: bool,
) -> Create {
    let o = &cx.config.options;
    let append = o.append != Append::Off && !redo;
    let in_place = o.inplace || o.append != Append::Off;
    Create {
        at: At { root: rx.dest(), path: item.path.clone() },
        output: if in_place { Output::InPlace } else { Output::Temp { dir: rx.temp_root.get() } },
        basis: basis_at,
        head,
        mode: create_mode(cx, rx, item),
        size: item.size,
        preallocate: o.preallocate,
        sparse: o.sparse,
        skip: if append { head.basis_bytes() } else { 0 },
        skip_in_digest: append && (o.append == Append::Verify || cx.protocol() < 30),
        digest: (cx.agreed().transfer_sum, cx.agreed().seed),
    }
}

/// Permission bits of a temporary file: the final ones where nobody else gains by them before the owner is set, else only
/// what the transfer needs (3.8.3).
pub(super) fn create_mode(cx: &Context, rx: &Receiving, item: &Item) -> u32 {
    let o = &cx.config.options;
    let (uid, gid) = cx.config.ids;
    let chown = (o.owner && rx.powers.root && item.uid != uid)
        || (o.group && rx.powers.may_set_group(item.gid) && item.gid != gid);
    if o.perms && !chown && item.mode & 0o7000 == 0 && item.mode & 0o200 != 0 {
        item.mode & 0o777
    } else {
        item.mode & 0o700 | 0o200
    }
}

/// A whole-file copy on this machine.
pub(crate) fn copy_plan(
    cx: &Context,
    rx: &Receiving,
    item: &Item,
    record: Option<&ItemRecord>,
    from: CopySource,
) -> CopyLocal {
    let o = &cx.config.options;
    let (uid, gid) = cx.config.ids;
    let mode = create_mode(cx, rx, item);
    let wanted = decide::wanted_mode(o, &rx.powers, item, None);
    let current = Meta { uid, gid, mtime: i64::MIN, mode: !wanted, ..Meta::default() };
    let mut meta = decide::to_set(o, &rx.powers, item, &current, wanted, true);
    let replaces = record.is_none_or(|r| r.flags.0 & ItemFlags::IS_NEW.0 == 0);
    // Without -p an existing file keeps its mode, which only the host knows by now.
    let keep_mode = replaces && !o.perms;
    // What is overwritten in place has a mode of its own, or the 0600 of a new file.
    if mode == wanted & 0o7777 && !keep_mode && !o.inplace {
        meta.mode = None;
    }
    crate::session::xattrs::add(&rx.powers, item, None, &mut meta);
    CopyLocal {
        from,
        create: Create {
            at: At { root: rx.dest(), path: item.path.clone() },
            output: if o.inplace { Output::InPlace } else { Output::Temp { dir: rx.temp_root.get() } },
            basis: None,
            head: SumHead::NULL,
            mode,
            size: item.size,
            preallocate: o.preallocate,
            sparse: o.sparse,
            skip: 0,
            skip_in_digest: false,
            digest: (Algorithm::None, 0),
        },
        keep_mode: match keep_mode {
            false => KeepMode::No,
            true if o.executability => KeepMode::Executability(item.mode),
            true => KeepMode::Yes,
        },
        meta,
        backup: None,
        sync: o.fsync,
    }
}
