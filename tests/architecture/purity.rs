//! The core can neither wait nor talk to anything, nor read a clock.

use std::collections::BTreeSet;
use std::process::Command;

use proc_macro2::{TokenStream, TokenTree};

use super::sources::Sources;

/// What waits, talks or runs.
const FORBIDDEN: [&str; 9] = ["tokio", "tokio-util", "futures", "reqwest", "hyper", "hyper-util", "tower", "kube-client", "kube-runtime"];

/// The parts of the standard library that the core does without, and the readings of a clock.
const UNWANTED: [[&str; 2]; 10] = [
    ["SystemTime", "now"],
    ["Instant", "now"],
    ["Timestamp", "now"],
    ["Zoned", "now"],
    ["std", "env"],
    ["std", "fs"],
    ["std", "net"],
    ["std", "process"],
    ["std", "thread"],
    ["std", "io"],
];

#[test]
fn the_core_depends_on_nothing_that_waits_or_talks() {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--package",
            "twinconsent-core",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
            "--format",
            "{p}",
            "--locked",
            "--offline",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).unwrap();
    let crates: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    let found: Vec<_> = FORBIDDEN.iter().filter(|name| crates.contains(**name)).collect();
    assert!(found.is_empty(), "{found:?}");
    let of_kube: Vec<_> = crates.iter().filter(|name| name.starts_with("kube")).collect();
    assert_eq!(of_kube, [&"kube", &"kube-core", &"kube-derive"], "its types and its derive, and nothing that asks an API server");
}

#[test]
fn the_core_reads_no_clock_and_nothing_of_the_machine() {
    let sources = Sources::of_this_repository();
    let mut found = Vec::new();
    for (module, (file, tokens)) in sources.modules.iter().filter(|(module, _)| module[0] == "twinconsent_core") {
        assert!(!module.is_empty());
        let mut words = Vec::new();
        flatten(tokens.clone(), &mut words);
        let used = UNWANTED.iter().filter(|[of, name]| words.windows(4).any(|four| four == [*of, ":", ":", *name]));
        found.extend(used.map(|[of, name]| format!("{file}: {of}::{name}")));
    }
    assert!(found.is_empty(), "{found:#?}");
}

fn flatten(tokens: TokenStream, words: &mut Vec<String>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => flatten(group.stream(), words),
            other => words.push(other.to_string()),
        }
    }
}
