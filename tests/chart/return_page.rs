//! The return page on a real API server: which rights come with it, and what of it is installed and left behind.

use crate::cluster::{TENANTS, eventually, get, kubectl_with, served};
use crate::helm::{Helm, NAMESPACE, argument, root};

/// A release of the test's own, whose definitions are there already.
struct Release {
    name: &'static str,
    helm: Helm,
}

impl Release {
    fn install(&self, values: &[&str]) {
        let arguments = ["upgrade", "--install", self.name, "charts/twinconsent", "--namespace", NAMESPACE];
        let own = [format!("--set=fullnameOverride={}", self.name), "--set=crds.enabled=false,replicas=0".to_owned()];
        self.helm.run_on(served().kubeconfig(), &[&arguments[..], &[&own[0], &own[1]], values].concat()).ok();
    }

    fn uninstall(&self) {
        self.helm.run_on(served().kubeconfig(), &["uninstall", self.name, "--namespace", NAMESPACE]).ok();
    }

    /// Whether its operator may do something in a namespace.
    fn may(&self, verb: &str, what: &str, namespace: &str) -> bool {
        let account = format!("system:serviceaccount:{NAMESPACE}:{}", self.name);
        let answer = served().kubectl().args(["auth", "can-i", verb, what, "--namespace", namespace, "--as", &account]).output().unwrap();
        // It fails when the answer is no.
        String::from_utf8(answer.stdout).unwrap().trim() == "yes"
    }
}

const PAGE: &str = "--set=returnPage.enabled=true,returnPage.url=https://consent.example.com";

#[test]
fn the_operator_may_create_secrets_in_its_own_namespace_only_while_none_is_named() {
    let release = Release { name: "landing", helm: Helm::Four };
    let creates = || release.may("create", "secrets", NAMESPACE);

    release.install(&[]);
    eventually("the release may read Secrets", || release.may("get", "secrets", NAMESPACE));
    assert!(!creates(), "without a page");

    release.install(&[PAGE]);
    eventually("the operator may create the Secret", creates);
    assert!(!release.may("create", "secrets", TENANTS[0]), "in a namespace of tenants");
    for verb in ["list", "watch", "update", "patch", "delete"] {
        assert!(!release.may(verb, "secrets/landing-return-page", NAMESPACE), "{verb}");
    }
    // As it does.
    let account = format!("system:serviceaccount:{NAMESPACE}:{}", release.name);
    let secret = r#"{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "landing-return-page"}, "stringData": {"current": "k"}}"#;
    kubectl_with(served(), &["create", "--namespace", NAMESPACE, "--as", &account, "-f", "-"], secret).ok();

    release.install(&[PAGE, "--set=returnPage.existingSecret.name=ours"]);
    eventually("the operator may create no Secret any more", || !creates());
    release.uninstall();
    assert!(!get(served(), &["secret", "landing-return-page", "--namespace", NAMESPACE]).is_null(), "links that are out need it");
}

#[test]
fn both_helms_install_every_way_to_the_page_and_take_it_away() {
    let values = root().join("tests/chart/values/return-page.yaml");
    for (name, helm) in [("ways-3", Helm::Three), ("ways-4", Helm::Four)] {
        let release = Release { name, helm };
        release.install(&["-f", argument(&values)]);
        let named = format!("{name}-return-page");
        let found = |kind: &str| get(served(), &[kind, &named, "--namespace", NAMESPACE]);
        assert_eq!(found("service")["spec"]["ports"][0]["port"], 8000, "{helm:?}");
        let backend = &found("ingress")["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"];
        assert_eq!((&backend["name"], &backend["port"]["name"]), (&named.as_str().into(), &"return-page".into()), "{helm:?}");
        let reference = &found("httproute")["spec"]["rules"][0]["backendRefs"][0];
        assert_eq!((&reference["name"], &reference["port"]), (&named.as_str().into(), &8000.into()), "{helm:?}");
        // Of the way alone, not of the metrics.
        release.install(&["-f", argument(&values), "--set=returnPage.ingress.enabled=false,returnPage.httpRoute.enabled=false"]);
        assert!(found("ingress").is_null() && found("httproute").is_null() && !found("service").is_null(), "{helm:?}");
        release.uninstall();
        assert!(found("service").is_null(), "{helm:?}");
    }
}
