//! A stand-in for nodes: every pod is said to be ready, so that Helm's `--wait` ends, and nothing runs in it.
//!
//! But the init containers of a Job that wait for consent are run: with the operator's program, which their image holds, and with the
//! rights of the pod's service account. The pod ends as they do, and its containers are said to have done their work.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Container, Pod, ServiceAccount};
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt as _};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::task::JoinSet;

/// How often it looks for new pods.
const PAUSE: Duration = Duration::from_millis(200);

/// Goes on until it is aborted; what it has started ends with it. `kubeconfig` is that of an administrator, beside which others are written.
pub async fn pretend(client: Client, kubeconfig: PathBuf) {
    let pods: Api<Pod> = Api::all(client.clone());
    let ready = json!({ "status": { "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] } });
    let (mut begun, mut running) = (HashSet::new(), JoinSet::new());
    loop {
        // An API server that does not answer is asked again; a pod that has gone meanwhile needs nothing.
        for pod in pods.list(&ListParams::default()).await.map(|list| list.items).unwrap_or_default() {
            if !waits(&pod).is_empty() {
                if begun.insert(pod.uid()) {
                    running.spawn(wait(client.clone(), pod, kubeconfig.clone()));
                }
                continue;
            }
            let is_new = pod.status.as_ref().is_none_or(|status| status.phase.as_deref() != Some("Running"));
            if let (true, Some(namespace)) = (is_new, pod.namespace()) {
                let api: Api<Pod> = Api::namespaced(client.clone(), &namespace);
                let _ = api.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Merge(&ready)).await;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The init containers of a Job's pod that wait for consent.
fn waits(pod: &Pod) -> Vec<Container> {
    let is_of_a_job = pod.owner_references().iter().any(|owner| owner.kind == "Job");
    let containers = pod.spec.iter().filter(|_| is_of_a_job).flat_map(|spec| spec.init_containers.clone().unwrap_or_default());
    let waits = |container: &Container| container.args.as_ref().and_then(|args| args.first()).is_some_and(|first| first == "wait");
    containers.filter(waits).collect()
}

/// Runs them, one after the other, and says how the pod has ended.
async fn wait(client: Client, pod: Pod, kubeconfig: PathBuf) {
    let namespace = pod.namespace().unwrap();
    let login = login(&client, &pod, &kubeconfig).await;
    let mut status = json!({ "phase": "Succeeded" });
    for container in waits(&pod) {
        let mut program = Command::new(env!("CARGO_BIN_EXE_twinconsent-operator"));
        for variable in twinconsent::process::proxies::VARIABLES {
            program.env_remove(variable);
        }
        program.args(container.args.unwrap_or_default()).args(["--namespace", &namespace]).env("KUBECONFIG", &login);
        program.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let code = program.status().await.unwrap().code().unwrap_or(-1);
        if code != 0 {
            let ended = json!({
                "name": container.name, "image": container.image, "imageID": "", "ready": false, "restartCount": 0,
                "state": { "terminated": { "exitCode": code } },
            });
            status = json!({ "phase": "Failed", "initContainerStatuses": [ended] });
            break;
        }
    }
    let api: Api<Pod> = Api::namespaced(client, &namespace);
    let _ = api.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Merge(json!({ "status": status }))).await;
}

/// A kubeconfig with the login of the pod's service account.
async fn login(client: &Client, pod: &Pod, kubeconfig: &Path) -> PathBuf {
    let name = pod.spec.as_ref().and_then(|spec| spec.service_account_name.clone()).unwrap();
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), &pod.namespace().unwrap());
    let wanted = TokenRequest { spec: TokenRequestSpec::default(), ..TokenRequest::default() };
    let token = accounts.create_token_request(&name, &PostParams::default(), &wanted).await.unwrap().status.unwrap().token;
    let mut config: Value = serde_saphyr::from_str(&std::fs::read_to_string(kubeconfig).unwrap()).unwrap();
    for user in config["users"].as_array_mut().unwrap() {
        user["user"] = json!({ "token": token });
    }
    let path = kubeconfig.with_file_name(format!("kubeconfig-of-{}", pod.name_any()));
    std::fs::write(&path, config.to_string()).unwrap();
    path
}
