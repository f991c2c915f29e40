//! The `syncline` command: client, server and daemon.
//!
//! | module | what |
//! |---|---|
//! | [`client`], [`server`] | options, plan, connection, session; the remote end of a shell |
//! | [`engine`] | what the daemon needs of the rest: parsing a client's words, running its session |
//! | [`drive`] | the loop between a session and its connection |
//! | [`fs`] | what a session asks of files, beneath open directories |
//! | [`pool`] | threads for what takes long |
//! | [`net`] | remote shells and sockets |
//! | [`trusted`], [`copy_as`] | paths that others could redirect, another user for the transfer |
//! | [`daemon`] | the daemon, and the client's text phase with one |
//! | [`gateway`] | a page and a WebSocket in front of daemons |
//! | [`serve`] | folders shared without a configuration |
//! | [`subcommand`] | what rsync doesn't have, by its first word |
//! | [`files`] | `syncline signature`, `delta`, `patch` |
//! | [`output`], [`signals`], [`time`], [`errno`], [`glob`], [`iconv`], [`simd`], [`zstd`] | the system around it |

mod batch;
mod client;
mod copy_as;
mod daemon;
mod drive;
mod engine;
mod errno;
mod files;
mod fs;
mod gateway;
mod glob;
mod iconv;
mod net;
mod output;
mod pool;
mod preload;
mod serve;
mod server;
mod signals;
mod simd;
mod subcommand;
mod time;
mod trusted;
mod zstd;

use std::io::Write;
use std::os::unix::ffi::OsStringExt;

use syncline_core::options::{Command, Options, Setup, parse_checked};

fn main() {
    std::process::exit(subcommand::dispatch().unwrap_or_else(run));
}

fn run() -> i32 {
    let words: Vec<Vec<u8>> = std::env::args_os().skip(1).map(OsStringExt::into_vec).collect();
    let is_server = words.iter().any(|word| word == b"--server");
    let is_client = !is_server && !words.iter().any(|word| word == b"--daemon");
    let aliases = is_client.then(client::user_aliases);
    let setup = Setup { aliases: aliases.as_ref(), ..Setup::default() };
    signals::catch();
    let mut so_far = Options::default();
    let check = |options: &Options| {
        so_far.log_file.clone_from(&options.log_file);
        if is_client { preload::rules(options).map(|_| ()) } else { Ok(()) }
    };
    let code = match parse_checked(&words, &client::environment(), &setup, check) {
        Ok(Command::Print(text)) => {
            let _ = std::io::stdout().write_all(&text);
            0
        }
        Ok(Command::Client { options, args }) => client::run(*options, &args, time::umask_and_clear()),
        Ok(Command::Server(server)) => server::serve(server, Vec::new(), time::umask_and_clear()),
        Ok(Command::Secluded(secluded)) => server::serve_secluded(secluded, time::umask_and_clear()),
        Ok(Command::Daemon(options)) => engine::run_daemon(options),
        Err(error) => {
            let error = engine::unknown_parameter(&words, &error).unwrap_or(error);
            let role = if is_server { "server" } else { "client" };
            let mut console = output::Console::new(&so_far);
            console.open_log(&so_far);
            console.fail(&error, role)
        }
    };
    if is_server && code != 0 {
        // A client that still writes would find a closed pipe before it reads what we said: stock gives it as long.
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    code
}
