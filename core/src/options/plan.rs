//! From arguments to a plan: local, push, pull, or a list of modules (spec 4.1.1, 4.1.3).

use super::data::Options;
use super::hostspec::{self, HostSpec};
use super::words::{Link, Outgoing};
use crate::{Error, Exit};
use alloc::vec::Vec;

/// Words in front of the `.` that start a server.
const SERVER_WORDS_MAX: usize = 137;

/// How the remote side is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A remote shell starts it.
    Shell,
    /// A daemon, over a socket, or behind a remote shell if `-e` was given.
    Daemon,
}

/// The remote side of a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Login or daemon user.
    pub user: Option<Vec<u8>>,
    /// Host name or address; may be empty.
    pub host: Vec<u8>,
    /// Port of a daemon; 0 is the default.
    pub port: u32,
    /// How it is reached.
    pub kind: Kind,
    /// One destination, or sources; for a daemon each starts with the module.
    pub paths: Vec<Vec<u8>>,
}

/// What a command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Both ends are here. Without a destination the sources are listed.
    Local {
        /// Empty when a batch is replayed.
        sources: Vec<Vec<u8>>,
        /// Where to.
        dest: Option<Vec<u8>>,
    },
    /// This side sends.
    Push {
        /// Local sources.
        sources: Vec<Vec<u8>>,
        /// Its one path is the destination.
        remote: Remote,
    },
    /// This side receives, or lists if there is no destination.
    Pull {
        /// Its paths are the sources.
        remote: Remote,
        /// Where to.
        dest: Option<Vec<u8>>,
    },
    /// The daemon's modules are listed.
    Modules {
        /// Has no paths.
        remote: Remote,
    },
}

impl Remote {
    /// A daemon on a socket, not behind a shell.
    pub fn is_socket(&self, options: &Options) -> bool {
        self.kind == Kind::Daemon && !options.rsh_asked
    }

    /// The module, for a daemon.
    pub fn module(&self) -> &[u8] {
        self.paths.first().and_then(|path| path.split(|&b| b == b'/').next()).unwrap_or_default()
    }
}

/// Decides what `args` ask for, and refuses what makes no sense.
pub fn plan(options: &Options, args: &[Vec<u8>]) -> Result<Plan, Error> {
    let plan = match args.split_first() {
        _ if options.read_batch.is_some() => replay(args)?,
        Some((first, rest)) => match hostspec::parse(first) {
            Some(spec) => pull(options, spec, rest)?,
            None => push(options, first, rest)?,
        },
        None => return Err(Error::usage(super::help_text())),
    };
    check_connection(options, &plan)?;
    check_protocol(options, matches!(plan, Plan::Local { .. }))?;
    check_word_count(options, &plan)?;
    Ok(plan)
}

/// A batch replaces the sources: the last argument is the destination.
fn replay(args: &[Vec<u8>]) -> Result<Plan, Error> {
    let Some(dest) = args.last() else { return Err(Error::usage(super::help_text())) };
    if hostspec::parse(dest).is_some() {
        return Err(Error::usage("remote destination is not allowed with --read-batch"));
    }
    Ok(Plan::Local { sources: Vec::new(), dest: Some(dest.clone()) })
}

fn pull(options: &Options, first: HostSpec<'_>, rest: &[Vec<u8>]) -> Result<Plan, Error> {
    let (mut dest, mut extra) = (None, rest);
    if let Some((last, before)) = rest.split_last() {
        // A last argument that begins with a colon is one more source, and there is no destination.
        if last.first() != Some(&b':') {
            if hostspec::parse(last).is_some() {
                return Err(Error::usage("The source and destination cannot both be remote."));
            }
            (dest, extra) = (Some(last.clone()), before);
        }
    }
    check_files_from(options, Some(first.host_text))?;
    let mut remote = remote(options, &first);
    for arg in extra {
        let spec = hostspec::parse(arg).ok_or_else(|| {
            let hint = b"\nIf arg is a remote file/dir, prefix it with a colon (:).";
            Error::usage([b"Unexpected local arg: ", &arg[..], hint].concat())
        })?;
        let text = match spec {
            _ if !spec.host_text.is_empty() && spec.host_text != first.host_text => {
                "All source args must come from the same machine."
            }
            _ if spec.kind != first.kind => "All source args must use the same hostspec format.",
            _ if !spec.host_text.is_empty() && spec.port != first.port => {
                "All source args must use the same port number."
            }
            _ => {
                remote.paths.push(spec.path.to_vec());
                continue;
            }
        };
        return Err(Error::usage(text));
    }
    check_remote(options, &remote)?;
    let lists_modules = remote.kind == Kind::Daemon && dest.is_none() && extra.is_empty() && first.path.is_empty();
    if lists_modules {
        remote.paths.clear();
        return Ok(Plan::Modules { remote });
    }
    if let Some(dest) = &mut dest {
        check_dest(options, dest)?;
    }
    Ok(Plan::Pull { remote, dest })
}

