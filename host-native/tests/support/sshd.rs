//! Debian's sshd on a free port of the loopback, with keys of its own, which ends with the value that stands for it.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::daemon::free_port;
use super::process::run;

/// A running sshd.
pub struct Sshd {
    child: Child,
    /// What `-e` takes to reach it.
    pub shell: String,
}

impl Sshd {
    /// Starts it with all of its files in `dir`. The error is a report.
    pub fn start(dir: &Path) -> Result<Self, String> {
        fs::create_dir_all(dir).expect("sshd's directory");
        // Where its unprivileged half lives; the package makes it at boot.
        fs::create_dir_all("/run/sshd").map_err(|error| format!("/run/sshd: {error}"))?;
        for key in ["host", "user"] {
            let mut keygen = Command::new("ssh-keygen");
            keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(dir.join(key));
            let outcome = run(&mut keygen, Duration::from_secs(20));
            if !outcome.success() {
                return Err(outcome.to_string());
            }
        }
        let (at, port) = (dir.display(), free_port());
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {at}/host\nAuthorizedKeysFile {at}/user.pub\nPidFile none\n\
             StrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\n"
        );
        fs::write(dir.join("sshd_config"), config).expect("sshd's configuration");
        let stderr = File::create(dir.join("stderr")).expect("sshd's standard error");
        let mut child = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(dir.join("sshd_config"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .map_err(|error| format!("sshd: {error}"))?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if Instant::now() > deadline || matches!(child.try_wait(), Ok(Some(_))) {
                let _ = child.kill();
                let said = fs::read_to_string(dir.join("stderr")).unwrap_or_default();
                return Err(format!("sshd does not start:\n{said}"));
            }
            thread::sleep(Duration::from_millis(10));
        }
        let shell = format!(
            "ssh -p {port} -i {at}/user -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \
             -o BatchMode=yes"
        );
        Ok(Self { child, shell })
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
