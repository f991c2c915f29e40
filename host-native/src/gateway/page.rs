//! The page: files that the build has put into the program, or those of a folder while one works on them.
//!
//! `index.html` is served at `/`, and everything else below `/a/HASH/`, where HASH stands for the contents of all files: a
//! browser keeps them for good, and a new build has new names. A `base` in the page's head makes its relative references
//! lead there; what the page asks of the gateway itself (`api/…`, `ws/…`) lies two steps above its scripts.

use std::borrow::Cow;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use super::rebase::rebase;

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/page.rs"));
}

/// Where the files come from.
#[derive(Debug)]
pub enum Page {
    /// The program itself.
    Embedded,
    /// A folder, read anew each time.
    Folder(PathBuf),
}

/// A file, ready to be sent.
#[derive(Debug)]
pub struct Asset {
    /// Its content type.
    pub kind: &'static str,
    /// How it may be kept.
    pub cache: &'static str,
    /// Whether the bytes are compressed with gzip.
    pub is_gzip: bool,
    /// The bytes.
    pub bytes: Cow<'static, [u8]>,
}

/// What is served where the program was built without a page.
const NONE: &str =
    "This syncline was built without its page: `cargo xtask wasm` and then `cargo build --release` put it in.\n";
const FOR_GOOD: &str = "public, max-age=31536000, immutable";
const NOT_AT_ALL: &str = "no-store";
/// Kept, but asked for each time.
const CHECKED: &str = "no-cache";

impl Page {
    /// The page in the program, or the one in a folder.
    pub fn new(folder: Option<&Path>) -> Result<Page, String> {
        let Some(folder) = folder else { return Ok(Page::Embedded) };
        let root = fs::canonicalize(folder).map_err(|error| format!("--page {}: {error}", folder.display()))?;
        if !root.join("index.html").is_file() {
            return Err(format!("--page {}: there is no index.html in it", folder.display()));
        }
        Ok(Page::Folder(root))
    }

    /// The page itself.
    pub fn index(&self) -> Asset {
        let kind = "text/html; charset=utf-8";
        match self {
            Page::Embedded => match embedded::INDEX {
                Some(bytes) => Asset { kind, cache: CHECKED, is_gzip: true, bytes: bytes.into() },
                None => plain(NONE.as_bytes().into()),
            },
            Page::Folder(root) => match fs::read_to_string(root.join("index.html")) {
                Ok(html) => {
                    let html = rebase(&html, "a/folder/").unwrap_or(html);
                    Asset { kind, cache: NOT_AT_ALL, is_gzip: false, bytes: html.into_bytes().into() }
                }
                Err(error) => plain(format!("index.html can't be read: {error}\n").into_bytes().into()),
            },
        }
    }

    /// The file of a path below `/a/`.
    pub fn asset(&self, path: &str) -> Option<Asset> {
        let (hash, name) = path.split_once('/')?;
        let kind = kind(name);
        match self {
            Page::Embedded => {
                let (_, bytes) = embedded::ASSETS.iter().find(|(known, _)| hash == embedded::HASH && *known == name)?;
                Some(Asset { kind, cache: FOR_GOOD, is_gzip: true, bytes: (*bytes).into() })
            }
            Page::Folder(root) => {
                let plain = |part: &str| !part.is_empty() && !part.starts_with('.');
                if !name.split('/').all(plain) || name.contains(['\\', '\0']) {
                    return None;
                }
                // Links out of the folder lead nowhere.
                let file = fs::canonicalize(root.join(name)).ok().filter(|file| file.starts_with(root))?;
                let bytes = fs::read(file).ok()?;
                Some(Asset { kind, cache: NOT_AT_ALL, is_gzip: false, bytes: bytes.into() })
            }
        }
    }
}

impl Asset {
    /// The same for a client that doesn't know gzip.
    pub fn inflated(self) -> Asset {
        if !self.is_gzip {
            return self;
        }
        let mut bytes = Vec::new();
        // What the build has compressed can be read.
        let _ = GzDecoder::new(self.bytes.as_ref()).read_to_end(&mut bytes);
        Asset { is_gzip: false, bytes: bytes.into(), ..self }
    }
}

fn plain(bytes: Cow<'static, [u8]>) -> Asset {
    Asset { kind: "text/plain; charset=utf-8", cache: NOT_AT_ALL, is_gzip: false, bytes }
}

fn kind(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "wasm" => "application/wasm",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" | "ts" | "md" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("www");
        assert!(Page::new(Some(&folder)).is_err());
        fs::create_dir_all(folder.join("sub")).unwrap();
        assert!(Page::new(Some(&folder)).unwrap_err().contains("no index.html"));
        fs::write(folder.join("index.html"), "<!doctype html><HEAD lang=x><title>t</title>").unwrap();
        fs::write(folder.join("sub/a.js"), "1").unwrap();
        fs::write(folder.join(".hidden"), "1").unwrap();
        fs::write(dir.path().join("secret"), "1").unwrap();
        std::os::unix::fs::symlink(dir.path().join("secret"), folder.join("link")).unwrap();
        let page = Page::new(Some(&folder)).unwrap();
        let index = page.index();
        assert_eq!(index.bytes.as_ref(), b"<!doctype html><HEAD lang=x><base href=\"a/folder/\"><title>t</title>");
        assert_eq!(page.asset("any/sub/a.js").unwrap().kind, "text/javascript; charset=utf-8");
        for bad in
            ["x/../secret", "x/sub/../../secret", "x//etc/passwd", "x/.hidden", "x/link", "x/", "x", "", "x/none"]
        {
            assert!(page.asset(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn what_is_embedded_can_be_read() {
        assert!(Page::Embedded.asset("0/index.html").is_none());
        for (name, _) in embedded::ASSETS {
            let asset = Page::Embedded.asset(&format!("{}/{name}", embedded::HASH)).unwrap();
            assert!(!asset.inflated().is_gzip);
        }
    }
}
