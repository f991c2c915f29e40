//! Each option, in each direction: local, pushed and pulled through a remote shell, pushed to and pulled from a daemon.
//!
//! A line of the table is turned into a row for each way. To add an option, add a line here, and its spellings to the list in
//! `coverage.rs`.

use syncline_core::options::NOT_BUILT;

use super::{Row, row};
use crate::setup::{attributed, basic, delta, filters, kinds, obstacles, odd, references, stale, synced};
use crate::support::maker::Maker;

/// How source and destination are connected.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Local,
    Push,
    Pull,
    DaemonPush,
    DaemonPull,
}

use Way::{DaemonPull, DaemonPush, Local, Pull, Push};

const ALL: &[Way] = &[Local, Push, Pull, DaemonPush, DaemonPull];
const REMOTE: &[Way] = &[Push, Pull, DaemonPush, DaemonPull];
const SHELL: &[Way] = &[Push, Pull];
const DAEMON: &[Way] = &[DaemonPush, DaemonPull];
/// Stock's daemon opens the files of `--files-from` in the wrong directory, unless the path is the module itself.
const NOT_DAEMON_PULL: &[Way] = &[Local, Push, Pull, DaemonPush];
/// Where the destination's path is our own: at a daemon, paths that options name lie in the module.
const OURS: &[Way] = &[Local, Push, Pull];

/// One combination of options.
#[derive(Clone, Copy)]
pub struct Line {
    pub words: &'static str,
    pub setup: fn(&mut Maker),
    pub sources: &'static [&'static str],
    ways: &'static [Way],
    /// What is run before and after; the destination is `dst` each time.
    before: &'static str,
    after: &'static str,
    sorted: bool,
    pub root: bool,
}

const fn line(words: &'static str, setup: fn(&mut Maker)) -> Line {
    Line { words, setup, sources: &["src/"], ways: ALL, before: "", after: "", sorted: false, root: false }
}

impl Line {
    const fn from(self, sources: &'static [&'static str]) -> Self {
        Self { sources, ..self }
    }

    const fn ways(self, ways: &'static [Way]) -> Self {
        Self { ways, ..self }
    }

    const fn before(self, before: &'static str) -> Self {
        Self { before, ..self }
    }

    const fn after(self, after: &'static str) -> Self {
        Self { after, ..self }
    }

    const fn sorted(self) -> Self {
        Self { sorted: true, ..self }
    }

    const fn root(self) -> Self {
        Self { root: true, ..self }
    }

    /// Whether it can be tried at all.
    fn is_built(&self) -> bool {
        let is = |word: &str, name: &&str| word.strip_prefix("--").is_some_and(|word| word.starts_with(*name));
        !self.words.split(' ').any(|word| NOT_BUILT.iter().any(|name| is(word, name)))
    }

    pub fn row(&self, way: Way) -> Row {
        let (program, place) = match way {
            Local => ("r", ""),
            Push | Pull => ("remote", "host:$PWD/"),
            DaemonPush | DaemonPull => ("r", "rsync://localhost:$PORT/rows/$ROW/"),
        };
        let more = if way == DaemonPull { "::rows/$ROW/" } else { ":$PWD/" };
        let source = |(at, path): (usize, &&str)| match way {
            Local | Push | DaemonPush => (*path).to_owned(),
            Pull | DaemonPull => format!("{}{path}", if at == 0 { place } else { more }),
        };
        let sources: Vec<String> = self.sources.iter().enumerate().map(source).collect();
        let to = if matches!(way, Push | DaemonPush) { place } else { "" };
        let before = if self.before.is_empty() { String::new() } else { format!("{}; ", self.before) };
        let after = if self.after.is_empty() { String::new() } else { format!("; show; {}", self.after) };
        let script = format!("{before}{program} {} {} {to}dst{after}", self.words, sources.join(" "));
        let begin = match way {
            Local => "local",
            Push => "push",
            Pull => "pull",
            DaemonPush => "daemon push",
            DaemonPull => "daemon pull",
        };
        let sources = if self.sources == ["src/"] { String::new() } else { format!(" {}", self.sources.join(" ")) };
        let plain = |c: char| match c {
            // What follows a dot would be taken for an extension.
            '.' => ',',
            c if c.is_ascii_alphanumeric() || "-_+ ".contains(c) => c,
            _ => '_',
        };
        let name: String = format!("{begin} with {}{sources}", self.words).chars().map(plain).collect();
        // The tables live as long as the tests.
        let row = row(name.leak(), self.setup, script.leak());
        Row { sorted: self.sorted, root: self.root, ..row }
    }
}

