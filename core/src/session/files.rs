//! What the generator does with a regular file: is it up to date, and if not, which basis is the sender told of (spec 3.2.7,
//! 3.2.9, 3.4).

mod alternate;

use super::ask::{Ask, At, Errno, FileId, Follow, HostResult, Meta, Reply};
use super::decide::{self, Item, REGULAR, TYPE};
use super::generator::{Generator, Pass};
use super::hardlinks::Outcome;
use super::say::Class;
use crate::Error;
use crate::checksum::DigestValue;
use crate::delta::{PlanOptions, SumHead};
use crate::options::{AltKind, Append, Info};
use crate::report::ItemFlags;
use crate::wire::item::put_u16;
use alternate::Alternate;

/// Blocks that are signed per question to the host.
const SIGN_BLOCKS: u32 = 4096;

/// Where the receiver finds the basis (3.3.3).
pub(crate) mod basis {
    pub(crate) const FNAME: u8 = 0x80;
    pub(crate) const PARTIAL_DIR: u8 = 0x81;
    pub(crate) const BACKUP: u8 = 0x82;
    pub(crate) const FUZZY: u8 = 0x83;
}

/// A file to take blocks from.
pub(crate) struct Basis {
    pub(crate) at: At,
    pub(crate) meta: Meta,
    pub(crate) kind: u8,
}

impl Generator {
    /// A regular file.
    pub(crate) async fn file(&mut self, item: &Item, meta: HostResult<Meta>, pass: Pass) -> Result<(), Error> {
        let cx = self.cx.clone();
        let o = &cx.config.options;
        if pass == Pass::First && self.out_of_bounds(item) {
            return Ok(());
        }
        let mut existing = match meta {
            Ok(meta) => Some(meta),
            Err(errno) if errno.is_not_found() || errno.code == Errno::ENOTDIR && !o.ignore_existing => None,
            Err(errno) => {
                let what = super::show::quoted(&cx, b"recv_generator: failed to stat ", &item.path, b"");
                cx.say_errno(Class::Transfer, "generator", &what, &errno);
                return Ok(());
            }
        };
        let writes = |meta: &Meta| o.write_devices && matches!(meta.mode & TYPE, 0o020000 | 0o060000);
        if existing.as_ref().is_some_and(|m| m.mode & TYPE != REGULAR && !writes(m)) {
            if !self.make_way(item, existing.as_ref(), "regular file").await? {
                return Ok(());
            }
            existing = None;
        }
        if pass == Pass::First && o.update && existing.as_ref().is_some_and(|m| self.is_newer(item, m)) {
            if o.levels.info(Info::Skip) >= 1 {
                self.say_name(&item.path, b" is newer");
            }
            return Ok(());
        }
        let mut alternate = None;
        if pass == Pass::First && !o.alt_dirs.is_empty() && (existing.is_none() || o.alt_kind != Some(AltKind::Copy)) {
            match self.try_alternates(item, existing.as_ref()).await? {
                Alternate::Settled => return Ok(()),
                Alternate::Basis(found) => alternate = Some(found),
                Alternate::None => {}
            }
        }
        let partial = self.partial_basis(item).await;
        if existing.is_none() && partial.is_none() && alternate.is_none() {
            let wants_fuzzy =
                o.fuzzy > 0 && pass == Pass::First && cx.protocol() >= 29 && !self.is_missing_below(&item.path);
            if wants_fuzzy && let Some((fuzzy, name)) = self.fuzzy_basis(item).await {
                return self.request(item, None, Some(fuzzy), Some(&name), pass).await;
            }
            if self.may_put_aside.get() && pass == Pass::First {
                self.outcome.set(Outcome::PutAside);
                return Ok(());
            }
            return self.request(item, None, None, None, pass).await;
        }
        if let Some(there) = &existing
            && alternate.is_none()
            && pass == Pass::First
            && self.is_up_to_date(item, there).await
        {
            if let Some(partial) = &partial {
                self.drop_partial(partial).await;
            }
            let flags = decide::differences(o, &self.rx.powers, item, there, false);
            return self.unchanged(item, there, flags).await;
        }
        if pass == Pass::First && o.append != Append::Off && existing.as_ref().is_some_and(|m| m.size >= item.size) {
            return Ok(());
        }
        let basis = partial.or_else(|| match (&existing, alternate) {
            (Some(meta), _) => Some(Basis { at: self.at(&item.path), meta: meta.clone(), kind: basis::FNAME }),
            (None, alternate) => alternate,
        });
        self.request(item, existing.as_ref(), basis, None, pass).await
    }

