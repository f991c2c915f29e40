//! The command lines: local, over a pipe, with a daemon. Each program talks to itself.

use crate::Outcome;
use crate::measure::{self, Sample};
use crate::rows::{Link, Row};
use crate::scene::Scene;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A remote shell whose remote side is here: it drops the host's name and runs the rest as a shell would.
const RSH: &str = "#!/bin/sh\nshift\nexec sh -c \"$*\"\n";

/// Runs a row's job once; the daemon, if there is one, counts for CPU and memory, its start not for time.
pub fn launch(row: &Row, program: &str, scene: &Scene, memory: bool) -> Outcome<Sample> {
    let mut command = Command::new(program);
    command.arg("-a").args(row.options).current_dir(&scene.root).stdin(Stdio::null()).stdout(Stdio::null());
    let (src, dst) = (format!("{}/", scene.path("src").display()), format!("{}/", scene.path("dst").display()));
    match row.link {
        Link::Local => measure::measure(command.args([&src, &dst]), None, memory),
        Link::Pipe => {
            let rsh = scene.path("rsh");
            shell(&rsh).map_err(|error| format!("{}: {error}", rsh.display()))?;
            command.arg("-e").arg(&rsh).arg(format!("--rsync-path={program}"));
            measure::measure(command.args([&src, &format!("here:{dst}")]), None, memory)
        }
        Link::Pull | Link::Push => {
            let port = free_port()?;
            let before = measure::children_cpu();
            let daemon = daemon(program, scene, port)?;
            let module = format!("rsync://127.0.0.1:{port}/data");
            match row.link {
                Link::Pull => command.args([&format!("{module}/src/"), &dst]),
                _ => command.args([&src, &format!("{module}/dst/")]),
            };
            measure::measure(&mut command, Some((daemon, before)), memory)
        }
    }
}

fn shell(path: &Path) -> std::io::Result<()> {
    fs::write(path, RSH)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

fn free_port() -> Outcome<u16> {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    port.map(|address| address.port()).map_err(|error| format!("no free port: {error}"))
}

/// Starts a daemon and waits until it accepts connections.
fn daemon(program: &str, scene: &Scene, port: u16) -> Outcome<Child> {
    let config = scene.path("rsyncd.conf");
    // Only root may name whom a module runs as.
    let is_root = fs::metadata("/proc/self").is_ok_and(|about| about.uid() == 0);
    let who = if is_root { "uid = root\ngid = root\n" } else { "" };
    let (root, log) = (scene.root.display(), scene.path("log"));
    let text = format!("use chroot = no\n{who}log file = {}\n[data]\npath = {root}\nread only = no\n", log.display());
    fs::write(&config, text).map_err(|error| format!("{}: {error}", config.display()))?;
    let mut command = Command::new(program);
    command.args(["--daemon", "--no-detach", "--address=127.0.0.1"]).arg(format!("--port={port}"));
    command.arg(format!("--config={}", config.display())).stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if start.elapsed() > Duration::from_secs(10) {
            measure::stop(&mut child)?;
            let log = fs::read_to_string(log).unwrap_or_default();
            return Err(format!("{program}: the daemon does not answer\n{log}"));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(child)
}
