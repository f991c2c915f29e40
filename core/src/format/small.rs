//! The few bytes of a field, however they arrive in pieces.

/// Longest field: an entry of a signature, or a digest with a number before it.
const BYTES_MAX: usize = 64;

/// A field that is being collected.
#[derive(Debug)]
pub(super) struct Small {
    bytes: [u8; BYTES_MAX],
    len: usize,
}

impl Small {
    pub(super) fn new() -> Small {
        Small { bytes: [0; BYTES_MAX], len: 0 }
    }

    /// Takes up to `want` bytes (at most 64) off the front of `input`; the field, once it is complete. The next call begins
    /// another one.
    pub(super) fn fill(&mut self, input: &mut &[u8], want: usize) -> Option<&[u8]> {
        let want = want.min(BYTES_MAX);
        let (now, rest) = input.split_at(input.len().min(want.saturating_sub(self.len)));
        self.bytes[self.len..self.len + now.len()].copy_from_slice(now);
        *input = rest;
        self.len += now.len();
        if self.len < want {
            return None;
        }
        self.len = 0;
        Some(&self.bytes[..want])
    }
}

/// A little-endian number of up to eight bytes.
pub(super) fn little(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}
