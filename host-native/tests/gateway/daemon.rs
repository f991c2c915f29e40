//! The gateway that a daemon has by `web address`, and what daemons get to know of clients.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::bridge::{Bridge, Way};
use super::front::{Front, connect, ended, get, until};
use super::support::daemon::free_port;
use super::support::process::run;
use super::support::programs::Program::{self, Ours, Stock};
use super::support::scratch::Scratch;

struct Daemon {
    child: Child,
    scratch: Scratch,
    port: u16,
}

/// Starts a daemon whose global section begins with these lines. (That of the shared support greets everybody.)
fn daemon(program: Program, globals: &str) -> Daemon {
    let scratch = Scratch::new("gateway daemon");
    let dir = scratch.path();
    fs::create_dir(dir.join("store")).unwrap();
    fs::write(dir.join("store/file"), "x").unwrap();
    let identity = if super::support::programs::privileged() { "uid = 0\ngid = 0\n" } else { "" };
    let config = format!(
        "{globals}\nuse chroot = no\nreverse lookup = no\nlog file = {0}/log\npid file = {0}/pid\n{identity}\
         [two]\npath = {0}/store\nhosts allow = 127.0.0.2\n[all]\npath = {0}/store\n",
        dir.display()
    );
    fs::write(dir.join("rsyncd.conf"), config).unwrap();
    let port = free_port();
    let mut command = program.command();
    command.args(["--daemon", "--no-detach", "--address=127.0.0.1"]).arg(format!("--port={port}"));
    command.arg(format!("--config={}", dir.join("rsyncd.conf").display())).stdin(Stdio::null());
    let child = command.spawn().unwrap();
    let daemon = Daemon { child, scratch, port };
    until(|| daemon.log().contains("listening on port"), || daemon.log());
    sleep(Duration::from_millis(50));
    daemon
}

impl Daemon {
    fn log(&self) -> String {
        fs::read_to_string(self.scratch.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

fn list(way: Way, module: &str) -> (bool, String) {
    let outcome = run(Ours.command().arg(Bridge::by(way).url(module)), Duration::from_secs(30));
    (outcome.success(), format!("{outcome}"))
}

/// The daemon judges, and logs, the client of the gateway: 127.0.0.2, where the gateway itself would be refused.
fn knows_the_client(daemon: &Daemon, port: u16, target: &'static str) {
    let way = |last| Way { port, target, from: Ipv4Addr::new(127, 0, 0, last), tls: None };
    let (good, report) = list(way(2), "two/");
    assert!(good, "{report}{}", daemon.log());
    let (good, report) = list(way(3), "two/");
    assert!(!good && report.contains("access denied to two from UNDETERMINED (127.0.0.3)"), "{report}");
    assert!(list(way(3), "all/").0);
    until(|| daemon.log().contains("rsync on all/ from UNDETERMINED (127.0.0.3)"), || daemon.log());
}

#[test]
fn a_gateway_of_its_own() {
    let web = free_port();
    let mut daemon = daemon(Ours, &format!("web address = 127.0.0.1:{web}"));
    until(|| std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, web)).is_ok(), || daemon.log());
    if super::support::programs::privileged() {
        let children = run(
            std::process::Command::new("ps").args(["-o", "user=", "--ppid", &daemon.child.id().to_string()]),
            Duration::from_secs(10),
        );
        assert_eq!(String::from_utf8_lossy(&children.stdout).trim(), "nobody", "the gateway has given up its rights");
    }
    knows_the_client(&daemon, web, "daemon");
    assert!(daemon.log().contains("web session to daemon from 127.0.0.2 begins"), "{}", daemon.log());
    // What comes by the daemon's own port is who it is, whatever it says.
    let own = format!("rsync://127.0.0.1:{}/two/", daemon.port);
    let outcome = run(Ours.command().arg(own), Duration::from_secs(30));
    assert!(String::from_utf8_lossy(&outcome.stderr).contains("access denied to two from UNDETERMINED (127.0.0.1)"));
    let mut liar = connect(daemon.port);
    std::io::Write::write_all(&mut liar, b"PROXY TCP4 127.0.0.2 127.0.0.1 1 1\r\n@RSYNCD: 32.0\ntwo\n").unwrap();
    let mut said = String::new();
    let _ = std::io::Read::read_to_string(&mut liar, &mut said);
    assert!(!said.contains("@RSYNCD: OK"), "{said}");
    kill_process(Pid::from_child(&daemon.child), Signal::TERM).unwrap();
    assert_eq!(ended(&mut daemon.child).code(), Some(0));
    until(|| std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, web)).is_err(), || "it survives its daemon".to_owned());
}

