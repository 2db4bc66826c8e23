//! What is missing is named, waited for, and mended without a restart.

use controlplane::{ControlPlane, Options};
use heygen_simulator::GroupDefinition;
use serde_json::json;
use twinconsent::api;

use crate::support::scene::{AWAITING, create, until_reading};
use crate::support::{Operator, World, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn missing_rights_are_named_in_one_line_and_granted_without_a_restart() {
    let world = World::start("rights").await;
    let namespace = &world.namespace;
    let role = |verbs: &str| {
        format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: {namespace}}}\nrules:\n\
             - {{apiGroups: [twinconsent.io], resources: [digitaltwinconsents, heygenaccounts, clusterheygenaccounts], verbs: [{verbs}]}}\n\
             - {{apiGroups: [twinconsent.io], resources: [digitaltwinconsents/status, heygenaccounts/status, clusterheygenaccounts/status], verbs: [patch]}}\n\
             - {{apiGroups: [coordination.k8s.io], resources: [leases], verbs: [create, get, update]}}\n\
             - {{apiGroups: [\"\"], resources: [secrets], verbs: [get]}}\n"
        )
    };
    world.plane.kubectl_ok(&["-n", namespace, "create", "serviceaccount", "operator"]).unwrap();
    world.plane.apply(&role("list")).unwrap();
    let binding = format!("--serviceaccount={namespace}:operator");
    world.plane.kubectl_ok(&["create", "clusterrolebinding", namespace, &format!("--clusterrole={namespace}"), &binding]).unwrap();
    let kubeconfig = world.plane.service_account_kubeconfig(namespace, "operator").unwrap();
    let lease = format!("--operator-namespace={namespace}");
    let operator = Operator::start_as(&world, kubeconfig.to_str().unwrap(), &["--leader-elect=true", &lease]);

    let wanted = format!(
        "not yet: rights: RBAC does not let the operator watch digitaltwinconsents in API group \"twinconsent.io\" in namespace \"{namespace}\", \
         watch heygenaccounts in API group \"twinconsent.io\" in namespace \"{namespace}\", \
         get digitaltwinconsents in API group \"twinconsent.io\" in namespace \"{namespace}\", \
         get clusterheygenaccounts in API group \"twinconsent.io\" in the whole cluster; grant it"
    );
    eventually("/readyz names what is missing", || async {
        match operator.get("/readyz").await {
            Some((503, text)) if text.contains(&wanted) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    assert!(operator.get("/livez").await.is_some_and(|(code, _)| code == 200));
    world.plane.apply(&role("get, list, watch")).unwrap();
    operator.until_ready().await;
    world.simulator.create_group(GroupDefinition::twin("ada")).unwrap();
    world.consent("ada", json!({ "groupID": "ada" })).await;
    world.until("ada", "AwaitingApproval").await;
    assert_eq!(operator.log().matches("cannot work yet").count(), 1, "{}", operator.log());
    world.end([operator]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_and_old_definitions_are_named_and_upgraded_without_a_restart() {
    let plane = ControlPlane::start(Options::default()).unwrap();
    let operator = Operator::start_with(plane.kubeconfig().to_str().unwrap(), &["--leader-elect=false"]);
    says(&operator, "the API server does not serve DigitalTwinConsents of twinconsent.io/v1alpha1: install the definitions").await;
    let current = api::crd_files().unwrap();
    for mut crd in api::crds() {
        if crd.spec.names.kind == "DigitalTwinConsent" {
            let root = crd.spec.versions[0].schema.as_mut().unwrap().open_api_v3_schema.as_mut().unwrap();
            let status = root.properties.as_mut().unwrap().get_mut("status").unwrap();
            status.properties.as_mut().unwrap().remove("linkExpirationTime").unwrap();
        }
        plane.apply(&serde_json::to_string(&crd).unwrap()).unwrap();
    }
    says(&operator, "the definition of DigitalTwinConsent is older than this operator and lacks status.linkExpirationTime").await;
    for (_, yaml) in &current {
        plane.apply(yaml).unwrap();
    }
    operator.until_ready().await;
    operator.terminate().await;
}

async fn says(operator: &Operator, what: &str) {
    eventually(what, || async {
        match operator.get("/readyz").await {
            Some((503, text)) if text.contains(&format!("not yet: definitions: {what}")) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_without_rights_is_named_and_stops_no_other_and_is_served_once_it_has_them() {
    let world = World::start("granted").await;
    let (other, consents) = world.namespace_beside("refused").await;
    world.plane.kubectl_ok(&["-n", &world.namespace, "create", "serviceaccount", "operator"]).unwrap();
    let role = format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: {}}}\nrules:\n\
         - {{apiGroups: [twinconsent.io], resources: [digitaltwinconsents, heygenaccounts], verbs: [get, list, watch]}}\n\
         - {{apiGroups: [twinconsent.io], resources: [digitaltwinconsents/status, heygenaccounts/status], verbs: [patch]}}\n\
         - {{apiGroups: [\"\"], resources: [secrets], verbs: [get]}}\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: {0}-accounts}}\nrules:\n\
         - {{apiGroups: [twinconsent.io], resources: [clusterheygenaccounts], verbs: [get]}}\n\
         - {{apiGroups: [twinconsent.io], resources: [clusterheygenaccounts/status], verbs: [patch]}}\n",
        world.namespace
    );
    world.plane.apply(&role).unwrap();
    let subject = format!("--serviceaccount={}:operator", world.namespace);
    let accounts = format!("--clusterrole={}-accounts", world.namespace);
    world.plane.kubectl_ok(&["create", "clusterrolebinding", &world.namespace, &accounts, &subject]).unwrap();
    let grant = |namespace: &str| {
        let role = format!("--clusterrole={}", world.namespace);
        world.plane.kubectl_ok(&["-n", namespace, "create", "rolebinding", "operator", &role, &subject]).unwrap();
    };
    grant(&world.namespace);
    let kubeconfig = world.plane.service_account_kubeconfig(&world.namespace, "operator").unwrap();
    let namespaces = format!("--watch-namespaces={},{other}", world.namespace);
    let operator = Operator::start_as(&world, kubeconfig.to_str().unwrap(), &[&namespaces]);

    operator.until_ready().await;
    for group in ["ada", "ben"] {
        world.simulator.create_group(GroupDefinition::twin(group)).unwrap();
    }
    world.consent("ada", json!({ "groupID": "ada" })).await;
    world.until("ada", "AwaitingApproval").await;
    let (code, text) = operator.get("/readyz").await.unwrap();
    let what = format!("list digitaltwinconsents in API group \"twinconsent.io\" in namespace \"{other}\"");
    assert!(code == 200 && text.starts_with("ok\nnot yet: rights: ") && text.contains(&what), "{code} {text}");

    // An account of the same name and key, of the other namespace.
    world.secret(&other, &world.namespace, &world.key).await;
    let account = json!({
        "apiVersion": "twinconsent.io/v1alpha1", "kind": "HeyGenAccount", "metadata": { "name": world.namespace, "namespace": other },
        "spec": { "apiKeySecretRef": { "name": world.namespace, "key": "key" } },
    });
    world.plane.apply(&account.to_string()).unwrap();
    create(&consents, "ben", &json!({ "groupID": "ben", "accountRef": { "kind": "HeyGenAccount", "name": world.namespace } })).await;
    grant(&other);
    until_reading(&consents, "ben", AWAITING).await;
    assert_eq!(operator.get("/readyz").await, Some((200, "ok".to_owned())));
    assert_eq!(world.simulator.group_summary("ada").executed, 1);
    world.end([operator]).await;
}
