//! The blocks that are not run here, counted: another one has to be written down here, too.

use crate::marks::Mark;
use crate::pages;

/// The document and the first line of each block that is marked `not run`, in order.
const NOT_RUN: &[(&str, &str)] = &[
    ("CONTRIBUTING.md", "cargo test --test e2e a_consent_goes_from_applied_to_linked_to_approved -- --nocapture"),
    ("CONTRIBUTING.md", "TWINCONSENT_SCOPE_MORE=1 TWINCONSENT_SCOPE=restoring TWINCONSENT_SCOPE_FAULTS=5 cargo test --package small-scope"),
    ("CONTRIBUTING.md", "TWINCONSENT_TEST_KUBERNETES=oldest cargo test --test e2e --test crds"),
    ("CONTRIBUTING.md", "cargo test --package controlplane --features node-tests --test node"),
    ("README.md", "make demo"),
    ("README.md", "make test"),
    ("docs/images.md", "make image"),
    ("docs/images.md", "TWINCONSENT_IMAGE_BASE=gcr.io/distroless/static:nonroot make image"),
    ("docs/images.md", "docker build --tag twinconsent-operator ."),
    ("docs/images.md", "buildah manifest create twinconsent-operator:0.1.0"),
    ("docs/images.md", "make image"),
    ("docs/kubectl-plugin.md", "make install-plugin"),
    ("docs/notifications.md", "python3 -m venv venv && venv/bin/pip install standardwebhooks"),
    ("docs/operating.md", "twinconsent-operator run"),
    ("docs/performance.md", "make bench"),
    ("docs/performance.md", "make bench-scale"),
    ("tools/README.md", "go get -tool go.etcd.io/etcd/server/v3@v3.7.3"),
    ("tools/README.md", "GOFLAGS=-mod=mod go mod tidy"),
];

/// The document and the file of each block that another test is said to run, in order. That a file names the document is checked
/// (`pages`), and that it runs the block is not: before one is added here, that test has to be seen failing with the block broken.
const RUN_ELSEWHERE: &[(&str, &str)] = &[
    ("README.md", "tests/install/readme.rs"),
    ("README.md", "tests/install/readme.rs"),
    ("docs/gitops.md", "tests/crds.rs"),
    ("docs/gitops.md", "tests/documents/recipes.rs"),
    ("docs/gitops.md", "tests/documents/recipes.rs"),
    ("docs/images.md", "tests/install/readme.rs"),
    ("docs/installing.md", "tests/chart/kustomized.rs"),
    ("docs/installing.md", "tests/chart/statics.rs"),
    ("docs/installing.md", "tests/chart/statics.rs"),
    ("docs/installing.md", "tests/chart/statics.rs"),
    ("docs/notifications.md", "tests/documents/receivers.rs"),
    ("docs/notifications.md", "tests/documents/receivers.rs"),
    ("docs/notifications.md", "tests/documents/receivers.rs"),
    ("docs/notifications.md", "tests/documents/receivers.rs"),
    ("docs/notifications.md", "tests/documents/receivers.rs"),
    ("docs/notifications.md", "tests/documents/receivers.rs"),
    ("docs/notifications.md", "tests/documents/receivers.rs"),
    ("docs/operating.md", "tests/install/readme.rs"),
    ("docs/rbac.md", "tests/chart/rights.rs"),
    ("docs/return-page.md", "tests/landing/keys.rs"),
    ("docs/trust.md", "tests/crds/gate.rs"),
];

#[test]
fn no_block_is_run_by_another_test_but_those_that_are_listed() {
    let blocks = pages::blocks().unwrap_or_else(|complaints| panic!("{}\n", complaints.join("\n")));
    let found: Vec<(&str, &str)> = blocks
        .iter()
        .filter_map(|block| match &block.mark {
            Mark::By(file) => Some((block.document.as_str(), file.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(found, RUN_ELSEWHERE);
}

#[test]
fn no_block_is_left_out_but_those_that_are_listed() {
    let blocks = pages::blocks().unwrap_or_else(|complaints| panic!("{}\n", complaints.join("\n")));
    let found: Vec<(&str, &str)> = blocks
        .iter()
        .filter(|block| matches!(block.mark, Mark::Not(_)))
        .map(|block| (block.document.as_str(), block.text.lines().next().unwrap_or_default()))
        .collect();
    assert_eq!(found, NOT_RUN);
    let count = |is: fn(&Mark) -> bool| blocks.iter().filter(|block| is(&block.mark)).count();
    let (here, elsewhere) = (count(|mark| matches!(mark, Mark::Run(_))), count(|mark| matches!(mark, Mark::By(_))));
    println!("{} blocks: {here} are run here, {elsewhere} by other tests, {} are not run", blocks.len(), found.len());
    assert!(here > elsewhere + found.len());
}
