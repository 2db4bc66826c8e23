//! The manifests that we give to others: the examples, and the YAML in the documentation of the kinds.

use std::path::Path;

/// A manifest, and where it stands.
pub struct Manifest {
    pub name: String,
    pub yaml: String,
}

/// The files in `examples/`.
pub fn examples() -> Vec<Manifest> {
    let mut names: Vec<String> = std::fs::read_dir(root().join("examples"))
        .expect("examples/")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .filter(|name| name.ends_with(".yaml"))
        .map(|name| format!("examples/{name}"))
        .collect();
    names.sort();
    names.into_iter().map(|name| Manifest { yaml: read(&name), name }).collect()
}

/// What lies in the git repositories of the examples for GitOps, as it would be applied from there.
pub fn in_repositories() -> Vec<Manifest> {
    let mut names = Vec::new();
    for tool in ["flux", "argo-cd"] {
        let repository = format!("examples/gitops/{tool}/repository");
        for folder in std::fs::read_dir(root().join(&repository)).expect(&repository) {
            let folder = format!("{repository}/{}", folder.expect("an entry").file_name().display());
            let files = std::fs::read_dir(root().join(&folder)).expect(&folder);
            names.extend(files.map(|file| format!("{folder}/{}", file.expect("an entry").file_name().display())));
        }
    }
    names.sort();
    names.into_iter().map(|name| Manifest { yaml: read(&name), name }).collect()
}

/// The blocks of YAML in the pages of the three kinds.
pub fn in_documentation() -> Vec<Manifest> {
    ["docs/digitaltwinconsent.md", "docs/heygenaccount.md", "docs/clusterheygenaccount.md"]
        .into_iter()
        .flat_map(|page| {
            let blocks = yaml_blocks(&read(page));
            assert!(!blocks.is_empty(), "{page} has no example");
            blocks.into_iter().map(move |(line, yaml)| Manifest { name: format!("{page}:{line}"), yaml })
        })
        .collect()
}

/// Each block with the number of its first line.
fn yaml_blocks(markdown: &str) -> Vec<(usize, String)> {
    let mut blocks: Vec<(usize, String)> = Vec::new();
    let mut inside = false;
    for (number, line) in markdown.lines().enumerate() {
        match (inside, line.trim()) {
            (false, "```yaml") => {
                blocks.push((number + 2, String::new()));
                inside = true;
            }
            (true, "```") => inside = false,
            (true, _) => {
                let (_, block) = blocks.last_mut().expect("a block was begun");
                *block += &format!("{line}\n");
            }
            (false, _) => {}
        }
    }
    blocks
}

/// The text of a file of this repository.
pub fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
