//! Asks that change nothing.

use std::os::unix::fs::symlink;

use syncline_core::checksum::{Digest, DigestValue, Strong};
use syncline_core::delta::Signer;
use syncline_core::session::{Dirent, Follow};

use super::*;

const ELOOP: i32 = 40;
const ENXIO: i32 = 6;
const EFBIG: i32 = 27;
const EBADF: i32 = 9;
const TYPE: u32 = 0o170000;

fn stat(here: &mut Here, path: &str, follow: Follow) -> HostResult<Meta> {
    match here.fs.execute(Ask::Stat { at: here.at(path), follow }) {
        Reply::Stat(meta) => meta,
        reply => panic!("{reply:?}"),
    }
}

fn list(here: &mut Here, path: &str, follow: Follow, digest: Option<Algorithm>) -> HostResult<Vec<Dirent>> {
    match here.fs.execute(Ask::List { at: here.at(path), follow, digest, brief: false }) {
        Reply::Listing(Ok(mut entries)) => {
            entries.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(entries)
        }
        Reply::Listing(error) => error,
        reply => panic!("{reply:?}"),
    }
}

#[test]
fn stat_follows_as_it_is_told() {
    let mut here = Here::new();
    here.put("dir/file", "12345");
    here.put("file", "1");
    let outside = tempfile::tempdir().unwrap();
    symlink("dir", here.path("to_dir")).unwrap();
    symlink("file", here.path("to_file")).unwrap();
    symlink("nowhere", here.path("broken")).unwrap();
    symlink(outside.path(), here.path("out")).unwrap();
    let kind = |meta: HostResult<Meta>| meta.unwrap().mode & TYPE;
    let (link, dir, file) = (0o120000, 0o040000, 0o100000);
    for (path, follow, expect) in [
        ("to_dir", Follow::No, link),
        ("to_dir", Follow::Directories, dir),
        ("to_file", Follow::Directories, link),
        ("broken", Follow::Directories, link),
        ("to_file", Follow::All, file),
        ("to_file", Follow::Unsafe, link),
        ("out", Follow::Unsafe, dir),
        ("out", Follow::Directories, dir),
        ("dir/file", Follow::All, file),
    ] {
        assert_eq!(kind(stat(&mut here, path, follow)), expect, "{path} {follow:?}");
    }
    assert!(stat(&mut here, "broken", Follow::All).unwrap_err().is_not_found());
    let meta = stat(&mut here, "to_file", Follow::No).unwrap();
    assert_eq!(meta.target.as_deref(), Some(&b"file"[..]));
    let meta = stat(&mut here, "dir/file", Follow::No).unwrap();
    assert_eq!((meta.size, meta.nlink, meta.target), (5, 1, None));
    assert_eq!(kind(stat(&mut here, ".", Follow::No)), dir);
}

#[test]
fn many_are_looked_at_in_order() {
    let mut here = Here::new();
    here.put("d/1", "1");
    here.put("d/2", "22");
    let paths = [&b"d/2"[..], b"d/0", b"d/1", b"x/y"].map(<[u8]>::to_vec).to_vec();
    let Reply::Stats(stats) = here.fs.execute(Ask::StatMany { root: here.root, paths }) else { panic!() };
    let sizes: Vec<_> = stats.into_iter().map(|meta| meta.map(|meta| meta.size).map_err(|error| error.code)).collect();
    assert_eq!(sizes, [Ok(2), Err(2), Ok(1), Err(2)]);
}

#[test]
fn listings_have_metas_targets_and_digests() {
    let mut here = Here::new();
    here.put("d/file", "abc");
    here.put("d/sub/x", "");
    symlink("file", here.path("d/link")).unwrap();
    let entries = list(&mut here, "d", Follow::No, Some(Algorithm::Md5)).unwrap();
    let names: Vec<_> = entries.iter().map(|entry| entry.name.as_slice()).collect();
    assert_eq!(names, [&b"file"[..], b"link", b"sub"]);
    let md5 = DigestValue::from_bytes(&0x900150983cd24fb0d6963f7d28e17f72_u128.to_be_bytes());
    assert_eq!(entries.iter().map(|entry| entry.digest).collect::<Vec<_>>(), [Some(md5), None, None]);
    assert_eq!(entries[1].meta.as_ref().unwrap().target.as_deref(), Some(&b"file"[..]));
    let entries = list(&mut here, "d", Follow::All, Some(Algorithm::Md5)).unwrap();
    assert_eq!(entries[1].digest, Some(md5));
    assert_eq!(entries[1].meta.as_ref().unwrap().size, 3);
    assert!(list(&mut here, "none", Follow::No, None).unwrap_err().is_not_found());
    assert_eq!(code(list(&mut here, "d/file", Follow::No, None)), Errno::ENOTDIR);
    assert_eq!(list(&mut here, ".", Follow::No, None).unwrap().len(), 1);
}

