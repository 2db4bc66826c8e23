//! `helm test` with both Helms: the operator's binary is the installed one, and the test is the kubelet of the pod, in which the same
//! binary runs with the arguments and the rights that the chart gives.

use std::process::{Command, Output};
use std::thread;

use heygen_simulator::GroupDefinition;
use serde_json::json;

use crate::cluster::{eventually, get, served};
use crate::helm::{Helm, NAMESPACE, Said};
use crate::support::operator::without_proxies;
use crate::support::{Operator, World};

/// The avatar group of the chart's test.
const GROUP: &str = "twinconsent-helm-test";

#[tokio::test(flavor = "multi_thread")]
async fn the_test_of_a_release_has_a_consent_of_the_simulator_and_leaves_nothing_with_helm_3() {
    tested(Helm::Three).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_test_of_a_release_has_a_consent_of_the_simulator_and_leaves_nothing_with_helm_4() {
    tested(Helm::Four).await;
}

async fn tested(helm: Helm) {
    let world = World::on(served(), &format!("tested-{helm:?}").to_lowercase()).await;
    world.simulator.create_group(GroupDefinition::willing(GROUP)).unwrap();
    let release = Release { helm, name: format!("{}-twinconsent", world.namespace), namespace: &world.namespace };
    let values =
        format!("--set=simulator.enabled=true,replicas=0,crds.enabled=false,account.name={0},watch.namespaces={{{0}}}", release.namespace);
    release.run(&["install", release.namespace, "charts/twinconsent", &values]).ok();
    // The simulator of this test, in the place of the pod.
    let account = json!({ "spec": { "baseURL": world.base_url } }).to_string();
    patch(&["clusterheygenaccount", &world.namespace, "-p", &account]);
    let key = json!({ "stringData": { "apiKey": world.key } }).to_string();
    patch(&["secret", &format!("{}-heygen", release.name), "--namespace", NAMESPACE, "-p", &key]);
    let operator = Operator::start(&world, &[]);
    operator.until_ready().await;

    let (said, waited) = release.test();
    assert!(said.succeeded && waited.status.success(), "{said:?} {waited:?}");
    assert_eq!(world.simulator.group_summary(GROUP).executed, 1, "the operator has asked");
    assert_eq!(release.left(), Vec::<String>::new());

    // The person declines: the test fails, and what has run in the pod says why.
    world.simulator.set_consent_status(GROUP, Some("rejected")).unwrap();
    let (said, waited) = release.test();
    assert!(!said.succeeded && waited.status.code() == Some(3), "{said:?} {waited:?}");
    let reason = String::from_utf8_lossy(&waited.stderr);
    assert!(reason.contains("refused") || reason.contains("declined"), "{reason}");
    assert!(release.left().iter().any(|object| object.starts_with("pod/")), "the pod can be asked for its log");
    release.run(&["uninstall", release.namespace]).ok();
    world.end([operator]).await;
}

/// A release in the operator's namespace that serves another one.
struct Release<'a> {
    helm: Helm,
    /// What its objects are called.
    name: String,
    /// The namespace that it serves, and what the release is called.
    namespace: &'a str,
}

impl Release<'_> {
    fn run(&self, arguments: &[&str]) -> Said {
        self.helm.run_on(served().kubeconfig(), &[arguments, &["--namespace", NAMESPACE]].concat())
    }

    /// What `helm test` says, and what has run in the pod.
    fn test(&self) -> (Said, Output) {
        thread::scope(|scope| {
            let said = scope.spawn(|| self.run(&["test", self.namespace, "--timeout=180s"]));
            let waited = self.run_the_pod();
            (said.join().unwrap(), waited)
        })
    }

    fn run_the_pod(&self) -> Output {
        let name = format!("{}-helm-test", self.name);
        let pod = || get(served(), &["pod", &name, "--namespace", NAMESPACE]);
        // One of an earlier test is deleted first, and has a phase.
        eventually("there is a pod", || pod()["status"]["phase"] == "Pending");
        let pod = pod();
        assert_eq!(pod["spec"]["serviceAccountName"], name.as_str());
        let arguments = pod["spec"]["containers"][0]["args"].as_array().unwrap().iter().map(|argument| argument.as_str().unwrap());
        let mut program = Command::new(env!("CARGO_BIN_EXE_twinconsent-operator"));
        without_proxies(&mut program);
        let kubeconfig = served().service_account_kubeconfig(NAMESPACE, &name).unwrap();
        let waited = program.args(arguments).env("KUBECONFIG", kubeconfig).output().unwrap();
        let phase = if waited.status.success() { "Succeeded" } else { "Failed" };
        patch(&[
            "pod",
            &name,
            "--namespace",
            NAMESPACE,
            "--subresource=status",
            "-p",
            &json!({ "status": { "phase": phase } }).to_string(),
        ]);
        waited
    }

    /// The objects of the test that are still there.
    fn left(&self) -> Vec<String> {
        let name = format!("{}-helm-test", self.name);
        let (consent, role) = (format!("{name}.{NAMESPACE}"), format!("{}:{NAMESPACE}:helm-test", self.name));
        let all = [
            ("pod", &name, NAMESPACE),
            ("serviceaccount", &name, NAMESPACE),
            ("role", &role, self.namespace),
            ("rolebinding", &role, self.namespace),
            ("digitaltwinconsent", &consent, self.namespace),
        ];
        let there = all.into_iter().filter(|(kind, name, namespace)| !get(served(), &[kind, name, "--namespace", namespace]).is_null());
        there.map(|(kind, name, _)| format!("{kind}/{name}")).collect()
    }
}

fn patch(arguments: &[&str]) {
    served().kubectl_ok(&[&["patch", "--type=merge"], arguments].concat()).unwrap();
}
