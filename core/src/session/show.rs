//! What the session tells about items: name lines, itemised lines, deletions, listings, errors with paths (spec 3.11). The
//! texts themselves are made in [`crate::report`]; here is who says what, and when.

mod deletions;
mod errors;
mod lists;
mod progress;

use alloc::vec::Vec;

use super::context::Context;
use super::decide::Item;
use super::files::basis;
use super::say::Class;
use super::step::{Notice, Transport};
use crate::checksum::{Algorithm, DigestValue};
use crate::limits::PATH_BYTES_MAX;
use crate::options::{Append, Info, RemoveSource};
use crate::report::{self, DaemonInfo, ItemFlags, ItemInfo, Numbers, Operation};
use crate::wire::Tag;
use crate::wire::item::{put_u16, put_vstring};
use crate::{Error, Exit};
pub(crate) use deletions::{deleted, peer_deleted};
pub(crate) use errors::{full_path, output_error, quoted, set_errors};
pub(crate) use lists::{list_begins, list_ends, list_grows};
pub(crate) use progress::{progress, progress_at_end};

/// What a munged symlink begins with (3.12.4).
pub(crate) const MUNGED: &[u8] = b"/rsyncd-munged/";

/// The head of an item, as it travels both ways (3.3.1).
#[derive(Clone, Debug, Default)]
pub(crate) struct ItemRecord {
    pub(crate) ndx: i32,
    pub(crate) flags: ItemFlags,
    pub(crate) basis: u8,
    pub(crate) xname: Option<Vec<u8>>,
    /// Numbers of the extended attributes that the generator wants.
    pub(crate) wanted: Vec<i32>,
}

impl ItemRecord {
    /// Writes it as it was read.
    pub(crate) fn put(&self, cx: &Context) {
        cx.put_ndx(self.ndx);
        if cx.protocol() < 29 {
            return;
        }
        cx.put(|out| {
            put_u16(out, self.flags.0);
            if self.flags.0 & ItemFlags::BASIS_TYPE_FOLLOWS.0 != 0 {
                out.push(self.basis);
            }
            if let Some(xname) = &self.xname {
                let _ = put_vstring(out, xname);
            }
        });
    }
}

/// Reads the rest of an item whose index was read.
pub(crate) async fn read_item(cx: &Context, ndx: i32) -> Result<ItemRecord, Error> {
    if cx.protocol() < 29 {
        return Ok(ItemRecord {
            ndx,
            flags: ItemFlags::TRANSFER,
            basis: basis::FNAME,
            xname: None,
            wanted: Vec::new(),
        });
    }
    cx.item(|r| {
        let flags = ItemFlags(r.u16()?);
        let basis = if flags.0 & ItemFlags::BASIS_TYPE_FOLLOWS.0 != 0 { r.u8()? } else { basis::FNAME };
        let xname = match flags.0 & ItemFlags::XNAME_FOLLOWS.0 {
            0 => None,
            _ => Some(r.vstring(PATH_BYTES_MAX)?.to_vec()),
        };
        Ok(ItemRecord { ndx, flags, basis, xname, wanted: Vec::new() })
    })
    .await
}

/// Whether the output format shows item flags.
pub(crate) fn itemizes(cx: &Context) -> bool {
    format_of(cx).is_some_and(|f| report::has_escape(f, b'i'))
}

/// Whether entries without any difference are shown too (`-ii`; a server is told by its format).
pub(crate) fn itemizes_all(cx: &Context) -> bool {
    let o = &cx.config.options;
    o.itemize > 1 || (cx.is_server() && o.out_format.as_deref() == Some(b"%i%I"))
}

/// The format of item lines, if they are shown.
fn format_of(cx: &Context) -> Option<&[u8]> {
    cx.config.options.item_format.as_deref()
}

/// Whole files are sent, no sums (3.2.7): by choice, or because both ends are on one machine.
pub(crate) fn sends_whole(cx: &Context) -> bool {
    let o = &cx.config.options;
    if cx.agreed().transfer_sum == Algorithm::None {
        return true;
    }
    o.append == Append::Off
        && o.whole_file.unwrap_or(cx.config.transport == Transport::Local && o.write_batch.is_none())
}