/// All rows of the table.
pub fn rows() -> Vec<Row> {
    let lines = [REPORT, SELECT, RULES, WRITE, KEEP, DELETE, CONNECT].concat_lines();
    lines
        .into_iter()
        .filter(|line| line.is_built())
        .flat_map(|line| line.ways.iter().map(|way| line.row(*way)))
        .collect()
}

/// Lines that can be tried with any files in any direction.
pub fn plain_lines() -> Vec<&'static Line> {
    let lines = [REPORT, SELECT, RULES, WRITE, KEEP, DELETE, CONNECT].concat_lines();
    let is_plain = |line: &&Line| line.ways == ALL && line.before.is_empty() && line.after.is_empty();
    lines.into_iter().filter(|line| line.is_built() && line.sources == ["src/"]).filter(is_plain).collect()
}

trait Lines {
    fn concat_lines(&self) -> Vec<&'static Line>;
}

impl<const N: usize> Lines for [&'static [Line]; N] {
    fn concat_lines(&self) -> Vec<&'static Line> {
        self.iter().flat_map(|lines| lines.iter()).collect()
    }
}

/// What is told.
const REPORT: &[Line] = &[
    line("-a --verbose", basic),
    line("-av --no-verbose", basic),
    line("-avv --no-v", basic),
    line("-av --quiet", basic),
    line("-a --info=name,del,stats --delete", stale).sorted(),
    line("-a --info=NONE -v", basic),
    line("-a --debug=NONE -v", basic),
    line("-av --stderr=all", basic).sorted(),
    line("-av --stderr=client", basic).from(&["src/a", "src/nowhere"]),
    line("-av --msgs2stderr", basic).sorted(),
    line("-av --no-msgs2stderr", basic).from(&["src/a", "src/nowhere"]),
    line("-a --motd", basic),
    line("-av --no-motd", basic),
    line("-a --stats", stale),
    line("-a --stats --human-readable", delta),
    line("-a --stats -hhh", delta),
    line("-a --stats -hh --no-human-readable", delta),
    line("-a --stats --no-h", delta),
    line("-av --8-bit-output", odd),
    line("-av -8", odd),
    line("-av8 --no-8-bit-output", odd),
    line("-av8 --no-8", odd),
    line("-a --progress", delta),
    line("-aP", delta),
    line("-aP --no-progress", delta),
    line("-a --itemize-changes", stale),
    line("-aii", stale),
    line("-aii --no-itemize-changes", stale),
    line("-ai --no-i", stale),
    line("-a --out-format='%i|%n|%L|%l|%o|%M|%B|%U|%G'", stale),
    line("-a --log-format='%o %n'", stale),
    line("-a --log-file=log --log-file-format='%i %n'", stale).after("cut -d' ' -f4- log; rm log"),
    line("-a --log-file=log", stale).after("cut -d' ' -f4- log; rm log"),
    line("-a --list-only", basic),
    line("-av --outbuf=L", basic),
    line("-av --outbuf=None", basic),
    line("-av --outbuf=b", basic),
];

