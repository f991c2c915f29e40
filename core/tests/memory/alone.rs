//! One session, and a peer that is nothing but bytes: recorded from a real transfer, or made up.

use std::collections::VecDeque;

use super::host::Host;
use super::setup::{Transfer, Way};
use super::tree::Tree;
use super::wire::{End, Pace};
use super::{Rng, setup};

/// A role that can be played: who sends, and which end hears the bytes.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    pub way: Way,
    pub server: bool,
}

pub const PARTS: [Part; 4] = [
    Part { way: Way::Push, server: false },
    Part { way: Way::Push, server: true },
    Part { way: Way::Pull, server: false },
    Part { way: Way::Pull, server: true },
];

impl Part {
    fn sends(self) -> bool {
        (self.way == Way::Push) != self.server
    }
}

/// Trees in which much happens: new, changed, and extra files.
pub fn trees() -> (Tree, Tree) {
    let (mut source, mut dest) = (Tree::default(), Tree::default());
    let mut rng = Rng::new(11);
    let big = rng.bytes(9_000);
    source.add_file("src/big", &big, 3_000);
    source.add_file("src/new", b"brand new\n", 2_000);
    source.add_file("src/dir/inner", b"inside", 4_000);
    source.add_file("src/dir/deep/deeper", &rng.bytes(2_000), 5_000);
    let link = super::tree::Inode { mode: 0o120777, data: b"new".to_vec(), ..Default::default() };
    source.add("src/link", link);
    dest.add_dir("dst");
    dest.add_file("dst/big", &[&big[..4_000], b"something else", &big[5_000..]].concat(), 100);
    dest.add_file("dst/dir/inner", b"insidE", 4_500);
    dest.add_file("dst/dir/extra", b"not at the source", 9);
    for tree in [&mut source, &mut dest] {
        tree.add_file("outside/secret", b"out of reach", 1);
    }
    (source, dest)
}

/// What the peer of this part says in a real transfer.
pub fn recorded(part: Part, options: &str) -> Vec<u8> {
    let (source, dest) = trees();
    let hosts = (Host::new(source), Host::new(dest));
    let done = Transfer::new(part.way, options, "src/", "dst", hosts).run(&Pace::FAST);
    assert_eq!(done.exits(), (0, 0), "{options}");
    let [up, down] = done.pair.travelled;
    if part.server { up } else { down }
}

/// Plays a part to its end while the peer says `bytes` and then hangs up.
pub fn play(part: Part, options: &str, bytes: &[u8], piece_max: usize) -> End {
    let line = match part.way {
        Way::Push => format!("{options} src/ h:dst"),
        Way::Pull => format!("{options} h:src/ dst"),
    };
    let (client, server) = setup::configs(&line, true);
    let config = if part.server { server } else { client };
    let (source, dest) = trees();
    let mut end = End::new(config, Host::new(if part.sends() { source } else { dest }));
    let mut queue = VecDeque::from(bytes.to_vec());
    let mut now_ms = 1;
    loop {
        end.run(false);
        if end.exit.is_some() {
            return end;
        }
        let sent = !end.send(usize::MAX).is_empty();
        let moved = sent || end.receive(&mut queue, piece_max) > 0 || (queue.is_empty() && end.receive_end());
        if !moved {
            let at = end
                .deadline()
                .unwrap_or_else(|| panic!("{part:?} hangs with {} bytes left\n{}", queue.len(), end.shown()));
            now_ms = at.max(now_ms + 1);
            end.session.tick(now_ms);
        }
    }
}

/// The tree of this part is as it was, but for what a receiver may write.
pub fn check_confined(part: Part, end: &End) {
    let (source, dest) = trees();
    let before = if part.sends() { source } else { dest };
    let dir = if part.sends() { "src" } else { "outside" };
    assert_eq!(end.host.tree.snapshot(dir), before.snapshot(dir), "{part:?}");
    assert_eq!(end.host.tree.snapshot("outside"), before.snapshot("outside"), "{part:?}");
}
