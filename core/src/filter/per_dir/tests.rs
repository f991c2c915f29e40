//! Per-directory files, as stock rsync 3.5.0 was seen to treat them.

use super::*;
use crate::filter::Verdict;
use alloc::string::String;
use alloc::vec;

type Files<'a> = &'a [(&'a str, &'a str)];

fn list(rules: &[&str]) -> FilterList {
    let mut builder = Builder::new();
    rules.iter().for_each(|rule| builder.filter(rule.as_bytes()));
    assert_eq!(builder.run().unwrap(), None);
    builder.finish()
}

fn enter(per_dir: &PerDir, list: &FilterList, place: Place, files: Files<'_>) -> Result<PerDir, Error> {
    let mut enter = per_dir.enter(list, place, Side::Sender, b"/home/u/src");
    while let Some(need) = enter.run()? {
        let path = match &need {
            DirNeed::Beneath(path) | DirNeed::Above(path) => path.clone(),
            DirNeed::File(NeedFile::Named { name, .. }) => name.clone(),
            DirNeed::File(NeedFile::HomeCvsIgnore) => b"~".to_vec(),
        };
        let contents = files.iter().find(|(name, _)| name.as_bytes() == path).map(|(_, text)| text.as_bytes().to_vec());
        enter.supply(contents.ok_or_else(|| Missing { text: vec![], code: 2 }))?;
    }
    Ok(enter.finish())
}

/// Names that are hidden in each directory, of `one` to `four`.
fn hidden(rules: &[&str], files: Files<'_>, dirs: &[&str]) -> Vec<String> {
    let list = list(rules);
    let mut per_dir = PerDir::new();
    for above in directories_above(&list, b"/home/u/src") {
        per_dir = enter(&per_dir, &list, Place::Above(above), files).unwrap();
    }
    let mut shown = Vec::new();
    for dir in dirs {
        per_dir = enter(&per_dir, &list, Place::Beneath(dir.as_bytes().to_vec()), files).unwrap();
        let names = ["one", "two", "three", "four"].into_iter().filter(|name| {
            let path = if *dir == "." { String::from(*name) } else { [*dir, "/", name].concat() };
            let subject = Subject::new(path.as_bytes(), false).at_root(b"/home/u/src");
            list.check(&subject, Check::SENDER, &per_dir).is_excluded()
        });
        shown.push(names.collect::<Vec<_>>().join(" "));
    }
    shown
}

const DIRS: [&str; 3] = [".", "d", "d/e"];

#[test]
fn rules_are_inherited_and_cleared() {
    let files = [(".f", "- one\n- two"), ("d/.f", "+ one\n- three"), ("d/e/.f", "!\n- four")];
    assert_eq!(hidden(&[": .f"], &files, &DIRS), ["one two", "two three", "four"]);
    assert_eq!(hidden(&[":n .f"], &files, &DIRS), ["one two", "three", "four"]);
    assert_eq!(hidden(&["- four", ": .f"], &files, &DIRS), ["one two four", "two three four", "four"]);
    assert_eq!(hidden(&["+ one", ": .f"], &files, &DIRS), ["two", "two three", "four"]);
    assert_eq!(hidden(&[": .f"], &[], &DIRS), ["", "", ""]);
}

#[test]
fn anchored_patterns_count_from_their_directory() {
    let files = [(".f", "- /one\n- /d/two"), ("d/.f", "- /e/three")];
    assert_eq!(hidden(&[": .f"], &files, &DIRS), ["one", "two", "three"]);
}

#[test]
fn files_name_files() {
    let files = [(".f", ": .g\n- one"), (".g", "- two"), ("d/.g", "- three"), ("d/e/.f", "!\n- four")];
    // A file that is named is read in the same directory too; clearing the rule that names it takes it along.
    assert_eq!(hidden(&[": .f"], &files, &DIRS), ["one two", "one two three", "four"]);
    // A name that is in use already is ignored.
    assert_eq!(hidden(&[": .f"], &[(".f", ": .f\n- one")], &["."]), ["one"]);
    let files = [(".f", "- one\n. inc"), ("inc", "- /two")];
    assert_eq!(hidden(&[": .f"], &files, &[".", "d"]), ["one two", "one"]);
    let missing =
        enter(&PerDir::new(), &list(&[": .f"]), Place::Beneath(b"d".to_vec()), &[("d/.f", ". nosuch")]).unwrap_err();
    assert_eq!(missing.text_lossy(), "failed to open exclude file <rule from /home/u/src/d/.f line 1>");
}

