//! `[sets]`: ranges, classes, negation.

/// One byte of a set is one bit.
pub(super) type ByteSet = [u64; 4];

pub(super) fn has(set: &ByteSet, byte: u8) -> bool {
    set[usize::from(byte >> 6)] >> (byte & 63) & 1 != 0
}

fn add(set: &mut ByteSet, byte: u8) {
    set[usize::from(byte >> 6)] |= 1 << (byte & 63);
}

/// A set from behind its opening bracket; returns it and what follows its closing one.
pub(super) fn compile_set(pattern: &[u8]) -> Option<(ByteSet, &[u8])> {
    let mut set = ByteSet::default();
    let (is_negated, mut rest) = match pattern.first() {
        Some(b'!' | b'^') => (true, &pattern[1..]),
        _ => (false, pattern),
    };
    let mut is_first = true;
    // The byte that a range would start at; after a range or class there is none.
    let mut low: Option<u8> = None;
    loop {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        match (byte, low) {
            (b']', _) if !is_first => break,
            (b'-', Some(start)) if rest.first().is_some_and(|&next| next != b']') => {
                let (end, after) = set_byte(rest)?;
                rest = after;
                (start..=end).for_each(|byte| add(&mut set, byte));
                low = None;
            }
            (b'[', _) if rest.first() == Some(&b':') => match class(&rest[1..]) {
                Class::Known(members, after) => {
                    (0..=255).filter(members).for_each(|byte| add(&mut set, byte));
                    rest = after;
                    low = None;
                }
                Class::Unknown => return None,
                Class::Not => {
                    add(&mut set, b'[');
                    low = Some(b'[');
                }
            },
            _ => {
                let (byte, after) =
                    if byte == b'\\' { rest.split_first().map(|(&byte, after)| (byte, after))? } else { (byte, rest) };
                rest = after;
                add(&mut set, byte);
                low = Some(byte);
            }
        }
        is_first = false;
    }
    if is_negated {
        set = set.map(|bits| !bits);
    }
    // A slash is never matched by a set.
    set[0] &= !(1 << b'/');
    Some((set, rest))
}

/// The end of a range, which may be quoted.
fn set_byte(rest: &[u8]) -> Option<(u8, &[u8])> {
    match rest {
        [b'\\', byte, after @ ..] => Some((*byte, after)),
        [b'\\'] | [] => None,
        [byte, after @ ..] => Some((*byte, after)),
    }
}

enum Class<'a> {
    Known(fn(&u8) -> bool, &'a [u8]),
    Unknown,
    /// No `:]` follows, so the bracket stands for itself.
    Not,
}

/// A class from behind `[:`.
fn class(rest: &[u8]) -> Class<'_> {
    let Some(end) = rest.iter().position(|&byte| byte == b']') else {
        return Class::Unknown;
    };
    let Some(name) = rest[..end].strip_suffix(b":") else {
        return Class::Not;
    };
    let members: fn(&u8) -> bool = match name {
        b"alnum" => u8::is_ascii_alphanumeric,
        b"alpha" => u8::is_ascii_alphabetic,
        b"blank" => |byte| matches!(byte, b' ' | b'\t'),
        b"cntrl" => u8::is_ascii_control,
        b"digit" => u8::is_ascii_digit,
        b"graph" => u8::is_ascii_graphic,
        b"lower" => u8::is_ascii_lowercase,
        b"print" => |byte| matches!(byte, b' '..=b'~'),
        b"punct" => u8::is_ascii_punctuation,
        b"space" => |byte| matches!(byte, b' ' | b'\t'..=b'\r'),
        b"upper" => u8::is_ascii_uppercase,
        b"xdigit" => u8::is_ascii_hexdigit,
        _ => return Class::Unknown,
    };
    Class::Known(members, &rest[end + 1..])
}
