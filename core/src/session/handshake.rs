//! Versions, compat flags, negotiation and seed (spec 1.3, 1.5): everything before the first frame.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::agreed::{Agreed, compat};
use super::context::Context;
use super::say::Class;
use super::step::Transport;
use crate::checksum::{ALGORITHMS, Algorithm};
use crate::options::{AltKind, Capabilities, Debug, Delete, Options, Recursion, RemoveSource};
use crate::wire::negotiate::{Name, Offer};
use crate::wire::{Compressor, NdxCoder, item, negotiate};
use crate::{Error, Exit};

/// The newest protocol that we speak.
pub const PROTOCOL: u32 = 32;
/// The oldest that we accept.
pub const PROTOCOL_MIN: u32 = 27;
/// A number above this is not a version but the output of a talkative shell.
const PROTOCOL_SANE_MAX: i32 = 40;
const PROTOCOL_SANE_MIN: i32 = 20;

impl Context {
    /// Settles everything with the peer, and switches to frames.
    pub(crate) async fn handshake(&self) -> Result<(), Error> {
        let protocol = match self.config.batch.map(|batch| batch.protocol).or(self.config.protocol) {
            Some(protocol) => protocol,
            None => self.exchange_versions().await?,
        };
        if protocol < PROTOCOL_MIN {
            return Err(mismatch());
        }
        self.check_needs(protocol)?;
        let flags = self.exchange_compat_flags(protocol).await?;
        let (transfer_sum, file_sum, compressor, by_name) = self.negotiate(protocol, flags).await?;
        let seed = self.exchange_seed().await?;
        let has = |bit| flags & bit != 0;
        let agreed = Agreed {
            protocol,
            inc: has(compat::INC_RECURSE),
            symlink_times: has(compat::SYMLINK_TIMES) || self.is_server() || !self.is_sender(),
            symlink_iconv: if self.is_server() && self.is_sender() {
                self.config.options.capabilities.as_ref().is_some_and(|letters| letters.contains(&b's'))
            } else {
                has(compat::SYMLINK_ICONV)
            },
            safe_list: protocol >= 31 || has(compat::SAFE_LIST),
            inplace_partial: has(compat::INPLACE_PARTIAL),
            varint_flags: has(compat::VARINT_FLAGS),
            no_xattr_shortcut: has(compat::AVOID_XATTR_SHORTCUT),
            id0_names: has(compat::ID0_NAMES),
            compat: flags,
            seed,
            transfer_sum,
            file_sum,
            seed_first: has(compat::SEED_FIRST) || by_name,
            compressor,
        };
        if !self.replays() {
            self.switch_to_frames(&agreed);
        }
        let _ = self.agreed.set(agreed);
        *self.ndx_in.borrow_mut() = NdxCoder::new(protocol);
        *self.ndx_out.borrow_mut() = NdxCoder::new(protocol);
        Ok(())
    }

    async fn exchange_versions(&self) -> Result<u32, Error> {
        let own = self.own_version();
        self.put(|out| item::put_i32(out, own as i32));
        let peer = self.item(|r| r.i32()).await?;
        if !(PROTOCOL_SANE_MIN..=PROTOCOL_SANE_MAX).contains(&peer) {
            return Err(mismatch());
        }
        let agreed = own.min(peer as u32);
        if self.config.options.levels.debug(Debug::Proto) >= 1 && !self.is_server() {
            self.say(Class::Info, format!("(Client) Protocol versions: remote={peer}, negotiated={agreed}"));
        }
        Ok(agreed)
    }

    /// What an old protocol can not do.
    fn check_needs(&self, protocol: u32) -> Result<(), Error> {
        let o = &self.config.options;
        let several = o.alt_kind.filter(|_| o.alt_dirs.len() > 1);
        let several = several.map(|kind| format!("Using more than one {} option", kind.option()));
        let links = o.alt_kind == Some(AltKind::Link);
        let needs = [
            (o.acls && !self.is_local(), 30, "--acls"),
            (o.xattrs > 0 && !self.is_local(), 30, "--xattrs"),
            (o.fuzzy > 0, 29, "--fuzzy"),
            (links && o.inplace, 29, "--link-dest with --inplace"),
            (several.is_some(), 29, several.as_deref().unwrap_or_default()),
            (o.prune_empty_dirs, 29, "--prune-empty-dirs"),
        ];
        match needs.into_iter().find(|(wanted, least, _)| *wanted && protocol < *least) {
            Some((_, least, what)) => {
                let text = format!("{what} requires protocol {least} or higher (negotiated {protocol}).");
                Err(Error::peer(Exit::PROTOCOL, text))
            }
            None => Ok(()),
        }
    }

