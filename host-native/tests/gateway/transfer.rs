//! rsync through the gateway: each client with each daemon.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::bridge::Bridge;
use super::front::Front;
use super::support::compare::{Grain, Snapshot, check_equal};
use super::support::daemon::Daemon;
use super::support::pool;
use super::support::process::run;
use super::support::programs::Program::{self, Ours, Stock};
use super::support::scratch::Scratch;
use super::support::tree::{Size, Version, build};

const LIMIT: Duration = Duration::from_secs(120);
const SIZE: Size = Size { large: 3 << 20, small: 200 };

#[test]
fn list_push_change_and_pull() {
    let cells: Vec<(Program, Program)> = [Ours, Stock].into_iter().flat_map(|a| [(a, Ours), (a, Stock)]).collect();
    let name = |(client, daemon): &(Program, Program)| format!("{} to {}", client.word(), daemon.word());
    pool::run("gateway", &cells, name, |(client, daemon)| cell(*client, *daemon));
}

fn cell(client: Program, program: Program) -> Result<(), String> {
    let scratch = Scratch::new("gateway");
    let dir = scratch.path();
    fs::create_dir(dir.join("store")).unwrap();
    let module = format!("[mod]\ncomment = a store\npath = {}\n", dir.join("store").display());
    let daemon = Daemon::start(program, &dir.join("daemon"), &module)?;
    let front = Front::start(dir, &[&format!("--target=nas=rsync://127.0.0.1:{}", daemon.port)]);
    let bridge = Bridge::new(front.port, "nas");
    let rsync = |args: &[&str]| {
        let outcome = run(client.command().args(args), LIMIT);
        if outcome.success() { Ok(outcome) } else { Err(format!("{outcome}{}", front.log())) }
    };
    let listed = rsync(&[&bridge.url("")])?;
    if listed.stdout != b"mod            \ta store\n" {
        return Err(format!("{listed}"));
    }
    let (first, second) = (dir.join("first"), dir.join("second"));
    for (tree, version) in [(&first, Version::First), (&second, Version::Changed)] {
        build(tree, version, SIZE);
        // A daemon without a chroot changes links that lead out of its module, which is no matter of the gateway.
        for link in ["absolute", "root", "up"] {
            let _ = fs::remove_file(tree.join("links").join(link));
        }
        // Like rsync, the receiver leaves a directory's time alone that lies in the same second.
        fs::File::open(tree.join("links")).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    }
    let text = |path: &Path| format!("{}/", path.display());
    rsync(&["-aHAX", "--numeric-ids", &text(&first), &bridge.url("mod/t/")])?;
    check_equal(&Snapshot::take(&first).unwrap(), &dir.join("store/t"), Grain::Nanoseconds)?;
    let before = front.metric("received_bytes_total{target=\"nas\"}");
    rsync(&["-aHAX", "--numeric-ids", "--delete", &text(&second), &bridge.url("mod/t/")])?;
    check_equal(&Snapshot::take(&second).unwrap(), &dir.join("store/t"), Grain::Nanoseconds)?;
    rsync(&["-aHAX", "--numeric-ids", &bridge.url("mod/t/"), &text(&dir.join("back"))])?;
    check_equal(&Snapshot::take(&second).unwrap(), &dir.join("back"), Grain::Nanoseconds)?;
    let (received, sent) =
        (front.metric("received_bytes_total{target=\"nas\"}"), front.metric("sent_bytes_total{target=\"nas\"}"));
    if received < before + 1000 || before < SIZE.large as u64 / 2 || sent < SIZE.large as u64 / 2 {
        return Err(format!("  counters: {before} and {received} received, {sent} sent\n"));
    }
    for (metric, expect) in [("sessions_total", 4), ("sessions_active", 0)] {
        let have = front.metric(&format!("{metric}{{target=\"nas\"}}"));
        if have != expect {
            return Err(format!("  {metric}: {have}\n"));
        }
    }
    Ok(())
}

#[test]
fn a_target_that_is_not_there() {
    let scratch = Scratch::new("gateway gone");
    let port = super::support::daemon::free_port();
    let front = Front::start(scratch.path(), &[&format!("--target=nas=rsync://127.0.0.1:{port}")]);
    let (bytes, code, reason) = super::front::read_to_close(&mut front.open("/ws/nas"));
    assert_eq!((bytes, code, reason.as_str()), (Vec::new(), 1011, "the gateway can't reach the rsync daemon"));
    assert_eq!(front.refused("unreachable"), 1);
    front.await_log("the gateway can't reach the rsync daemon: Connection refused");
}
