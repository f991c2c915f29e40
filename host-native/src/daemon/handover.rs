//! What a session gets to know of its module.

use syncline_core::session::{Config, Module, Role, Side, Transport};

use super::config::Section;
use super::module::{Chosen, Prepared};
use super::params::P;
use super::root::Root;
use super::worker::Worker;
use super::{End, Parsed, Policy, sys};

/// Whether symlinks are munged.
pub fn munges(section: &Section, root: &Root) -> bool {
    section.values.tri(P::MungeSymlinks).unwrap_or(root.munge_default())
}

/// What the module says about options.
pub fn policy(worker: &Worker<'_>, chosen: &Chosen<'_>) -> Result<Policy, End> {
    let section = chosen.section;
    let temp_dir = match worker.text(section, P::TempDir)? {
        dir if dir.is_empty() => worker.start.temp_dir.to_vec(),
        dir => dir,
    };
    Ok(Policy {
        incoming_chmod: worker.text(section, P::IncomingChmod)?,
        outgoing_chmod: worker.text(section, P::OutgoingChmod)?,
        temp_dir,
        ignore_nonreadable: section.values.on(P::IgnoreNonreadable),
        insecure_links: section.values.on(P::InsecureLinks),
        fake_super: section.values.on(P::FakeSuper),
        bwlimit: worker.start.bwlimit,
        charset: worker.text(section, P::Charset)?,
    })
}

/// What the session has to know.
pub fn session_config(
    worker: &Worker<'_>,
    chosen: &Chosen<'_>,
    prepared: Prepared,
    parsed: Parsed,
    paths: Vec<Vec<u8>>,
) -> Result<Config, End> {
    Ok(Config {
        options: parsed.options,
        side: Side::Server,
        role: if parsed.sender { Role::Sender } else { Role::Receiver },
        transport: Transport::Daemon,
        protocol: Some(worker.greeting.negotiated()),
        paths,
        requested: Vec::new(),
        umask: sys::umask(),
        root: sys::euid() == 0,
        groups: sys::groups(),
        cwd: prepared.root.dir.clone(),
        seed: prepared.seed,
        unix_time: super::log::unix_time(),
        pid: std::process::id(),
        local_time: crate::time::local_time,
        ids: (sys::euid(), crate::time::egid()),
        home: std::env::var_os("HOME").map(std::os::unix::ffi::OsStringExt::into_vec).unwrap_or_default(),
        cvsignore: Vec::new(),
        conversion: None,
        stop_after_ms: None,
        names: None,
        checksum_list: crate::client::env("RSYNC_CHECKSUM_LIST"),
        compress_list: crate::client::env("RSYNC_COMPRESS_LIST"),
        codecs: crate::client::CODECS,
        scan: Some(crate::simd::best_scan()),
        module: Some(session_module(worker, chosen, prepared)?),
        module_chmod: None,
        batch: None,
        rule_files: Vec::new(),
        refused: None,
        // Behind a remote shell the user sees our standard error.
        errors_to_client: worker.start.shell.is_none(),
    })
}

fn session_module(worker: &Worker<'_>, chosen: &Chosen<'_>, prepared: Prepared) -> Result<Module, End> {
    let values = &chosen.section.values;
    let chrooted = prepared.root.chroot.is_some();
    let format = match worker.start.log_format {
        Some(format) => Some(format.to_vec()),
        None if values.on(P::TransferLogging) => Some(worker.text(chosen.section, P::LogFormat)?),
        None => None,
    };
    let unsigned = |id| u32::try_from(values.integer(id)).unwrap_or(0);
    Ok(Module {
        name: chosen.name.clone(),
        read_only: chosen.read_only.unwrap_or(values.on(P::ReadOnly)),
        write_only: values.on(P::WriteOnly),
        munge_symlinks: munges(chosen.section, &prepared.root),
        sanitize: prepared.root.sanitize(),
        numeric_ids: values.tri(P::NumericIds).unwrap_or(chrooted),
        ignore_errors: values.on(P::IgnoreErrors),
        timeout: unsigned(P::Timeout),
        max_verbosity: unsigned(P::MaxVerbosity),
        stores: worker.text(chosen.section, P::DontCompress)?.split(u8::is_ascii_whitespace).any(|item| item == b"*"),
        shown_root: prepared.root.shown().to_vec(),
        log_format: format.filter(|format| !format.is_empty()),
        host: worker.peer.host.clone(),
        address: worker.peer.address.clone(),
        user: chosen.user.clone(),
        ignore_nonreadable: false,
        path: prepared.root.full,
        filters: prepared.filters,
    })
}
