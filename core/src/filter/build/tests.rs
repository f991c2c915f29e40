//! Lists from options and files.

use super::*;
use alloc::string::String;
use alloc::vec;

/// Runs a builder over files given as name and contents; returns what was asked for.
fn run(builder: &mut Builder, files: &[(&str, &str)]) -> Result<Vec<NeedFile>, Error> {
    let mut asked = Vec::new();
    while let Some(need) = builder.run()? {
        asked.push(need.clone());
        let name = match &need {
            NeedFile::Named { name, .. } => name.clone(),
            NeedFile::HomeCvsIgnore => b"~".to_vec(),
        };
        let contents = files.iter().find(|(file, _)| file.as_bytes() == name).map(|(_, text)| text.as_bytes().to_vec());
        builder.supply(contents.ok_or_else(|| Missing { text: b"No such file or directory".to_vec(), code: 2 }))?;
    }
    Ok(asked)
}

/// The rules as text, sides and all.
fn shown(builder: Builder) -> Vec<String> {
    let list = builder.finish();
    let show = |rule: &Rule| {
        let (sign, text) = match &rule.action {
            Action::Choose(Choice::Exclude, pattern) => ("-", pattern.to_text()),
            Action::Choose(Choice::Include, pattern) => ("+", pattern.to_text()),
            Action::DirMerge(merge) => (":", merge.name.clone()),
            Action::Cvs => ("C", vec![]),
        };
        let flag = |on: bool, letter: &'static str| if on { letter } else { "" };
        let sides = [flag(rule.sides.sender, "s"), flag(rule.sides.receiver, "r"), flag(rule.perishable, "p")].concat();
        format!("{sign}{sides} {}", String::from_utf8_lossy(&text))
    };
    list.rules().iter().map(show).collect()
}

fn check(rules: &[&str], files: &[(&str, &str)], expect: &[&str]) {
    let mut builder = Builder::new();
    rules.iter().for_each(|rule| builder.filter(rule.as_bytes()));
    run(&mut builder, files).unwrap();
    assert_eq!(shown(builder), expect, "{rules:?}");
}

fn check_error(rules: &[&str], files: &[(&str, &str)], exit: Exit, text: &str) {
    let mut builder = Builder::new();
    rules.iter().for_each(|rule| builder.filter(rule.as_bytes()));
    let error = run(&mut builder, files).unwrap_err();
    assert_eq!((error.text_lossy().as_str(), error.exit), (text, exit), "{rules:?}");
}

#[test]
fn files_take_the_place_of_their_rule() {
    check(
        &["- a", ". F", "- z"],
        &[("F", "- b\n#no\n;no\n\n+ c\r\n. G\n- e"), ("G", "- d\r")],
        &["- a", "- b", "+ c", "- d", "- e", "- z"],
    );
    check(&[".- F"], &[("F", "a b\n!\n- c")], &["- a b", "- !", "- - c"]);
    check(&[".w+ F"], &[("F", "a  b\n#c\td")], &["+ a", "+ b", "+ #c", "+ d"]);
    check(&[".C"], &[(".cvsignore", "a b ! c")], &["- c"]);
    check(&[".p F"], &[("F", "- a\n-r b")], &["-p a", "-rp b"]);
    check(&[".r F"], &[("F", "- a\n: m")], &["-r a", ":r m"]);
    check(&[".e d/F"], &[("d/F", "- a")], &["- F", "- a"]);
    check(&["- a", "!", "- b"], &[], &["- b"]);
    check(&["- a", ". F"], &[("F", "- b\n!\n- c")], &["- c"]);
    check(&["", "P x", "H y"], &[], &["-r x", "-s y"]);
    check(&[": m", ": d/m", ":n q"], &[], &[": m", ": q"]);
}

