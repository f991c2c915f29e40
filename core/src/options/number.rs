//! Numbers as options write them: C's `strtol` with base 0, and the SIZE grammar (spec 4.2, 4.3.1).

use crate::Error;
use alloc::format;
use alloc::string::String;

/// Why an integer was refused; the texts are those of the option parser.
pub(super) const INVALID: &str = "invalid numeric value";
/// Out of the range of a C `int`.
pub(super) const RANGE: &str = "number too large or too small";

/// An integer option's value: decimal, `0x` hexadecimal or `0` octal; nothing at all is 0.
pub(super) fn integer(text: &[u8]) -> Result<i32, &'static str> {
    if text.is_empty() {
        return Ok(0);
    }
    let text = text.trim_ascii_start();
    let (negative, unsigned) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    let (base, digits) = match unsigned {
        [b'0', b'x' | b'X', rest @ ..] => (16, rest),
        [b'0', rest @ ..] if !rest.is_empty() => (8, rest),
        _ => (10, unsigned),
    };
    if digits.is_empty() {
        return Err(INVALID);
    }
    let mut value = 0i64;
    for &byte in digits {
        let digit = char::from(byte).to_digit(base).ok_or(INVALID)?;
        value = value.saturating_mul(i64::from(base)).saturating_add(i64::from(digit));
    }
    i32::try_from(if negative { -value } else { value }).map_err(|_| RANGE)
}

/// What one SIZE option accepts.
#[derive(Clone, Copy, Debug)]
pub struct SizeRule {
    /// The unit of a bare number.
    pub unit: u8,
    /// The smallest value in bytes.
    pub min: i64,
    /// The largest value in bytes; 0 is none but the arithmetic's.
    pub max: i64,
    /// 0 means "unlimited" and is below `min`.
    pub zero_unlimited: bool,
}

/// Parses a SIZE. `name` is the long option, for the error texts.
pub fn size(name: &str, text: &[u8], rule: SizeRule) -> Result<i64, Error> {
    let refuse = |reason: &str| {
        let mut line = format!("rsync: --{name}=").into_bytes();
        line.extend_from_slice(text);
        line.extend_from_slice(b" is ");
        line.extend_from_slice(reason.as_bytes());
        Error::usage(line)
    };
    let value = bytes(text, rule.unit).map_err(|problem| match problem {
        Problem::Syntax => refuse("invalid"),
        Problem::Range => refuse(&too_large(rule.max)),
    })?;
    if rule.max != 0 && value > rule.max {
        return Err(refuse(&too_large(rule.max)));
    }
    if value < rule.min && !(rule.zero_unlimited && value == 0) {
        let tail = if rule.zero_unlimited { " or 0 for unlimited" } else { "" };
        return Err(refuse(&format!("too small (min: {}{tail})", limit(rule.min))));
    }
    Ok(value)
}

fn too_large(max: i64) -> String {
    if max == 0 { String::from("too large") } else { format!("too large (max: {})", limit(max)) }
}

/// A limit in binary units: `128.00K`, plain below 1024.
fn limit(bytes: i64) -> String {
    let mut value = bytes as f64;
    let mut unit = "";
    for next in ["K", "M", "G", "T", "P"] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if unit.is_empty() { format!("{bytes}") } else { format!("{value:.2}{unit}") }
}

enum Problem {
    Syntax,
    Range,
}

/// `[digits] ["." [digits]] [unit] ["+1" | "-1"]`. The product is computed in floating point, as stock does: large values
/// lose their last digits. A sign is not part of the grammar, but well-formed negative numbers are "too large".
fn bytes(text: &[u8], default_unit: u8) -> Result<i64, Problem> {
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let negative = unsigned.len() != text.len();
    let digits = |text: &[u8]| text.iter().take_while(|b| b.is_ascii_digit()).count();
    let mut length = digits(unsigned);
    if unsigned.get(length) == Some(&b'.') {
        length += 1;
        length += digits(unsigned.get(length..).unwrap_or_default());
    }
    let (number, rest) = unsigned.split_at(length);
    let (multiplier, rest) = unit(rest, default_unit).ok_or(Problem::Syntax)?;
    let adjust = match rest {
        [] => 0.0,
        [b'+', b'1'] if !text.starts_with(b"+") => 1.0,
        [b'-', b'1'] => -1.0,
        _ => return Err(Problem::Syntax),
    };
    if negative && length == 0 {
        return Err(Problem::Syntax);
    }
    let value = match core::str::from_utf8(number) {
        Ok("" | ".") => 0.0,
        Ok(number) => number.parse::<f64>().map_err(|_| Problem::Syntax)?,
        Err(_) => return Err(Problem::Syntax),
    };
    let product = value * multiplier;
    if negative || product >= 9_223_372_036_854_775_808.0 {
        return Err(Problem::Range);
    }
    let whole = product as i64;
    let value = if adjust > 0.0 {
        whole.checked_add(1)
    } else if adjust < 0.0 {
        whole.checked_sub(1)
    } else {
        Some(whole)
    };
    value.filter(|&v| (0..i64::MAX).contains(&v)).ok_or(Problem::Range)
}

