//! The receiver: reads the sender's stream, rebuilds files, and gives them their names (spec 1.11.2, 3.8).

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use super::ask::{Ask, At, Commit, CopyLocal, CopySource, Create, FileId, KeepMode, Meta, Output, OutputError, Reply};
use super::context::Context;
use super::dataplane::Source;
use super::decide::{self, Item};
use super::files::basis;
use super::finishing::{Finishing, stored};
use super::partial::{make_partial_dir, partial_path, place_for_partial, remove_partial_dir};
use super::receiving::{Receiving, Rx};
use super::say::Class;
use super::show::{self, ItemRecord};
use crate::checksum::{Algorithm, DigestValue};
use crate::delta::SumHead;
use crate::limits::PATH_BYTES_MAX;
use crate::options::Append;
use crate::report::ItemFlags;
use crate::wire::index::{NDX_DEL_STATS, NDX_DONE, NDX_FLIST_EOF, NDX_FLIST_OFFSET};
use crate::wire::token::TokenFormat;
use crate::wire::{Token, TokenDecoder};
use crate::{Error, Exit};

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
            return Err(bad_index(ndx, record.flags, "receiver", &self.rx));
        };
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
            return Err(bad_index(ndx, record.flags, "receiver", &self.rx));
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
        let create = create_plan(&cx, &self.rx, &item, &record, from, head, redo);
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

    /// Reads tokens until the end of the file. Without an output they are read and thrown away.
    async fn rebuild(
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

    fn note_literal(&self) {
        if let Some(arriving) = self.rx.arriving.borrow_mut().as_mut() {
            arriving.literal = true;
        }
    }

    async fn block(
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
    async fn next_token(&mut self, cx: &Context) -> Result<Piece, Error> {
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

    /// A copy on this machine: the sender names the file instead of sending it.
    async fn copy_directly(&mut self, item: Item, record: ItemRecord) -> Result<(), Error> {
        let cx = self.rx.cx.clone();
        let root = cx.item(|r| Ok(r.vstring(PATH_BYTES_MAX)?.to_vec())).await?;
        let path = cx.item(|r| Ok(r.vstring(PATH_BYTES_MAX)?.to_vec())).await?;
        show::before_transfer(&cx, &item, &record);
        show::after_transfer(&cx, &item, &record, None);
        let rx = self.rx.clone();
        cx.moved.until(|| (rx.finishing.get() < FINISHING_MAX).then_some(())).await;
        rx.finishing.set(rx.finishing.get() + 1);
        let source = super::removal::join(&root, &path);
        let mut plan = copy_plan(&cx, &rx, &item, Some(&record), CopySource::Named { root, path });
        cx.spawn(async move {
            if plan.create.output != Output::InPlace {
                plan.backup = match super::backup::prepare(&rx, &item.path).await {
                    Ok(backup) => backup,
                    Err(errno) => {
                        show::output_error(&rx.cx, "receiver", &item.path, None, &OutputError::Backup(errno));
                        return Err(Error::host(Exit::FILE_IO, Vec::new()));
                    }
                };
            }
            let backup = plan.backup.clone();
            let reply = rx.cx.ask(Ask::CopyLocal(Box::new(plan))).await;
            match reply {
                Reply::Committed(Ok((errors, bytes))) => {
                    if let Some(to) = &backup {
                        super::backup::say_backed_up(&rx, &item.path, to);
                    }
                    rx.cx.stats.borrow_mut().literal += bytes;
                    stored(&rx, &item, errors).await;
                }
                Reply::Committed(Err(OutputError::Source(errno))) if !errno.is_not_found() => {
                    let full = show::full_path(&rx.cx, &source);
                    let what = [b"send_files failed to open \"".as_slice(), &full, b"\""].concat();
                    rx.cx.say_errno(Class::Transfer, "sender", &what, &errno);
                    rx.settled(item.ndx);
                }
                Reply::Committed(Err(error)) => {
                    let fatal = show::output_error(&rx.cx, "receiver", &item.path, Some(&source), &error);
                    rx.settled(item.ndx);
                    if fatal {
                        return Err(Error::host(Exit::FILE_IO, Vec::new()));
                    }
                }
                _ => rx.settled(item.ndx),
            }
            rx.finishing.set(rx.finishing.get() - 1);
            rx.cx.moved.notify();
            Ok(())
        });
        Ok(())
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

/// A piece of a token stream, without its bytes.
enum Piece {
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

/// The entry of an item, with the attributes to store it under.
pub(crate) fn item_of(rx: &Receiving, ndx: i32) -> Option<Item> {
    super::entries::item_or_directory(rx, ndx)
}

pub(crate) fn bad_index(ndx: i32, flags: ItemFlags, role: &str, _rx: &Receiving) -> Error {
    let text = if flags.0 & ItemFlags::TRANSFER.0 != 0 {
        format!("received request to transfer non-regular file: {ndx} [{role}]")
    } else {
        format!("rsync: refusing transfer of cleared file index {ndx}")
    };
    Error::peer(Exit::PROTOCOL, text)
}

fn create_plan(
    cx: &Context,
    rx: &Receiving,
    item: &Item,
    record: &ItemRecord,
    basis_at: Option<At>,
    head: SumHead,
    redo: bool,
) -> Create {
    let o = &cx.config.options;
    let append = o.append != Append::Off && !redo;
    let partial_in_place = record.basis == basis::PARTIAL_DIR && cx.agreed().inplace_partial && basis_at.is_some();
    let in_place = o.inplace || o.append != Append::Off;
    let _ = partial_in_place;
    Create {
        at: At { root: rx.dest(), path: item.path.clone() },
        output: if in_place { Output::InPlace } else { Output::Temp { dir: rx.temp_root.get() } },
        basis: basis_at,
        head,
        mode: create_mode(cx, rx, item),
        size: item.size,
        preallocate: o.preallocate,
        sparse: o.sparse,
        skip: if append { head.basis_bytes() } else { 0 },
        skip_in_digest: append && (o.append == Append::Verify || cx.protocol() < 30),
        digest: (cx.agreed().transfer_sum, cx.agreed().seed),
    }
}

/// Permission bits of a temporary file: the final ones where nobody else gains by them before the owner is set, else only
/// what the transfer needs (3.8.3).
fn create_mode(cx: &Context, rx: &Receiving, item: &Item) -> u32 {
    let o = &cx.config.options;
    let (uid, gid) = cx.config.ids;
    let chown = (o.owner && rx.powers.root && item.uid != uid)
        || (o.group && rx.powers.may_set_group(item.gid) && item.gid != gid);
    if o.perms && !chown && item.mode & 0o7000 == 0 && item.mode & 0o200 != 0 {
        item.mode & 0o777
    } else {
        item.mode & 0o700 | 0o200
    }
}

/// A whole-file copy on this machine.
pub(crate) fn copy_plan(
    cx: &Context,
    rx: &Receiving,
    item: &Item,
    record: Option<&ItemRecord>,
    from: CopySource,
) -> CopyLocal {
    let o = &cx.config.options;
    let (uid, gid) = cx.config.ids;
    let mode = create_mode(cx, rx, item);
    let wanted = decide::wanted_mode(o, &rx.powers, item, None);
    let current = Meta { uid, gid, mtime: i64::MIN, mode: !wanted, ..Meta::default() };
    let mut meta = decide::to_set(o, &rx.powers, item, &current, wanted, true);
    let replaces = record.is_none_or(|r| r.flags.0 & ItemFlags::IS_NEW.0 == 0);
    // Without -p an existing file keeps its mode, which only the host knows by now.
    let keep_mode = replaces && !o.perms;
    // What is overwritten in place has a mode of its own, or the 0600 of a new file.
    if mode == wanted & 0o7777 && !keep_mode && !o.inplace {
        meta.mode = None;
    }
    super::xattrs::add(&rx.powers, item, None, &mut meta);
    CopyLocal {
        from,
        create: Create {
            at: At { root: rx.dest(), path: item.path.clone() },
            output: if o.inplace { Output::InPlace } else { Output::Temp { dir: rx.temp_root.get() } },
            basis: None,
            head: SumHead::NULL,
            mode,
            size: item.size,
            preallocate: o.preallocate,
            sparse: o.sparse,
            skip: 0,
            skip_in_digest: false,
            digest: (Algorithm::None, 0),
        },
        keep_mode: match keep_mode {
            false => KeepMode::No,
            true if o.executability => KeepMode::Executability(item.mode),
            true => KeepMode::Yes,
        },
        meta,
        backup: None,
        sync: o.fsync,
    }
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
