//! File names in other character sets (`--iconv`, spec 2.14). What travels is UTF-8; each side converts from and to its own
//! set. The tables are the host's: it hands in a [`Convert`].

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::ask::HostResult;
use super::context::Context;
use super::say::Class;

/// A character set of this side.
pub trait Convert: Send + Sync {
    /// A local name, as it travels.
    fn to_wire(&self, local: &[u8]) -> HostResult<Vec<u8>>;
    /// A name that came, as it is here.
    fn to_local(&self, wire: &[u8]) -> HostResult<Vec<u8>>;
}

/// How names are converted.
#[derive(Clone)]
pub struct Conversion(pub Arc<dyn Convert>);

impl fmt::Debug for Conversion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Conversion")
    }
}

impl Conversion {
    /// Words of a command line, as they travel. What can't be converted stays as it is: the other side will not know it.
    pub fn words_to_wire(&self, words: &[Vec<u8>]) -> Vec<Vec<u8>> {
        words.iter().map(|word| self.0.to_wire(word).unwrap_or_else(|_| word.clone())).collect()
    }

    /// Words that came.
    pub fn words_from_wire(&self, words: &[Vec<u8>]) -> Vec<Vec<u8>> {
        words.iter().map(|word| self.0.to_local(word).unwrap_or_else(|_| word.clone())).collect()
    }
}

impl Context {
    /// A text for the peer.
    pub(crate) fn text_to_wire(&self, text: Vec<u8>) -> Vec<u8> {
        match &self.config.conversion {
            Some(conversion) => conversion.0.to_wire(&text).unwrap_or(text),
            None => text,
        }
    }

    /// A text of the peer's.
    pub(crate) fn text_from_wire(&self, text: Vec<u8>) -> Vec<u8> {
        match &self.config.conversion {
            Some(conversion) => conversion.0.to_local(&text).unwrap_or(text),
            None => text,
        }
    }

    /// Whether the names of `--files-from`, and the words of a command line, travel as UTF-8.
    pub(crate) fn converts_arguments(&self) -> bool {
        self.config.conversion.is_some() && self.config.options.secluded_args == Some(true)
    }

    /// A name that this side's character set, or UTF-8, has no room for.
    pub(crate) fn say_inconvertible(&self, name: &[u8], reason: &str) {
        let role = if self.is_sender() { "[sender] " } else { "[Receiver] " };
        let text = [role.as_bytes(), b"cannot convert filename: ", name, b" (", reason.as_bytes(), b")"].concat();
        self.say(Class::Transfer, text);
        self.add_io_error(super::context::io_error::GENERAL);
    }
}
