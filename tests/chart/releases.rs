//! A release from the first installation to its removal, on a real API server, with both Helms: definitions, consents and the account
//! outlive it, and nothing that Helm does touches a consent.
//!
//! A release that is waited for has no replicas, because no pod runs here.

use std::path::Path;

use controlplane::ControlPlane;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cluster::{eventually, fresh, get, kubectl_with, served};
use crate::helm::{Helm, NAMESPACE, Said, argument, copy_folder, root};

const CONSENT: &str = "apiVersion: twinconsent.io/v1alpha1
kind: DigitalTwinConsent
metadata: {name: ada, namespace: default}
spec: {groupID: 5f2c8e0b9d3a4c71ada}
";

const ACCOUNT: [&str; 2] = ["--set=account.create=true", "--set=account.apiKey=a-key-of-heygen"];

/// The same, with another pace.
const SLOWER: [&str; 3] = [ACCOUNT[0], ACCOUNT[1], "--set=account.polling.interval=90s"];

#[test]
fn a_release_lives_and_ends_as_the_documents_say_with_helm_3() {
    whole_life(Helm::Three);
}

#[test]
fn a_release_lives_and_ends_as_the_documents_say_with_helm_4() {
    whole_life(Helm::Four);
}

fn whole_life(helm: Helm) {
    let plane = fresh();
    let release = Release { helm, plane: &plane };
    let folder = TempDir::new().unwrap();

    // The first installation brings the definitions and the account in one go.
    let old = chart_of_an_older_version(folder.path());
    release.run("install", &old, &[&ACCOUNT[..], &["--create-namespace", "--set=replicas=0", "--wait", "--timeout=60s"]].concat()).ok();
    let account = release.account();
    assert_eq!(account["spec"]["apiKeySecretRef"], json!({ "name": "twinconsent-heygen", "key": "apiKey" }));
    assert_eq!(release.short_names(), ["olddtc"]);

    // A consent with a link, as the operator leaves it.
    plane.apply(CONSENT).unwrap();
    let status =
        json!({ "status": { "observedGeneration": 1, "url": "https://app.heygen.com/consent/s3cret", "consentStatus": "pending" } });
    let patch = status.to_string();
    plane.kubectl_ok(&["patch", "digitaltwinconsent", "ada", "--subresource=status", "--type=merge", "-p", &patch]).unwrap();
    let consent = release.consent();
    assert_eq!(consent["status"]["url"], "https://app.heygen.com/consent/s3cret");

    // An upgrade brings newer definitions, takes over the account and changes it.
    release.run("upgrade", &chart(), &ACCOUNT).ok();
    assert_eq!(release.short_names(), ["dtc"]);
    assert_eq!(release.account()["metadata"]["uid"], account["metadata"]["uid"], "the account was made anew");
    assert_eq!(release.consent(), consent, "an upgrade touched the consent");
    release.is_complete();

    // Now that the account is held, its values can change.
    release.run("upgrade", &chart(), &SLOWER).ok();
    assert_eq!(release.account()["spec"]["polling"], json!({ "interval": "90s" }));
    assert_eq!(release.account()["metadata"]["uid"], account["metadata"]["uid"], "the account was made anew");
    if helm == Helm::Four {
        release.waits_for_the_account();
    }

    // Back to a revision that had made the account by a hook.
    release.run_in("rollback", &["twinconsent", "1"]).ok();
    assert_eq!(release.account()["metadata"]["uid"], account["metadata"]["uid"], "the account did not survive the rollback");
    assert_eq!(release.consent(), consent, "a rollback touched the consent");
    release.run("upgrade", &chart(), &SLOWER).ok();

    // What was said to the API stays, and what works on it goes.
    release.run_in("uninstall", &["twinconsent"]).ok();
    assert_eq!(release.consent(), consent, "the removal touched the consent");
    assert_eq!(release.account()["metadata"]["uid"], account["metadata"]["uid"]);
    assert_eq!(release.left_behind(), ["clusterheygenaccount.twinconsent.io/default"]);

    // Installed again, it takes over what it has left; and it takes everything with it when it is told to.
    release.run("install", &chart(), &[&SLOWER[..], &["--set=crds.keep=false"]].concat()).ok();
    assert_eq!(release.account()["metadata"]["uid"], account["metadata"]["uid"]);
    assert_eq!(release.consent(), consent, "an installation touched the consent");
    release.run_in("uninstall", &["twinconsent"]).ok();
    eventually("the definitions are gone", || plane.kubectl_ok(&["get", "crd", "-o", "name"]).unwrap().is_empty());
}

