//! Command lines that are refused, and what is asked for by those that are not. The texts are those that stock rsync 3.5.0 prints.

use super::flag::{by_name, flags};
use super::*;
use crate::Error;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use proptest::prelude::*;

mod meaning;

fn words(line: &str) -> Vec<Vec<u8>> {
    let parts = line.split(' ').filter(|word| !word.is_empty());
    // `''` stands for an empty word.
    parts.map(|word| if word == "''" { Vec::new() } else { word.as_bytes().to_vec() }).collect()
}

fn parsed(line: &str, env: &Env) -> Result<Command, Error> {
    parse_with(&words(line), env, &Setup { not_built: &[], ..Setup::default() })
}

fn client_in(line: &str, env: &Env) -> (Options, Vec<String>) {
    match parsed(line, env) {
        Ok(Command::Client { options, args }) => {
            (*options, args.iter().map(|arg| String::from_utf8_lossy(arg).into_owned()).collect())
        }
        other => panic!("{line}: {other:?}"),
    }
}

fn client(line: &str) -> Options {
    client_in(line, &Env::default()).0
}

fn server(line: &str) -> Server {
    match parsed(line, &Env::default()) {
        Ok(Command::Server(server)) => server,
        other => panic!("{line}: {other:?}"),
    }
}

/// The text and exit code of a command line that fails, in parsing or in planning.
fn failure(line: &str, env: &Env) -> (String, i32) {
    let error = match parsed(line, env) {
        Ok(Command::Client { options, args }) => plan(&options, &args).map(|plan| format!("{plan:?}")),
        Ok(other) => Ok(format!("{other:?}")),
        Err(error) => Err(error),
    };
    match error {
        Ok(plan) => panic!("{line}: no error but {plan}"),
        Err(error) => (error.text_lossy(), error.exit.0),
    }
}

#[track_caller]
fn check_failures(table: &[(&str, &str, i32)]) {
    for (line, text, exit) in table {
        assert_eq!(failure(line, &Env::default()), (text.to_string(), *exit), "{line}");
    }
}

#[test]
fn the_syntax_of_options_is_checked() {
    check_failures(&[
        ("-avQ s d", "rsync: -avQ: unknown option", 1),
        ("--foo s d", "rsync: --foo: unknown option", 1),
        ("--recurs s d", "rsync: --recurs: unknown option", 1),
        ("--no-foo", "rsync: --no-foo: unknown option", 1),
        ("--=x", "rsync: --=x: unknown option", 1),
        ("-= s d", "rsync: -=: unknown option", 1),
        ("--recursive=yes s d", "rsync: --recursive=yes: option does not take an argument", 1),
        ("--no-v=3 s d", "rsync: --no-v=3: option does not take an argument", 1),
        ("-rv=5 s d", "rsync: -rv=5: option does not take an argument", 1),
        ("-r= s d", "rsync: -r=: option does not take an argument", 1),
        ("--timeout", "rsync: --timeout: missing argument", 1),
        ("-avB", "rsync: -avB: missing argument", 1),
        ("--timeout=x s d", "rsync: --timeout=x: invalid numeric value", 1),
        ("--timeout 5x s d", "rsync: 5x: invalid numeric value", 1),
        ("-v@ 5x s d", "rsync: 5x: invalid numeric value", 1),
        ("-@x s d", "rsync: -@x: invalid numeric value", 1),
        ("--timeout=3000000000 s d", "rsync: --timeout=3000000000: number too large or too small", 1),
        ("-B=70x s d", "rsync: --block-size=70x is invalid", 1),
        ("-B70 -B -n s d", "rsync: --block-size=-n is invalid", 1),
        ("-B200k --protocol=29 s d", "rsync: --block-size=200k is too large (max: 128.00K)", 1),
        ("--protocol=29 -B536870913 s h:d", "rsync: --block-size=536870913 is too large (max: 512.00M)", 1),
        ("--max-alloc=5 s d", "rsync: --max-alloc=5 is too small (min: 1.00M or 0 for unlimited)", 1),
        ("--max-alloc=foo s d", "rsync: --max-alloc=foo is invalid", 1),
        ("--bwlimit=foo s d", "rsync: --bwlimit=foo is invalid", 1),
        ("--server -Q . d", "rsync: on remote machine: -Q: unknown option", 1),
        ("--server --timeout=x . d", "rsync: on remote machine: --timeout=x: invalid numeric value", 1),
        ("--server . d --foo", "rsync: on remote machine: --foo: unknown option", 1),
        ("--bogus --server . x", "rsync: --bogus: unknown option", 1),
    ]);
}

