//! The alerts of the chart, judged by Prometheus' own promtool: each fires and stays silent as `alerts.yaml` says, and each is
//! documented.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use controlplane::Program;
use serde_json::{Value, json};
use strum::VariantArray as _;
use tempfile::TempDir;
use twinconsent::process::metrics::Metrics;
use twinconsent::process::metrics::shown::Shown;
use twinconsent_core::api::conditions::Situation;
use twinconsent_core::consent::situation::Progress;

use crate::cluster::write;
use crate::helm::{self, Said, argument, object, objects, parsed, root, shielded};

/// The rules as the chart renders them.
fn rules() -> Vec<Value> {
    let objects = objects(&["--set=prometheusRule.enabled=true"]);
    object(&objects, "PrometheusRule", "twinconsent")["spec"]["groups"][0]["rules"].as_array().unwrap().clone()
}

fn name(rule: &Value) -> &str {
    rule["alert"].as_str().unwrap()
}

/// What promtool says of rules when they are tested; their descriptions are plain text, and stand in no test.
fn tested(folder: &Path, rules: &[Value]) -> Said {
    let mut rules = rules.to_vec();
    for rule in &mut rules {
        rule["annotations"].as_object_mut().unwrap().remove("description");
    }
    write_rules(folder, &rules);
    let tests = std::fs::read_to_string(root().join("tests/chart/alerts.yaml")).unwrap();
    let tests = write(folder, "alerts.yaml", &tests);
    helm::run(shielded(Program::Promtool).args(["test", "rules", argument(&tests)]))
}

fn write_rules(folder: &Path, rules: &[Value]) -> PathBuf {
    let groups = json!({ "groups": [{ "name": "twinconsent", "rules": rules }] });
    // JSON is YAML.
    write(folder, "rules.yaml", &groups.to_string())
}

#[test]
fn each_alert_fires_and_stays_silent_as_its_tests_say() {
    let folder = TempDir::new().unwrap();
    let rules = rules();
    let written = write_rules(folder.path(), &rules);
    helm::run(shielded(Program::Promtool).args(["check", "rules", "--lint=all", "--lint-fatal", argument(&written)])).ok();
    tested(folder.path(), &rules).ok();

    // They would notice an alert that never fires, and one that always does.
    for (broken, expr) in [("fires never", "vector(0) > 1"), ("fires always", "vector(1)")] {
        let mut changed = rules.clone();
        changed.iter_mut().for_each(|rule| rule["expr"] = json!(expr));
        let said = tested(folder.path(), &changed).refusal();
        for rule in &rules {
            assert!(said.contains(&format!("alertname: {},", name(rule))), "{} {broken}, and its tests do not fail:\n{said}", name(rule));
        }
    }
}

#[test]
fn each_alert_has_a_test_in_which_it_fires_and_one_in_which_it_nearly_does() {
    let tests = &parsed(&std::fs::read_to_string(root().join("tests/chart/alerts.yaml")).unwrap())[0];
    let mut seen: BTreeMap<String, [usize; 2]> = BTreeMap::new();
    for test in tests["tests"].as_array().unwrap() {
        assert!(!test["input_series"].as_array().unwrap().is_empty(), "{test}");
        for wanted in test["alert_rule_test"].as_array().unwrap() {
            let fires = wanted["exp_alerts"].as_array().is_some_and(|alerts| !alerts.is_empty());
            seen.entry(name_of_test(wanted)).or_default()[usize::from(fires)] += 1;
        }
    }
    let rules = rules();
    let names: BTreeSet<String> = rules.iter().map(|rule| name(rule).to_owned()).collect();
    assert_eq!(seen.keys().cloned().collect::<BTreeSet<_>>(), names);
    let lacking: Vec<_> = seen.iter().filter(|(_, counts)| counts.contains(&0)).collect();
    assert!(lacking.is_empty(), "{lacking:?}");
}

fn name_of_test(wanted: &Value) -> String {
    wanted["alertname"].as_str().unwrap().to_owned()
}

#[test]
fn each_alert_is_documented_with_its_severity_and_no_other_is() {
    let page = std::fs::read_to_string(root().join("docs/operating.md")).unwrap();
    let (_, section) = page.split_once("## Alerts\n").unwrap();
    let rows: BTreeSet<[String; 2]> = section
        .split("\n## ")
        .next()
        .unwrap()
        .lines()
        .filter(|line| line.starts_with("| `TwinConsent"))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            assert!(cells.len() == 4 && cells.iter().all(|cell| !cell.is_empty()), "{line}");
            [cells[0].trim_matches('`').to_owned(), cells[1].to_owned()]
        })
        .collect();
    let expected = rules().iter().map(|rule| [name(rule).to_owned(), rule["labels"]["severity"].as_str().unwrap().to_owned()]).collect();
    assert_eq!(rows, expected);
}

#[test]
fn each_reason_that_a_person_must_act_on_stands_in_one_alert() {
    let rules = rules();
    let alerts_on = |metric: &str, reason: &str| -> Vec<&str> {
        let watches = |rule: &&Value| {
            let expr = rule["expr"].as_str().unwrap();
            let reasons = expr.split_once("reason=").map(|(_, rest)| rest.trim_start_matches('~').trim_start_matches('"'));
            let reasons = reasons.and_then(|rest| rest.split('"').next()).unwrap_or_default();
            expr.contains(metric) && reasons.split('|').any(|other| other == reason)
        };
        rules.iter().filter(watches).map(name).collect()
    };
    for shown in Shown::all() {
        let needs_no_action = shown.is_ready() || shown == Shown::Resolving || shown.reason() == "Suspended";
        assert_eq!(alerts_on("twinconsent_account_ready", shown.reason()).len(), usize::from(!needs_no_action), "{}", shown.reason());
    }
    for situation in Situation::VARIANTS.iter().copied().filter(|situation| situation.row().progress == Progress::Stalled) {
        // A refusal is an answer, and no trouble; a withdrawal and the end of its time stand in the spec, and last.
        let is_said = matches!(situation, Situation::Refused | Situation::Withdrawn | Situation::Lapsed);
        let expected = usize::from(!is_said);
        let reason = situation.reason();
        assert_eq!(alerts_on("twinconsent_consents", reason).len(), expected, "{reason}");
    }
}

#[test]
fn the_alerts_are_about_metrics_that_the_operator_has() {
    let known = Metrics::with_every_value().encode();
    let mut seen = 0;
    for rule in rules() {
        let expression = rule["expr"].as_str().unwrap();
        for metric in expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| word.starts_with("twinconsent_")) {
            assert!(known.lines().any(|line| line.starts_with(metric)), "{}: there is no metric {metric}", rule["alert"]);
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen}");
}