    fn out_of_bounds(&self, item: &Item) -> bool {
        let o = &self.cx.config.options;
        let over = o.max_size.is_some_and(|max| item.size > max.max(0) as u64);
        let under = o.min_size.is_some_and(|min| item.size < min.max(0) as u64);
        if (over || under) && o.levels.info(Info::Skip) >= 1 {
            self.say_name(&item.name, if over { b" is over max-size" } else { b" is under min-size" });
        }
        over || under
    }

    fn say_name(&self, name: &[u8], what: &[u8]) {
        self.cx.say(Class::Info, [name, what].concat());
    }

    /// `--update`: what is there is newer than the source (3.2.7, step 4).
    fn is_newer(&self, item: &Item, meta: &Meta) -> bool {
        let window = i64::from(decide::window(&self.cx.config.options));
        meta.mode & TYPE == REGULAR && item.mtime.saturating_sub(meta.mtime) < window
    }

    pub(super) async fn is_up_to_date(&self, item: &Item, meta: &Meta) -> bool {
        let o = &self.cx.config.options;
        if !o.checksum {
            return decide::quick_check(o, item, meta);
        }
        item.size == meta.size && self.digest_of(self.at(&item.path)).await == item.digest
    }

    /// The digest of a file; all zero, as a sender would say, when it can't be read.
    async fn digest_of(&self, at: At) -> Option<DigestValue> {
        let algorithm = self.cx.agreed().file_sum;
        match self.cx.ask(Ask::Digest { at, algorithm }).await {
            Reply::Digest(Ok(value)) => Some(value),
            _ => Some(DigestValue::zero(algorithm.digest_bytes())),
        }
    }

    async fn partial_basis(&self, item: &Item) -> Option<Basis> {
        let at = super::partial::partial_path(&self.rx, &item.path)?;
        let meta = self.cx.stat(Ask::Stat { at: at.clone(), follow: Follow::No }).await.ok()?;
        (meta.mode & TYPE == REGULAR).then_some(Basis { at, meta, kind: basis::PARTIAL_DIR })
    }

    async fn drop_partial(&self, partial: &Basis) {
        if !self.cx.config.options.dry_run {
            super::partial::remove_partial(&self.cx, &self.rx, partial.at.clone()).await;
        }
    }

    /// Asks the sender for a file.
    async fn request(
        &mut self,
        item: &Item,
        existing: Option<&Meta>,
        basis: Option<Basis>,
        xname: Option<&[u8]>,
        pass: Pass,
    ) -> Result<(), Error> {
        let cx = self.cx.clone();
        let o = &cx.config.options;
        let mut kind = basis.as_ref().map_or(basis::FNAME, |b| b.kind);
        if o.fuzzy > 0 {
            self.no_neighbour(item);
        }
        // The beginning of a file is not the file: to those who read the items it is new.
        let stands_for_it = |b: &&Basis| b.kind < basis::FUZZY && b.kind != basis::PARTIAL_DIR;
        let alike = basis.as_ref().filter(stands_for_it).map(|b| &b.meta);
        let mut flags = match existing.or(alike) {
            None => ItemFlags::TRANSFER.0 | ItemFlags::IS_NEW.0 | decide::new_xattrs(item),
            Some(meta) => ItemFlags::TRANSFER.0 | decide::differences(o, &self.rx.powers, item, meta, true).0,
        };
        if o.checksum && pass == Pass::First && flags & ItemFlags::IS_NEW.0 == 0 {
            flags |= ItemFlags::REPORT_CHANGE.0;
        }
        if flags & ItemFlags::IS_NEW.0 != 0 && pass == Pass::First {
            cx.stats.borrow_mut().created.files += 1;
        }
        if let Some(there) = existing.or(alike) {
            self.say_ruled_xattrs(there);
        }
        self.outcome.set(if cx.is_dry() { Outcome::Settled } else { Outcome::Requested });
        if cx.is_dry() {
            self.put_item(item, ItemFlags(flags), kind, xname, None);
            return Ok(());
        }
        if o.dry_run {
            // The item goes out with its sums; nothing is changed here.
        } else if o.inplace && o.backup && kind == basis::FNAME && existing.is_some() && pass == Pass::First {
            kind = self.backup_before_in_place(item, existing).await?;
        }
        self.rx.requested(item.ndx);
        let there = existing.cloned().or_else(|| alike.cloned());
        let signed = match basis {
            Some(basis) if !self.sends_whole() && basis.meta.size > 0 => self.open_basis(item, &basis, pass).await,
            _ => None,
        };
        let Some((file, head)) = signed else {
            self.put_item(item, ItemFlags(flags), kind, xname, there.as_ref());
            cx.put(|out| out.extend_from_slice(&SumHead::NULL.encode()));
            return Ok(());
        };
        self.put_item(item, ItemFlags(flags), kind, xname, there.as_ref());
        cx.put(|out| out.extend_from_slice(&head.encode()));
        let append = o.append != Append::Off && pass == Pass::First;
        if !append {
            self.put_sums(file, head).await?;
        }
        let _ = cx.unit(Ask::Close { file }).await;
        Ok(())
    }

