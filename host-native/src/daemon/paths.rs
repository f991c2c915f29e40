//! The paths that a client asks for: the module's name is taken off, `..` can't lead out, and wildcards are expanded by
//! the daemon, because no shell did it (spec 5.4.2, 1.6.6).

use super::wild;

/// What the expansion of wildcards needs to know of the module.
pub trait Tree {
    /// The names in a directory, in any order; empty if it can't be read. `.` is the module's root.
    fn names(&self, dir: &[u8]) -> Vec<Vec<u8>>;
    /// Whether a path is a directory, or leads to one inside the module.
    fn is_dir(&self, path: &[u8]) -> bool;
    /// Whether the module's filter hides a path.
    fn hidden(&self, path: &[u8]) -> bool;
}

/// Paths that one request may expand to.
const PATHS_MAX: usize = 1 << 20;

/// How paths are taken apart.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// The words came by secluded args: blanks mean nothing.
    pub secluded: bool,
    /// `--relative`: a `.` in a path divides it.
    pub keep_dots: bool,
}

/// The paths relative to the module's root. A trailing slash stays.
pub fn expand(words: &[Vec<u8>], module: &[u8], style: Style, tree: &dyn Tree) -> Vec<Vec<u8>> {
    let mut paths = Vec::new();
    for word in words {
        for part in parts(word, module, style.secluded) {
            let path = clean(part, style.keep_dots);
            let before = paths.len();
            if wild::is_wild(&path) {
                glob(&path, tree, &mut paths);
            }
            if paths.len() == before {
                paths.push(path);
            }
        }
    }
    paths
}

/// Takes the module's name off, and splits where an old client has put several paths into one word. The name goes
/// wherever a word begins with it, even if it is only the start of a longer name: clients always send it.
fn parts<'a>(word: &'a [u8], module: &[u8], secluded: bool) -> Vec<&'a [u8]> {
    let mut rest = word.strip_prefix(module).unwrap_or(word);
    let mut parts = Vec::new();
    let divider = [b" ", module, b"/"].concat();
    while !secluded && let Some(at) = rest.windows(divider.len()).position(|window| window == divider) {
        parts.push(&rest[..at]);
        rest = &rest[at + divider.len()..];
    }
    parts.push(rest);
    parts
}

/// A path that stays below the module's root whatever its `..`. The empty one is `.`.
pub fn clean(path: &[u8], keep_dots: bool) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    let pieces: Vec<&[u8]> = path.split(|&byte| byte == b'/').collect();
    for (at, piece) in pieces.iter().enumerate() {
        match *piece {
            b"" => {}
            // In the middle it divides, at the end it means the directory itself.
            b"." if keep_dots && at > 0 && at + 1 < pieces.len() => parts.push(b"."),
            b"." => {}
            b".." => while parts.pop() == Some(b".") {},
            piece => parts.push(piece),
        }
    }
    let names_content = matches!(pieces.last(), Some(&(b"" | b"." | b".."))) && !path.is_empty();
    let mut clean = parts.join(&b'/');
    if clean.is_empty() {
        clean.push(b'.');
    }
    if names_content {
        clean.push(b'/');
    }
    clean
}

