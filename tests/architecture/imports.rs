//! The imports that stand in the sources.

use std::collections::BTreeMap;

use proc_macro2::{TokenStream, TokenTree};

use super::sources::{Module, Sources};

/// That one module names something of another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    pub by: Module,
    pub of: Module,
    /// The file, and the path as it was resolved.
    pub stands: String,
}

/// A path, from the crate on, and the name under which it is known where it is imported.
struct Path {
    segments: Vec<String>,
    name: String,
}

/// What a file names.
#[derive(Default)]
struct Named {
    paths: Vec<Path>,
    /// Those of `paths` that have a name here, by which others may go on: re-names, and what the modules inside may use.
    imported: Vec<Path>,
}

/// Every import of one module from another one.
pub fn imports(sources: &Sources) -> Vec<Import> {
    let crates: Vec<&str> = sources.crates().collect();
    let mut named = BTreeMap::new();
    for (module, (_, tokens)) in &sources.modules {
        let mut found = Named::default();
        scan(tokens.clone(), &mut module.clone(), &crates, sources, &mut found);
        named.insert(module, found);
    }
    let mut names = BTreeMap::new();
    for (module, found) in &named {
        names.extend(found.imported.iter().map(|path| (((*module).clone(), path.name.clone()), path.segments.clone())));
    }
    let mut imports = Vec::new();
    for (module, found) in &named {
        for path in &found.paths {
            let of = owner(&path.segments, sources, &names, 0);
            if of != **module {
                let stands = format!("{}: {}", sources.modules[*module].0, path.segments.join("::"));
                imports.push(Import { by: (*module).clone(), of, stands });
            }
        }
    }
    imports.sort();
    imports.dedup();
    imports
}

/// The module in which that is defined to which a path leads.
fn owner(path: &[String], sources: &Sources, names: &BTreeMap<(Module, String), Vec<String>>, depth: usize) -> Module {
    let mut module = path[..1].to_vec();
    for (place, segment) in path.iter().enumerate().skip(1) {
        let deeper = [&module[..], std::slice::from_ref(segment)].concat();
        if sources.modules.contains_key(&deeper) {
            module = deeper;
            continue;
        }
        return match names.get(&(module.clone(), segment.clone())) {
            Some(target) if depth < 8 => owner(&[target, &path[place + 1..]].concat(), sources, names, depth + 1),
            _ => module,
        };
    }
    module
}

/// Reads the tokens of `module`; what is declared inside of it in the same file counts as its own.
fn scan(tokens: TokenStream, module: &mut Module, crates: &[&str], sources: &Sources, found: &mut Named) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let word = |at: usize| match tokens.get(at) {
        Some(TokenTree::Ident(word)) => word.to_string(),
        _ => String::new(),
    };
    let is_sign = |at: usize, wanted: char| matches!(tokens.get(at), Some(TokenTree::Punct(sign)) if sign.as_char() == wanted);
    let mut at = 0;
    while at < tokens.len() {
        if word(at) == "use" {
            let end = (at..tokens.len()).find(|&at| is_sign(at, ';')).unwrap_or(tokens.len());
            tree(&tokens[at + 1..end], &mut Vec::new(), &mut |segments, name| {
                let Some(segments) = resolved(segments, module, crates, sources) else { return };
                assert_ne!(segments.last().map(String::as_str), Some("*"), "{module:?}: what is imported so is not seen");
                found.imported.push(Path { segments: segments.clone(), name: name.to_owned() });
                found.paths.push(Path { segments, name: name.to_owned() });
            });
            at = end;
        } else if word(at) == "mod"
            && let Some(TokenTree::Group(body)) = tokens.get(at + 2)
        {
            module.push(word(at + 1));
            scan(body.stream(), module, crates, sources, found);
            module.pop();
            at += 2;
        } else if is_sign(at + 1, ':') && is_sign(at + 2, ':') && !word(at).is_empty() {
            let mut segments = vec![word(at)];
            let mut next = at + 1;
            while is_sign(next, ':') && is_sign(next + 1, ':') && !word(next + 2).is_empty() {
                segments.push(word(next + 2));
                next += 3;
            }
            let is_rooted = ["crate", "super", "self"].contains(&segments[0].as_str()) || crates.contains(&segments[0].as_str());
            if is_rooted && let Some(segments) = resolved(&segments, module, crates, sources) {
                let name = segments.last().cloned().unwrap_or_default();
                found.paths.push(Path { segments, name });
            }
            at = next - 1;
        } else if is_sign(at, '#')
            && let Some(TokenTree::Group(attribute)) = tokens.get(at + 1)
        {
            if word_of(attribute.stream()) != "doc" {
                let paths = attribute.stream().into_iter().flat_map(spelled).collect();
                scan(paths, module, crates, sources, found);
                scan(attribute.stream(), module, crates, sources, found);
            }
            at += 1;
        } else if let TokenTree::Group(group) = &tokens[at] {
            scan(group.stream(), module, crates, sources, found);
        }
        at += 1;
    }
}

