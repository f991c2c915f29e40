//! Whole runs of the program, local, through a remote shell and through a daemon: what went wrong once with options, odd trees and
//! peers that vanish.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_syncline");

/// A source, a destination, and a remote shell that stays here.
struct Here {
    dir: TempDir,
}

impl Here {
    fn new(sources: &[(&str, &str)]) -> Here {
        let here = Here { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(here.path("s")).unwrap();
        fs::create_dir(here.path("d")).unwrap();
        for (name, text) in sources {
            here.write(&format!("s/{name}"), text);
        }
        here.write("rsh", "#!/bin/sh\nshift\nexec sh -c \"$*\"\n");
        fs::set_permissions(here.path("rsh"), fs::Permissions::from_mode(0o755)).unwrap();
        here
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn text(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path(name)).ok()
    }

    fn mode(&self, name: &str) -> u32 {
        fs::symlink_metadata(self.path(name)).unwrap().permissions().mode() & 0o7777
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.current_dir(self.dir.path()).env("LC_ALL", "C").args(args).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the program and expects an exit code.
    fn run(&self, args: &[&str], code: i32) -> Output {
        let output = self.command(args).output().unwrap();
        let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}\n{}\n{}", shown(&output.stdout), shown(&output.stderr));
        output
    }

    /// Runs it locally, then with each end remote; `check` sees the outcome of each.
    fn each_way(
        sources: &[(&str, &str)],
        prepare: impl Fn(&Here),
        args: &[&str],
        code: i32,
        check: impl Fn(&Here, &str),
    ) {
        for way in ["local", "push", "pull"] {
            let here = Here::new(sources);
            prepare(&here);
            let (mut from, mut to) = ("s/".to_owned(), "d/".to_owned());
            match way {
                "push" => to = format!("h:{}/", here.path("d").display()),
                "pull" => from = format!("h:{}/", here.path("s").display()),
                _ => {}
            }
            let rsh = here.path("rsh");
            let remote = ["-e", rsh.to_str().unwrap(), "--rsync-path", PROGRAM];
            let output = here.run(&[args, &remote, &[&from, &to]].concat(), code);
            check(&here, &String::from_utf8_lossy(&output.stdout));
        }
    }
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn what_is_replaced_is_backed_up() {
    let old = |here: &Here| here.write("d/sub/f", "old");
    Here::each_way(&[("sub/f", "newer")], old, &["-ab"], 0, |here, _| {
        assert_eq!(here.text("d/sub/f~").as_deref(), Some("old"));
        assert_eq!(here.text("d/sub/f").as_deref(), Some("newer"));
    });
    Here::each_way(&[("sub/f", "newer")], old, &["-ab", "--backup-dir=../bak/x"], 0, |here, _| {
        assert_eq!(here.text("bak/x/sub/f").as_deref(), Some("old"));
    });
    let nothing_to_do = |_: &Here| {};
    Here::each_way(&[("f", "new")], nothing_to_do, &["-ab", "--backup-dir=../bak"], 0, |here, _| {
        assert!(!here.path("bak").exists());
    });
}

#[test]
fn modes_are_changed_on_the_way() {
    let make = |here: &Here| fs::set_permissions(here.path("s/f"), fs::Permissions::from_mode(0o664)).unwrap();
    Here::each_way(&[("f", "x"), ("sub/g", "y")], make, &["-a", "--chmod=D750,Fo-rwx"], 0, |here, _| {
        assert_eq!((here.mode("d/f"), here.mode("d/sub")), (0o660, 0o750));
    });
    Here::each_way(&[("f", "x")], make, &["-a", "--inplace"], 0, |here, _| assert_eq!(here.mode("d/f"), 0o664));
}

#[test]
fn all_sources_are_removed() {
    let same = |here: &Here| {
        here.write("d/a", "a");
        let time = fs::metadata(here.path("s/a")).unwrap().modified().unwrap();
        fs::File::options().write(true).open(here.path("d/a")).unwrap().set_modified(time).unwrap();
    };
    let files = [("a", "a"), ("b", "b"), ("sub/c", "c"), ("sub/deep/d", "d"), ("z", "z")];
    Here::each_way(&files, same, &["-a", "--remove-source-files"], 0, |here, _| {
        assert_eq!(names(&here.path("s")), ["sub"]);
        assert_eq!(names(&here.path("s/sub")), ["deep"]);
        assert!(names(&here.path("s/sub/deep")).is_empty());
        assert_eq!(here.text("d/sub/deep/d").as_deref(), Some("d"));
    });
}

#[test]
fn deleting_meets_other_types() {
    let prepare = |here: &Here| {
        here.write("d/sub", "a file where a directory comes");
        here.write("d/file/inner", "a directory where a file comes");
        here.write("d/extra", "x");
    };
    for when in ["--delete-before", "--delete-during", "--delete-delay", "--delete-after"] {
        Here::each_way(&[("sub/f", "f"), ("file", "f")], prepare, &["-ai", when], 0, |here, out| {
            assert_eq!(names(&here.path("d")), ["file", "sub"]);
            assert!(out.contains("*deleting   file/inner\n") && !out.contains("*deleting   file/\n"), "{when}: {out}");
        });
    }
    Here::each_way(&[("file", "f")], prepare, &["-a", "--delete", "--max-delete=0"], 23, |here, _| {
        assert_eq!(names(&here.path("d/file")), ["inner"]);
        assert!(here.path("d/extra").exists());
    });
}

#[test]
fn links_are_followed_and_names_escaped() {
    let prepare = |here: &Here| symlink("target", here.path("s/link")).unwrap();
    Here::each_way(&[("target", "text"), ("new\nline", "n")], prepare, &["-rLi"], 0, |here, out| {
        assert_eq!(here.text("d/link").as_deref(), Some("text"));
        assert!(out.contains("new\\#012line\n"), "{out}");
    });
}

#[test]
fn alternates_hold_links_and_directories_too() {
    for (option, made) in [("--compare-dest=../alt", false), ("--copy-dest=../alt", true), ("--link-dest=../alt", true)]
    {
        let prepare = |here: &Here| {
            symlink("x", here.path("s/link")).unwrap();
            here.run(&["-a", "s/", "alt/"], 0);
        };
        Here::each_way(&[("sub/f", "f")], prepare, &["-ai", option], 0, |here, out| {
            assert_eq!(here.path("d/link").is_symlink(), made, "{option}");
            assert!(!out.contains("+++"), "{option}: {out}");
            if option.starts_with("--link") {
                let ino = |name: &str| fs::symlink_metadata(here.path(name)).unwrap().ino();
                assert_eq!((ino("d/link"), ino("d/sub/f")), (ino("alt/link"), ino("alt/sub/f")));
            }
        });
    }
}

#[test]
fn destinations_that_are_made_are_reported() {
    let here = Here::new(&[("f", "f")]);
    let out = here.run(&["-ai", "s/", "new/"], 0).stdout;
    assert!(String::from_utf8_lossy(&out).contains("cd+++++++++ ./\n"));
}

#[test]
fn the_remote_shell_has_the_umask_of_the_user() {
    let here = Here::new(&[("f", "f")]);
    here.write("rsh2", "#!/bin/sh\numask >\"$0.umask\"\nshift\nexec sh -c \"$*\"\n");
    fs::set_permissions(here.path("rsh2"), fs::Permissions::from_mode(0o755)).unwrap();
    let (rsh, dest) = (here.path("rsh2"), format!("h:{}/", here.path("d").display()));
    let umask = Command::new("sh").args(["-c", "umask"]).output().unwrap().stdout;
    here.run(&["-a", "-e", rsh.to_str().unwrap(), "--rsync-path", PROGRAM, "s/", &dest], 0);
    assert_eq!(here.text("rsh2.umask").unwrap().into_bytes(), umask);
}

/// Waits for a process, but not for long.
fn ends(mut child: Child) -> Option<i32> {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(15) {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    panic!("still running");
}

#[test]
fn an_interrupted_pull_ends_both_sides() {
    let here = Here::new(&[]);
    fs::write(here.path("s/big"), vec![7u8; 12 << 20]).unwrap();
    let source = format!("h:{}/big", here.path("s").display());
    let rsh = here.path("rsh");
    let args =
        ["-a", "--partial", "--bwlimit=1000", "-e", rsh.to_str().unwrap(), "--rsync-path", PROGRAM, &source, "d/"];
    let child = here.command(&args).spawn().unwrap();
    let begin = Instant::now();
    let some_arrived =
        || fs::read_dir(here.path("d")).unwrap().flatten().any(|e| e.metadata().is_ok_and(|m| m.len() > 300_000));
    while !some_arrived() && begin.elapsed() < Duration::from_secs(10) {
        sleep(Duration::from_millis(20));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    // The client waits for its shell, and so for the server, which has megabytes left that nobody takes.
    assert_eq!(ends(child), Some(20));
    assert_eq!(names(&here.path("d")), ["big"]);
}

/// A daemon with one writable module, which ends with the test.
struct Daemon {
    child: Child,
    port: u16,
}

impl Daemon {
    fn start(here: &Here, module: &str) -> Daemon {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let owner = fs::metadata(here.dir.path()).unwrap();
        let path = here.path("d");
        let config = format!(
            "use chroot = no\n[m]\npath = {}\nread only = no\nuid = {}\ngid = {}\n{module}",
            path.display(),
            owner.uid(),
            owner.gid()
        );
        here.write("conf", &config);
        let config = format!("--config={}", here.path("conf").display());
        let log = format!("--log-file={}", here.path("log").display());
        let args = ["--daemon", "--no-detach", "--address=127.0.0.1", &config, &log, &format!("--port={port}")];
        let child = here.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(10), "the daemon does not answer");
            sleep(Duration::from_millis(20));
        }
        Daemon { child, port }
    }

    fn url(&self, path: &str) -> String {
        format!("rsync://127.0.0.1:{}/m/{path}", self.port)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_module_changes_modes() {
    let here = Here::new(&[("f", "f"), ("sub/g", "g")]);
    let daemon = Daemon::start(&here, "incoming chmod = D700,F600\noutgoing chmod = F640\n");
    here.run(&["-a", "s/", &daemon.url("in/")], 0);
    assert_eq!((here.mode("d/in/f"), here.mode("d/in/sub")), (0o600, 0o700));
    here.run(&["-a", &daemon.url("in/"), "back/"], 0);
    assert_eq!(here.mode("back/f"), 0o640);
}

#[test]
fn directories_that_options_name_lie_in_the_module() {
    let here = Here::new(&[("f", "new text")]);
    let daemon = Daemon::start(&here, "");
    here.write("d/in/f", "old");
    here.run(&["-ab", "--backup-dir=../../../bak", "s/", &daemon.url("in/")], 0);
    // As in stock, a backup directory does not even leave the destination, unless it begins with a slash.
    assert_eq!(here.text("d/in/bak/f").as_deref(), Some("old"));
    assert!(!here.path("bak").exists());
    let out = here.run(&["-ai", "--copy-dest=/in", "s/", &daemon.url("copy/")], 0).stdout;
    assert_eq!(here.text("d/copy/f").as_deref(), Some("new text"));
    assert!(!String::from_utf8_lossy(&out).contains("<f"));
}