#[test]
fn brief_listings_tell_types_and_all_of_directories() {
    let mut here = Here::new();
    here.put("d/file", "abc");
    here.put("d/sub/x", "");
    symlink("file", here.path("d/link")).unwrap();
    let ask = Ask::List { at: here.at("d"), follow: Follow::No, digest: None, brief: true };
    let Reply::Listing(Ok(mut brief)) = here.fs.execute(ask) else { panic!() };
    brief.sort_by(|a, b| a.name.cmp(&b.name));
    let full = list(&mut here, "d", Follow::No, None).unwrap();
    let kinds = |entries: &[Dirent]| -> Vec<(Vec<u8>, u32)> {
        entries.iter().map(|entry| (entry.name.clone(), entry.meta.as_ref().unwrap().mode & TYPE)).collect()
    };
    assert_eq!(kinds(&brief), kinds(&full));
    assert_eq!(brief[2], full[2], "a directory");
}

#[test]
fn a_directory_of_many_names_is_listed_completely() {
    let mut here = Here::new();
    for index in 0..3000 {
        here.put(&format!("d/a rather long name, so that one buffer will not do {index}"), "");
    }
    assert_eq!(list(&mut here, "d", Follow::No, None).unwrap().len(), 3000);
}

#[test]
fn small_files_are_read_within_bounds() {
    let mut here = Here::new();
    here.put("f", "0123456789");
    here.put("sub/f", "sub");
    symlink("sub/f", here.path("link")).unwrap();
    symlink("/etc/passwd", here.path("out")).unwrap();
    let path = here.path("f").into_os_string().into_encoded_bytes();
    assert_eq!(here.bytes(Ask::ReadPath { path: path.clone(), max: 10 }).unwrap(), b"0123456789");
    assert_eq!(code(here.bytes(Ask::ReadPath { path, max: 9 })), EFBIG);
    let mut read_at = |path: &str, max| here.bytes(Ask::ReadAt { at: here.at(path), max });
    assert_eq!(read_at("f", 10).unwrap(), b"0123456789");
    assert_eq!(code(read_at("f", 9)), EFBIG);
    assert_eq!(read_at("link", 10).unwrap(), b"sub");
    assert_eq!(code(read_at("out", 100_000)), ELOOP);
    assert_eq!(code(read_at("sub", 10)), ENXIO);
    assert_eq!(code(read_at("none", 10)), Errno::ENOENT);
}

#[test]
fn sources_are_regular_files_beneath_the_root() {
    let mut here = Here::new();
    here.put("f", noise(300_000));
    here.put("d/x", "");
    symlink("f", here.path("link")).unwrap();
    let mut open = |path: &str, follow| match here.fs.execute(Ask::Open { at: here.at(path), follow }) {
        Reply::Opened(opened) => opened,
        reply => panic!("{reply:?}"),
    };
    assert_eq!(code(open("link", false)), ELOOP);
    assert_eq!(code(open("d", false)), ENXIO);
    assert_eq!(code(open("../f", false)), ELOOP);
    assert_eq!(open("link", true).unwrap().1.size, 300_000);
    let (file, meta) = open("f", false).unwrap();
    assert_eq!(meta.size, 300_000);
    let mut buf = [0; 1000];
    assert_eq!(here.fs.read(file, 299_500, &mut buf), Ok(500));
    assert_eq!(buf[..500], noise(300_000)[299_500..]);
    assert_eq!(here.bytes(Ask::ReadFile { file, at: 7, len: u32::MAX }).unwrap(), noise(300_000)[7..]);
    assert_eq!(here.bytes(Ask::ReadFile { file, at: u64::MAX, len: 1 }).map_err(|_| ()), Err(()));
    here.unit(Ask::Close { file }).unwrap();
    assert_eq!(code(here.unit(Ask::Close { file })), EBADF);
    assert_eq!(code(here.fs.read(file, 0, &mut buf)), EBADF);
}

