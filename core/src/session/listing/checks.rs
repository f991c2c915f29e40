//! Which of the received names may be here: what was asked for, what rules leave, what has a parent.

use crate::Error;
use crate::filter::Check;
use crate::flist::Order;
use crate::flist::codec::Wanted;
use crate::flist::order::prune_empty_dirs;
use crate::flist::verify::{self, RequestMode, Requested};
use crate::options::Recursion;
use crate::session::context::Context;
use crate::session::receiving::{Receiving, Rx};

/// What a receiving client asked for: the only names that may come (2.8.4).
pub(super) fn requested(cx: &Context) -> Option<Requested> {
    let o = &cx.config.options;
    if cx.is_server()
        || cx.is_local()
        || cx.replays()
        || o.trust_sender
        || o.old_args.unwrap_or(0) > 0
        || o.files_from.is_some()
    {
        return None;
    }
    let mode = RequestMode {
        daemon: cx.config.transport == crate::session::Transport::Daemon,
        relative: o.relative,
        recurse: o.recursion != Recursion::Off,
        dirs: o.dirs || o.listing,
    };
    let mut requested = Requested::new();
    cx.config.requested.iter().for_each(|argument| requested.add(argument, mode));
    Some(requested)
}

pub(super) fn judge(
    rx: &Receiving,
    requested: Option<&Requested>,
    name: &[u8],
    is_dir: bool,
    is_later: bool,
) -> Result<Wanted, Error> {
    let Some(requested) = requested else { return Ok(Wanted::Yes) };
    if name != b"." && name != b"/." && !rx.filters.has_dir_merges() {
        let hides = if is_later {
            // Stock says what rules say of the names of later lists only, and when its generator comes to them.
            let (hides, text) = rx.filters.explain(&rx.cx, "generator", name, is_dir, Check::SENDER);
            rx.told_later.borrow_mut().extend(text.map(|text| (rx.received(), text)));
            hides
        } else {
            rx.filters.hides(name, is_dir)
        };
        if hides {
            return Err(verify::excluded(name));
        }
    }
    requested.judge(name, is_dir)
}

/// Without incremental recursion, what is listed must have its parent in the list.
pub(super) fn check_parents(rx: &Rx) -> Result<(), Error> {
    let o = &rx.cx.config.options;
    if rx.cx.agreed().inc || (o.relative && !o.implied_dirs) {
        return Ok(());
    }
    let lists = rx.lists.borrow();
    let Some(list) = lists.list(0) else { return Ok(()) };
    let order = Order::of(rx.cx.protocol());
    let mut last: Option<&[u8]> = None;
    for view in list.iter_sorted().filter(|view| view.is_active()) {
        if last != Some(view.dir()) {
            last = Some(view.dir());
            if view.mode() != 0 {
                verify::check_has_parent(list, order, &view.name())?;
            }
        }
    }
    Ok(())
}

pub(super) fn prune(rx: &Rx) {
    let mut lists = rx.lists.borrow_mut();
    if let Some(list) = lists.list_mut(0) {
        prune_empty_dirs(list, |name| rx.filters.protects(name, true, false));
    }
}