#[test]
fn values_are_checked() {
    check_failures(&[
        ("--chmod=8 s d", "rsync: Invalid argument passed to --chmod (8)", 1),
        ("-M foo s d", "rsync: Remote option must start with a dash: foo", 1),
        ("--stderr=x s d", "rsync: --stderr mode \"x\" is not one of errors, all, or client", 1),
        ("--stderr= s d", "rsync: --stderr mode \"\" is not one of errors, all, or client", 1),
        ("--outbuf=q s d", "rsync: Invalid --outbuf setting -- specify N, L, or B.", 1),
        ("--outbuf= s d", "rsync: Invalid --outbuf setting -- specify N, L, or B.", 1),
        ("--info=foo s d", "Unknown --info item: \"foo\"", 1),
        ("--debug=foo s d", "Unknown --debug item: \"foo\"", 1),
        ("--cc=foo s d", "unknown checksum name: foo", 4),
        ("--cc=md5,foo s d", "unknown checksum name: foo", 4),
        ("--zc=foo s d", "unknown compress name: foo", 4),
        ("--zc=zlib,x s d", "unknown compress name: zlib,x", 4),
        ("--server --cc=foo . d", "unknown checksum name: foo", 4),
        ("--stop-after=x s d", "rsync: invalid --stop-after value: x", 1),
        ("--time-limit=0 s d", "rsync: invalid --stop-after value: 0", 1),
        ("--stop-at=foo s d", "rsync: invalid --stop-at format: foo", 1),
        ("--server --files-from=h:l . d", "rsync: The --files-from sent to the server cannot specify a host.", 1),
        ("--files-from=h:- h:a d", "rsync: Invalid --files-from remote filename", 1),
    ]);
    let long = "a".repeat(4086);
    assert_eq!(failure(&format!("-T{long} s d"), &Env::default()).0, "rsync: the --temp-dir path is WAY too long.");
    let long = "a".repeat(3969);
    let text = "rsync: the --backup-dir path is WAY too long.";
    assert_eq!(failure(&format!("--backup-dir={long} s d"), &Env::default()).0, text);
    assert!(client(&format!("--backup-dir={} s d", "a".repeat(3968))).backup);
    let text = "rsync: the batch-file name must be 256 characters or less.";
    assert_eq!(failure(&format!("--write-batch={} s d", "a".repeat(257)), &Env::default()).0, text);
}