#[test]
fn an_account_whose_values_change_as_it_is_taken_over_gets_them_with_helm_3() {
    taken_over_with_changes(Helm::Three);
}

#[test]
fn an_account_whose_values_change_as_it_is_taken_over_gets_them_with_helm_4() {
    taken_over_with_changes(Helm::Four);
}

fn taken_over_with_changes(helm: Helm) {
    let plane = fresh();
    let release = Release { helm, plane: &plane };
    release.run("install", &chart(), &[&ACCOUNT[..], &["--create-namespace", "--set=replicas=0", "--wait", "--timeout=60s"]].concat()).ok();
    let polls = |interval: &str| {
        let value = format!("--set=account.polling.interval={interval}");
        release.run("upgrade", &chart(), &[&ACCOUNT[..], &["--install", &value]].concat()).ok();
        assert_eq!(release.account()["spec"]["polling"], json!({ "interval": interval }));
        release.account()["metadata"]["uid"].clone()
    };
    // It was made by a hook, and is made anew with the new values; then it is held, and changed in its place.
    let anew = polls("30s");
    assert_eq!(polls("30s"), anew);
    assert_eq!(polls("31s"), anew);
    // What an uninstalled release has left is taken over in the same way.
    release.run_in("uninstall", &["twinconsent"]).ok();
    polls("32s");

    // Another owner's account is not touched.
    release.run_in("uninstall", &["twinconsent"]).ok();
    let disowned = ["annotate", "clusterheygenaccount", "default", "meta.helm.sh/release-name-", "meta.helm.sh/release-namespace-"];
    plane.kubectl_ok(&disowned).unwrap();
    let refusal = release.run("install", &chart(), &ACCOUNT).refusal();
    assert!(refusal.contains("ClusterHeyGenAccount") && refusal.contains("invalid ownership metadata"), "{refusal}");
    assert_eq!(release.account()["spec"]["polling"], json!({ "interval": "32s" }));
}

#[test]
fn a_release_of_helm_3_is_carried_on_by_helm_4() {
    let plane = fresh();
    let before = Release { helm: Helm::Three, plane: &plane };
    before.run("install", &chart(), &[&ACCOUNT[..], &["--create-namespace", "--set=replicas=0", "--wait", "--timeout=60s"]].concat()).ok();
    plane.apply(CONSENT).unwrap();
    let consent = before.consent();

    let after = Release { helm: Helm::Four, plane: &plane };
    after.run("upgrade", &chart(), &ACCOUNT).ok();
    let account = after.account();
    after.run("upgrade", &chart(), &SLOWER).ok();
    assert_eq!(after.account()["spec"]["polling"], json!({ "interval": "90s" }));
    assert_eq!(after.account()["metadata"]["uid"], account["metadata"]["uid"], "the account was made anew");
    after.run_in("uninstall", &["twinconsent"]).ok();
    assert_eq!(after.consent(), consent);
    assert_eq!(after.left_behind(), ["clusterheygenaccount.twinconsent.io/default"]);
}

#[test]
fn two_releases_share_a_cluster() {
    let plane = fresh();
    let release = Release { helm: Helm::Four, plane: &plane };
    release.run("install", &chart(), &["--create-namespace", "--set=watch.labelSelector=tier!=gold"]).ok();
    let second = ["install", "twinconsent-gold", &chart(), "--namespace=twinconsent-gold", "--create-namespace"];
    let clash = release.helm.run_on(plane.kubeconfig(), &second).refusal();
    assert!(clash.contains("invalid ownership metadata") && clash.contains("CustomResourceDefinition"), "{clash}");
    let values = ["--set=crds.enabled=false", "--set=watch.labelSelector=tier=gold"];
    release.helm.run_on(plane.kubeconfig(), &[&["upgrade", "--install"], &second[1..], &values].concat()).ok();

    let leases = |namespace: &str, name: &str| {
        let deployment = get(&plane, &["deployment", name, "-n", namespace]);
        let arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"].as_array().unwrap().clone();
        arguments.into_iter().find(|argument| argument.as_str().unwrap().starts_with("--lease-name=")).unwrap()
    };
    assert_eq!(leases(NAMESPACE, "twinconsent"), "--lease-name=twinconsent");
    assert_eq!(leases("twinconsent-gold", "twinconsent-gold"), "--lease-name=twinconsent-gold");
}