#[test]
fn a_gateway_of_its_own_with_tls() {
    let scratch = Scratch::new("gateway key");
    let (certificate, key, client) = super::secure::certificate(&scratch);
    // The gateway reads it, and is nobody afterwards.
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let web = free_port();
    let files = format!("web certificate = {}\nweb key = {}", certificate.display(), key.display());
    let _daemon = daemon(Ours, &format!("web address = 127.0.0.1:{web}\n{files}"));
    assert_eq!(super::secure::get_page(web, client.clone()), 200);
    let way = Way { port: web, target: "daemon", from: Ipv4Addr::new(127, 0, 0, 2), tls: Some(client) };
    let (good, report) = list(way, "two/");
    assert!(good, "{report}");
}

#[test]
fn a_gateway_of_its_own_with_limits() {
    let web = free_port();
    let daemon = daemon(Ours, &format!("web address = 127.0.0.1:{web}\nweb sessions per minute = 2"));
    until(|| std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, web)).is_ok(), || daemon.log());
    let from = Ipv4Addr::new(127, 0, 0, 2);
    let way = || Way { port: web, target: "daemon", from, tls: None };
    for _ in 0..2 {
        let (good, report) = list(way(), "two/");
        assert!(good, "{report}");
    }
    let (good, report) = list(way(), "two/");
    assert!(!good, "{report}");
    until(|| daemon.log().contains("127.0.0.2"), || daemon.log());
}

#[test]
fn a_daemon_goes_on_without_its_gateway() {
    let web = free_port();
    let daemon = daemon(Ours, &format!("web address = 127.0.0.1:{web}"));
    until(|| std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, web)).is_ok(), || daemon.log());
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", daemon.child.id())).unwrap();
    let gateway = children.trim().parse().ok().and_then(Pid::from_raw).expect("one child");
    kill_process(gateway, Signal::KILL).unwrap();
    until(|| daemon.log().contains("the web gateway has ended"), || daemon.log());
    let own = format!("rsync://127.0.0.1:{}/all/", daemon.port);
    assert!(run(Ours.command().arg(own), Duration::from_secs(30)).success());
}

#[test]
fn what_is_wrong_with_a_web_address() {
    for (lines, expect) in [
        ("web address = nowhere", "web address: \"nowhere\" is not of the form [ADDRESS:]PORT"),
        ("web address = 192.0.2.77:1", "bind() failed: Cannot assign requested address"),
        ("web address = 127.0.0.1:0\nweb origins = files", "\"files\" is not an origin"),
        ("web address = 127.0.0.1:0\nweb key = /x", "web certificate and web key belong together"),
        ("web address = 127.0.0.1:0\nweb trusted proxies = here", "\"here\" is not an address"),
        ("web address = 127.0.0.1:0\nweb idle timeout = long", "web idle timeout: \"long\": not a number of seconds"),
        ("web address = 127.0.0.1:0\nweb connections = 0", "web connections: \"0\": 0 is not in 1.."),
        ("web address = 127.0.0.1:0\nweb token file = /nonexistent", "can't read the token file /nonexistent"),
    ] {
        let scratch = Scratch::new("gateway wrong");
        let (config, log) = (scratch.path().join("conf"), scratch.path().join("log"));
        fs::write(&config, format!("{lines}\nlog file = {}\n", log.display())).unwrap();
        let mut command = Ours.command();
        command.args(["--daemon", "--no-detach", "--address=127.0.0.1"]).arg(format!("--port={}", free_port()));
        let outcome = run(command.arg(format!("--config={}", config.display())), Duration::from_secs(20));
        let log = fs::read_to_string(&log).unwrap();
        assert!(outcome.code == 10 && log.contains(expect), "{outcome}{log}");
    }
}

#[test]
fn proxy_headers() {
    for (program, version) in [(Stock, "v1"), (Stock, "v2"), (Ours, "v1"), (Ours, "v2")] {
        let daemon = daemon(program, "proxy protocol = yes\nproxy protocol hosts = 127.0.0.1");
        let target = format!("--target=nas=rsync://127.0.0.1:{}", daemon.port);
        let front = Front::start(daemon.scratch.path(), &[&target, &format!("--proxy-protocol=nas={version}")]);
        assert_eq!(get(front.port, "/", &[]).status, 200);
        knows_the_client(&daemon, front.port, "nas");
    }
}
