//! What a daemon's client wants: its words, read as far as they go, and what of them is refused.

use alloc::vec::Vec;

use super::{Parser, Setup};
use crate::options::refuse::Refusals;
use crate::options::{Delete, Env, Options};
use crate::{Error, Exit};

/// What a daemon's worker learns from a client's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// The options; only as far as they could be read if something was refused.
    pub options: Options,
    /// The words after the `.`.
    pub paths: Vec<Vec<u8>>,
    /// The words end early: a block of secluded ones follows, to be parsed on top of these options.
    pub secluded: bool,
    /// Why the client can not have what it wants.
    pub refused: Option<Error>,
}

/// Parses the words that a daemon's client sent. For secluded words, `earlier` holds the options of the first block, and
/// the first word is a program name.
pub fn parse_worker(
    words: &[Vec<u8>],
    env: &Env,
    setup: &Setup<'_>,
    refusals: &Refusals,
    earlier: Option<Options>,
) -> Worker {
    let resumed = earlier.is_some();
    let mut parser = Parser::new(words.get(usize::from(resumed)..).unwrap_or_default(), *setup, env);
    parser.options = earlier.unwrap_or_default();
    parser.options.server = true;
    parser.resumed = resumed;
    parser.refusals = Some(refusals);
    let refused = match parser.run().and_then(|done| done.map_or_else(|| parser.settle(env), |done| Ok(Some(done)))) {
        Ok(None) => None,
        // Texts and the daemon's own options are for those who start the program.
        Ok(Some(_)) => Some(Error::peer(Exit::UNSUPPORTED, "rsync: Attempt to hack rsync thwarted!")),
        Err(error) => Some(Error { exit: Exit::UNSUPPORTED, ..error }),
    };
    if refused.is_some() && (parser.options.delete_before || parser.options.delete_after) {
        // Not settled any more, but it bears on how the session begins.
        parser.options.delete = Delete::After;
    }
    let secluded = parser.waits_for_words();
    // What was asked for is known even if how is refused.
    let rest = core::mem::take(&mut parser.pending).into_iter().map(|word| word.bytes);
    let unread = rest.skip_while(|word| parser.args.is_empty() && word != b".").collect::<Vec<_>>();
    let paths = parser.args.into_iter().chain(unread).skip(1).collect();
    Worker { options: parser.options, paths, secluded, refused }
}
