//! Frames (spec 1.7): a four byte header, then data of the stream or one control message.
//!
//! ```text
//! ┌──────────────┬─────────┬─────────────┐
//! │ length LE24  │ 7 + tag │ payload ... │
//! └──────────────┴─────────┴─────────────┘
//! ```

use crate::limits::LINE_BYTES_MAX;
use crate::{Error, Exit};
use alloc::format;
use alloc::vec::Vec;

/// Bytes of a frame header.
pub const HEADER_BYTES: usize = 4;
/// What is added to a tag on the wire.
const MPLEX_BASE: u8 = 7;

/// What a frame holds (spec 1.7.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tag {
    /// A piece of the data stream; empty as a keep-alive.
    Data,
    /// Error text that also makes the run end with exit 23.
    ErrorXfer,
    /// Text for stdout.
    Info,
    /// Error text.
    Error,
    /// Warning text.
    Warning,
    /// Never on a connection.
    ErrorSocket,
    /// Never on a connection.
    Log,
    /// Never on a connection.
    Client,
    /// Never on a connection.
    ErrorUtf8,
    /// Never on a connection.
    Redo,
    /// Never on a connection.
    Stats,
    /// The sender met I/O errors: an int of bits.
    IoError,
    /// A daemon's timeout: an int of seconds.
    IoTimeout,
    /// The keep-alive of 3.0.x.
    Noop,
    /// The peer ends with an error, or answers that we do: empty, or an int exit code.
    ErrorExit,
    /// A file was stored: an int index.
    Success,
    /// An entry was deleted: its name.
    Deleted,
    /// A requested file will not come: an int index.
    NoSend,
    /// A tag this version does not know, as the byte on the wire.
    Unknown(u8),
}

impl Tag {
    /// The tag of a header's last byte.
    pub fn from_wire(byte: u8) -> Tag {
        match byte.wrapping_sub(MPLEX_BASE) {
            0 => Tag::Data,
            1 => Tag::ErrorXfer,
            2 => Tag::Info,
            3 => Tag::Error,
            4 => Tag::Warning,
            5 => Tag::ErrorSocket,
            6 => Tag::Log,
            7 => Tag::Client,
            8 => Tag::ErrorUtf8,
            9 => Tag::Redo,
            10 => Tag::Stats,
            22 => Tag::IoError,
            33 => Tag::IoTimeout,
            42 => Tag::Noop,
            86 => Tag::ErrorExit,
            100 => Tag::Success,
            101 => Tag::Deleted,
            102 => Tag::NoSend,
            _ => Tag::Unknown(byte),
        }
    }

    /// The last byte of the header.
    pub fn to_wire(self) -> u8 {
        let tag = match self {
            Tag::Data => 0,
            Tag::ErrorXfer => 1,
            Tag::Info => 2,
            Tag::Error => 3,
            Tag::Warning => 4,
            Tag::ErrorSocket => 5,
            Tag::Log => 6,
            Tag::Client => 7,
            Tag::ErrorUtf8 => 8,
            Tag::Redo => 9,
            Tag::Stats => 10,
            Tag::IoError => 22,
            Tag::IoTimeout => 33,
            Tag::Noop => 42,
            Tag::ErrorExit => 86,
            Tag::Success => 100,
            Tag::Deleted => 101,
            Tag::NoSend => 102,
            Tag::Unknown(byte) => return byte,
        };
        tag + MPLEX_BASE
    }

    /// The tag's number in error texts; stock takes the header byte as signed.
    fn number(self) -> i32 {
        i32::from(self.to_wire() as i8) - i32::from(MPLEX_BASE)
    }

    /// Refuses a frame on its header alone: unknown tags, internal ones, and lengths that the tag cannot have (spec 1.7.5).
    pub fn check(self, length: usize) -> Result<(), Error> {
        let valid = match self {
            Tag::Data => true,
            Tag::ErrorXfer | Tag::Info | Tag::Error | Tag::Warning | Tag::Deleted => {
                if length > LINE_BYTES_MAX {
                    let text = format!("multiplexing overflow {}:{length}", self.number());
                    return Err(Error::peer(Exit::STREAM, text));
                }
                true
            }
            Tag::ErrorSocket | Tag::Log | Tag::Client | Tag::ErrorUtf8 | Tag::Redo | Tag::Stats => false,
            Tag::IoError | Tag::IoTimeout | Tag::NoSend => length == 4,
            Tag::Noop => length == 0,
            Tag::ErrorExit => length == 0 || length == 4,
            // 20 bytes between the two halves of a local copy (spec 1.7.4).
            Tag::Success => length == 4 || length == 20,
            Tag::Unknown(_) => {
                return Err(Error::peer(Exit::STREAM, format!("unexpected tag {}", self.number())));
            }
        };
        if valid { Ok(()) } else { Err(self.invalid(length)) }
    }

