//! What options mean together: implications, the last word, formats, filters, the environment, aliases.

use super::*;
use crate::options::aliases::Aliases;

#[test]
fn options_and_arguments_mix() {
    let none = Env::default();
    let (options, args) = client_in("a -v b --times -- -x --foo", &none);
    assert_eq!((options.verbose, options.times, args.join(" ").as_str()), (1, true, "a b -x --foo"));
    let (_, args) = client_in("- s d", &none);
    assert_eq!(args, ["-", "s", "d"]);
    let env = Env { posixly_correct: true, ..Env::default() };
    let (options, args) = client_in("-t a -v", &env);
    assert_eq!((options.verbose, options.times, args.join(" ").as_str()), (0, true, "a -v"));
    let options = client("-B=700 -T=x --timeout 0x10 --suffix=a=b s d");
    assert_eq!((options.block_size, options.timeout), (700, 16));
    assert_eq!((options.temp_dir.as_deref(), options.suffix.as_deref()), (Some(&b"x"[..]), Some(&b"a=b"[..])));
}

#[test]
fn one_option_implies_another() {
    let o = client("-a s d");
    assert!(o.links && o.perms && o.times && o.group && o.owner && o.devices && o.specials && o.dirs);
    assert_eq!(o.recursion, Recursion::Archive);
    let o = client("-a --files-from=l s d");
    assert_eq!((o.recursion, o.relative, o.dirs, o.implied_dirs), (Recursion::Off, true, true, true));
    assert_eq!(o.files_from, Some(FilesFrom { host: None, path: b"l".to_vec() }));
    let o = client("--files-from=u@h:l --no-R s u@h:d");
    assert_eq!(o.files_from, Some(FilesFrom { host: Some(b"u@h".to_vec()), path: b"l".to_vec() }));
    assert!(!o.relative && !o.implied_dirs);
    assert!(client("s").listing && client("s").dirs && !client("s d").listing && !client("s d").dirs);
    assert!(client("-A s d").perms && client("--usermap=a:b s d").owner && client("--chown=:g s d").group);
    assert!(!client("-A --no-p s d").perms);
    assert!(client("-P s d").partial && client("-P s d").progress && client("--append s d").inplace);
    assert_eq!(client("--delay-updates s d").partial_dir.as_deref(), Some(&b".~tmp~"[..]));
    assert!(client("-b s d").omit_dir_times && !client("--backup-dir=x s d").omit_dir_times);
    assert_eq!((client("-b s d").backup_suffix(), client("--backup-dir=x s d").backup_suffix()), (&b"~"[..], &b""[..]));
    assert_eq!(client("--cc=none s d").whole_file, Some(true));
    assert_eq!(client("-r --max-delete=-3 s d").max_delete, Some(0));
    assert_eq!(client("-zz s d").compress_choice.as_deref(), Some(&b"zlibx"[..]));
    assert!(client("--zl=3 s d").wants_compression() && !client("-z --zc=none s d").wants_compression());
    assert!(!client("--zc=auto s d").wants_compression() && client("--zc=zstd s d").wants_compression());
    for (line, when) in [
        ("-r --delete s d", Delete::Unspecified),
        ("-r --delete --delete-before s d", Delete::Before),
        ("-r --del s d", Delete::During),
        ("-r --delete-during --delete-delay s d", Delete::Delay),
        ("-d --delete-after s d", Delete::After),
        ("-r --delete-excluded s d", Delete::Unspecified),
        ("-r s d", Delete::Off),
    ] {
        assert_eq!(client(line).delete, when, "{line}");
    }
}

#[test]
fn the_last_one_wins() {
    for (line, expect) in [("--no-t -t s d", true), ("-t --no-times s d", false), ("-a --no-t s d", false)] {
        assert_eq!(client(line).times, expect, "{line}");
    }
    assert_eq!(client("-vv --no-v -v s d").verbose, 1);
    assert_eq!(client("--super --fake-super --no-super s d").super_mode, Super::Off);
    assert_eq!(client("--append-verify --append s d").append, Append::Trust);
    assert_eq!(client("--timeout=5 --no-timeout s d").timeout, 0);
    assert_eq!(client("--delete-missing-args --ignore-missing-args s d").missing_args, MissingArgs::Delete);
}

#[test]
fn formats_and_levels_follow_from_several_options() {
    for (line, format) in [
        ("s d", None),
        ("-v s d", Some("%n%L")),
        ("--progress s d", Some("%n%L")),
        ("-v --info=name0 s d", None),
        ("-i s d", Some("%i %n%L")),
        ("-i --out-format=%n s d", Some("%n")),
        ("--log-format= s d", Some("")),
    ] {
        assert_eq!(client(line).item_format.map(|f| String::from_utf8(f).unwrap()).as_deref(), format, "{line}");
    }
    for (line, word, level) in [
        ("--progress s d", Info::Progress, 1),
        ("--progress s d", Info::Flist, 2),
        ("--progress --info=flist0 s d", Info::Flist, 0),
        ("--stats s d", Info::Stats, 2),
        ("--stats -vv s d", Info::Stats, 3),
        ("--stats --info=stats0 s d", Info::Stats, 0),
        ("-v s d", Info::Stats, 1),
    ] {
        assert_eq!(client(line).levels.info(word), level, "{line}");
    }
    for (format, letter, expect) in
        [("%i", b'i', true), ("%%i", b'i', false), ("%-10'o", b'o', true), ("%n i", b'i', false), ("a%", b'i', false)]
    {
        assert_eq!(format_has(format.as_bytes(), letter), expect, "{format}");
    }
}

