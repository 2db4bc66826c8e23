//! The text of `/metrics`, taken apart.

use std::collections::{BTreeMap, BTreeSet};

use twinconsent::process::metrics::Metrics;

/// A metric as it is read by name.
#[derive(Debug)]
pub struct Family {
    /// Its name, with `_total` if it is a counter.
    pub name: String,
    /// `counter`, `gauge` or `histogram`.
    pub type_: String,
    /// What it tells.
    pub help: String,
    /// Its labels, each with the values it was seen with.
    pub labels: BTreeMap<String, BTreeSet<String>>,
}

/// The metrics of a page, in its order.
pub fn families(page: &str) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    for line in page.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            let help = help.trim_end_matches('.').to_owned();
            families.push(Family { name: name.to_owned(), type_: String::new(), help, labels: BTreeMap::new() });
        } else if let Some((name, type_)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            let family = families.last_mut().filter(|family| family.name == name).expect("HELP comes first");
            family.type_ = type_.to_owned();
            if type_ == "counter" {
                family.name += "_total";
            }
        } else if !line.starts_with('#') {
            let family = families.last_mut().expect("a HELP before each value");
            for (label, value) in labels(line) {
                // Of a histogram: the buckets are no label that was chosen.
                if label != "le" {
                    family.labels.entry(label).or_default().insert(value);
                }
            }
        }
    }
    families
}

/// The labels of one line. Values of ours hold no quotation mark.
fn labels(line: &str) -> Vec<(String, String)> {
    let Some((_, rest)) = line.split_once('{') else { return Vec::new() };
    let labels = rest.rsplit_once('}').expect("a brace").0;
    labels
        .split_terminator(',')
        .map(|label| label.split_once('=').expect("a value"))
        .map(|(label, value)| (label.to_owned(), value.trim_matches('"').to_owned()))
        .collect()
}

/// Sees that a page of metrics holds nothing that `docs/metrics.md` does not list.
pub fn is_documented(page: &str) {
    let documented: BTreeMap<String, Family> =
        families(&Metrics::with_every_value().encode()).into_iter().map(|family| (family.name.clone(), family)).collect();
    for Family { name, type_, help, labels } in families(page) {
        let known = documented.get(&name).unwrap_or_else(|| panic!("{name} is not documented"));
        assert_eq!((type_, help), (known.type_.clone(), known.help.clone()), "{name}");
        for (label, values) in labels {
            let of_label = known.labels.get(&label).unwrap_or_else(|| panic!("{name}: the label {label} is not documented"));
            let is_free = ["account", "account_namespace", "sink", "version"].contains(&label.as_str());
            assert!(is_free || values.is_subset(of_label), "{name}: of {label}, not all are documented: {values:?}");
        }
    }
}
