//! The simulator in the cluster.

use serde_json::Value;

use crate::cluster::Cluster;
use crate::release::{NAMESPACE, RELEASE};

/// How often HeyGen has executed a request for a group's consent, by the simulator's record.
pub fn executed(cluster: &Cluster, group: &str) -> u64 {
    let path = format!("/api/v1/namespaces/{NAMESPACE}/services/{RELEASE}-simulator:http/proxy/_sim/summary/{group}");
    let text = cluster.kubectl(&["get", "--raw", &path]);
    serde_json::from_str::<Value>(&text).unwrap()["executed"].as_u64().unwrap()
}

/// Lets the person of a link consent.
pub fn consent(cluster: &Cluster, link: &str) {
    let simulator = format!("deployment/{RELEASE}-simulator");
    cluster.kubectl(&["-n", NAMESPACE, "exec", &simulator, "--", "/heygen-simulator", "person", link, "--consents"]);
}
