//! Progress of the file that moves, and of the whole (spec 3.11.3).

use alloc::vec::Vec;

use crate::options::{Info, StderrMode};
use crate::report;
use crate::session::context::Context;
use crate::session::decide::Item;
use crate::session::step::Notice;

/// Progress of the file that moves.
pub(crate) fn progress(cx: &Context, item: &Item, at: u64, last: bool) {
    let o = &cx.config.options;
    if o.levels.info(Info::Progress) == 0 || cx.is_server() || o.quiet {
        return;
    }
    let list = list_number(cx, item.ndx);
    let update = {
        let stats = cx.stats.borrow();
        report::ProgressUpdate {
            now_ms: cx.now_ms.get(),
            at,
            size: item.size,
            last,
            transferred: stats.transferred_files as u32,
            done_before: stats.transferred_size.saturating_sub(item.size),
            total_size: stats.total_size,
            left: cx.entries_left(item.ndx, list),
            total: stats.files.total(),
            list_complete: cx.list_complete.get(),
        }
    };
    if let Some(line) = cx.progress.borrow_mut().update(&update) {
        show_progress(cx, line);
    }
}

/// A line of progress, where everything that is told goes.
pub(super) fn show_progress(cx: &Context, line: Vec<u8>) {
    let to_stderr = cx.config.options.stderr == StderrMode::All;
    cx.notices.borrow_mut().push_back(if to_stderr { Notice::Err(line) } else { Notice::Out(line) });
}

/// With `--info=progress2`, where things stand at the end of a list (of the index `end` and the number `list`), or where there is
/// but one, of a phase.
pub(crate) fn progress_at_end(cx: &Context, end: i32, list: usize) {
    let o = &cx.config.options;
    if o.levels.info(Info::Progress) < 2 || cx.is_server() || o.quiet {
        return;
    }
    let total = cx.stats.borrow().files.total();
    if cx.agreed().inc && end >= 0 {
        cx.entries_left(end, list);
    } else {
        cx.reached.set(total);
    }
    let update = {
        let stats = cx.stats.borrow();
        report::ProgressUpdate {
            now_ms: cx.now_ms.get(),
            at: 0,
            size: 0,
            last: true,
            transferred: stats.transferred_files as u32,
            done_before: stats.transferred_size,
            total_size: stats.total_size,
            left: total.saturating_sub(cx.reached.get()),
            total,
            list_complete: cx.list_complete.get(),
        }
    };
    if let Some(line) = cx.progress.borrow_mut().update(&update) {
        show_progress(cx, line);
    }
}

/// The number of the list that holds an entry, among all lists of the session.
pub(super) fn list_number(cx: &Context, ndx: i32) -> usize {
    match cx.receiving.borrow().as_ref() {
        Some(rx) => rx.freed.get() + rx.lists.borrow().list_of(ndx.max(0) as u32).unwrap_or(0),
        None => cx.list_number.get(),
    }
}