/// The multiplier of a unit and what follows it.
fn unit(text: &[u8], default_unit: u8) -> Option<(f64, &[u8])> {
    let letter = match text.first() {
        Some(b) if b.is_ascii_alphabetic() => *b,
        _ => return Some((power(default_unit, 1024.0)?, text)),
    };
    let rest = text.get(1..).unwrap_or_default();
    let (base, rest) = match rest {
        [b'b' | b'B', rest @ ..] => (1000.0, rest),
        [b'i' | b'I', b'b' | b'B', rest @ ..] => (1024.0, rest),
        _ => (1024.0, rest),
    };
    Some((power(letter, base)?, rest))
}

fn power(letter: u8, base: f64) -> Option<f64> {
    let exponent = b"BKMGTP".iter().position(|&u| u == letter.to_ascii_uppercase())?;
    Some((0..exponent).fold(1.0, |product, _| product * base))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_follow_strtol() {
        for (text, expect) in [
            ("", Ok(0)),
            ("5", Ok(5)),
            ("-5", Ok(-5)),
            ("+5", Ok(5)),
            ("0x10", Ok(16)),
            ("-0x10", Ok(-16)),
            ("010", Ok(8)),
            ("0", Ok(0)),
            ("-0", Ok(0)),
            (" 7", Ok(7)),
            ("5x", Err(INVALID)),
            ("x", Err(INVALID)),
            ("-", Err(INVALID)),
            ("0x", Err(INVALID)),
            ("09", Err(INVALID)),
            ("5 ", Err(INVALID)),
            ("2147483647", Ok(i32::MAX)),
            ("-2147483648", Ok(i32::MIN)),
            ("2147483648", Err(RANGE)),
            ("99999999999999999999999", Err(RANGE)),
        ] {
            assert_eq!(integer(text.as_bytes()), expect, "{text:?}");
        }
    }

    const PLAIN: SizeRule = SizeRule { unit: b'B', min: 0, max: 0, zero_unlimited: false };
    const BLOCK: SizeRule = SizeRule { unit: b'B', min: 0, max: 131_072, zero_unlimited: false };
    const RATE: SizeRule = SizeRule { unit: b'K', min: 512, max: 0, zero_unlimited: true };

    #[test]
    fn sizes_have_units_and_adjustments() {
        for (text, expect) in [
            ("", 0),
            ("k", 0),
            ("1", 1),
            ("1b", 1),
            ("1bb", 1),
            ("1BiB", 1),
            ("1k", 1024),
            ("1KiB", 1024),
            ("1kb", 1000),
            ("1.5m-1", 1_572_863),
            ("1kb+1", 1001),
            ("1+1", 2),
            (".5k", 512),
            ("2.k", 2048),
            ("1g", 1 << 30),
            ("1TB", 1_000_000_000_000),
            ("8191P", 8191 << 50),
            ("9223372036854774784", 9_223_372_036_854_774_784),
        ] {
            assert_eq!(size("max-size", text.as_bytes(), PLAIN), Ok(expect), "{text:?}");
        }
        assert_eq!(size("bwlimit", b"1.5", RATE), Ok(1536));
        assert_eq!(size("bwlimit", b"0", RATE), Ok(0));
    }

    #[test]
    fn bad_sizes_are_refused_with_their_texts() {
        for (name, rule, text, expect) in [
            ("max-size", PLAIN, "1e3", "invalid"),
            ("max-size", PLAIN, "1mi", "invalid"),
            ("max-size", PLAIN, "5+2", "invalid"),
            ("max-size", PLAIN, "+1", "invalid"),
            ("max-size", PLAIN, " 5", "invalid"),
            ("max-size", PLAIN, "1k-", "invalid"),
            ("max-size", PLAIN, "1k+1x", "invalid"),
            ("max-size", PLAIN, "1.2.3", "invalid"),
            ("max-size", PLAIN, "-", "invalid"),
            ("max-size", PLAIN, "-x", "invalid"),
            ("max-size", PLAIN, "--5", "invalid"),
            ("max-size", PLAIN, "-5", "too large"),
            ("max-size", PLAIN, "-1k", "too large"),
            ("max-size", PLAIN, "0-1", "too large"),
            ("max-size", PLAIN, "8192P", "too large"),
            ("max-size", PLAIN, "8192P-1", "too large"),
            ("max-size", PLAIN, "9223372036854775807", "too large"),
            ("block-size", BLOCK, "200K", "too large (max: 128.00K)"),
            ("block-size", BLOCK, "-5", "too large (max: 128.00K)"),
            ("bwlimit", RATE, "1b", "too small (min: 512 or 0 for unlimited)"),
            ("bwlimit", RATE, "0+1", "too small (min: 512 or 0 for unlimited)"),
            ("bwlimit", RATE, "0-1", "too large"),
        ] {
            let error = size(name, text.as_bytes(), rule).unwrap_err();
            assert_eq!(error.text_lossy(), format!("rsync: --{name}={text} is {expect}"));
            assert_eq!(error.exit, crate::Exit::SYNTAX);
        }
    }

    #[test]
    fn limits_are_printed_in_binary_units() {
        for (bytes, text) in [(512, "512"), (131_072, "128.00K"), (1 << 20, "1.00M"), (1 << 29, "512.00M")] {
            assert_eq!(limit(bytes), text);
        }
    }
}