/// Whether a local session copies files without passing their bytes through the sessions. Both halves must see it alike.
pub(crate) fn copies_directly(cx: &Context) -> bool {
    let o = &cx.config.options;
    let formats = [&o.item_format, &o.log_file_format];
    // A digest of the content is only known if the content passes through here.
    let shows_digest = formats.into_iter().flatten().any(|format| report::has_escape(format, b'C'));
    let shown = o.levels.info(Info::Progress) > 0 || (shows_digest && !o.checksum);
    let follows = o.copy_links || o.copy_dirlinks || o.copy_unsafe_links;
    let aside = o.delay_updates || o.partial_dir.is_some();
    let batch = o.write_batch.is_some() || o.read_batch.is_some();
    let plain = !follows && !aside && !batch && o.append == Append::Off;
    let devices = o.copy_devices || o.write_devices;
    sends_whole(cx) && plain && !shown && !devices && o.bwlimit == 0
}

/// Where in its module a daemon's destination is: logs show names with it.
fn place(cx: &Context) -> Vec<u8> {
    match cx.receiving.borrow().as_ref() {
        Some(rx) if cx.config.module.is_some() => {
            let path = crate::flist::verify::clean(&rx.dest_path.borrow());
            let path = path.strip_prefix(b"/").unwrap_or(&path);
            if path == b"." { Vec::new() } else { path.to_vec() }
        }
        _ => Vec::new(),
    }
}

fn info<'a>(
    cx: &'a Context,
    item: &'a Item,
    record: &'a ItemRecord,
    digest: Option<&'a DigestValue>,
    prefix: &'a [u8],
) -> ItemInfo<'a> {
    let o = &cx.config.options;
    let sum = if o.checksum { cx.agreed().file_sum } else { cx.agreed().transfer_sum };
    let (sent, received) = cx.item_bytes();
    let is_transfer = record.flags.contains(ItemFlags::TRANSFER);
    let view = report::ItemView {
        // Of what the sender is asked for, the oldest protocols tell nothing more.
        flags: (cx.protocol() >= 29 || !is_transfer).then_some(record.flags),
        transfer: is_transfer,
        mode: item.mode,
        sends_away: cx.is_sender() && !cx.is_local(),
        mtimes_kept: o.times,
        symlink_times: cx.agreed().symlink_times,
    };
    let (data_bytes, other_bytes) = if cx.is_sender() { (sent, received) } else { (received, sent) };
    ItemInfo {
        operation: if cx.is_sender() { Operation::Send } else { Operation::Receive },
        view,
        name: &item.name,
        source_prefix: if cx.is_sender() { &item.prefix } else { cx.config.module.as_ref().map_or(&[], |_| prefix) },
        size: item.size,
        mtime: item.mtime,
        uid: if o.owner { item.uid } else { 0 },
        gid: Some(item.gid).filter(|gid| o.group && may_set_group(cx, *gid)),
        target: item.target.as_deref().filter(|_| o.links),
        xname: record.xname.as_deref(),
        digest: match (o.checksum, &item.digest) {
            (true, Some(listed)) => Some(listed.as_bytes()),
            _ => digest.map(DigestValue::as_bytes).filter(|_| sum != Algorithm::Md4Old),
        },
        digest_bytes: sum.digest_bytes(),
        digest_reversed: sum.is_little_endian(),
        data_bytes: if is_transfer { data_bytes } else { 0 },
        other_bytes: if is_transfer { other_bytes } else { 0 },
        daemon: cx.config.module.as_ref().map(|module| DaemonInfo {
            address: &module.address,
            host: &module.host,
            module: &module.name,
            path: &module.path,
            user: &module.user,
        }),
        pid: cx.config.pid,
        now: cx.unix_now(),
        numbers: numbers(cx),
        local_time: cx.config.local_time,
    }
}

/// How numbers are written.
pub(crate) fn numbers(cx: &Context) -> Numbers {
    Numbers { level: report::Level::from_count(cx.config.options.human_readable), ..Numbers::default() }
}

