//! `docs/events.md` and `docs/metrics.md` are generated from what the code can tell, and compared here.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use strum::VariantArray as _;
use twinconsent::process::metrics::Metrics;
use twinconsent_core::api::conditions::{AccountReason, Situation};
use twinconsent_core::consent::report::{self, Report};

#[path = "support/exposition.rs"]
mod exposition;

use exposition::{Family, families, is_documented};

const EVENTS: &str = "\
# Events

<!-- Generated from crates/core/src/consent/report.rs and crates/core/src/consent/situation.rs by `make generate`. Do not edit. -->

What the operator tells as Kubernetes events, and nothing else: `kubectl events --for digitaltwinconsent/ada`, or `kubectl describe`.
An event is written after the status, when the reason of `Ready` has changed or when something else has happened, and once; only `StatusNotWritten` comes again, about every hour.
They are best effort and kept for an hour by default, so nothing is to be built on them: the conditions hold what counts.
Those of a ClusterHeyGenAccount lie in the namespace `default`.

| about | type | reason | note |
|---|---|---|---|
";

const METRICS: &str = "\
# Metrics

<!-- Generated from src/process/metrics.rs and its modules by `make generate`. Do not edit. -->

Every metric of `/metrics`, with its labels and all values that each can have.
[Operating](operating.md#alerts) says which of them are worth an alert.

| metric | type | labels | what it tells |
|---|---|---|---|
";

const LABELS: &str = "
The names of histograms go on with `_bucket`, `_sum` and `_count`.
Counters count since the process began; only the replica that leads counts anything but `twinconsent_leader`, who comes to its [return page](return-page.md), and what every replica sees of Kubernetes.

## Labels and their values

| metric | label | values |
|---|---|---|
";

const ACCOUNTS: &str = "
## Accounts

`twinconsent_account_ready` and `twinconsent_consents` are there only at the replica that leads, so that a sum counts nothing twice.
An account is there from the moment it was read until it is deleted, and under one reason at a time; so are the consents.

`account` and `account_namespace` are the name and namespace of the account (Prometheus shows no namespace for a ClusterHeyGenAccount).
100 accounts of each kind have their name there, the first that came; all others are `other` in all three labels, and one of them gets a name when a named one goes.
Consents are `other`, too, while their account does not exist.
Of `other`, `twinconsent_account_ready` tells each reason that one of them has.

The sinks of `spec.notifications` have their name beside that of their account, which is a ClusterHeyGenAccount; those of accounts that are `other` are counted together.
They, too, are there only at the replica that leads, and begin at zero when it does, or when the sink is named for the first time.

An object, a group or a link is never a label: 100,000 consents would be 100,000 series, and more people read metrics than may read the objects.
";

/// Everything that can be told as an event, each after what it is about.
fn reports() -> Vec<(&'static str, Report)> {
    let situations = Situation::VARIANTS.iter().filter_map(|situation| Report::of_situation(*situation));
    let (of_any, others) = report::OTHERS.iter().copied().partition::<Vec<_>, _>(|report| *report == report::UNDECODABLE);
    let accounts = AccountReason::VARIANTS.iter().map(|reason| Report::of_account(*reason));
    let about = |about| move |report| (about, report);
    let of_consents = situations.chain(others).map(about("DigitalTwinConsent"));
    let of_accounts = accounts.map(about("HeyGenAccount, ClusterHeyGenAccount"));
    of_consents.chain(of_accounts).chain(of_any.into_iter().map(about("any of the three"))).collect()
}

fn events() -> String {
    let mut page = EVENTS.to_owned();
    let mut all = reports();
    all.sort_by_key(|(about, report)| (*about, report.reason()));
    for (about, report) in all {
        let type_ = if report.is_warning() { "Warning" } else { "Normal" };
        writeln!(page, "| {about} | {type_} | `{}` | {} |", report.reason(), report.note()).unwrap();
    }
    page
}

#[test]
fn no_reason_is_told_of_one_kind_with_two_meanings() {
    let all = reports();
    let reasons: BTreeSet<_> = all.iter().map(|(about, report)| (about, report.reason())).collect();
    assert_eq!(reasons.len(), all.len());
}

fn metrics() -> String {
    let families = families(&Metrics::with_every_value().encode());
    let mut page = METRICS.to_owned();
    for Family { name, type_, help, labels } in &families {
        let labels: Vec<_> = labels.keys().map(|label| format!("`{label}`")).collect();
        writeln!(page, "| `{name}` | {type_} | {} | {help} |", labels.join(", ")).unwrap();
    }
    page += LABELS;
    for Family { name, labels, .. } in &families {
        for (label, values) in labels {
            writeln!(page, "| `{name}` | `{label}` | {} |", shown(label, values)).unwrap();
        }
    }
    page + ACCOUNTS
}

fn shown(label: &str, values: &BTreeSet<String>) -> String {
    match label {
        "account" => "the account's name, or `other`".to_owned(),
        "sink" => "the sink's name in `spec.notifications` of the account, or `other`".to_owned(),
        "account_namespace" => "the account's namespace, if it has one, or `other`".to_owned(),
        "version" => "the operator's version".to_owned(),
        _ => values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", "),
    }
}