/// The paths that stand in the texts of an attribute, as `#[serde(with = "crate::a")]`.
fn spelled(token: TokenTree) -> TokenStream {
    match token {
        TokenTree::Group(group) => group.stream().into_iter().flat_map(spelled).collect(),
        TokenTree::Literal(literal) => literal.to_string().trim_matches('"').parse().unwrap_or_default(),
        TokenTree::Ident(_) | TokenTree::Punct(_) => TokenStream::new(),
    }
}

fn word_of(tokens: TokenStream) -> String {
    tokens.into_iter().next().map(|token| token.to_string()).unwrap_or_default()
}

/// The whole path, from the crate on; `None` for a crate that is not of this repository.
fn resolved(path: &[String], module: &Module, crates: &[&str], sources: &Sources) -> Option<Vec<String>> {
    let mut base = module.clone();
    let mut rest = path;
    match path[0].as_str() {
        "crate" => {
            base.truncate(1);
            rest = &rest[1..];
        }
        "self" | "super" => {
            while let [first, more @ ..] = rest
                && ["self", "super"].contains(&first.as_str())
            {
                if first == "super" {
                    base.pop();
                }
                rest = more;
            }
        }
        name if crates.contains(&name) => base.clear(),
        // A module of this one, or a crate of others.
        name => {
            let child = [&base[..], &[name.to_owned()]].concat();
            if !sources.modules.contains_key(&child) {
                return None;
            }
        }
    }
    base.extend(rest.iter().cloned());
    Some(base)
}

/// Each leaf of a tree of a `use`, with the name that it gets.
fn tree(tokens: &[TokenTree], path: &mut Vec<String>, leaf: &mut impl FnMut(&[String], &str)) {
    let before = path.len();
    for branch in tokens.split(|token| matches!(token, TokenTree::Punct(sign) if sign.as_char() == ',')) {
        let mut renamed = None;
        let mut is_group = false;
        for (place, token) in branch.iter().enumerate() {
            match token {
                TokenTree::Ident(word) if word == "as" => {
                    renamed = branch.get(place + 1).map(TokenTree::to_string);
                    break;
                }
                // `a::{self}` is `a`.
                TokenTree::Ident(word) if word == "self" && place == 0 && before > 0 => {}
                TokenTree::Ident(word) => path.push(word.to_string()),
                TokenTree::Punct(sign) if sign.as_char() == '*' => path.push("*".to_owned()),
                TokenTree::Group(group) => {
                    is_group = true;
                    tree(&group.stream().into_iter().collect::<Vec<_>>(), path, leaf);
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
        if !is_group && !branch.is_empty() {
            let name = renamed.unwrap_or_else(|| path.last().cloned().unwrap_or_default());
            leaf(path, &name);
        }
        path.truncate(before);
    }
}