/// Texts of stock rsync 3.5.0.
#[test]
fn mistakes_in_files() {
    check_error(&[". rules"], &[("rules", "- a\nxx\n")], Exit::SYNTAX, "Unknown filter rule: <rule from rules line 2>");
    check_error(
        &[". rules"],
        &[("rules", "- a\n#c\n\n;d\n-z foo\n")],
        Exit::SYNTAX,
        "invalid modifier in filter rule: <rule from rules line 5>",
    );
    check_error(&[".w rules"], &[("rules", "- a")], Exit::SYNTAX, "unexpected end of filter rule: <rule from rules>");
    check_error(
        &[".s rules"],
        &[("rules", "-s foo")],
        Exit::SYNTAX,
        "specified-side merge file contains specified-side filter: <rule from rules line 1>",
    );
    check_error(
        &[". nosuch"],
        &[],
        Exit::FILE_IO,
        "rsync: [client] failed to open exclude file nosuch: No such file or directory (2)",
    );
    check_error(&[". r"], &[("r", ". nosuch")], Exit::FILE_IO, "failed to open exclude file <rule from r line 1>");
    check_error(
        &[". r"],
        &[("r", "\n. r2"), ("r2", "\n\n. nosuch")],
        Exit::FILE_IO,
        "failed to open exclude file <rule from a file named at r line 2>",
    );
}

#[test]
fn files_that_name_themselves_end() {
    let mut builder = Builder::new();
    builder.filter(b". loop");
    let error = run(&mut builder, &[("loop", ". loop")]).unwrap_err();
    let nested = "a file named at ".repeat(31);
    let text = format!("[client] merge-file include depth limit (32) exceeded at <rule from {nested}loop line 1>");
    assert_eq!((error.text_lossy(), error.exit), (text, Exit::FILE_IO));
}

#[test]
fn old_style_options() {
    let mut builder = Builder::new();
    builder.pattern(Choice::Exclude, b"+ a");
    builder.pattern(Choice::Include, b"b");
    builder.pattern(Choice::Include, b"");
    builder.patterns_from(Choice::Include, b"list");
    builder.from0 = true;
    builder.patterns_from(Choice::Exclude, b"list0");
    run(&mut builder, &[("list", "c d\n- e\n#f\n"), ("list0", "g\nh\0#i\0j")]).unwrap();
    assert_eq!(shown(builder), ["+ a", "+ b", "+ c d", "- e", "- g\nh", "- j"]);
    let mut builder = Builder::new();
    builder.patterns_from(Choice::Include, b"nosuch");
    let error = run(&mut builder, &[]).unwrap_err();
    assert_eq!(error.text_lossy(), "rsync: [client] failed to open include file nosuch: No such file or directory (2)");
}

#[test]
fn the_cvs_list() {
    let mut builder = Builder { cvsignore: b"y ! z".to_vec(), ..Builder::new() };
    builder.filter(b"- a");
    builder.filter(b"-C");
    builder.filter(b"- b");
    assert_eq!(run(&mut builder, &[("~", "x")]).unwrap(), [NeedFile::HomeCvsIgnore]);
    // `!` clears the CVS list, and nothing before it.
    assert_eq!(shown(builder), ["- a", "C ", "- z", "- b"]);

    let mut builder = Builder { cvsignore: b"y".to_vec(), ..Builder::new() };
    builder.filter(b"-C");
    run(&mut builder, &[("~", "x")]).unwrap();
    let rules = shown(builder);
    assert_eq!((rules.len(), &rules[1][..], &rules[36][..]), (39, "-p RCS", "-p .bzr/"));
    assert_eq!(rules[37..], ["- x", "- y"]);
}

#[test]
fn delete_excluded_concerns_later_rules_only() {
    let mut builder = Builder::new();
    builder.filter(b"- a");
    builder.delete_excluded = true;
    builder.filter(b"- b");
    builder.filter(b"-sr c");
    builder.filter(b": d");
    builder.filter(b":- e");
    run(&mut builder, &[]).unwrap();
    assert_eq!(
        builder.rules.iter().map(|rule| rule.sides.sender).collect::<Vec<_>>(),
        [false, true, true, false, true]
    );
}

#[test]
fn long_rules_are_discarded() {
    let mut builder = Builder::new();
    builder.filter(&[b"- ", &b"x".repeat(4095)[..]].concat());
    builder.filter(&[b"- ", &b"y".repeat(4096)[..]].concat());
    builder.filter(b". F");
    let file = format!("- {}\n- b\n", "z".repeat(5000));
    run(&mut builder, &[("F", &file)]).unwrap();
    assert_eq!(builder.rules.len(), 2);
    assert!(builder.warnings[0].starts_with(b"discarding over-long filter: yyy"));
    assert_eq!(builder.warnings[1], b"discarding over-long filter: <rule from F line 1>");
}
