//! The texts of `--version` and `-VV`, in the layout that scripts know (spec 4.15).

use super::{COMPAT_VERSION, PROTOCOL};
use crate::checksum::{ALGORITHMS, AuthDigest};
use crate::wire::compress::Compressor;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

const COPYRIGHT: &str = "(C) 2026 the Syncline authors";
const OUR_VERSION: &str = env!("CARGO_PKG_VERSION");
const LICENCE: &str = "MIT OR Apache-2.0";
const CAVEAT: &str = "Syncline comes without any warranty";
/// Lines break before this column.
const WIDTH: usize = 75;

/// What a capability says.
#[derive(Clone, Copy)]
enum Has {
    Bits,
    Yes,
    No,
    /// Only if this option is built.
    Option(&'static str),
    Optional,
}

/// Name in the text, name in JSON, state.
const CAPABILITIES: [(&str, &str, Has); 22] = [
    ("64-bit files", "file_bits", Has::Bits),
    ("64-bit inums", "inum_bits", Has::Bits),
    ("64-bit timestamps", "timestamp_bits", Has::Bits),
    ("64-bit long ints", "long_int_bits", Has::Bits),
    ("socketpairs", "socketpairs", Has::Yes),
    ("symlinks", "symlinks", Has::Yes),
    ("symtimes", "symtimes", Has::Yes),
    ("hardlinks", "hardlinks", Has::Option("hard-links")),
    ("hardlink-specials", "hardlink_specials", Has::Option("hard-links")),
    ("hardlink-symlinks", "hardlink_symlinks", Has::Option("hard-links")),
    ("IPv6", "IPv6", Has::Yes),
    ("atimes", "atimes", Has::Option("atimes")),
    ("batchfiles", "batchfiles", Has::Option("write-batch")),
    ("inplace", "inplace", Has::Option("inplace")),
    ("append", "append", Has::Option("append")),
    ("ACLs", "ACLs", Has::Option("acls")),
    ("ACL-at", "ACL_at", Has::Option("acls")),
    ("xattrs", "xattrs", Has::Option("xattrs")),
    ("optional secluded-args", "secluded_args", Has::Optional),
    ("iconv", "iconv", Has::Option("iconv")),
    ("prealloc", "prealloc", Has::Option("preallocate")),
    ("stop-at", "stop_at", Has::Option("stop-at")),
];
const CRTIMES: (&str, &str, Has) = ("crtimes", "crtimes", Has::Option("crtimes"));
/// The vector code of the rolling sum is portable; no assembler, no OpenSSL.
const OPTIMIZATIONS: [(&str, &str, Has); 4] = [
    ("SIMD-roll", "SIMD_roll", Has::Yes),
    ("asm-roll", "asm_roll", Has::No),
    ("openssl-crypto", "openssl_crypto", Has::No),
    ("asm-MD5", "asm_MD5", Has::No),
];

fn capabilities() -> impl Iterator<Item = (&'static str, &'static str, Has)> {
    CAPABILITIES.into_iter().chain([CRTIMES])
}

impl Has {
    fn holds(self, not_built: &[&str]) -> bool {
        match self {
            Has::Bits | Has::Yes | Has::Optional => true,
            Has::No => false,
            Has::Option(name) => !not_built.contains(&name),
        }
    }
}

/// The text of `--version`.
pub(super) fn text(not_built: &[&str]) -> Vec<u8> {
    let mut text = format!("rsync  version {COMPAT_VERSION}  protocol version {PROTOCOL}\n");
    text += &format!("Syncline {OUR_VERSION}, an independent implementation. Copyright {COPYRIGHT}.\n");
    let words = |rows: &mut dyn Iterator<Item = (&'static str, &'static str, Has)>| -> Vec<String> {
        rows.map(|(name, _, has)| format!("{}{name}", if has.holds(not_built) { "" } else { "no " })).collect()
    };
    text += &format!("Capabilities:\n{}", wrapped(&words(&mut capabilities())));
    text += &format!("Optimizations:\n{}", wrapped(&words(&mut OPTIMIZATIONS.into_iter())));
    let checksums = ALGORITHMS.iter().map(|row| match row.aliases {
        [] => String::from(row.name),
        aliases => format!("{} ({})", row.name, aliases.join(" ")),
    });
    text += &format!("Checksum list:\n    {}\n", checksums.collect::<Vec<_>>().join(" "));
    text += &format!("Compress list:\n    {}\n", Compressor::ALL.map(Compressor::name).join(" "));
    text += &format!("Daemon auth list:\n    {}\n", AuthDigest::ALL.map(AuthDigest::name).join(" "));
    text += &format!("\nLicence: {LICENCE}. {CAVEAT}.\n");
    text.into_bytes()
}

/// Words separated by commas, four columns in.
fn wrapped(words: &[String]) -> String {
    let mut text = String::new();
    let mut line = String::from("   ");
    for (at, word) in words.iter().enumerate() {
        let comma = if at + 1 < words.len() { "," } else { "" };
        if line.len() + 1 + word.len() + comma.len() >= WIDTH {
            text += &line;
            text.push('\n');
            line = String::from("   ");
        }
        line += &format!(" {word}{comma}");
    }
    text + &line + "\n"
}

/// The text of `-VV`.
pub(super) fn json(not_built: &[&str]) -> Vec<u8> {
    let value = |has: Has| match has {
        Has::Bits => String::from("64"),
        Has::Optional => String::from("\"optional\""),
        has => format!("{}", has.holds(not_built)),
    };
    let object = |name: &str, rows: &mut dyn Iterator<Item = (&'static str, &'static str, Has)>| {
        let fields: Vec<_> = rows.map(|(_, key, has)| format!("\"{key}\": {}", value(has))).collect();
        format!("  \"{name}\": {{\n{}  }},\n", json_lines(&fields))
    };
    let list = |name: &str, names: &[&str]| {
        let names: Vec<_> = names.iter().map(|name| format!("\"{name}\"")).collect();
        format!("  \"{name}\": [\n    {}\n  ],\n", names.join(", "))
    };
    let mut text = format!("{{\n  \"program\": \"rsync\",\n  \"version\": \"{COMPAT_VERSION}\",\n");
    text += &format!("  \"protocol\": \"{PROTOCOL}.0\",\n  \"copyright\": \"{COPYRIGHT}.\",\n  \"url\": \"\",\n");
    text += &object("capabilities", &mut capabilities());
    text += &object("optimizations", &mut OPTIMIZATIONS.into_iter());
    text += &list("checksum_list", &ALGORITHMS.iter().map(|row| row.name).collect::<Vec<_>>());
    text += &list("compress_list", &Compressor::ALL.map(Compressor::name));
    text += &list("daemon_auth_list", &AuthDigest::ALL.map(AuthDigest::name));
    text += &format!("  \"license\": \"{LICENCE}\",\n  \"caveat\": \"{CAVEAT}\"\n}}\n");
    text.into_bytes()
}

fn json_lines(fields: &[String]) -> String {
    let lines: Vec<_> = fields.chunks(4).map(|line| format!("    {}", line.join(", "))).collect();
    lines.join(",\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_the_layout_that_scripts_read() {
        let text = String::from_utf8(text(&["acls", "crtimes"])).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "rsync  version 3.5.0  protocol version 32");
        let expect = "an independent implementation. Copyright (C) 2026 the Syncline authors.";
        assert!(lines[1].starts_with("Syncline ") && lines[1].ends_with(expect));
        assert_eq!(
            lines[2..4],
            ["Capabilities:", "    64-bit files, 64-bit inums, 64-bit timestamps, 64-bit long ints,"]
        );
        assert!(lines.iter().all(|line| line.len() < WIDTH || line.starts_with("Syncline")), "{text}");
        assert!(
            text.contains(" no ACLs,") && text.contains(" xattrs,") && text.contains("no crtimes\nOptimizations:\n")
        );
        assert!(text.contains("\nChecksum list:\n    xxh128 xxh3 xxh64 (xxhash) md5 md4 sha1 none\n"));
        assert!(text.contains("\nCompress list:\n    zstd lz4 zlibx zlib none\nDaemon auth list:\n    sha512 sha256"));
    }

    #[test]
    fn json_has_its_keys_in_order() {
        let text = String::from_utf8(json(&["xattrs"])).unwrap();
        let keys = [
            "program",
            "version",
            "protocol",
            "copyright",
            "url",
            "capabilities",
            "file_bits",
            "secluded_args",
            "crtimes",
            "optimizations",
            "SIMD_roll",
            "checksum_list",
            "compress_list",
            "daemon_auth_list",
            "license",
            "caveat",
        ];
        let places: Vec<_> = keys.iter().map(|key| text.find(&format!("\"{key}\":")).expect(key)).collect();
        assert!(places.is_sorted());
        assert!(text.contains("\"xattrs\": false") && text.contains("\"protocol\": \"32.0\""));
        assert!(text.contains("\"secluded_args\": \"optional\"") && text.contains("\"file_bits\": 64"));
        assert_eq!(text.matches(['{', '[']).count(), text.matches(['}', ']']).count());
    }
}
