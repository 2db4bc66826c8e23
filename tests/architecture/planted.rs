//! That the rules find what breaks them.

use super::graph::{circles, upward};
use super::imports::imports;
use super::sources::Sources;

const LAYERS: &[&str] = &["low::a", "low::b", "high::c"];

/// What is found with this text in the module `a` of the crate `low`, whose module `b` uses `a`.
fn found(text: &str) -> (Vec<String>, Vec<String>) {
    let sources = Sources::planted(&[
        ("low/lib.rs", "pub mod a; pub mod b; pub use b::Shown;"),
        ("low/a.rs", text),
        ("low/b.rs", "use crate::a::{self, Thing}; pub struct Shown; #[cfg(test)] mod tests;"),
        ("high/lib.rs", "mod c;"),
        ("high/c.rs", "fn f() { low::b::g(); }"),
    ]);
    let imports = imports(&sources);
    (circles(&imports), upward(&imports, LAYERS, &sources))
}

#[test]
fn what_runs_downward_is_fine() {
    assert_eq!(found("pub struct Thing; #[cfg(test)] mod tests { use crate::b::Shown; use super::*; }"), (vec![], vec![]));
}

#[test]
fn an_import_that_closes_a_circle_is_found_wherever_it_stands() {
    for text in [
        "use crate::b::Shown;",
        "use super::{b::{self, Shown as Other}};",
        "fn f() -> u8 { let x = crate::b::g(1); x }",
        "fn f() { format!(\"{}\", crate::b::NAME) }",
        "macro_rules! m { () => { $crate::b::g() }; }",
        "#[serde(with = \"crate::b\")] struct S;",
        "mod inner { fn f() { super::super::b::g() } }",
        "use crate::Shown;",
        "fn f() { low::b::g() }",
        "#[cfg(test)] use crate::c::{d}; fn f() { crate::b::g() }",
    ] {
        let (circles, upward) = found(text);
        assert!(circles.len() == 1 && !upward.is_empty(), "{text}: {circles:?} {upward:?}");
        assert!(circles[0].contains("low::a needs low::b") && circles[0].contains("low::b needs low::a"), "{circles:?}");
    }
}

#[test]
fn an_import_that_runs_upward_is_found_also_from_another_crate() {
    let (_, upward) = found("use high::c::Other;");
    assert_eq!(upward, ["low::a needs high::c, by low/a.rs: high::c::Other"]);
}

#[test]
fn a_module_without_a_layer_is_found() {
    let sources = Sources::planted(&[("low/lib.rs", "mod new;"), ("low/new.rs", "")]);
    assert_eq!(upward(&imports(&sources), LAYERS, &sources), ["low::new stands in no layer"]);
}
