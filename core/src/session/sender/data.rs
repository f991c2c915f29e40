//! The data of one file: as it is, or as a delta against the receiver's signature.

use super::Sender;
use super::WINDOW_BYTES;
use crate::Error;
use crate::checksum::{Digest, DigestValue};
use crate::delta::{Found, Search, SearchOptions, Signature};
use crate::limits::LITERAL_BYTES;
use crate::options::Append;
use crate::session::ask::{FileId, HostResult};
use crate::session::context::io_error;
use crate::session::dataplane::Target;
use crate::session::decide::Item;
use crate::session::files::basis;
use crate::session::say::Class;
use crate::session::show::{self, ItemRecord};

pub(super) enum Forwarded {
    Some,
    NeedsInput,
    End,
}

pub(super) fn broken_codec(error: Error) -> crate::session::ask::Errno {
    crate::session::ask::Errno { code: 5, text: error.text_lossy() }
}

impl Sender {
    /// A whole file without compression: read straight into the outbox.
    pub(super) async fn send_whole(&mut self, file: FileId, item: &Item, size: u64) -> HostResult<DigestValue> {
        let cx = self.cx.clone();
        let agreed = cx.agreed();
        *cx.data.digest.borrow_mut() = Some(Digest::whole_file(agreed.transfer_sum, agreed.seed));
        let mut at = 0u64;
        let mut outcome = Ok(());
        while at < size {
            cx.room().await;
            let want = (size - at).min(LITERAL_BYTES as u64) as usize;
            match cx.read(file, at, want, Target::Literal).await {
                Ok(0) => break,
                Ok(n) => at += n as u64,
                Err(errno) => {
                    outcome = Err(errno);
                    break;
                }
            }
            cx.stats.borrow_mut().literal += want.min((size - at + want as u64) as usize) as u64;
            show::progress(&cx, item, at, false);
        }
        show::progress(&cx, item, size, true);
        cx.put(|out| out.extend_from_slice(&[0; 4]));
        let none = DigestValue::zero(agreed.transfer_sum.digest_bytes());
        let digest = cx.data.digest.borrow_mut().take().map_or(none, Digest::finish);
        outcome.map(|()| digest)
    }

    pub(super) async fn send_delta(
        &mut self,
        file: FileId,
        item: &Item,
        size: u64,
        signature: Signature,
        record: &ItemRecord,
        append: bool,
    ) -> HostResult<DigestValue> {
        let cx = self.cx.clone();
        let agreed = cx.agreed();
        let o = &cx.config.options;
        let head = signature.head;
        let overwrites = if agreed.protocol >= 29 { record.basis == basis::FNAME } else { !o.backup };
        let in_place = (o.inplace && overwrites) || (agreed.inplace_partial && record.basis == basis::PARTIAL_DIR);
        let verify = append && (o.append == Append::Verify || agreed.protocol < 30);
        let skip = if append { head.basis_bytes().min(size) } else { 0 };
        let options = SearchOptions {
            updating_in_place: in_place,
            digest: Some(Digest::whole_file(agreed.transfer_sum, agreed.seed)),
            skip: if verify { skip } else { 0 },
            ..SearchOptions::default()
        };
        let search = match cx.config.scan {
            Some(scan) => Search::with_scan(signature, agreed.strong(), options, scan),
            None => Search::new(signature, agreed.strong(), options),
        };
        *cx.data.search.borrow_mut() = Some(search);
        let mut at = if append && !verify { skip } else { 0 };
        let mut outcome = Ok(());
        loop {
            cx.room().await;
            match self.forward() {
                Forwarded::Some => show::progress(&cx, item, at, false),
                Forwarded::End => break,
                Forwarded::NeedsInput => match cx.read(file, at, WINDOW_BYTES, Target::Window).await {
                    Ok(0) => self.end_search(),
                    Ok(n) => at += n as u64,
                    Err(errno) => {
                        outcome = Err(errno);
                        self.end_search();
                    }
                },
            }
        }
        show::progress(&cx, item, size, true);
        let mut out = cx.outbox.borrow_mut();
        self.tokens.end(&mut *out).map_err(broken_codec)?;
        drop(out);
        let none = DigestValue::zero(agreed.transfer_sum.digest_bytes());
        let Some(mut search) = cx.data.search.borrow_mut().take() else { return Ok(none) };
        let counters = search.tally();
        {
            let mut stats = cx.stats.borrow_mut();
            stats.search.matches += counters.matches;
            stats.search.hash_hits += counters.hash_hits;
            stats.search.false_alarms += counters.false_alarms;
        }
        outcome.map(|()| search.take_digest().unwrap_or(none))
    }

    pub(super) fn end_search(&self) {
        if let Some(search) = self.cx.data.search.borrow_mut().as_mut() {
            search.end();
        }
    }

    /// Moves one finding from the search into the outbox.
    pub(super) fn forward(&mut self) -> Forwarded {
        let cx = &self.cx;
        let mut search = cx.data.search.borrow_mut();
        let Some(search) = search.as_mut() else { return Forwarded::End };
        let mut out = cx.outbox.borrow_mut();
        let mut stats = cx.stats.borrow_mut();
        match search.next() {
            Found::Literal(bytes) => {
                stats.literal += bytes.len() as u64;
                let _ = self.tokens.literal(bytes, &mut *out);
                Forwarded::Some
            }
            Found::Block(index) => {
                let _ = self.tokens.block(index, &mut *out);
                let bytes = search.block_data(index);
                stats.matched += bytes.len() as u64;
                if self.tokens.needs_matched() {
                    let _ = self.tokens.matched(bytes);
                }
                Forwarded::Some
            }
            Found::More => Forwarded::NeedsInput,
            Found::End => Forwarded::End,
        }
    }

    /// The digest to send: falsified when the file could not be read, so that the receiver doesn't keep what it got (3.3.4).
    pub(super) fn digest(&self, result: HostResult<DigestValue>, item: &Item) -> DigestValue {
        match result {
            Ok(digest) => digest,
            Err(errno) => {
                let full = self.lister.full_name(item);
                let what = [b"read errors mapping \"".as_slice(), &full, b"\"", &self.cx.in_module()].concat();
                self.cx.say_errno(Class::Transfer, "sender", &what, &errno);
                self.cx.add_io_error(io_error::GENERAL);
                DigestValue::zero(self.cx.agreed().transfer_sum.digest_bytes())
            }
        }
    }
}
