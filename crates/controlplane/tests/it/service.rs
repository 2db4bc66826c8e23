//! What a running control plane offers.

use std::fs;
use std::sync::OnceLock;

use controlplane::{ControlPlane, Error, Options, Program, Release, shared};

use crate::eventually;

/// A control plane with everything switched on, for the tests of what is off in the shared one.
fn complete() -> &'static ControlPlane {
    static COMPLETE: OnceLock<ControlPlane> = OnceLock::new();
    COMPLETE.get_or_init(|| ControlPlane::start(Options { audit_log: true, controller_manager: true, ..Options::default() }).unwrap())
}

#[test]
fn it_reports_the_pinned_minor_version() {
    let version = shared().unwrap().kubectl_ok(&["version", "--output=json"]).unwrap();
    let version: serde_json::Value = serde_json::from_str(&version).unwrap();
    let newest = include_str!("../../../../tools/kubernetes/go.mod");
    let module = match Release::from_environment().unwrap() {
        Release::Newest => newest,
        Release::Oldest => include_str!("../../../../tools/kubernetes-1.33/go.mod"),
    };
    // Not every patch is published: one that was downloaded may have another.
    let minor = |version: &str| version.rsplit_once('.').unwrap().0.to_owned();
    let pinned = |module: &'static str| {
        let mut lines = module.lines().filter_map(|line| line.trim().strip_prefix("k8s.io/kubernetes "));
        minor(lines.find_map(|rest| rest.split_whitespace().next()).unwrap())
    };
    // Assets of the user's own may be of another version; they are not for this test to judge.
    if std::env::var_os("KUBEBUILDER_ASSETS").is_none() {
        assert_eq!(minor(version["serverVersion"]["gitVersion"].as_str().unwrap()), pinned(module));
        assert_eq!(minor(version["clientVersion"]["gitVersion"].as_str().unwrap()), pinned(newest));
    }
}

#[test]
fn kubectl_ignores_the_callers_own_settings() {
    let plane = shared().unwrap();
    let command = plane.kubectl();
    let kubeconfig = command.get_envs().find(|(name, _)| *name == "KUBECONFIG");
    assert_eq!(kubeconfig.unwrap().1, Some(plane.kubeconfig().as_os_str()));
}

#[test]
fn a_service_account_may_do_what_a_role_binding_allows_and_nothing_else() {
    let plane = shared().unwrap();
    plane.apply("{apiVersion: v1, kind: Namespace, metadata: {name: rbac}}").unwrap();
    plane.kubectl_ok(&["create", "serviceaccount", "reader", "-n", "rbac"]).unwrap();
    let kubeconfig = plane.service_account_kubeconfig("rbac", "reader").unwrap();
    let list = |namespace: &str| {
        let login = format!("--kubeconfig={}", kubeconfig.display());
        plane.kubectl_ok(&[&login, "get", "configmaps", "-n", namespace])
    };

    let denied = list("rbac").unwrap_err().to_string();
    assert!(denied.contains("system:serviceaccount:rbac:reader"), "{denied}");
    assert!(denied.contains("forbidden"), "{denied}");

    plane
        .apply(
            "apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: rbac}
rules: [{apiGroups: [''], resources: [configmaps], verbs: [list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader, namespace: rbac}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: reader, namespace: rbac}]
",
        )
        .unwrap();
    // The API server learns of bindings by a watch of its own.
    eventually("the binding counts", || list("rbac").is_ok());
    assert!(list("default").unwrap_err().to_string().contains("forbidden"));
}

#[test]
fn a_refused_manifest_is_an_error_with_the_servers_reason() {
    let refused = shared().unwrap().apply("{apiVersion: v1, kind: Namespace, metadata: {name: Not_A_Name}}").unwrap_err();
    assert!(matches!(refused, Error::Kubectl { .. }));
    assert!(refused.to_string().contains("Invalid value: \"Not_A_Name\""), "{refused}");
}

#[test]
fn the_audit_log_names_a_request_and_its_user() {
    let plane = complete();
    plane.kubectl_ok(&["get", "configmap", "nobody-else-asks-for-this", "--ignore-not-found"]).unwrap();
    let log = fs::read_to_string(plane.audit_log().unwrap()).unwrap();
    let entries: Vec<&str> = log.lines().filter(|line| line.contains("nobody-else-asks-for-this")).collect();
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert!(entries[0].contains(r#""username":"admin""#), "{}", entries[0]);
    assert!(entries[0].contains(r#""level":"Metadata""#), "{}", entries[0]);
}

#[test]
fn without_being_asked_there_is_no_audit_log() {
    let plane = shared().unwrap();
    assert_eq!(plane.audit_log(), None);
    assert!(!plane.dir().join("audit.log").exists());
}

#[test]
fn with_the_controller_manager_a_deleted_namespace_goes_away() {
    let plane = complete();
    assert_eq!(plane.pids().len(), 3);
    plane.kubectl_ok(&["create", "namespace", "short-lived"]).unwrap();
    plane.kubectl_ok(&["delete", "namespace", "short-lived", "--timeout=60s"]).unwrap();
    let left = plane.kubectl_ok(&["get", "namespace", "short-lived", "--ignore-not-found"]);
    assert_eq!(left.unwrap(), "");
}

#[test]
fn with_the_controller_manager_a_pod_runs_as_the_default_service_account() {
    let plane = complete();
    plane
        .apply(
            "apiVersion: v1
kind: Pod
metadata: {name: pending, namespace: default}
spec: {containers: [{name: c, image: example.invalid/c}]}
",
        )
        .unwrap();
    let account = plane.kubectl_ok(&["get", "pod", "pending", "-o=jsonpath={.spec.serviceAccountName}"]);
    assert_eq!(account.unwrap(), "default");
}

#[test]
fn a_program_beside_it_is_logged_in_and_ends_with_its_handle() {
    let arguments = ["get", "namespaces", "--watch", "--output=name"].map(str::to_owned);
    let beside = shared().unwrap().start_beside(Program::Kubectl, &arguments, &[]).unwrap();
    eventually("it is logged in", || beside.log().contains("namespace/default"));
    beside.check().unwrap();
    let pid = beside.pid().unwrap();
    drop(beside);
    assert_eq!(crate::processes::left(&[pid], "no folder".as_ref()), []);
}

#[test]
fn a_program_beside_it_that_ends_says_why() {
    // Beside another control plane: two of a kind would share a log.
    let beside = complete().start_beside(Program::Kubectl, &["no-such-command".to_owned()], &[("LANG", "C")]).unwrap();
    let why = std::cell::RefCell::new(String::new());
    eventually("it ends", || {
        let ended = beside.check();
        *why.borrow_mut() = ended.as_ref().err().map(ToString::to_string).unwrap_or_default();
        ended.is_err()
    });
    assert!(why.borrow().contains("no-such-command"), "{}", why.borrow());
}
