//! The texts that users read, out of documents and out of the program's source.

use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A file, or every file in a folder, with its path and content; but for pictures.
pub fn files(path: &Path, into: &mut Vec<(String, String)>) {
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if !found.is_dir() {
        into.push((
            path.display().to_string(),
            std::fs::read_to_string(&found).unwrap_or_else(|error| panic!("{}: {error}", path.display())),
        ));
        return;
    }
    let mut names: Vec<_> = std::fs::read_dir(found).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    for name in names.iter().filter(|name| !name.to_string_lossy().ends_with(".png")) {
        files(&path.join(name), into);
    }
}

/// Each text in the source of the operator and the plugin, in quotes as it stands there, but for its tests and comments.
pub fn texts_of_the_program() -> Vec<(String, String)> {
    let mut sources = Vec::new();
    files(Path::new("src"), &mut sources);
    files(Path::new("crates/core/src"), &mut sources);
    files(Path::new("crates/kubectl-twinconsent/src"), &mut sources);
    sources.retain(|(path, _)| !path.ends_with("tests.rs") && !path.contains("/tests/"));
    let mut texts = Vec::new();
    for (path, source) in sources {
        let tokens: TokenStream = source.parse().unwrap_or_else(|error| panic!("{path}: {error}"));
        literals(tokens, &mut |text| texts.push((path.clone(), text)));
    }
    texts
}

fn literals(tokens: TokenStream, found: &mut impl FnMut(String)) {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(sign) if sign.as_char() == '#' => {
                // `#![…]` is of the file, `#[…]` of what comes next.
                tokens.next_if(|next| matches!(next, TokenTree::Punct(sign) if sign.as_char() == '!'));
                let Some(TokenTree::Group(attribute)) = tokens.next() else { continue };
                let attribute = attribute.stream();
                match attribute.to_string().replace(' ', "").as_str() {
                    "cfg(test)" => {
                        let ends = |token: &TokenTree| match token {
                            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
                            TokenTree::Punct(sign) => sign.as_char() == ';',
                            _ => false,
                        };
                        tokens.by_ref().find(ends);
                    }
                    // What is said to the compiler, and by it.
                    aside if ["doc=", "must_use", "expect(", "allow("].iter().any(|of| aside.starts_with(of)) => {}
                    _ => literals(attribute, found),
                }
            }
            TokenTree::Group(group) => literals(group.stream(), found),
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                if text.contains('"') {
                    found(text);
                }
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
    }
}
