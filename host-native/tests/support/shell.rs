//! The stand-in for a remote shell: it drops the login and the host, joins the words with blanks as ssh does, and lets a shell
//! run the result. So quoting is tested, and no sshd is needed.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const SCRIPT: &str = r#"#!/bin/sh
while [ "$1" = -l ]; do shift 2; done
shift
exec sh -c "exec $*"
"#;

/// Writes the script into `dir` and says where it is.
pub fn install(dir: &Path) -> PathBuf {
    script(dir, "rsh", SCRIPT)
}

/// Writes an executable script.
pub fn script(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, text).expect("writing a script");
    fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("chmod of a script");
    path
}
