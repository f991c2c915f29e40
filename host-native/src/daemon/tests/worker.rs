//! Whole connections with our daemon: what a session begins with, and the ways to run a daemon.

use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::super::client::Answered;
use super::super::listener::{Launch, run};
use super::super::{names, params, sys};
use super::{ENGINE, dial, free_port, in_child, launch, log_lines, our_call, place, start_ours};

#[test]
fn sessions_begin_without_privileges() {
    let config = "
use chroot = BOOL
reverse lookup = no
log file = DIR/log
[m]
path = DIR/m
exclude = hidden.c
auth users = alice:rw
secrets file = DIR/secrets
name converter = cat
post-xfer exec = echo post $RSYNC_EXIT_STATUS $RSYNC_MODULE_NAME $RSYNC_USER_NAME >> DIR/hooks
pre-xfer exec = echo pre $RSYNC_REQUEST $RSYNC_ARG0 $RSYNC_ARG4 >> DIR/hooks
";
    let root = sys::euid() == 0;
    let chroots = if root { &["no", "yes"][..] } else { &["no"] };
    for chroot in chroots {
        let dir = place(&config.replace("BOOL", chroot));
        let (_ours, port) = start_ours(&dir.path().join("conf"));
        let words = ["--server", "--sender", "-e.LsfxCIvu", ".", "m/*.c", "m/../../etc"];
        let (answered, _) = dial(port, Some("m"), &words);
        let Ok(Answered::Ready { input, .. }) = answered else {
            panic!("{answered:?}");
        };
        let lines = log_lines(&dir, "log", |lines| lines.iter().any(|line| line.starts_with("served")));
        let (user, group) = match names::user_by_name(b"nobody") {
            Some(user) if root => (user.uid, names::group_by_name(params::nobody_group().as_bytes()).unwrap()),
            _ => (sys::euid(), sys::groups().first().copied().unwrap_or(0)),
        };
        let cwd = if *chroot == "yes" { "/".to_owned() } else { dir.path().join("m").display().to_string() };
        let served = lines.iter().find(|line| line.starts_with("served")).unwrap();
        let expect =
            format!("served [\"a.c\", \"b.c\", \"etc\"] euid {user} groups [{group}] cwd {cwd} read_only false");
        assert!(served.starts_with(&expect), "{served}\n{expect}");
        assert!(
            lines.contains(&"rsync on m/*.c m/../../etc from alice@UNDETERMINED (127.0.0.1)".to_owned()),
            "{lines:?}"
        );
        let note = "module m: parameter \"name converter\" is not supported and has no effect";
        assert!(lines.contains(&note.to_owned()), "{lines:?}");
        drop(input);
        let hooks = || std::fs::read_to_string(dir.path().join("hooks")).unwrap_or_default();
        let start = Instant::now();
        while hooks().lines().count() < 2 && start.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(hooks(), "pre m/*.c m/../../etc rsyncd .\npost 3 m alice\n");
    }
}

#[test]
fn refusing_hook() {
    let config = "
use chroot = no
log file = DIR/log
[m]
path = DIR/m
uid = UID
gid = UID
pre-xfer exec = echo no; exit 1
";
    let dir = place(&config.replace("UID", &sys::euid().to_string()));
    let (_ours, port) = start_ours(&dir.path().join("conf"));
    let (answered, _) = dial(port, Some("m"), &["--server", ".", "m/"]);
    assert!(answered.is_ok());
    let lines = log_lines(&dir, "log", |lines| lines.iter().any(|line| line.starts_with("served")));
    let served = lines.last().unwrap();
    assert!(served.ends_with("refused Some(\"pre-xfer exec returned failure (256):\\nno\")"), "{served}");
}

