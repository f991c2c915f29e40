//! Stock rsync's client at our daemon and at its own, configured alike; our client at both.

use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use super::super::client::Answered;
use super::{dial, log_lines, place, start_ours, start_stock};

const CONFIG: &str = "
motd file = DIR/motd
use chroot = no
reverse lookup = no
log file = DIR/log
[pub]
path = DIR/m
comment = Public area
[hidden]
list = no
path = DIR/m
[a very long module name indeed]
path = DIR/m
comment = %PATH% %nothing%
[denied]
path = DIR/m
hosts deny = 127.0.0.0/8
[denied and hidden]
list = no
path = DIR/m
hosts allow = 192.0.2.1 no.such.host.invalid
[auth]
path = DIR/m
auth users = alice bob:deny carol
secrets file = DIR/secrets
[readable]
path = DIR/m
auth users = alice
secrets file = DIR/open
[secretless]
path = DIR/m
auth users = alice
[digest]
path = DIR/m
auth users = alice
secrets file = DIR/secrets
auth digest = sha3
[disabled]
path = DIR/m
max connections = -1
lock file = DIR/lock
[lockless]
path = DIR/m
max connections = 2
lock file = /nonexistent/lock
[strange user]
path = DIR/m
uid = no.such.user
[strange group]
path = DIR/m
gid = no.such.group
[pathless]
[nowhere]
path = /nonexistent/module
[nowhere to root]
path = /nonexistent/module
use chroot = yes
[file]
path = DIR/conf
[early]
path = DIR/m
early exec = exit 3
[filters]
path = DIR/m
exclude from = /nonexistent/rules
";

/// What stock's client shows, and its exit code, with the port taken out.
fn client_sees(port: u16, arguments: &[&str], password: &str) -> String {
    let mut command = Command::new("rsync");
    for argument in arguments {
        command.arg(argument.replace("PORT", &port.to_string()));
    }
    let output = command.env("RSYNC_PASSWORD", password).env("USER", "alice").output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&port.to_string(), "PORT");
    format!("{}{}{:?}", text(&output.stdout), text(&output.stderr), output.status.code())
}

#[test]
fn stock_client_sees_no_difference() {
    let (ours_dir, stock_dir) = (place(CONFIG), place(CONFIG));
    let (_ours, our_port) = start_ours(&ours_dir.path().join("conf"));
    let (_stock, stock_port) = start_stock(&stock_dir.path().join("conf"));
    let modules = [
        "nothing",
        "Pub",
        "denied",
        "denied and hidden",
        "disabled",
        "lockless",
        "strange user",
        "strange group",
        "pathless",
        "nowhere",
        "nowhere to root",
        "file",
        "early",
        "filters",
        "secretless",
        "readable",
        "digest",
    ];
    let url = |path: &str| format!("rsync://127.0.0.1:PORT/{path}");
    let mut cases: Vec<(Vec<String>, &str)> = modules.map(|module| (vec![url(module)], "secret")).to_vec();
    cases.push((vec![url("")], ""));
    cases.push((vec!["--no-motd".into(), url("")], ""));
    cases.push((vec!["--protocol=24".into(), url("")], ""));
    cases.push((vec!["--protocol=29".into(), url("nothing/x")], ""));
    cases.push((vec!["--port=PORT".into(), "127.0.0.1::#list".into()], ""));
    cases.push((vec!["--port=PORT".into(), "127.0.0.1::#what".into()], ""));
    for (user, password) in [("alice", "wrong"), ("bob", "secret"), ("carol", "secret"), ("dave", "x"), ("#", "x")] {
        cases.push((vec![format!("rsync://{user}@127.0.0.1:PORT/auth/")], password));
        cases.push((vec!["--protocol=29".into(), format!("rsync://{user}@127.0.0.1:PORT/auth/")], password));
    }
    for (arguments, password) in &cases {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let ours = client_sees(our_port, &arguments, password);
        let stock = client_sees(stock_port, &arguments, password);
        assert_eq!(ours, stock, "{arguments:?}");
    }
}

#[test]
fn both_logs_tell_the_same() {
    let (ours_dir, stock_dir) = (place(CONFIG), place(CONFIG));
    let (mut ours, our_port) = start_ours(&ours_dir.path().join("conf"));
    let (mut stock, stock_port) = start_stock(&stock_dir.path().join("conf"));
    let requests = ["", "nothing", "denied", "disabled", "pathless", "strange user", "auth/", "readable", "digest"];
    for (dir, port) in [(&ours_dir, our_port), (&stock_dir, stock_port)] {
        for (done, request) in requests.iter().enumerate() {
            client_sees(port, &[&format!("rsync://127.0.0.1:PORT/{request}")], "wrong");
            // Each connection has to be over in the log before the next one begins.
            log_lines(dir, "log", |lines| lines.len() > 1 + 2 * done);
            std::thread::sleep(Duration::from_millis(30));
        }
    }
    assert_eq!((ours.end(Signal::TERM), stock.end(Signal::TERM)), (0, 0));
    let lines = |dir: &tempfile::TempDir| {
        let place = dir.path().to_str().unwrap().to_owned();
        let lines = log_lines(dir, "log", |_| true);
        let plain = lines.iter().map(|line| line.replace(&place, "DIR"));
        // The first connection only found out whether somebody listens.
        let mut connections = 0;
        let told = plain.skip_while(|line| {
            connections += u32::from(line.starts_with("connect from"));
            connections < 2
        });
        told.collect::<Vec<String>>()
    };
    assert_eq!(lines(&ours_dir), lines(&stock_dir));
}

#[test]
fn our_client_and_either_daemon() {
    let dir = place(CONFIG);
    let (_ours, our_port) = start_ours(&dir.path().join("conf"));
    let (_stock, stock_port) = start_stock(&dir.path().join("conf"));
    for port in [our_port, stock_port] {
        let (answered, shown) = dial(port, None, &[]);
        assert!(matches!(answered, Ok(Answered::Listed)), "{answered:?}");
        assert!(shown.starts_with("Hello\n  there\n\npub            \tPublic area\n"), "{shown}");
        let (answered, _) = dial(port, Some("nothing"), &[]);
        let error = answered.unwrap_err();
        assert_eq!((error.exit.0, error.text_lossy().as_str()), (5, "@ERROR: Unknown module 'nothing'"));
        let words = ["--server", "--sender", "-e.LsfxCIvu", ".", "auth/a.c"];
        let (answered, shown) = dial(port, Some("auth"), &words);
        assert!(matches!(answered, Ok(Answered::Ready { protocol: 32, .. })), "{answered:?}");
        assert_eq!(shown, "Hello\n  there\n\n");
    }
}
