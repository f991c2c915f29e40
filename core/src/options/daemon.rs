//! The daemon's own small option table (spec 5.1.1). Nothing of the big table is legal here.

use super::data::Family;
use super::number;
use super::parse::Command;
use crate::Error;
use alloc::string::String;
use alloc::vec::Vec;

const HINT: &[u8] = b"\n(Type \"rsync --daemon --help\" for assistance with daemon mode.)";

/// What a daemon's command line says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "one field per option, named after it; the rows document them")]
pub struct DaemonOptions {
    pub address: Option<Vec<u8>>,
    /// KiB per second, 0 is none.
    pub bwlimit: u32,
    pub config: Option<Vec<u8>>,
    /// Parameters that override the configuration: name, value.
    pub parameters: Vec<(Vec<u8>, Vec<u8>)>,
    pub detach: bool,
    pub log_file: Option<Vec<u8>>,
    pub log_file_format: Option<Vec<u8>>,
    pub port: i32,
    pub protocol: Option<i32>,
    /// Speaks on its standard input and output: started by a remote shell.
    pub server: bool,
    pub sockopts: Option<Vec<u8>>,
    pub family: Family,
    pub temp_dir: Option<Vec<u8>>,
    pub verbose: u32,
    daemon: bool,
    help: bool,
}

