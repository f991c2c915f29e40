//! The grammar of one rule (spec 4.17.2, 4.17.3).

use alloc::format;

use super::rule::{Choice, Sides, Template};
use crate::Error;

/// What kind of rule a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Exclude or include.
    Choose(Choice),
    /// Read a file now.
    Merge,
    /// Read a file in each directory.
    DirMerge,
    /// Forget all rules.
    Clear,
    /// Insert the CVS rules.
    Cvs,
}

/// A rule as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed<'a> {
    /// Its kind.
    pub kind: Kind,
    /// Pattern or file name.
    pub text: &'a [u8],
    /// Modifier `!`.
    pub negated: bool,
    /// Modifier `e`.
    pub exclude_self: bool,
    /// Modifier `n`.
    pub no_inherit: bool,
    /// The other modifiers; those of the file that the rule is in are among them.
    pub template: Template,
}

/// What is wrong with a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// It starts with nothing known.
    Unknown,
    /// A modifier that does not belong there, and where.
    Modifier(u8, usize),
    /// The pattern or file name is missing.
    End,
    /// Something follows `!`.
    Trailing,
    /// It names a side, but its file does.
    Sides,
}

impl Mistake {
    /// rsync's message; `origin` describes a rule that came from a file.
    pub fn error(self, rule: &[u8], origin: Option<&[u8]>) -> Error {
        let text = match (self, origin) {
            (Mistake::Unknown, _) => "Unknown filter rule: ",
            (Mistake::Modifier(..), Some(_)) => "invalid modifier in filter rule: ",
            (Mistake::Modifier(byte, at), None) => {
                let tail = format!("' at position {at} in filter rule: ");
                return Error::usage([b"invalid modifier '", &[byte][..], tail.as_bytes(), rule].concat());
            }
            (Mistake::End, _) => "unexpected end of filter rule: ",
            (Mistake::Trailing, _) => "'!' rule has trailing characters: ",
            (Mistake::Sides, _) => "specified-side merge file contains specified-side filter: ",
        };
        Error::usage([text.as_bytes(), origin.unwrap_or(rule)].concat())
    }
}

/// Long names of rules, and the short ones they stand for.
const LONG_NAMES: [(&[u8], u8); 9] = [
    (b"exclude", b'-'),
    (b"include", b'+'),
    (b"merge", b'.'),
    (b"dir-merge", b':'),
    (b"hide", b'H'),
    (b"show", b'S'),
    (b"protect", b'P'),
    (b"risk", b'R'),
    (b"clear", b'!'),
];

/// Parses a rule, without line end. `template` is that of the file it is in.
pub fn parse<'a>(rule: &'a [u8], template: &Template) -> Result<Parsed<'a>, Mistake> {
    if let Some(choice) = template.only {
        return Ok(bare(rule, choice, template));
    }
    let (short, mut at) = match LONG_NAMES.iter().find(|(name, _)| is_word(rule, name)) {
        Some((name, short)) => (*short, name.len()),
        None => (*rule.first().ok_or(Mistake::Unknown)?, 1),
    };
    let mut parsed = start(short, template).ok_or(Mistake::Unknown)?;
    let side_is_given = template.sides.are_named();
    if side_is_given && matches!(short, b'H' | b'S' | b'P' | b'R') {
        return Err(Mistake::Sides);
    }
    if rule.get(at) == Some(&b',') {
        at += 1;
    }
    if parsed.kind == Kind::Clear {
        return if at == rule.len() { Ok(parsed) } else { Err(Mistake::Trailing) };
    }
    let mut sides = Sides::UNNAMED;
    while let Some(&byte) = rule.get(at).filter(|&&byte| byte != b' ' && byte != b'_') {
        if !modify(&mut parsed, &mut sides, short, byte) {
            return Err(Mistake::Modifier(byte, at));
        }
        at += 1;
    }
    if sides.are_named() {
        if side_is_given {
            return Err(Mistake::Sides);
        }
        parsed.template.sides = sides;
    }
    parsed.text = rule.get(at + 1..).unwrap_or_default();
    finish(parsed)
}

/// Whether a rule starts with this long name.
fn is_word(rule: &[u8], name: &[u8]) -> bool {
    let next = rule.strip_prefix(name).map(|rest| rest.first());
    next.is_some_and(|next| next.is_none_or(|&byte| byte.is_ascii_whitespace() || byte == b'_' || byte == b','))
}