/// What is examined.
const SELECT: &[Line] = &[
    line("--archive -v", basic),
    line("--recursive -v", basic),
    line("-r", basic).from(&["src"]),
    line("-av --no-recursive", basic),
    line("-av --no-r", basic),
    line("-av --inc-recursive", basic),
    line("-av --i-r", basic),
    line("-av --no-inc-recursive", basic),
    line("-av --no-i-r", basic),
    line("--dirs -v", stale),
    line("-dv", stale).from(&["src"]),
    line("-dv --no-dirs", basic).from(&["src/a", "src/sub"]),
    line("-dv --no-d", basic).from(&["src/a", "src/sub"]),
    line("--old-dirs -v", basic),
    line("--old-d -v", basic),
    line("-av --relative", basic).from(&["./src/sub/deep"]),
    line("-avR --implied-dirs", basic).from(&["./src/sub/deep/"]),
    line("-avR --i-d", basic).from(&["./src/sub/c"]),
    line("-avR --no-implied-dirs", basic).from(&["./src/sub/deep"]),
    line("-avR --no-i-d", basic).from(&["./src/sub/deep"]),
    line("-avR", basic).from(&["./src/a", "src/./sub/deep"]),
    line("-avR --no-relative", basic).from(&["./src/sub/deep"]),
    line("-avR --no-R", basic).from(&["./src/sub/deep"]),
    line("-av --files-from=list", basic).before("printf 'a\\nsub/c\\nnowhere\\n' >list").ways(NOT_DAEMON_PULL),
    line("-av --files-from=- --from0", basic).before("printf 'a\\0sub/\\0' >list; exec <list").ways(NOT_DAEMON_PULL),
    line("-av0 --files-from=-", basic).before("printf 'a\\0./sub/./c\\0' >list; exec <list").ways(NOT_DAEMON_PULL),
    line("-av0 --no-from0 --files-from=list", basic).before("printf 'a\\nsub/c\\n' >list").ways(NOT_DAEMON_PULL),
    line("-av --files-from=:$PWD/list", basic).before("printf 'a\\nsub/c\\n' >list").ways(SHELL),
    line("-av --one-file-system", basic),
    line("-avxx", basic),
    line("-avx --no-one-file-system", basic),
    line("-avx --no-x", basic),
    line("-ai --ignore-times", synced),
    line("-aiI", stale),
    line("-ai --size-only", stale),
    line("-ai --modify-window=100000001", stale),
    line("-ai -@1", stale),
    line("-ai -@-1", stale),
    line("-ai --checksum", stale),
    line("-rci", synced),
    line("-aci --no-checksum", stale),
    line("-aci --no-c", stale),
    line("-aci --checksum-choice=md5", stale),
    line("-aci --cc=xxh64", stale),
    line("-aci --cc=md4,sha1", stale),
    line("-aci --checksum-seed=5", stale),
    line("-a --update --info=skip,name", stale),
    line("-aiu", stale),
    line("-a --existing --info=skip,name", stale),
    line("-ai --ignore-non-existing", stale),
    line("-a --ignore-existing --info=skip2,name", stale),
    line("-ai --max-size=8", stale),
    line("-ai --min-size=8", stale),
    line("-av --ignore-missing-args", stale).from(&["src/nowhere", "src/a"]),
    line("-av --delete-missing-args", stale).from(&["src/old", "src/a"]),
    line("-av --prune-empty-dirs --exclude='*.o'", filters),
    line("-avm --exclude='*.o'", filters),
    line("-avm --no-prune-empty-dirs --exclude='*.o'", filters),
    line("-avm --no-m --exclude='*.o'", filters),
    line("-av --qsort", basic).ways(&[Local]),
];

/// Rules of every kind, with every modifier.
const RULES: &[Line] = &[
    line("-av --delete --filter='- *.o'", filters),
    line("-av --delete -f 'exclude *.o' -f 'include *.c'", filters),
    line("-av --delete --include='*/' --include='*.c' --exclude='*'", filters),
    line("-av --delete --exclude-from=patterns", filters),
    line("-av --delete --include-from=patterns --exclude='*.tmp' --exclude='x~'", filters),
    line("-av --delete -F", filters),
    line("-av --delete -FF", filters),
    line("-avF --delete", filters).before("echo '- *.c' >.rsync-filter").ways(OURS),
    line("-avF", filters).from(&["src/sub/", "src/"]),
    line("-av --delete --cvs-exclude", filters),
    line("-av --delete -C", filters),
    line("-av --delete -f '. rules'", filters),
    line("-av --delete -f 'merge rules'", filters),
    line("-av --delete -f '.- patterns'", filters),
    line("-av --delete -f '.+ patterns' -f '- *'", filters),
    line("-av --delete -f '.C'", filters),
    line("-av --delete -f '.e rules'", filters),
    line("-av --delete -f '.w words'", filters).before("printf -- '-_*.o -_core' | tr _ ' ' >words"),
    line("-av --delete -f '.-w words'", filters).before("printf '*.o core' >words"),
    line("-av --delete -f ': .rsync-filter'", filters),
    line("-av --delete -f 'dir-merge .rsync-filter'", filters),
    line("-av --delete -f 'dir-merge,- .cvsignore'", filters),
    line("-av --delete -f ':n .rsync-filter'", filters),
    line("-av --delete -f ':e .rsync-filter'", filters),
    line("-av --delete -f ':s .rsync-filter'", filters),
    line("-av --delete -f ':r .rsync-filter'", filters),
    line("-av --delete -f ':p .rsync-filter'", filters),
    line("-av --delete -f ':nw- .cvsignore'", filters),
    line("-av --delete -f ':C'", filters),
    line("-av --delete -f '-C'", filters),
    line("-av --delete -f 'P extra.c' -f 'R *.o'", filters),
    line("-av --delete -f 'protect drop.o' -f 'risk *.c'", filters),
    line("-av --delete -f 'H *.c' -f 'S *.o'", filters),
    line("-av --delete -f 'hide core' -f 'show *.o' -f '- *.o'", filters),
    line("-av --delete -f '-s *.o'", filters),
    line("-av --delete -f '-r *.o'", filters),
    line("-av --delete -f '-! *.c'", filters).from(&["src/sub/"]),
    line("-av --delete -f '-/ src/sub/drop.o'", filters).ways(OURS),
    line("-av --delete -f '-p *.o'", filters),
    line("-av --delete -f '-x user.*' -X", filters),
    line("-av --delete -f '- *.o' -f '!' -f '- core'", filters),
    line("-av --delete -f '- /sub/**' -f '- [a-o]*.c' -f '- ?~'", filters),
    line("-av --delete -f '- sub/***' -f '- empty/'", filters),
    line("-av --delete -f '- [[:lower:]]*.log'", filters),
    line("-av --delete --exclude=/only*/ --exclude='sub/*.o'", filters),
];

