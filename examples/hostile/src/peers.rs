//! Sessions with peers that say what they like.

use syncline_core::session::{Ask, Errno, Meta, Reply, RootId, Step};
use syncline_embed::document::{Event, Start, decode, encode};

use crate::damage::Chance;
use crate::sandbox::{Code, Outcome, PIECE_BYTES, Sandbox, Seen};

/// Memory limits.
const LIMITS: [u64; 2] = [24 << 20, 64 << 20];
/// The exit code of a session that would need more memory than it may have.
const MALLOC: i32 = 22;
/// Steps after which a session must have ended.
const STEPS_MAX: usize = 400_000;

/// A client whose list never ends: the server says that it is out of memory, and ends.
pub fn endless_list(code: &Code, chance: &mut Chance, seen: &mut Seen) -> Outcome<()> {
    let limit = chance.one(&LIMITS);
    let sandbox = &mut Sandbox::new(code, limit, seen)?;
    let name_bytes = chance.one(&[12, 200]);
    // Protocol 29, without owners: a byte of flags, name with length, length, time and mode.
    let mut count = 0u32;
    let mut peer = |piece: &mut Vec<u8>| {
        if count == 0 {
            piece.extend(29u32.to_le_bytes());
        }
        while piece.len() < PIECE_BYTES / 2 {
            count += 1;
            let name = format!("{count:0>name_bytes$}");
            piece.push(0x40);
            piece.extend((name.len() as u32).to_le_bytes());
            piece.extend(name.bytes());
            for number in [count, 1_000_000_000, 0o100_644] {
                piece.extend(number.to_le_bytes());
            }
        }
    };
    match serve(sandbox, &["--server", "-tr", ".", "dest"], &mut peer)? {
        Some(MALLOC) => Ok(()),
        other => Err(format!("an endless list ended with {other:?}").into()),
    }
}

/// Noise, behind a version that is right: any exit code will do.
pub fn noise(code: &Code, chance: &mut Chance, seen: &mut Seen) -> Outcome<()> {
    let limit = chance.one(&LIMITS);
    let sandbox = &mut Sandbox::new(code, limit, seen)?;
    let words = chance.one(&[
        ["--server", "-tr", ".", "dest"],
        ["--server", "-logDtpr", ".", "dest"],
        ["--server", "-logDtpre.iLsfxCIvu", ".", "dest"],
        ["--server", "-tre.iLsfxCIvu", "--delete", "."],
    ]);
    let mut pieces = 40;
    let mut first = true;
    let mut peer = |piece: &mut Vec<u8>| {
        if std::mem::take(&mut first) {
            piece.extend(chance.one(&[27u32, 29, 30, 31, 32]).to_le_bytes());
        }
        if pieces > 0 {
            pieces -= 1;
            let len = chance.one(&[1, 30, 2000]);
            piece.extend(chance.bytes(len));
            // Frames of data with any contents, as later protocols have them.
            if chance.below(2) == 0 {
                let len = 1 + chance.below(200);
                piece.extend((7 << 24 | len as u32).to_le_bytes());
                piece.extend(chance.bytes(len));
            }
        }
    };
    serve(sandbox, &words, &mut peer).map(drop)
}

/// A server with a peer of which `more` makes bytes, none at its end: the exit code.
fn serve(sandbox: &mut Sandbox<'_>, words: &[&str], more: &mut dyn FnMut(&mut Vec<u8>)) -> Outcome<Option<i32>> {
    let words = words.iter().map(|word| word.as_bytes().to_vec()).collect();
    let (at, len) = sandbox.lend(&encode(&Start { words, cwd: b"/".to_vec(), ..Start::default() }))?;
    let Ok(handle) = sandbox.count("session_new", (at, len))? else { return Ok(None) };
    let mut piece = Vec::new();
    for now in 1..STEPS_MAX {
        let _ = sandbox.count("session_tick", (handle, now as u64))?;
        let Ok(len) = sandbox.count("session_next", handle)? else { return Err("no event".into()) };
        let at: u32 = sandbox.call("session_event_ptr", handle)?;
        let event = decode(&sandbox.bytes(at, len)?).ok_or("an event that can't be read")?;
        match event {
            Event::Step(Step::Done(exit)) => return Ok(Some(exit.0)),
            Event::Step(Step::Ask(id, ask)) => {
                let (at, len) = sandbox.lend(&encode(&answer(ask)))?;
                let _ = sandbox.count("session_answer", (handle, id.0, at, len))?;
            }
            Event::Step(Step::Read { .. }) => drop(sandbox.count("session_fill", (handle, 0u32, 0u32))?),
            Event::Step(Step::Copy { .. }) => drop(sandbox.count("session_copied", handle)?),
            Event::Step(Step::Wait(wants)) if wants.output => drop(sandbox.take(handle)?),
            Event::Step(Step::Wait(_)) => {
                if piece.is_empty() {
                    more(&mut piece);
                }
                if piece.is_empty() {
                    let _ = sandbox.count("session_feed_end", handle)?;
                    continue;
                }
                let (at, len) = sandbox.lend(&piece)?;
                if let Ok(taken) = sandbox.count("session_feed", (handle, at, len))? {
                    piece.drain(..taken as usize);
                }
            }
            _ => {}
        }
    }
    Err("the session does not end".into())
}

/// A host with one empty directory in which nothing can be done.
fn answer(ask: Ask) -> Reply {
    let failed = || Errno { code: 30, text: "Read-only file system".into() };
    let directory = || Meta { mode: 0o040_755, nlink: 1, ..Meta::default() };
    match ask {
        Ask::Root { .. } | Ask::SubRoot { .. } => Reply::Root(Ok(RootId(0))),
        Ask::StatPath { .. } => Reply::Stat(Ok(directory())),
        Ask::Stat { at, .. } if at.path == b"." => Reply::Stat(Ok(directory())),
        Ask::Stat { .. } => Reply::Stat(Err(failed())),
        Ask::StatMany { paths, .. } => Reply::Stats(paths.iter().map(|_| Err(failed())).collect()),
        Ask::List { .. } => Reply::Listing(Ok(Vec::new())),
        Ask::Names { uids, gids } => Reply::Names(vec![None; uids.len()], vec![None; gids.len()]),
        Ask::Ids { users, groups } => Reply::Ids(vec![None; users.len()], vec![None; groups.len()]),
        _ => Reply::Unit(Err(failed())),
    }
}
