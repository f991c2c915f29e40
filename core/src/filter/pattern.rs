//! One pattern against one name (spec 4.17.5, 4.17.6).
//!
//! A pattern says by its form what of a name it is compared with: without a slash, the last component; with a leading one,
//! the whole path; with others, as many components from the end as it has itself.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::wildmatch::Glob;

/// A name that is looked up in a filter list.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// The name between two slashes: patterns want it with and without either.
    slashed: Vec<u8>,
    base_len: usize,
    /// Which bytes there are: in all of it, and in the last component.
    bytes: Bytes,
    base_bytes: Bytes,
    is_dir: bool,
    root: &'a [u8],
}

impl<'a> Subject<'a> {
    /// A name relative to the transfer root, without a leading slash.
    pub fn new(name: &[u8], is_dir: bool) -> Subject<'a> {
        let mut slashed = Vec::with_capacity(name.len() + 2);
        slashed.push(b'/');
        slashed.extend_from_slice(name);
        slashed.push(b'/');
        let base_len = name.iter().rev().take_while(|&&byte| byte != b'/').count();
        let (above, base) = name.split_at(name.len() - base_len);
        let base_bytes = Bytes::of(base.iter().copied());
        let bytes = Bytes(base_bytes.0 | Bytes::of(above.iter().copied()).0 | Bytes::of([b'/']).0);
        Subject { slashed, base_len, bytes, base_bytes, is_dir, root: &[] }
    }

    /// Sets the absolute path of the transfer root, for rules that match absolute paths. A leading slash counts for nothing.
    pub fn at_root(self, root: &'a [u8]) -> Subject<'a> {
        let root = root.strip_prefix(b"/").unwrap_or(root);
        Subject { root: root.strip_suffix(b"/").unwrap_or(root), ..self }
    }

    /// The name.
    pub fn name(&self) -> &[u8] {
        &self.slashed[1..self.slashed.len() - 1]
    }

    /// Its last component.
    pub fn base(&self) -> &[u8] {
        let name = self.name();
        &name[name.len() - self.base_len..]
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.is_dir
    }
}

/// Which bytes occur in a text, as far as seven bits tell. Nearly all patterns have a byte that a given name has not: then
/// nothing needs to be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bytes(u128);

impl Bytes {
    fn of(bytes: impl IntoIterator<Item = u8>) -> Bytes {
        Bytes(bytes.into_iter().fold(0, |set, byte| set | 1 << (byte & 127)))
    }

    fn has_all(self, other: Bytes) -> bool {
        other.0 & !self.0 == 0
    }
}

/// What a pattern's path starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Origin {
    /// The transfer root.
    Root,
    /// The file system's root, or that of a daemon's module (modifier `/`).
    Absolute,
    /// A directory beneath the transfer root.
    Beneath(Box<[u8]>),
    /// A directory above the transfer root, which is seen from there by this path.
    Above(Box<[u8]>),
}

/// A prepared pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Without a trailing slash; a leading one is there if there was one.
    text: Box<[u8]>,
    glob: Option<Glob>,
    /// The bytes of every text that matches.
    needs: Bytes,
    slashes: usize,
    is_anchored: bool,
    is_dir_only: bool,
    is_deep: bool,
    is_deep_start: bool,
    is_deep_tail: bool,
    origin: Origin,
}

/// What a list may look a pattern up by, instead of trying it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum LookUp {
    /// The last component equals this.
    Base(Vec<u8>),
    /// The last component ends in this.
    BaseSuffix(Vec<u8>),
    /// The last component starts with this.
    BasePrefix(Vec<u8>),
    /// The whole name equals this.
    Name(Vec<u8>),
    /// It has to be tried.
    Try,
}

