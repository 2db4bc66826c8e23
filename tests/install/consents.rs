//! Consents in the cluster.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cluster::{Cluster, eventually};

/// Creates a consent for each of these groups, by its name.
pub fn create(cluster: &Cluster, namespace: &str, groups: &[String]) {
    let manifests = groups.iter().map(|group| {
        format!(
            "---\napiVersion: twinconsent.io/v1alpha1\nkind: DigitalTwinConsent\n\
             metadata: {{name: {group}, namespace: {namespace}}}\nspec: {{groupID: {group}}}\n"
        )
    });
    cluster.apply(&manifests.collect::<String>());
}

/// Waits until `Ready` of a consent has this reason.
#[track_caller]
pub fn until(cluster: &Cluster, namespace: &str, name: &str, reason: &str) -> Value {
    eventually(&format!("{name} is {reason}"), || {
        let consent = cluster.get(&["digitaltwinconsent", name, "-n", namespace])?;
        let conditions = consent["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let ready = conditions.into_iter().find(|condition| condition["type"] == "Ready").unwrap_or_default();
        if ready["reason"] == reason { Ok(consent) } else { Err(ready.to_string()) }
    })
}

/// The link of a consent.
pub fn link(consent: &Value) -> String {
    consent["status"]["url"].as_str().unwrap().to_owned()
}

/// The links of these consents.
pub fn links_of(cluster: &Cluster, namespace: &str, names: &[String]) -> BTreeMap<String, String> {
    let consents = cluster.get(&["digitaltwinconsents", "-n", namespace]).unwrap();
    let consents = consents["items"].as_array().unwrap().iter();
    let named = consents.filter(|consent| names.iter().any(|name| consent["metadata"]["name"] == *name));
    named.map(|consent| (consent["metadata"]["name"].as_str().unwrap().to_owned(), link(consent))).collect()
}
