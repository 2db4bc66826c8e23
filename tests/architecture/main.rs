//! Which part may know which: no circle among modules, no import that runs upward, and nothing in the core that could wait or read a clock.
//!
//! The sources are read as tokens, so that a path counts wherever it stands: in a `use`, in a body, in a macro, in an attribute.
//! Left out are tests: what is compiled for them only, and files that are reached from there only.
//! A path that goes by what another module has imported leads to where the item is defined.
//! Between a module and those inside of it, imports go both ways, as Rust means it; among those of one folder they make no circle.

mod graph;
mod imports;
mod planted;
mod purity;
mod sources;

use graph::{circles, upward};
use imports::imports;
use sources::Sources;

/// The crates, and the folders and modules at the top of each, from the lowest: each may import from those above it in this list.
const LAYERS: &[&str] = &[
    "controlplane",
    "controlplane_program",
    "heygen_simulator",
    "heygen_simulator_program",
    "packaging",
    "packaging_program",
    "twinconsent_core::api",
    "twinconsent_core::consent",
    "twinconsent_core::heygen",
    "twinconsent_core::account",
    "twinconsent_core::notifications",
    "twinconsent_core::schedule",
    "kubectl_twinconsent",
    "kubectl_twinconsent_program",
    "twinconsent::process",
    "twinconsent::heygen",
    "twinconsent::kubernetes",
    "twinconsent::runtime",
    "twinconsent_operator",
];

#[test]
fn no_modules_import_each_other_in_a_circle() {
    let circles = circles(&imports(&Sources::of_this_repository()));
    assert!(circles.is_empty(), "{}", circles.join("\n\n"));
}

#[test]
fn no_import_runs_upward() {
    let sources = Sources::of_this_repository();
    let upward = upward(&imports(&sources), LAYERS, &sources);
    assert!(upward.is_empty(), "{}", upward.join("\n"));
}