fn show(cx: &Context, item: &Item, record: &ItemRecord, digest: Option<&DigestValue>) {
    if let Some(format) = format_of(cx).filter(|_| !cx.is_server()) {
        let mut line = report::expand(format, &info(cx, item, record, digest, &place(cx)));
        line.push(b'\n');
        say_aside(cx, line);
    }
}

/// Says something that the log shows in another form.
pub(crate) fn say_aside(cx: &Context, text: Vec<u8>) {
    cx.showing.set(true);
    cx.say_raw(Class::Info, text);
    cx.showing.set(false);
}

fn transfer_log(cx: &Context, item: &Item, record: &ItemRecord, digest: Option<&DigestValue>) {
    if let Some(format) = cx.log_format() {
        let line = report::expand(format, &info(cx, item, record, digest, &place(cx)));
        cx.log_line(&line);
    }
}

/// An item that needed no data.
pub(crate) fn item(cx: &Context, item: &Item, record: &ItemRecord, digest: Option<&DigestValue>) {
    // What would be done without asking the sender is logged in a dry run too.
    let done = !cx.config.options.dry_run || (record.flags.contains(ItemFlags::LOCAL_CHANGE) && !cx.is_server());
    if cx.log_format().is_some() && done {
        log_item(cx, item, record, digest);
    }
    log_name(cx, item, record);
    let Some(format) = format_of(cx) else { return };
    let rule = report::ShowRule {
        itemized: report::has_escape(format, b'i'),
        every: itemizes_all(cx),
        name_level: cx.config.options.levels.info(Info::Name).into(),
    };
    if report::is_shown(record.flags, item.is_dir(), record.xname.as_deref(), &rule) {
        show(cx, item, record, digest);
    }
}

/// An item that an old protocol can't tell the sender: who decided about it says so at once. A server, which has no format for
/// the terminal, says its name.
pub(crate) fn unsent_item(cx: &Context, item: &Item, record: &ItemRecord) {
    let name_level = cx.config.options.levels.info(Info::Name);
    if item.is_dir() && cx.config.options.omit_dir_times && !itemizes(cx) {
        // The name of a directory stands for its time there.
        return;
    }
    if !cx.is_server() {
        let record = ItemRecord { basis: basis::FNAME, ..record.clone() };
        self::item(cx, item, &record, None);
    } else if name_level > 0 {
        let rule = report::ShowRule { itemized: false, every: false, name_level: name_level.into() };
        if report::is_shown(record.flags, item.is_dir(), record.xname.as_deref(), &rule) {
            let mut line = report::expand(b"%n%L", &info(cx, item, record, None, &place(cx)));
            line.push(b'\n');
            say_aside(cx, line);
        }
    }
}

fn log_item(cx: &Context, item: &Item, record: &ItemRecord, digest: Option<&DigestValue>) {
    let rule = report::ShowRule {
        itemized: cx.is_server() || itemizes(cx),
        every: itemizes_all(cx),
        name_level: cx.config.options.levels.info(Info::Name).into(),
    };
    if report::is_shown(record.flags, item.is_dir(), record.xname.as_deref(), &rule)
        && (!cx.is_server() || cx.log_format().is_some_and(|f| report::has_escape(f, b'i')))
    {
        transfer_log(cx, item, record, digest);
    }
}

/// A daemon that receives keeps the names that it makes for a client that wants to see names, if its log's format doesn't show
/// such items itself.
fn log_name(cx: &Context, item: &Item, record: &ItemRecord) {
    let o = &cx.config.options;
    let name_level = o.levels.info(Info::Name);
    let itemized = cx.log_format().is_some_and(|format| report::has_escape(format, b'i'));
    if cx.config.module.is_none() || cx.is_sender() || itemized || name_level == 0 {
        return;
    }
    let told = ItemFlags::REPORT_PERMS.0 | ItemFlags::REPORT_OWNER.0 | ItemFlags::REPORT_GROUP.0;
    let omits = cx.receiving.borrow().as_ref().is_some_and(|rx| rx.powers.omit_dir_times);
    if item.is_dir() && omits && record.flags.0 & told == 0 && !o.dry_run {
        // What stock tells of a directory is that its attributes were set.
        return;
    }
    let rule = report::ShowRule { itemized: false, every: false, name_level: name_level.into() };
    if report::is_shown(record.flags, item.is_dir(), record.xname.as_deref(), &rule) {
        cx.log_line(&report::expand(b"%n%L", &info(cx, item, record, None, &place(cx))));
    }
}

