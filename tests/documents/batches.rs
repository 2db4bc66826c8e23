//! The batches of docs/many-people.md, by its blocks: no person has a link before their batch begins, and each when it has begun.

use controlplane::ControlPlane;
use tokio::runtime::Runtime;

use crate::jobs::until_reason;
use crate::pages;
use crate::world::World;

/// Of the batch that is asked at once, and of another.
const FIRST: &str = "person-0001";
const LATER: &str = "person-0003";

#[test]
fn a_later_batch_has_links_when_it_has_begun_and_none_before() {
    let (runtime, groups) = (Runtime::new().unwrap(), pages::groups());
    let mut world = World::new(None, &groups, runtime.handle());
    let page = pages::all().into_iter().find(|(document, _)| document == "docs/many-people.md").unwrap().1;
    let block = |with: &str| {
        page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).find(|block| block.contains(with)).unwrap()
    };

    assert!(world.bash(block("consents.yaml")).status().unwrap().success());
    let plane = &world.cluster().plane;
    until_reason(plane, FIRST, "False", "AwaitingApproval");
    until_reason(plane, LATER, "Unknown", "Suspended");
    assert!(!link(plane, FIRST).is_empty() && link(plane, LATER).is_empty());
    let kept = ["kustomize\\.toolkit\\.fluxcd\\.io/prune", "argocd\\.argoproj\\.io/sync-options"];
    for annotation in kept {
        let path = format!("jsonpath={{.metadata.annotations.{annotation}}}");
        assert_ne!(plane.kubectl_ok(&["get", "digitaltwinconsent", LATER, "-o", &path]).unwrap(), "", "{annotation}");
    }

    assert!(world.bash(block("batch=autumn -o name")).status().unwrap().success());
    // The block has waited for it.
    assert!(!link(&world.cluster().plane, LATER).is_empty());
}

fn link(plane: &ControlPlane, name: &str) -> String {
    plane.kubectl_ok(&["get", "digitaltwinconsent", name, "-o", "jsonpath={.status.url}"]).unwrap()
}
