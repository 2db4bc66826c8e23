//! The pipeline of the examples, without its containers: what they would run, run here, with the rights that they would have.

use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cluster::{self, Cluster};
use crate::manifests;

const NAMESPACE: &str = "default";

/// Runs the init containers of the example's Job one after the other, as the Job's ServiceAccount, while the operator's part is played by hand.
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
    let mut commands = steps.iter().map(|step| {
        let mut command = cluster.plane().kubectl();
        // The last --timeout counts: the example's are longer than a failing test should take.
        command.env("KUBECONFIG", &kubeconfig).args(["--namespace", NAMESPACE]).args(arguments(step)).arg("--timeout=30s");
        command
    });

    thread::scope(|scope| {
        let pipeline = scope.spawn(move || commands.try_for_each(finished));
        // Each step begins before its wish comes true at least sometimes; either order must do.
        thread::sleep(Duration::from_millis(300));
        cluster.create(consent);
        thread::sleep(Duration::from_millis(300));
        assert!(!pipeline.is_finished(), "the pipeline went on before the person was asked");
        let name = consent["metadata"]["name"].as_str().expect("a name");
        let ready = json!({ "type": "Ready", "status": "True", "reason": "AwaitingApproval", "message": "", "lastTransitionTime": "2026-01-02T03:04:05Z" });
        let answer =
            cluster.patch_status("DigitalTwinConsent", NAMESPACE, name, &json!({ "observedGeneration": 1, "conditions": [ready] }));
        assert_eq!(answer.stderr, "");
        assert_eq!(pipeline.join().expect("a pipeline"), Ok(()));
    });
}

fn the<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    objects.iter().find(|object| object["kind"] == kind).unwrap_or_else(|| panic!("the example has no {kind}"))
}

/// The arguments of the image's `kubectl`.
fn arguments(container: &Value) -> Vec<&str> {
    container["args"].as_array().expect("arguments").iter().map(|argument| argument.as_str().expect("text")).collect()
}

fn finished(command: Command) -> Result<(), String> {
    let answer = cluster::run(command, "");
    if answer.succeeded { Ok(()) } else { Err(answer.stderr) }
}
