//! Users and groups of what is listed, whose names travel too.

use alloc::vec::Vec;

use super::Lister;
use crate::session::ask::{Ask, Meta, Reply};

impl Lister {
    /// The names of owners that were not met before.
    pub(super) async fn learn_ids<'a>(&mut self, metas: impl Iterator<Item = &'a Meta>) {
        let caps = self.encoder.caps();
        if caps.numeric_ids || !(caps.owner || caps.group) {
            return;
        }
        let (owner, group) = (caps.owner, caps.group);
        let inline = caps.has_inline_names();
        let ids = &mut self.encoder.ids;
        let mut last = None;
        let mut new = false;
        for meta in metas {
            if last == Some((meta.uid, meta.gid)) {
                continue;
            }
            last = Some((meta.uid, meta.gid));
            new |= owner && ids.users.note(meta.uid);
            new |= group && ids.groups.note(meta.gid);
        }
        if inline && new {
            self.look_up_ids().await;
        }
    }

    /// The names of users and groups in ACLs.
    pub(crate) async fn learn_acl_ids<'a>(&mut self, metas: impl Iterator<Item = &'a Meta>) {
        let caps = self.encoder.caps();
        if !caps.acls || caps.numeric_ids {
            return;
        }
        let inline = caps.has_inline_names();
        let ids = &mut self.encoder.ids;
        let mut new = false;
        for extended in metas.filter_map(|meta| meta.extended.as_ref()) {
            for named in extended.acls.access.names.iter().chain(&extended.acls.default.names) {
                new |= if named.is_group { ids.groups.note(named.id) } else { ids.users.note(named.id) };
            }
        }
        if inline && new {
            self.look_up_ids().await;
        }
    }

    pub(super) async fn look_up_ids(&mut self) {
        let (uids, gids) = (self.encoder.ids.users.unknown(), self.encoder.ids.groups.unknown());
        let silent = self.cx.config.module.as_ref().is_some_and(|m| m.numeric_ids);
        let (users, groups) = match self.cx.ask(Ask::Names { uids: uids.clone(), gids: gids.clone() }).await {
            Reply::Names(users, groups) => (users, groups),
            _ => (Vec::new(), Vec::new()),
        };
        let name = |names: &[Option<Vec<u8>>], at: usize, id: u32| {
            names.get(at).cloned().flatten().filter(|_| !silent || id == 0)
        };
        for (at, &uid) in uids.iter().enumerate() {
            self.encoder.ids.users.learn(uid, name(&users, at, uid).as_deref());
        }
        for (at, &gid) in gids.iter().enumerate() {
            self.encoder.ids.groups.learn(gid, name(&groups, at, gid).as_deref());
        }
    }

    pub(super) async fn put_id_lists(&mut self) {
        let caps = *self.encoder.caps();
        if caps.id0_names {
            self.encoder.ids.users.note(0);
            self.encoder.ids.groups.note(0);
        }
        self.look_up_ids().await;
        let ids = &self.encoder.ids;
        self.cx.put(|out| {
            if caps.owner {
                ids.users.put_list(&caps, out);
            }
            if caps.group {
                ids.groups.put_list(&caps, out);
            }
        });
    }
}
