//! The sender: answers the generator's items, with file data where it is asked for (spec 1.11.2, 3.3.4, 3.6).

use alloc::format;
use alloc::rc::Rc;
use alloc::vec::Vec;

use super::ask::{Ask, FileId, HostResult, Meta};
use super::context::{Context, Shared, io_error};
use super::dataplane::Target;
use super::decide::Item;
use super::files::basis;
use super::lister::Lister;
use super::say::Class;
use super::show::{self, ItemRecord};
use crate::checksum::{Digest, DigestValue};
use crate::delta::{Found, Search, SearchOptions, Signature, SumHead};
use crate::limits::LITERAL_BYTES;
use crate::options::{Append, Debug, Info};
use crate::report::ItemFlags;
use crate::wire::index::{NDX_DEL_STATS, NDX_DONE};
use crate::wire::item::put_vstring;
use crate::wire::{Tag, TokenEncoder};
use crate::{Error, Exit};

/// How far ahead of the generator's last request any sender sends lists, in entries (2.10.4).
pub(crate) const AHEAD_MIN: usize = 1000;
/// How far this one does: with less, sender and generator would take turns where directories have a thousand files each.
const AHEAD: usize = 5 * AHEAD_MIN;
/// Bytes read from a file at a time while it is searched.
const WINDOW_BYTES: usize = 256 * 1024;

struct Sender {
    cx: Shared,
    lister: Lister,
    tokens: TokenEncoder,
    /// Entries that were sent once: another request is a redo.
    sent: alloc::collections::BTreeSet<i32>,
}

pub(crate) async fn run(cx: Shared) -> Result<(), Error> {
    if super::names::come_from_peer(&cx) && cx.protocol() == 30 && cx.is_server() {
        // The names behind the filter list are not framed.
        cx.inbox.borrow_mut().set_hold(true);
    }
    let mut lister = Lister::new(cx.clone()).await?;
    cx.begin_record();
    lister.first_list().await?;
    if lister.is_empty() && cx.is_server() {
        // The client ends too when it gets an empty list (1.11.1).
        cx.goodbye.set(true);
        return Ok(());
    }
    let tokens = TokenEncoder::new(&super::receiver::token_format(&cx), &cx.config.codecs)?;
    let mut sender = Sender { cx, lister, tokens, sent: Default::default() };
    sender.all().await
}

impl Sender {
    async fn all(&mut self) -> Result<(), Error> {
        let cx = self.cx.clone();
        let last = if cx.protocol() >= 29 { 2 } else { 1 };
        let errors_before = cx.io_error.get();
        let mut phase = 0;
        loop {
            while self.lister.ahead() < AHEAD && self.lister.next_list().await? {}
            let ndx = self.cx.read_ndx().await?;
            // What was confirmed before a list's end has to be looked up before the list is gone.
            self.remove_sources();
            match ndx {
                NDX_DONE => {
                    if phase == 0 || !cx.agreed().inc {
                        let (end, number) = self.lister.oldest_end();
                        show::progress_at_end(&cx, end, number);
                    }
                    if phase == 0 && cx.agreed().inc {
                        self.lister.close_oldest();
                        if self.lister.has_open_lists() {
                            cx.put_ndx(NDX_DONE);
                            continue;
                        }
                    }
                    phase += 1;
                    if phase > last {
                        break;
                    }
                    cx.put_ndx(NDX_DONE);
                }
                NDX_DEL_STATS => super::goodbye::read_deletion_stats(&cx).await?,
                ndx if ndx < 0 => {
                    return Err(Error::peer(Exit::PROTOCOL, format!("Invalid file index: {ndx} (-1 - -1) [sender]")));
                }
                ndx => self.item(ndx, phase).await?,
            }
        }
        if cx.config.options.levels.debug(Debug::Deltasum) >= 1 {
            let text = cx.stats.borrow().search_summary();
            cx.say(Class::Info, text);
        }
        if cx.io_error.get() != errors_before && cx.protocol() >= 30 {
            cx.outbox.borrow_mut().message(Tag::IoError, &cx.io_error.get().to_le_bytes());
        }
        cx.put_ndx(NDX_DONE);
        super::goodbye::sender(&cx).await?;
        self.remove_sources();
        let left = self.lister.removals.clone();
        cx.moved.until(|| (left.get() == 0).then_some(())).await;
        Ok(())
    }

