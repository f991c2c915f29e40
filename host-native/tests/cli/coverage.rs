//! The options that there are, held against the rows: one that no row uses shows, and so does one that is in our own table
//! but not in this list.

use std::collections::BTreeSet;

use syncline_core::options::{NOT_BUILT, flag};

use crate::rows::Row;

/// Every spelling: as in the manual's table, with its letter and its opposites.
const SPELLINGS: &str = "
    --help -h --version -V --verbose -v --no-verbose --no-v --info --debug --stderr --msgs2stderr --no-msgs2stderr
    --quiet -q --motd --no-motd --stats --human-readable --no-human-readable --no-h --8-bit-output -8 --no-8-bit-output
    --no-8 --progress --no-progress -P --itemize-changes -i --no-itemize-changes --no-i --out-format --log-format
    --log-file --log-file-format --list-only --outbuf

    --archive -a --recursive -r --no-recursive --no-r --inc-recursive --i-r --no-inc-recursive --no-i-r --dirs -d
    --no-dirs --no-d --old-dirs --old-d --relative -R --no-relative --no-R --implied-dirs --i-d --no-implied-dirs
    --no-i-d --files-from --from0 -0 --no-from0 --one-file-system -x --no-one-file-system --no-x --ignore-times -I
    --size-only --modify-window -@ --checksum -c --no-checksum --no-c --checksum-choice --cc --checksum-seed --update -u
    --existing --ignore-non-existing --ignore-existing --max-size --min-size --ignore-missing-args --delete-missing-args
    --prune-empty-dirs -m --no-prune-empty-dirs --no-m --filter -f -F --exclude --include --exclude-from --include-from
    --cvs-exclude -C --qsort

    --whole-file -W --no-whole-file --no-W --block-size -B --inplace --no-inplace --append --no-append --append-verify
    --sparse -S --no-sparse --no-S --preallocate --write-devices --no-write-devices --copy-devices --partial --no-partial
    --partial-dir --delay-updates --no-delay-updates --temp-dir -T --fsync --backup -b --no-backup --backup-dir --suffix
    --compare-dest --copy-dest --link-dest --fuzzy -y --no-fuzzy --no-y --mkpath --no-mkpath --remove-source-files
    --remove-sent-files

    --links -l --no-links --no-l --copy-links -L --copy-dirlinks -k --keep-dirlinks -K --copy-unsafe-links --safe-links
    --munge-links --no-munge-links --insecure-links --no-insecure-links --confine-root --hard-links -H --no-hard-links
    --no-H --perms -p --no-perms --no-p --executability -E --chmod --acls -A --no-acls --no-A --xattrs -X --no-xattrs
    --no-X --owner -o --no-owner --no-o --group -g --no-group --no-g -D --no-D --devices --no-devices --specials
    --no-specials --drop-D --no-drop-D --times -t --no-times --no-t --atimes -U --no-atimes --no-U --open-noatime
    --no-open-noatime --crtimes -N --no-crtimes --no-N --omit-dir-times -O --no-omit-dir-times --no-O --omit-link-times
    -J --no-omit-link-times --no-J --super --fake-super --no-super --numeric-ids --no-numeric-ids --usermap --groupmap
    --chown --copy-as --iconv --no-iconv

    --delete --del --delete-during --delete-delay --delete-before --delete-after --delete-excluded --force --no-force
    --max-delete --ignore-errors --no-ignore-errors

    --rsh -e --rsync-path --remote-option -M --compress -z --no-compress --no-z --compress-choice --zc --old-compress
    --new-compress --compress-level --zl --compress-threads --zt --skip-compress --bwlimit --no-bwlimit --timeout
    --no-timeout --contimeout --no-contimeout --stop-after --time-limit --stop-at --blocking-io --no-blocking-io
    --address --port --sockopts --ipv4 -4 --ipv6 -6 --password-file --early-input --protocol --max-alloc --old-args
    --no-old-args --secluded-args -s --protect-args --no-secluded-args --no-protect-args --no-s --trust-sender
    --write-batch --only-write-batch --read-batch --dry-run -n --server --sender --daemon --config --dparam --detach
    --no-detach
";

/// What the environment may say.
const VARIABLES: &str = "
    RSYNC_RSH RSYNC_OLD_ARGS RSYNC_PROTECT_ARGS RSYNC_PARTIAL_DIR RSYNC_MAX_ALLOC RSYNC_CHECKSUM_LIST
    RSYNC_COMPRESS_LIST RSYNC_PASSWORD RSYNC_PROXY RSYNC_CONNECT_PROG RSYNC_SHELL CVSIGNORE
";

/// Letters whose value may follow in the same word.
const WITH_VALUE: &str = "efBTM@";

/// The spellings in a script.
fn used(script: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let words = script.split(|c: char| c.is_whitespace() || "\"'`;()".contains(c));
    for word in words {
        if let Some(rest) = word.strip_prefix("--") {
            found.insert(format!("--{}", rest.split('=').next().unwrap_or_default()));
        } else if let Some(letters) = word.strip_prefix('-') {
            for letter in letters.chars() {
                found.insert(format!("-{letter}"));
                if WITH_VALUE.contains(letter) {
                    break;
                }
            }
        }
    }
    found
}

/// Whether it is refused by name, so that there is nothing to compare.
fn is_unbuilt(spelling: &str) -> bool {
    let name = spelling.trim_start_matches('-');
    let table = flag::flags().find(|flag| flag.spellings().any(|(long, _)| long == name && spelling.starts_with("--")));
    NOT_BUILT.iter().any(|unbuilt| name == *unbuilt || table.is_some_and(|flag| flag.long == *unbuilt))
}

/// Panics with what is missing.
pub fn check(rows: &[Row]) {
    let listed: BTreeSet<&str> = SPELLINGS.split_whitespace().collect();
    let used: BTreeSet<String> = rows.iter().flat_map(|row| used(row.script)).collect();
    let idle: Vec<&&str> = listed.iter().filter(|word| !used.contains(**word) && !is_unbuilt(word)).collect();
    assert!(idle.is_empty(), "no row uses {idle:?}");
    let silent: Vec<&str> =
        VARIABLES.split_whitespace().filter(|name| !rows.iter().any(|row| row.script.contains(name))).collect();
    assert!(silent.is_empty(), "no row sets {silent:?}");
    for flag in flag::flags() {
        // What a stock client sends for --qsort, and no stock server understands.
        let is_known = |long: &str| long.is_empty() || long == "use-qsort";
        for (long, _) in flag.spellings().filter(|(long, _)| !is_known(long)) {
            assert!(listed.contains(&*format!("--{long}")), "--{long} is not in the list of options");
        }
        if let Some(letter) = flag.short {
            assert!(listed.contains(&*format!("-{letter}")), "-{letter} is not in the list of options");
        }
    }
}