impl Pattern {
    /// Prepares a pattern.
    pub fn new(text: &[u8]) -> Pattern {
        let (text, is_dir_only) = match text {
            [inner @ .., b'/'] if !inner.is_empty() => (inner, true),
            _ => (text, false),
        };
        let is_anchored = text.first() == Some(&b'/');
        let compared = if is_anchored { &text[1..] } else { text };
        let is_wild = text.iter().any(|byte| b"*?[".contains(byte));
        let is_deep = text.windows(2).any(|pair| pair == b"**");
        let glob = is_wild.then(|| Glob::new(compared));
        Pattern {
            needs: glob.as_ref().map_or_else(|| Bytes::of(compared.iter().copied()), |glob| Bytes::of(glob.needs())),
            glob,
            slashes: text.iter().filter(|&&byte| byte == b'/').count(),
            is_anchored,
            is_dir_only,
            is_deep,
            is_deep_start: text.starts_with(b"**"),
            is_deep_tail: is_deep && text.ends_with(b"***"),
            origin: Origin::Root,
            text: text.into(),
        }
    }

    /// The pattern as it was written.
    pub fn to_text(&self) -> Vec<u8> {
        let mut text = self.text.to_vec();
        if self.is_dir_only {
            text.push(b'/');
        }
        text
    }

    /// Whether it applies to directories only.
    pub fn is_dir_only(&self) -> bool {
        self.is_dir_only
    }

    /// Makes it match absolute paths (modifier `/`).
    pub fn make_absolute(&mut self) {
        self.origin = Origin::Absolute;
    }

    /// Makes an anchored pattern count from a directory beneath the transfer root; other patterns are not concerned.
    pub fn start_beneath(&mut self, dir: &[u8]) {
        if self.is_anchored && self.origin == Origin::Root && !dir.is_empty() && dir != b"." {
            self.origin = Origin::Beneath(dir.into());
        }
    }

    /// Makes an anchored pattern count from a directory above the transfer root: `way` leads from there to the root.
    pub fn start_above(&mut self, way: &[u8]) {
        if self.is_anchored && self.origin == Origin::Root && !way.is_empty() {
            self.origin = Origin::Above(way.into());
        }
    }

    /// Whether the pattern matches, negation apart.
    pub fn matches(&self, subject: &Subject<'_>) -> bool {
        let is_dir = subject.is_dir;
        if subject.name().is_empty() || (self.is_dir_only && !is_dir) {
            return false;
        }
        if self.slashes == 0 && !self.is_deep {
            return subject.base_bytes.has_all(self.needs) && self.matches_text(subject.base());
        }
        // Where more than the name is compared, more than its bytes may be needed.
        let is_within = matches!(self.origin, Origin::Root | Origin::Beneath(_));
        if is_within && !subject.bytes.has_all(self.needs) {
            return false;
        }
        match &self.origin {
            Origin::Root => self.matches_path(&subject.slashed, is_dir),
            Origin::Absolute => self.matches_path(&join(subject.root, &subject.slashed), is_dir),
            Origin::Above(way) => self.matches_path(&join(way, &subject.slashed), is_dir),
            Origin::Beneath(dir) => {
                let inside =
                    subject.slashed[1..].strip_prefix(&dir[..]).filter(|rest| rest.len() > 1 && rest[0] == b'/');
                inside.is_some_and(|inside| self.matches_path(inside, is_dir))
            }
        }
    }

    /// Matches a path that is given between two slashes.
    fn matches_path(&self, slashed: &[u8], is_dir: bool) -> bool {
        let end = slashed.len() - usize::from(!(is_dir && self.is_deep_tail));
        let path = &slashed[1..end];
        if self.is_anchored {
            return self.matches_text(path);
        }
        if !self.is_deep {
            // As many components from the end as the pattern has.
            let mut slashes = (0..end).rev().filter(|&at| slashed[at] == b'/');
            return slashes.nth(self.slashes).is_some_and(|at| self.matches_text(&slashed[at + 1..end]));
        }
        if self.is_deep_start {
            return self.matches_text(path) || self.matches_text(&slashed[..end]);
        }
        (0..end).filter(|&at| slashed[at] == b'/').any(|at| self.matches_text(&slashed[at + 1..end]))
    }

