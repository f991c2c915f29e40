//! The receiver: reads the sender's stream, rebuilds files, and gives them their names (spec 1.11.2, 3.8).

mod data;
mod local;
mod plan;

use alloc::boxed::Box;
use alloc::format;

use super::ask::{Ask, At, Commit, FileId, Output, OutputError, Reply};
use super::context::Context;
use super::decide::{self, Item};
use super::files::basis;
use super::finishing::Finishing;
use super::partial::{make_partial_dir, partial_path, place_for_partial, remove_partial_dir};
use super::receiving::{Receiving, Rx};
use super::say::Class;
use super::show::{self, ItemRecord};
use crate::checksum::DigestValue;
use crate::delta::SumHead;
use crate::report::ItemFlags;
use crate::wire::TokenDecoder;
use crate::wire::index::{NDX_DEL_STATS, NDX_DONE, NDX_FLIST_EOF, NDX_FLIST_OFFSET};
use crate::wire::token::TokenFormat;
use crate::{Error, Exit};
pub(crate) use plan::copy_plan;
use plan::create_plan;

/// Outputs that may be finished beside the transfer of the next ones.
const FINISHING_MAX: u32 = 128;

/// The file whose data is arriving: what to keep of it if the session is cut off.
#[derive(Clone)]
pub(crate) struct Arriving {
    pub(crate) file: FileId,
    pub(crate) item: Item,
    pub(crate) in_place: bool,
    pub(crate) literal: bool,
}

struct Receiver {
    rx: Rx,
    tokens: TokenDecoder,
    /// Tokens are not compressed.
    plain: bool,
    /// Marks of the sender seen so far.
    phase: u32,
    /// Lists whose end the sender has confirmed.
    confirmed: usize,
}

pub(crate) async fn run(rx: Rx) -> Result<(), Error> {
    let format = token_format(&rx.cx);
    let tokens = TokenDecoder::new(&format, &rx.cx.config.codecs)?;
    Receiver { rx, tokens, plain: format.is_plain(), phase: 0, confirmed: 0 }.all().await
}

pub(crate) fn token_format(cx: &Context) -> TokenFormat {
    let o = &cx.config.options;
    TokenFormat {
        compressor: cx.agreed().compressor,
        level: o.compress_level,
        protocol: cx.protocol(),
        stored: cx.is_sender() && cx.config.module.as_ref().is_some_and(|module| module.stores),
        threads: o.compress_threads.max(0) as u32,
    }
}

impl Receiver {
    async fn all(&mut self) -> Result<(), Error> {
        let cx = self.rx.cx.clone();
        let last = if cx.protocol() >= 29 { 2 } else { 1 };
        while self.phase <= last {
            match cx.read_ndx().await? {
                NDX_DONE => self.mark().await?,
                NDX_DEL_STATS => super::goodbye::read_deletion_stats(&cx).await?,
                NDX_FLIST_EOF if cx.agreed().inc => self.no_more_lists(),
                ndx if ndx <= NDX_FLIST_OFFSET && cx.agreed().inc => {
                    super::listing::read_sub_list(&self.rx, ndx).await?;
                }
                ndx if ndx < 0 => {
                    let role = "receiver";
                    return Err(Error::peer(Exit::PROTOCOL, format!("Invalid file index: {ndx} (-1 - -1) [{role}]")));
                }
                ndx => self.item(ndx).await?,
            }
        }
        super::goodbye::receiver(&cx, &self.rx).await
    }

    fn no_more_lists(&self) {
        self.rx.eof.set(true);
        self.rx.cx.list_complete.set(true);
        self.rx.cx.moved.notify();
    }

