//! The text phase against stock rsync: its client talks to our daemon and to its own, configured alike, and must not see
//! the difference; and our client talks to both daemons.

use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use syncline_core::Error;
use syncline_core::session::greeting::{ClientRequest, PROTOCOL};

use super::client::{Answered, Call, Words, call};
use super::listener::{Launch, run};
use super::sys::{self, Forked};
use super::{Engine, Parsed, Served};

/// Instead of a session: tells the log what it would work on.
const ENGINE: Engine = Engine {
    parse: |words, refuse| {
        let end = words
            .iter()
            .position(|word| word == b".")
            .unwrap_or(words.len());
        let cluster = |word: &Vec<u8>| word.starts_with(b"-s");
        let refused = (!refuse.is_empty()).then(|| Error::usage(refuse));
        Parsed {
            options: Default::default(),
            paths: words.get(end + 1..).unwrap_or_default().to_vec(),
            sender: words.iter().any(|word| word == b"--sender"),
            secluded: words[..end].iter().any(cluster),
            relative: false,
            notes: Vec::new(),
            refused,
        }
    },
    check_filters: |_| Ok(()),
    hides: |rules, path| rules.iter().any(|rule| rule.ends_with(path)),
    serve: |served| {
        let Served {
            config,
            refused,
            pending,
            log,
            ..
        } = served;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let paths: Vec<String> = config.paths.iter().map(|path| text(path)).collect();
        let module = config.module.unwrap_or_default();
        log.info(format!(
            "served {paths:?} euid {} groups {:?} cwd {} read_only {} user {:?} pending {:?} refused {:?}",
            sys::euid(),
            sys::groups(),
            std::env::current_dir().unwrap_or_default().display(),
            module.read_only,
            text(&module.user),
            text(&pending),
            refused.map(|error| error.text_lossy()),
        ));
        3
    },
};

/// The process of a daemon, which ends with this value; 0 once it has ended.
struct Running(i32);

impl Running {
    /// Ends it with a signal; its exit code.
    fn end(&mut self, signal: Signal) -> i32 {
        let pid = std::mem::take(&mut self.0);
        if let Some(running) = Pid::from_raw(pid) {
            // It may have failed by itself: then its exit code tells.
            let _ = kill_process(running, signal);
        }
        sys::exit_status(sys::wait(pid))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.0 != 0 {
            self.end(Signal::TERM);
        }
    }
}

