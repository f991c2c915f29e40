//! Puts the page into the program: every file of `target/web` (or of the folder that `SYNCLINE_WEB_DIR` names), compressed.
//! Without such a folder the program builds all the same, and says where the page would be how to get one.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

#[path = "src/gateway/rebase.rs"]
mod rebase;

fn main() {
    println!("cargo::rerun-if-env-changed=SYNCLINE_WEB_DIR");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/gateway/rebase.rs");
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo tells where the package is"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo tells where to write"));
    let web = env::var_os("SYNCLINE_WEB_DIR").map_or_else(|| here.join("../target/web"), PathBuf::from);
    // An empty folder is the same as none, but cargo notices when something comes into it.
    let _ = fs::create_dir_all(&web);
    println!("cargo::rerun-if-changed={}", web.display());
    let mut files = Vec::new();
    collect(&web, "", &mut files);
    files.sort();
    fs::write(out.join("page.rs"), embed(&web, &files, &out)).expect("writing the table of the page's files");
}

/// All files below a folder by their relative names; hidden ones are left out.
fn collect(dir: &Path, prefix: &str, files: &mut Vec<String>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.starts_with('.') {
            continue;
        }
        let path = format!("{prefix}{name}");
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{path}/"), files);
        } else {
            files.push(path);
        }
    }
}

/// Rust text for the table: the hash of everything, the page, and the other files under their names.
fn embed(web: &Path, files: &[String], out: &Path) -> String {
    let contents: Vec<Vec<u8>> =
        files.iter().map(|name| fs::read(web.join(name)).expect("a file of the page")).collect();
    let mut hash = Sha256::new();
    for (name, bytes) in files.iter().zip(&contents) {
        hash.update((name.len() as u64).to_be_bytes());
        hash.update(name);
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    }
    let hash: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let mut index = "None".to_owned();
    let mut assets = String::new();
    for (at, (name, bytes)) in files.iter().zip(&contents).enumerate() {
        let is_index = name == "index.html";
        let rebased = is_index.then(|| {
            let html = std::str::from_utf8(bytes).expect("index.html is UTF-8");
            rebase::rebase(html, &format!("a/{hash}/")).expect("index.html has a <head>")
        });
        let packed = out.join(format!("{at}.gz"));
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(rebased.as_ref().map_or(bytes.as_slice(), String::as_bytes)).expect("compressing into memory");
        fs::write(&packed, gzip.finish().expect("compressing into memory")).expect("writing a compressed file");
        let include = format!("include_bytes!({:?})", packed.display().to_string());
        if is_index {
            index = format!("Some({include})");
        } else {
            let _ = writeln!(assets, "    ({name:?}, {include}),");
        }
    }
    format!(
        "pub const HASH: &str = {hash:?};\npub const INDEX: Option<&[u8]> = {index};\npub const ASSETS: &[(&str, &[u8])] = &[\n{assets}];\n"
    )
}