    /// The sender's mark: the end of a list, or of a phase.
    async fn mark(&mut self) -> Result<(), Error> {
        let end = self.list_end();
        super::batch::list_ended(&self.rx, end).await?;
        self.rx.take_mark()?;
        if self.phase == 0 || !self.rx.cx.agreed().inc {
            show::progress_at_end(&self.rx.cx, end, self.confirmed);
        }
        if self.phase == 0 && self.rx.cx.agreed().inc {
            self.confirmed += 1;
            self.rx.free_oldest();
            if self.confirmed < self.rx.received() || !self.rx.eof.get() {
                return Ok(());
            }
        }
        self.phase += 1;
        self.all_finished().await;
        if self.phase == 2 {
            self.install_delayed().await;
        }
        let last = if self.rx.cx.protocol() >= 29 { 2 } else { 1 };
        if self.phase <= last {
            // The last mark is reported after the statistics.
            self.report();
        }
        Ok(())
    }

    /// The last index that the mark which comes next may close.
    fn list_end(&self) -> i32 {
        if self.phase > 0 || !self.rx.cx.agreed().inc {
            return -1;
        }
        let (start, len) = self.rx.bounds(self.confirmed);
        start + len as i32 - 1
    }

    fn report(&self) {
        self.rx.phases_done.set(self.rx.phases_done.get() + 1);
        self.rx.cx.moved.notify();
    }

    async fn all_finished(&self) {
        let rx = &self.rx;
        rx.cx.moved.until(|| (rx.finishing.get() == 0).then_some(())).await;
    }

    async fn item(&mut self, ndx: i32) -> Result<(), Error> {
        let cx = self.rx.cx.clone();
        let mut record = show::read_item(&cx, ndx).await?;
        if cx.protocol() < 29 {
            record.basis = self.rx.old_bases.borrow_mut().remove(&ndx).unwrap_or(basis::FNAME);
        }
        let Some(item) = item_of(&self.rx, ndx) else {
            return Err(bad_index(ndx, record.flags, "receiver"));
        };
        if cx.config.options.listing {
            // Nothing is asked for, and there is no destination that it could go to.
            let text = format!("got an item where only a list was asked for: {ndx} [receiver]");
            return Err(Error::peer(Exit::PROTOCOL, text));
        }
        cx.item_begins();
        let wanted = super::batch::is_wanted(&self.rx, &item, record.flags.contains(ItemFlags::TRANSFER)).await;
        super::xattrs::read_values(&cx, record.flags, &item).await?;
        if record.flags.0 & ItemFlags::TRANSFER.0 == 0 {
            show::item(&cx, &item, &record, None);
            super::xattrs::apply(&self.rx, &item, record.flags).await;
            return Ok(());
        }
        if self.phase >= 2 {
            return Err(Error::peer(
                Exit::PROTOCOL,
                format!("got transfer request in phase {} [receiver]", self.phase),
            ));
        }
        if !item.is_regular() {
            return Err(bad_index(ndx, record.flags, "receiver"));
        }
        if !wanted {
            return self.throw_away(&item).await;
        }
        {
            let mut stats = cx.stats.borrow_mut();
            stats.transferred_files += 1;
            stats.transferred_size += item.size;
        }
        if cx.config.options.dry_run {
            show::before_transfer(&cx, &item, &record);
            if cx.config.options.only_batch && !cx.is_server() {
                self.throw_away(&item).await?;
            }
            show::after_transfer(&cx, &item, &record, None);
            if cx.config.options.only_batch {
                self.rx.settled(item.ndx);
            }
            return Ok(());
        }
        if cx.replays() {
            // Where the basis was for others, it need not be here.
            record.flags.0 &= !ItemFlags::BASIS_TYPE_FOLLOWS.0;
            record.basis = basis::FNAME;
        }
        self.transfer(item, record).await
    }

    /// Reads the data of a file that nobody wants.
    async fn throw_away(&mut self, item: &Item) -> Result<(), Error> {
        let cx = self.rx.cx.clone();
        let digest_bytes = cx.agreed().transfer_sum.digest_bytes();
        let block_max = cx.agreed().block_bytes_max();
        let head = cx.item(|r| Ok(SumHead::decode(&r.array()?, block_max, digest_bytes, "receiver")?)).await?;
        self.rebuild(None, head, false, item).await?;
        cx.item(|r| Ok(r.bytes(digest_bytes)?.len())).await.map(drop)
    }

