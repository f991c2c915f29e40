//! What follows from the options together: implied ones, conflicts, defaults (spec 4.5 and 4.6, in that order).

use super::data::*;
use super::env::{Env, leading_number};
use super::hostspec;
use super::levels::{self, Info};
use super::number::{SizeRule, size};
use crate::checksum::Algorithm;
use crate::wire::compress::Compressor;
use crate::{Error, Exit};
use alloc::format;
use alloc::vec::Vec;

/// Longest path with its terminator, from which the limits of stock are reckoned.
const PATH_MAX: usize = crate::limits::PATH_BYTES_MAX + 1;
/// The directory that delayed updates wait in.
const DELAY_DIR: &[u8] = b".~tmp~";
/// Longest name of a batch file.
const BATCH_NAME_MAX: usize = 256;
/// The suffix of backups without a backup dir.
const SUFFIX: &[u8] = b"~";

/// Settles `o`; `args` is the number of arguments that are not options.
pub(super) fn derive(o: &mut Options, args: usize, env: &Env) -> Result<(), Error> {
    max_alloc(o, env)?;
    argument_protection(o, env)?;
    checksum_choice(o)?;
    compress_choice(o)?;
    outbuf(o)?;
    verbosity(o);
    if o.iconv.as_deref() == Some(b"-") {
        o.iconv = None;
    }
    if o.super_mode == Super::Fake && o.xattrs > 1 {
        return Err(conflict("--fake-super conflicts with -XX"));
    }
    batch(o)?;
    selection(o, args);
    deletion(o)?;
    confinement(o)?;
    temp_dir(o)?;
    backup(o)?;
    output(o);
    in_place_and_partial(o, env)?;
    files_from(o, args)?;
    if o.rsh.is_none() {
        o.rsh = env.rsh.clone().filter(|command| !command.is_empty());
    }
    if o.cvs_exclude && !o.server {
        o.filters.push(FilterArg::CvsExclude);
    }
    Ok(())
}

fn conflict(text: &str) -> Error {
    Error::usage(format!("rsync: {text}"))
}

fn max_alloc(o: &mut Options, env: &Env) -> Result<(), Error> {
    if o.max_alloc_text.is_none() {
        o.max_alloc_text = env.max_alloc.clone().filter(|text| !text.is_empty());
    }
    if let Some(text) = &o.max_alloc_text {
        let rule = SizeRule { unit: b'B', min: 1 << 20, max: 0, zero_unlimited: true };
        o.max_alloc = size("max-alloc", text, rule)?.unsigned_abs();
    }
    Ok(())
}

/// Options beat the environment, and there the old way beats the new one.
fn argument_protection(o: &mut Options, env: &Env) -> Result<(), Error> {
    if o.old_args.is_some_and(|n| n > 0) && o.secluded_args == Some(true) {
        return Err(conflict("--secluded-args conflicts with --old-args."));
    }
    if o.server {
        return Ok(());
    }
    if let (None, Some(text)) = (o.old_args, env.old_args.as_ref().filter(|text| !text.is_empty())) {
        // A negative count is a count: stock only tests for zero.
        o.old_args = Some(leading_number(text).unsigned_abs().min(if text.starts_with(b"-") { 1 } else { 2 }) as u32);
        o.secluded_args.get_or_insert(false);
    }
    if o.secluded_args.is_none() && o.old_args.unwrap_or(0) == 0 {
        let set = env.protect_args.as_ref().is_some_and(|text| leading_number(text) != 0);
        o.secluded_args = Some(set);
    }
    Ok(())
}

fn checksum_choice(o: &mut Options) -> Result<(), Error> {
    let Some(choice) = &o.checksum_choice else { return Ok(()) };
    let mut names = choice.splitn(2, |&b| b == b',');
    let transfer = names.next().unwrap_or_default();
    let file = names.next().unwrap_or(transfer);
    for (name, shown) in [(transfer, &choice[..]), (file, file)] {
        if !is_auto(name) && Algorithm::from_name(name).is_none() {
            return Err(unknown(b"unknown checksum name: ", shown));
        }
    }
    if transfer.eq_ignore_ascii_case(b"none") {
        o.whole_file = Some(true);
    }
    if is_auto(transfer) && is_auto(file) {
        o.checksum_choice = None;
    }
    Ok(())
}

