//! `docs/conditions.md` is generated from the situations in the code and compared here.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "conditions/columns.rs"]
mod columns;

use std::fmt::Write as _;
use std::path::Path;

use strum::VariantArray as _;
use twinconsent_core::api::conditions::Situation;
use twinconsent_core::consent::situation::{Actor, Progress};

const HEAD: &str = "\
# Conditions of a DigitalTwinConsent

<!-- Generated from crates/core/src/api/conditions.rs and crates/core/src/consent/situation/rows.rs by `make generate`. Do not edit. -->

The first row that matches gives the reason of `Ready` and `Permitted`.
`Ready`, `Permitted`, `Initiated` and `Approved` are always there once the object was seen.
`Permitted` says whether the twin may be used, and is what to check before a twin is used: it is True only where consent was given and is not known to be for other terms, or is waived, or not required, and is neither withdrawn, nor lapsed, nor gone.
`Ready` is the same; with `readyWhen: Initiated` it is True as well once the person was asked, while nobody but the person has to act.
`Reconciling`, `Stalled`, `Overdue`, `LinkExpired` and `Suspended` are there only while they are True, and the first two never together.
`Overdue` and `LinkExpired` may both be set; the message of `Ready` is fixed text, without clock, counter, link or words of others.
Where two values stand, the second holds with `readyWhen: Initiated`.

The last column is the message of `Ready` as far as it is the same for all objects: what is the case, and what to do.
Who does that:

- the *author* wrote the object, or the program or repository that it comes from;
- the *platform team* runs the operator, and keeps the account, its key and its plan at HeyGen;
- the *person* is the one whom the twin depicts;
- *HeyGen's support* answers the owner of the account; give it `status.initiation.requestID` where it is there;
- *nobody*: the operator goes on by itself, or nothing is left to do.

| situation | Permitted | Ready | reason | besides | kstatus | Argo CD | who acts | what is the case, and what to do |
|---|---|---|---|---|---|---|---|---|
";

const FOOT: &str = "
`Stalled` means that the operator waits for the one who acts, as the table says.
The group of a stalled object is still polled, slowly: what was mended at HeyGen heals without a touch.
To poll at once, set the annotation `reconcile.twinconsent.io/requestedAt` to any new value; of several within 10 seconds, the last one is answered when they are over.
[GitOps](gitops.md) says how Flux, Argo CD, Helm and pipelines wait for a person, and how not to.
";

/// The table as it stands in the documentation.
fn page() -> String {
    let mut page = HEAD.to_owned();
    let mut row = |cells: [&str; 7], actors: &[Actor], what: &str| {
        writeln!(page, "| {} | {} | {what} |", cells.join(" | "), names(actors)).unwrap();
    };
    row(
        ["not seen yet", "–", "–", "–", "`observedGeneration` is -1", "InProgress", "Progressing"],
        &[Actor::PlatformTeam],
        "The operator has not seen the object. Check that it runs, and that it serves this namespace and these labels.",
    );
    for &situation in Situation::VARIANTS {
        let text = situation.row();
        let reason = format!("`{}`", situation.reason());
        let cells = [
            columns::title(situation),
            columns::permitted(situation),
            columns::ready(situation),
            &reason,
            columns::besides(situation),
            columns::kstatus(situation),
            columns::argo_cd(situation),
        ];
        row(cells, text.actors, text.message);
        if situation == Situation::Suspended {
            row(
                ["suspended later", "unchanged", "unchanged", "unchanged", "`Suspended`", "unchanged", "as Ready says, else Suspended"],
                &[Actor::Author],
                "To go on, set spec.suspend to false.",
            );
        }
    }
    row(
        [
            "429, 5xx, network; the account's trouble after `Initiated`",
            "unchanged",
            "unchanged",
            "unchanged",
            "`Reconciling` only before `Initiated`",
            "unchanged",
            "unchanged",
        ],
        &[Actor::PlatformTeam],
        "The operator tries again by itself. If it lasts, see the `Ready` condition of the account.",
    );
    page + FOOT
}

/// The actors, one after the other.
fn names(actors: &[Actor]) -> String {
    actors.iter().map(|actor| actor.name().trim_end_matches(" of this object")).collect::<Vec<_>>().join(", then ")
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

/// What the operator has written for a consent that waits, as `make generate-objects` has recorded it.
const RECORDED: &str =
    include_str!("../examples/gitops/argo-cd/resource_customizations/twinconsent.io/DigitalTwinConsent/testdata/awaiting-approval.yaml");

#[test]
fn the_example_of_a_status_shows_the_conditions_that_the_operator_writes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let mut examples = Vec::new();
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    for path in files.filter(|path| path.extension().is_some_and(|extension| extension == "md")) {
        let page = std::fs::read_to_string(path).unwrap();
        let blocks = page.split("```yaml\n").skip(1).map(|rest| rest.split("\n```").next().unwrap());
        examples.extend(blocks.filter(|block| block.contains("\n  conditions:\n")).map(conditions));
    }
    assert_eq!(examples, [conditions(RECORDED)]);
}

