//! Every generated file is as the sources make it; `make generate` writes them.

use std::collections::BTreeSet;
use std::path::Path;

/// With this variable set to `1` the tests write the files instead of comparing them.
const GENERATE: &str = "TWINCONSENT_GENERATE";

#[test]
fn the_definitions_in_crds_are_those_of_the_rust_types() {
    let files = twinconsent_core::api::crd_files().expect("YAML");
    let files: Vec<(String, String)> = files.into_iter().map(|(name, content)| (format!("crds/{name}"), content)).collect();
    let mut complaints = surplus("crds", &files);
    complaints.extend(stale(&files));
    assert!(complaints.is_empty(), "{}\n", complaints.join("\n"));
}

/// Compares files, given by path and content, or writes them; the answer tells of each that is not as it should be.
fn stale(files: &[(String, String)]) -> Vec<String> {
    let generate = std::env::var(GENERATE).as_deref() == Ok("1");
    files
        .iter()
        .filter_map(|(path, content)| {
            let found = std::fs::read_to_string(root().join(path)).unwrap_or_default();
            let (number, (old, new)) = first_difference(&found, content)?;
            if generate {
                write(path, content);
                return None;
            }
            Some(format!("{path} is not as the sources make it: run `make generate`\n  line {number} is  {old:?}\n  should be {new:?}"))
        })
        .collect()
}

/// Complains about every file in a folder that nothing generates.
fn surplus(folder: &str, files: &[(String, String)]) -> Vec<String> {
    let expected: BTreeSet<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
    let found = std::fs::read_dir(root().join(folder)).into_iter().flatten();
    let paths = found.map(|entry| format!("{folder}/{}", entry.expect("an entry").file_name().display()));
    paths.filter(|path| !expected.contains(path.as_str())).map(|path| format!("nothing generates {path}: remove it")).collect()
}

fn write(path: &str, content: &str) {
    let path = root().join(path);
    let written = std::fs::create_dir_all(path.parent().unwrap_or(root())).and_then(|()| std::fs::write(&path, content));
    written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// The first line that differs, with its number.
fn first_difference<'a>(found: &'a str, expected: &'a str) -> Option<(usize, (&'a str, &'a str))> {
    let mut found = found.split_inclusive('\n');
    let mut expected = expected.split_inclusive('\n');
    for number in 1.. {
        match (found.next(), expected.next()) {
            (None, None) => return None,
            (old, new) if old == new => {}
            (old, new) => return Some((number, (old.unwrap_or_default(), new.unwrap_or_default()))),
        }
    }
    None
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
