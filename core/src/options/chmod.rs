//! `--chmod`: a list of mode changes, parsed once and applied to every mode of the file list (spec 4.21).

use alloc::vec::Vec;

/// A parsed `--chmod` list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chmod {
    items: Vec<Item>,
}

/// What an item applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    All,
    Directories,
    Files,
}

/// What an item does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// All twelve bits.
    Octal(u32),
    Symbolic {
        op: u8,
        classes: u32,
        perms: Perms,
    },
}

/// The right side of a symbolic item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Perms {
    /// Bits of one class (`rwx` as 4, 2, 1), and the special letters.
    Bits { rwx: u32, conditional_x: bool, set_id: bool, sticky: bool },
    /// The bits of another class, by its shift.
    CopyOf(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Item {
    target: Target,
    change: Change,
}

/// The classes as bits: user, group, other.
const USER: u32 = 4;
const GROUP: u32 = 2;
const OTHER: u32 = 1;
/// Each class: its bit, the shift of its `rwx`, its special bit.
const CLASSES: [(u32, u32, u32); 3] = [(USER, 6, 0o4000), (GROUP, 3, 0o2000), (OTHER, 0, 0o1000)];

impl Chmod {
    /// Parses a list; `None` if any item is invalid.
    pub fn parse(text: &[u8]) -> Option<Chmod> {
        let items = text.split(|&b| b == b',').map(Item::parse).collect::<Option<Vec<_>>>()?;
        Some(Chmod { items })
    }

    /// Adds the items of a later option.
    pub fn append(&mut self, other: Chmod) {
        self.items.extend(other.items);
    }

    /// The changed permission bits (twelve of them). `directory` is whether the entry is one.
    pub fn apply(&self, mode: u32, directory: bool, umask: u32) -> u32 {
        let had_x = mode & 0o111 != 0;
        let mut bits = mode & 0o7777;
        for item in &self.items {
            let hit = match item.target {
                Target::All => true,
                Target::Directories => directory,
                Target::Files => !directory,
            };
            if hit {
                bits = item.change.apply(bits, directory || had_x, umask);
            }
        }
        bits
    }
}

impl Item {
    fn parse(text: &[u8]) -> Option<Item> {
        let prefix = text.iter().take_while(|b| matches!(b, b'D' | b'F' | b'u' | b'g' | b'o' | b'a')).count();
        let (who, rest) = text.split_at(prefix);
        let target = match (who.contains(&b'D'), who.contains(&b'F')) {
            (true, true) => return None,
            (true, false) => Target::Directories,
            (false, true) => Target::Files,
            (false, false) => Target::All,
        };
        let mut classes = 0;
        for &letter in who {
            classes |= match letter {
                b'u' => USER,
                b'g' => GROUP,
                b'o' => OTHER,
                b'a' => USER | GROUP | OTHER,
                _ => 0,
            };
        }
        let change = match rest {
            [op @ (b'+' | b'-' | b'='), perms @ ..] => {
                Change::Symbolic { op: *op, classes, perms: Perms::parse(perms)? }
            }
            [b'0'..=b'7', ..] if classes == 0 => Change::Octal(octal(rest)?),
            _ => return None,
        };
        Some(Item { target, change })
    }
}

fn octal(text: &[u8]) -> Option<u32> {
    let mut value = 0u32;
    for &digit in text {
        if !matches!(digit, b'0'..=b'7') {
            return None;
        }
        value = value * 8 + u32::from(digit - b'0');
        if value > 0o7777 {
            return None;
        }
    }
    Some(value)
}

impl Perms {
    fn parse(text: &[u8]) -> Option<Perms> {
        match text {
            b"u" => return Some(Perms::CopyOf(6)),
            b"g" => return Some(Perms::CopyOf(3)),
            b"o" => return Some(Perms::CopyOf(0)),
            _ => {}
        }
        let (mut rwx, mut conditional_x, mut set_id, mut sticky) = (0, false, false, false);
        for &letter in text {
            match letter {
                b'r' => rwx |= 4,
                b'w' => rwx |= 2,
                b'x' => rwx |= 1,
                b'X' => conditional_x = true,
                b's' => set_id = true,
                b't' => sticky = true,
                _ => return None,
            }
        }
        Some(Perms::Bits { rwx, conditional_x, set_id, sticky })
    }
}

impl Change {
    fn apply(self, bits: u32, x_allowed: bool, umask: u32) -> u32 {
        let (op, classes, perms) = match self {
            Change::Octal(value) => return value,
            Change::Symbolic { op, classes, perms } => (op, classes, perms),
        };
        // Without a class letter all are meant, less what the umask takes from the plain bits.
        let (named, mask) = if classes == 0 { (USER | GROUP | OTHER, !umask & 0o777) } else { (classes, 0o777) };
        let plain = match perms {
            Perms::Bits { rwx, conditional_x, .. } => rwx | u32::from(conditional_x && x_allowed),
            Perms::CopyOf(shift) => bits >> shift & 7,
        };
        let (mut set, mut clear) = (0, 0);
        for (class, shift, special) in CLASSES {
            if named & class != 0 {
                set |= plain << shift;
                clear |= 7 << shift;
                if matches!(perms, Perms::CopyOf(_)) {
                    clear |= special;
                }
            }
        }
        set &= mask;
        if let Perms::Bits { set_id, sticky, .. } = perms {
            set |= special_bits(classes, set_id, sticky);
            if set_id || sticky {
                // Only the special bits of the classes that were named make room.
                clear |= if classes & USER != 0 { 0o4000 } else { 0 } | if classes & GROUP != 0 { 0o2000 } else { 0 };
            }
        }
        match op {
            b'+' => bits | set,
            b'-' => bits & !set,
            _ => bits & !clear | set,
        }
    }
}

/// What `s` and `t` stand for: `s` is setuid unless `g` is named without `u`, and both for `ug`.
fn special_bits(classes: u32, set_id: bool, sticky: bool) -> u32 {
    let mut bits = if sticky { 0o1000 } else { 0 };
    if set_id {
        bits |= match (classes & USER != 0, classes & GROUP != 0) {
            (true, true) => 0o6000,
            (false, true) => 0o2000,
            _ => 0o4000,
        };
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_specification() {
        // File 644, file 755, directory 750, under umask 022.
        for (text, expect) in [
            ("a+x", [0o755, 0o755, 0o751]),
            ("a+s", [0o6644, 0o6755, 0o6750]),
            ("+s", [0o4644, 0o4755, 0o4750]),
            ("Dg+s,F-x", [0o644, 0o644, 0o2750]),
            ("ug=rwX,o=", [0o660, 0o770, 0o770]),
            ("g=u", [0o664, 0o775, 0o770]),
            ("g-o", [0o604, 0o705, 0o750]),
            ("ugo=rwX", [0o666, 0o777, 0o777]),
            ("D755,F644", [0o644, 0o644, 0o755]),
            ("o=s", [0o4640, 0o4750, 0o4750]),
            ("+w", [0o644, 0o755, 0o750]),
            ("=r", [0o444, 0o444, 0o444]),
            ("o+t", [0o1644, 0o1755, 0o1750]),
            ("0", [0, 0, 0]),
            ("0007777", [0o7777, 0o7777, 0o7777]),
            ("u=", [0o044, 0o055, 0o050]),
            ("-x,+X", [0o644, 0o755, 0o751]),
            ("D=", [0o644, 0o755, 0]),
            ("=g", [0o444, 0o555, 0o555]),
        ] {
            let chmod = Chmod::parse(text.as_bytes()).expect(text);
            let got = [(0o644, false), (0o755, false), (0o750, true)].map(|(m, d)| chmod.apply(m, d, 0o022));
            assert_eq!(got.map(|m| alloc::format!("{m:o}")), expect.map(|m| alloc::format!("{m:o}")), "{text}");
        }
    }

    #[test]
    fn special_bits_make_room_for_their_class() {
        // Recorded from stock for the modes 4644, 6755 and, of a directory, 7770, under umask 022.
        for (text, expect) in [
            ("u=g", [0o444, 0o2555, 0o3770]),
            ("g=u", [0o4664, 0o4775, 0o5770]),
            ("o=u", [0o4646, 0o6757, 0o6777]),
            ("=u", [0o644, 0o755, 0o755]),
            ("+u", [0o4644, 0o6755, 0o7775]),
            ("u=rwx", [0o4744, 0o6755, 0o7770]),
            ("=", [0o4000, 0o6000, 0o7000]),
            ("a=t", [0o1000, 0o1000, 0o1000]),
            ("a=s", [0o6000, 0o6000, 0o7000]),
            ("u=t", [0o1044, 0o3055, 0o3070]),
            ("g=st", [0o7604, 0o7705, 0o7700]),
            ("o=s", [0o4640, 0o6750, 0o7770]),
            ("uo=t", [0o1040, 0o3050, 0o3070]),
            ("go=s", [0o6600, 0o6700, 0o7700]),
            ("=st", [0o5000, 0o7000, 0o7000]),
            ("a-st", [0o644, 0o755, 0o770]),
            ("o-s", [0o644, 0o2755, 0o3770]),
        ] {
            let chmod = Chmod::parse(text.as_bytes()).expect(text);
            let got = [(0o4644, false), (0o6755, false), (0o7770, true)].map(|(m, d)| chmod.apply(m, d, 0o022));
            assert_eq!(got.map(|m| alloc::format!("{m:o}")), expect.map(|m| alloc::format!("{m:o}")), "{text}");
        }
    }

    #[test]
    fn later_options_append() {
        let mut chmod = Chmod::parse(b"a-w").unwrap();
        chmod.append(Chmod::parse(b"u+w").unwrap());
        assert_eq!(chmod.apply(0o100666, false, 0), 0o644);
    }

    #[test]
    fn invalid_lists_are_refused() {
        for text in ["", ",", "a+x,", "u", "8", "u+x+w", "u=gr", "FDu+x", "77777", "u7", "+q", "8+x", "+ "] {
            assert_eq!(Chmod::parse(text.as_bytes()), None, "{text:?}");
        }
    }
}