    async fn transfer(&mut self, item: Item, record: ItemRecord) -> Result<(), Error> {
        let cx = self.rx.cx.clone();
        let digest_bytes = cx.agreed().transfer_sum.digest_bytes();
        let block_max = cx.agreed().block_bytes_max();
        let head = cx.item(|r| Ok(SumHead::decode(&r.array()?, block_max, digest_bytes, "receiver")?)).await?;
        if cx.is_local() && show::copies_directly(&cx) {
            return self.copy_directly(item, record).await;
        }
        let is_new = record.flags.contains(ItemFlags::IS_NEW) && head.count == 0;
        // The generator found nothing there: looking again would be in vain.
        let from = if is_new { None } else { self.basis_path(&item, &record)? };
        let redo = self.rx.redone.borrow().contains(&item.ndx);
        let create = create_plan(&cx, &self.rx, &item, from, head, redo);
        let in_place = create.output == Output::InPlace;
        let created = match cx.ask(Ask::Create(Box::new(create.clone()))).await {
            Reply::Created(created) => created,
            _ => Err(OutputError::Open(super::context::wrong_kind())),
        };
        let (file, meta) = match created {
            Ok((file, meta)) => {
                show::before_transfer(&cx, &item, &record);
                (Some(file), meta)
            }
            Err(error) => {
                let error = match error {
                    // Stock looks first whether there is something to update, and tells what it learned then.
                    OutputError::Open(errno) if in_place && is_new && errno.code == super::ask::Errno::EACCES => {
                        OutputError::Open(super::generator::not_found())
                    }
                    error => error,
                };
                show::output_error(&cx, "receiver", &item.path, None, &error);
                (None, None)
            }
        };
        if let Some(file) = file {
            let arriving = Arriving { file, item: item.clone(), in_place, literal: false };
            *self.rx.arriving.borrow_mut() = Some(arriving);
        }
        let has_basis = meta.is_some();
        self.rebuild(file, head, has_basis, &item).await?;
        let expected = cx.item(|r| Ok(DigestValue::from_bytes(r.bytes(digest_bytes)?))).await?;
        *self.rx.arriving.borrow_mut() = None;
        let Some(file) = file else {
            self.rx.settled(item.ndx);
            return Ok(());
        };
        show::after_transfer(&cx, &item, &record, Some(expected));
        let rx = self.rx.clone();
        cx.moved.until(|| (rx.finishing.get() < FINISHING_MAX).then_some(())).await;
        rx.finishing.set(rx.finishing.get() + 1);
        let work = Finishing { rx: rx.clone(), item, record, file, in_place, existing: meta, expected };
        cx.spawn(async move {
            let result = work.run().await;
            rx.finishing.set(rx.finishing.get() - 1);
            rx.cx.moved.notify();
            result
        });
        Ok(())
    }

    /// Where the basis is, as the item says (3.3.3).
    fn basis_path(&self, item: &Item, record: &ItemRecord) -> Result<Option<At>, Error> {
        let rx = &self.rx;
        let own = At { root: rx.dest(), path: item.path.clone() };
        match record.basis {
            basis::FNAME => Ok(Some(own)),
            basis::PARTIAL_DIR => Ok(Some(partial_path(rx, &item.path).unwrap_or(own))),
            basis::BACKUP => Ok(Some(super::backup::backup_path(rx, &item.path).unwrap_or(own))),
            kind @ basis::FUZZY.. => {
                let name = record.xname.as_deref().unwrap_or_default();
                if name.is_empty() || name == b"." || name == b".." || name.contains(&b'/') {
                    return Err(Error::peer(Exit::PROTOCOL, "refusing malicious fuzzy operation for fuzzy basis"));
                }
                let dir = item.path.iter().rposition(|&byte| byte == b'/').map_or(&b"."[..], |at| &item.path[..at]);
                let path = super::removal::join(dir, name);
                let Some(number) = usize::from(kind - basis::FUZZY).checked_sub(1) else {
                    return Ok(Some(At { path, ..own }));
                };
                match rx.alternates.borrow().get(number) {
                    Some(root) => Ok(root.map(|root| At { root, path })),
                    None => Err(Error::peer(Exit::PROTOCOL, format!("invalid basis_dir index: {number}"))),
                }
            }
            number => match rx.alternates.borrow().get(usize::from(number)) {
                Some(root) => Ok(root.map(|root| At { root, path: item.path.clone() })),
                None => Err(Error::peer(Exit::PROTOCOL, format!("invalid basis_dir index: {number}"))),
            },
        }
    }