    async fn item(&mut self, ndx: i32, phase: u32) -> Result<(), Error> {
        let cx = self.cx.clone();
        let mut record = show::read_item(&cx, ndx).await?;
        let transfer = record.flags.0 & ItemFlags::TRANSFER.0 != 0;
        let Some(item) = self.lister.item(ndx) else {
            return Err(self.bad_index(ndx, transfer));
        };
        self.lister.reached(ndx);
        record.wanted = super::xattrs::read_request(&cx, record.flags).await?;
        cx.item_begins();
        if phase == 0 && record.flags.contains(ItemFlags::IS_NEW) {
            cx.stats.borrow_mut().created.add(item.mode);
        }
        if !transfer {
            self.echo(&item, &record).await?;
            show::item(&cx, &item, &record, None);
            return Ok(());
        }
        if phase >= 2 {
            return Err(Error::peer(Exit::PROTOCOL, format!("got transfer request in phase {phase} [sender]")));
        }
        if !item.is_regular() {
            return Err(self.bad_index(ndx, true));
        }
        // Counted even if it turns out that it can't be opened.
        self.count(&item);
        if cx.is_dry() {
            self.echo(&item, &record).await?;
            show::before_transfer(&cx, &item, &record);
            show::after_transfer(&cx, &item, &record, None);
            return Ok(());
        }
        self.transfer(item, record).await
    }

    fn count(&self, item: &Item) {
        let mut stats = self.cx.stats.borrow_mut();
        stats.transferred_files += 1;
        stats.transferred_size += item.size;
    }

    fn bad_index(&self, ndx: i32, transfer: bool) -> Error {
        let text = if transfer {
            format!("received request to transfer non-regular file: {ndx} [sender]")
        } else {
            let (first, last) = self.lister.index_range();
            format!("File-list index {ndx} not in {first} - {last} [sender]")
        };
        Error::peer(Exit::PROTOCOL, text)
    }

    /// Repeats an item as it was received.
    async fn echo(&self, item: &Item, record: &ItemRecord) -> Result<(), Error> {
        self.cx.room().await;
        record.put(&self.cx);
        self.lister.put_xattrs(item, record).await
    }

    async fn transfer(&mut self, item: Item, record: ItemRecord) -> Result<(), Error> {
        let cx = self.cx.clone();
        let o = &cx.config.options;
        let block_max = cx.agreed().block_bytes_max();
        let digest_bytes = cx.agreed().transfer_sum.digest_bytes();
        let redo = !self.sent.insert(item.ndx);
        let head = cx.item(|r| Ok(SumHead::decode(&r.array()?, block_max, digest_bytes, "sender")?)).await?;
        let append = o.append != Append::Off && !redo;
        let signature = if append { Signature::without_sums(head) } else { self.read_signature(head).await? };
        if cx.is_local() && show::copies_directly(&cx) {
            return self.name_source(&item, &record, head).await;
        }
        let (file, meta) = match self.open(&item).await {
            Ok(opened) => opened,
            Err(()) => {
                self.no_send(item.ndx);
                return Ok(());
            }
        };
        if append && meta.size < item.size && meta.size < head.basis_bytes() {
            cx.say(
                Class::Warning,
                [b"skipped diminished file: \"".as_slice(), &self.lister.full_name(&item), b"\""].concat(),
            );
            self.no_send(item.ndx);
            let _ = cx.unit(Ask::Close { file }).await;
            return Ok(());
        }
        show::before_transfer(&cx, &item, &record);
        self.echo(&item, &record).await?;
        cx.only_record(true);
        cx.put(|out| out.extend_from_slice(&head.encode()));
        let plain_whole = head.count == 0 && !append && self.tokens.is_plain();
        let result = if plain_whole {
            self.send_whole(file, &item, meta.size).await
        } else {
            self.send_delta(file, &item, meta.size, signature, &record, append).await
        };
        let digest = self.digest(result, &item);
        cx.room().await;
        cx.put(|out| out.extend_from_slice(digest.as_bytes()));
        cx.only_record(false);
        let _ = cx.unit(Ask::Close { file }).await;
        show::after_transfer(&cx, &item, &record, Some(digest));
        Ok(())
    }

    /// Local copies: the receiver is told where the file is.
    async fn name_source(&mut self, item: &Item, record: &ItemRecord, head: SumHead) -> Result<(), Error> {
        let cx = self.cx.clone();
        // Root can open everything; others learn here, before the item is shown, what they may not read.
        if !cx.config.root {
            match self.open(item).await {
                Ok((file, _)) => drop(cx.unit(Ask::Close { file }).await),
                Err(()) => {
                    self.no_send(item.ndx);
                    return Ok(());
                }
            }
        }
        show::before_transfer(&cx, item, record);
        self.echo(item, record).await?;
        let (root, path) = self.lister.source_of(item.ndx);
        let mut fits = Ok(());
        cx.put(|out| {
            out.extend_from_slice(&head.encode());
            fits = put_vstring(out, &root).and_then(|()| put_vstring(out, &path));
        });
        fits?;
        // What would have gone over the wire counts as if it had: token heads, data, end, digest.
        let tokens = item.size.div_ceil(LITERAL_BYTES as u64) * 4 + 4;
        let would_be = item.size + tokens + cx.agreed().transfer_sum.digest_bytes() as u64;
        let mut stats = cx.stats.borrow_mut();
        stats.literal += item.size;
        stats.virtual_sent += would_be.saturating_sub((root.len() + path.len() + 2) as u64);
        drop(stats);
        show::after_transfer(&cx, item, record, None);
        Ok(())
    }