    /// The version that we announce; a server heeds a client that runs a pre-release (1.3.3).
    fn own_version(&self) -> u32 {
        let own = self.config.options.protocol.map_or(PROTOCOL, |protocol| protocol.clamp(0, 255) as u32);
        if !self.is_server() || self.config.transport != Transport::Shell {
            return own;
        }
        match prerelease(self.config.options.capabilities.as_deref().unwrap_or_default()) {
            Some((peer, sub)) if peer != 0 && sub != 0 => {
                if peer < own {
                    peer.saturating_sub(1)
                } else if peer > own {
                    own
                } else {
                    own - 1
                }
            }
            _ => own,
        }
    }

    async fn exchange_compat_flags(&self, protocol: u32) -> Result<i32, Error> {
        if protocol < 30 {
            return Ok(0);
        }
        if let Some(batch) = self.config.batch {
            return Ok(batch.compat);
        }
        if self.is_server() {
            let flags = self.server_compat_flags();
            self.put(|out| item::put_varint(out, flags));
            return Ok(flags);
        }
        let flags = self.item(|r| r.varint()).await?;
        if flags & compat::INC_RECURSE != 0 && !allows_inc(&self.config.options, !self.is_sender()) {
            return Err(Error::peer(Exit::SYNTAX, "Incompatible options specified for inc-recursive client."));
        }
        Ok(flags)
    }

    fn server_compat_flags(&self) -> i32 {
        let o = &self.config.options;
        let full = Capabilities::of_client(o, !self.is_sender()).encode();
        let caps = match &o.capabilities {
            // The halves of a local copy have no words between them.
            _ if self.is_local() => &full,
            Some(capabilities) => capabilities,
            None => &full[..0],
        };
        let has = |letter: u8| caps.contains(&letter);
        let mut flags = compat::SYMLINK_TIMES | compat::SYMLINK_ICONV;
        let mut set = |on: bool, bit: i32| {
            if on {
                flags |= bit;
            }
        };
        set(has(b'i') && allows_inc(o, !self.is_sender()), compat::INC_RECURSE);
        set(has(b'f'), compat::SAFE_LIST);
        set(has(b'x'), compat::AVOID_XATTR_SHORTCUT);
        set(has(b'C'), compat::SEED_FIRST);
        set(has(b'I'), compat::INPLACE_PARTIAL);
        // Who is only told why it gets nothing has nothing to agree on.
        set(has(b'v') && !self.leaves_without_code(), compat::VARINT_FLAGS);
        set(has(b'u'), compat::ID0_NAMES);
        flags
    }

    /// Checksums and compressor; and whether the checksum was chosen by name, negotiated or not.
    async fn negotiate(&self, protocol: u32, flags: i32) -> Result<(Algorithm, Algorithm, Compressor, bool), Error> {
        let o = &self.config.options;
        let strings = protocol >= 30 && flags & compat::VARINT_FLAGS != 0 && !self.replays();
        let implied = if protocol >= 30 { Algorithm::Md5 } else { Algorithm::Md4Old };
        let compresses = o.wants_compression();
        let named = o.compress_choice.as_deref().and_then(Compressor::from_name);
        let sums = (strings && o.checksum_choice.is_none()).then(|| self.checksum_offer());
        let compressors = (strings && compresses && named.is_none()).then(|| self.compressor_offer());
        for offer in sums.iter().chain(&compressors) {
            let mut result = Ok(());
            self.put(|out| result = offer.encode(out));
            result?;
        }
        let (transfer, file, by_name) = match (&sums, o.checksum_choice.as_deref().map(chosen_sums)) {
            (Some(offer), _) => {
                let name = self.choose("checksum", offer).await?;
                let sum = Algorithm::from_name(name.as_bytes()).unwrap_or(implied);
                (sum, sum, true)
            }
            (None, Some((transfer, file))) => {
                (transfer.unwrap_or(implied), file.unwrap_or(implied), transfer.is_some())
            }
            (None, None) => (implied, implied, false),
        };
        let compressor = match &compressors {
            Some(offer) => {
                let name = self.choose("compress", offer).await?;
                Compressor::from_name(name.as_bytes()).unwrap_or(Compressor::Zlib)
            }
            None if compresses => named.unwrap_or(Compressor::Zlib),
            None => Compressor::None,
        };
        self.say_agreed(sums.is_some(), compressors.is_some(), (transfer, file), compressor);
        Ok((transfer, file, compressor, by_name))
    }

    /// `--debug=nstr`: what both sides use from now on, and whether that was negotiated.
    fn say_agreed(&self, sums: bool, codec: bool, (transfer, file): (Algorithm, Algorithm), compressor: Compressor) {
        let o = &self.config.options;
        if self.is_server() || o.levels.debug(Debug::Nstr) == 0 {
            return;
        }
        let how = |negotiated: bool| if negotiated { "negotiated " } else { "" };
        let sum =
            if transfer == file { transfer.name().to_string() } else { format!("{},{}", transfer.name(), file.name()) };
        self.say(Class::Info, format!("Client {}checksum: {sum}", how(sums)));
        let (name, level) = match (compressor, o.compress_level) {
            (Compressor::None, None) => return,
            (Compressor::None, Some(level)) => (compressor, level),
            (Compressor::Zstd, level) => (compressor, level.filter(|&level| level != 0).unwrap_or(3).min(22)),
            (Compressor::Lz4, _) => (compressor, 0),
            // Zlib at this level only wraps what it is given.
            (_, Some(0)) => (Compressor::None, 0),
            (_, level) => (compressor, level.filter(|&level| level != -1).unwrap_or(6).clamp(1, 9)),
        };
        self.say(Class::Info, format!("Client {}compress: {} (level {level})", how(codec), name.name()));
    }

