//! Users and groups of received lists, turned into those of this machine.

use alloc::rc::Rc;

use super::Reading;
use crate::Error;
use crate::flist::acl::Acl;
use crate::session::ask::{Ask, Reply};
use crate::session::lister;
use crate::session::receiving::{Receiving, Rx};
use crate::session::say::Class;

pub(super) async fn read_id_lists(rx: &Rx) -> Result<(), Error> {
    let caps = lister::caps(&rx.cx);
    if caps.numeric_ids {
        return Ok(());
    }
    if caps.owner {
        while !rx.cx.item(|r| rx.reading.borrow_mut().decoder.names.users.read_item(r, &caps)).await? {}
    }
    if caps.group {
        while !rx.cx.item(|r| rx.reading.borrow_mut().decoder.names.groups.read_item(r, &caps)).await? {}
    }
    Ok(())
}

/// Local ids for names that were not met before.
pub(super) async fn learn_ids(rx: &Rx) {
    if rx.cx.config.module.as_ref().is_some_and(|m| m.numeric_ids) {
        return;
    }
    let (users, groups) = {
        let reading = rx.reading.borrow();
        let names = &reading.decoder.names;
        (reading.users.names_wanted(&names.users), reading.groups.names_wanted(&names.groups))
    };
    if users.is_empty() && groups.is_empty() {
        return;
    }
    let ask = Ask::Ids { users: users.clone(), groups: groups.clone() };
    let Reply::Ids(uids, gids) = rx.cx.ask(ask).await else { return };
    let mut reading = rx.reading.borrow_mut();
    let mut warnings = reading.users.learn(&users, &uids);
    warnings.extend(reading.groups.learn(&groups, &gids));
    drop(reading);
    for warning in warnings {
        rx.cx.say(Class::Error, warning);
    }
}

/// The ACLs of an entry, with ids of this machine.
pub(crate) fn acls(rx: &Receiving, (access, default): (u32, u32)) -> (Rc<Acl>, Option<Rc<Acl>>) {
    let o = &rx.cx.config.options;
    let Reading { decoder, users, groups, mapped, .. } = &mut *rx.reading.borrow_mut();
    let map_users = !o.numeric_ids || users.has_rules();
    let map_groups = !o.numeric_ids || groups.has_rules() || !rx.powers.root;
    let mut one = |table: usize, at: u32, acl: Option<&Rc<Acl>>| {
        let mapped = mapped[table].entry(at).or_insert_with(|| {
            let mut acl = acl.map(|acl| (**acl).clone()).unwrap_or_default();
            for named in &mut acl.names {
                match named.is_group {
                    false if map_users => named.id = users.map(named.id, &decoder.names.users),
                    true if map_groups => named.id = groups.map(named.id, &decoder.names.groups),
                    _ => {}
                }
            }
            acl.names.sort_unstable();
            Rc::new(acl)
        });
        mapped.clone()
    };
    let of_dir = decoder.acls.of_new_files(default);
    (one(0, access, decoder.acls.access(access)), of_dir.is_some().then(|| one(1, default, of_dir)))
}

pub(super) fn map_owners(rx: &Rx, list: &mut crate::flist::FileList) {
    let o = &rx.cx.config.options;
    let reading = rx.reading.borrow();
    let root = rx.powers.root;
    let maps_users = o.owner && root && (!o.numeric_ids || reading.users.has_rules());
    let maps_groups = o.group && (!root || !o.numeric_ids || reading.groups.has_rules());
    if !maps_users && !maps_groups {
        return;
    }
    let names = &reading.decoder.names;
    let mut last = ((0, 0), None);
    list.map_owners(|uid, gid| match last {
        (key, Some(value)) if key == (uid, gid) => value,
        _ => {
            let value = (
                if maps_users { reading.users.map(uid, &names.users) } else { uid },
                if maps_groups { reading.groups.map(gid, &names.groups) } else { gid },
            );
            last = ((uid, gid), Some(value));
            value
        }
    });
}