#[test]
fn directories_above_the_root_are_read_where_the_name_says_so() {
    let files = [("/home/.f", "- four"), ("/home/u/.f", "- /src/one\n- two\n- /dst"), (".f", "- three")];
    assert_eq!(hidden(&[": /home/u/.f"], &files, &[".", "d"]), ["one two three", "two three"]);
    assert_eq!(hidden(&[": ../.f"], &files, &["."]), ["one two three"]);
    assert_eq!(hidden(&[": /.f"], &files, &["."]), ["one two three four"]);
    assert_eq!(hidden(&[": .f"], &files, &["."]), ["three"]);
    assert_eq!(hidden(&[": /elsewhere/.f"], &files, &["."]), ["three"]);
    let dirs: Vec<_> =
        directories_above(&list(&[": /.f"]), b"/home/u/src").into_iter().map(|above| above.dir).collect();
    assert_eq!(dirs, [&b"/"[..], b"/home", b"/home/u"]);
}

#[test]
fn cvs_files_are_split_into_words() {
    let files = [(".cvsignore", "one ! two"), ("d/.cvsignore", "three\nfour")];
    assert_eq!(hidden(&[":C"], &files, &DIRS), ["two", "three four", ""]);
}

#[test]
fn deep_chains_are_dropped_without_recursion() {
    let list = list(&[": .f"]);
    let mut per_dir = PerDir::new();
    for _ in 0..100_000 {
        let chain = Chain { list: FilterList::default(), parent: per_dir.chains.pop().flatten() };
        per_dir.chains = vec![Some(Arc::new(chain))];
    }
    assert_eq!(list.check(&Subject::new(b"x", false), Check::SENDER, &per_dir), Verdict::Default);
    drop(per_dir);
}

#[test]
fn files_that_name_ever_more_files_end() {
    let text: String = (0..1000).map(|n| alloc::format!(": f{n}\n")).collect();
    let list = list(&[": .f"]);
    let per_dir = enter(&PerDir::new(), &list, Place::Beneath(b".".to_vec()), &[(".f", &text)]).unwrap();
    assert!(per_dir.chains.len() < 200);
}

#[test]
fn rules_for_the_other_side_are_dropped() {
    // Seen with stock: what a file for the receiver names is not read at the sender, so its mistake is no error.
    let files = [(".f", ": .g\n- one"), (".g", "H two")];
    assert_eq!(hidden(&[":r .f"], &files, &["."]), [""]);
    let error = enter(&PerDir::new(), &list(&[":s .f"]), Place::Beneath(b".".to_vec()), &files).unwrap_err();
    let text = "specified-side merge file contains specified-side filter: <rule from a file read earlier>";
    assert_eq!(error.text_lossy(), text);
}

#[test]
fn a_name_that_was_cleared_is_not_taken_up_again_further_down() {
    let files = [(".f", ": .g"), ("d/.f", "!\n: .g"), ("d/.g", "- one")];
    assert_eq!(hidden(&[": .f"], &files, &[".", "d"]), ["", ""]);
    // Within one file it is.
    let files = [("d/.f", ": .g\n!\n: .g"), ("d/.g", "- one")];
    assert_eq!(hidden(&[": .f"], &files, &[".", "d"]), ["", "one"]);
}

#[test]
fn a_file_above_the_root_may_name_others() {
    let files = [("/home/u/.f", ": .g"), ("/home/u/.g", "- one"), (".g", "- two")];
    assert_eq!(hidden(&[": ../.f"], &files, &["."]), ["one two"]);
}