    fn negotiator(&self) -> negotiate::Side {
        if self.is_server() { negotiate::Side::Server } else { negotiate::Side::Client }
    }

    fn checksum_offer(&self) -> Offer {
        if self.config.options.write_batch.is_some() {
            return Offer::new(&[Name { name: "md5", alias: None }], None, self.negotiator());
        }
        let names: Vec<Name> =
            ALGORITHMS.iter().map(|row| Name { name: row.name, alias: row.aliases.first().copied() }).collect();
        Offer::new(&names, self.config.checksum_list.as_deref(), self.negotiator())
    }

    fn compressor_offer(&self) -> Offer {
        if self.config.options.write_batch.is_some() {
            // A reader has nobody to ask.
            return Offer::new(&[Name::new("zlib")], None, self.negotiator());
        }
        let supported = Compressor::supported(&self.config.codecs);
        let names: Vec<Name> = supported.into_iter().map(|compressor| Name::new(compressor.name())).collect();
        Offer::new(&names, self.config.compress_list.as_deref(), self.negotiator())
    }

    async fn choose(&self, what: &str, offer: &Offer) -> Result<&'static str, Error> {
        let peer = self.item(|r| Ok(negotiate::decode_list(r)?.to_vec())).await?;
        offer.choose(&peer).ok_or_else(|| {
            let failure = negotiate::failure(what, offer, &peer);
            for line in failure.text.split(|&b| b == b'\n').filter(|line| !line.is_empty()) {
                self.say(Class::Error, line);
            }
            Error { text: Vec::new(), ..failure }
        })
    }

    async fn exchange_seed(&self) -> Result<i32, Error> {
        if let Some(batch) = self.config.batch {
            return Ok(batch.seed);
        }
        if !self.is_server() {
            return self.item(|r| r.i32()).await;
        }
        let seed = match self.config.options.checksum_seed {
            0 => self.config.seed,
            seed => seed,
        };
        self.put(|out| item::put_i32(out, seed));
        Ok(seed)
    }

    /// Which directions are framed from here on (1.1.4).
    fn switch_to_frames(&self, agreed: &Agreed) {
        let c2s = agreed.protocol >= 30
            || ((self.config.options.remove_source != RemoveSource::Keep) && self.is_sender() == self.is_server());
        let (mut input, mut output) = if self.is_server() { (c2s, true) } else { (true, c2s) };
        if agreed.protocol < 31 && self.is_sender() != self.is_server() {
            // A push whose list of names is at the server: they come right here, without frames.
            input &= !super::names::come_from_peer(self);
            output &= !super::names::are_handed_on(self);
        }
        self.outbox.borrow_mut().flush();
        self.counted_out.set(self.outbox.borrow().written_total());
        let mut inbox = self.inbox.borrow_mut();
        self.counted_in.set(inbox.received_total() - inbox.data().len() as u64);
        inbox.set_framed(input);
        self.outbox.borrow_mut().set_framed(output);
    }
}

/// Whether incremental recursion is acceptable to a side with these options (1.4.5, 1.5.2).
pub(crate) fn allows_inc(o: &Options, receiving: bool) -> bool {
    let late = matches!(o.delete, Delete::Before | Delete::After) || o.delay_updates || o.prune_empty_dirs;
    (o.recursion != Recursion::Off) && o.inc_recursive && !o.qsort && !(receiving && late)
}

/// The checksums that `--checksum-choice` names, for transfers and for `--checksum`; `auto` is none.
fn chosen_sums(choice: &[u8]) -> (Option<Algorithm>, Option<Algorithm>) {
    let mut names = choice.splitn(2, |&b| b == b',');
    let transfer = names.next().and_then(Algorithm::from_name);
    (transfer, names.next().map_or(transfer, Algorithm::from_name))
}

/// The protocol and sub-version of a client that runs a pre-release: `32.5` at the start of its capabilities.
fn prerelease(capabilities: &[u8]) -> Option<(u32, u32)> {
    let number = |text: &[u8]| {
        let end = text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
        core::str::from_utf8(&text[..end]).ok()?.parse().ok()
    };
    let dot = capabilities.iter().position(|&b| b == b'.')?;
    Some((number(capabilities)?, number(&capabilities[dot + 1..]).unwrap_or(0)))
}

fn mismatch() -> Error {
    Error::peer(Exit::PROTOCOL, crate::error::VERSION_MISMATCH)
}
