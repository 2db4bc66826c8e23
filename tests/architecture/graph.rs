//! What is wrong with the imports, as lines to read.

use std::collections::{BTreeMap, BTreeSet};

use super::imports::Import;
use super::sources::{Module, Sources};

/// Among the modules of one folder, those that import each other, and by which imports.
pub fn circles(imports: &[Import]) -> Vec<String> {
    let mut folders: BTreeMap<Module, BTreeMap<Module, BTreeMap<Module, &str>>> = BTreeMap::new();
    for Import { by, of, stands } in imports {
        let shared = by.iter().zip(of).take_while(|(by, of)| by == of).count();
        if shared < by.len() && shared < of.len() {
            let of_folder = folders.entry(by[..shared].to_vec()).or_default();
            of_folder.entry(by[..=shared].to_vec()).or_default().entry(of[..=shared].to_vec()).or_insert(stands);
        }
    }
    folders.values().filter_map(circle).collect()
}

/// A shortest circle, if there is one.
fn circle(edges: &BTreeMap<Module, BTreeMap<Module, &str>>) -> Option<String> {
    let back_to = |start: &Module| {
        let mut reached: BTreeMap<&Module, Vec<String>> = BTreeMap::new();
        let mut next = vec![(start, Vec::new())];
        while !next.is_empty() {
            for (module, way) in std::mem::take(&mut next) {
                for (of, stands) in edges.get(module).into_iter().flatten() {
                    let way = [&way[..], &[format!("{} needs {}, by {stands}", module.join("::"), of.join("::"))]].concat();
                    if of == start {
                        return Some(way);
                    }
                    if !reached.contains_key(of) {
                        reached.insert(of, way.clone());
                        next.push((of, way));
                    }
                }
            }
        }
        None
    };
    let shortest = edges.keys().filter_map(back_to).min_by_key(Vec::len)?;
    Some(shortest.join("\n"))
}

/// The imports that run upward, and the parts that have no place in the list of layers.
pub fn upward(imports: &[Import], layers: &[&str], sources: &Sources) -> Vec<String> {
    let layer = |module: &Module| {
        let path = module.join("::");
        layers.iter().position(|layer| path == *layer || path.starts_with(&format!("{layer}::")))
    };
    // The root of a crate may only name what is in it.
    let is_root = |module: &Module| module.len() == 1 && layer(module).is_none();
    let unknown: BTreeSet<&Module> = sources.modules.keys().filter(|module| !is_root(module) && layer(module).is_none()).collect();
    let homeless = unknown.into_iter().map(|module| format!("{} stands in no layer", module.join("::")));
    let runs_upward = |import: &&Import| match (layer(&import.by), layer(&import.of)) {
        (Some(by), Some(of)) => of > by,
        (None, _) => import.by[0] != import.of[0],
        (Some(_), None) => !is_root(&import.of) || import.by[0] == import.of[0],
    };
    let wrong = imports
        .iter()
        .filter(runs_upward)
        .map(|import| format!("{} needs {}, by {}", import.by.join("::"), import.of.join("::"), import.stands));
    homeless.chain(wrong).collect()
}