#[test]
fn pid_file_and_signals() {
    let dir = place("pid file = DIR/pid\nlog file = DIR/log\n");
    let (mut ours, _) = start_ours(&dir.path().join("conf"));
    let pid = dir.path().join("pid");
    assert_eq!(std::fs::read_to_string(&pid).unwrap(), format!("{}\n", ours.0));
    let conf = dir.path().join("conf");
    let second = in_child(|| run(&launch(&conf, free_port()), ENGINE));
    assert_eq!(sys::exit_status(sys::wait(second)), 11, "the pid file is locked");
    assert_eq!(ours.end(Signal::INT), 20);
    assert!(!pid.exists());
}

#[test]
fn unusable_configuration() {
    let dir = place("[a/b]\n");
    let path = dir.path().join("conf");
    let missing = dir.path().join("missing");
    let mut bogus = launch(&path, 1);
    bogus.overrides.push((b"foo".to_vec(), b"1".to_vec()));
    for (launch, status) in [(launch(&missing, 1), 1), (bogus, 1)] {
        let pid = in_child(|| {
            let null = std::fs::File::open("/dev/null").unwrap();
            rustix::stdio::dup2_stdin(&null).unwrap();
            run(&launch, ENGINE)
        });
        assert_eq!(sys::exit_status(sys::wait(pid)), status);
    }
}

#[test]
fn proxy_header_and_handshake_deadline() {
    let config = "
timeout = 1
reverse lookup = no
log file = DIR/log
proxy protocol = yes
proxy protocol hosts = 127.0.0.1
[m]
path = DIR/m
hosts allow = 192.0.2.1
";
    use std::io::{Read, Write};
    let dir = place(config);
    let (_ours, port) = start_ours(&dir.path().join("conf"));
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.write_all(b"PROXY TCP4 192.0.2.9 127.0.0.1 5000 873\r\n@RSYNCD: 31.0\nm\n").unwrap();
    let mut text = String::new();
    socket.read_to_string(&mut text).unwrap();
    let expect = "@ERROR: access denied to m from UNDETERMINED (192.0.2.9)\n";
    assert!(text.ends_with(expect), "{text}");
    let mut silent = TcpStream::connect(("127.0.0.1", port)).unwrap();
    assert_eq!(silent.read_to_string(&mut String::new()).unwrap(), 0);
    let lines = log_lines(&dir, "log", |lines| lines.iter().any(|line| line.contains("timeout --")));
    assert!(lines.contains(&"[Receiver] daemon handshake timeout -- exiting".to_owned()), "{lines:?}");
}

#[test]
fn inetd_and_remote_shell() {
    let dir = place("reverse lookup = no\nuse chroot = no\nlog file = DIR/log\n[m]\npath = DIR/m\nuid = 0\n");
    let path = dir.path().join("conf");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let pid = in_child(|| {
        let (socket, _) = listener.accept().unwrap();
        rustix::stdio::dup2_stdin(socket.as_fd()).unwrap();
        drop(socket);
        run(&launch(&path, 0), ENGINE)
    });
    assert!(matches!(dial(port, None, &[]), (Ok(Answered::Listed), _)));
    assert_eq!(sys::exit_status(sys::wait(pid)), 255);

    let (ours, theirs) = UnixStream::pair().unwrap();
    let pid = in_child(|| {
        rustix::stdio::dup2_stdin(theirs.as_fd()).unwrap();
        rustix::stdio::dup2_stdout(theirs.as_fd()).unwrap();
        run(&Launch { server: true, ..launch(&path, 0) }, ENGINE)
    });
    drop(theirs);
    let (answered, _) = our_call(ours.try_clone().unwrap().into(), ours.into(), None, &[]);
    assert!(matches!(answered, Ok(Answered::Listed)), "{answered:?}");
    assert_eq!(sys::exit_status(sys::wait(pid)), 255);
    let lines = log_lines(&dir, "log", |lines| lines.len() >= 4);
    let expect = [
        "connect from UNDETERMINED (127.0.0.1)",
        "module-list request from UNDETERMINED (127.0.0.1)",
        "connect from UNKNOWN (0.0.0.0)",
        "module-list request from UNKNOWN (0.0.0.0)",
    ];
    assert_eq!(lines, expect);
}
