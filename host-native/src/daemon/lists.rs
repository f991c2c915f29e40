//! How values are split into lists (spec 5.3).

use super::parse::trim;

/// At blanks, tabs, newlines and commas; but if the value begins with a comma, only at commas, so that elements may hold
/// blanks.
pub fn comma_aware(value: &[u8]) -> Vec<&[u8]> {
    let value = trim(value);
    if value.first() == Some(&b',') {
        let parts = value.split(|&byte| byte == b',').map(trim);
        return parts.filter(|part| !part.is_empty()).collect();
    }
    split(value, b" ,\t\r\n")
}

/// At any of these separators; empty elements vanish.
pub fn split<'a>(value: &'a [u8], separators: &[u8]) -> Vec<&'a [u8]> {
    let parts = value.split(|byte| separators.contains(byte));
    parts.filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitting() {
        let parts = |text: &'static str| comma_aware(text.as_bytes());
        assert_eq!(parts(" a b,c\td "), [b"a", b"b", b"c", b"d"]);
        assert_eq!(parts(",domain users, staff,,"), [b"domain users".as_slice(), b"staff"]);
        assert!(parts("").is_empty());
        assert_eq!(split(b"a\tb c", b" "), [b"a\tb".as_slice(), b"c"]);
    }
}