fn compress_choice(o: &mut Options) -> Result<(), Error> {
    if let Some(choice) = &o.compress_choice {
        if is_auto(choice) {
            o.compress_choice = None;
        } else if Compressor::from_name(choice).is_none() {
            return Err(unknown(b"unknown compress name: ", choice));
        }
    }
    if o.compress > 1 && o.compress_choice.is_none() {
        o.compress_choice = Some(b"zlibx".to_vec());
    }
    Ok(())
}

/// Leaves the choice to the negotiation.
fn is_auto(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"auto")
}

fn unknown(message: &[u8], name: &[u8]) -> Error {
    Error { exit: Exit::UNSUPPORTED, ..Error::usage([message, name].concat()) }
}

fn outbuf(o: &mut Options) -> Result<(), Error> {
    let Some(text) = &o.outbuf_text else { return Ok(()) };
    o.outbuf = Some(match text.first().map(u8::to_ascii_uppercase) {
        Some(b'N' | b'U') => OutBuf::None,
        Some(b'L') => OutBuf::Line,
        Some(b'B' | b'F') => OutBuf::Block,
        _ => return Err(conflict("Invalid --outbuf setting -- specify N, L, or B.")),
    });
    Ok(())
}

fn verbosity(o: &mut Options) {
    o.levels.imply_verbose(o.verbose);
    if o.stats {
        o.levels.imply(levels::Family::Info, if o.verbose > 1 { "STATS3" } else { "STATS2" });
    }
}

fn batch(o: &mut Options) -> Result<(), Error> {
    if o.server {
        // Each side writes its own batch, or none.
        (o.read_batch, o.write_batch) = (None, o.write_batch.take().filter(|_| o.only_batch));
        o.dry_run |= o.only_batch;
    }
    if o.write_batch.is_some() && o.read_batch.is_some() {
        return Err(conflict("--write-batch and --read-batch can not be used together"));
    }
    if o.read_batch.is_some() {
        let other = match o.remove_source {
            _ if o.files_from_text.is_some() => "--files-from",
            RemoveSource::Synced => "--remove-source-files",
            RemoveSource::Sent => "--remove-sent-files",
            RemoveSource::Keep => "",
        };
        if !other.is_empty() {
            return Err(conflict(&format!("--read-batch cannot be used with {other}")));
        }
    }
    let name = o.write_batch.as_ref().or(o.read_batch.as_ref());
    if name.is_some_and(|name| name.len() > BATCH_NAME_MAX) {
        return Err(conflict("the batch-file name must be 256 characters or less."));
    }
    if o.dry_run && !o.server {
        (o.write_batch, o.only_batch) = (None, false);
    }
    Ok(())
}

fn selection(o: &mut Options, args: usize) {
    let from_list = o.files_from_text.is_some();
    if from_list && o.recursion == Recursion::Archive {
        o.recursion = Recursion::Off;
    }
    o.relative = o.relative_choice.unwrap_or(from_list);
    o.implied_dirs &= o.relative;
    o.listing = o.list_only || (args < 2 && o.read_batch.is_none() && !o.server);
    if o.dirs_choice == Dirs::Old {
        o.recursion = Recursion::On;
        if !o.server {
            o.filters.push(FilterArg::Filter(b"- /*/*".to_vec()));
        }
    }
    o.dirs = o.recursion != Recursion::Off
        || match o.dirs_choice {
            Dirs::On | Dirs::Old => true,
            Dirs::Off => false,
            Dirs::Auto => o.listing || from_list,
        };
}

