//! Command lines become configurations the way they do in real life: the client's words are parsed, the words for the server
//! are made of them, and parsed again on the other side.

use syncline_core::options::{Command, Env, Link, Options, Outgoing, Plan, parse, plan};
use syncline_core::report::LocalTime;
use syncline_core::session::{Config, PROTOCOL, Role, Side, Transport};
use syncline_core::wire::Codecs;

use super::host::Host;
use super::tree::Tree;
use super::wire::{End, Pace, Pair};

fn local_time(unix: i64) -> LocalTime {
    LocalTime::at(unix, 0)
}

pub fn base(options: Options, side: Side, root: bool) -> Config {
    Config {
        options,
        side,
        role: Role::Sender,
        transport: Transport::Shell,
        protocol: None,
        paths: Vec::new(),
        requested: Vec::new(),
        umask: 0o022,
        root,
        groups: Vec::new(),
        cwd: b"/".to_vec(),
        seed: 0x1234_5678,
        unix_time: 1_900_000_000,
        pid: 4711,
        local_time,
        ids: (0, 0),
        home: b"/home".to_vec(),
        cvsignore: Vec::new(),
        stop_after_ms: None,
        names: None,
        checksum_list: None,
        compress_list: None,
        codecs: Codecs::default(),
        scan: None,
        conversion: None,
        module: None,
        module_chmod: None,
        batch: None,
        rule_files: Vec::new(),
        refused: None,
        errors_to_client: false,
    }
}

fn words(line: &str) -> Vec<Vec<u8>> {
    line.split_whitespace().map(|word| word.as_bytes().to_vec()).collect()
}

/// The configurations of both ends for a client's command line: client, then server.
pub fn configs(line: &str, root: bool) -> (Config, Config) {
    let Command::Client { options, args } = parse(&words(line), &Env::default()).expect(line) else {
        panic!("{line} is not a client's command line");
    };
    let config = base((*options).clone(), Side::Client, root);
    let (push, remote, client) = match plan(&options, &args).expect(line) {
        Plan::Push { sources, remote } => (true, remote, Config { role: Role::Sender, paths: sources, ..config }),
        Plan::Pull { remote, dest } => {
            let (paths, requested) = (dest.into_iter().collect(), remote.paths.clone());
            (false, remote, Config { role: Role::Receiver, paths, requested, ..config })
        }
        other => panic!("{line} is {other:?}"),
    };
    let protocol = options.protocol.map_or(PROTOCOL, |protocol| protocol as u32);
    let outgoing = Outgoing { options: &options, push, protocol, link: Link::Shell, paths: &remote.paths }.words();
    let Command::Server(server) = parse(&outgoing.visible, &Env::default()).expect(line) else {
        panic!("{outgoing:?} are not a server's words");
    };
    let role = if push { Role::Receiver } else { Role::Sender };
    let server = Config { role, paths: server.paths, ..base(*server.options, Side::Server, root) };
    (client, server)
}

/// Which way files flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Push,
    Pull,
}

/// A transfer of `src/` to `dst`, each in the tree of its own side.
pub struct Transfer {
    pub way: Way,
    pub pair: Pair,
}

impl Transfer {
    /// `options` are words; `sources` and `dest` too, as the side that has them knows them.
    pub fn new(way: Way, options: &str, sources: &str, dest: &str, hosts: (Host, Host)) -> Transfer {
        let (sender, receiver) = hosts;
        let (line, client, server) = match way {
            Way::Push => (format!("{options} {sources} h:{dest}"), sender, receiver),
            Way::Pull => {
                let sources: Vec<String> = sources.split_whitespace().map(|source| format!("h:{source}")).collect();
                (format!("{options} {} {dest}", sources.join(" ")), receiver, sender)
            }
        };
        let (for_client, for_server) = configs(&line, true);
        Transfer { way, pair: Pair::new(End::new(for_client, client), End::new(for_server, server)) }
    }

    pub fn run(mut self, pace: &Pace) -> Transfer {
        self.pair.run(pace);
        self
    }

    pub fn sender(&self) -> &End {
        if self.way == Way::Push { &self.pair.client } else { &self.pair.server }
    }

    pub fn receiver(&self) -> &End {
        if self.way == Way::Push { &self.pair.server } else { &self.pair.client }
    }

    /// Both exit codes: client, server.
    pub fn exits(&self) -> (i32, i32) {
        let code = |end: &End| end.exit.map_or(-1, |exit| exit.0);
        (code(&self.pair.client), code(&self.pair.server))
    }

    pub fn shown(&self) -> String {
        format!("client: {}\nserver: {}", self.pair.client.shown(), self.pair.server.shown())
    }

    /// The trees: sender's, receiver's.
    pub fn into_trees(self) -> (Tree, Tree) {
        match self.way {
            Way::Push => (self.pair.client.host.tree, self.pair.server.host.tree),
            Way::Pull => (self.pair.server.host.tree, self.pair.client.host.tree),
        }
    }
}