impl Default for DaemonOptions {
    fn default() -> DaemonOptions {
        DaemonOptions {
            address: None,
            bwlimit: 0,
            config: None,
            parameters: Vec::new(),
            detach: true,
            log_file: None,
            log_file_format: None,
            port: 0,
            protocol: None,
            server: false,
            sockopts: None,
            family: Family::Any,
            temp_dir: None,
            verbose: 0,
            daemon: false,
            help: false,
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Switch(fn(&mut DaemonOptions)),
    Number(fn(&mut DaemonOptions, i32)),
    Text(fn(&mut DaemonOptions) -> &mut Option<Vec<u8>>),
    Parameter,
}

struct Row {
    long: &'static str,
    short: Option<char>,
    value: &'static str,
    help: &'static str,
    kind: Kind,
}

const fn row(long: &'static str, short: Option<char>, value: &'static str, help: &'static str, kind: Kind) -> Row {
    Row { long, short, value, help, kind }
}

static ROWS: &[Row] = &[
    row("daemon", None, "", "run as an rsync daemon", Kind::Switch(|o| o.daemon = true)),
    row("address", None, "ADDRESS", "listen on this address only", Kind::Text(|o| &mut o.address)),
    row(
        "bwlimit",
        None,
        "RATE",
        "send at most so many KiB per second",
        Kind::Number(|o, n| {
            o.bwlimit = u32::try_from(n).unwrap_or(0);
        }),
    ),
    row("config", None, "FILE", "read this configuration", Kind::Text(|o| &mut o.config)),
    row("dparam", Some('M'), "OVERRIDE", "override a parameter of the configuration", Kind::Parameter),
    row("detach", None, "", "", Kind::Switch(|o| o.detach = true)),
    row("no-detach", None, "", "stay in the foreground", Kind::Switch(|o| o.detach = false)),
    row("port", None, "PORT", "listen on this port", Kind::Number(|o, n| o.port = n)),
    row("protocol", None, "NUM", "", Kind::Number(|o, n| o.protocol = Some(n))),
    row("server", None, "", "", Kind::Switch(|o| o.server = true)),
    row("log-file", None, "FILE", "override the \"log file\" parameter", Kind::Text(|o| &mut o.log_file)),
    row(
        "log-file-format",
        None,
        "FMT",
        "override the \"log format\" parameter",
        Kind::Text(|o| &mut o.log_file_format),
    ),
    row("sockopts", None, "OPTIONS", "options of the sockets", Kind::Text(|o| &mut o.sockopts)),
    row("temp-dir", Some('T'), "DIR", "", Kind::Text(|o| &mut o.temp_dir)),
    row("verbose", Some('v'), "", "say more at the start", Kind::Switch(|o| o.verbose = o.verbose.saturating_add(1))),
    row("no-verbose", None, "", "", Kind::Switch(|o| o.verbose = 0)),
    row("no-v", None, "", "", Kind::Switch(|o| o.verbose = 0)),
    row("ipv4", Some('4'), "", "use IPv4", Kind::Switch(|o| o.family = Family::V4)),
    row("ipv6", Some('6'), "", "use IPv6", Kind::Switch(|o| o.family = Family::V6)),
    row("help", Some('h'), "", "print this help (together with --daemon)", Kind::Switch(|o| o.help = true)),
];

/// Parses a whole command line by the daemon's table; other arguments are ignored.
pub fn parse_daemon(words: &[Vec<u8>]) -> Result<Command, Error> {
    let mut options = DaemonOptions::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_slice() {
            b"--" => break,
            [b'-', b'-', text @ ..] => {
                let (name, value) = match text.iter().position(|&b| b == b'=') {
                    Some(at) => (text.get(..at), text.get(at + 1..)),
                    None => (Some(text), None),
                };
                let row = ROWS.iter().find(|row| Some(row.long.as_bytes()) == name);
                let row = row.ok_or_else(|| refuse(word, "unknown option"))?;
                match value {
                    Some(_) if row.value.is_empty() => {
                        return Err(refuse(word, "option does not take an argument"));
                    }
                    Some(value) => options.apply(row, value, word)?,
                    None => options.apply_next(row, word, &mut words)?,
                }
            }
            [b'-', letters @ ..] if !letters.is_empty() => options.cluster(letters, word, &mut words)?,
            _ => {}
        }
    }
    if !options.daemon {
        return Err(Error::usage([b"Daemon option(s) used without --daemon.", HINT].concat()));
    }
    // The names of temporary files need room behind it.
    if options.temp_dir.as_ref().is_some_and(|dir| dir.len() >= crate::limits::PATH_BYTES_MAX + 1 - 10) {
        return Err(Error::usage("rsync: the --temp-dir path is WAY too long."));
    }
    if options.help {
        return Ok(Command::Print(help_text()));
    }
    Ok(Command::Daemon(options))
}

type Words<'a> = core::slice::Iter<'a, Vec<u8>>;

impl DaemonOptions {
    fn cluster(&mut self, letters: &[u8], word: &[u8], words: &mut Words<'_>) -> Result<(), Error> {
        for (at, &letter) in letters.iter().enumerate() {
            let row = ROWS.iter().find(|row| row.short == Some(char::from(letter)));
            let row = row.ok_or_else(|| refuse(word, "unknown option"))?;
            let rest = letters.get(at + 1..).unwrap_or_default();
            if row.value.is_empty() {
                if rest.first() == Some(&b'=') {
                    return Err(refuse(word, "option does not take an argument"));
                }
                self.apply(row, &[], word)?;
                continue;
            }
            return match rest {
                [] => self.apply_next(row, word, words),
                [b'=', value @ ..] => self.apply(row, value, word),
                value => self.apply(row, value, word),
            };
        }
        Ok(())
    }

    fn apply_next(&mut self, row: &Row, word: &[u8], words: &mut Words<'_>) -> Result<(), Error> {
        if row.value.is_empty() {
            return self.apply(row, &[], word);
        }
        let value = words.next().ok_or_else(|| refuse(word, "missing argument"))?;
        self.apply(row, value, value)
    }