fn deletion(o: &mut Options) -> Result<(), Error> {
    let during = o.delete_during || o.delete_delay;
    if [o.delete_before, during, o.delete_after].iter().filter(|&&when| when).count() > 1 {
        return Err(conflict("You may not combine multiple --delete-WHEN options."));
    }
    o.delete = match () {
        () if o.delete_before => Delete::Before,
        () if o.delete_during => Delete::During,
        () if o.delete_delay => Delete::Delay,
        () if o.delete_after => Delete::After,
        () if o.delete_asked || o.delete_excluded => Delete::Unspecified,
        () => Delete::Off,
    };
    if o.delete != Delete::Off && !o.dirs {
        return Err(conflict("--delete does not work without --recursive (-r) or --dirs (-d)."));
    }
    o.max_delete = o.max_delete.map(|n| n.max(0));
    Ok(())
}

fn confinement(o: &Options) -> Result<(), Error> {
    let Some(root) = &o.confine_root else { return Ok(()) };
    if root.first() != Some(&b'/') {
        return Err(conflict("--confine-root must be an absolute path"));
    }
    if o.insecure_links {
        return Err(conflict("--insecure-links cannot be combined with --confine-root"));
    }
    Ok(())
}

fn temp_dir(o: &Options) -> Result<(), Error> {
    // Room for a separator and the random part of the names.
    if o.temp_dir.as_ref().is_some_and(|dir| dir.len() >= PATH_MAX - 10) {
        return Err(conflict("the --temp-dir path is WAY too long."));
    }
    Ok(())
}

impl Options {
    /// The suffix of backups if none is given.
    pub(super) fn default_suffix(&self) -> &'static [u8] {
        if self.backup_dir.is_some() { b"" } else { SUFFIX }
    }

    /// The suffix of backups in effect.
    pub fn backup_suffix(&self) -> &[u8] {
        self.suffix.as_deref().unwrap_or(self.default_suffix())
    }

    /// Backups stay beside the files, so that directories change while they are made.
    pub(super) fn backs_up_in_place(&self) -> bool {
        self.backup && self.backup_dir.is_none()
    }

    /// The partial dir is the one that delayed updates imply, whose name the server knows.
    pub(super) fn partial_dir_is_default(&self) -> bool {
        self.delay_updates && self.partial_dir.as_deref() == Some(DELAY_DIR)
    }

    /// Data is to be compressed, by a compressor named or yet to be negotiated.
    pub fn wants_compression(&self) -> bool {
        match &self.compress_choice {
            Some(choice) => !choice.eq_ignore_ascii_case(b"none"),
            None => self.compress > 0 || self.compress_level.is_some(),
        }
    }
}

fn backup(o: &mut Options) -> Result<(), Error> {
    let suffix = o.backup_suffix();
    if suffix.contains(&b'/') {
        return Err(Error::usage([b"rsync: --suffix cannot contain slashes: ", suffix].concat()));
    }
    match o.backup_dir.as_deref() {
        Some(dir) if dir.len() > PATH_MAX - 128 => {
            return Err(conflict("the --backup-dir path is WAY too long."));
        }
        Some(b"" | b".") if suffix.is_empty() => {
            return Err(conflict("--suffix cannot be empty when --backup-dir is the same as the dest dir"));
        }
        None if suffix.is_empty() => {
            return Err(conflict("--suffix cannot be empty without a --backup-dir"));
        }
        _ => {}
    }
    o.backup |= o.backup_dir.is_some();
    // The destination itself is no directory of its own.
    o.backup_dir = o.backup_dir.take().filter(|dir| !matches!(dir.as_slice(), b"" | b"."));
    if o.backs_up_in_place() && o.delete != Delete::Off && !o.delete_excluded && !o.server {
        let rule = [b"P *", o.backup_suffix()].concat();
        o.filters.push(FilterArg::Filter(rule));
    }
    o.omit_dir_times = o.omit_dir_times_asked || o.backs_up_in_place();
    Ok(())
}

