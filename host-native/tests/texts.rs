//! What the program prints, its exit codes and the trees that it makes, beside those of stock rsync: one command line a row,
//! run by both on equal trees.
//!
//! Masked are only what may differ by nature: counts of bytes on the wire, rates, times and places in the source.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const STOCK: &str = "/usr/bin/rsync";
const OURS: &str = env!("CARGO_BIN_EXE_syncline");

/// Words are separated by spaces; `HOST:` stands for the directory of the test behind a remote shell.
const ROWS: &[&str] = &[
    "-a src/ new/",
    "-av src/ new/",
    "-avv src/ new/",
    "-avn src/ new/",
    "-ai src/ new/",
    "-ri src/ new/",
    "-rv src/ new/",
    "-rlvt src/ new/",
    "-v src/ new/",
    "-v src/a newfile",
    "-v src/a src/b newdir",
    "-v src/a old",
    "-av src new",
    "-av src/. new/",
    "-av src/ old/",
    "-ai src/ old/",
    "-aii src/ old/",
    "-av --size-only src/ old/",
    "-avI src/ old/",
    "-avb src/ old/",
    "-ab --suffix=.x src/ old/",
    "-aiu src/ old/",
    "-ai --ignore-existing src/ old/",
    "-av --max-size=100 src/ old/",
    "-ai --delete-after src/ old/",
    "-ai --del --force flat/ old/",
    "-av --max-delete=1 --del flat/ old/",
    "-av --max-delete=0 --del flat/ old/",
    "-a --stats src/ new/",
    "-an --stats src/ new/",
    "-a --stats --del flat/ old/",
    "-av --remove-source-files src/ new/",
    "-av --remove-source-files src/ HOST:new/",
    "-av src/missing new/",
    "-av src/missing src/a new/",
    "-a src/ x/y/z/",
    "-a src/ HOST:x/y/z/",
    "-av src/ src/a",
    "-a src/ old/a",
    "-av names/ new/",
    "-avn names/ new/",
    "-ai names/ HOST:new/",
    "src/",
    "-r src/",
    "-v src/",
    "-rv src/",
    "--list-only -r src/a src/sub",
    "-r HOST:src/",
    "-av src/ HOST:new/",
    "-av HOST:src/ new/",
    "-ai HOST:src/ old/",
    "-a --out-format=%i_%n%L_%l_%b_%c_%C_%o_%M_%B_%f src/ new/",
    "-a --out-format=%i_%n%L_%l_%b_%c src/ HOST:new/",
    "-a --out-format=%i_%n%L_%l_%b_%c HOST:src/ new/",
    "-av --log-file=log src/ new/",
    "-a --log-file=log --log-file-format=%o_%n src/ new/",
    "-av --chmod=F600 src/ new/",
    "-aL -v src/ new/",
    "-av --inplace src/ old/",
    "-av --mkpath src/ p/q/r/",
    "-av --compare-dest=../src src/ new/",
    "-av --link-dest=../src src/ new/",
    "-av --copy-dest=../src src/ new/",
    "-aq src/ old/",
    "--bogus src/ new/",
    "--delete src/ new/",
];

struct Scene {
    dir: PathBuf,
}

impl Scene {
    /// A directory with sources and an old destination, the same each time.
    fn new(number: usize) -> Scene {
        let dir = std::env::temp_dir().join(format!("syncline-texts-{}-{number}", std::process::id()));
        let scene = Scene { dir };
        let _ = fs::remove_dir_all(&scene.dir);
        scene.files(&[("src/a", "alpha\n"), ("src/sub/c", "c"), ("src/sub/deep/e", "e"), ("src/z", "zzz")]);
        scene.files(&[("src/b", &"beta\n".repeat(2000)), ("old/b", &"beta\n".repeat(2000))]);
        scene.files(&[
            ("old/a", "old"),
            ("old/gone", "x"),
            ("old/gonedir/x", "x"),
            ("old/sub/c", "C"),
            ("old/z/in", "x"),
        ]);
        scene.files(&[("flat/a", "alpha\n"), ("flat/z", "zzz"), ("names/a\nb", "x"), ("names/tab\t\x01", "x")]);
        fs::create_dir(scene.dir.join("src/empty")).unwrap();
        symlink("a", scene.dir.join("src/link")).unwrap();
        fs::set_permissions(scene.dir.join("old/b"), fs::Permissions::from_mode(0o600)).unwrap();
        let shell = scene.dir.join("rsh");
        fs::write(&shell, "#!/bin/sh\nshift\nexec \"$@\"\n").unwrap();
        fs::set_permissions(&shell, fs::Permissions::from_mode(0o755)).unwrap();
        let mut touch = Command::new("find");
        touch.args([".", "-exec", "touch", "-h", "-d", "@1600000000", "{}", "+"]);
        assert!(touch.current_dir(&scene.dir).status().unwrap().success());
        scene
    }

