//! A user who has rights in one namespace and no others can install the chart there, beside definitions that are there already.

use crate::cluster::{eventually, served};
use crate::helm::{Helm, NAMESPACE, Said, argument, objects, value_files};

const NOTHING_OF_THE_CLUSTER: &str = "--set=rbac.create=false,crds.enabled=false";

#[test]
fn nothing_stands_outside_the_releases_namespace_but_what_is_asked_for() {
    for file in value_files() {
        let asks_for_a_policy = std::fs::read_to_string(&file).unwrap().contains("withdrawals:\n  keep: true\n");
        for object in objects(&["-f", argument(&file), NOTHING_OF_THE_CLUSTER]) {
            let kind = object["kind"].as_str().unwrap();
            let is_policy = asks_for_a_policy && kind.starts_with("ValidatingAdmissionPolicy");
            let is_there = object["metadata"]["namespace"] == NAMESPACE || kind == "ClusterHeyGenAccount" || is_policy;
            assert!(is_there, "{}: {} {}", file.display(), object["kind"], object["metadata"]["name"]);
        }
    }
}

#[test]
fn the_admin_of_a_namespace_installs_upgrades_and_removes_it() {
    for helm in Helm::ALL {
        let plane = served();
        let namespace = format!("tenant-{helm:?}").to_lowercase();
        let admin = format!("admin-of-{namespace}");
        plane.kubectl_ok(&["create", "namespace", &namespace]).unwrap();
        let binding = ["create", "rolebinding", "admin", "--clusterrole=admin", "--user", &admin, "--namespace", &namespace];
        plane.kubectl_ok(&binding).unwrap();
        let may = |verb: &str, what: &str| {
            // It fails when the answer is no.
            let asked = ["auth", "can-i", verb, what, "--as", &admin, "--namespace", &namespace];
            plane.kubectl().args(asked).output().unwrap().stdout.starts_with(b"yes")
        };
        // A controller puts the parts of the built-in role together.
        eventually("the namespace's admin has rights", || may("create", "deployments.apps"));
        assert!(!may("create", "clusterroles.rbac.authorization.k8s.io"));

        let as_admin = |arguments: &[&str]| -> Said {
            let admin_there = ["--namespace", &namespace, "--kube-as-user", &admin];
            helm.run_on(plane.kubeconfig(), &[arguments, &admin_there].concat())
        };
        let watched = format!("--set=replicas=0,networkPolicy.enabled=true,watch.namespaces={{{namespace}}}");
        let install = ["upgrade", "--install", "twinconsent", "charts/twinconsent", &watched];
        let refusal = as_admin(&[&install[..], &["--set=crds.enabled=false"]].concat()).refusal();
        assert!(refusal.contains("forbidden") && refusal.contains("clusterroles"), "{helm:?}: {refusal}");
        for concurrency in ["--set=concurrency=8", "--set=concurrency=9"] {
            as_admin(&[&install[..], &[NOTHING_OF_THE_CLUSTER, concurrency, "--wait", "--timeout=60s"]].concat()).ok();
        }
        let ours = ["get", "deployments,services,networkpolicies", "--namespace", &namespace, "-o", "name"];
        assert_eq!(plane.kubectl_ok(&ours).unwrap().lines().count(), 3, "{helm:?}");
        as_admin(&["uninstall", "twinconsent"]).ok();
        assert_eq!(plane.kubectl_ok(&ours).unwrap(), "", "{helm:?}");
    }
}
