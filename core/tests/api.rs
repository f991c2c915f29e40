//! The crate's public interface, as it is written down in `core/api.txt`: no change of it goes unnoticed.
//!
//! The listing has everything marked `pub`, module by module, without bodies and comments. What a change means for those who
//! build on the crate is to be decided by whoever makes it: once a version is released, a line that is gone or different needs a
//! new minor version (before 1.0), a line more needs none.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Block, Fields, ImplItem, Item, ItemMod, Visibility, parse_quote};

/// Writes the listing instead of comparing it.
const WRITE: &str = "SYNCLINE_WRITE_API";

#[test]
fn the_public_interface_is_as_written_down() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut now = format!(
        "// syncline-core {}: `{WRITE}=1 cargo test -p syncline-core --test api` writes this.\n",
        env!("CARGO_PKG_VERSION")
    );
    module(&root.join("src/lib.rs"), &root.join("src"), "syncline_core", &mut now);
    let path = root.join("api.txt");
    if std::env::var_os(WRITE).is_some() {
        fs::write(&path, &now).unwrap();
    }
    let before = fs::read_to_string(&path).unwrap();
    let lines = |text: &str, other: &str, sign: char| -> String {
        let other: Vec<&str> = other.lines().collect();
        text.lines().filter(|line| !other.contains(line)).map(|line| format!("{sign} {line}\n")).collect()
    };
    assert!(
        before == now,
        "core/api.txt tells of another public interface:\n{}{}if that is meant: {WRITE}=1 cargo test -p syncline-core --test api",
        lines(&before, &now, '-'),
        lines(&now, &before, '+'),
    );
}

/// Appends what a module has, and then its modules, which lie in `folder` unless a `path` says otherwise.
fn module(file: &Path, folder: &Path, name: &str, out: &mut String) {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let source = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut modules = Vec::new();
    let mut items = Vec::new();
    for item in source.items {
        match item {
            Item::Mod(inner) if is_test(&inner.attrs) => {}
            Item::Mod(inner) if inner.content.is_none() => modules.push(inner),
            item => items.extend(public(item)),
        }
    }
    let shown = prettyplease::unparse(&syn::File { shebang: None, attrs: Vec::new(), items });
    if !shown.trim().is_empty() {
        write!(out, "\n// {name}\n{shown}").unwrap();
    }
    for inner in modules {
        let (file, folder) = place(&inner, folder);
        let vis = if matches!(inner.vis, Visibility::Public(_)) { "" } else { " (by what is named elsewhere)" };
        module(&file, &folder, &format!("{name}::{}{vis}", inner.ident), out);
    }
}

fn place(module: &ItemMod, folder: &Path) -> (PathBuf, PathBuf) {
    let below = folder.join(module.ident.to_string());
    let beside = below.with_extension("rs");
    (if beside.is_file() { beside } else { below.join("mod.rs") }, below)
}

fn is_test(attrs: &[Attribute]) -> bool {
    attrs.iter().any(|attr| {
        attr.path().is_ident("cfg") && attr.meta.require_list().is_ok_and(|list| list.tokens.to_string() == "test")
    })
}

fn is_public(vis: &Visibility) -> bool {
    matches!(vis, Visibility::Public(_))
}

/// The item as others see it, if they do.
fn public(mut item: Item) -> Option<Item> {
    let is_seen = match &mut item {
        Item::Fn(item) => is_public(&item.vis),
        Item::Const(item) => is_public(&item.vis),
        Item::Static(item) => is_public(&item.vis),
        Item::Type(item) => is_public(&item.vis),
        Item::Trait(item) => is_public(&item.vis),
        Item::Use(item) => is_public(&item.vis),
        Item::Enum(item) => is_public(&item.vis),
        Item::Union(item) => is_public(&item.vis),
        Item::Struct(item) => {
            hide_private(&mut item.fields);
            is_public(&item.vis)
        }
        Item::Impl(item) if item.trait_.is_some() => {
            item.items.clear();
            true
        }
        Item::Impl(item) => {
            item.items.retain(|item| match item {
                ImplItem::Fn(item) => is_public(&item.vis),
                ImplItem::Const(item) => is_public(&item.vis),
                _ => false,
            });
            !item.items.is_empty()
        }
        _ => false,
    };
    Bare.visit_item_mut(&mut item);
    is_seen.then_some(item)
}

/// Private fields are nobody's business, but that there are some is: such a struct can't be written out.
fn hide_private(fields: &mut Fields) {
    match fields {
        Fields::Named(fields) => {
            let all = fields.named.len();
            fields.named =
                std::mem::take(&mut fields.named).into_iter().filter(|field| is_public(&field.vis)).collect();
            if fields.named.len() < all {
                fields.named.push(parse_quote!(private: ()));
            }
        }
        Fields::Unnamed(fields) => {
            for field in fields.unnamed.iter_mut().filter(|field| !is_public(&field.vis)) {
                field.ty = parse_quote!(());
            }
        }
        Fields::Unit => {}
    }
}

/// Takes away comments, attributes that change nothing for callers, bodies and values.
struct Bare;

impl VisitMut for Bare {
    fn visit_attributes_mut(&mut self, attrs: &mut Vec<Attribute>) {
        let counts = ["derive", "cfg", "cfg_attr", "non_exhaustive", "repr", "must_use", "deprecated"];
        attrs.retain(|attr| counts.iter().any(|name| attr.path().is_ident(name)));
    }

    fn visit_block_mut(&mut self, block: &mut Block) {
        block.stmts.clear();
    }

    fn visit_item_static_mut(&mut self, item: &mut syn::ItemStatic) {
        *item.expr = parse_quote!(..);
        visit_mut::visit_item_static_mut(self, item);
    }

    fn visit_item_const_mut(&mut self, item: &mut syn::ItemConst) {
        // Numbers are worth a look when they change; tables are not.
        if !matches!(*item.expr, syn::Expr::Lit(_) | syn::Expr::Binary(_) | syn::Expr::Unary(_)) {
            *item.expr = parse_quote!(..);
        }
        visit_mut::visit_item_const_mut(self, item);
    }

    fn visit_impl_item_const_mut(&mut self, item: &mut syn::ImplItemConst) {
        item.expr = parse_quote!(..);
        visit_mut::visit_impl_item_const_mut(self, item);
    }
}
