//! The pipeline of the examples, without its containers: what they would run, run here, with the rights that they would have.

use std::process::{Command, Stdio};
use std::thread;

use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::cluster::{Cluster, until};
use crate::manifests;

const NAMESPACE: &str = "default";

/// Runs the init containers of the example's Job one after the other, as the Job's ServiceAccount, while the operator's part is played by hand.
///
/// Each of them waits already when its wish comes true; `kubectl` logs its requests, and so tells when it does.
pub fn the_pipeline_waits(cluster: &Cluster) {
    let yaml = manifests::read("examples/pipeline-that-waits.yaml");
    let objects: Vec<Value> = serde_saphyr::from_multiple(&yaml).expect("YAML");
    let consent = the(&objects, "DigitalTwinConsent");
    let job = &the(&objects, "Job")["spec"]["template"]["spec"];
    for object in &objects {
        assert_eq!(object["metadata"]["namespace"], NAMESPACE, "{object}");
    }
    for kind in ["ServiceAccount", "Role", "RoleBinding"] {
        cluster.create(the(&objects, kind));
    }
    let account = job["serviceAccountName"].as_str().expect("a ServiceAccount");
    let kubeconfig = cluster.plane().service_account_kubeconfig(NAMESPACE, account).expect("a login");
    let steps = job["initContainers"].as_array().expect("init containers");
    let logs: Vec<NamedTempFile> = steps.iter().map(|_| NamedTempFile::new().expect("a log")).collect();
    let [of_the_object, of_the_condition] = logs.as_slice() else { panic!("the example has {} steps", steps.len()) };
    let mut commands = steps.iter().zip(&logs).map(|(step, log)| {
        let mut command = cluster.plane().kubectl();
        // The last --timeout counts: the example's are longer than a failing test should take.
        command.env("KUBECONFIG", &kubeconfig).args(["--namespace", NAMESPACE]).args(arguments(step)).args(["--timeout=30s", "-v=6"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log.reopen().expect("a log"));
        command
    });

    thread::scope(|scope| {
        let pipeline = scope.spawn(move || commands.try_for_each(finished));
        until_logged(of_the_object, "404 Not Found");
        cluster.create(consent);
        until_logged(of_the_condition, "watch=true");
        assert!(!pipeline.is_finished(), "the pipeline went on before the person was asked");
        let name = consent["metadata"]["name"].as_str().expect("a name");
        let ready = json!({ "type": "Ready", "status": "True", "reason": "AwaitingApproval", "message": "", "lastTransitionTime": "2026-01-02T03:04:05Z" });
        let answer =
            cluster.patch_status("DigitalTwinConsent", NAMESPACE, name, &json!({ "observedGeneration": 1, "conditions": [ready] }));
        assert_eq!(answer.stderr, "");
        let finished = pipeline.join().expect("a pipeline");
        assert!(finished.is_ok(), "{finished:?}: {}", logs.iter().map(text).collect::<String>());
    });
}

fn the<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    objects.iter().find(|object| object["kind"] == kind).unwrap_or_else(|| panic!("the example has no {kind}"))
}

/// The arguments of the image's `kubectl`.
fn arguments(container: &Value) -> Vec<&str> {
    container["args"].as_array().expect("arguments").iter().map(|argument| argument.as_str().expect("text")).collect()
}

fn finished(mut command: Command) -> Result<(), String> {
    let status = command.status().expect("kubectl starts");
    if status.success() { Ok(()) } else { Err(status.to_string()) }
}

fn until_logged(log: &NamedTempFile, what: &str) {
    until(&format!("{what} is logged"), || {
        let text = text(log);
        if text.contains(what) { Ok(()) } else { Err(text) }
    });
}

fn text(log: &NamedTempFile) -> String {
    std::fs::read_to_string(log.path()).expect("a log")
}