fn start<'a>(short: u8, template: &Template) -> Option<Parsed<'a>> {
    // Rules of a file have its sides and so on, but a file that is named in it is read in a way of its own.
    let mut template = Template { word_split: false, only: None, cvs: false, nul: false, ..*template };
    let kind = match short {
        b'-' | b'H' | b'P' => Kind::Choose(Choice::Exclude),
        b'+' | b'S' | b'R' => Kind::Choose(Choice::Include),
        b'.' => Kind::Merge,
        b':' => Kind::DirMerge,
        b'!' => Kind::Clear,
        _ => return None,
    };
    match short {
        b'H' | b'S' => template.sides = Sides::SENDER,
        b'P' | b'R' => template.sides = Sides::RECEIVER,
        _ => {}
    }
    Some(Parsed { kind, text: &[], negated: false, exclude_self: false, no_inherit: false, template })
}

/// Applies a modifier; whether it may stand there.
fn modify(parsed: &mut Parsed<'_>, sides: &mut Sides, short: u8, byte: u8) -> bool {
    let is_merge = matches!(short, b'.' | b':');
    let is_plain = matches!(short, b'+' | b'-');
    let template = &mut parsed.template;
    match byte {
        b'/' => template.absolute = true,
        b'p' => template.perishable = true,
        // The rules of a file say for themselves whether they are about attributes.
        b'x' if is_merge => {}
        b'x' => template.xattr = true,
        b'!' if !is_merge => parsed.negated = true,
        b's' if is_plain || is_merge => sides.sender = true,
        b'r' if is_plain || is_merge => sides.receiver = true,
        b'C' if is_plain => parsed.kind = Kind::Cvs,
        b'C' if is_merge && template.only.is_none() => {
            parsed.no_inherit = true;
            template.word_split = true;
            template.only = Some(Choice::Exclude);
            template.cvs = true;
        }
        b'e' if is_merge => parsed.exclude_self = true,
        b'n' if is_merge => parsed.no_inherit = true,
        b'w' if is_merge => template.word_split = true,
        b'-' if is_merge && template.only.is_none() => template.only = Some(Choice::Exclude),
        b'+' if is_merge && template.only.is_none() => template.only = Some(Choice::Include),
        _ => return false,
    }
    true
}

fn finish(mut parsed: Parsed<'_>) -> Result<Parsed<'_>, Mistake> {
    if parsed.text.is_empty() && parsed.kind != Kind::Cvs {
        if !parsed.template.cvs {
            return Err(Mistake::End);
        }
        parsed.text = b".cvsignore";
    }
    Ok(parsed)
}

/// A token of a file that holds nothing but patterns.
fn bare<'a>(rule: &'a [u8], choice: Choice, template: &Template) -> Parsed<'a> {
    let kind = if template.cvs && rule == b"!" { Kind::Clear } else { Kind::Choose(choice) };
    Parsed { kind, text: rule, negated: false, exclude_self: false, no_inherit: false, template: *template }
}