    /// `--delay-updates`: everything gets its name now.
    async fn install_delayed(&mut self) {
        let delayed = core::mem::take(&mut *self.rx.delayed.borrow_mut());
        for ndx in delayed {
            let Some(item) = item_of(&self.rx, ndx) else { continue };
            let Some(from) = partial_path(&self.rx, &item.path) else { continue };
            let to = At { root: self.rx.dest(), path: item.path.clone() };
            let cx = &self.rx.cx;
            if let Err(errno) = super::backup::before_replace(&self.rx, &item.path).await {
                let what = show::quoted(cx, b"make_backup ", &item.path, b" failed");
                cx.say_errno(Class::Transfer, "receiver", &what, &errno);
                continue;
            }
            match cx.unit(Ask::Rename { from: from.clone(), to }).await {
                Ok(()) => {
                    remove_partial_dir(cx, &self.rx, &from).await;
                    show::success_if_wanted(cx, item.ndx);
                    self.rx.transfer_ended(ndx, true);
                }
                Err(errno) => {
                    let what = show::quoted(cx, b"rename ", &from.path, b" failed");
                    cx.say_errno(Class::Transfer, "receiver", &what, &errno);
                }
            }
        }
    }
}

/// The entry of an item, with the attributes to store it under.
pub(crate) fn item_of(rx: &Receiving, ndx: i32) -> Option<Item> {
    super::entries::item_or_directory(rx, ndx)
}

pub(crate) fn bad_index(ndx: i32, flags: ItemFlags, role: &str) -> Error {
    let text = if flags.0 & ItemFlags::TRANSFER.0 != 0 {
        format!("received request to transfer non-regular file: {ndx} [{role}]")
    } else {
        format!("rsync: refusing transfer of cleared file index {ndx}")
    };
    Error::peer(Exit::PROTOCOL, text)
}

/// The session is cut off: what to do with the file that was arriving (3.8.5).
pub(crate) async fn wind_up(rx: Rx) {
    let Some(arriving) = rx.arriving.borrow_mut().take() else { return };
    let cx = rx.cx.clone();
    let o = &cx.config.options;
    let keep = arriving.literal && o.partial && !arriving.in_place;
    if !keep && !arriving.in_place {
        let _ = cx.unit(Ask::Discard { file: arriving.file }).await;
        return;
    }
    let _ = cx.ask(Ask::Finish { file: arriving.file }).await;
    let item = &arriving.item;
    let partial = place_for_partial(&rx, &item.path).await.filter(|_| !arriving.in_place);
    if let Some(partial) = &partial {
        make_partial_dir(&cx, &rx, partial).await;
    }
    let mut meta = super::ask::SetMeta::default();
    if !arriving.in_place {
        meta.mode = Some(decide::wanted_mode(o, &rx.powers, item, None) & 0o7777);
        if partial.is_none() && o.times {
            meta.mtime = Some((0, item.mtime_nsec));
        }
    }
    let to = partial.unwrap_or_else(|| At { root: rx.dest(), path: item.path.clone() });
    let commit = Commit { file: arriving.file, to, meta, backup: None, sync: false };
    let _ = cx.ask(Ask::Commit(Box::new(commit))).await;
}
