//! Who may import whom: the table of ARCHITECTURE.md, executable.

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// What a module, with all below it, must not name.
const NEVER: &[(&str, &[&str])] = &[
    ("policy", &["tokio", "hyper", "reqwest", "crate::config", "crate::control", "crate::data", "crate::secret"]),
    ("policy", &["crate::session", "crate::shutdown", "crate::snapshot", "crate::tls"]),
    ("snapshot", UPPER),
    ("config", UPPER),
    ("secret", UPPER),
    ("shutdown", UPPER),
    ("tls", UPPER),
    ("control", &["crate::data", "crate::session"]),
    ("fuzzing", &["crate::session"]),
    ("data", &["crate::control", "crate::session", "hyper"]),
];
const UPPER: &[&str] = &["crate::control", "crate::data", "crate::session"];
/// What the Node.js binding must not name.
const NEVER_IN_THE_BINDING: &[&str] = &["hyper", "reqwest", "tokio::spawn"];

#[test]
fn no_module_names_what_it_must_not() {
    let files = sources(&engine().join("src"));
    let mut violations = Vec::new();
    for (module, source) in &files {
        let Some(layer) = module.first() else { continue };
        let never: Vec<&str> =
            NEVER.iter().filter(|(name, _)| name == layer).flat_map(|(_, never)| *never).copied().collect();
        assert!(!never.is_empty() || layer == "session", "the table does not have {layer}");
        let named = paths(source, module).into_iter().filter(|path| names_one_of(path, &never));
        violations.extend(named.map(|path| format!("{} names {path}", module.join("::"))));
    }

    assert!(violations.is_empty(), "{violations:#?}");
    for (layer, _) in NEVER {
        assert!(files.iter().any(|(module, _)| module.first().is_some_and(|first| first == layer)), "no {layer}");
    }
}

#[test]
fn the_binding_leaves_the_network_to_the_engine() {
    let files = sources(&engine().join("../../src"));
    let mut violations = Vec::new();
    for (module, source) in &files {
        let paths = paths(source, module);
        violations.extend(paths.into_iter().filter(|path| names_one_of(path, NEVER_IN_THE_BINDING)));
    }

    assert!(!files.is_empty());
    assert!(violations.is_empty(), "{violations:#?}");
}

#[test]
fn the_engine_forbids_unsafe_code() {
    let root = fs::read_to_string(engine().join("src/lib.rs")).unwrap();

    assert!(root.lines().any(|line| line == "#![forbid(unsafe_code)]"));
}

#[test]
fn every_way_to_name_a_module_is_seen() {
    let cases = [
        ("use crate::control::Api;", "crate::control::Api"),
        ("pub(crate) use crate::{policy::Host, control::{api::Api as Other}};", "crate::control::api::Api"),
        ("use super::super::control;", "crate::control"),
        ("use self::control::Api;", "crate::data::forward::control::Api"),
        ("fn f() -> crate::control::Api { todo!() }", "crate::control::Api"),
        ("fn f() { info!(answer = %reqwest::get(url)); }", "reqwest::get"),
        ("impl<T: crate::control::Trait> A for B<T> {}", "crate::control::Trait"),
        ("mod tests { use super::super::super::control::*; }", "crate::control"),
        ("fn f() { crate::control::Api::<u8>::new(); }", "crate::control::Api"),
    ];
    for (source, expected) in cases {
        let found = paths(source, &["data".to_owned(), "forward".to_owned()]);
        assert!(found.iter().any(|path| path == expected), "{source}: {found:?}");
    }
    let innocent =
        "//! [`crate::control`]\n/// [`crate::control`]\n// crate::control\nfn f() { g(\"crate::control\", 'c'); }";
    let found = paths(innocent, &["data".to_owned()]);
    assert!(!found.iter().any(|path| names_one_of(path, &["crate::control"])), "{found:?}");
}

fn names_one_of(path: &str, never: &[&str]) -> bool {
    never.iter().any(|name| path == *name || path.strip_prefix(name).is_some_and(|rest| rest.starts_with("::")))
}

/// The paths that a source names: `crate::…` for those of its own crate, whatever way they are written.
fn paths(source: &str, module: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    collect(source.parse().expect("it compiles"), module, &[], &mut found);
    found
}

/// `prefix` is what stands before the braces of a `use`.
fn collect(tokens: TokenStream, module: &[String], prefix: &[String], found: &mut Vec<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let is_colon = |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Group(group) => collect(group.stream(), module, prefix, found),
            TokenTree::Ident(first) => {
                if let (true, Some(TokenTree::Ident(name)), Some(TokenTree::Group(body))) =
                    (first == "mod", tokens.get(at + 1), tokens.get(at + 2))
                {
                    collect(body.stream(), &[module, &[name.to_string()]].concat(), &[], found);
                    at += 3;
                    continue;
                }
                let mut path = [prefix, &[first.to_string()]].concat();
                while is_colon(at + 1) && is_colon(at + 2) {
                    match tokens.get(at + 3) {
                        Some(TokenTree::Ident(next)) => path.push(next.to_string()),
                        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                            collect(group.stream(), module, &path, found);
                        }
                        _ => break,
                    }
                    at += 3;
                }
                found.push(absolute(&path, module).join("::"));
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
        at += 1;
    }
}

fn absolute(path: &[String], module: &[String]) -> Vec<String> {
    let supers = path.iter().take_while(|segment| *segment == "super").count();
    let is_relative = supers > 0 || path[0] == "self";
    if !is_relative {
        return path.to_vec();
    }
    let base = &module[..module.len().saturating_sub(supers)];
    let rest = &path[supers.max(1)..];
    [&["crate".to_owned()], base, rest].concat()
}

/// Each source below a folder, and its module.
fn sources(folder: &Path) -> Vec<(Vec<String>, String)> {
    let mut files = Vec::new();
    let mut folders = vec![(Vec::new(), folder.to_path_buf())];
    while let Some((module, folder)) = folders.pop() {
        for entry in fs::read_dir(&folder).expect(READABLE) {
            let path = entry.expect(READABLE).path();
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(([&module[..], &[name]].concat(), path));
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let is_root = ["mod", "lib"].contains(&name.as_str());
                let module = if is_root { module.clone() } else { [&module[..], &[name]].concat() };
                files.push((module, fs::read_to_string(path).expect(READABLE)));
            }
        }
    }
    files
}

fn engine() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

const READABLE: &str = "the sources are there, in UTF-8";
