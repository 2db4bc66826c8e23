//! The links between documents lead somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::pages;

#[test]
fn every_link_between_documents_leads_to_a_file_and_to_a_heading() {
    let pages = pages::all();
    let anchors: BTreeMap<&str, BTreeSet<String>> = pages.iter().map(|(path, text)| (path.as_str(), anchors(text))).collect();
    let mut complaints = Vec::new();
    let mut seen = 0;
    for (page, text) in &pages {
        for link in links(text) {
            seen += 1;
            if let Some(complaint) = complaint(page, &link, &anchors) {
                complaints.push(format!("{page}: ({link}) {complaint}"));
            }
        }
    }
    assert!(complaints.is_empty(), "{}\n", complaints.join("\n"));
    assert!(seen > 100, "only {seen} links were found");
}

/// What is wrong with a relative link.
fn complaint(page: &str, link: &str, anchors: &BTreeMap<&str, BTreeSet<String>>) -> Option<String> {
    let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
    let target = if file.is_empty() { page.to_owned() } else { resolved(page, file)? };
    if !pages::root().join(&target).exists() {
        return Some(format!("leads to {target}, which is not there"));
    }
    let anchor = anchor?;
    match anchors.get(target.as_str()) {
        None => Some(format!("names a heading of {target}, which is no document")),
        Some(anchors) if !anchors.contains(anchor) => Some(format!("names a heading that {target} has not")),
        Some(_) => None,
    }
}

/// The path in the repository that a relative link leads to.
fn resolved(page: &str, file: &str) -> Option<String> {
    let mut path: Vec<&str> = Path::new(page).parent()?.to_str()?.split('/').filter(|part| !part.is_empty()).collect();
    for part in file.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(path.pop()),
            part => path.push(part),
        }
    }
    Some(path.join("/"))
}

/// The relative links of a document, without those in blocks.
fn links(text: &str) -> Vec<String> {
    let prose = prose(text).collect::<Vec<_>>().join("\n");
    let targets = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:")).map(str::to_owned).collect()
}

/// The anchors of a document's headings, as forges make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors: BTreeSet<String> = BTreeSet::new();
    for line in prose(text).filter(|line| line.starts_with('#')) {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let is_kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_');
        let anchor: String = title.chars().filter(is_kept).map(|letter| if letter == ' ' { '-' } else { letter }).collect();
        // A heading that comes again gets a number.
        let again = (1..).map(|number| format!("{anchor}-{number}"));
        let free = std::iter::once(anchor.clone()).chain(again).find(|anchor| !anchors.contains(anchor));
        anchors.extend(free);
    }
    anchors
}

fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut is_inside = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_inside ^= is_fence;
        !is_inside && !is_fence
    })
}

#[test]
fn a_link_to_nowhere_is_named() {
    let anchors = BTreeMap::from([("docs/a.md", anchors("# One `two`, three!\n## Same\n## Same\n"))]);
    assert_eq!(complaint("docs/b.md", "a.md#one-two-three", &BTreeMap::new()).as_deref(), Some("leads to docs/a.md, which is not there"));
    assert_eq!(anchors["docs/a.md"], BTreeSet::from(["one-two-three", "same", "same-1"].map(str::to_owned)));
    assert_eq!(
        complaint("docs/gitops.md", "#nowhere", &BTreeMap::from([("docs/gitops.md", BTreeSet::new())])).as_deref(),
        Some("names a heading that docs/gitops.md has not")
    );
    assert_eq!(links("[a](b.md#c) and\n```sh\n[x](y.md)\n```\n[e](https://example.com)"), ["b.md#c"]);
}
