//! Whole configuration files, and what becomes of them.

use super::*;

struct Loaded {
    config: Option<Config>,
    log: Vec<String>,
}

fn load_with(files: &[(&str, &str)], part: Part, overrides: &[Override]) -> Loaded {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().to_str().unwrap();
    std::fs::create_dir(dir.path().join("d")).unwrap();
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text.replace("DIR", place)).unwrap();
    }
    let mut log = Vec::new();
    let path = dir.path().join(files[0].0);
    let config = load(path.as_os_str().as_bytes(), part, overrides, &Env::default(), &mut log);
    let log = log.iter().map(|line| String::from_utf8_lossy(line).replace(place, "DIR")).collect();
    Loaded { config, log }
}

fn whole(text: &str) -> Loaded {
    load_with(&[("conf", text)], Part::Whole, &[])
}

fn comment(config: &Config, module: &str) -> String {
    let module = config.module(module.as_bytes()).expect("a module of this name");
    String::from_utf8_lossy(module.values.raw(P::Comment)).into_owned()
}

#[test]
fn modules_copy_the_defaults_of_their_time() {
    let loaded = whole("comment = one\n[a]\n[b]\ncomment=B\n[Global]\ncomment = two\nport=99\n[c]\n[ B ]\nlist = no\n");
    let config = loaded.config.unwrap();
    assert_eq!(["a", "b", "c"].map(|name| comment(&config, name)), ["one", "B", "two"]);
    assert!(!config.module(b"b").unwrap().values.on(P::List), "a header that only differs in spelling re-opens");
    assert!(config.module(b"B").is_none(), "clients must spell the name exactly");
    assert_eq!(config.global.integer(P::Port), 99);
    assert_eq!(loaded.log, Vec::<String>::new());
}

#[test]
fn name_changes_the_served_name() {
    let config = whole("[a]\nname = x y\n").config.unwrap();
    assert!(config.module(b"a").is_none() && config.module(b"x y").is_some());
}

#[test]
fn listener_reads_up_to_the_first_module() {
    let text = "port = 1\n[a]\n[global]\nport = 2\n";
    let port = |part| load_with(&[("conf", text)], part, &[]).config.unwrap().global.integer(P::Port);
    assert_eq!((port(Part::Globals), port(Part::Whole)), (1, 2));
}

#[test]
fn errors_are_logged() {
    for (text, usable, expect) in [
        ("bogus = 1\n[a]\n", true, "IGNORING unknown parameter \"bogus\""),
        ("[a]\nport = 1\n", true, "Global parameter port found in module section!"),
        ("[a]\nlist = maybe\n", true, "Badly formed boolean in configuration file: \"maybe\"."),
        ("[a/b]\n", false, "Warning: invalid section name in configuration file: a/b"),
        ("&frob x\n", false, "Unknown directive: &frob."),
        (
            "&include DIR/none\n",
            false,
            "rsync: [Receiver] unable to stat config file \"DIR/none\": No such file or directory (2)",
        ),
        ("[a]\n&merge DIR/conf\n", false, "config files are nested too deeply: DIR/conf"),
    ] {
        let loaded = whole(text);
        assert_eq!(loaded.config.is_some(), usable, "{text}");
        assert_eq!(loaded.log.last().map(String::as_str), Some(expect), "{text}");
    }
    let missing = load(b"/nonexistent/conf", Part::Whole, &[], &Env::default(), &mut Vec::new());
    assert!(missing.is_none());
}

#[test]
fn include_is_isolated_and_merge_is_not() {
    let conf = "comment = outer\n[a]\n&include DIR/d\ncomment = after\n[z]\n";
    let files = [("conf", conf), ("d/b.conf", "comment = b\n[b]\n"), ("d/.c.conf", "[c]\n"), ("d/x.inc", "=")];
    let config = load_with(&files, Part::Whole, &[]).config.unwrap();
    assert_eq!(["a", "b", "c", "z"].map(|name| comment(&config, name)), ["outer", "b", "outer", "after"]);
    let order: Vec<&[u8]> = config.modules.iter().map(Section::name).collect();
    assert_eq!(order, [b"a", b"c", b"b", b"z"]);

    let files = [("conf", "[a]\n&merge DIR/m\ncomment = of b\n"), ("m", "comment = merged\n[b]\n")];
    let config = load_with(&files, Part::Whole, &[]).config.unwrap();
    assert_eq!(["a", "b"].map(|name| comment(&config, name)), ["merged", "of b"]);

    let config = load_with(&[("conf", "[a]\n&include DIR/d\ncomment = x\n")], Part::Whole, &[]).config.unwrap();
    assert_eq!(comment(&config, "a"), "x", "an empty directory leaves the section alone");
}

#[test]
fn overrides_replace_globals_but_not_modules() {
    let overrides = [(b"comment".to_vec(), b"D".to_vec()), (b"Port".to_vec(), b"7".to_vec())];
    let text = "comment = g\nport = 1\n[a]\n[b]\ncomment = B\n";
    for part in [Part::Globals, Part::Whole] {
        let config = load_with(&[("conf", text)], part, &overrides).config.unwrap();
        assert_eq!(config.global.integer(P::Port), 7);
    }
    let config = load_with(&[("conf", text)], Part::Whole, &overrides).config.unwrap();
    assert_eq!(["a", "b"].map(|name| comment(&config, name)), ["D", "B"]);
}

#[test]
fn what_has_no_effect_is_known() {
    let config = whole("[a]\nname converter = cat\nfake super = yes\nlist = no\n[b]\n").config.unwrap();
    let unbuilt = |name: &[u8]| config.module(name).unwrap().values.without_effect().collect::<Vec<_>>();
    assert_eq!(unbuilt(b"a"), ["name converter"]);
    assert!(unbuilt(b"b").is_empty());
}