    /// The error for a message that must not come here, or not with this length.
    pub fn invalid(self, length: usize) -> Error {
        Error::peer(Exit::STREAM, format!("invalid multi-message {}:{length}", self.number()))
    }
}

/// The header of a frame, whose `length` is below 2^24.
pub fn header(tag: Tag, length: usize) -> [u8; HEADER_BYTES] {
    let [low, mid, high, ..] = (length as u32).to_le_bytes();
    [low, mid, high, tag.to_wire()]
}

/// Splits a header into tag and length of the payload.
pub fn parse_header([low, mid, high, tag]: [u8; HEADER_BYTES]) -> (Tag, usize) {
    (Tag::from_wire(tag), u32::from_le_bytes([low, mid, high, 0]) as usize)
}

/// One control message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is.
    pub tag: Tag,
    /// Its text, name or number.
    pub payload: Vec<u8>,
}

impl Message {
    /// The number in a payload of exactly four bytes.
    pub fn int(&self) -> Result<i32, Error> {
        match *self.payload {
            [a, b, c, d] => Ok(i32::from_le_bytes([a, b, c, d])),
            _ => Err(self.invalid()),
        }
    }

    /// The error for a message that this process must not get.
    pub fn invalid(&self) -> Error {
        self.tag.invalid(self.payload.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(byte: u8, length: usize) -> Option<alloc::string::String> {
        Tag::from_wire(byte).check(length).err().map(|error| {
            assert_eq!(error.exit, Exit::STREAM);
            error.text_lossy()
        })
    }

    #[test]
    fn every_byte_is_a_tag() {
        for byte in 0..=255 {
            assert_eq!(Tag::from_wire(byte).to_wire(), byte);
        }
        let known = (0..=255).filter(|&byte| !matches!(Tag::from_wire(byte), Tag::Unknown(_))).count();
        assert_eq!(known, 18);
    }

    #[test]
    fn headers() {
        assert_eq!(header(Tag::Data, 24), [0x18, 0, 0, 7]);
        assert_eq!(header(Tag::ErrorExit, 4), [4, 0, 0, 0x5d]);
        assert_eq!(parse_header([0xff, 0xff, 0xff, 0x6b]), (Tag::Success, 0xff_ffff));
    }

    #[test]
    fn refusals_as_stock_words_them() {
        let table = [
            (0, 0, "unexpected tag -7"),
            (6, 1, "unexpected tag -1"),
            (18, 3, "unexpected tag 11"),
            (255, 3, "unexpected tag -8"),
            (11, 5120, "multiplexing overflow 4:5120"),
            (108, 6000, "multiplexing overflow 101:6000"),
            (13, 3, "invalid multi-message 6:3"),
            (16, 4, "invalid multi-message 9:4"),
            (29, 3, "invalid multi-message 22:3"),
            (93, 5, "invalid multi-message 86:5"),
            (49, 1, "invalid multi-message 42:1"),
        ];
        for (byte, length, text) in table {
            assert_eq!(refusal(byte, length).as_deref(), Some(text));
        }
        for (byte, length) in [(7, 0xff_ffff), (11, 5119), (108, 5119), (93, 0), (93, 4), (49, 0), (107, 4)] {
            assert_eq!(refusal(byte, length), None);
        }
    }

    #[test]
    fn message_numbers() {
        let message = Message { tag: Tag::IoTimeout, payload: [60, 0, 0, 0].into() };
        assert_eq!(message.int(), Ok(60));
        let empty = Message { tag: Tag::ErrorExit, payload: Vec::new() };
        assert_eq!(empty.int().unwrap_err().text, b"invalid multi-message 86:0");
    }
}
