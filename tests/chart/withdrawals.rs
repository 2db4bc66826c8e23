//! `withdrawals.keep` on a real API server, installed by both Helms: which users delete which consent, and that no other write notices.

use controlplane::ControlPlane;
use serde_json::{Value, json};

use crate::cluster::{eventually, fresh, get, kubectl_with};
use crate::helm::{Helm, NAMESPACE, Said};

/// How the API server says that the policy has refused something.
const REFUSED: &str = "this consent was withdrawn, and deleting it forgets that; the verb deletewithdrawn on digitaltwinconsents allows it";

const OPERATOR: &str = "system:serviceaccount:twinconsent-system:twinconsent";
const ADMIN: &str = "kubernetes-admin";
const TENANT: &str = "tenant";

/// A tenant that has the chart's role for it, besides.
const RECORDS: &str = "records";

/// Where they work, unless another namespace is named; they have the rights of an editor in all of them.
const NAMESPACE_OF_TENANTS: &str = "team-a";

#[test]
fn a_withdrawn_consent_is_deleted_by_holders_of_the_verb_alone_with_helm_3() {
    Cluster::new(Helm::Three).keeps_and_lets_go();
}

#[test]
fn a_withdrawn_consent_is_deleted_by_holders_of_the_verb_alone_with_helm_4() {
    Cluster::new(Helm::Four).keeps_and_lets_go();
}

#[test]
fn what_deploys_consents_and_the_operator_write_to_a_withdrawn_one_as_before() {
    let cluster = Cluster::new(Helm::Four);
    cluster.release(NAMESPACE, &["--set=withdrawals.keep=true"]).ok();
    cluster.until_kept(NAMESPACE_OF_TENANTS);
    // The operator has the right to patch a status, which is enough for it; kubectl reads it first.
    let read = ["create", "clusterrole", "status-reader", "--verb=get", "--resource=digitaltwinconsents/status"];
    cluster.plane.kubectl_ok(&read).unwrap();
    let bound = ["create", "clusterrolebinding", "status-reader", "--clusterrole=status-reader", "--user", OPERATOR];
    cluster.plane.kubectl_ok(&bound).unwrap();
    for manager in ["kustomize-controller", "argocd-controller"] {
        let apply = ["apply", "--server-side", "--field-manager", manager, "--force-conflicts"];
        // The first time from a commit without the withdrawal, then from one with it, and then again from the old one.
        let (given, withdrawn) = (consent(manager, NAMESPACE_OF_TENANTS, &json!({})), withdrawn(manager, NAMESPACE_OF_TENANTS));
        cluster.write(TENANT, &apply, &given).ok();
        let set = json!({ "spec": { "withdrawal": withdrawal() } }).to_string();
        let set = ["patch", "digitaltwinconsent", manager, "--type=merge", "--field-manager=twinconsent-cli", "-p", &set];
        cluster.kubectl(TENANT, &set).ok();
        for manifest in [&given, &withdrawn] {
            cluster.write(TENANT, &apply, manifest).ok();
            assert_eq!(cluster.consent(manager)["spec"]["withdrawal"], withdrawal(), "{manager}");
        }
        let status = json!({ "status": { "observedGeneration": 2, "consentStatus": "accepted" } }).to_string();
        let written = ["patch", "digitaltwinconsent", manager, "--subresource=status", "--type=merge", "-p", &status];
        cluster.kubectl(OPERATOR, &written).ok();
        assert_eq!(cluster.consent(manager)["status"]["consentStatus"], "accepted");
        cluster.kubectl(TENANT, &["label", "digitaltwinconsent", manager, "seen=yes"]).ok();
    }
}

