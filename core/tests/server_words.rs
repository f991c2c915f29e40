//! What starts a server, for many command lines, equals what stock rsync 3.5.0 was seen to run.
//!
//! The fixture was recorded with a remote shell that writes down its arguments. Words are separated by tabs:
//!
//! ```text
//! $ ENV=... -- arguments            the command line, without `rsync -e RSH`
//! > arguments of the remote shell
//! < words that followed in the stream, with secluded args
//! ```

use syncline_core::options::{
    Command, Env, Link, Options, Outgoing, Plan, Recursion, Setup, parse_with, plan, secluded, shell_command,
};

const RECORDED: &str = include_str!("fixtures/server_words.txt");

type Words = Vec<Vec<u8>>;

fn words(line: &str) -> Words {
    line.split('\t').skip(1).map(|word| word.as_bytes().to_vec()).collect()
}

fn env(settings: &[Vec<u8>]) -> Env {
    let mut env = Env::default();
    for setting in settings {
        let text = String::from_utf8_lossy(setting);
        let (name, value) = text.split_once('=').expect("NAME=VALUE");
        let field = match name {
            "RSYNC_OLD_ARGS" => &mut env.old_args,
            "RSYNC_PROTECT_ARGS" => &mut env.protect_args,
            "RSYNC_PARTIAL_DIR" => &mut env.partial_dir,
            "RSYNC_MAX_ALLOC" => &mut env.max_alloc,
            "RSYNC_ICONV" => &mut env.iconv,
            other => panic!("unknown variable {other}"),
        };
        *field = Some(value.as_bytes().to_vec());
    }
    env
}

fn client(words: &[Vec<u8>], env: &Env) -> (Box<Options>, Words) {
    let setup = Setup { not_built: &[], ..Setup::default() };
    match parse_with(words, env, &setup) {
        Ok(Command::Client { options, args }) => (options, args),
        other => panic!("not a client: {other:?}"),
    }
}

/// The arguments of the remote shell, and the secluded words.
fn started(args: &[Vec<u8>], env: &Env) -> (Words, Option<Words>) {
    let (mut options, args) = client(args, env);
    options.rsh = Some(b"rsh".to_vec());
    let (push, remote) = match plan(&options, &args).expect("a plan") {
        Plan::Push { remote, .. } => (true, remote),
        Plan::Pull { remote, .. } => (false, remote),
        other => panic!("not remote: {other:?}"),
    };
    let protocol = options.protocol.map_or(32, |protocol| u32::try_from(protocol).expect("a protocol"));
    let outgoing = Outgoing { options: &options, push, protocol, link: Link::Shell, paths: &remote.paths };
    let words = outgoing.words();
    let mut argv = shell_command(&options, &remote, &words.visible).expect("a command");
    argv.remove(0);
    (argv, words.secluded)
}

fn show(words: &[Vec<u8>]) -> String {
    words.iter().map(|word| format!("[{}]", String::from_utf8_lossy(word))).collect()
}

fn cases() -> impl Iterator<Item = (Words, Words, Words, Option<Words>)> {
    let lines: Vec<&str> = RECORDED.lines().collect();
    let starts: Vec<usize> = (0..lines.len()).filter(|&at| lines[at].starts_with('$')).collect();
    starts.into_iter().map(move |at| {
        let command = words(lines[at]);
        let split = command.iter().position(|word| word == b"--").expect("a separator");
        let stream = lines.get(at + 2).filter(|line| line.starts_with('<'));
        let args = command[split + 1..].to_vec();
        (command[..split].to_vec(), args, words(lines[at + 1]), stream.map(|line| words(line)))
    })
}

#[test]
fn servers_are_started_as_stock_starts_them() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (settings, args, argv, stream) in cases() {
        count += 1;
        let (got, secluded) = started(&args, &env(&settings));
        // Stock's client sends a word for --qsort that no stock server knows. We do not.
        let argv: Words = argv.into_iter().filter(|word| word != b"--use-qsort").collect();
        let expect_stream = stream.map(|words| words[1..].to_vec());
        let filled = secluded.map(|words| {
            words.into_iter().map(|word| if word.is_empty() { b".".to_vec() } else { word }).collect::<Words>()
        });
        if got != argv || filled != expect_stream {
            let stream = |words: &Option<Words>| words.as_ref().map_or(String::new(), |words| show(words));
            wrong.push(format!(
                "{} {}\n  got   {} {}\n  stock {} {}",
                show(&settings),
                show(&args),
                show(&got),
                stream(&filled),
                show(&argv),
                stream(&expect_stream)
            ));
        }
    }
    assert!(count > 1000, "only {count} cases");
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// The server understands everything that a client says: parsing stock's words gives options that say the same again.
#[test]
fn servers_understand_the_words() {
    let setup = Setup { not_built: &[], ..Setup::default() };
    let none = Env::default();
    for (settings, args, argv, stream) in cases() {
        // A server does not know yet that the protocol is old enough for such blocks; nor does stock.
        if argv.contains(&b"-B204800".to_vec()) {
            continue;
        }
        // The words are those that the shell would leave: without backslashes, which only paths and values hold.
        if argv.iter().any(|word| word.contains(&b'\\'))
            || args.iter().any(|word| word.starts_with(b"-M") || word.starts_with(b"--remote-option"))
        {
            continue;
        }
        let server = argv.iter().position(|word| word == b"--server").expect("a server");
        let line = show(&argv[server..]);
        let mut command = parse_with(&argv[server..], &none, &setup).unwrap_or_else(|e| panic!("{line}: {e}"));
        if let Command::Secluded(waiting) = command {
            let block = secluded::encode_secluded(&stream.clone().expect("secluded words")[1..]);
            let (words, _) = secluded::BlockReader::secluded().read(&block).unwrap().expect("a whole block");
            command = waiting.resume(&words, &none, &setup).unwrap_or_else(|e| panic!("{line}: {e}"));
        }
        let Command::Server(server) = command else { panic!("{line}: not a server") };
        let (client, _) = client(&args, &env(&settings));
        let o = &server.options;
        assert_eq!(server.directory, b".", "{line}");
        assert_eq!(o.sender, argv.contains(&b"--sender".to_vec()), "{line}");
        assert_eq!(
            (
                o.recursion == Recursion::Off,
                o.verbose,
                o.timeout,
                o.bwlimit,
                o.append,
                o.inplace,
                o.whole_file == Some(true)
            ),
            (
                client.recursion == Recursion::Off,
                client.verbose.min(9),
                client.timeout,
                client.bwlimit,
                client.append,
                client.inplace,
                client.whole_file == Some(true)
            ),
            "{line}"
        );
        assert_eq!(o.backup_suffix(), client.backup_suffix(), "{line}");
        assert_eq!(o.compress_choice.is_some(), client.compress_choice.is_some(), "{line}");
        if !o.sender {
            assert_eq!(
                (o.delete, o.delete_excluded, &o.partial_dir, o.partial, o.delay_updates),
                (
                    client.delete,
                    client.delete_excluded,
                    &client.partial_dir,
                    client.partial && !client.inplace,
                    client.delay_updates
                ),
                "{line}"
            );
        }
    }
}