/// The type, status, reason and message of each condition of an object.
fn conditions(yaml: &str) -> Vec<[String; 4]> {
    let object: serde_json::Value = serde_saphyr::from_str(yaml).unwrap();
    let conditions = object["status"]["conditions"].as_array().unwrap();
    let cell = |condition: &serde_json::Value, name: &str| condition[name].as_str().unwrap().to_owned();
    conditions.iter().map(|condition| ["type", "status", "reason", "message"].map(|name| cell(condition, name))).collect()
}

#[test]
fn every_cell_stays_one_cell() {
    assert!(page().lines().filter(|line| line.starts_with('|')).all(|line| line.matches('|').count() == 10));
}

#[test]
fn no_row_is_without_an_actor_and_what_to_do() {
    let known: Vec<String> =
        [Actor::Author, Actor::PlatformTeam, Actor::Person, Actor::HeyGenSupport, Actor::NoOne].map(|actor| names(&[actor])).into();
    let page = page();
    let rows: Vec<Vec<&str>> =
        page.lines().filter(|line| line.starts_with("| ")).skip(1).map(|line| line.split('|').map(str::trim).collect()).collect();
    assert_eq!(rows.len(), Situation::VARIANTS.len() + 3);
    for row in rows {
        let (actors, what) = (row[8], row[9]);
        assert!(
            actors.split(", then ").all(|actor| known.iter().any(|known| known == actor)),
            "{}: {actors:?} is nobody in particular",
            row[1]
        );
        assert!(what.ends_with('.'), "{}: {what:?}", row[1]);
    }
    for &situation in Situation::VARIANTS {
        let (row, action) = (situation.row(), columns::action(situation));
        let is_nobody = row.actors.contains(&Actor::NoOne);
        assert!(!row.actors.is_empty() && (!is_nobody || row.actors.len() == 1), "{situation:?}: {:?}", row.actors);
        assert_eq!(action.is_empty(), is_nobody, "{situation:?}: {action:?} is for {:?} to do", row.actors);
        assert!(row.message.ends_with(action), "{situation:?}");
        // A consent that waits for the operator or for the person is not stalled.
        let acts = row.actors.iter().any(|actor| matches!(actor, Actor::Author | Actor::PlatformTeam | Actor::HeyGenSupport));
        assert!(row.progress != Progress::Stalled || acts, "{situation:?}");
    }
}

/// Section "What Ready means" of the kind's page.
#[test]
fn ready_and_permitted_agree_in_every_recorded_object() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples/gitops/argo-cd/resource_customizations/twinconsent.io/DigitalTwinConsent/testdata");
    let (mut seen, mut not_the_same) = (0, 0);
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let yaml = std::fs::read_to_string(&path).unwrap();
        let object: serde_json::Value = serde_saphyr::from_str(&yaml).unwrap();
        let status = |type_: &str| {
            let mut conditions = object["status"]["conditions"].as_array().into_iter().flatten();
            conditions.find(|condition| condition["type"] == type_).map(|condition| condition["status"].as_str().unwrap())
        };
        let (Some(ready), Some(permitted)) = (status("Ready"), status("Permitted")) else {
            assert!(path.ends_with("not-seen.yaml"), "{}", path.display());
            continue;
        };
        let is_asking_enough = object["spec"]["readyWhen"] == "Initiated"
            && status("Initiated") == Some("True")
            && status("Stalled").is_none()
            && status("Reconciling").is_none();
        assert_eq!(ready, if is_asking_enough { "True" } else { permitted }, "{}", path.display());
        let reason = object["status"]["conditions"].as_array().unwrap().iter().find(|condition| condition["type"] == "Ready").unwrap();
        let is_consent = matches!(reason["reason"].as_str(), Some("Approved" | "ConsentWaived" | "ConsentNotRequired"));
        assert_eq!(permitted == "True", is_consent, "{}", path.display());
        seen += 1;
        not_the_same += usize::from(ready != permitted);
    }
    assert!(seen > Situation::VARIANTS.len() && not_the_same >= 3, "{seen} objects, {not_the_same} of them Ready and not Permitted");
}
