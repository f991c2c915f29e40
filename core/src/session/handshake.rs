//! Versions, compat flags, negotiation and seed (spec 1.3, 1.5): everything before the first frame.

use alloc::format;
use alloc::vec::Vec;

use super::agreed::{Agreed, compat};
use super::context::Context;
use super::step::Transport;
use crate::checksum::{ALGORITHMS, Algorithm};
use crate::limits::NEGOTIATION_BYTES_MAX;
use crate::options::{Delete, Options};
use crate::wire::{Compressor, item, negotiate};
use crate::{Error, Exit};

/// The newest protocol that we speak.
pub const PROTOCOL: u32 = 32;
/// The oldest that we accept.
pub const PROTOCOL_MIN: u32 = 29;
/// A number above this is not a version but the output of a talkative shell.
const PROTOCOL_SANE_MAX: i32 = 40;
const PROTOCOL_SANE_MIN: i32 = 20;

impl Context {
    /// Settles everything with the peer, and switches to frames.
    pub(crate) async fn handshake(&self) -> Result<(), Error> {
        let protocol = match self.config.protocol {
            Some(protocol) => protocol,
            None => self.exchange_versions().await?,
        };
        if protocol < PROTOCOL_MIN {
            return Err(mismatch());
        }
        let flags = self.exchange_compat_flags(protocol).await?;
        let (transfer_sum, file_sum, compressor, by_name) = self.negotiate(protocol, flags).await?;
        let seed = self.exchange_seed().await?;
        let has = |bit| flags & bit != 0;
        let agreed = Agreed {
            protocol,
            inc: has(compat::INC_RECURSE),
            symlink_times: has(compat::SYMLINK_TIMES) || self.is_server() || !self.is_sender(),
            safe_list: protocol >= 31 || has(compat::SAFE_LIST),
            inplace_partial: has(compat::INPLACE_PARTIAL),
            varint_flags: has(compat::VARINT_FLAGS),
            id0_names: has(compat::ID0_NAMES),
            seed,
            transfer_sum,
            file_sum,
            seed_first: has(compat::SEED_FIRST) || by_name,
            compressor,
        };
        self.switch_to_frames(&agreed);
        let _ = self.agreed.set(agreed);
        self.ndx_in.borrow_mut().set_protocol(protocol);
        self.ndx_out.borrow_mut().set_protocol(protocol);
        Ok(())
    }

    async fn exchange_versions(&self) -> Result<u32, Error> {
        let own = self.own_version();
        self.put(|out| item::put_i32(out, own as i32));
        let peer = self.item(|r| r.i32()).await?;
        if !(PROTOCOL_SANE_MIN..=PROTOCOL_SANE_MAX).contains(&peer) {
            return Err(mismatch());
        }
        Ok(own.min(peer as u32))
    }