/// How data is moved and written.
const WRITE: &[Line] = &[
    line("-ai --stats --whole-file", delta),
    line("-aiW --stats", delta),
    line("-ai --stats --no-whole-file", delta),
    line("-aiW --no-W --stats", delta),
    line("-ai --no-W --block-size=700 --stats", delta),
    line("-ai --no-W -B1000 --stats", delta),
    line("-ai --inplace", stale),
    line("-ai --no-W --inplace --stats", delta),
    line("-ai --inplace --no-inplace", stale),
    line("-ai --append --stats", delta),
    line("-ai --append --no-append --no-inplace", delta),
    line("-ai --append-verify", delta),
    line("-ai --sparse", attributed).after("stat -c '%n %b' dst/holes"),
    line("-aiS --inplace", attributed).after("stat -c '%n %b' dst/holes"),
    line("-aiS --no-W", attributed).after("stat -c '%n %b' dst/holes"),
    line("-aiS --no-sparse", attributed),
    line("-aiS --no-S", attributed),
    line("-ai --preallocate", delta),
    line("-ai --partial", delta),
    line("-ai --partial --no-partial", delta),
    line("-ai --partial-dir=.part --no-W", delta).before("mkdir dst/.part; head -c 200000 src/data >dst/.part/data"),
    line("-aii --partial-dir=.part --no-W", delta)
        .before("rm dst/data; mkdir dst/.part; head -c 200000 src/data >dst/.part/data"),
    line("-av --delay-updates", stale),
    line("-av --delay-updates --no-delay-updates", stale),
    // Stock can't make a temporary file where the way there climbs.
    line("-av --temp-dir=$PWD/tmp", stale).before("mkdir tmp").ways(OURS),
    line("-av -T $PWD/tmp", stale).before("mkdir tmp").ways(OURS),
    line("-av --temp-dir=/$ROW/tmp", stale).before("mkdir tmp").ways(&[DaemonPush]),
    line("-av --fsync", stale),
    line("-ai --backup", stale),
    line("-aib --suffix=.old --delete", stale),
    line("-aib --no-backup", stale),
    line("-ai --backup-dir=bak --delete", stale),
    line("-ai --backup-dir=../bak --suffix=.o", stale),
    line("-ai --compare-dest=../ref", references),
    line("-ai --compare-dest=../ref2 --compare-dest=../ref", references),
    line("-ai --copy-dest=../ref", references),
    line("-ai --copy-dest=../ref2 --copy-dest=../ref", references),
    line("-aii --link-dest=../ref", references).after("find dst ref -links +1 -type f | sort"),
    line("-aiiH --link-dest=../ref2 --link-dest=../ref", references).after("find dst ref -links +1 -type f | sort"),
    line("-ai --fuzzy --no-W --stats", references)
        .before("cp -p src/sub/c dst/c.bak; mkdir dst/sub; cp -p src/sub/c dst/sub/c1"),
    line("-aiyy --no-W --stats --link-dest=../ref2", references).before("cp -p src/b ref2/b.old").ways(OURS),
    line("-aiy --no-fuzzy --no-W --stats", references).before("cp -p src/b dst/b.old"),
    line("-aiy --no-y --no-W --stats", references).before("cp -p src/b dst/b.old"),
    line("-av --mkpath --no-mkpath", basic),
    line("-ai --mkpath", basic),
    line("-av --remove-source-files", stale),
    line("-av --remove-sent-files", stale),
    line("-ai --dry-run --delete", stale).sorted(),
    line("-anv", basic),
    // A daemon refuses these.
    line("-av --write-devices", basic).ways(OURS).root(),
    line("-av --write-devices --no-write-devices", basic).ways(OURS),
    line("-av --copy-devices", basic).ways(OURS).root(),
];

