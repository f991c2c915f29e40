//! What a daemon's module imposes on a session, and what options say of single names.

use alloc::vec::Vec;

use super::Context;
use crate::Error;
use crate::filter::{Check, PerDir, Subject};
use crate::options::{Chmod, RemoveSource};
use crate::report;
use crate::session::ask::Meta;
use crate::wire::Tag;

pub(super) fn trim_slashes(mut path: &[u8]) -> &[u8] {
    while let [b'/', rest @ ..] = path {
        path = rest;
    }
    path
}

impl Context {
    /// ` (in MODULE)`, in a daemon.
    pub(crate) fn in_module(&self) -> Vec<u8> {
        match &self.config.module {
            Some(module) => [b" (in ".as_slice(), &module.name, b")"].concat(),
            None => Vec::new(),
        }
    }

    /// Whether a daemon's own rules hide a name. `base` is the directory that it is beneath, as the client gave it: the rules
    /// are those of the module, wherever in it a transfer begins.
    pub(crate) fn daemon_hides(&self, base: &[u8], path: &[u8], is_dir: bool) -> bool {
        if self.daemon_rules.is_empty() || path == b"." {
            return false;
        }
        let base = trim_slashes(base);
        let path = crate::session::removal::join(base.strip_prefix(b"./").unwrap_or(base), trim_slashes(path));
        let verdict = self.daemon_rules.check(&Subject::new(&path, is_dir), Check::RECEIVER, &PerDir::new());
        verdict.is_excluded()
    }

    /// Whether a daemon's rules hide a path that a client named, or a directory on the way to it. Everything about it is as if
    /// it were not there.
    pub(crate) fn daemon_hides_way(&self, path: &[u8]) -> bool {
        let path = crate::flist::verify::clean(trim_slashes(path));
        let path = path.strip_prefix(b"/").unwrap_or(&path);
        let ends = (0..path.len()).filter(|&at| path[at] == b'/').chain([path.len()]);
        ends.filter(|&end| end > 0).any(|end| self.daemon_hides(b"", &path[..end], true))
            || self.daemon_hides(b"", path, false)
    }

    /// `ignore nonreadable`: whether a file is left out because this process can't read it.
    pub(crate) fn ignores(&self, meta: &Meta) -> bool {
        let config = &self.config;
        let wanted = config.module.as_ref().is_some_and(|module| module.ignore_nonreadable);
        if !wanted || config.root || meta.mode & crate::session::decide::TYPE == crate::session::decide::SYMLINK {
            return false;
        }
        let bit = if meta.uid == config.ids.0 {
            0o400
        } else if meta.gid == config.ids.1 || config.groups.contains(&meta.gid) {
            0o040
        } else {
            0o004
        };
        meta.mode & bit == 0
    }

    /// What changes the modes of a list on this side: a client's `--chmod`, or what a daemon's module says. The receiving half
    /// of a local copy gets modes that are changed already.
    pub(crate) fn chmod(&self) -> Option<&Chmod> {
        let config = &self.config;
        if self.is_server() { config.module_chmod.as_ref() } else { config.options.chmod.as_ref() }
    }

    /// Whether symlink targets are disarmed where they are stored. A local copy has but one side to do it: the sender, which takes
    /// the mark off.
    pub(crate) fn munges(&self) -> bool {
        (self.config.options.munge_links && (!self.is_local() || self.is_sender()))
            || self.config.module.as_ref().is_some_and(|module| module.munge_symlinks)
    }

    /// What a module does not allow at all (spec 5.4.6).
    pub(crate) fn check_module(&self) -> Result<(), Error> {
        let Some(module) = &self.config.module else { return Ok(()) };
        if !self.is_sender() && module.read_only {
            self.leaves.set(true);
            return Err(Error::usage("ERROR: module is read only"));
        }
        if self.is_sender() && module.write_only {
            return Err(Error::usage("ERROR: module is write only"));
        }
        if self.is_sender() && module.read_only && self.config.options.remove_source != RemoveSource::Keep {
            return Err(Error::usage("ERROR: --remove-source-files cannot be used with a read-only module"));
        }
        Ok(())
    }

    /// A daemon's timeout holds for both ends, if it is the lower one.
    pub(crate) fn announce_timeout(&self) {
        let Some(module) = &self.config.module else { return };
        let own = self.timeout_s.get();
        if module.timeout > 0 && (own == 0 || module.timeout < own) {
            self.timeout_s.set(module.timeout);
        }
        let timeout = self.timeout_s.get();
        if timeout > 0 && self.protocol() >= 31 {
            self.outbox.borrow_mut().message(Tag::IoTimeout, &timeout.to_le_bytes());
        }
    }

    /// The format of transfer log lines, if there is a log.
    pub(crate) fn log_format(&self) -> Option<&[u8]> {
        match &self.config.module {
            Some(module) => module.log_format.as_deref().filter(|format| !format.is_empty()),
            None => {
                let o = &self.config.options;
                o.log_file.as_ref()?;
                let format = o.log_file_format.as_deref().unwrap_or(report::FORMAT_ITEMIZED);
                Some(format).filter(|format| !format.is_empty())
            }
        }
    }
}