#[test]
fn a_release_keeps_what_it_serves_and_two_releases_do_not_meet() {
    let cluster = Cluster::new(Helm::Four);
    cluster.plane.kubectl_ok(&["create", "namespace", "team-b"]).unwrap();
    cluster.release(NAMESPACE, &["--set=withdrawals.keep=true,watch.namespaces={team-b}"]).ok();
    cluster.until_kept("team-b");
    cluster.until_free(NAMESPACE_OF_TENANTS);

    // One of the same name elsewhere, which serves every namespace, by the rights of another.
    let everywhere = ["--set=withdrawals.keep=true,crds.enabled=false,rbac.create=false"];
    cluster.release("twinconsent-other", &everywhere).ok();
    cluster.until_kept(NAMESPACE_OF_TENANTS);
    for kind in ["validatingadmissionpolicies", "validatingadmissionpolicybindings"] {
        let ours = ["get", kind, "-l", "app.kubernetes.io/instance=twinconsent", "-o", "name"];
        assert_eq!(cluster.plane.kubectl_ok(&ours).unwrap().lines().count(), 2, "{kind}");
    }

    // What a release has brought goes with it, and with the value.
    cluster.helm("twinconsent-other", &["uninstall", "twinconsent"]).ok();
    cluster.until_free(NAMESPACE_OF_TENANTS);
    cluster.until_kept("team-b");
    cluster.release(NAMESPACE, &["--set=withdrawals.keep=false"]).ok();
    cluster.until_free("team-b");
}

fn withdrawal() -> Value {
    json!({ "time": "2026-11-01T10:00:00Z", "reference": "ticket-4711" })
}

fn consent(name: &str, namespace: &str, more: &Value) -> String {
    let mut spec = json!({ "groupID": format!("group-{name}") });
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let metadata = json!({ "name": name, "namespace": namespace });
    json!({ "apiVersion": "twinconsent.io/v1alpha1", "kind": "DigitalTwinConsent", "metadata": metadata, "spec": spec }).to_string()
}

fn withdrawn(name: &str, namespace: &str) -> String {
    consent(name, namespace, &json!({ "withdrawal": withdrawal() }))
}

/// A cluster with the chart's definitions and roles, and two users who have those of an editor.
struct Cluster {
    helm: Helm,
    plane: ControlPlane,
}

impl Cluster {
    fn new(helm: Helm) -> Self {
        let cluster = Self { helm, plane: fresh() };
        cluster.release(NAMESPACE, &["--wait", "--timeout=60s"]).ok();
        cluster.plane.kubectl_ok(&["create", "namespace", NAMESPACE_OF_TENANTS]).unwrap();
        cluster.bind("edit", &["clusterrolebinding"], &[TENANT, RECORDS]);
        cluster.plane.apply(&withdrawn("by-default", NAMESPACE_OF_TENANTS)).unwrap();
        eventually("a tenant deletes what is not kept", || cluster.delete(TENANT, &["digitaltwinconsent", "by-default"]).succeeded);
        cluster
    }

    fn keeps_and_lets_go(&self) {
        let served = NAMESPACE_OF_TENANTS;
        self.release(NAMESPACE, &["--set=withdrawals.keep=true", "--wait", "--timeout=60s"]).ok();
        self.bind("delete-withdrawn", &["rolebinding", "--namespace", NAMESPACE_OF_TENANTS], &[RECORDS]);
        self.until_kept(served);
        // The API server has found nothing in the expressions that does not fit the kind.
        let policy = || get(&self.plane, &["validatingadmissionpolicy", "twinconsent-keep-withdrawals.twinconsent-system"]);
        eventually("the policy is checked", || policy()["status"]["observedGeneration"].is_u64());
        assert_eq!(policy()["status"]["typeChecking"], json!({}));

        let collection = format!("/apis/twinconsent.io/v1alpha1/namespaces/{served}/digitaltwinconsents");
        let one = ["digitaltwinconsent", "ada"];
        let foreground = ["digitaltwinconsent", "ada", "--cascade=foreground"];
        let collector = "system:serviceaccount:kube-system:generic-garbage-collector";
        let ways: [(&str, &[&str]); 6] = [
            (TENANT, &one),
            (TENANT, &foreground),
            (TENANT, &["digitaltwinconsents", "--all"]),
            (TENANT, &["--raw", &collection]),
            ("system:serviceaccount:kube-system:namespace-controller", &one),
            // A tenant can let an object be owned by another, and delete that one.
            (collector, &one),
        ];
        self.plane.apply(&withdrawn("ada", served)).unwrap();
        let uid = self.consent("ada")["metadata"]["uid"].clone();
        for (user, how) in ways {
            let refusal = self.delete(user, how).refusal();
            assert!(refusal.contains(REFUSED) && self.consent("ada")["metadata"]["uid"] == uid, "{user}, {how:?}: {refusal}");
        }
        let refusal = self.write(TENANT, &["replace", "--force"], &consent("ada", served, &json!({}))).refusal();
        assert!(refusal.contains(REFUSED) && self.consent("ada")["metadata"]["uid"] == uid, "{refusal}");

        // What was not withdrawn goes as before, also where the field is there and empty.
        for spec in [json!({}), json!({ "withdrawal": null })] {
            self.write(TENANT, &["create"], &consent("grace", served, &spec)).ok();
            assert_eq!(self.consent("grace")["spec"].get("withdrawal"), spec.get("withdrawal"));
            self.delete(TENANT, &["digitaltwinconsent", "grace"]).ok();
        }
        // Holders of the verb, where they hold it.
        self.delete(RECORDS, &one).ok();
        self.plane.apply(&withdrawn("ada", "default")).unwrap();
        assert!(self.delete(RECORDS, &["digitaltwinconsent", "ada", "--namespace=default"]).refusal().contains(REFUSED));
        self.delete(ADMIN, &["digitaltwinconsent", "ada", "--namespace=default"]).ok();

        // A namespace goes with all that is in it.
        self.plane.kubectl_ok(&["create", "namespace", "ending"]).unwrap();
        self.plane.apply(&withdrawn("ada", "ending")).unwrap();
        self.until_kept("ending");
        self.plane.kubectl_ok(&["delete", "namespace", "ending", "--timeout=60s"]).unwrap();

        // Nothing of it stays when it is taken back.
        self.plane.apply(&withdrawn("ada", served)).unwrap();
        self.release(NAMESPACE, &["--set=withdrawals.keep=false"]).ok();
        self.until_free(served);
    }