/// Which attributes are kept.
const KEEP: &[Line] = &[
    line("-r --links -v", kinds),
    line("-rlv", kinds),
    line("-av --no-links", kinds),
    line("-av --no-l", kinds),
    line("-rv --copy-links --exclude=absolute", kinds),
    line("-rLv --exclude=absolute", kinds),
    line("-av --copy-dirlinks --exclude=absolute", kinds),
    line("-avk --exclude=absolute", kinds),
    line("-av --keep-dirlinks", kinds).before("mkdir -p dst/there; ln -s there dst/real"),
    line("-avK", kinds).before("mkdir -p dst/there; ln -s there dst/real"),
    line("-av --copy-unsafe-links --exclude=absolute", kinds),
    line("-av --safe-links", kinds),
    line("-av --munge-links", kinds),
    line("-av --munge-links --no-munge-links", kinds),
    line("-ai --hard-links", kinds),
    line("-aiH", kinds).after("rm dst/hard; cp -p dst/file dst/hard; r -aiH src/ dst"),
    line("-aiH --no-hard-links", kinds),
    line("-aiH --no-H", kinds),
    line("-ri --perms", stale),
    line("-rpi", stale),
    line("-ai --no-perms", stale),
    line("-ai --no-p", stale),
    line("-rti --executability", stale),
    line("-rtiE", stale),
    line("-ai --chmod=Du=rwx,Dgo=rx,Fu=rw,Fgo=", stale),
    line("-ai --chmod=D2750 --chmod=F0640,a+X", stale),
    line("-ai --acls", attributed).after("r -aAXni dst/ src"),
    line("-aiA --no-acls", attributed),
    line("-aiA --no-A", attributed),
    line("-ai --xattrs", attributed).after("r -aAXni dst/ src"),
    line("-aiXX", attributed).after("r -aAXni dst/ src"),
    line("-aiX --no-xattrs", attributed),
    line("-aiX --no-X", attributed),
    line("-aiAX", attributed).after("r -aAXni dst/ src"),
    line("-ri --owner --group", attributed).root(),
    line("-riog", attributed).root(),
    line("-ai --no-owner --no-group", attributed).root(),
    line("-ai --no-o --no-g", attributed).root(),
    line("-riD", kinds),
    line("-ai --no-D", kinds),
    line("-ri --devices", kinds).root(),
    line("-ai --no-devices", kinds).root(),
    line("-ri --specials", kinds),
    line("-ai --no-specials", kinds),
    line("-av --drop-D", kinds),
    line("-av --drop-D --no-drop-D", kinds),
    line("-ri --times", stale),
    line("-rti", stale),
    line("-ai --no-times", stale),
    line("-ai --no-t", stale),
    line("-ai --atimes", basic),
    line("-aiU", stale),
    line("-aiUU", stale),
    line("-aiU --no-atimes", stale),
    line("-aiU --no-U", stale),
    line("-ai --open-noatime", stale),
    line("-ai --open-noatime --no-open-noatime", stale),
    line("-ai --crtimes", basic),
    line("-aiN", basic),
    line("-ai --no-crtimes", basic),
    line("-ai --no-N", basic),
    line("-ai --omit-dir-times", stale),
    line("-aiO --no-omit-dir-times", stale),
    line("-aiO --no-O", stale),
    line("-ai --omit-link-times", stale),
    line("-aiJ --no-omit-link-times", stale),
    line("-aiJ --no-J", stale),
    line("-ai --super", attributed),
    line("-ai --no-super", attributed).root(),
    line("-aiX --fake-super", attributed).root(),
    line("-aiX -M--fake-super", attributed).ways(SHELL).root(),
    line("-ai --numeric-ids", attributed),
    line("-ai --numeric-ids --no-numeric-ids", attributed),
    line("-ai --usermap=0:61000,*:61002", attributed).root(),
    line("-ai --groupmap=0-100:61001,nogroup:7", attributed).root(),
    line("-ai --chown=61000:61001", attributed).root(),
    line("-ai --chown=daemon", attributed).root(),
    line("-ai --chown=:daemon", attributed).root(),
    line("-ai --copy-as=nobody", basic).root(),
    // A daemon whose module has no charset refuses and closes: whether the client sees a reset as well is chance.
    line("-ai --iconv=UTF-8,LATIN1", odd).ways(OURS),
    line("-ai --iconv=.", basic).ways(OURS),
    line("-ai --no-iconv", basic),
    line("-ai --insecure-links", basic),
    line("-ai --no-insecure-links", basic),
    line("-ai --confine-root=/", basic),
];

