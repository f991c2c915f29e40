//! The tokens of one file: literal data and blocks of the basis.

use alloc::format;

use super::Receiver;
use crate::delta::SumHead;
use crate::session::ask::{Ask, FileId};
use crate::session::context::Context;
use crate::session::dataplane::Source;
use crate::session::decide::Item;
use crate::session::show;
use crate::wire::Token;
use crate::{Error, Exit};

/// A piece of a token stream, without its bytes.
pub(super) enum Piece {
    /// Literal bytes at the front of the inbox.
    Inbox(usize),
    /// Literal bytes in the inbox's scratch buffer.
    Scratch(usize),
    Blocks {
        first: u32,
        count: u32,
    },
    End,
}

impl Piece {
    fn of(token: Token<'_>, plain: bool) -> Piece {
        match token {
            Token::Literal(bytes) if plain => Piece::Inbox(bytes.len()),
            Token::Literal(bytes) => Piece::Scratch(bytes.len()),
            Token::Block { first, count } => Piece::Blocks { first, count },
            Token::End => Piece::End,
        }
    }
}

impl Receiver {
    /// Reads tokens until the end of the file. Without an output they are read and thrown away.
    pub(super) async fn rebuild(
        &mut self,
        file: Option<FileId>,
        head: SumHead,
        has_basis: bool,
        item: &Item,
    ) -> Result<(), Error> {
        let cx = self.rx.cx.clone();
        let mut written = 0u64;
        show::progress(&cx, item, 0, false);
        loop {
            match self.next_token(&cx).await? {
                Piece::Inbox(len) => {
                    written += len as u64;
                    cx.stats.borrow_mut().literal += len as u64;
                    self.note_literal();
                    match file {
                        Some(file) => cx.write(file, Source::Inbox(len)).await,
                        None => cx.inbox.borrow_mut().consume(len),
                    }
                }
                Piece::Scratch(len) => {
                    written += len as u64;
                    cx.stats.borrow_mut().literal += len as u64;
                    self.note_literal();
                    if let Some(file) = file {
                        cx.write(file, Source::Scratch(len)).await;
                    }
                }
                Piece::Blocks { first, count } => {
                    for index in first..first.saturating_add(count) {
                        let len = self.block(file, head, has_basis, index, item).await?;
                        written += u64::from(len);
                    }
                }
                Piece::End => break,
            }
            show::progress(&cx, item, written, false);
        }
        show::progress(&cx, item, written.max(item.size), true);
        Ok(())
    }

    pub(super) fn note_literal(&self) {
        if let Some(arriving) = self.rx.arriving.borrow_mut().as_mut() {
            arriving.literal = true;
        }
    }

    pub(super) async fn block(
        &mut self,
        file: Option<FileId>,
        head: SumHead,
        has_basis: bool,
        index: u32,
        item: &Item,
    ) -> Result<u32, Error> {
        let cx = self.rx.cx.clone();
        if index >= head.count {
            let text = format!("Invalid block index {index} (count={}) [receiver]", head.count);
            return Err(Error::peer(Exit::PROTOCOL, text));
        }
        let len = head.block_len(index);
        cx.stats.borrow_mut().matched += u64::from(len);
        let Some(file) = file else { return Ok(len) };
        if !has_basis {
            let text = show::quoted(&cx, b"got a block match with no basis file for ", &item.path, b" [receiver]");
            return Err(Error::peer(Exit::PROTOCOL, text));
        }
        let from = u64::from(index) * u64::from(head.block_bytes);
        if self.tokens.needs_matched() {
            let bytes = cx.bytes(Ask::ReadFile { file, at: from, len }).await.unwrap_or_default();
            self.tokens.matched(&bytes)?;
        }
        cx.copy(file, from, len).await;
        Ok(len)
    }

    /// The next piece of the token stream.
    pub(super) async fn next_token(&mut self, cx: &Context) -> Result<Piece, Error> {
        let (tokens, plain) = (&mut self.tokens, self.plain);
        let attempt = || {
            let mut inbox = cx.inbox.borrow_mut();
            loop {
                let (data, scratch) = inbox.data_and_scratch();
                let (used, piece) = match tokens.next(data, scratch) {
                    Err(error) => return Some(Err(error)),
                    Ok((used, token)) => (used, token.map(|token| Piece::of(token, plain))),
                };
                match piece {
                    // The literal itself stays until it was lent.
                    Some(Piece::Inbox(len)) => inbox.consume(used - len),
                    _ => inbox.consume(used),
                }
                match piece {
                    Some(piece) => return Some(Ok(piece)),
                    None if used > 0 || inbox.extend() => continue,
                    None => {
                        drop(inbox);
                        return cx.end_of_input().map(Err);
                    }
                }
            }
        };
        cx.input.until(attempt).await
    }
}
