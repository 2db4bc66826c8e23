//! The documents of the repository.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::blocks::{self, Block};
use crate::marks::Mark;

/// Folders that hold what was built, and no documents of ours.
const BUILT: [&str; 4] = ["target", "dist", "node_modules", "snapshots"];

/// The path of each document in the repository, with its text.
pub fn all() -> Vec<(String, String)> {
    let mut found = Vec::new();
    collect(root(), "md", &mut found);
    let mut pages: Vec<(String, String)> =
        found.into_iter().map(|path| (relative(&path), std::fs::read_to_string(&path).unwrap())).collect();
    pages.sort();
    assert!(pages.len() > 10, "{pages:?}");
    pages
}

/// The blocks of all documents, or what is wrong with them.
pub fn blocks() -> Result<Vec<Block>, Vec<String>> {
    let (mut blocks, mut complaints) = (Vec::new(), Vec::new());
    for (document, text) in all() {
        let (found, wrong) = blocks::of(&document, &text);
        complaints.extend(wrong);
        complaints.extend(found.iter().filter_map(run_elsewhere));
        blocks.extend(found);
    }
    if complaints.is_empty() { Ok(blocks) } else { Err(complaints) }
}

/// What is wrong with a block that another file is said to run: that file reads the document.
fn run_elsewhere(block: &Block) -> Option<String> {
    let Mark::By(file) = &block.mark else { return None };
    match std::fs::read_to_string(root().join(file)) {
        Err(error) => Some(format!("{}: {file}, which is said to run this: {error}", block.place())),
        Ok(text) if !text.contains(&block.document) => Some(format!("{}: {file} is said to run this, and does not read it", block.place())),
        Ok(_) => None,
    }
}

/// The avatar groups that documents and examples name.
pub fn groups() -> BTreeSet<String> {
    let mut texts: Vec<String> = all().into_iter().map(|(_, text)| text).collect();
    let mut examples = Vec::new();
    collect(&root().join("examples"), "yaml", &mut examples);
    texts.extend(examples.iter().map(|path| std::fs::read_to_string(path).unwrap()));
    let named = texts.iter().flat_map(|text| text.split("groupID: ").skip(1));
    let ids = named.map(|rest| rest.trim_start_matches(['"', '\'']).split(|letter: char| !is_of_an_id(letter)).next().unwrap());
    // A list of persons has the id after the name.
    let listed = texts.iter().flat_map(|text| text.split("<<CSV\n").skip(1)).flat_map(|rest| rest.split("\nCSV\n").next().unwrap().lines());
    let listed = listed.map(|line| line.split(',').nth(1).unwrap());
    ids.chain(listed).filter(|id| !id.is_empty()).map(str::to_owned).collect()
}

fn is_of_an_id(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '-' || letter == '_'
}

fn collect(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name().display().to_string());
        if entry.file_type().unwrap().is_dir() {
            if !name.starts_with('.') && !BUILT.contains(&name.as_str()) {
                collect(&path, extension, found);
            }
        } else if path.extension().is_some_and(|own| own == extension) {
            found.push(path);
        }
    }
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
