//! Options about how the two sides meet, and the limits of their talk.

use super::data::Family;
use super::flag::{Flag, Group, Kind, Side, Special, Travel};
use super::number::SizeRule;
use super::stop::Stop;
use crate::Error;

const BASE: Flag = Flag { group: Group::Connect, ..Flag::BASE };

/// The rows.
pub static FLAGS: &[Flag] = &[
    Flag {
        long: "rsh",
        short: Some('e'),
        value: "COMMAND",
        help: "the remote shell",
        kind: Kind::Text(|o, text| {
            // On a server the same letter carries what the client is capable of.
            if o.server {
                o.capabilities = Some(text.to_vec());
            } else {
                (o.rsh, o.rsh_asked) = (Some(text.to_vec()), true);
            }
            Ok(())
        }),
        ..BASE
    },
    Flag {
        long: "rsync-path",
        value: "PROGRAM",
        help: "the rsync to run on the other side",
        kind: Kind::Text(|o, text| {
            o.rsync_path = text.to_vec();
            Ok(())
        }),
        ..BASE
    },
    Flag {
        long: "remote-option",
        short: Some('M'),
        value: "OPT",
        help: "give OPT to the other side only",
        kind: Kind::Text(|o, text| {
            if text.first() != Some(&b'-') {
                return Err(Error::usage([b"rsync: Remote option must start with a dash: ", text].concat()));
            }
            o.remote_options.push(text.to_vec());
            Ok(())
        }),
        remote: &[Travel::Words(550, Side::Both, |s, w| {
            s.options.remote_options.iter().for_each(|option| w.remote_option(option));
        })],
        ..BASE
    },
    Flag {
        long: "bwlimit",
        value: "RATE",
        negations: &["no-bwlimit"],
        help: "send at most so many KiB per second",
        kind: Kind::Size(
            |_| SizeRule { unit: b'K', min: 512, max: 0, zero_unlimited: true },
            |o, n| o.bwlimit = (n.unsigned_abs() + 512) / 1024,
        ),
        off: Some(|o| o.bwlimit = 0),
        remote: &[Travel::Words(100, Side::Both, |s, w| {
            if let Some(limit) = i64::try_from(s.options.bwlimit).ok().filter(|&n| n != 0) {
                w.number("--bwlimit=", limit);
            }
        })],
        ..BASE
    },
    Flag {
        long: "timeout",
        value: "SECONDS",
        negations: &["no-timeout"],
        help: "give up after so long a silence",
        kind: Kind::Number(|o, n| o.timeout = n.max(0)),
        off: Some(|o| o.timeout = 0),
        remote: &[Travel::Words(90, Side::Both, |s, w| {
            if s.options.timeout != 0 {
                w.number("--timeout=", s.options.timeout.into());
            }
        })],
        ..BASE
    },
    Flag {
        long: "contimeout",
        value: "SECONDS",
        negations: &["no-contimeout"],
        help: "give up if a daemon does not answer for so long",
        kind: Kind::Number(|o, n| o.contimeout = n),
        off: Some(|o| o.contimeout = 0),
        ..BASE
    },
    Flag {
        long: "stop-after",
        aliases: &["time-limit"],
        value: "MINS",
        help: "stop after so many minutes",
        kind: Kind::Text(|o, text| {
            o.stop = Some(Stop::after(text)?);
            Ok(())
        }),
        ..BASE
    },
    Flag {
        long: "stop-at",
        value: "y-m-dTh:m",
        help: "stop at that time",
        kind: Kind::Text(|o, text| {
            o.stop = Some(Stop::at(text)?);
            Ok(())
        }),
        ..BASE
    },
    Flag {
        long: "blocking-io",
        negations: &["no-blocking-io"],
        help: "use blocking I/O with the remote shell",
        kind: Kind::Switch(|o, on| o.blocking_io = Some(on)),
        ..BASE
    },
    Flag {
        long: "address",
        value: "ADDRESS",
        help: "the local address of a connection to a daemon",
        kind: Kind::Text(|o, text| {
            o.address = Some(text.to_vec());
            Ok(())
        }),
        ..BASE
    },
    Flag { long: "port", value: "PORT", help: "the port of a daemon", kind: Kind::Number(|o, n| o.port = n), ..BASE },
    Flag {
        long: "sockopts",
        value: "OPTIONS",
        help: "options of the socket to a daemon",
        kind: Kind::Text(|o, text| {
            o.sockopts = Some(text.to_vec());
            Ok(())
        }),
        ..BASE
    },
    Flag { long: "ipv4", short: Some('4'), help: "use IPv4", kind: Kind::Switch(|o, _| o.family = Family::V4), ..BASE },
    Flag { long: "ipv6", short: Some('6'), help: "use IPv6", kind: Kind::Switch(|o, _| o.family = Family::V6), ..BASE },
    Flag {
        long: "password-file",
        value: "FILE",
        help: "read a daemon's password from FILE",
        kind: Kind::Text(|o, text| {
            o.password_file = Some(text.to_vec());
            Ok(())
        }),
        ..BASE
    },
    Flag {
        long: "early-input",
        value: "FILE",
        help: "give FILE to a daemon's early exec command",
        kind: Kind::Text(|o, text| {
            o.early_input = Some(text.to_vec());
            Ok(())
        }),
        ..BASE
    },
    Flag {
        long: "protocol",
        value: "NUM",
        help: "speak an older protocol",
        kind: Kind::Number(|o, n| {
            o.protocol = Some(n);
            o.filters_before_protocol = o.filters.len();
        }),
        ..BASE
    },
    Flag {
        long: "max-alloc",
        value: "SIZE",
        help: "the most memory to allocate at once",
        kind: Kind::Text(|o, text| {
            o.max_alloc_text = Some(text.to_vec());
            Ok(())
        }),
        remote: &[Travel::Words(250, Side::Both, |s, w| match &s.options.max_alloc_text {
            Some(text) if s.options.max_alloc != crate::limits::ALLOC_MAX => w.equals("--max-alloc=", text),
            _ => {}
        })],
        ..BASE
    },
    Flag {
        long: "old-args",
        negations: &["no-old-args"],
        help: "let the remote shell split arguments; twice: also option values",
        kind: Kind::Switch(|o, on| o.old_args = Some(if on { o.old_args.unwrap_or(0).saturating_add(1) } else { 0 })),
        ..BASE
    },
    Flag {
        long: "secluded-args",
        short: Some('s'),
        aliases: &["protect-args"],
        negations: &["no-secluded-args", "no-protect-args", "no-s"],
        help: "send arguments within the protocol, hidden from the shell",
        kind: Kind::Switch(|o, on| o.secluded_args = Some(on)),
        remote: &[Travel::Letter(1, Side::Both, |s| usize::from(s.options.secluded_args == Some(true)))],
        ..BASE
    },
    Flag {
        long: "trust-sender",
        help: "do not check the sender's file list",
        kind: Kind::Bool(|o| &mut o.trust_sender),
        ..BASE
    },
    Flag {
        long: "write-batch",
        value: "FILE",
        help: "also write the update to FILE",
        kind: Kind::Text(|o, text| {
            o.write_batch = Some(text.to_vec());
            Ok(())
        }),
        ..BASE
    },
    Flag {
        long: "only-write-batch",
        value: "FILE",
        help: "write the update to FILE, leave the destination alone",
        kind: Kind::Text(|o, text| {
            (o.write_batch, o.only_batch) = (Some(text.to_vec()), true);
            Ok(())
        }),
        remote: &[Travel::Words(200, Side::Push, |s, w| {
            if s.options.only_batch && s.options.write_batch.is_some() {
                w.word("--only-write-batch=X");
            }
        })],
        ..BASE
    },
    Flag {
        long: "read-batch",
        value: "FILE",
        help: "apply an update from FILE",
        kind: Kind::Text(|o, text| {
            o.read_batch = Some(text.to_vec());
            Ok(())
        }),
        ..BASE
    },
    Flag { long: "server", kind: Kind::Special(Special::Server), ..BASE },
    Flag { long: "sender", kind: Kind::Special(Special::Sender), ..BASE },
    Flag {
        long: "daemon",
        help: "serve as a daemon; --daemon --help tells more",
        kind: Kind::Special(Special::Daemon),
        ..BASE
    },
    Flag { long: "config", value: "FILE", kind: Kind::Special(Special::Daemon), ..BASE },
    Flag { long: "dparam", value: "OVERRIDE", kind: Kind::Special(Special::Daemon), ..BASE },
    Flag { long: "detach", negations: &["no-detach"], kind: Kind::Special(Special::Daemon), ..BASE },
];
