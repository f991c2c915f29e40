//! Floods of wrong passwords and wrong secrets.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use super::bridge::{Bridge, Way};
use super::front::{Front, post, until};
use super::support::daemon::Daemon;
use super::support::process::{Outcome, run};
use super::support::programs::Program::{self, Ours, Stock};
use super::support::scratch::Scratch;

struct Guarded {
    daemon: Daemon,
    front: Front,
    bridge: Bridge,
    scratch: Scratch,
}

/// A daemon that wants a password, behind a gateway that bears three failures.
fn guarded(program: Program) -> Guarded {
    let scratch = Scratch::new("gateway login");
    let dir = scratch.path();
    let secrets = dir.join("secrets");
    fs::write(&secrets, "joe:right\n").unwrap();
    fs::set_permissions(&secrets, fs::Permissions::from_mode(0o600)).unwrap();
    fs::create_dir(dir.join("store")).unwrap();
    fs::write(dir.join("store/file"), "x").unwrap();
    let open = format!("path = {}\n", dir.join("store").display());
    let module = format!("[mod]\n{open}auth users = joe\nsecrets file = {}\n[open]\n{open}", secrets.display());
    let daemon = Daemon::start(program, &dir.join("daemon"), &module).unwrap();
    let target = format!("--target=nas=rsync://127.0.0.1:{}", daemon.port);
    let front = Front::start(dir, &[&target, "--failed-logins=3"]);
    let bridge = Bridge::new(front.port, "nas");
    Guarded { daemon, front, bridge, scratch }
}

impl Guarded {
    fn list(&self, client: Program, bridge: &Bridge, module: &str, password: &str) -> Outcome {
        let url = bridge.url(module).replace("rsync://", "rsync://joe@");
        run(client.command().arg(url).env("RSYNC_PASSWORD", password), Duration::from_secs(30))
    }
}

#[test]
fn a_flood_of_wrong_passwords_ends_at_the_gateway() {
    for program in [Ours, Stock] {
        let here = guarded(program);
        let list = |module: &str, password: &str| here.list(program, &here.bridge, module, password);
        // What goes well is no failure, however often; nor is a challenge that nobody answers.
        for _ in 0..6 {
            let outcome = list("mod/", "right");
            assert!(outcome.success(), "{outcome}{}", here.front.log());
        }
        let failed = |outcome: &Outcome| String::from_utf8_lossy(&outcome.stderr).into_owned();
        for _ in 0..3 {
            let outcome = list("mod/", "wrong");
            assert!(failed(&outcome).contains("@ERROR: auth failed on module mod"), "{outcome}");
        }
        for password in ["wrong", "right", "wrong"] {
            let outcome = list("mod/", password);
            assert_eq!(outcome.code, 5, "{outcome}");
            assert!(failed(&outcome).contains("@ERROR: too many failed logins from your address"), "{outcome}");
        }
        // The daemon has been shown three, and the gateway has counted and told them.
        until(|| here.daemon.log().matches("password mismatch").count() == 3, || here.daemon.log());
        assert_eq!(here.front.metric("failed_logins_total{target=\"nas\"}"), 3);
        assert_eq!(here.front.refused("failed_logins"), 3);
        assert_eq!(here.front.log().matches("failed login at nas from 127.0.0.1").count(), 3);
        here.front.await_log("web session to nas from 127.0.0.1: too many failed logins from your address");
        // A module that wants no password, and another address, are not concerned.
        assert!(list("open/", "").success());
        let way = Way { port: here.front.port, target: "nas", from: Ipv4Addr::new(127, 0, 0, 2), tls: None };
        let outcome = here.list(program, &Bridge::by(way), "mod/", "right");
        assert!(outcome.success(), "{outcome}");
    }
}

#[test]
fn an_unanswered_challenge_is_no_failure() {
    let here = guarded(Ours);
    for _ in 0..5 {
        let mut socket = here.front.open("/ws/nas");
        super::front::send(&mut socket, b"@RSYNCD: 32.0 md5\nmod\n");
        let said = super::front::read_until(&mut socket, "\n");
        let said = if said.contains("AUTHREQD") { said } else { super::front::read_until(&mut socket, "\n") };
        assert!(said.contains("@RSYNCD: AUTHREQD "), "{said}");
        socket.close(None).unwrap();
        while socket.read().is_ok() {}
    }
    assert_eq!(here.front.refused("failed_logins"), 0);
    assert!(here.scratch.path().exists());
}

#[test]
fn a_flood_of_wrong_secrets() {
    let here = guarded(Ours);
    let secrets = here.scratch.path().join("tokens");
    fs::write(&secrets, "a secret of this test\n").unwrap();
    fs::set_permissions(&secrets, fs::Permissions::from_mode(0o600)).unwrap();
    let dir = here.scratch.path().join("other");
    fs::create_dir(&dir).unwrap();
    let file = format!("--token-file={}", secrets.display());
    let front = Front::start(&dir, &["--target=nas=rsync://127.0.0.1", &file, "--failed-logins=3"]);
    let ask = |secret: &str| post(front.port, "/api/token", &[("Authorization", &format!("Bearer {secret}"))]).status;
    assert_eq!(ask("a secret of this test"), 200);
    let statuses: Vec<u16> = (0..5).map(|at| ask(&format!("wrong {at}"))).collect();
    assert_eq!(statuses, [401, 401, 401, 429, 429]);
    assert_eq!(ask("a secret of this test"), 429);
    assert_eq!((front.refused("secret"), front.refused("failed_logins")), (3, 3));
}