/// Parses a value of `--exclude` or `--include`, or a line of such a list.
pub fn old_style<'a>(rule: &'a [u8], choice: Choice, template: &Template) -> Result<Parsed<'a>, Mistake> {
    let (choice, text) = match rule {
        [b'-', b' ', text @ ..] => (Choice::Exclude, text),
        [b'+', b' ', text @ ..] => (Choice::Include, text),
        text => (choice, text),
    };
    if text.is_empty() {
        return Err(Mistake::End);
    }
    let mut parsed = bare(text, choice, template);
    if rule == b"!" {
        parsed.kind = Kind::Clear;
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(rule: &str) -> Parsed<'_> {
        parse(rule.as_bytes(), &Template::default()).unwrap()
    }

    #[test]
    fn forms() {
        let exclude = parsed("- foo");
        assert_eq!((exclude.kind, exclude.text), (Kind::Choose(Choice::Exclude), &b"foo"[..]));
        for same in ["-_foo", "-, foo", "exclude foo", "exclude_foo", "exclude, foo"] {
            assert_eq!(parsed(same), exclude, "{same}");
        }
        assert_eq!(parsed("-  foo").text, b" foo");
        assert_eq!(parsed("H foo").template.sides, Sides::SENDER);
        assert_eq!(parsed("risk foo").template.sides, Sides::RECEIVER);
        assert_eq!(parsed("-rs foo").template.sides, Sides { sender: true, receiver: true });
        assert_eq!(parsed("!").kind, Kind::Clear);
        assert_eq!(parsed("clear").kind, Kind::Clear);
        assert_eq!(parsed("-C").kind, Kind::Cvs);
        let cvs = parsed(":C");
        assert_eq!((cvs.text, cvs.no_inherit), (&b".cvsignore"[..], true));
        assert_eq!(cvs.template.only, Some(Choice::Exclude));
        assert!(cvs.template.word_split && cvs.template.cvs);
        assert!(parsed("hide,! foo").negated);
        let all = parsed("dir-merge,nwe/px+ foo");
        assert!(all.exclude_self && all.no_inherit);
        assert!(all.template.absolute && all.template.perishable && all.template.word_split);
    }

    /// Texts of stock rsync 3.5.0.
    #[test]
    fn mistakes() {
        for (rule, text) in [
            ("-z foo", "invalid modifier 'z' at position 1 in filter rule: -z foo"),
            ("-pz foo", "invalid modifier 'z' at position 2 in filter rule: -pz foo"),
            ("-,z foo", "invalid modifier 'z' at position 2 in filter rule: -,z foo"),
            ("exclude,z foo", "invalid modifier 'z' at position 8 in filter rule: exclude,z foo"),
            ("excludefoo", "Unknown filter rule: excludefoo"),
            ("exclude", "unexpected end of filter rule: exclude"),
            ("-_", "unexpected end of filter rule: -_"),
            ("! foo", "'!' rule has trailing characters: ! foo"),
            ("clear,p", "'!' rule has trailing characters: clear,p"),
            ("-\tfoo", "invalid modifier '\t' at position 1 in filter rule: -\tfoo"),
            ("exclude\tfoo", "invalid modifier '\t' at position 7 in filter rule: exclude\tfoo"),
            ("-n foo", "invalid modifier 'n' at position 1 in filter rule: -n foo"),
            (":! foo", "invalid modifier '!' at position 1 in filter rule: :! foo"),
            ("HC", "invalid modifier 'C' at position 1 in filter rule: HC"),
            ("Hs foo", "invalid modifier 's' at position 1 in filter rule: Hs foo"),
            (":-+ foo", "invalid modifier '+' at position 2 in filter rule: :-+ foo"),
            (":C-", "invalid modifier '-' at position 2 in filter rule: :C-"),
            (":e", "unexpected end of filter rule: :e"),
            ("foo", "Unknown filter rule: foo"),
            ("", "Unknown filter rule: "),
        ] {
            let mistake = parse(rule.as_bytes(), &Template::default()).unwrap_err();
            assert_eq!(mistake.error(rule.as_bytes(), None).text_lossy(), text);
        }
        let from_file = Mistake::Modifier(b'z', 1).error(b"-z", Some(b"<rule from F line 5>"));
        assert_eq!(from_file.text_lossy(), "invalid modifier in filter rule: <rule from F line 5>");
        let high = Mistake::Modifier(0xff, 1).error(b"-\xff", None);
        assert_eq!(high.text, b"invalid modifier '\xff' at position 1 in filter rule: -\xff");
    }

    #[test]
    fn files_give_their_rules_sides() {
        let template = Template { sides: Sides::SENDER, ..Template::default() };
        assert_eq!(parse(b"- foo", &template).unwrap().template.sides, Sides::SENDER);
        assert_eq!(parse(b"-s foo", &template), Err(Mistake::Sides));
        assert_eq!(parse(b"H foo", &template), Err(Mistake::Sides));
    }

    #[test]
    fn old_style_values() {
        let check = |rule: &str, kind, text: &str| {
            let parsed = old_style(rule.as_bytes(), Choice::Exclude, &Template::default()).unwrap();
            assert_eq!((parsed.kind, parsed.text), (kind, text.as_bytes()), "{rule}");
        };
        check("foo", Kind::Choose(Choice::Exclude), "foo");
        check("+ foo", Kind::Choose(Choice::Include), "foo");
        check("- foo", Kind::Choose(Choice::Exclude), "foo");
        check("-", Kind::Choose(Choice::Exclude), "-");
        check("!", Kind::Clear, "!");
        check("! ", Kind::Choose(Choice::Exclude), "! ");
        assert_eq!(old_style(b"- ", Choice::Exclude, &Template::default()), Err(Mistake::End));
    }
}