/// Runs something in a process of its own.
fn in_child(work: impl FnOnce() -> i32) -> i32 {
    match sys::fork().unwrap() {
        Forked::Parent(pid) => pid,
        Forked::Child => sys::exit_now(work()),
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn await_port(port: u16) {
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "nobody listens on {port}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn launch(config: &Path, port: u16) -> Launch {
    Launch {
        config: Some(config.as_os_str().as_bytes().to_vec()),
        address: Some(b"127.0.0.1".to_vec()),
        port,
        stay: true,
        ..Launch::default()
    }
}

fn start_ours(config: &Path) -> (Running, u16) {
    let port = free_port();
    let launch = launch(config, port);
    let pid = in_child(|| {
        let null = std::fs::File::open("/dev/null").unwrap();
        rustix::stdio::dup2_stdin(&null).unwrap();
        run(&launch, ENGINE)
    });
    let running = Running(pid);
    await_port(port);
    (running, port)
}

fn start_stock(config: &Path) -> (Running, u16) {
    let port = free_port();
    let mut command = Command::new("rsync");
    command.args(["--daemon", "--no-detach", "--address=127.0.0.1"]);
    command
        .arg(format!("--port={port}"))
        .arg(format!("--config={}", config.display()));
    let running = Running(command.stdin(Stdio::null()).spawn().unwrap().id() as i32);
    await_port(port);
    (running, port)
}

/// A place with a module directory `m`, secrets, and a configuration in which `DIR` stands for the place.
fn place(config: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    // Workers that gave up their privileges have to get in.
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::create_dir_all(dir.path().join("m/sub")).unwrap();
    for name in ["m/a.c", "m/b.c", "m/hidden.c", "m/sub/x"] {
        std::fs::write(dir.path().join(name), "text").unwrap();
    }
    std::fs::write(dir.path().join("motd"), "Hello\n  there\n").unwrap();
    for (name, mode) in [("secrets", 0o600), ("open", 0o644)] {
        let path = dir.path().join(name);
        std::fs::write(&path, "alice:secret\nbob:secret\ncarol:other\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let config = config.replace("DIR", dir.path().to_str().unwrap());
    std::fs::write(dir.path().join("conf"), config).unwrap();
    dir
}

/// The lines of the log without time and process, once there are as many as wanted.
fn log_lines(
    dir: &tempfile::TempDir,
    name: &str,
    wanted: impl Fn(&[String]) -> bool,
) -> Vec<String> {
    let start = Instant::now();
    loop {
        let text = std::fs::read_to_string(dir.path().join(name)).unwrap_or_default();
        let message = |line: &str| {
            line.split_once("] ")
                .map_or(String::new(), |(_, message)| message.to_owned())
        };
        let lines: Vec<String> = text.lines().map(message).collect();
        if wanted(&lines) || start.elapsed() > Duration::from_secs(10) {
            return lines;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

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
    let output = command
        .env("RSYNC_PASSWORD", password)
        .env("USER", "alice")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&port.to_string(), "PORT");
    format!(
        "{}{}{:?}",
        text(&output.stdout),
        text(&output.stderr),
        output.status.code()
    )
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
    let mut cases: Vec<(Vec<String>, &str)> =
        modules.map(|module| (vec![url(module)], "secret")).to_vec();
    cases.push((vec![url("")], ""));
    cases.push((vec!["--no-motd".into(), url("")], ""));
    cases.push((vec!["--protocol=24".into(), url("")], ""));
    cases.push((vec!["--protocol=29".into(), url("nothing/x")], ""));
    cases.push((vec!["--port=PORT".into(), "127.0.0.1::#list".into()], ""));
    cases.push((vec!["--port=PORT".into(), "127.0.0.1::#what".into()], ""));
    for (user, password) in [
        ("alice", "wrong"),
        ("bob", "secret"),
        ("carol", "secret"),
        ("dave", "x"),
        ("#", "x"),
    ] {
        cases.push((
            vec![format!("rsync://{user}@127.0.0.1:PORT/auth/")],
            password,
        ));
        cases.push((
            vec![
                "--protocol=29".into(),
                format!("rsync://{user}@127.0.0.1:PORT/auth/"),
            ],
            password,
        ));
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
    let requests = [
        "",
        "nothing",
        "denied",
        "disabled",
        "pathless",
        "strange user",
        "auth/",
        "readable",
        "digest",
    ];
    for (dir, port) in [(&ours_dir, our_port), (&stock_dir, stock_port)] {
        for (done, request) in requests.iter().enumerate() {
            client_sees(
                port,
                &[&format!("rsync://127.0.0.1:PORT/{request}")],
                "wrong",
            );
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

/// Our client, with what it was shown.
fn our_call(
    input: OwnedFd,
    output: OwnedFd,
    module: Option<&str>,
    words: &[&str],
) -> (Result<Answered, Error>, String) {
    let mut shown = String::new();
    let mut show = |line: &[u8]| shown.push_str(&String::from_utf8_lossy(line));
    let words = |_| Words {
        plain: words.iter().map(|word| word.as_bytes().to_vec()).collect(),
        secluded: None,
    };
    let request = ClientRequest {
        protocol: PROTOCOL,
        module: module.map(|module| module.as_bytes().to_vec()),
        early_input: Vec::new(),
        user: b"alice".to_vec(),
    };
    let answered = call(
        input,
        output,
        Call {
            request,
            password_file: Some(PASSWORD_FILE.as_bytes()),
            role: "Receiver",
            words: &words,
            show: &mut show,
        },
    );
    (answered, shown)
}

/// A password file that both the test and its children can name: one per test program.
static PASSWORD_FILE: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
    let path = std::env::temp_dir().join(format!("syncline-test-password-{}", std::process::id()));
    std::fs::write(&path, "secret\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path.to_str().unwrap().to_owned()
});

fn dial(port: u16, module: Option<&str>, words: &[&str]) -> (Result<Answered, Error>, String) {
    let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    our_call(
        socket.try_clone().unwrap().into(),
        socket.into(),
        module,
        words,
    )
}

#[test]
fn our_client_and_either_daemon() {
    let dir = place(CONFIG);
    let (_ours, our_port) = start_ours(&dir.path().join("conf"));
    let (_stock, stock_port) = start_stock(&dir.path().join("conf"));
    for port in [our_port, stock_port] {
        let (answered, shown) = dial(port, None, &[]);
        assert!(matches!(answered, Ok(Answered::Listed)), "{answered:?}");
        assert!(
            shown.starts_with("Hello\n  there\n\npub            \tPublic area\n"),
            "{shown}"
        );
        let (answered, _) = dial(port, Some("nothing"), &[]);
        let error = answered.unwrap_err();
        assert_eq!(
            (error.exit.0, error.text_lossy().as_str()),
            (5, "@ERROR: Unknown module 'nothing'")
        );
        let words = ["--server", "--sender", "-e.LsfxCIvu", ".", "auth/a.c"];
        let (answered, shown) = dial(port, Some("auth"), &words);
        assert!(
            matches!(answered, Ok(Answered::Ready { protocol: 32, .. })),
            "{answered:?}"
        );
        assert_eq!(shown, "Hello\n  there\n\n");
    }
}

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
charset = utf8
post-xfer exec = echo post $RSYNC_EXIT_STATUS $RSYNC_MODULE_NAME $RSYNC_USER_NAME >> DIR/hooks
pre-xfer exec = echo pre $RSYNC_REQUEST $RSYNC_ARG0 $RSYNC_ARG4 >> DIR/hooks
";
    let root = sys::euid() == 0;
    let chroots = if root { &["no", "yes"][..] } else { &["no"] };
    for chroot in chroots {
        let dir = place(&config.replace("BOOL", chroot));
        let (_ours, port) = start_ours(&dir.path().join("conf"));
        let words = [
            "--server",
            "--sender",
            "-e.LsfxCIvu",
            ".",
            "m/*.c",
            "m/../../etc",
        ];
        let (answered, _) = dial(port, Some("m"), &words);
        let Ok(Answered::Ready { input, .. }) = answered else {
            panic!("{answered:?}");
        };
        let lines = log_lines(&dir, "log", |lines| {
            lines.iter().any(|line| line.starts_with("served"))
        });
        let (user, group) = match sys::user_by_name(b"nobody") {
            Some(user) if root => (
                user.uid,
                sys::group_by_name(super::params::nobody_group().as_bytes()).unwrap(),
            ),
            _ => (sys::euid(), sys::groups().first().copied().unwrap_or(0)),
        };
        let cwd = if *chroot == "yes" {
            "/".to_owned()
        } else {
            dir.path().join("m").display().to_string()
        };
        let served = lines
            .iter()
            .find(|line| line.starts_with("served"))
            .unwrap();
        let expect = format!(
            "served [\"a.c\", \"b.c\", \"etc\"] euid {user} groups [{group}] cwd {cwd} read_only false"
        );
        assert!(served.starts_with(&expect), "{served}\n{expect}");
        assert!(
            lines.contains(
                &"rsync on m/*.c m/../../etc from alice@UNDETERMINED (127.0.0.1)".to_owned()
            ),
            "{lines:?}"
        );
        let note = "module m: parameter \"charset\" is not supported and has no effect";
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
    let lines = log_lines(&dir, "log", |lines| {
        lines.iter().any(|line| line.starts_with("served"))
    });
    let served = lines.last().unwrap();
    assert!(
        served.ends_with("refused Some(\"pre-xfer exec returned failure (256):\\nno\\n\")"),
        "{served}"
    );
}

#[test]
fn pid_file_and_signals() {
    let dir = place("pid file = DIR/pid\nlog file = DIR/log\n");
    let (mut ours, _) = start_ours(&dir.path().join("conf"));
    let pid = dir.path().join("pid");
    assert_eq!(
        std::fs::read_to_string(&pid).unwrap(),
        format!("{}\n", ours.0)
    );
    let conf = dir.path().join("conf");
    let second = in_child(|| run(&launch(&conf, free_port()), ENGINE));
    assert_eq!(
        sys::exit_status(sys::wait(second)),
        11,
        "the pid file is locked"
    );
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
    socket
        .write_all(b"PROXY TCP4 192.0.2.9 127.0.0.1 5000 873\r\n@RSYNCD: 31.0\nm\n")
        .unwrap();
    let mut text = String::new();
    socket.read_to_string(&mut text).unwrap();
    let expect = "@ERROR: access denied to m from UNDETERMINED (192.0.2.9)\n";
    assert!(text.ends_with(expect), "{text}");
    let mut silent = TcpStream::connect(("127.0.0.1", port)).unwrap();
    assert_eq!(silent.read_to_string(&mut String::new()).unwrap(), 0);
    let lines = log_lines(&dir, "log", |lines| {
        lines.iter().any(|line| line.contains("timeout --"))
    });
    assert!(
        lines.contains(&"[Receiver] daemon handshake timeout -- exiting".to_owned()),
        "{lines:?}"
    );
}

#[test]
fn inetd_and_remote_shell() {
    let dir = place(
        "reverse lookup = no\nuse chroot = no\nlog file = DIR/log\n[m]\npath = DIR/m\nuid = 0\n",
    );
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
        run(
            &Launch {
                server: true,
                ..launch(&path, 0)
            },
            ENGINE,
        )
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