#[test]
fn a_namespace_with_consents_is_deleted_at_once_while_no_operator_runs() {
    let plane = served();
    plane.kubectl_ok(&["create", "namespace", "short-lived"]).unwrap();
    plane.apply(&CONSENT.replace("namespace: default", "namespace: short-lived")).unwrap();
    plane.kubectl_ok(&["delete", "namespace", "short-lived", "--timeout=60s"]).unwrap();
}

/// The release `twinconsent` in its namespace.
struct Release<'a> {
    helm: Helm,
    plane: &'a ControlPlane,
}

impl Release<'_> {
    fn run(&self, verb: &str, chart: &str, arguments: &[&str]) -> Said {
        self.run_in(verb, &[&["twinconsent", chart], arguments].concat())
    }

    fn run_in(&self, verb: &str, arguments: &[&str]) -> Said {
        self.helm.run_on(self.plane.kubeconfig(), &[&[verb, "--namespace", NAMESPACE], arguments].concat())
    }

    fn account(&self) -> Value {
        get(self.plane, &["clusterheygenaccount", "default"])
    }

    fn consent(&self) -> Value {
        get(self.plane, &["digitaltwinconsent", "ada", "--namespace=default", "--show-managed-fields"])
    }

    fn short_names(&self) -> Vec<String> {
        let definition = get(self.plane, &["crd", "digitaltwinconsents.twinconsent.io"]);
        serde_json::from_value(definition["spec"]["names"]["shortNames"].clone()).unwrap()
    }

    /// Everything is there, so that what is found after a removal means something.
    fn is_complete(&self) {
        let present = self.left_behind();
        for name in [
            "deployment.apps/twinconsent",
            "secret/twinconsent-heygen",
            "clusterrole.rbac.authorization.k8s.io/twinconsent:twinconsent-system:edit",
            "role.rbac.authorization.k8s.io/twinconsent",
            "poddisruptionbudget.policy/twinconsent",
        ] {
            assert!(present.iter().any(|found| found == name), "{name} is not among {present:?}");
        }
    }

    /// The objects of the release, in all namespaces, without the definitions.
    fn left_behind(&self) -> Vec<String> {
        let kinds = "deployments,services,serviceaccounts,secrets,configmaps,poddisruptionbudgets,networkpolicies,\
                     roles,rolebindings,clusterroles,clusterrolebindings,clusterheygenaccounts";
        let found = ["get", kinds, "-A", "-l", "app.kubernetes.io/instance=twinconsent", "-o", "name"];
        let names = self.plane.kubectl_ok(&found).unwrap();
        names.lines().map(str::to_owned).collect()
    }

    /// Helm 4 waits for what is not ready, also when it is no pod.
    fn waits_for_the_account(&self) {
        let values = [&SLOWER[..], &["--set=replicas=0"]].concat();
        let said = self.run("upgrade", &chart(), &[&values[..], &["--wait", "--timeout=3s"]].concat()).refusal();
        assert!(said.contains("ClusterHeyGenAccount"), "{said}");
        self.run("upgrade", &chart(), &[&values[..], &["--wait=legacy", "--timeout=60s"]].concat()).ok();

        let account = self.account();
        let condition = json!({
            "type": "Ready", "status": "True", "reason": "CredentialsAccepted", "message": "HeyGen accepts the API key.",
            "lastTransitionTime": "2026-01-02T03:04:05Z", "observedGeneration": account["metadata"]["generation"],
        });
        let status = json!({ "observedGeneration": account["metadata"]["generation"], "conditions": [condition] });
        let patch = json!({ "status": status }).to_string();
        let arguments = ["patch", "clusterheygenaccount", "default", "--subresource=status", "--type=merge", "-p", &patch];
        kubectl_with(self.plane, &arguments, "").ok();
        self.run("upgrade", &chart(), &[&values[..], &["--wait", "--timeout=60s"]].concat()).ok();
    }
}

fn chart() -> String {
    argument(&root().join("charts/twinconsent")).to_owned()
}

/// A copy of the chart with definitions that have since changed.
fn chart_of_an_older_version(folder: &Path) -> String {
    let copy = folder.join("twinconsent");
    copy_folder(&root().join("charts/twinconsent"), &copy);
    let definition = copy.join("templates/crds/digitaltwinconsents.yaml");
    let text = std::fs::read_to_string(&definition).unwrap();
    assert!(text.contains("    - dtc\n"), "the short name stands elsewhere now");
    std::fs::write(&definition, text.replace("    - dtc\n", "    - olddtc\n")).unwrap();
    argument(&copy).to_owned()
}