/// What is removed.
const DELETE: &[Line] = &[
    line("-av --delete", stale),
    line("-ai --del", stale),
    line("-av --delete-before", stale),
    line("-av --delete-during", stale),
    line("-av --delete-delay", stale),
    line("-av --delete-after", stale),
    line("-av --delete-excluded --exclude='*.o'", filters),
    line("-av --force", obstacles),
    line("-av --force --no-force", obstacles),
    line("-ai --delete --max-delete=2", stale),
    line("-ai --delete --max-delete=-5", stale),
    line("-ai --delete --ignore-errors", stale),
    line("-ai --delete --ignore-errors --no-ignore-errors", stale),
];

/// How the two sides meet.
const CONNECT: &[Line] = &[
    line("-av --rsh=$RSH", basic).ways(SHELL),
    line("-av -e $RSH --rsync-path=\"env A=b $R\"", basic).ways(SHELL),
    line("-av --remote-option=--fake-super", attributed).ways(SHELL).root(),
    line("-av -M-v --remote-option=--log-file=$PWD/far", basic).ways(SHELL).after("test -s far && rm far"),
    line("-av --compress", stale),
    line("-avz", delta),
    line("-avzz", stale).ways(REMOTE),
    line("-avz --no-compress", stale),
    line("-avz --no-z", stale),
    line("-ai --compress-choice=zstd --no-W --stats", delta),
    line("-ai --zc=lz4 --no-W --stats", delta),
    line("-ai --zc=none", stale),
    line("-ai --old-compress --no-W --stats", delta),
    line("-ai --new-compress --no-W --stats", delta),
    line("-ai --compress-level=9 --no-W", delta),
    line("-aiz --zl=1 --no-W", delta),
    line("-aiz --compress-threads=2 --no-W", delta),
    line("-aiz --zt=1 --no-W", delta),
    line("-aiz --skip-compress=gz/jpg/mp[34]", stale),
    line("-ai --bwlimit=10m", stale),
    line("-ai --bwlimit=1 --no-bwlimit", delta),
    line("-ai --timeout=30", stale),
    line("-ai --timeout=1 --no-timeout", stale),
    line("-ai --contimeout=10", stale).ways(DAEMON),
    line("-ai --contimeout=10 --no-contimeout", stale),
    line("-ai --stop-after=5", stale),
    line("-ai --time-limit=5", stale),
    line("-ai --stop-at=2099-12-31T23:59", stale),
    line("-ai --blocking-io", stale),
    line("-ai --no-blocking-io", stale),
    line("-ai --address=127.0.0.1", basic).ways(DAEMON),
    line("-ai --sockopts=TCP_NODELAY,SO_KEEPALIVE", basic),
    line("-ai --ipv4", basic),
    line("-ai -4", basic).ways(DAEMON),
    line("-ai --ipv6", basic).ways(SHELL),
    line("-ai -6", basic).ways(OURS),
    line("-ai --early-input=early", basic).before("echo hello >early").ways(DAEMON),
    line("-ai --protocol=31", stale),
    line("-ai --protocol=30", stale),
    line("-ai --protocol=29", stale),
    line("-ai --max-alloc=64m", stale),
    line("-ai --old-args", stale),
    line("-ai --old-args --no-old-args", stale),
    line("-ai --secluded-args", stale),
    line("-ais", stale),
    line("-ai --protect-args", stale),
    line("-ais --no-secluded-args", stale),
    line("-ais --no-protect-args", stale),
    line("-ais --no-s", stale),
    line("-ai --trust-sender", stale),
    line("-ai --write-batch=B", stale).after("r -ai --read-batch=B dst; rm B B.sh"),
    line("-ai --only-write-batch=B", stale).after("r -ai --read-batch=B dst; rm B B.sh"),
];