fn push(options: &Options, first: &[u8], rest: &[Vec<u8>]) -> Result<Plan, Error> {
    let (dest, extra) = match rest.split_last() {
        Some((last, extra)) => (Some(last), extra),
        None => (None, rest),
    };
    let target = dest.and_then(|dest| hostspec::parse(dest));
    check_files_from(options, target.as_ref().map(|spec| spec.host_text))?;
    let mut sources = alloc::vec![first.to_vec()];
    sources.extend_from_slice(extra);
    for source in &sources {
        if source.is_empty() {
            return Err(Error::usage("Empty source arg specified."));
        }
        if hostspec::parse(source).is_some() {
            return Err(Error::usage([b"Unexpected remote arg: ", &source[..]].concat()));
        }
    }
    match target {
        Some(spec) => {
            let remote = remote(options, &spec);
            check_remote(options, &remote)?;
            Ok(Plan::Push { sources, remote })
        }
        None => {
            let mut dest = dest.cloned();
            if let Some(dest) = &mut dest {
                check_dest(options, dest)?;
            }
            Ok(Plan::Local { sources, dest })
        }
    }
}

fn remote(options: &Options, spec: &HostSpec<'_>) -> Remote {
    let asked = u32::try_from(options.port).unwrap_or(0);
    Remote {
        user: spec.user.map(<[u8]>::to_vec),
        host: spec.host.to_vec(),
        port: if spec.port != 0 { spec.port } else { asked },
        kind: spec.kind,
        paths: alloc::vec![spec.path.to_vec()],
    }
}

fn check_remote(options: &Options, remote: &Remote) -> Result<(), Error> {
    if remote.host.first() == Some(&b'-') {
        return Err(Error::usage("Invalid remote host: hostnames may not start with '-'."));
    }
    let starts_with_slash = remote.paths.first().is_some_and(|path| path.first() == Some(&b'/'));
    if remote.kind == Kind::Daemon && starts_with_slash {
        let text: &str = match options.rsh_asked {
            true => "ERROR: The remote path must start with a module name",
            false => "ERROR: The remote path must start with a module name not a /",
        };
        return Err(Error { exit: Exit::START, ..Error::usage(text) });
    }
    Ok(())
}

/// An empty destination is most likely an unset variable.
fn check_dest(options: &Options, dest: &mut Vec<u8>) -> Result<(), Error> {
    if dest.is_empty() {
        if options.old_args.unwrap_or(0) == 0 && !options.server {
            return Err(Error::usage("Empty destination arg specified (use \".\" or see --old-args)."));
        }
        *dest = b".".to_vec();
    }
    Ok(())
}

/// A remote list must live where the transfer goes.
fn check_files_from(options: &Options, host: Option<&[u8]>) -> Result<(), Error> {
    let Some(list_host) = options.files_from.as_ref().and_then(|list| list.host.as_deref()) else { return Ok(()) };
    match host {
        None => Err(Error::usage("--files-from cannot be remote when the transfer is local")),
        Some(host) if !list_host.is_empty() && list_host != host => {
            Err(Error::usage("--files-from hostname is not the same as the transfer hostname"))
        }
        Some(_) => Ok(()),
    }
}

/// Options that only make sense for some kinds of connection.
fn check_connection(options: &Options, plan: &Plan) -> Result<(), Error> {
    let remote = match plan {
        Plan::Local { .. } => None,
        Plan::Push { remote, .. } | Plan::Pull { remote, .. } | Plan::Modules { remote } => Some(remote),
    };
    let daemon = remote.is_some_and(|remote| remote.kind == Kind::Daemon);
    let socket = remote.is_some_and(|remote| remote.is_socket(options));
    if options.password_file.is_some() && !daemon {
        let text = "The --password-file option may only be used when accessing an rsync daemon.";
        return Err(Error::usage(text));
    }
    if options.contimeout != 0 && !socket {
        let text = "The --contimeout option may only be used when connecting to an rsync daemon.";
        return Err(Error::usage(text));
    }
    Ok(())
}

/// `--protocol` must be one that both could speak.
fn check_protocol(options: &Options, local: bool) -> Result<(), Error> {
    /// What is beyond that is no version at all.
    const SANE_MAX: i32 = 40;
    let text = match options.protocol {
        Some(protocol) if (super::PROTOCOL + 1..=SANE_MAX).contains(&protocol) => {
            alloc::format!("--protocol must be no more than {} on the Client.", super::PROTOCOL)
        }
        Some(protocol) if protocol < super::PROTOCOL_MIN && !local => {
            alloc::format!("--protocol must be at least {} on the Client.", super::PROTOCOL_MIN)
        }
        Some(protocol) if !(super::PROTOCOL_MIN..=SANE_MAX).contains(&protocol) => {
            crate::error::VERSION_MISMATCH.into()
        }
        _ => return Ok(()),
    };
    Err(Error { exit: Exit::PROTOCOL, ..Error::usage(text) })
}

/// Options condense into few words; only `-M` can make them many.
fn check_word_count(options: &Options, plan: &Plan) -> Result<(), Error> {
    let push = match plan {
        Plan::Push { .. } => true,
        Plan::Pull { .. } => false,
        Plan::Local { .. } | Plan::Modules { .. } => return Ok(()),
    };
    let words = Outgoing { options, push, protocol: 32, link: Link::Shell, paths: &[] }.words();
    // The final dot does not count, but what separates secluded words does.
    let count = match &words.secluded {
        Some(secluded) => words.visible.len() + secluded.len(),
        None => words.visible.len() - 1,
    };
    if count > SERVER_WORDS_MAX && !options.remote_options.is_empty() {
        return Err(Error::usage("too many remote options specified."));
    }
    Ok(())
}
