//! The modules of all crates, as token streams without what is compiled for tests only.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A module by its whole path, the crate first.
pub type Module = Vec<String>;

/// The crates of this repository: the name by which each is imported, and its root.
const CRATES: [(&str, &str); 11] = [
    ("controlplane", "crates/controlplane/src/lib.rs"),
    ("controlplane_program", "crates/controlplane/src/main.rs"),
    ("heygen_simulator", "crates/heygen-simulator/src/lib.rs"),
    ("heygen_simulator_program", "crates/heygen-simulator/src/main.rs"),
    ("kubectl_twinconsent", "crates/kubectl-twinconsent/src/lib.rs"),
    ("kubectl_twinconsent_program", "crates/kubectl-twinconsent/src/main.rs"),
    ("packaging", "crates/packaging/src/lib.rs"),
    ("packaging_program", "crates/packaging/src/main.rs"),
    ("twinconsent", "src/lib.rs"),
    ("twinconsent_core", "crates/core/src/lib.rs"),
    ("twinconsent_operator", "src/main.rs"),
];

/// Every module that is no test, with its file and its tokens.
#[derive(Default)]
pub struct Sources {
    pub modules: BTreeMap<Module, (String, TokenStream)>,
}

impl Sources {
    pub fn of_this_repository() -> Self {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
        let read = |path: &Path| std::fs::read_to_string(repository.join(path)).ok();
        let mut sources = Self::default();
        for (name, root) in CRATES {
            sources.add(&[name], Path::new(root), &read);
        }
        sources
    }

    /// Files that are only thought of.
    pub fn planted(files: &[(&str, &str)]) -> Self {
        let read = |path: &Path| files.iter().find(|(name, _)| Path::new(name) == path).map(|(_, text)| (*text).to_owned());
        let mut sources = Self::default();
        for (path, _) in files.iter().filter(|(path, _)| path.ends_with("lib.rs")) {
            sources.add(&[path.trim_end_matches("/lib.rs")], Path::new(path), &read);
        }
        sources
    }

    /// The names of the crates.
    pub fn crates(&self) -> impl Iterator<Item = &str> {
        self.modules.keys().filter(|module| module.len() == 1).map(|module| module[0].as_str())
    }

    fn add(&mut self, module: &[&str], path: &Path, read: &dyn Fn(&Path) -> Option<String>) {
        let text = read(path).unwrap_or_else(|| panic!("{}: there is no such file", path.display()));
        let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let tokens = without_tests(tokens);
        for child in declared(&tokens) {
            let inside = if module.len() == 1 { path.with_file_name("") } else { path.with_extension("") };
            let file: PathBuf = inside.join(format!("{child}.rs"));
            self.add(&[module, &[&child]].concat(), &file, read);
        }
        let module = module.iter().map(|&name| name.to_owned()).collect();
        self.modules.insert(module, (path.display().to_string(), tokens));
    }
}

/// The modules that a file declares and that stand in files of their own.
fn declared(tokens: &TokenStream) -> Vec<String> {
    let all: Vec<_> = tokens.clone().into_iter().map(|token| token.to_string()).collect();
    all.windows(3).filter(|three| three[0] == "mod" && three[2] == ";").map(|three| three[1].clone()).collect()
}

/// Leaves out what is compiled for tests only.
fn without_tests(tokens: TokenStream) -> TokenStream {
    let mut kept = Vec::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match (&token, tokens.peek()) {
            (TokenTree::Punct(sign), Some(TokenTree::Group(attribute)))
                if sign.as_char() == '#' && attribute.stream().to_string().replace(' ', "") == "cfg(test)" =>
            {
                tokens.next();
                let mut is_use = false;
                for token in tokens.by_ref() {
                    is_use |= matches!(&token, TokenTree::Ident(word) if word == "use");
                    match token {
                        TokenTree::Punct(sign) if sign.as_char() == ';' => break,
                        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && !is_use => break,
                        _ => {}
                    }
                }
            }
            (TokenTree::Group(group), _) => {
                kept.push(TokenTree::Group(proc_macro2::Group::new(group.delimiter(), without_tests(group.stream()))));
            }
            _ => kept.push(token),
        }
    }
    kept.into_iter().collect()
}
