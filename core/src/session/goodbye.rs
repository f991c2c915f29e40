//! The end of a session: statistics, deletion counts, and the last marks (spec 1.11.3 to 1.11.5).

use super::context::Context;
use super::receiving::Rx;
use crate::limits::DELETED_MAX;
use crate::report::stats::KindCounts;
use crate::wire::index::{NDX_DEL_STATS, NDX_DONE};
use crate::wire::item::{put_varint, put_varlong30};
use crate::{Error, Exit};

/// What the sender does after its last mark.
pub(crate) async fn sender(cx: &Context) -> Result<(), Error> {
    if cx.is_server() {
        put_statistics(cx);
    } else {
        // As with stock, the goodbye is not in what its user sees.
        cx.settle_totals();
        if cx.records() {
            cx.outbox.borrow_mut().set_muted(true);
            put_statistics(cx);
            cx.outbox.borrow_mut().set_muted(false);
        }
    }
    cx.goodbye.set(true);
    if cx.agreed().has_late_delete_step() {
        done_or_deletions(cx).await?;
        cx.put_ndx(NDX_DONE);
    }
    done_or_deletions(cx).await
}

/// What the receiver reads after the sender's last mark.
pub(crate) async fn receiver(cx: &Context, rx: &Rx) -> Result<(), Error> {
    if !cx.is_server() {
        read_statistics(cx).await?;
    }
    rx.phases_done.set(rx.phases_done.get() + 1);
    cx.moved.notify();
    if cx.agreed().has_late_delete_step() {
        done_or_deletions(cx).await?;
        rx.take_mark()?;
        rx.phases_done.set(rx.phases_done.get() + 1);
        cx.moved.notify();
    }
    Ok(())
}

/// Reads the mark that ends a step; deletion counts may come before it, and a sending server echoes them.
async fn done_or_deletions(cx: &Context) -> Result<(), Error> {
    loop {
        match cx.read_ndx().await? {
            NDX_DONE => return Ok(()),
            NDX_DEL_STATS => read_deletion_stats(cx).await?,
            ndx => {
                let text = alloc::format!("Invalid packet at end of run ({ndx}) [{}]", cx.role_name());
                return Err(Error::peer(Exit::PROTOCOL, text));
            }
        }
    }
}

/// Five counts; a sending server sends them back for its client to show.
pub(crate) async fn read_deletion_stats(cx: &Context) -> Result<(), Error> {
    let counts = cx
        .item(|r| {
            let mut counts = [0u64; 5];
            for count in &mut counts {
                let value = r.varint()?;
                if value < 0 || value as u32 > DELETED_MAX {
                    let text = alloc::format!("invalid deletion count {value} [{}]", cx.role_name());
                    return Err(Error::peer(Exit::PROTOCOL, text).into());
                }
                *count = value as u64;
            }
            Ok(counts)
        })
        .await?;
    if cx.is_sender() {
        cx.stats.borrow_mut().deleted = KindCounts::from_wire_order(counts);
        if cx.is_server() {
            cx.put_ndx(NDX_DEL_STATS);
            cx.put(|out| counts.iter().for_each(|&n| put_varint(out, n as i32)));
        }
    }
    Ok(())
}

/// The numbers of a sending server, for its client.
fn put_statistics(cx: &Context) {
    // The counts end before this block, so the open frame goes out first.
    cx.outbox.borrow_mut().flush();
    let (read, written) = (cx.inbox.borrow().received_total(), cx.outbox.borrow().written_total());
    let stats = cx.stats.borrow();
    let protocol = cx.protocol();
    cx.put(|out| {
        for value in [read - cx.counted_in.get(), written - cx.counted_out.get(), stats.total_size] {
            put_varlong30(out, protocol, value as i64, 3);
        }
        if cx.agreed().has_list_times() {
            put_varlong30(out, protocol, stats.list_build_ms as i64, 3);
            put_varlong30(out, protocol, stats.list_send_ms as i64, 3);
        }
    });
}

async fn read_statistics(cx: &Context) -> Result<(), Error> {
    let protocol = cx.protocol();
    let times = cx.agreed().has_list_times();
    let values = cx
        .item(|r| {
            let mut values = [0i64; 5];
            for value in values.iter_mut().take(if times { 5 } else { 3 }) {
                *value = r.varlong30(protocol, 3)?;
            }
            Ok(values)
        })
        .await?;
    let mut stats = cx.stats.borrow_mut();
    let [read, written, total, build, send] = values.map(|v| v.max(0) as u64);
    stats.peer_read = Some(read);
    stats.peer_written = Some(written);
    stats.total_size = total;
    stats.list_build_ms = build;
    stats.list_send_ms = send;
    Ok(())
}
