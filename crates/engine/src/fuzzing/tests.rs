//! The corpus as plain tests.

use std::fs;
use std::path::{Path, PathBuf};

use super::TARGETS;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn run(target: &str) {
    let (_, function) = TARGETS.iter().find(|(name, _)| *name == target).unwrap();
    let folder = corpus().join(target);
    let inputs = names(&folder);
    assert!(!inputs.is_empty(), "{target} has no corpus");
    for input in inputs {
        #[expect(clippy::print_stdout, reason = "shown when the test fails")]
        {
            println!("{target}/{input}");
        }
        function(&fs::read(folder.join(input)).unwrap());
    }
}

#[test]
fn each_target_has_a_corpus_and_each_corpus_a_target() {
    let targets: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();

    assert_eq!(names(&corpus()), targets);
}

#[test]
fn the_corpus_of_api_bodies_breaks_no_promise() {
    run("api_body");
}

#[test]
fn the_corpus_of_chunked_bodies_breaks_no_promise() {
    run("chunked_body");
}

#[test]
fn the_corpus_of_connect_authorities_breaks_no_promise() {
    run("connect_authority");
}

#[test]
fn the_corpus_of_gateway_replies_breaks_no_promise() {
    run("gateway_reply");
}

#[test]
fn the_corpus_of_hosts_breaks_no_promise() {
    run("host");
}

#[test]
fn the_corpus_of_relays_breaks_no_promise() {
    run("relay");
}

#[test]
fn the_corpus_of_request_heads_breaks_no_promise() {
    run("request_head");
}

#[test]
fn the_corpus_of_rules_breaks_no_promise() {
    run("rules");
}
