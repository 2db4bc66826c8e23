//! Names of objects: valid and distinct for every name of a release and every namespace that Helm takes.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cluster::{TENANTS, served, write};
use crate::helm::{Helm, MONITORING, OLDEST_KUBERNETES, argument, parsed, root};

/// What the chart appends to the name of a release's objects.
const SUFFIXES: [&str; 6] = ["", "-ca", "-heygen", "-helm-test", "-return-page", "-simulator"];

/// Whether a Service may be called so, whose names have the strictest rule of all.
pub fn is_of_a_service(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    name.len() <= 63 && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(inner) && !name.ends_with('-')
}

/// Whether this may be the value of a label.
pub fn is_of_a_label(value: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let outer = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    value.len() <= 63 && value.chars().all(inner) && outer(value.chars().next()) && outer(value.chars().next_back())
}

/// Whether Helm takes this for the name of a release.
fn is_of_a_release(name: &str) -> bool {
    let is_part = |part: &str| {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !part.is_empty() && part.chars().all(inner) && !part.starts_with('-') && !part.ends_with('-')
    };
    name.len() <= 53 && name.split('.').all(is_part)
}

/// A name of a release, of parts that the chart's own names are made of.
fn release() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        3 => Just("twinconsent".to_owned()),
        1 => prop::sample::select(vec!["simulator", "ca", "heygen", "return-page"]).prop_map(str::to_owned),
        1 => "[0-9a-f]{10}",
        3 => "[a-c0-1]{1,2}",
        1 => "[a-z0-9]{20,53}",
    ];
    let separator = prop::sample::select(vec!["-", "--", "."]);
    prop::collection::vec((part, separator), 1..4).prop_map(|parts| {
        let (last, others) = parts.split_last().unwrap();
        let name = others.iter().map(|(part, separator)| format!("{part}{separator}")).collect::<String>() + &last.0;
        // The longest that Helm takes.
        name.chars().take(53).collect::<String>().trim_end_matches(['-', '.']).to_owned()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, max_shrink_iters: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_two_releases_share_a_name(releases in prop::collection::vec(release(), 120)) {
        prop_assert!(releases.iter().all(|name| is_of_a_release(name)));
        let mut releases = BTreeSet::from_iter(releases);
        // Releases that are called as the objects of others are the likeliest to meet them.
        for called in names(&releases, "studio").into_values() {
            releases.extend(SUFFIXES.map(|suffix| format!("{}{suffix}", called[0])).into_iter().filter(|name| is_of_a_release(name)));
        }
        for release in releases.clone() {
            let similar = [release.replace('.', "-"), format!("{release}-twinconsent"), release.chars().take(52).collect()];
            releases.extend(similar.into_iter().filter(|name| is_of_a_release(name)));
        }
        let mut owners: BTreeMap<String, &str> = BTreeMap::new();
        let here = names(&releases, "studio");
        for (release, [name, _]) in &here {
            for suffix in SUFFIXES {
                let name = format!("{name}{suffix}");
                prop_assert!(is_of_a_service(&name), "{release}: {name}");
                if let Some(other) = owners.insert(name.clone(), release) {
                    return Err(TestCaseError::fail(format!("{other} and {release} both have {name}")));
                }
            }
        }
        let mut in_the_cluster: BTreeSet<String> = here.into_values().map(|[_, name]| name).collect();
        for namespace in ["1", "studio-a", "twinconsent"] {
            for (release, [_, name]) in names(&releases, namespace) {
                prop_assert!(in_the_cluster.insert(name.clone()), "{release} in {namespace}: {name} is another one's");
            }
        }
        prop_assert_eq!(in_the_cluster.len(), 4 * releases.len());
    }
}

/// What the chart calls the objects of each release, in its namespace and in the cluster: its own helpers say so, for all at once.
fn names(releases: &BTreeSet<String>, namespace: &str) -> BTreeMap<String, [String; 2]> {
    const TEMPLATE: &str = r#"kind: Names
apiVersion: v1
names:
{{- range .Values.releases }}
{{- $there := dict "Release" (dict "Name" . "Namespace" $.Values.namespace) "Chart" $.Chart "Values" $.Values }}
  {{ . | quote }}: [{{ include "twinconsent.fullname" $there | quote }}, {{ include "twinconsent.clusterName" $there | quote }}]
{{- end }}
"#;
    let folder = TempDir::new().unwrap();
    write(folder.path(), "Chart.yaml", "apiVersion: v2\nname: twinconsent\nversion: 1.0.0\n");
    std::fs::create_dir(folder.path().join("templates")).unwrap();
    std::fs::copy(root().join("charts/twinconsent/templates/_helpers.tpl"), folder.path().join("templates/_helpers.tpl")).unwrap();
    write(folder.path(), "templates/names.yaml", TEMPLATE);
    write(folder.path(), "values.yaml", &json!({ "releases": releases, "namespace": namespace }).to_string());
    let rendered = parsed(&Helm::Four.run(&["template", "any", argument(folder.path())]).ok());
    let names: BTreeMap<String, [String; 2]> = serde_json::from_value(rendered[0]["names"].clone()).unwrap();
    assert_eq!(names.len(), releases.len());
    names
}

/// Releases and namespaces that are close to each other.
const NEIGHBOURS: [(&str, &str); 9] = [
    ("twinconsent", "studio"),
    ("twinconsent", "studio-a"),
    ("twinconsent-studio", "a"),
    ("twinconsent-simulator", "studio"),
    ("a", "studio"),
    ("a-twinconsent", "studio"),
    ("a.twinconsent", "studio"),
    ("1st", "studio"),
    ("1st", "studio-a"),
];

#[test]
fn no_object_of_a_release_is_another_ones() {
    let everything = root().join("tests/chart/values/everything.yaml");
    // The definitions and the account are the cluster's, and one release has them.
    let values = [
        "-f",
        argument(&everything),
        "--set=crds.enabled=false,account.apiKey=",
        "--set=simulator.enabled=true",
        "--set=returnPage.enabled=true,returnPage.url=https://consent.example.com,returnPage.ingress.enabled=true",
    ];
    let ways: [&[&str]; 2] = [&[], &["--set=rbac.scopedNamespaces={team-a,studio}"]];
    for (helm, way) in Helm::ALL.into_iter().zip(ways) {
        let mut owners: BTreeMap<[String; 3], String> = BTreeMap::new();
        for (release, namespace) in NEIGHBOURS {
            let kinds = MONITORING.join(",");
            let where_ = ["--namespace", namespace, "--kube-version", OLDEST_KUBERNETES, "--api-versions", &kinds];
            let rendered = helm.run(&[&["template", release, "charts/twinconsent"], &where_[..], &values, way].concat()).ok();
            for object in parsed(&rendered).iter().filter(|object| object["kind"] != "ClusterHeyGenAccount") {
                let metadata = &object["metadata"];
                let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let key = [word(&object["kind"]), word(&metadata["namespace"]), word(&metadata["name"])];
                let is_role = key[0].contains("Role");
                // Policies and consents may have names with dots.
                let may_have_dots = key[0].starts_with("ValidatingAdmissionPolicy") || key[0] == "DigitalTwinConsent";
                assert!(
                    is_role || may_have_dots && key[2].split('.').all(is_of_a_label) || is_of_a_service(&key[2]),
                    "{release} in {namespace}: {key:?}"
                );
                let owner = format!("{release} in {namespace}");
                if let Some(other) = owners.insert(key.clone(), owner.clone()) {
                    panic!("{other} and {owner} both have {key:?}");
                }
            }
        }
        assert!(owners.len() > 10 * NEIGHBOURS.len(), "{owners:?}");
    }
}

#[test]
fn a_release_with_an_odd_name_is_installed_twice() {
    for helm in Helm::ALL {
        for namespace in ["odd-names-a", "odd-names-b"] {
            // Helm 3 and Helm 4 would otherwise meet in the same namespaces.
            let namespace = format!("{namespace}-{helm:?}").to_lowercase();
            let arguments = ["install", "1st.of-two", "charts/twinconsent", "--namespace", &namespace, "--create-namespace"];
            let scoped = format!("--set=crds.enabled=false,replicas=0,rbac.scopedNamespaces={{{}}}", TENANTS[0]);
            helm.run_on(served().kubeconfig(), &[&arguments[..], &[&scoped]].concat()).ok();
        }
    }
}