#[test]
fn the_pages_of_events_and_metrics_are_generated() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let generate = std::env::var("TWINCONSENT_GENERATE").as_deref() == Ok("1");
    for (name, page) in [("events.md", events()), ("metrics.md", metrics())] {
        if generate {
            std::fs::write(docs.join(name), &page).unwrap();
        }
        let written = std::fs::read_to_string(docs.join(name)).unwrap_or_default();
        assert!(written == page, "docs/{name} differs from the code: run `make generate`");
    }
}

#[test]
fn every_cell_stays_one_cell() {
    for (page, bars) in [(events(), 5), (metrics(), 5)] {
        let widths: BTreeMap<usize, &str> =
            page.lines().filter(|line| line.starts_with('|')).map(|line| (line.matches('|').count(), line)).collect();
        assert!(widths.keys().all(|width| *width == bars || *width == 4), "{widths:?}");
    }
}

/// What docs/personal-data.md and docs/trust.md say of metrics rests on this: of all labels, these alone name anything that a user has
/// made. A new label is written down in one of the two, and in those documents if it is in the first.
const NAMES_OF_USERS: [&str; 3] = ["account", "account_namespace", "sink"];

/// Labels whose values stand in the code.
const WORDS_OF_OURS: &[&str] = &["account_kind", "kind", "operation", "outcome", "reason", "result", "version"];

#[test]
fn no_label_names_what_a_user_has_made_but_an_account_or_a_sink() {
    let labels: BTreeSet<String> =
        families(&Metrics::with_every_value().encode()).into_iter().flat_map(|family| family.labels.into_keys()).collect();
    let known: BTreeSet<String> = NAMES_OF_USERS.iter().chain(WORDS_OF_OURS).map(|&label| label.to_owned()).collect();
    assert_eq!(labels, known);
}

#[test]
fn every_metric_has_a_help_and_the_prefix() {
    let families = families(&Metrics::with_every_value().encode());
    assert!(families.len() > 15);
    for Family { name, help, .. } in families {
        assert!(name.starts_with("twinconsent_") && help.len() > 10, "{name}: {help}");
    }
}

#[test]
fn a_value_that_is_not_listed_is_noticed_wherever_a_test_reads_the_metrics() {
    let page = Metrics::with_every_value().encode();
    is_documented(&page);
    for (listed, other) in [
        ("reason=\"Approved\"", "reason=\"Perhaps\""),
        ("outcome=\"busy\"", "outcome=\"lazy\""),
        ("twinconsent_leader", "twinconsent_reader"),
    ] {
        let changed = page.replace(listed, other);
        assert_ne!(changed, page);
        assert!(std::panic::catch_unwind(|| is_documented(&changed)).is_err(), "{other} passes");
    }
}
