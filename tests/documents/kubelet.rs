//! A stand-in for nodes: every pod is said to be ready, so that Helm's `--wait` ends. Nothing runs in the pods.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::{Client, ResourceExt as _};
use serde_json::json;

/// How often it looks for new pods.
const PAUSE: Duration = Duration::from_millis(200);

/// Goes on until it is aborted.
pub async fn pretend(client: Client) {
    let pods: Api<Pod> = Api::all(client.clone());
    let ready = json!({ "status": { "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] } });
    loop {
        // An API server that does not answer is asked again; a pod that has gone meanwhile needs nothing.
        for pod in pods.list(&ListParams::default()).await.map(|list| list.items).unwrap_or_default() {
            let is_new = pod.status.as_ref().is_none_or(|status| status.phase.as_deref() != Some("Running"));
            if let (true, Some(namespace)) = (is_new, pod.namespace()) {
                let api: Api<Pod> = Api::namespaced(client.clone(), &namespace);
                let _ = api.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Merge(&ready)).await;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}