    fn helm(&self, namespace: &str, arguments: &[&str]) -> Said {
        self.helm.run_on(self.plane.kubeconfig(), &[arguments, &["--namespace", namespace]].concat())
    }

    /// The release `twinconsent` in a namespace, with these values; no pod runs here.
    fn release(&self, namespace: &str, values: &[&str]) -> Said {
        let install = ["upgrade", "--install", "twinconsent", "charts/twinconsent", "--create-namespace", "--set=replicas=0"];
        self.helm(namespace, &[&install[..], values].concat())
    }

    /// Gives users one of the chart's roles by a binding of this kind.
    fn bind(&self, role: &str, binding: &[&str], users: &[&str]) {
        let role_of_the_chart = format!("--clusterrole=twinconsent:{NAMESPACE}:{role}");
        let users = users.iter().flat_map(|user| ["--user", user]);
        let arguments: Vec<&str> = ["create"].iter().chain(binding).copied().chain([role, &role_of_the_chart]).chain(users).collect();
        self.plane.kubectl_ok(&arguments).unwrap();
    }

    fn kubectl(&self, user: &str, arguments: &[&str]) -> Said {
        self.write(user, arguments, "")
    }

    /// What a user does in the namespace of tenants, unless the arguments say another.
    fn write(&self, user: &str, arguments: &[&str], manifest: &str) -> Said {
        // The administrator is the user of the kubeconfig, and may act as any other.
        let by: &[&str] = if user == ADMIN { &[] } else { &["--as", user] };
        let manifest_there: &[&str] = if manifest.is_empty() { &[] } else { &["-f", "-"] };
        let there = ["--namespace", NAMESPACE_OF_TENANTS];
        kubectl_with(&self.plane, &[&there[..], by, arguments, manifest_there].concat(), manifest)
    }

    fn delete(&self, user: &str, arguments: &[&str]) -> Said {
        self.kubectl(user, &[&["delete"], arguments].concat())
    }

    fn consent(&self, name: &str) -> Value {
        get(&self.plane, &["digitaltwinconsent", name, "--namespace", NAMESPACE_OF_TENANTS])
    }

    /// Waits until the API server keeps the withdrawn consents of a namespace; it watches policies.
    fn until_kept(&self, namespace: &str) {
        eventually(&format!("{namespace} is kept"), || self.trial(namespace).stderr.contains(REFUSED));
    }

    fn until_free(&self, namespace: &str) {
        eventually(&format!("{namespace} is free"), || self.trial(namespace).succeeded);
    }

    /// A deletion that changes nothing.
    fn trial(&self, namespace: &str) -> Said {
        self.plane.apply(&withdrawn("tried", namespace)).unwrap();
        self.delete(TENANT, &["digitaltwinconsent", "tried", "--dry-run=server", "--namespace", namespace])
    }
}