#[test]
fn options_conflict() {
    let many = "--link-dest=d ".repeat(21);
    check_failures(&[
        (
            "--link-dest=a --copy-dest=b s d",
            "rsync: ERROR: the --copy-dest option conflicts with the --link-dest option",
            1,
        ),
        (&many, "rsync: ERROR: at most 20 --link-dest args may be specified", 1),
        ("--chown=a --usermap=*:b s d", "rsync: --usermap conflicts with prior --chown.", 1),
        ("--usermap=*:b --chown=a s d", "rsync: --chown conflicts with prior --usermap.", 1),
        ("--groupmap=*:b --chown=:a s d", "rsync: --chown conflicts with prior --groupmap.", 1),
        ("--chown=:g --groupmap=x:y s d", "rsync: --groupmap conflicts with prior --chown.", 1),
        ("--chown=a --chown=b s d", "rsync: You can only specify a user-affecting --chown once.", 1),
        ("--chown=:a --chown=:b s d", "rsync: You can only specify a group-affecting --chown once.", 1),
        ("--usermap=x:y --usermap=x:y s d", "rsync: You can only specify --usermap once.", 1),
        ("--groupmap=x:y --groupmap=x:y s d", "rsync: You can only specify --groupmap once.", 1),
        ("--old-args -s s d", "rsync: --secluded-args conflicts with --old-args.", 1),
        ("--fake-super -XX s d", "rsync: --fake-super conflicts with -XX", 1),
        ("--read-batch=f --write-batch=f d", "rsync: --write-batch and --read-batch can not be used together", 1),
        ("--read-batch=f --files-from=f d", "rsync: --read-batch cannot be used with --files-from", 1),
        ("--read-batch=f --remove-source-files d", "rsync: --read-batch cannot be used with --remove-source-files", 1),
        ("--read-batch=f --remove-sent-files d", "rsync: --read-batch cannot be used with --remove-sent-files", 1),
        ("-r --delete-before --delete-after s d", "rsync: You may not combine multiple --delete-WHEN options.", 1),
        ("-r --delete-delay --delete-after s d", "rsync: You may not combine multiple --delete-WHEN options.", 1),
        ("--delete s d", "rsync: --delete does not work without --recursive (-r) or --dirs (-d).", 1),
        ("--delete-excluded s d", "rsync: --delete does not work without --recursive (-r) or --dirs (-d).", 1),
        ("--delete --no-d --list-only s", "rsync: --delete does not work without --recursive (-r) or --dirs (-d).", 1),
        ("--confine-root=x s d", "rsync: --confine-root must be an absolute path", 1),
        ("--confine-root=/x --insecure-links s d", "rsync: --insecure-links cannot be combined with --confine-root", 1),
        ("--suffix=a/b s d", "rsync: --suffix cannot contain slashes: a/b", 1),
        ("--suffix= s d", "rsync: --suffix cannot be empty without a --backup-dir", 1),
        ("--backup-dir=. s d", "rsync: --suffix cannot be empty when --backup-dir is the same as the dest dir", 1),
        ("--backup-dir=./ s d", "rsync: --suffix cannot be empty when --backup-dir is the same as the dest dir", 1),
        ("--append -W s d", "rsync: --append cannot be used with --whole-file", 1),
        ("--server --append -W . d", "rsync: --append cannot be used with --whole-file", 1),
        ("--inplace --partial-dir=x s d", "rsync: --inplace cannot be used with --partial-dir", 1),
        ("--append --partial-dir=x s d", "rsync: --append cannot be used with --partial-dir", 1),
        ("--append --delay-updates s d", "rsync: --append cannot be used with --delay-updates", 1),
        ("--write-devices --delay-updates s d", "rsync: --inplace cannot be used with --delay-updates", 1),
    ]);
}

