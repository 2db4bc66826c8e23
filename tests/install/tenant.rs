//! Installed by a user who has rights in one namespace and no others; the operator, too, has no more than it was granted there.

use controlplane::Program;
use serde_json::Value;

use crate::cluster::{Cluster, cluster, eventually, root};
use crate::consents::{link, until};
use crate::document::{Reader, Section};
use crate::heygen::{self, Beside};

/// The namespace of the document.
const NAMESPACE: &str = "team-a";

/// Its admin.
const ADMIN: &str = "admin-of-team-a";

/// The operator.
const OPERATOR: &str = "system:serviceaccount:team-a:twinconsent";

/// What the admin of the namespace applies.
const CONSENT: &str = "
apiVersion: twinconsent.io/v1alpha1
kind: HeyGenAccount
metadata: {name: studio, namespace: team-a}
spec: {apiKeySecretRef: {name: heygen, key: apiKey}, polling: {interval: 2s, minimum: 1s}}
---
apiVersion: twinconsent.io/v1alpha1
kind: DigitalTwinConsent
metadata: {name: lovelace, namespace: team-a}
spec: {groupID: lovelace, accountRef: {kind: HeyGenAccount, name: studio}}
";

#[test]
fn the_admin_of_a_namespace_installs_it_and_the_operator_has_no_right_elsewhere_with_both_helms() {
    let cluster = &*cluster();
    for helm in [Program::Helm, Program::Helm3] {
        println!("with {helm}: by the admin of a namespace");
        let person = Beside::start(cluster, &["lovelace"]);
        cluster.clear(&[NAMESPACE]);
        cluster.kubectl(&["apply", "--server-side", "-f", root().join("crds").to_str().unwrap()]);
        let labels = "{pod-security.kubernetes.io/enforce: restricted}";
        cluster.apply(&format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {NAMESPACE}, labels: {labels}}}\n"));
        cluster.kubectl(&["create", "rolebinding", "admin", "--clusterrole=admin", "--user", ADMIN, "-n", NAMESPACE]);

        // What the document has the admin do, and after it what the other admin does.
        let blocks = Section::of("docs/installing.md", "### As the admin of a namespace").blocks("sh");
        let [install, grant] = &blocks[..] else { panic!("there are {} blocks", blocks.len()) };
        let reader = Reader::new(cluster, helm);
        let [url, insecure] = Beside::values();
        let values = format!("--set image.registry=localhost,image.pullPolicy=Never,{url},{insecure}");
        reader.types(&format!("export HELM_KUBEASUSER={ADMIN}\n{} {values}", install.trim_end()), "");
        eventually("the log names what is missing", || {
            let log = cluster.try_kubectl(&["-n", NAMESPACE, "logs", "deployment/twinconsent"])?;
            if log.contains("RBAC does not let the operator list digitaltwinconsents") { Ok(()) } else { Err(log) }
        });
        assert_eq!(ready(cluster), 0);

        reader.types(grant, "");
        cluster.kubectl(&["-n", NAMESPACE, "rollout", "status", "deployment/twinconsent", "--timeout=120s"]);
        let since = cluster.audit_log().lines().count();
        let as_admin = |arguments: &[&str]| cluster.kubectl(&[&["--as", ADMIN, "-n", NAMESPACE], arguments].concat());
        as_admin(&["create", "secret", "generic", "heygen", &format!("--from-literal=apiKey={}", heygen::KEY)]);
        // A controller of Kubernetes puts the parts of the role together.
        eventually("the admin may ask for consents", || cluster.apply_as(ADMIN, CONSENT));
        person.consent(&link(&until(cluster, NAMESPACE, "lovelace", "AwaitingApproval")));
        until(cluster, NAMESPACE, "lovelace", "Approved");

        assert_eq!(cluster.refused(OPERATOR, since), Vec::<String>::new());
        for (verb, what, namespace) in
            [("list", "digitaltwinconsents", "default"), ("get", "secrets", "default"), ("get", "namespaces", "")]
        {
            let asked = ["auth", "can-i", verb, what, "--as", OPERATOR, "--namespace", namespace];
            assert!(cluster.try_kubectl(&asked).is_err_and(|answer| answer.contains("no")), "{verb} {what} in {namespace:?}");
        }
        cluster.clear(&[NAMESPACE]);
    }
}

/// How many pods of the operator are ready.
fn ready(cluster: &Cluster) -> u64 {
    let deployment = cluster.get(&["deployment", "twinconsent", "-n", NAMESPACE]).unwrap();
    match &deployment["status"]["readyReplicas"] {
        Value::Null => 0,
        number => number.as_u64().unwrap(),
    }
}
