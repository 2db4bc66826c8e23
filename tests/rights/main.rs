//! Least privilege: what the chart grants is what the operator uses, verb by verb, as the API server's audit log tells.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test tells its figures, and a log when it fails")]

mod audit;
mod granted;
mod life;
mod right;
#[path = "../e2e/support.rs"]
mod support;

use std::collections::BTreeSet;

use controlplane::{ControlPlane, Options};

use life::Life;
use right::Right;

/// The release, its objects, and the ServiceAccount among them.
const RELEASE: &str = "twinconsent";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_granted_for_the_whole_cluster_is_what_is_used() {
    compare(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_granted_for_some_namespaces_is_what_is_used() {
    compare(&["tenant"]).await;
}

/// Lives through everything that asks Kubernetes for something, and compares.
async fn compare(scoped: &[&str]) {
    // Never dropped: it ends with this process.
    let plane: &'static ControlPlane = Box::leak(Box::new(ControlPlane::start(Options { audit_log: true, ..Options::default() }).unwrap()));
    support::prepared(plane);
    plane.kubectl_ok(&["create", "namespace", "tenant"]).unwrap();
    let granted = granted::install(plane, scoped);
    let kubeconfig = plane.service_account_kubeconfig(support::OPERATOR_NAMESPACE, RELEASE).unwrap();
    Life::begin(plane, &kubeconfig, scoped).await.run().await;

    let used = audit::used(plane.audit_log().unwrap(), &format!("system:serviceaccount:{}:{RELEASE}", support::OPERATOR_NAMESPACE));
    let missing: Vec<&Right> = used.iter().filter(|used| !granted.iter().any(|granted| granted.covers(used))).collect();
    let unused: BTreeSet<&Right> = granted.iter().filter(|granted| !used.iter().any(|used| granted.covers(used))).collect();
    assert!(!used.is_empty(), "the audit log tells nothing of the operator");
    assert!(missing.is_empty(), "used and not granted: {missing:#?}");
    assert!(unused.is_empty(), "granted and not used: {unused:#?}");
    let secrets = used.iter().filter(|right| right.resource == "secrets" && ["list", "watch"].contains(&right.verb.as_str()));
    assert_eq!(secrets.count(), 0, "Secrets are read by name");
    println!("{} rights granted, {} used", granted.len(), used.len());
}