#[test]
fn signatures_of_ranges_make_up_that_of_the_whole() {
    let mut here = Here::new();
    let data = noise(1_000_300);
    here.put("f", &data);
    let Reply::Opened(Ok((file, _))) = here.fs.execute(Ask::Open { at: here.at("f"), follow: false }) else { panic!() };
    let head = SumHead { count: 1001, block_bytes: 1000, strong_bytes: 16, remainder: 300 };
    let strong = Strong { algorithm: Algorithm::Md5, seed: 7, seed_first: true };
    let mut expect = Vec::new();
    let mut signer = Signer::new(head, strong);
    signer.push(&data, &mut expect);
    signer.finish(&mut expect);
    let mut sums = Vec::new();
    for (first, count) in [(0, 1), (1, 700), (701, 299), (1000, 1), (1001, 5)] {
        sums.extend(here.bytes(Ask::Sign { file, head, first, count, strong }).unwrap());
    }
    assert!(sums == expect && sums.len() == 1001 * 20);
    // The file has become shorter: zeros stand for what is missing.
    std::fs::OpenOptions::new().write(true).open(here.path("f")).unwrap().set_len(500_000).unwrap();
    let short = here.bytes(Ask::Sign { file, head, first: 0, count: 1001, strong }).unwrap();
    assert!(short.len() == expect.len() && short[..500 * 20] == expect[..500 * 20]);
}

#[test]
fn digests_are_those_of_the_list() {
    let mut here = Here::new();
    for len in [0, 1, 4096, 262_144, 700_001] {
        here.put("f", noise(len));
        let mut digest = Digest::list(Algorithm::Xxh128);
        digest.update(&noise(len));
        let reply = here.fs.execute(Ask::Digest { at: here.at("f"), algorithm: Algorithm::Xxh128 });
        assert_eq!(reply, Reply::Digest(Ok(digest.finish())));
    }
    symlink("f", here.path("l")).unwrap();
    let reply = here.fs.execute(Ask::Digest { at: here.at("l"), algorithm: Algorithm::Md5 });
    assert!(matches!(reply, Reply::Digest(Err(Errno { code: ELOOP, .. }))), "{reply:?}");
}

#[test]
fn names_and_ids() {
    let mut here = Here::new();
    let reply = here.fs.execute(Ask::Names { uids: vec![0, 3_999_999_999], gids: vec![0] });
    assert_eq!(reply, Reply::Names(vec![Some(b"root".to_vec()), None], vec![Some(b"root".to_vec())]));
    let reply = here.fs.execute(Ask::Ids { users: vec![b"root".to_vec(), b"nobody at all".to_vec()], groups: vec![] });
    assert_eq!(reply, Reply::Ids(vec![Some(0), None], vec![]));
}

#[test]
fn operator_paths() {
    let mut here = Here::new();
    let path = |here: &Here, name: &str| here.path(name).into_os_string().into_encoded_bytes();
    here.put("real/f", "x");
    symlink("real", here.path("link")).unwrap();
    let reply = here.fs.execute(Ask::StatPath { path: path(&here, "link") });
    assert!(matches!(reply, Reply::Stat(Ok(ref meta)) if meta.mode & TYPE == 0o040000), "{reply:?}");
    let new = path(&here, "new");
    here.unit(Ask::MkdirPath { path: new.clone() }).unwrap();
    assert_eq!(code(here.unit(Ask::MkdirPath { path: new })), Errno::EEXIST);
    assert!(
        matches!(here.fs.execute(Ask::Root { path: path(&here, "none") }), Reply::Root(Err(error)) if error.is_not_found())
    );
    let Reply::Root(Ok(sub)) = here.fs.execute(Ask::SubRoot { at: here.at("real") }) else { panic!() };
    let reply = here.fs.execute(Ask::Stat { at: At { root: sub, path: b"f".to_vec() }, follow: Follow::No });
    assert!(matches!(reply, Reply::Stat(Ok(ref meta)) if meta.size == 1), "{reply:?}");
    assert!(matches!(here.fs.execute(Ask::SubRoot { at: here.at("../real") }), Reply::Root(Err(_))));
}
