//! The sender: answers the generator's items, with file data where it is asked for (spec 1.11.2, 3.3.4, 3.6).

mod data;

use alloc::format;
use alloc::vec::Vec;

use super::ask::{Ask, Errno, FileId, Meta};
use super::context::{Context, Shared, io_error};
use super::decide::Item;
use super::lister::Lister;
use super::say::Class;
use super::show::{self, ItemRecord};
use crate::delta::{Signature, SumHead};
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
    let announces = cx.config.module.is_some() && cx.protocol() >= 31;
    if cx.is_server() && cx.timeout_s.get() > 0 && !announces {
        // A server that has said nothing yet shows that it is alive, as stock does.
        cx.outbox.borrow_mut().keep_alive();
    }
    lister.first_list().await?;
    if lister.is_empty() && cx.is_server() {
        // The client ends too when it gets an empty list (1.11.1).
        cx.goodbye.set(true);
        cx.leaves.set(cx.config.errors_to_client);
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
        cx.moved.until(|| left.borrow().is_empty().then_some(())).await;
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
        let (root, path) = self.lister.source_of(item.ndx);
        // Reading small files is work that the other half need not do; and what can't be read is found out before the item is
        // shown.
        let ask = Ask::ReadAhead { at: self.lister.at(item.ndx), root: root.clone(), size: item.size };
        if let Err(errno) = cx.unit(ask).await {
            self.not_opened(item, &errno);
            self.no_send(item.ndx);
            return Ok(());
        }
        show::before_transfer(&cx, item, record);
        self.echo(item, record).await?;
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
        let opened = cx.opened(Ask::Open { at: self.lister.at(item.ndx), follow }).await;
        opened.map_err(|errno| self.not_opened(item, &errno))
    }

    /// Says that a file can't be read.
    fn not_opened(&self, item: &Item, errno: &Errno) {
        let cx = &self.cx;
        let full = self.lister.full_name(item);
        if errno.is_not_found() {
            let text = [b"file has vanished: \"".as_slice(), &full, b"\"", &cx.in_module()].concat();
            cx.say(Class::Warning, text);
            cx.add_io_error(io_error::VANISHED);
        } else {
            let what = [b"send_files failed to open \"".as_slice(), &full, b"\"", &cx.in_module()].concat();
            cx.say_errno(Class::Transfer, "sender", &what, errno);
            cx.add_io_error(io_error::GENERAL);
        }
    }

    fn no_send(&self, ndx: i32) {
        if self.cx.agreed().has_no_send() {
            let mut outbox = self.cx.outbox.borrow_mut();
            outbox.message(Tag::NoSend, &ndx.to_le_bytes());
            outbox.flush();
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
        let left = self.lister.removals.clone();
        let is_idle = left.borrow().is_empty();
        left.borrow_mut().extend(found);
        if !is_idle {
            return;
        }
        let cx = self.cx.clone();
        self.cx.spawn(async move {
            // One by one, in the order in which they were stored; what is under way stays in front until it is done.
            loop {
                let first = left.borrow().front().cloned();
                let Some((item, at)) = first else { break };
                remove_source(&cx, &item, at).await;
                left.borrow_mut().pop_front();
            }
            cx.moved.notify();
            Ok(())
        });
    }
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
