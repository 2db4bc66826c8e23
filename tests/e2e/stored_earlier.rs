//! Accounts that the API server would refuse today, stored by the definitions of an earlier version.

use controlplane::{ControlPlane, Options, Release};
use heygen_simulator::GroupDefinition;
use kube::api::Api;
use serde_json::{Value, json};
use twinconsent_core::api;
use twinconsent_core::api::account::ClusterHeyGenAccount;

use crate::support::scene::every_second;
use crate::support::{OPERATOR_NAMESPACE, Scene, World, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_waives_for_every_namespace_is_refused_and_one_from_before_waives_for_none_and_says_so() {
    let options = Options { release: Release::from_environment().unwrap(), ..Options::default() };
    // Never dropped: it ends with this process.
    let own: &'static ControlPlane = Box::leak(Box::new(ControlPlane::start(options).unwrap()));
    for mut crd in api::crds() {
        let root = crd.spec.versions[0].schema.as_mut().unwrap().open_api_v3_schema.as_mut().unwrap();
        root.properties.as_mut().unwrap().get_mut("spec").unwrap().x_kubernetes_validations = None;
        own.apply(&serde_json::to_string(&crd).unwrap()).unwrap();
    }
    own.kubectl_ok(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]).unwrap();
    own.kubectl_ok(&["create", "namespace", OPERATOR_NAMESPACE]).unwrap();
    let world = World::on(own, "earlier").await;
    let mut account = every_second();
    account["consentPolicy"] = json!({ "waived": ["skipped"], "absentMeansWaived": true });
    world.cluster_account(account.clone()).await;

    for (_, yaml) in api::crd_files().unwrap() {
        own.apply(&yaml).unwrap();
    }
    eventually("an account that waives for every namespace is refused", || async {
        let refusal = own.apply(&another(account.clone())).err().map(|error| error.to_string()).unwrap_or_default();
        if refusal.contains("a consentPolicy that waives needs allowedNamespaces") { Ok(()) } else { Err(refusal) }
    })
    .await;

    let named = json!({ "kind": "ClusterHeyGenAccount", "name": world.namespace });
    let scene = Scene::of(world, &[]).await;
    for (name, word) in [("ada", Some("skipped".to_owned())), ("bob", None)] {
        scene.simulator.create_group(GroupDefinition { consent_status: word, ..GroupDefinition::twin(name) }).unwrap();
        scene.ask_again(name, json!({ "accountRef": named })).await;
    }
    scene.until_reading("ada", "Ready=Unknown:UnrecognizedConsentStatus Initiated=False Approved=False").await;
    scene.until_reading("bob", "Ready=False:AwaitingApproval Initiated=True Approved=False").await;
    assert_eq!((scene.executed("ada"), scene.executed("bob")), (0, 1));
    let accounts: Api<ClusterHeyGenAccount> = Api::all(scene.client.clone());
    let ready = accounts.get(&scene.namespace).await.unwrap().status.unwrap().conditions.remove(0);
    assert!(ready.status == "True" && ready.message.contains("are ignored until spec.allowedNamespaces names the namespaces"), "{ready:?}");
    scene.end().await;
}

fn another(mut spec: Value) -> String {
    spec["apiKeySecretRef"] = json!({ "name": "heygen", "key": "key" });
    json!({ "apiVersion": "twinconsent.io/v1alpha1", "kind": "ClusterHeyGenAccount", "metadata": { "name": "another" }, "spec": spec })
        .to_string()
}
