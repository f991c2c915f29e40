//! Failures of the host in rsync's words (spec 4.9.1).

use alloc::vec::Vec;

use crate::report;
use crate::session::ask::{ExtendedStep, OutputError, SetErrors};
use crate::session::context::Context;
use crate::session::say::Class;

/// A path as the user would write it in full: absolute, or in a daemon relative to the module.
pub(crate) fn full_path(cx: &Context, path: &[u8]) -> Vec<u8> {
    report::full_path(&cx.config.cwd, path)
}

/// `WHAT "FULL PATH" (in MODULE)TAIL`, for a path beneath the destination.
pub(crate) fn quoted(cx: &Context, what: &[u8], path: &[u8], tail: &[u8]) -> Vec<u8> {
    let dest = cx.receiving.borrow().as_ref().map(|rx| rx.dest_path.borrow().clone()).unwrap_or_default();
    let full = full_path(cx, &crate::session::removal::join(&dest, path));
    [what, b"\"", &full, b"\"", &cx.in_module(), tail].concat()
}

/// Says which attributes could not be set. `chowns`: the owner was to be changed, not the group alone.
pub(crate) fn set_errors(cx: &Context, role: &str, path: &[u8], chowns: bool, errors: SetErrors) {
    if let Some(errno) = &errors.owner {
        let call: &[u8] = if chowns { b"chown " } else { b"chgrp " };
        cx.say_errno(Class::Transfer, role, &quoted(cx, call, path, b" failed"), errno);
    }
    if let Some(errno) = &errors.times {
        cx.say_errno(Class::Transfer, role, &quoted(cx, b"failed to set times on ", path, b""), errno);
    }
    if let Some(errno) = &errors.mode {
        cx.say_errno(Class::Transfer, role, &quoted(cx, b"failed to set permissions on ", path, b""), errno);
    }
    for (step, errno) in &errors.extended {
        let path = full_path(cx, path);
        let (call, name, end): (&[u8], &[u8], &[u8]) = match step {
            ExtendedStep::Set(name) => (b"rsync_xal_set: lsetxattr(\"", name, b"\") failed"),
            ExtendedStep::Remove(name) => (b"rsync_xal_clear: lremovexattr(\"", name, b"\") failed"),
            ExtendedStep::Access => (b"set_acl: sys_acl_set_file(", b"ACL_TYPE_ACCESS", b")"),
            ExtendedStep::Default => (b"set_acl: sys_acl_set_file(", b"ACL_TYPE_DEFAULT", b")"),
        };
        let between: &[u8] = if end == b")" { b", " } else { b"\",\"" };
        cx.say_errno(Class::Transfer, role, &[call, &path, between, name, end].concat(), errno);
    }
}

/// Says why an output could not be made or finished. True if the session can't go on.
///
/// `source` is the path of the source of a local copy.
pub(crate) fn output_error(cx: &Context, role: &str, path: &[u8], source: Option<&[u8]>, error: &OutputError) -> bool {
    let of_source = |what: &[u8]| match source {
        Some(source) => [what, b"\"", &full_path(cx, source), b"\"", &cx.in_module()].concat(),
        None => quoted(cx, what, path, b""),
    };
    let (class, role, what, errno, fatal) = match error {
        OutputError::Temp(temp, errno) => {
            (Class::Transfer, role, quoted(cx, b"mkstemp ", temp, b" failed"), errno, false)
        }
        OutputError::Open(errno) => (Class::Transfer, role, quoted(cx, b"open ", path, b" failed"), errno, false),
        OutputError::Source(errno) if errno.is_not_found() => {
            cx.say(Class::Warning, of_source(b"file has vanished: "));
            cx.add_io_error(crate::session::context::io_error::VANISHED);
            return false;
        }
        OutputError::Source(errno) => {
            (Class::Transfer, "sender", of_source(b"send_files failed to open "), errno, false)
        }
        OutputError::Read(errno) => (Class::Transfer, "sender", of_source(b"read errors mapping "), errno, false),
        OutputError::Write(errno) => (Class::Error, role, quoted(cx, b"write failed on ", path, b""), errno, true),
        OutputError::Sync(errno) => (Class::Error, role, quoted(cx, b"fsync failed on ", path, b""), errno, true),
        OutputError::Backup(errno) => (Class::Error, role, quoted(cx, b"make_backup ", path, b" failed"), errno, true),
        OutputError::Rename(temp, errno) => {
            let mut what = quoted(cx, b"rename ", temp, b" -> \"");
            what.extend_from_slice(path);
            what.push(b'"');
            (Class::Transfer, role, what, errno, false)
        }
    };
    cx.say_errno(class, role, &what, errno);
    fatal
}