#[test]
fn arguments_are_checked() {
    let local_hint = "Unexpected local arg: b\nIf arg is a remote file/dir, prefix it with a colon (:).";
    let module = "ERROR: The remote path must start with a module name not a /";
    check_failures(&[
        ("h:a g:b", "The source and destination cannot both be remote.", 1),
        ("a h:b c", "Unexpected remote arg: h:b", 1),
        ("h:a b h:c d", local_hint, 1),
        ("h:a g:b c", "All source args must come from the same machine.", 1),
        ("u@h:a v@h:b d", "All source args must come from the same machine.", 1),
        ("h:a u@h:b d", "All source args must come from the same machine.", 1),
        (":a h:b d", "All source args must come from the same machine.", 1),
        ("h:a h::b c", "All source args must use the same hostspec format.", 1),
        ("h:a ::b c", "All source args must use the same hostspec format.", 1),
        ("rsync://h:44/a rsync://h:45/b d", "All source args must use the same port number.", 1),
        ("a ''", "Empty destination arg specified (use \".\" or see --old-args).", 1),
        ("'' a", "Empty source arg specified.", 1),
        ("--old-args a '' d", "Empty source arg specified.", 1),
        ("-- -h:a b", "Invalid remote host: hostnames may not start with '-'.", 1),
        ("a -- -h:b", "Invalid remote host: hostnames may not start with '-'.", 1),
        ("--password-file=x a b", "The --password-file option may only be used when accessing an rsync daemon.", 1),
        ("--password-file=x a h:b", "The --password-file option may only be used when accessing an rsync daemon.", 1),
        ("--contimeout=3 a b", "The --contimeout option may only be used when connecting to an rsync daemon.", 1),
        (
            "--contimeout=3 -e x a h::b",
            "The --contimeout option may only be used when connecting to an rsync daemon.",
            1,
        ),
        ("--files-from=h:l s d", "--files-from cannot be remote when the transfer is local", 1),
        ("--files-from=:l s d", "--files-from cannot be remote when the transfer is local", 1),
        ("--files-from=h:l s g:d", "--files-from hostname is not the same as the transfer hostname", 1),
        ("--files-from=u@h:l h:a d", "--files-from hostname is not the same as the transfer hostname", 1),
        ("--read-batch=x h:d", "remote destination is not allowed with --read-batch", 1),
        ("h::/x d", module, 5),
        ("rsync://h//x d", module, 5),
        ("a h::/x", module, 5),
        ("--protocol=33 a b", "--protocol must be no more than 32 on the Client.", 2),
        (
            "--protocol=19 a b",
            "protocol version mismatch -- is your shell clean?\n(see the rsync manpage for an explanation)",
            2,
        ),
    ]);
    let many = |count, rest| format!("{}{rest}", "-M-x ".repeat(count));
    for (most, rest) in [(135, "a h:d"), (134, "h:a d"), (133, "-T x a h:d"), (134, "-s a h:d")] {
        planned(&many(most, rest));
        let text = "too many remote options specified.".to_string();
        assert_eq!(failure(&many(most + 1, rest), &Env::default()), (text, 1), "{rest}");
    }
    planned(&many(1000, "a d"));
    let usage = String::from_utf8_lossy(&help_text()).into_owned();
    for line in ["", "--", "-v", "-hh", "--sender s d", "--files-from=l s", "--files-from=l s d e"] {
        assert_eq!(failure(line, &Env::default()), (usage.clone(), 1), "{line:?}");
    }
}

fn planned(line: &str) -> Plan {
    let (options, args) = client_in(line, &Env::default());
    let args: Vec<_> = args.into_iter().map(String::into_bytes).collect();
    plan(&options, &args).unwrap_or_else(|error| panic!("{line}: {error}"))
}