    fn matches_text(&self, text: &[u8]) -> bool {
        match &self.glob {
            Some(glob) => glob.matches(text),
            None => self.compared() == text,
        }
    }

    fn compared(&self) -> &[u8] {
        &self.text[usize::from(self.is_anchored)..]
    }

    /// How a list may find this pattern without trying it.
    pub(super) fn look_up(&self) -> LookUp {
        if self.slashes == 0 && !self.is_deep {
            let Some(glob) = &self.glob else {
                return LookUp::Base(self.text.to_vec());
            };
            let prefix = || glob.literal_prefix().map(LookUp::BasePrefix);
            return glob.literal_suffix().map(LookUp::BaseSuffix).or_else(prefix).unwrap_or(LookUp::Try);
        }
        match &self.origin {
            _ if self.glob.is_some() || !self.is_anchored => LookUp::Try,
            Origin::Root => LookUp::Name(self.compared().to_vec()),
            Origin::Beneath(dir) => LookUp::Name([dir, &b"/"[..], self.compared()].concat()),
            Origin::Absolute | Origin::Above(_) => LookUp::Try,
        }
    }
}

/// A slashed path beneath another path.
fn join(above: &[u8], slashed: &[u8]) -> Vec<u8> {
    if above.is_empty() {
        return slashed.to_vec();
    }
    [b"/", above, slashed].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names that end in a slash are directories.
    fn check(pattern: &str, matching: &[&str], other: &[&str]) {
        let pattern_of = Pattern::new(pattern.as_bytes());
        let matches = |name: &str| {
            let subject = Subject::new(name.trim_end_matches('/').as_bytes(), name.ends_with('/'));
            pattern_of.matches(&subject)
        };
        matching.iter().for_each(|name| assert!(matches(name), "{pattern} should match {name}"));
        other.iter().for_each(|name| assert!(!matches(name), "{pattern} should not match {name}"));
        assert_eq!(pattern_of.to_text(), pattern.as_bytes());
    }

    /// Every row of the table in spec 4.17.6.
    #[test]
    fn the_examples_of_the_specification() {
        check("foo", &["foo", "a/foo", "a/b/foo", "foo/"], &["foo2"]);
        check("/foo", &["foo"], &["a/foo"]);
        check("foo/", &["foo/", "a/foo/"], &["foo", "a/foo"]);
        check("a/foo", &["a/foo", "x/a/foo"], &["a/b/foo", "foo", "ba/foo"]);
        check("/a/foo", &["a/foo"], &["x/a/foo", "a/b/foo"]);
        check("a/*/foo", &["a/b/foo"], &["a/foo", "a/b/c/foo"]);
        check("a/**/foo", &["a/b/foo", "a/b/c/foo", "x/a/b/foo"], &["a/foo"]);
        check("a/**", &["a/b", "a/b/c", "x/a/b"], &["a/", "a"]);
        check("a/***", &["a/", "a/b", "a/b/c/", "x/a/"], &["a"]);
        check("**foo", &["foo", "a/foo", "xfoo"], &["foo2"]);
        check("**/foo", &["foo", "a/foo", "a/b/foo"], &["xfoo"]);
        check("/**/foo", &["a/foo", "a/b/foo"], &["foo"]);
        check("f**", &["foo", "a/foo", "foo/x", "a/f/x/y"], &["a/b"]);
        check("*/foo", &["a/foo", "x/a/foo"], &["foo"]);
        check("/*/*", &["a/b", "a/b/"], &["a", "a/b/c"]);
        check("*/", &["a/", "a/b/"], &["a"]);
        check("back\\slash", &["back\\slash"], &["backslash"]);
        check("back\\\\sl*", &["back\\slash"], &["backslash"]);
        check("back\\sl*", &["backslash"], &["back\\slash"]);
        check("br[a]", &["bra"], &["br[a]"]);
        check("br\\[a]", &["br[a]"], &["bra"]);
        check("br[[]a]", &["br[a]"], &["bra"]);
        check("[abc", &[], &["a", "[abc"]);
        check("ab?\\", &[], &["abc", "abc\\"]);
        check("/", &[], &["a", "a/"]);
        check("", &[], &["a", "a/b"]);
    }

    #[test]
    fn absolute_paths() {
        let mut pattern = Pattern::new(b"/home/u/src/foo");
        pattern.make_absolute();
        let subject = Subject::new(b"foo", false);
        assert!(pattern.matches(&subject.clone().at_root(b"/home/u/src")));
        assert!(pattern.matches(&subject.clone().at_root(b"home/u/src/")));
        assert!(!pattern.matches(&subject.clone().at_root(b"/home/u")));
        let mut pattern = Pattern::new(b"src/foo");
        pattern.make_absolute();
        assert!(pattern.matches(&subject.clone().at_root(b"/home/u/src")));
        let mut pattern = Pattern::new(b"/foo");
        pattern.make_absolute();
        assert!(pattern.matches(&subject.clone().at_root(b"/")));
        let mut pattern = Pattern::new(b"foo");
        pattern.make_absolute();
        assert!(pattern.matches(&subject.at_root(b"/home")));
    }

    #[test]
    fn patterns_of_a_directory() {
        let mut pattern = Pattern::new(b"/x*");
        pattern.start_beneath(b"a[b]");
        let matches = |name: &[u8]| pattern.matches(&Subject::new(name, false));
        assert!(matches(b"a[b]/xy"));
        assert!(!matches(b"ab/xy") && !matches(b"xy") && !matches(b"a[b]x/xy") && !matches(b"a[b]/c/xy"));
        let mut pattern = Pattern::new(b"/src/foo");
        pattern.start_above(b"src");
        assert!(pattern.matches(&Subject::new(b"foo", false)));
        assert!(!pattern.matches(&Subject::new(b"src/foo", false)));
    }

    proptest::proptest! {
        /// What is not compared for lack of a byte would not have matched.
        #[test]
        fn no_match_is_missed(
            pattern in "[/]?([ab\u{e9}?*/]|\\*\\*|\\[ab\\]|\\\\a){0,6}[/]?",
            name in "[ab\u{e9}]{1,3}(/[ab\u{e9}]{1,3}){0,3}",
            is_dir: bool,
            origin in 0..4,
        ) {
            let mut pattern = Pattern::new(pattern.as_bytes());
            match origin {
                0 => {}
                1 => pattern.make_absolute(),
                2 => pattern.start_beneath(b"a"),
                _ => pattern.start_above(b"b/a"),
            }
            let subject = Subject::new(name.as_bytes(), is_dir).at_root(b"/a/b");
            let (all, eager) = (Bytes(u128::MAX), Pattern { needs: Bytes(0), ..pattern.clone() });
            assert_eq!(pattern.matches(&subject), eager.matches(&subject));
            let unknown = Subject { bytes: all, base_bytes: all, ..subject.clone() };
            assert_eq!(pattern.matches(&subject), pattern.matches(&unknown));
        }
    }

    #[test]
    fn what_can_be_looked_up() {
        let look_up = |text: &[u8]| Pattern::new(text).look_up();
        assert_eq!(look_up(b"core/"), LookUp::Base(b"core".to_vec()));
        assert_eq!(look_up(b"*.o"), LookUp::BaseSuffix(b".o".to_vec()));
        assert_eq!(look_up(b"._*"), LookUp::BasePrefix(b"._".to_vec()));
        assert_eq!(look_up(b"/a/b"), LookUp::Name(b"a/b".to_vec()));
        assert_eq!(look_up(b"a/b"), LookUp::Try);
        assert_eq!(look_up(b"**.o"), LookUp::Try);
    }
}
