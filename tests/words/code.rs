//! The comments and the names in the sources of all crates, tests and benches.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};

use super::sources::files;

/// Where Rust stands.
const FOLDERS: &[&str] = &["src", "crates", "tests", "benches"];

/// A source's path, its comments, and the names in it.
pub struct Code {
    pub path: String,
    /// Each with the line where it begins; what stands in backquotes is left out, since it is a name or HeyGen's.
    pub comments: Vec<(usize, String)>,
    pub names: BTreeSet<String>,
}

/// All of them.
pub fn all() -> Vec<Code> {
    let mut sources = Vec::new();
    for folder in FOLDERS {
        files(Path::new(folder), &mut sources);
    }
    sources.retain(|(path, _)| path.ends_with(".rs"));
    sources.into_iter().map(|(path, source)| read(path, &source)).collect()
}

pub fn read(path: String, source: &str) -> Code {
    let tokens = tokens(source, &path);
    let names = tokens.iter().filter_map(|(_, name)| name.clone()).collect();
    Code { comments: comments(source, tokens.into_iter().map(|(range, _)| range)), names, path }
}

/// What is no comment is blank; comments on lines that follow each other are one.
fn comments(source: &str, tokens: impl Iterator<Item = Range<usize>>) -> Vec<(usize, String)> {
    let mut rest = source.as_bytes().to_vec();
    for range in tokens {
        rest[range].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
    }
    let rest = String::from_utf8_lossy(&rest);
    let mut found: Vec<(usize, usize, String)> = Vec::new();
    for (line, text) in (1..).zip(rest.lines()) {
        let text = text.trim_start();
        if text.is_empty() {
            continue;
        }
        let text = without_code(text.trim_start_matches(['/', '!', '*']));
        match found.last_mut() {
            Some((_, last, said)) if *last + 1 == line && text.trim() != "" => {
                *last = line;
                said.push_str(&text);
            }
            _ => found.push((line, line, text)),
        }
    }
    found.into_iter().map(|(begins, _, text)| (begins, text)).collect()
}

fn without_code(text: &str) -> String {
    text.split('`').step_by(2).collect::<Vec<_>>().join("…")
}

/// Every token, by its place; a name with itself. A comment of the documentation, which is an attribute to Rust, is none.
fn tokens(source: &str, path: &str) -> Vec<(Range<usize>, Option<String>)> {
    fn walk(source: &str, tokens: TokenStream, into: &mut Vec<(Range<usize>, Option<String>)>) {
        for token in tokens {
            match token {
                comment if ["//", "/*"].iter().any(|begins| source[comment.span().byte_range()].starts_with(begins)) => {}
                TokenTree::Group(group) => {
                    into.push((group.span_open().byte_range(), None));
                    into.push((group.span_close().byte_range(), None));
                    walk(source, group.stream(), into);
                }
                TokenTree::Ident(name) => into.push((name.span().byte_range(), Some(name.to_string()))),
                TokenTree::Literal(literal) => into.push((literal.span().byte_range(), None)),
                TokenTree::Punct(sign) => into.push((sign.span().byte_range(), None)),
            }
        }
    }
    let mut found = Vec::new();
    walk(source, source.parse().unwrap_or_else(|error| panic!("{path}: {error}")), &mut found);
    found
}
