//! HeyGen, simulated: in the cluster by the chart, or beside it.

use std::path::{Path, PathBuf};

use controlplane::Companion;
use controlplane::node::ADDRESS;
use heygen_simulator::DEMO_API_KEY;
use serde_json::Value;

use crate::cluster::{Cluster, eventually, output, root};
use crate::release::{NAMESPACE, RELEASE};

/// The key that it accepts.
pub const KEY: &str = DEMO_API_KEY;

/// How often the chart's HeyGen has executed a request for a group's consent, by the simulator's record.
pub fn executed(cluster: &Cluster, group: &str) -> u64 {
    let path = format!("/api/v1/namespaces/{NAMESPACE}/services/{RELEASE}-simulator:http/proxy/_sim/summary/{group}");
    let text = cluster.kubectl(&["get", "--raw", &path]);
    serde_json::from_str::<Value>(&text).unwrap()["executed"].as_u64().unwrap()
}

/// Lets the person of a link of the chart's HeyGen consent.
pub fn consent(cluster: &Cluster, link: &str) {
    consent_at(cluster, NAMESPACE, RELEASE, link);
}

/// The same for another release.
pub fn consent_at(cluster: &Cluster, namespace: &str, release: &str, link: &str) {
    let simulator = format!("deployment/{release}-simulator");
    cluster.kubectl(&["-n", namespace, "exec", &simulator, "--", "/heygen-simulator", "person", link, "--consents"]);
}

/// A HeyGen in the node's network and outside of the cluster, as the real one is.
pub struct Beside<'a> {
    cluster: &'a Cluster,
    _process: Companion,
}

impl<'a> Beside<'a> {
    /// One that has these groups.
    pub fn start(cluster: &'a Cluster, groups: &[&str]) -> Self {
        let mut arguments = vec!["serve".to_owned(), format!("--listen={ADDRESS}:8090"), "--review-time=1s".to_owned()];
        arguments.extend(groups.iter().map(|group| format!("--group={group}")));
        let process = cluster.node().start_beside("heygen-simulator", &program(), &arguments).unwrap();
        eventually("HeyGen answers", || {
            process.check().map_err(|error| error.to_string())?;
            cluster.try_kubectl(&["get", "--server", &Self::url(), "--raw", "/_sim/clock"])
        });
        Self { cluster, _process: process }
    }

    /// Where pods reach it.
    pub fn url() -> String {
        format!("http://{ADDRESS}:8090")
    }

    /// The values by which a chart's operator asks it.
    pub fn values() -> [String; 2] {
        [format!("heygen.baseURL={}", Self::url()), "heygen.allowInsecureBaseURL=true".to_owned()]
    }

    /// Lets the person of a link consent.
    pub fn consent(&self, link: &str) {
        output(self.cluster.command(&program()).args(["person", link, "--consents"]), "").unwrap();
    }
}

/// The simulator that was built for its image.
fn program() -> PathBuf {
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    root().join(Path::new("dist").join(architecture).join("simulator/heygen-simulator"))
}
