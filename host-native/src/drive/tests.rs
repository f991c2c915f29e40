use std::io::Read;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::Instant;

use rustix::fs::{OFlags, fcntl_getfl};
use syncline_core::options::{Command, Env, Options, Setup, parse_with};
use syncline_core::session::{Config, Role, Side, Transport};
use syncline_core::wire::Codecs;

use super::*;

fn options(words: &[&str]) -> Options {
    let words: Vec<Vec<u8>> = words.iter().chain(&["x", "y"]).map(|word| word.as_bytes().to_vec()).collect();
    match parse_with(&words, &Env::default(), &Setup::default()) {
        Ok(Command::Client { options, .. }) => *options,
        other => panic!("not a client: {:?}", other.err()),
    }
}

fn config(options: &Options, role: Role, transport: Transport, path: &Path) -> Config {
    let server = role == Role::Receiver;
    let mut options = options.clone();
    options.server = server;
    Config {
        options,
        side: if server { Side::Server } else { Side::Client },
        role,
        transport,
        protocol: None,
        paths: vec![path.to_str().unwrap().as_bytes().to_vec()],
        requested: Vec::new(),
        umask: 0o22,
        root: rustix::process::geteuid().is_root(),
        ids: (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()),
        groups: time::groups(),
        cwd: b"/".to_vec(),
        home: Vec::new(),
        cvsignore: Vec::new(),
        stop_after_ms: None,
        names: None,
        seed: 1,
        unix_time: time::unix_seconds(),
        pid: 1,
        local_time: time::local_time,
        checksum_list: None,
        compress_list: None,
        codecs: Codecs::default(),
        scan: None,
        conversion: None,
        module: None,
        module_chmod: None,
        batch: None,
        rule_files: Vec::new(),
        refused: None,
        errors_to_client: false,
    }
}

fn wire(socket: UnixStream) -> Wire {
    Wire::new(socket.try_clone().unwrap().into(), socket.into())
}

fn drive(config: Config, wire: Wire) -> Exit {
    let mut console = Console::new(&config.options);
    run(&mut Session::new(config), wire, &mut Fs::new(), &mut console)
}

/// What is sent before the receiver's loop begins reaches it all the same, and neither end waits for the other for good,
/// although much more is under way in both directions than the sockets hold.
fn copies(words: &[&str]) {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let name = |n: usize| format!("a-name-that-takes-some-room-in-the-list-{n}");
    let data = |n: usize| vec![n as u8; n % 7 * 5_000];
    for n in 0..300 {
        std::fs::write(from.path().join(name(n)), data(n)).unwrap();
        // A basis with other contents: signatures go one way while data goes the other.
        std::fs::write(to.path().join(name(n)), vec![255; n % 5 * 20_000 + 1]).unwrap();
    }
    let options = options(words);
    let (near, far) = UnixStream::pair().unwrap();
    let receiving = config(&options, Role::Receiver, Transport::Local, to.path());
    let receiver = thread::spawn(move || {
        let mut far = wire(far);
        let mut early = [0; 3];
        let count = rustix::io::read(&far.input, &mut early).unwrap();
        far.pending = early[..count].to_vec();
        drive(receiving, far)
    });
    let sending = config(&options, Role::Sender, Transport::Local, &from.path().join(""));
    let exits = (drive(sending, wire(near)), receiver.join().unwrap());
    assert_eq!(exits, (Exit::OK, Exit::OK));
    for n in 0..300 {
        assert!(std::fs::read(to.path().join(name(n))).unwrap() == data(n), "file {n}");
    }
}

#[test]
fn copies_by_file_descriptors() {
    copies(&["-rI"]);
}

#[test]
fn copies_over_the_wire() {
    copies(&["-rI", "--no-whole-file"]);
}

/// Passes bytes on until `most` have gone by, then closes everything.
fn pass_on(mut from: UnixStream, mut to: UnixStream, most: u64) {
    // A copy that fails has met an end that is gone, which is what the test is about.
    let _ = io::copy(&mut Read::by_ref(&mut from).take(most), &mut to);
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// Wherever the connection breaks, both ends come to an end, and no temporary file is left.
#[test]
fn connections_that_break() {
    let from = tempfile::tempdir().unwrap();
    for n in 0..20 {
        std::fs::write(from.path().join(format!("file-{n}")), vec![n; 100_000]).unwrap();
    }
    for most in [3, 200, 5_000, 150_000, 700_000, 1_999_000] {
        let to = tempfile::tempdir().unwrap();
        let options = options(&["-rI", "--no-whole-file"]);
        let (near, near_end) = UnixStream::pair().unwrap();
        let (far, far_end) = UnixStream::pair().unwrap();
        let back = (far_end.try_clone().unwrap(), near_end.try_clone().unwrap());
        let passers = [thread::spawn(move || pass_on(near_end, far_end, most)), {
            thread::spawn(move || pass_on(back.0, back.1, u64::MAX))
        }];
        let receiving = config(&options, Role::Receiver, Transport::Local, to.path());
        let receiver = thread::spawn(move || drive(receiving, wire(far)));
        let sending = config(&options, Role::Sender, Transport::Local, &from.path().join(""));
        let exits = [drive(sending, wire(near)), receiver.join().unwrap()];
        passers.into_iter().for_each(|passer| passer.join().unwrap());
        assert!(exits.iter().all(|exit| [Exit::STREAM, Exit::SOCKET_IO].contains(exit)), "{most}: {exits:?}");
        let left = std::fs::read_dir(to.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert_eq!(left.filter(|name| name.starts_with('.')).collect::<Vec<_>>(), [""; 0], "{most}");
    }
}

#[test]
fn a_peer_that_closes() {
    let (near, far) = UnixStream::pair().unwrap();
    drop(far);
    let config = config(&options(&["-r"]), Role::Sender, Transport::Shell, Path::new("/nonexistent"));
    assert_eq!(drive(config, wire(near)), Exit::STREAM);
}

#[test]
fn a_peer_that_neither_reads_nor_closes() {
    let (near, far) = UnixStream::pair().unwrap();
    far.shutdown(Shutdown::Read).unwrap();
    let config = config(&options(&["-r"]), Role::Sender, Transport::Shell, Path::new("/nonexistent"));
    let start = Instant::now();
    assert_eq!(drive(config, wire(near)), Exit::SOCKET_IO);
    assert!(start.elapsed().as_millis() >= u128::from(SILENCE_MS));
}

#[test]
fn a_silent_peer() {
    let (near, mut far) = UnixStream::pair().unwrap();
    let config = config(&options(&["-r", "--timeout=1"]), Role::Sender, Transport::Shell, Path::new("/nonexistent"));
    assert_eq!(drive(config, wire(near)), Exit::TIMEOUT);
    let mut sent = Vec::new();
    far.read_to_end(&mut sent).unwrap();
    assert!(sent.starts_with(&32_u32.to_le_bytes()), "the version went out before anything came in");
}

#[test]
fn descriptors_are_given_back_as_they_were() {
    let (near, far) = UnixStream::pair().unwrap();
    drop(far);
    let kept = near.try_clone().unwrap();
    let is_nonblocking = || fcntl_getfl(&kept).unwrap().contains(OFlags::NONBLOCK);
    let pump = Pump::new(wire(near));
    assert!(is_nonblocking());
    drop(pump);
    assert!(!is_nonblocking());
}