#[test]
fn arguments_decide_the_direction() {
    let show =
        |list: &[Vec<u8>]| list.iter().map(|p| String::from_utf8_lossy(p).into_owned()).collect::<Vec<_>>().join(" ");
    let describe = |remote: &Remote| {
        let user = remote.user.as_ref().map_or(String::new(), |user| format!("{}@", String::from_utf8_lossy(user)));
        format!(
            "{user}{} {:?} {} [{}]",
            String::from_utf8_lossy(&remote.host),
            remote.kind,
            remote.port,
            show(&remote.paths)
        )
    };
    let dest =
        |dest: &Option<Vec<u8>>| dest.as_ref().map_or("list".into(), |d| String::from_utf8_lossy(d).into_owned());
    for (line, expect) in [
        ("a b c", "local [a b] -> c"),
        ("a", "local [a] -> list"),
        ("--old-args a ''", "local [a] -> ."),
        ("a x/y:z", "local [a] -> x/y:z"),
        ("a b u@h:c", "push [a b] -> u@h Shell 0 [c]"),
        ("a h:", "push [a] -> h Shell 0 []"),
        ("a h::m/x", "push [a] -> h Daemon 0 [m/x]"),
        ("--port=77 a h::m", "push [a] -> h Daemon 77 [m]"),
        ("--port=77 a rsync://u@[::1]:88/m/p", "push [a] -> u@::1 Daemon 88 [m/p]"),
        ("h:a :b h:c d", "pull h Shell 0 [a b c] -> d"),
        ("h:a", "pull h Shell 0 [a] -> list"),
        ("h:a :", "pull h Shell 0 [a ] -> list"),
        ("h::m/a ::b .", "pull h Daemon 0 [m/a b] -> ."),
        ("h::m", "pull h Daemon 0 [m] -> list"),
        ("h::", "modules h Daemon 0 []"),
        ("rsync://h:99/", "modules h Daemon 99 []"),
        ("rsync://", "modules  Daemon 0 []"),
        ("--files-from=:l h:a d", "pull h Shell 0 [a] -> d"),
        ("--files-from=h:l s h::d", "push [s] -> h Daemon 0 [d]"),
        ("--read-batch=x d", "local [] -> d"),
    ] {
        let got = match planned(line) {
            Plan::Local { sources, dest: to } => format!("local [{}] -> {}", show(&sources), dest(&to)),
            Plan::Push { sources, remote } => format!("push [{}] -> {}", show(&sources), describe(&remote)),
            Plan::Pull { remote, dest: to } => format!("pull {} -> {}", describe(&remote), dest(&to)),
            Plan::Modules { remote } => format!("modules {}", describe(&remote)),
        };
        assert_eq!(got, expect, "{line}");
    }
}

#[test]
fn texts_are_printed_on_request() {
    let print = |line: &str| match parsed(line, &Env::default()) {
        Ok(Command::Print(text)) => String::from_utf8(text).unwrap(),
        other => panic!("{line}: {other:?}"),
    };
    let usage = String::from_utf8(help_text()).unwrap();
    for line in ["-h", "--help", "-v --help --foo", "--help --chmod=8"] {
        assert_eq!(print(line), usage, "{line}");
    }
    let version = print("--version");
    assert!(version.starts_with("rsync  version 3.5.0  protocol version 32\nSyncline "));
    assert_eq!(print("-V --cc=foo"), version, "texts come before such checks");
    assert!(print("-VV").starts_with("{\n  \"program\": \"rsync\","));
    assert!(print("--info=name,help --foo").starts_with("Use OPT or OPT1"));
    assert!(print("--daemon --help").contains("Usage: rsync --daemon"));
    check_failures(&[
        ("--version --foo", "rsync: --foo: unknown option", 1),
        ("--version --chmod=8", "rsync: Invalid argument passed to --chmod (8)", 1),
    ]);
    assert_eq!(client("-h s").human_readable, 2);
}

#[test]
fn an_option_that_is_not_built_is_refused() {
    for (line, text) in [
        ("-aH s d", "rsync: --hard-links: this option is not built yet in syncline"),
        ("--drop-D s d", "rsync: --drop-D: this option is not built yet in syncline"),
        ("--server -vXe.L . d", "rsync: on remote machine: --xattrs: this option is not built yet in syncline"),
    ] {
        let setup = Setup { not_built: &["hard-links", "drop-D", "xattrs"], ..Setup::default() };
        let error = parse_with(&words(line), &Env::default(), &setup).unwrap_err();
        assert_eq!((error.text_lossy().as_str(), error.exit.0), (text, 4), "{line}");
    }
    let setup = Setup { not_built: &["acls", "iconv"], ..Setup::default() };
    assert!(parse_with(&words("--no-acls --no-A s d"), &Env::default(), &setup).is_ok(), "switching off is no use");
    let env = Env { iconv: Some(b"utf8".to_vec()), ..Env::default() };
    assert_eq!(parse_with(&words("s d"), &env, &setup).unwrap_err().exit.0, 4, "nor is a variable ignored");
    assert!(parse_with(&words("--no-iconv s d"), &env, &setup).is_ok());
    for name in NOT_BUILT {
        assert!(by_name(name.as_bytes()).is_some(), "{name}");
    }
}

