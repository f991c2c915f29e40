//! Wildcards in the daemon's lists of hosts, users and options, and in the paths that clients ask for (spec 4.18).
//!
//! The pattern is a row of elements, and all the places in it that the text so far can have led to are followed at once.
//! So time is bounded by the product of both lengths, whatever a peer sends.

/// One element of a pattern.
enum Element {
    Byte(u8),
    Any,
    Star,
    StarStar,
    Set(Box<[bool; 256]>),
}

/// Whether `text` matches `pattern` as a whole.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let Some(elements) = elements(pattern) else {
        return false;
    };
    let mut places = vec![false; elements.len() + 1];
    places[0] = true;
    skip_stars(&elements, &mut places);
    for &byte in text {
        let mut next = vec![false; places.len()];
        for (at, element) in elements.iter().enumerate().filter(|(at, _)| places[*at]) {
            match element {
                Element::Byte(wanted) => next[at + 1] |= byte == *wanted,
                Element::Any => next[at + 1] |= byte != b'/',
                Element::Set(set) => next[at + 1] |= set[usize::from(byte)] && byte != b'/',
                Element::Star => next[at] |= byte != b'/',
                Element::StarStar => next[at] = true,
            }
        }
        skip_stars(&elements, &mut next);
        places = next;
    }
    places.last() == Some(&true)
}

/// The same, without regard to case.
pub fn matches_any_case(pattern: &[u8], text: &[u8]) -> bool {
    matches(&pattern.to_ascii_lowercase(), &text.to_ascii_lowercase())
}

/// Whether a text has a wildcard in it.
pub fn is_wild(text: &[u8]) -> bool {
    text.iter().any(|byte| b"*?[".contains(byte))
}

/// A star matches nothing, too.
fn skip_stars(elements: &[Element], places: &mut [bool]) {
    for (at, element) in elements.iter().enumerate() {
        if matches!(element, Element::Star | Element::StarStar) {
            places[at + 1] |= places[at];
        }
    }
}

/// The elements of a pattern; `None` for one that can't match anything.
fn elements(mut pattern: &[u8]) -> Option<Vec<Element>> {
    let mut elements = Vec::new();
    while let Some((&byte, rest)) = pattern.split_first() {
        pattern = rest;
        elements.push(match byte {
            b'?' => Element::Any,
            b'*' => {
                let more = pattern.iter().take_while(|&&byte| byte == b'*').count();
                pattern = &pattern[more..];
                if more > 0 {
                    Element::StarStar
                } else {
                    Element::Star
                }
            }
            b'[' => Element::Set(set(&mut pattern)?),
            b'\\' => Element::Byte(take(&mut pattern)?),
            byte => Element::Byte(byte),
        });
    }
    Some(elements)
}

fn take(pattern: &mut &[u8]) -> Option<u8> {
    let (&byte, rest) = pattern.split_first()?;
    *pattern = rest;
    Some(byte)
}

/// A set, whose opening bracket is gone already.
fn set(pattern: &mut &[u8]) -> Option<Box<[bool; 256]>> {
    let mut set = Box::new([false; 256]);
    let negated = matches!(pattern.first(), Some(b'!' | b'^'));
    if negated {
        take(pattern);
    }
    let mut previous: Option<u8> = None;
    let mut first = true;
    loop {
        let byte = take(pattern)?;
        match (byte, pattern.first().copied(), previous) {
            (b']', ..) if !first => break,
            (b'-', Some(next), Some(low)) if next != b']' => {
                take(pattern);
                let high = if next == b'\\' { take(pattern)? } else { next };
                for code in low..=high {
                    set[usize::from(code)] = true;
                }
                previous = None;
            }
            (b'[', Some(b':'), _) => {
                let end = pattern.windows(2).position(|pair| pair == b":]")?;
                let class = class(pattern.get(1..end)?)?;
                *pattern = &pattern[end + 2..];
                (0..=255u8)
                    .filter(|byte| class(byte))
                    .for_each(|byte| set[usize::from(byte)] = true);
                previous = None;
            }
            _ => {
                let byte = if byte == b'\\' { take(pattern)? } else { byte };
                set[usize::from(byte)] = true;
                previous = Some(byte);
            }
        }
        first = false;
    }
    if negated {
        set.iter_mut().for_each(|member| *member = !*member);
    }
    Some(set)
}

fn class(name: &[u8]) -> Option<fn(&u8) -> bool> {
    Some(match name {
        b"alnum" => u8::is_ascii_alphanumeric,
        b"alpha" => u8::is_ascii_alphabetic,
        b"blank" => |byte| matches!(byte, b' ' | b'\t'),
        b"cntrl" => u8::is_ascii_control,
        b"digit" => u8::is_ascii_digit,
        b"graph" => u8::is_ascii_graphic,
        b"lower" => u8::is_ascii_lowercase,
        b"print" => |byte| byte.is_ascii_graphic() || *byte == b' ',
        b"punct" => u8::is_ascii_punctuation,
        b"space" => |byte| super::params::is_space(*byte),
        b"upper" => u8::is_ascii_uppercase,
        b"xdigit" => u8::is_ascii_hexdigit,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        for (pattern, text, expect) in [
            ("foo", "foo", true),
            ("f?o", "foo", true),
            ("f?o", "f/o", false),
            ("*.c", "x.c", true),
            ("*.c", "d/x.c", false),
            ("**.c", "d/x.c", true),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]a]", "]", true),
            ("[a-]", "-", true),
            ("[[:digit:]]", "7", true),
            ("[[:nope:]]", "7", false),
            ("[abc", "a", false),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
            ("a\\", "a\\", false),
            ("", "", true),
            ("*", "", true),
            (
                "a*a*a*a*a*a*a*b",
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                false,
            ),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), text.as_bytes()),
                expect,
                "{pattern} {text}"
            );
        }
        assert!(matches_any_case(b"*.Example.[A-Z]rg", b"www.example.ORG"));
    }
}