    fn files(&self, files: &[(&str, &str)]) {
        for (name, text) in files {
            let path = self.dir.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    /// Everything that a row says and leaves behind.
    fn run(&self, program: &str, row: &str) -> String {
        let here = format!("{}/", self.dir.display());
        let mut command = Command::new(program);
        command.args(row.split(' ').map(|word| word.replace("HOST:", &format!("host:{here}"))));
        if row.contains("HOST:") {
            command.arg(format!("--rsync-path={program}"));
        }
        command.env("LC_ALL", "C.UTF-8").env("RSYNC_RSH", self.dir.join("rsh")).current_dir(&self.dir);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let log = fs::read(self.dir.join("log")).unwrap_or_default();
        let _ = fs::remove_file(self.dir.join("log"));
        let text =
            |bytes: &[u8]| masked(&String::from_utf8_lossy(bytes).replace(&here, "HERE/").replace(OURS, "rsync"));
        let mut tree = Vec::new();
        walk(&self.dir, &self.dir, &mut tree);
        let (out, err, log) = (text(&output.stdout), text(&output.stderr), text(&log));
        format!("exit {:?}\n-- out\n{out}-- err\n{err}-- log\n{log}-- tree\n{}", output.status.code(), tree.join("\n"))
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn walk(root: &Path, dir: &Path, tree: &mut Vec<String>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let meta = fs::symlink_metadata(&path).unwrap();
        let size = if meta.is_file() { meta.len() } else { 0 };
        // Times that the row didn't set are those of the clock.
        let time = if meta.is_file() && meta.mtime() < 1_700_000_000 { meta.mtime() } else { 0 };
        tree.push(format!("{:?} {:o} {size} {time}", path.strip_prefix(root).unwrap(), meta.mode()));
        if meta.is_dir() {
            walk(root, &path, tree);
        }
    }
}

/// Replaces what differs by nature, line by line.
fn masked(text: &str) -> String {
    text.lines().map(|line| masked_line(line) + "\n").collect()
}

fn masked_line(line: &str) -> String {
    // A log line begins with time and pid.
    let line = match line.split_once("] ") {
        Some((stamp, rest)) if stamp.starts_with("20") => rest,
        _ => line,
    };
    let cuts = [
        "sent ",
        "Total bytes sent",
        "Total bytes received",
        "File list generation",
        "File list transfer",
        "File list size",
    ];
    if let Some(cut) = cuts.iter().find(|cut| line.starts_with(**cut)) {
        return (*cut).to_string();
    }
    if let Some(at) = line.find("speedup is ") {
        return line[..at].to_string() + if line.ends_with("(DRY RUN)") { "(DRY RUN)" } else { "" };
    }
    match (line.find(") at "), line.rfind(" [")) {
        (Some(from), Some(to)) if from < to => format!("{}{}", &line[..=from], &line[to..]),
        _ => line.to_string(),
    }
}

#[test]
fn texts_exit_codes_and_trees_are_those_of_stock_rsync() {
    if !Path::new(STOCK).exists() {
        eprintln!("there is no stock rsync here to compare with");
        return;
    }
    let mut differences = Vec::new();
    for (number, row) in ROWS.iter().enumerate() {
        let theirs = Scene::new(number).run(STOCK, row);
        let ours = Scene::new(number).run(OURS, row);
        if theirs != ours {
            differences.push(format!("==== {row}\n---- stock\n{theirs}\n---- ours\n{ours}\n"));
        }
    }
    assert!(differences.is_empty(), "{} rows differ\n{}", differences.len(), differences.join("\n"));
}
