//! Local copies: the sender names the file, and the host copies it without its bytes passing through here.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::copy_plan;
use super::{FINISHING_MAX, Receiver};
use crate::limits::PATH_BYTES_MAX;
use crate::session::ask::{Ask, CopySource, Output, OutputError, Reply};
use crate::session::decide::Item;
use crate::session::finishing::stored;
use crate::session::say::Class;
use crate::session::show::{self, ItemRecord};
use crate::{Error, Exit};

impl Receiver {
    /// A copy on this machine: the sender names the file instead of sending it.
    pub(super) async fn copy_directly(&mut self, item: Item, record: ItemRecord) -> Result<(), Error> {
        let cx = self.rx.cx.clone();
        let root = cx.item(|r| Ok(r.vstring(PATH_BYTES_MAX)?.to_vec())).await?;
        let path = cx.item(|r| Ok(r.vstring(PATH_BYTES_MAX)?.to_vec())).await?;
        show::before_transfer(&cx, &item, &record);
        show::after_transfer(&cx, &item, &record, None);
        let rx = self.rx.clone();
        cx.moved.until(|| (rx.finishing.get() < FINISHING_MAX).then_some(())).await;
        rx.finishing.set(rx.finishing.get() + 1);
        let source = crate::session::removal::join(&root, &path);
        let mut plan = copy_plan(&cx, &rx, &item, Some(&record), CopySource::Named { root, path });
        cx.spawn(async move {
            if plan.create.output != Output::InPlace {
                plan.backup = match crate::session::backup::prepare(&rx, &item.path).await {
                    Ok(backup) => backup,
                    Err(errno) => {
                        show::output_error(&rx.cx, "receiver", &item.path, None, &OutputError::Backup(errno));
                        return Err(Error::host(Exit::FILE_IO, Vec::new()));
                    }
                };
            }
            let backup = plan.backup.clone();
            let chowns = plan.meta.uid.is_some();
            let (temp, reply) = rx.cx.make(Ask::CopyLocal(Box::new(plan))).await;
            match reply {
                Reply::Committed(Ok((errors, bytes))) => {
                    if let Some(to) = &backup {
                        crate::session::backup::say_backed_up(&rx, &item.path, to);
                    }
                    rx.cx.stats.borrow_mut().literal += bytes;
                    show::set_errors(&rx.cx, "receiver", temp.as_deref().unwrap_or(&item.path), chowns, errors);
                    stored(&rx, &item);
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
}
