//! An older stock rsync to test against, beside the one that is installed: Debian's package, unpacked aside.

use crate::run::{self, output, program, run};
use std::fs;
use std::path::{Path, PathBuf};

/// What many machines still run.
const VERSION: &str = "3.2.7";

/// Its executable, fetched if it isn't there yet.
pub fn rsync() -> Result<PathBuf, String> {
    let folder = run::target().join("older-rsync");
    let executable = folder.join("usr/bin/rsync");
    if !works(&executable) {
        fetch(&folder)?;
    }
    if works(&executable) { Ok(executable) } else { Err(format!("{}: not rsync {VERSION}", executable.display())) }
}

fn works(executable: &Path) -> bool {
    output(program(executable, &["--version"])).is_ok_and(|text| text.contains(&format!("version {VERSION} ")))
}

fn fetch(folder: &Path) -> run::Outcome {
    let told = |error: std::io::Error| format!("{}: {error}", folder.display());
    let offered = output(program("apt-cache", &["madison", "rsync"]))?;
    // Newest first.
    let mut versions = offered.lines().filter_map(|line| line.split('|').nth(1)).map(str::trim);
    let version = versions.find(|version| version.starts_with(&format!("{VERSION}-")));
    let version = version.ok_or_else(|| format!("apt offers no rsync {VERSION}: `apt-get update`?"))?;
    fs::create_dir_all(folder).map_err(told)?;
    let mut download = program("apt-get", &["download", "-qq", &format!("rsync={version}")]);
    download.current_dir(folder);
    run(download)?;
    let mut packages = fs::read_dir(folder).map_err(told)?.flatten().map(|entry| entry.path());
    let package = packages.find(|path| path.extension().is_some_and(|end| end == "deb"));
    let package = package.ok_or_else(|| format!("{}: apt-get has left no package", folder.display()))?;
    let mut unpack = program("dpkg-deb", &["-x"]);
    unpack.arg(&package).arg(folder);
    run(unpack)?;
    fs::remove_file(&package).map_err(told)
}