    fn apply(&mut self, row: &Row, value: &[u8], word: &[u8]) -> Result<(), Error> {
        match row.kind {
            Kind::Switch(set) => set(self),
            Kind::Number(set) => set(self, number::integer(value).map_err(|reason| refuse(word, reason))?),
            Kind::Text(field) => *field(self) = Some(value.to_vec()),
            Kind::Parameter => {
                let Some(at) = value.iter().position(|&b| b == b'=') else {
                    return Err(Error::usage([b"--dparam value is missing an '=': ", value, HINT].concat()));
                };
                let (name, rest) = value.split_at(at);
                let setting = rest.get(1..).unwrap_or_default().trim_ascii_start();
                self.parameters.push((name.trim_ascii_end().to_vec(), setting.to_vec()));
            }
        }
        Ok(())
    }
}

fn refuse(option: &[u8], reason: &str) -> Error {
    Error::usage([b"rsync: ", option, b": ", reason.as_bytes(), b" (in daemon mode)", HINT].concat())
}

/// The text of `--daemon --help`.
fn help_text() -> Vec<u8> {
    let mut text = String::from_utf8_lossy(&super::version::text(super::NOT_BUILT)).into_owned();
    text += "\nUsage: rsync --daemon [OPTION]...\n";
    for row in ROWS.iter().filter(|row| !row.help.is_empty()) {
        text += &super::help::line(row.long, row.short, row.value, row.help);
    }
    text +=
        "\nThese options only work together with --daemon. The configuration file is described in\nrsyncd.conf(5).\n";
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    fn parse(line: &str) -> Result<DaemonOptions, String> {
        let words: Vec<_> = line.split(' ').map(|w| w.as_bytes().to_vec()).collect();
        match parse_daemon(&words) {
            Ok(Command::Daemon(options)) => Ok(options),
            Ok(other) => Err(format!("{other:?}")),
            Err(error) => Err(error.text_lossy()),
        }
    }

    #[test]
    fn the_table() {
        let line =
            "--daemon --config=/c --no-detach --port 0x10 -M port=5 --dparam=max_connections=3 -vv4 -T/t --bwlimit=7 x";
        let options = parse(line).unwrap();
        assert_eq!(options.config.as_deref(), Some(&b"/c"[..]));
        assert_eq!((options.detach, options.port, options.verbose, options.bwlimit), (false, 16, 2, 7));
        assert_eq!(
            options.parameters,
            [(b"port".to_vec(), b"5".to_vec()), (b"max_connections".to_vec(), b"3".to_vec())]
        );
        assert_eq!((options.family, options.temp_dir.as_deref()), (Family::V4, Some(&b"/t"[..])));
        assert!(parse("--server --daemon .").unwrap().server);
        assert_eq!(parse("--daemon -v --no-v").unwrap().verbose, 0);
    }

    #[test]
    fn errors_come_with_the_hint() {
        let hint = String::from_utf8_lossy(HINT);
        for (line, expect) in [
            ("--config=x", "Daemon option(s) used without --daemon."),
            ("--daemon --bogus", "rsync: --bogus: unknown option (in daemon mode)"),
            ("--daemon -vQ", "rsync: -vQ: unknown option (in daemon mode)"),
            ("--daemon --port=x", "rsync: --port=x: invalid numeric value (in daemon mode)"),
            ("--daemon --bwlimit=1m", "rsync: --bwlimit=1m: invalid numeric value (in daemon mode)"),
            ("--daemon --daemon=3", "rsync: --daemon=3: option does not take an argument (in daemon mode)"),
            ("--daemon --port", "rsync: --port: missing argument (in daemon mode)"),
            ("--daemon -M foo", "--dparam value is missing an '=': foo"),
        ] {
            assert_eq!(parse(line), Err(format!("{expect}{hint}")), "{line}");
        }
    }

    #[test]
    fn help_has_every_public_row() {
        let Ok(Command::Print(text)) = parse_daemon(&[b"--daemon".to_vec(), b"-h".to_vec()]) else {
            panic!("no help");
        };
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("\nUsage: rsync --daemon [OPTION]...\n--daemon                 run as"));
        assert!(text.contains("\n--dparam=OVERRIDE, -M    override"));
        assert!(!text.contains("--temp-dir"));
    }
}