fn output(o: &mut Options) {
    let names = super::report::names_are_printed(&o.levels);
    if o.progress && !o.server {
        // A format that shows items before their data moves names them.
        let shown_before = match &o.out_format {
            Some(format) => !crate::report::shown_after(format),
            None => o.itemize > 0,
        };
        let words = if names || shown_before { "FLIST2,PROGRESS" } else { "FLIST2,PROGRESS,NAME" };
        o.levels.imply(levels::Family::Info, words);
    }
    o.item_format = match &o.out_format {
        Some(format) => Some(format.clone()),
        None if o.itemize > 0 => Some(b"%i %n%L".to_vec()),
        None if o.levels.info(Info::Name) > 0 && !o.server => Some(b"%n%L".to_vec()),
        None => None,
    };
}

fn in_place_and_partial(o: &mut Options, env: &Env) -> Result<(), Error> {
    let append = o.append != Append::Off;
    if append && o.whole_file == Some(true) {
        return Err(conflict("--append cannot be used with --whole-file"));
    }
    o.inplace |= append || o.write_devices;
    let dir_given = o.partial_dir.is_some();
    o.partial |= dir_given;
    o.partial_dir = o.partial_dir.take().map(|dir| clean_path(&dir)).filter(|dir| dir != b".");
    if o.delay_updates && o.partial_dir.is_none() {
        o.partial_dir = Some(DELAY_DIR.to_vec());
    }
    if o.inplace {
        if o.partial_dir.is_some() {
            let this = if append { "append" } else { "inplace" };
            let other = if o.delay_updates { "delay-updates" } else { "partial-dir" };
            return Err(conflict(&format!("--{this} cannot be used with --{other}")));
        }
    } else if o.partial && !dir_given && o.partial_dir.is_none() && !o.server {
        let dir = env.partial_dir.as_ref().filter(|dir| !dir.is_empty());
        o.partial_dir = dir.map(|dir| clean_path(dir)).filter(|dir| dir != b".");
    }
    // What a partial dir implies is not said to the server: it concludes the same.
    o.partial |= o.partial_dir.is_some();
    if let Some(dir) = o.partial_dir.as_ref().filter(|dir| dir.first() != Some(&b'/') && !o.server) {
        o.filters.push(FilterArg::PartialDir(dir.clone()));
    }
    Ok(())
}

fn files_from(o: &mut Options, args: usize) -> Result<(), Error> {
    let Some(text) = &o.files_from_text else { return Ok(()) };
    if args > 2 || (args != 2 && !o.server) {
        return Err(Error::usage(super::help_text()));
    }
    let list = match hostspec::parse(text) {
        Some(_) if o.server => {
            return Err(conflict("The --files-from sent to the server cannot specify a host."));
        }
        Some(spec) if matches!(spec.path, b"" | b"-") => {
            return Err(conflict("Invalid --files-from remote filename"));
        }
        Some(spec) => FilesFrom { host: Some(spec.host_text.to_vec()), path: spec.path.to_vec() },
        None => FilesFrom { host: None, path: text.clone() },
    };
    o.files_from = Some(list);
    Ok(())
}

/// A path without double slashes, `.` components, a final slash, or `..` after a name; nothing left is `.`.
fn clean_path(path: &[u8]) -> Vec<u8> {
    let absolute = path.first() == Some(&b'/');
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|&b| b == b'/') {
        match part {
            b"" | b"." => {}
            b".." if parts.last().is_some_and(|last| *last != b"..") => {
                parts.pop();
            }
            b".." if absolute => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join(&b'/');
    match (absolute, joined.is_empty()) {
        (true, _) => [b"/", &joined[..]].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => joined,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned() {
        for (path, clean) in [
            ("x", "x"),
            ("./x", "x"),
            ("", "."),
            (".", "."),
            ("./", "."),
            ("/x/y/", "/x/y"),
            ("../x", "../x"),
            ("../../x", "../../x"),
            ("a/../b", "b"),
            ("a/..", "."),
            ("a//b/./c", "a/b/c"),
            ("/../x", "/x"),
            ("/", "/"),
        ] {
            assert_eq!(clean_path(path.as_bytes()), clean.as_bytes(), "{path:?}");
        }
    }
}
