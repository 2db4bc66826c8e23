//! What is missing is named, waited for, and mended without a restart.

use controlplane::{ControlPlane, Options};
use heygen_simulator::GroupDefinition;
use serde_json::json;
use twinconsent::api;

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
