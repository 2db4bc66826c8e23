//! What the chart grants.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use controlplane::{ControlPlane, Program, Tools};
use serde_json::Value;

use crate::RELEASE;
use crate::right::Right;
use crate::support::OPERATOR_NAMESPACE;

/// Grants the operator's ServiceAccount what the chart says, for everything that an operator can be asked to do. Returns it.
pub fn install(plane: &ControlPlane, scoped: &[&str]) -> BTreeSet<Right> {
    let mut values = vec!["rbac.namespacedAccounts=true".to_owned(), "rbac.linkSecrets=true".to_owned()];
    values.push("returnPage.enabled=true,returnPage.url=https://consent.example.com".to_owned());
    if !scoped.is_empty() {
        values.push(format!("rbac.scopedNamespaces={{{}}}", scoped.join(",")));
    }
    let helm = Tools::ensure(&[Program::Helm]).unwrap();
    let mut command = Command::new(helm.path(Program::Helm));
    command
        .args(["template", RELEASE, "--namespace", OPERATOR_NAMESPACE])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/twinconsent"));
    for template in ["rbac", "serviceaccount"] {
        command.args(["--show-only", &format!("templates/{template}.yaml")]);
    }
    for value in values {
        command.args(["--set", &value]);
    }
    let rendered = command.output().unwrap();
    assert!(rendered.status.success(), "{}", String::from_utf8_lossy(&rendered.stderr));
    plane.apply(&String::from_utf8(rendered.stdout).unwrap()).unwrap();

    let label = format!("app.kubernetes.io/instance={RELEASE}");
    let listed = |kind: &str| -> Vec<Value> {
        let text = plane.kubectl_ok(&["get", kind, "-A", "-l", &label, "-o", "json"]).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["items"].as_array().unwrap().clone()
    };
    let (roles, cluster_roles) = (listed("roles"), listed("clusterroles"));
    let mut granted = BTreeSet::new();
    for binding in listed("rolebindings").iter().chain(&listed("clusterrolebindings")) {
        let namespace = binding["metadata"]["namespace"].as_str();
        let name = &binding["roleRef"]["name"];
        let role = match binding["roleRef"]["kind"].as_str().unwrap() {
            "ClusterRole" => cluster_roles.iter().find(|role| role["metadata"]["name"] == *name),
            _ => roles.iter().find(|role| role["metadata"]["name"] == *name && role["metadata"]["namespace"].as_str() == namespace),
        };
        granted.extend(role.unwrap()["rules"].as_array().unwrap().iter().flat_map(|rule| rights(rule, namespace)));
    }
    assert!(!granted.is_empty(), "the chart grants nothing");
    granted
}

fn rights(rule: &Value, namespace: Option<&str>) -> Vec<Right> {
    let texts = |field: &str| -> Vec<String> {
        rule[field].as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let names: Vec<Option<String>> = match texts("resourceNames") {
        names if names.is_empty() => vec![None],
        names => names.into_iter().map(Some).collect(),
    };
    let mut rights = Vec::new();
    for verb in texts("verbs") {
        for group in texts("apiGroups") {
            for resource in texts("resources") {
                for name in &names {
                    let (verb, group, resource) = (verb.clone(), group.clone(), resource.clone());
                    assert!(
                        ![&verb, &group, &resource].iter().any(|word| *word == "*"),
                        "a star grants what nobody has thought of: {rule}"
                    );
                    rights.push(Right { verb, group, resource, namespace: namespace.map(str::to_owned), name: name.clone() });
                }
            }
        }
    }
    rights
}
