//! `syncline serve`, as somebody uses it: start, look at what it prints, do that, interrupt.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::bridge::Bridge;
use super::front::{ended, get};
use super::support::process::run;
use super::support::programs::Program::{Ours, Stock};
use super::support::scratch::Scratch;

struct Serve {
    child: Child,
    said: String,
    web: u16,
    rsync: u16,
}

fn serve(dir: &Path, words: &[&str]) -> Serve {
    let mut command = Ours.command();
    command
        .current_dir(dir)
        .arg("serve")
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut said = String::new();
    let mut out = BufReader::new(child.stdout.as_mut().unwrap());
    while !said.ends_with("Ctrl-C ends it.\n") {
        assert!(out.read_line(&mut said).unwrap() > 0, "it ended: {said}");
    }
    let port = |scheme: &str| {
        let rest = said.split_once(scheme).unwrap_or_else(|| panic!("no {scheme} in {said}")).1;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    };
    let (web, rsync) = (port("http://127.0.0.1:"), port("rsync://127.0.0.1:"));
    Serve { child, said, web, rsync }
}

impl Serve {
    /// Runs the command that it prints with this word in it.
    fn run_printed(&self, dir: &Path, word: &str) -> i32 {
        let line = self.said.lines().find(|line| line.contains("rsync -av") && line.contains(word)).expect("a command");
        let mut command = Stock.command();
        command.current_dir(dir).args(line.split_whitespace().skip(1));
        run(&mut command, Duration::from_secs(30)).code
    }

    /// Interrupts it; its exit code, and what it said on standard error.
    fn interrupt(mut self) -> (Option<i32>, String) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        let code = ended(&mut self.child).code();
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        for port in [self.web, self.rsync] {
            assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err(), "port {port} is still open");
        }
        (code, said)
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn folders(scratch: &Scratch) {
    for (name, text) in [("music/a", "one"), ("more/music/b", "two"), ("my %HOME% #1/c", "three")] {
        let file = scratch.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    fs::create_dir(scratch.path().join("here")).unwrap();
}

#[test]
fn to_read() {
    let scratch = Scratch::new("serve");
    folders(&scratch);
    let here = scratch.path().join("here");
    let serve = serve(scratch.path(), &["music", "more/music", "my %HOME% #1"]);
    assert!(serve.said.starts_with("Sharing, for reading only:\n"), "{}", serve.said);
    let page = get(serve.web, "/", &[]);
    assert_eq!((page.status, page.header("x-content-type-options")), (200, Some("nosniff")));
    let targets = get(serve.web, "/api/targets", &[]).body;
    assert!(targets.contains("\"name\":\"daemon\""), "{targets}");
    for (module, file, text) in [("music", "a", "one"), ("music-2", "b", "two"), ("my__HOME___1", "c", "three")] {
        assert_eq!(serve.run_printed(&here, &format!("/{module}/")), 0, "{module}");
        assert_eq!(fs::read_to_string(here.join(module).join(file)).unwrap(), text);
    }
    // The same through the gateway; and nobody writes.
    let bridge = Bridge::new(serve.web, "daemon");
    let back = here.join("web");
    let outcome = run(Ours.command().arg("-a").arg(bridge.url("music/")).arg(&back), Duration::from_secs(30));
    assert!(outcome.success(), "{outcome}");
    assert_eq!(fs::read_to_string(back.join("a")).unwrap(), "one");
    let source = format!("{}/", back.display());
    let outcome = run(Ours.command().args(["-a", &source, &bridge.url("music/")]), Duration::from_secs(30));
    assert!(String::from_utf8_lossy(&outcome.stderr).contains("module is read only"), "{outcome}");
    let (code, said) = serve.interrupt();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("rsync on music/ from ") && !said.contains("rsync error: received"), "{said}");
}

#[test]
fn to_write() {
    let scratch = Scratch::new("serve writable");
    folders(&scratch);
    let here = scratch.path().join("here");
    let serve = serve(scratch.path(), &["--writable", "music"]);
    assert_eq!(serve.run_printed(&here, " rsync://127.0.0.1"), 0);
    fs::write(here.join("music/new"), "new").unwrap();
    assert_eq!(serve.run_printed(&here, "-av music/ "), 0);
    assert_eq!(fs::read_to_string(scratch.path().join("music/new")).unwrap(), "new");
    assert_eq!(serve.interrupt().0, Some(0));
}

#[test]
fn what_can_not_be_shared() {
    let scratch = Scratch::new("serve nothing");
    fs::write(scratch.path().join("file"), "x").unwrap();
    for (words, expect) in [
        (&["none"][..], "syncline serve: none: No such file or directory"),
        (&["file"], "syncline serve: file: Not a directory"),
        (&["--listen=192.0.2.77", "."], "can't listen on 192.0.2.77"),
        (&["--page=none", "."], "syncline serve: --page none: No such file or directory"),
        (&["--origin=x", "."], "syncline serve: \"x\" is not an origin"),
        (&[], "required arguments"),
        (&["--web-port=x", "."], "invalid value"),
    ] {
        let mut command = Ours.command();
        let outcome = run(command.current_dir(scratch.path()).arg("serve").args(words), Duration::from_secs(20));
        assert!(outcome.code == 1 && String::from_utf8_lossy(&outcome.stderr).contains(expect), "{outcome}");
    }
    // Only the word itself, in the first place, is a command; a file of its name is one with a path.
    fs::write(scratch.path().join("serve"), "x").unwrap();
    for words in [&["./serve", "copy"][..], &["-t", "serve", "copy"]] {
        let _ = fs::remove_file(scratch.path().join("copy"));
        let outcome = run(Ours.command().current_dir(scratch.path()).args(words), Duration::from_secs(20));
        assert!(outcome.success() && scratch.path().join("copy").exists(), "{outcome}");
    }
}