/// Appends what a pattern matches, in the order of bytes. What stands after the last wildcard need not exist.
fn glob(pattern: &[u8], tree: &dyn Tree, paths: &mut Vec<Vec<u8>>) {
    let mut found: Vec<Vec<u8>> = vec![Vec::new()];
    let mut pieces = pattern.split(|&byte| byte == b'/').peekable();
    while let Some(piece) = pieces.next() {
        let is_last = pieces.peek().is_none();
        let mut next = Vec::new();
        for start in &found {
            let join = |name: &[u8]| match start.as_slice() {
                b"" => name.to_vec(),
                start => [start, b"/", name].concat(),
            };
            if !wild::is_wild(piece) {
                next.push(join(piece));
                continue;
            }
            let dir: &[u8] = if start.is_empty() { b"." } else { start };
            let mut names = tree.names(dir);
            names.retain(|name| wild::matches(piece, name));
            names.sort();
            let matched = names.iter().map(|name| join(name));
            next.extend(matched.filter(|path| !tree.hidden(path) && (is_last || tree.is_dir(path))));
            if next.len() > PATHS_MAX {
                return;
            }
        }
        found = next;
    }
    paths.extend(found);
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Files(&'static [&'static str]);

    impl Tree for Files {
        fn names(&self, dir: &[u8]) -> Vec<Vec<u8>> {
            let start = if dir == b"." { Vec::new() } else { [dir, b"/"].concat() };
            let below = self.0.iter().filter_map(|path| path.as_bytes().strip_prefix(start.as_slice()));
            let mut names: Vec<Vec<u8>> =
                below.map(|rest| rest.split(|&byte| byte == b'/').next().unwrap().to_vec()).collect();
            names.dedup();
            names
        }
        fn is_dir(&self, path: &[u8]) -> bool {
            let inside = [path, b"/"].concat();
            self.0.iter().any(|known| known.as_bytes().starts_with(&inside))
        }
        fn hidden(&self, path: &[u8]) -> bool {
            path.ends_with(b".tmp")
        }
    }

    #[track_caller]
    fn check(words: &[&str], style: Style, expect: &[&str]) {
        let tree = Files(&["b.c", "a.c", "x.tmp", "sub/one", "sub/two", "other/one", "a b", "mod/f", "modx"]);
        let words: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        let paths = expand(&words, b"mod", style, &tree);
        let paths: Vec<_> = paths.iter().map(|path| String::from_utf8_lossy(path)).collect();
        assert_eq!(paths, expect, "{words:?}");
    }

    const PLAIN: Style = Style { secluded: false, keep_dots: false };
    const SECLUDED: Style = Style { secluded: true, keep_dots: false };
    const RELATIVE: Style = Style { secluded: false, keep_dots: true };

    #[test]
    fn module_names_are_stripped() {
        check(&["mod", "mod/", "mod/a.c", "a.c", "modx", "mod/mod/f"], PLAIN, &[".", "./", "a.c", "a.c", "x", "mod/f"]);
        check(&["mod/a.c mod/b.c", "mod/a b"], PLAIN, &["a.c", "b.c", "a b"]);
        check(&["mod/a.c mod/b.c"], SECLUDED, &["a.c mod/b.c"]);
        check(&["mod/[a] mod/b"], PLAIN, &["[a]", "b"]);
    }

    #[test]
    fn paths_stay_inside() {
        for (path, expect) in [
            ("mod/../../etc/passwd", "etc/passwd"),
            ("/etc/passwd", "etc/passwd"),
            ("mod/sub/../..", "./"),
            ("mod/sub/..", "./"),
            ("mod//sub//./one", "sub/one"),
            ("mod/sub/", "sub/"),
            ("mod/sub/.", "sub/"),
            ("..", "./"),
            ("mod/..x/y..", "..x/y.."),
        ] {
            check(&[path], PLAIN, &[expect]);
        }
        check(
            &["mod/sub/./one", "mod/./sub/one", "mod/a/./../b", "mod/sub/."],
            RELATIVE,
            &["sub/./one", "./sub/one", "b", "sub/"],
        );
    }

    #[test]
    fn wildcards() {
        check(&["mod/*.c"], PLAIN, &["a.c", "b.c"]);
        check(&["mod/*/two"], PLAIN, &["mod/two", "other/two", "sub/two"]);
        check(&["mod/s*/"], PLAIN, &["sub/"]);
        check(&["mod/*.tmp"], PLAIN, &["*.tmp"]);
        check(&["mod/nothing*"], PLAIN, &["nothing*"]);
        check(&["mod/?.c", "mod/[ab].c"], PLAIN, &["a.c", "b.c", "a.c", "b.c"]);
    }
}
