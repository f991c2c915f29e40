//! The user's own options: `rsync alias --name WORDS...` lines of popt files (spec 4.2).

use alloc::vec::Vec;

/// What aliases stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aliases {
    list: Vec<(Vec<u8>, Vec<Vec<u8>>)>,
}

impl Aliases {
    /// Adds the aliases of a file's text; a later one of the same name replaces the earlier. Other lines are ignored.
    pub fn read(&mut self, text: &[u8]) {
        for line in text.split(|&b| b == b'\n') {
            let Some(words) = split_words(line) else { continue };
            let [program, kind, name, replacement @ ..] = words.as_slice() else { continue };
            if program != b"rsync" || kind != b"alias" || replacement.is_empty() {
                continue;
            }
            let name = match name.as_slice() {
                [b'-', b'-', long @ ..] if !long.is_empty() => long.to_vec(),
                [b'-', letter] if *letter != b'-' => alloc::vec![*letter],
                _ => continue,
            };
            // Neither can be taken away from a server's or daemon's own start.
            if name == b"server" || name == b"daemon" {
                continue;
            }
            self.list.retain(|(known, _)| *known != name);
            self.list.push((name, replacement.to_vec()));
        }
    }

    /// The alias `name` unless the word came from it already.
    pub(super) fn find(&self, name: &[u8], from: &[usize]) -> Option<(usize, &[Vec<u8>])> {
        let index = self.list.iter().position(|(known, _)| known == name)?;
        let (_, words) = self.list.get(index)?;
        (!from.contains(&index)).then_some((index, words))
    }
}

/// Splits like a shell: quotes and backslashes protect; `None` if a quote stays open.
fn split_words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote = None;
    let mut bytes = line.iter().copied();
    while let Some(byte) = bytes.next() {
        match (quote, byte) {
            (Some(open), _) if byte == open => quote = None,
            (None | Some(b'"'), b'\\') => word.get_or_insert_default().extend(bytes.next()),
            (Some(_), _) => word.get_or_insert_default().push(byte),
            (None, b'\'' | b'"') => {
                quote = Some(byte);
                word.get_or_insert_default();
            }
            (None, b'#') if word.is_none() => break,
            (None, b' ' | b'\t' | b'\r') => words.extend(word.take()),
            (None, _) => word.get_or_insert_default().push(byte),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alias_lines_are_read() {
        let mut aliases = Aliases::default();
        aliases.read(b"# mine\nrsync alias --mine -a --exclude='a b'\nother alias --x -y\nrsync alias -Z \t--zc=zstd\nrsync exec --q r\n");
        aliases.read(b"rsync alias --server -v\nrsync alias --bad 'open\nrsync alias --none\nrsync alias --mine -r a\\ b \"c\\\"d\"");
        let words = |name: &[u8]| aliases.find(name, &[]).map(|(_, w)| w.to_vec());
        assert_eq!(words(b"mine"), Some(alloc::vec![b"-r".to_vec(), b"a b".to_vec(), b"c\"d".to_vec()]));
        assert_eq!(words(b"Z"), Some(alloc::vec![b"--zc=zstd".to_vec()]));
        for name in ["server", "x", "q", "bad", "none"] {
            assert_eq!(words(name.as_bytes()), None, "{name}");
        }
        let (index, _) = aliases.find(b"mine", &[]).unwrap();
        assert_eq!(aliases.find(b"mine", &[index]), None);
    }
}