/// A regular file whose data is about to move.
pub(crate) fn before_transfer(cx: &Context, item: &Item, record: &ItemRecord) {
    let Some(format) = format_of(cx) else { return };
    if !report::shown_after(format) {
        show(cx, item, record, None);
    } else if cx.config.options.levels.info(Info::Progress) == 1
        && cx.config.options.levels.info(Info::Name) >= 1
        && !cx.is_server()
    {
        cx.say(Class::Info, item.name.clone());
    }
}

/// A regular file whose data has moved.
pub(crate) fn after_transfer(cx: &Context, item: &Item, record: &ItemRecord, digest: Option<DigestValue>) {
    if format_of(cx).is_some_and(report::shown_after) {
        show(cx, item, record, digest.as_ref());
    }
    if !cx.config.options.dry_run {
        transfer_log(cx, item, record, digest.as_ref());
    }
}

/// One line of a listing.
pub(crate) fn listing(cx: &Context, item: &Item) {
    let o = &cx.config.options;
    let line = report::listing_line(&report::Listed {
        mode: item.mode,
        size: item.size,
        mtime: item.mtime,
        atime: (o.atimes > 0).then_some((!item.is_dir()).then_some(item.atime)),
        name: &item.name,
        target: item.target.as_deref().filter(|_| o.links),
        crtime: None,
        numbers: numbers(cx),
        local_time: cx.config.local_time,
    });
    cx.say(Class::Info, line);
}

/// A group that the receiver can't give is none of its business.
fn may_set_group(cx: &Context, gid: u32) -> bool {
    cx.receiving.borrow().as_ref().is_none_or(|rx| rx.powers.may_set_group(gid))
}

/// Tells the sender that a file is safely stored.
pub(crate) fn success(cx: &Context, ndx: i32) {
    let mut payload = ndx.to_le_bytes().to_vec();
    if cx.is_local() {
        payload.resize(20, 0);
    }
    let mut outbox = cx.outbox.borrow_mut();
    outbox.message(Tag::Success, &payload);
    // It has to stand before the mark that ends its list: a sender knows no entry of a list that has ended.
    outbox.flush();
}

pub(crate) fn success_if_wanted(cx: &Context, ndx: i32) {
    if cx.config.options.remove_source != RemoveSource::Keep {
        success(cx, ndx);
    }
}

/// What the user sees at the end.
pub(crate) fn summary(cx: &Context, exit: Exit) {
    if let Some(line) = cx.progress.borrow_mut().finish() {
        cx.notices.borrow_mut().push_back(Notice::Out(line));
    }
    let are_settled = !cx.is_server() && cx.is_sender() && cx.goodbye.get();
    if !are_settled {
        cx.settle_totals();
    }
    let o = &cx.config.options;
    let stats = cx.stats.borrow();
    if !cx.is_server() {
        let style = report::SummaryStyle {
            level: o.levels.info(Info::Stats).into(),
            numbers: numbers(cx),
            elapsed_ms: cx.elapsed_ms(),
            ending: match (o.only_batch, o.dry_run) {
                (true, _) => report::Ending::BatchOnly,
                (_, true) => report::Ending::DryRun,
                _ => report::Ending::Done,
            },
            counts_created: cx.protocol() >= 29,
            counts_deleted: cx.protocol() >= 31,
        };
        let text = stats.summary(&style);
        // One by one: within one text a newline would be taken for part of a name.
        for line in text.split_inclusive(|&b| b == b'\n') {
            cx.say_raw(Class::Info, line.to_vec());
        }
        if !text.is_empty() && (exit == Exit::OK || !cx.is_sender()) {
            return;
        }
    }
    // Who could not store everything says no more than what went wrong. A client that receives learns only from the end of
    // the other program whether all was sent: that is its host's business.
    let told = !cx.is_sender() && (exit != Exit::OK || !cx.is_server());
    if cx.logs() && !told {
        cx.log_line(&stats.log_summary());
    }
}