    async fn read_signature(&self, head: SumHead) -> Result<Signature, Error> {
        let mut signature = Signature::new(head, self.cx.config.options.max_alloc, "sender")?;
        let entry = 4 + head.strong_bytes as usize;
        let mut left = head.count as usize;
        while left > 0 {
            let cx = &self.cx;
            let taken = cx
                .item(|r| {
                    // As many whole entries as are there, and at least one.
                    let whole = (r.rest().len() / entry).clamp(1, left);
                    signature.push(r.bytes(whole * entry)?);
                    Ok(whole)
                })
                .await?;
            left -= taken;
        }
        Ok(signature)
    }

    async fn open(&self, item: &Item) -> Result<(FileId, Meta), ()> {
        let cx = &self.cx;
        let o = &cx.config.options;
        let follow = o.copy_links || o.copy_dirlinks || o.copy_unsafe_links;
        match cx.opened(Ask::Open { at: self.lister.at(item.ndx), follow }).await {
            Ok(opened) => Ok(opened),
            Err(errno) => {
                let full = self.lister.full_name(item);
                if errno.is_not_found() {
                    cx.say(
                        Class::Warning,
                        [b"file has vanished: \"".as_slice(), &full, b"\"", &cx.in_module()].concat(),
                    );
                    cx.add_io_error(io_error::VANISHED);
                } else {
                    let what = [b"send_files failed to open \"".as_slice(), &full, b"\"", &cx.in_module()].concat();
                    cx.say_errno(Class::Transfer, "sender", &what, &errno);
                    cx.add_io_error(io_error::GENERAL);
                }
                Err(())
            }
        }
    }

    fn no_send(&self, ndx: i32) {
        if self.cx.agreed().has_no_send() {
            let mut outbox = self.cx.outbox.borrow_mut();
            outbox.message(Tag::NoSend, &ndx.to_le_bytes());
            outbox.flush();
        }
    }

    /// A whole file without compression: read straight into the outbox.
    async fn send_whole(&mut self, file: FileId, item: &Item, size: u64) -> HostResult<DigestValue> {
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

    async fn send_delta(
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

    fn end_search(&self) {
        if let Some(search) = self.cx.data.search.borrow_mut().as_mut() {
            search.end();
        }
    }

    /// Moves one finding from the search into the outbox.
    fn forward(&mut self) -> Forwarded {
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
    fn digest(&self, result: HostResult<DigestValue>, item: &Item) -> DigestValue {
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

    /// `--remove-source-files`: what the receiving side has stored.
    fn remove_sources(&self) {
        let confirmed: Vec<i32> = self.cx.stored.borrow_mut().drain(..).collect();
        let found = confirmed.into_iter().filter_map(|ndx| Some((self.lister.item(ndx)?, self.lister.at(ndx))));
        let found: Vec<_> = found.collect();
        if found.is_empty() {
            return;
        }
        let left: Rc<core::cell::Cell<u32>> = self.lister.removals.clone();
        left.set(left.get() + 1);
        let cx = self.cx.clone();
        self.cx.spawn(async move {
            // In the order in which they were stored.
            for (item, at) in found {
                remove_source(&cx, &item, at).await;
            }
            left.set(left.get() - 1);
            cx.moved.notify();
            Ok(())
        });
    }
}

enum Forwarded {
    Some,
    NeedsInput,
    End,
}

fn broken_codec(error: Error) -> super::ask::Errno {
    super::ask::Errno { code: 5, text: error.text_lossy() }
}

async fn remove_source(cx: &Context, item: &Item, at: super::ask::At) {
    let ask = Ask::RemoveSource { at, size: item.size, mtime: item.mtime, mtime_nsec: item.mtime_nsec };
    match cx.ask(ask).await {
        super::ask::Reply::Unit(Ok(())) => {
            if cx.config.options.levels.info(Info::Remove) >= 1 {
                cx.say(Class::Info, [b"sender removed ".as_slice(), &item.name].concat());
            }
        }
        super::ask::Reply::Unit(Err(errno)) if errno.is_not_found() => {
            cx.say(Class::Info, [b"sender file already removed: ".as_slice(), &item.name].concat());
        }
        super::ask::Reply::Unit(Err(errno)) => {
            let what = [b"sender failed to remove ".as_slice(), &item.name].concat();
            cx.say_errno(Class::Transfer, "sender", &what, &errno);
        }
        _ => cx.say(
            Class::Transfer,
            [b"ERROR: Skipping sender remove for changed file: ".as_slice(), &item.name].concat(),
        ),
    }
}