#[test]
fn the_table_knows_every_option_once() {
    let mut names: Vec<_> =
        flags().flat_map(|flag| flag.spellings().map(|(name, _)| name)).filter(|n| !n.is_empty()).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "a name is used twice");
    let mut letters: Vec<_> = flags().filter_map(|flag| flag.short).collect();
    let count = letters.len();
    letters.sort_unstable();
    letters.dedup();
    assert_eq!(letters.len(), count, "a letter is used twice");
    assert_eq!(letters.iter().collect::<String>(), "0468@ABCDEFHIJKLMNOPRSTUVWXabcdefghiklmnopqrstuvxyz");
    for flag in flags() {
        assert!(flag.short.is_some() || !flag.long.is_empty());
        assert!(!flag.help.is_empty() || matches!(flag.kind, flag::Kind::Special(_)), "{}", flag.name());
    }
}

/// A word as a hostile client may send it: options, their values, and noise.
fn any_word() -> impl Strategy<Value = Vec<u8>> {
    let names: Vec<&'static str> = flags().flat_map(|flag| flag.spellings().map(|(name, _)| name)).collect();
    let value = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..12),
        "[0-9.+-]{0,22}[kKmMgGtTpPbBiI]{0,3}".prop_map(String::into_bytes),
        "[DFugoa]{0,3}[-+=][rwxXstugo]{0,4}(,[0-7]{1,5})?".prop_map(String::into_bytes),
        "[0-9/-]{0,12}[Tt]?[0-9:]{0,6}".prop_map(String::into_bytes),
    ];
    prop_oneof![
        (prop::sample::select(names), value.clone()).prop_map(|(name, value)| [
            format!("--{name}=").as_bytes(),
            &value
        ]
        .concat()),
        "-[a-zA-Z0-9@=]{1,12}".prop_map(String::into_bytes),
        value,
    ]
}

proptest! {
    #[test]
    fn no_words_of_a_client_can_panic(words in prop::collection::vec(any_word(), 0..8)) {
        let setup = Setup { not_built: &[], ..Setup::default() };
        let worker = parse_worker(&words, &Env::default(), &setup, &Refusals::default(), None);
        let again = parse_worker(&words, &Env::default(), &setup, &Refusals::default(), Some(worker.options));
        prop_assert!(again.options.server);
        prop_assert!(!again.secluded, "only the first block can announce another one");
    }

    #[test]
    fn no_command_line_can_panic(
        words in prop::collection::vec(any_word(), 0..5),
        push: bool,
        path in prop::collection::vec(any::<u8>(), 0..12),
        protocol in 20u32..40,
    ) {
        let setup = Setup { not_built: &[], ..Setup::default() };
        let remote = [b"h::", &path[..]].concat();
        let ends = if push { [b"a".to_vec(), remote] } else { [remote, b"a".to_vec()] };
        // A word may take what follows as its value, and then there is no transfer.
        let words: Vec<_> = words.into_iter().chain(ends).collect();
        let Ok(Command::Client { options, args }) = parse_with(&words, &Env::default(), &setup) else { return Ok(()) };
        let (push, remote) = match plan(&options, &args) {
            Ok(Plan::Push { remote, .. }) => (true, remote),
            Ok(Plan::Pull { remote, .. }) => (false, remote),
            _ => return Ok(()),
        };
        for link in [Link::Shell, Link::Daemon] {
            let outgoing = Outgoing { options: &options, push, protocol, link, paths: &remote.paths };
            let words = outgoing.words().visible;
            prop_assert_eq!(words.first().map(Vec::as_slice), Some(&b"--server"[..]));
        }
    }
}