    /// The version that we announce; a server heeds a client that runs a pre-release (1.3.3).
    fn own_version(&self) -> u32 {
        let own = self.config.options.protocol.unwrap_or(PROTOCOL);
        if !self.is_server() || self.config.transport != Transport::Shell {
            return own;
        }
        match self.config.options.capabilities.prerelease() {
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
        let caps = &o.capabilities;
        let mut flags = compat::SYMLINK_TIMES | compat::SYMLINK_ICONV;
        let mut set = |on: bool, bit: i32| {
            if on {
                flags |= bit;
            }
        };
        set(caps.has(b'i') && allows_inc(o, !self.is_sender()), compat::INC_RECURSE);
        set(caps.has(b'f'), compat::SAFE_LIST);
        set(caps.has(b'x'), compat::AVOID_XATTR_SHORTCUT);
        set(caps.has(b'C'), compat::SEED_FIRST);
        set(caps.has(b'I'), compat::INPLACE_PARTIAL);
        set(caps.has(b'v'), compat::VARINT_FLAGS);
        set(caps.has(b'u'), compat::ID0_NAMES);
        flags
    }

    /// Checksums and compressor; and whether the checksum was chosen by name, negotiated or not.
    async fn negotiate(&self, protocol: u32, flags: i32) -> Result<(Algorithm, Algorithm, Compressor, bool), Error> {
        let o = &self.config.options;
        let strings = protocol >= 30 && flags & compat::VARINT_FLAGS != 0;
        let implied = if protocol >= 30 { Algorithm::Md5 } else { Algorithm::Md4Old };
        let named = |name: Option<Algorithm>| name.unwrap_or(implied);
        let choose_sum = strings && o.checksum_choice.is_none();
        let compress = o.compresses();
        let choose_compressor = strings && compress && o.compressor_choice().is_none();
        if choose_sum {
            self.put(|out| item::put_vstring(out, &self.checksum_list()));
        }
        if choose_compressor {
            self.put(|out| item::put_vstring(out, &self.compressor_list()));
        }
        let (transfer, file, by_name) = match (&o.checksum_choice, choose_sum) {
            (_, true) => {
                let peer = self.item(|r| Ok(r.vstring(NEGOTIATION_BYTES_MAX)?.to_vec())).await?;
                let name = self.choose("checksum", &self.checksum_list(), &peer)?;
                let sum = Algorithm::from_name(&name).unwrap_or(implied);
                (sum, sum, true)
            }
            (Some(choice), false) => (named(choice.transfer), named(choice.file), choice.transfer.is_some()),
            (None, false) => (implied, implied, false),
        };
        let compressor = if choose_compressor {
            let peer = self.item(|r| Ok(r.vstring(NEGOTIATION_BYTES_MAX)?.to_vec())).await?;
            let name = self.choose("compress", &self.compressor_list(), &peer)?;
            Compressor::from_name(&name).unwrap_or(Compressor::Zlib)
        } else if compress {
            o.compressor_choice().unwrap_or(Compressor::Zlib)
        } else {
            Compressor::None
        };
        if file == Algorithm::None && o.checksum {
            return Err(Error::usage("Invalid checksum-choice for --checksum: none (0)").with_exit(Exit::UNSUPPORTED));
        }
        Ok((transfer, file, compressor, by_name))
    }

    fn checksum_list(&self) -> Vec<u8> {
        let all = ALGORITHMS.iter().filter(|row| row.algorithm != Algorithm::Md4Old).map(|row| row.name);
        negotiate::offer(all, self.config.options.env.checksum_list.as_deref(), self.is_server())
    }

    fn compressor_list(&self) -> Vec<u8> {
        let zstd = self.config.codecs.zstd.is_some();
        let all = Compressor::NAMES.iter().map(|(name, _)| *name).filter(|name| zstd || *name != "zstd");
        negotiate::offer(all, self.config.options.env.compress_list.as_deref(), self.is_server())
    }

    fn choose(&self, what: &str, own: &[u8], peer: &[u8]) -> Result<Vec<u8>, Error> {
        if let Some(name) = negotiate::choose(own, peer, self.is_server()) {
            return Ok(name);
        }
        let (server, client) = if self.is_server() { (own, peer) } else { (peer, own) };
        let text = format!(
            "Failed to negotiate a {what} choice.\nServer list: {}\nClient list: {}",
            alloc::string::String::from_utf8_lossy(server),
            alloc::string::String::from_utf8_lossy(client)
        );
        Err(Error::new(crate::Fault::Incompatible, Exit::UNSUPPORTED, text))
    }

    async fn exchange_seed(&self) -> Result<i32, Error> {
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
        let (input, output) = if self.is_server() { (c2s, true) } else { (true, c2s) };
        self.inbox.borrow_mut().set_framed(input);
        self.outbox.borrow_mut().set_framed(output);
    }
}

/// Whether incremental recursion is acceptable to a side with these options (1.4.5, 1.5.2).
pub(crate) fn allows_inc(o: &Options, receiving: bool) -> bool {
    let late = matches!(o.delete, Delete::Before | Delete::After) || o.delay_updates || o.prune_empty_dirs;
    (o.recursion != Recursion::Off) && o.inc_recursive && !o.qsort && !(receiving && late)
}

fn mismatch() -> Error {
    Error::peer(
        Exit::PROTOCOL,
        "protocol version mismatch -- is your shell clean?\n(see the rsync manpage for an explanation)",
    )
}
