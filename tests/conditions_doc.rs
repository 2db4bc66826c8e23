//! `docs/conditions.md` is generated from the situations in the code and compared here.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fmt::Write as _;
use std::path::Path;

use twinconsent::settle::situation::{Ready, Situation};

const HEAD: &str = "\
# Conditions of a DigitalTwinConsent

<!-- Generated from src/settle/situation.rs by `make generate`. Do not edit. -->

The first row that matches gives the reason of `Ready`.
`Ready`, `Initiated` and `Approved` are always there once the object was seen.
`Reconciling`, `Stalled`, `Overdue`, `LinkExpired` and `Suspended` are there only while they are True, and the first two never together.
`Overdue` and `LinkExpired` may both be set; the message of `Ready` is fixed text, without clock, counter, link or words of others.
Where two values stand, the second holds with `readyWhen: Initiated`.

| situation | Ready | reason | besides | kstatus | Argo CD | what to do |
|---|---|---|---|---|---|---|
";

const FOOT: &str = "
`Stalled` means that somebody has to act.
The group of a stalled object is still polled, slowly: what was mended at HeyGen heals without a touch.
To poll at once, set the annotation `reconcile.twinconsent.io/requestedAt` to any new value; of several within 10 seconds, the last one is answered when they are over.
[GitOps](gitops.md) says how Flux, Argo CD, Helm and pipelines wait for a person, and how not to.
";

/// The table as it stands in the documentation.
fn page() -> String {
    let mut page = HEAD.to_owned();
    let mut row = |cells: [&str; 7]| writeln!(page, "| {} |", cells.join(" | ")).unwrap();
    row(["not seen yet", "–", "–", "`observedGeneration` is -1", "InProgress", "Progressing", "Wait; see whether the operator runs."]);
    for situation in Situation::ALL {
        let text = situation.row();
        let ready = match text.ready {
            Ready::True => "True",
            Ready::False => "False",
            Ready::Unknown => "Unknown",
            Ready::WhenInitiated => "False / True",
        };
        let reason = format!("`{}`", text.reason);
        row([text.title, ready, &reason, situation.besides(), situation.kstatus(), situation.argo_cd(), text.message]);
        if situation == Situation::Suspended {
            row([
                "suspended later",
                "unchanged",
                "unchanged",
                "`Suspended`",
                "unchanged",
                "as Ready says, else Suspended",
                "Set spec.suspend to false to go on.",
            ]);
        }
    }
    row([
        "429, 5xx, network; the account's trouble after `Initiated`",
        "unchanged",
        "unchanged",
        "`Reconciling` only before `Initiated`",
        "unchanged",
        "unchanged",
        "See the account's own `Ready` condition.",
    ]);
    page + FOOT
}

#[test]
fn the_page_of_conditions_is_generated() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/conditions.md");
    if std::env::var_os("TWINCONSENT_GENERATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page(), "docs/conditions.md differs from the code: run `make generate`");
}

#[test]
fn every_cell_stays_one_cell() {
    assert!(page().lines().filter(|line| line.starts_with('|')).all(|line| line.matches('|').count() == 8));
}
