//! What is said of the file list as it begins, grows and ends (spec 4.10.1).

use alloc::format;

use super::say_aside;
use crate::options::{Info, Recursion};
use crate::report;
use crate::session::context::Context;
use crate::session::say::Class;

/// The line that stands while the list is built.
pub(crate) fn list_begins(cx: &Context) {
    let o = &cx.config.options;
    let verb = if cx.is_sender() { ("sending", "building") } else { ("receiving", "receiving") };
    if cx.logs() {
        cx.log_line(format!("{} file list", verb.1).as_bytes());
    }
    if cx.is_server() || o.levels.info(Info::Flist) < 1 {
        return;
    }
    if cx.agreed().inc {
        say_aside(cx, format!("{} incremental file list\n", verb.0).into_bytes());
    } else if (o.recursion != Recursion::Off) || o.dirs {
        say_aside(cx, format!("{} file list ... ", verb.1).into_bytes());
        cx.line_open.set(true);
        if cx.is_sender() {
            list_grows(cx, 0);
        }
    }
}

/// The list has so many entries now: told at every hundredth, on a line of its own that the next count overwrites.
pub(crate) fn list_grows(cx: &Context, count: u64) {
    let o = &cx.config.options;
    if !count.is_multiple_of(100) || o.levels.info(Info::Flist) < 2 || cx.is_server() || cx.agreed().inc || !o.dirs {
        return;
    }
    say_aside(cx, report::text::list::files_so_far(count));
}

/// The end of that line.
pub(crate) fn list_ends(cx: &Context, count: usize) {
    let o = &cx.config.options;
    if cx.is_server() || o.levels.info(Info::Flist) < 1 || cx.agreed().inc || !(o.recursion != Recursion::Off || o.dirs)
    {
        return;
    }
    cx.line_open.set(false);
    if o.levels.info(Info::Flist) > 1 {
        let noun = if count == 1 { "file" } else { "files" };
        cx.say(Class::Info, format!("{count} {noun} to consider"));
    } else {
        cx.say(Class::Info, "done");
    }
}
