//! The environment variables that options depend on, as values: `core` never looks at a process's environment itself.

use alloc::vec::Vec;

/// The variables of spec 4.23 that change what a command line means. `None` is "not set".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Env {
    /// `RSYNC_RSH`: the remote shell when `-e` is absent.
    pub rsh: Option<Vec<u8>>,
    /// `RSYNC_ICONV`: the default of `--iconv` on a client.
    pub iconv: Option<Vec<u8>>,
    /// `RSYNC_OLD_ARGS`: a count for `--old-args`.
    pub old_args: Option<Vec<u8>>,
    /// `RSYNC_PROTECT_ARGS`: non-zero turns `--secluded-args` on.
    pub protect_args: Option<Vec<u8>>,
    /// `RSYNC_PARTIAL_DIR`: the partial dir that `--partial` uses.
    pub partial_dir: Option<Vec<u8>>,
    /// `RSYNC_MAX_ALLOC`: the default of `--max-alloc`.
    pub max_alloc: Option<Vec<u8>>,
    /// `POSIXLY_CORRECT` is set (even to nothing): the first argument ends the options.
    pub posixly_correct: bool,
}

/// The leading decimal number of a C string, as `atoi` reads it: blanks, a sign, digits; 0 without digits.
pub(super) fn leading_number(text: &[u8]) -> i64 {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    let mut value = 0i64;
    for digit in digits.iter().take_while(|b| b.is_ascii_digit()) {
        value = value.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
    }
    if negative { -value } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_like_atoi() {
        for (text, value) in [
            ("", 0),
            ("12", 12),
            ("-1", -1),
            ("+7x", 7),
            ("  3", 3),
            ("x3", 0),
            ("-", 0),
            ("99999999999999999999", i64::MAX),
        ] {
            assert_eq!(leading_number(text.as_bytes()), value, "{text}");
        }
    }
}