    pub(crate) fn sends_whole(&self) -> bool {
        super::show::sends_whole(&self.cx)
    }

    async fn open_basis(&self, item: &Item, basis: &Basis, pass: Pass) -> Option<(FileId, SumHead)> {
        let o = &self.cx.config.options;
        let (file, meta) = match self.cx.opened(Ask::Open { at: basis.at.clone(), follow: false }).await {
            Ok(opened) => opened,
            Err(errno) => {
                let what = super::show::quoted(&self.cx, b"failed to open ", &item.path, b", continuing");
                self.cx.say_errno(Class::Transfer, "generator", &what, &errno);
                return None;
            }
        };
        let agreed = self.cx.agreed();
        let plan = PlanOptions {
            block_bytes: (o.block_size > 0).then_some(o.block_size),
            block_max: agreed.block_bytes_max(),
            digest_bytes: agreed.transfer_sum.digest_bytes(),
            redo: pass == Pass::Redo,
        };
        let head = SumHead::for_basis(meta.size, &plan);
        if head.is_none() {
            let mut text = b"WARNING: file is too large for checksum sending: ".to_vec();
            text.extend_from_slice(&item.name);
            self.cx.say(Class::Warning, text);
        }
        match head {
            Some(head) if head.count > 0 => Some((file, head)),
            _ => {
                let _ = self.cx.unit(Ask::Close { file }).await;
                None
            }
        }
    }

    /// The sums of all blocks, some at a time: neither they nor the basis have to fit into memory.
    async fn put_sums(&self, file: FileId, head: SumHead) -> Result<(), Error> {
        let strong = self.cx.agreed().strong();
        let entry_bytes = 4 + head.strong_bytes as usize;
        let mut first = 0;
        while first < head.count {
            let count = SIGN_BLOCKS.min(head.count - first);
            let want = count as usize * entry_bytes;
            let sums = self.cx.bytes(Ask::Sign { file, head, first, count, strong }).await;
            // A basis that can't be read, or shrank, has sums that match nothing; the digest at the end decides anyway.
            let mut sums = sums.unwrap_or_default();
            sums.resize(want, 0);
            for chunk in sums.chunks(32 * 1024) {
                self.cx.room().await;
                self.cx.outbox.borrow_mut().data(chunk);
            }
            first += count;
        }
        Ok(())
    }

    /// Writes the head of an item. `there` is what the destination, or what stands for it, has.
    pub(crate) fn put_item(
        &self,
        item: &Item,
        mut flags: ItemFlags,
        kind: u8,
        xname: Option<&[u8]>,
        there: Option<&Meta>,
    ) {
        if kind != basis::FNAME {
            flags.0 |= ItemFlags::BASIS_TYPE_FOLLOWS.0;
        }
        if xname.is_some() {
            flags.0 |= ItemFlags::XNAME_FOLLOWS.0;
        }
        self.cx.put_ndx(item.ndx);
        self.rx.last_ndx.set(item.ndx);
        if self.cx.protocol() < 29 {
            self.rx.note_old_basis(item.ndx, kind);
            return;
        }
        self.cx.put(|out| {
            put_u16(out, flags.0);
            if kind != basis::FNAME {
                out.push(kind);
            }
            if let Some(xname) = xname {
                let _ = crate::wire::item::put_vstring(out, xname);
            }
        });
        super::xattrs::put_request(&self.cx, flags, item, there);
    }

    /// Writes an item that needs no data, if it is to be seen at all (3.3.5).
    pub(crate) async fn item_record(&self, item: &Item, flags: ItemFlags, xname: Option<&[u8]>, there: Option<&Meta>) {
        let quiet = ItemFlags::BASIS_TYPE_FOLLOWS.0 | ItemFlags::XNAME_FOLLOWS.0 | ItemFlags::LOCAL_CHANGE.0;
        let o = &self.cx.config.options;
        let seen = flags.0 & !quiet != 0
            || o.levels.info(Info::Name) >= 2
            || super::show::itemizes_all(&self.cx)
            || xname.is_some_and(|name| !name.is_empty());
        if seen && self.cx.protocol() >= 29 {
            self.cx.room().await;
            self.put_item(item, flags, basis::FNAME, xname, there);
        } else if seen {
            let record =
                super::show::ItemRecord { ndx: item.ndx, flags, xname: xname.map(Into::into), ..Default::default() };
            super::show::unsent_item(&self.cx, item, &record);
        }
    }
}
