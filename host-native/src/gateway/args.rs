//! The command line of `syncline gateway`, and what `syncline serve` shares with it.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser};

/// Puts a page and a WebSocket in front of rsync daemons, so that a browser can be their client.
///
/// Each target is a daemon. A browser that opens the gateway's address gets the page; the page reaches the target NAME by a
/// WebSocket at /ws/NAME, which carries rsync's own protocol. Nothing but the targets named here can be reached.
#[derive(Debug, Parser)]
#[command(name = "syncline gateway", max_term_width = 100)]
pub struct Gateway {
    /// A daemon that clients may reach, under a name of letters, digits, '.', '_' and '-'; may be repeated
    #[arg(long = "target", value_name = "NAME=rsync://HOST[:PORT]", required = true)]
    pub targets: Vec<String>,
    /// What the page calls a target
    #[arg(long = "title", value_name = "NAME=TEXT")]
    pub titles: Vec<String>,
    /// Tell this target its client's address by a PROXY header; its rsyncd.conf needs "proxy protocol = yes"
    #[arg(long = "proxy-protocol", value_name = "NAME[=v1|v2]")]
    pub proxied: Vec<String>,
    /// Where to listen; may be repeated
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8730")]
    pub listen: Vec<String>,
    #[command(flatten)]
    pub web: Web,
    #[command(flatten)]
    pub limits: LimitWords,
}

/// Who may come in, and how.
#[derive(Clone, Debug, Default, Args)]
pub struct Web {
    /// A page may connect if it comes from this origin, exactly; may be repeated. Without this option: from the gateway's own
    #[arg(long = "origin", value_name = "URL")]
    pub origins: Vec<String>,
    /// Secrets, one a line: a program that is no browser gets its tokens by one of them
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Certificate chain in PEM: the gateway speaks TLS
    #[arg(long = "cert", value_name = "FILE", requires = "key")]
    pub certificate: Option<PathBuf>,
    /// Its private key in PEM
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub key: Option<PathBuf>,
    /// A reverse proxy whose X-Forwarded-For and X-Forwarded-Proto are believed; may be repeated
    #[arg(long = "trusted-proxy", value_name = "ADDR")]
    pub trusted_proxies: Vec<IpAddr>,
    /// Serve the page from this folder instead of the one in the program
    #[arg(long, value_name = "DIR")]
    pub page: Option<PathBuf>,
    /// Show /metrics to everybody, not only to this machine
    #[arg(long)]
    pub metrics: bool,
    /// Write the log to this file instead of standard error
    #[arg(long, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
}

/// Bounds on what clients can use up.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitWords {
    /// Connections at a time
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    pub connections: u32,
    /// Connections at a time from one address (of IPv6: from one /64)
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..))]
    pub connections_per_address: u32,
    /// Sessions that one address may begin in a minute
    #[arg(long, value_name = "N", default_value_t = 240, value_parser = clap::value_parser!(u32).range(1..))]
    pub sessions_per_minute: u32,
    /// Failed logins that one address may have in ten minutes
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub failed_logins: u32,
    /// For the TLS handshake, and for each HTTP request
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub handshake_timeout: Duration,
    /// From the WebSocket's start to the end of rsync's greeting and arguments
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub greeting_timeout: Duration,
    /// A session without any data for so long is ended
    #[arg(long, value_name = "SECONDS", default_value = "600", value_parser = seconds)]
    pub idle_timeout: Duration,
    /// How long a token can be used
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub token_lifetime: Duration,
    /// Size of a WebSocket message
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20, value_parser = clap::value_parser!(u32).range(1..=1 << 26))]
    pub message_bytes: u32,
}

/// The limits as a command line of their own.
#[derive(Parser)]
struct Alone {
    #[command(flatten)]
    limits: LimitWords,
}

impl Default for LimitWords {
    /// What the command line says by default.
    fn default() -> LimitWords {
        Alone::parse_from([""]).limits
    }
}

impl LimitWords {
    /// Limits of a file: names of options, with what is set. The error has the number of the pair, and what is wrong with it.
    pub fn read(pairs: &[(String, String)]) -> Result<LimitWords, (usize, String)> {
        let words: Vec<String> = pairs.iter().map(|(option, value)| format!("--{option}={value}")).collect();
        for (at, word) in words.iter().enumerate() {
            let reason = |error: clap::Error| {
                // Its own words are about an option.
                std::error::Error::source(&error).map_or_else(|| error.kind().to_string(), ToString::to_string)
            };
            Alone::try_parse_from(["", word]).map_err(|error| (at, reason(error)))?;
        }
        let all = Alone::try_parse_from([""].into_iter().chain(words.iter().map(String::as_str)));
        all.map(|alone| alone.limits).map_err(|error| (0, error.kind().to_string()))
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    let duration = Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
    if duration.is_zero() || seconds > 1e9 { Err("out of range".to_owned()) } else { Ok(duration) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Gateway::command().debug_assert();
        assert_eq!(LimitWords::default().connections, 256);
    }

    #[test]
    fn limits_of_a_file() {
        let read = |pairs: &[(&str, &str)]| {
            let owned: Vec<_> = pairs.iter().map(|&(a, b)| (a.to_owned(), b.to_owned())).collect();
            LimitWords::read(&owned)
        };
        let limits = read(&[("connections", "7"), ("idle-timeout", "2.5")]).unwrap();
        assert_eq!((limits.connections, limits.idle_timeout), (7, Duration::from_millis(2500)));
        assert_eq!(limits.failed_logins, LimitWords::default().failed_logins);
        let (at, reason) = read(&[("connections", "7"), ("idle-timeout", "long")]).unwrap_err();
        assert_eq!((at, reason.as_str()), (1, "not a number of seconds"));
        let (_, reason) = read(&[("connections", "0")]).unwrap_err();
        assert!(reason.starts_with("0 is not in 1.."), "{reason}");
    }

    #[test]
    fn durations() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for bad in ["", "x", "-1", "0", "nan", "1e99"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