#[test]
fn filters_keep_their_order() {
    use FilterArg::*;
    let line = "--exclude=a -f+_b --old-dirs -FF --include-from=c -C --exclude-from=e --include=d -b --delete --partial-dir=p s d";
    let expect = [
        Exclude(b"a".to_vec()),
        Filter(b"+_b".to_vec()),
        F,
        F,
        IncludeFrom(b"c".to_vec()),
        ExcludeFrom(b"e".to_vec()),
        Include(b"d".to_vec()),
        Filter(b"- /*/*".to_vec()),
        Filter(b"P *~".to_vec()),
        PartialDir(b"p".to_vec()),
        CvsExclude,
    ];
    assert_eq!(client(line).filters, expect);
    assert_eq!(client("-rb --delete-excluded --partial-dir=/p s d").filters, []);
}

#[test]
fn the_environment_gives_defaults() {
    let set = |text: &str| Some(text.as_bytes().to_vec());
    let env = Env { rsh: set("myrsh -x"), partial_dir: set("./pd/"), max_alloc: set("2g"), ..Env::default() };
    let (o, _) = client_in("--partial s h:d", &env);
    assert_eq!(o.rsh, set("myrsh -x"));
    assert!(!o.rsh_asked);
    assert_eq!((o.partial_dir, o.max_alloc), (set("pd"), 2 << 30));
    let (o, _) = client_in("-e other --max-alloc=0 s h:d", &env);
    assert_eq!((o.rsh, o.rsh_asked, o.partial_dir, o.max_alloc), (set("other"), true, None, 0));
    assert_eq!(client_in("s d", &Env { rsh: set(""), ..Env::default() }).0.rsh, None);
    let env = Env { max_alloc: set("foo"), ..Env::default() };
    assert_eq!(failure("s d", &env).0, "rsync: --max-alloc=foo is invalid");
    let env = Env { old_args: set("1"), ..Env::default() };
    assert_eq!(failure("--old-args -s s d", &env).0, "rsync: --secluded-args conflicts with --old-args.");
    assert_eq!(client_in("-s s d", &env).0.secluded_args, Some(true));
}

#[test]
fn a_server_reads_its_words() {
    let s = server("--server --sender -vlogDtpre.iLsfxCIvu --append --append --log-format=%i --no-implied-dirs . a b");
    assert!(s.options.sender && s.options.links && s.options.verbose == 1);
    assert_eq!(s.options.append, Append::Verify);
    assert_eq!(s.options.capabilities.as_deref(), Some(&b".iLsfxCIvu"[..]));
    assert_eq!((s.directory, s.paths), (b".".to_vec(), words("a b")));
    assert_eq!(s.options.item_format.as_deref(), Some(&b"%i"[..]));
    let s =
        server("--server -de.Lsf --no-r --delete --max-delete=-1 --qsort --info=FOO,NAME2 --only-write-batch=X . d");
    assert_eq!((s.options.delete, s.options.max_delete, s.options.only_batch), (Delete::Unspecified, Some(0), true));
    assert!(!s.options.listing && s.options.filters.is_empty() && s.options.levels.info(Info::Name) == 2);
    let s = server("--server --list-only -e.L .");
    assert!(s.options.listing && s.paths.is_empty());
    // A client's environment is not the server's.
    let env = Env { old_args: Some(b"1".to_vec()), partial_dir: Some(b"x".to_vec()), ..Env::default() };
    let Ok(Command::Server(s)) = parsed("--server --partial . d", &env) else { panic!("not a server") };
    assert_eq!((s.options.old_args, s.options.partial_dir), (None, None));
}

#[test]
fn aliases_stand_for_words() {
    let mut aliases = Aliases::default();
    aliases.read(b"rsync alias --mine -rt --exclude 'a b'\nrsync alias -Z --zc=zstd -v\nrsync alias -v -v --stats\n");
    aliases.read(b"rsync alias --level --zl\nrsync alias --loop --pool\nrsync alias --pool --loop -l\n");
    let setup = Setup { not_built: &[], aliases: Some(&aliases) };
    let get = |line: &str| match parse_with(&words(line), &Env::default(), &setup) {
        Ok(Command::Client { options, .. }) => *options,
        other => panic!("{line}: {other:?}"),
    };
    let o = get("--mine s d");
    assert!(o.recursion == Recursion::On && o.times);
    assert_eq!(o.filters, [FilterArg::Exclude(b"a b".to_vec())]);
    let o = get("-lZt s d");
    assert!(o.links && o.times && o.stats && o.verbose == 1);
    assert_eq!(o.compress_choice.as_deref(), Some(&b"zstd"[..]));
    assert_eq!(get("--level=5 s d").compress_level, Some(5));
    let error = parse_with(&words("--loop s d"), &Env::default(), &setup).unwrap_err();
    assert_eq!(error.text_lossy(), "rsync: --loop: unknown option", "a loop of aliases ends");
    let error = parse_with(&words("--server --mine . d"), &Env::default(), &setup).unwrap_err();
    assert_eq!(error.text_lossy(), "rsync: on remote machine: --mine: unknown option");
}
