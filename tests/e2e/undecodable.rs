//! Values that the API server accepts and a program may not be able to hold: they stop no other object.

use controlplane::{ControlPlane, Options};
use heygen_simulator::GroupDefinition;
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{CustomResourceExt, ResourceExt as _};
use serde_json::{Value, json};
use twinconsent_core::api::account::HeyGenAccount;
use twinconsent_core::api::consent::DigitalTwinConsent;

use crate::support::leaves::{Path, leaves, oddities, with};
use crate::support::scene::every_second;
use crate::support::{World, eventually, prepared};

/// Leaf by leaf of each status: every value that the API server takes stands in an object of its own.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_api_server_accepts_in_a_status_stops_no_other_and_is_served() {
    let world = World::start("odd").await;
    let (consents, accounts) = (untyped::<DigitalTwinConsent>(&world), untyped::<HeyGenAccount>(&world));
    let mut odd = Vec::new();
    for (number, (path, value)) in odd_values::<DigitalTwinConsent>().into_iter().enumerate() {
        let name = format!("value-{number}");
        let spec = json!({ "groupID": name, "accountRef": { "kind": "HeyGenAccount", "name": world.namespace } });
        if has_status::<DigitalTwinConsent>(&consents, &name, spec, &path, &value).await {
            world.simulator.create_group(GroupDefinition::twin(&name)).unwrap();
            odd.push((name, path, value));
        }
    }
    let mut odd_accounts = 0;
    for (number, (path, value)) in odd_values::<HeyGenAccount>().into_iter().enumerate() {
        let mut spec = every_second();
        spec["apiKeySecretRef"] = json!({ "name": world.namespace, "key": "key" });
        let was_taken = has_status::<HeyGenAccount>(&accounts, &format!("value-{number}"), spec, &path, &value).await;
        odd_accounts += u32::from(was_taken);
    }
    let times = odd
        .iter()
        .filter(|(_, path, value)| path.last().unwrap().ends_with("Time") && !value.as_str().unwrap().starts_with("2026"))
        .count();
    println!("the API server takes {} odd values of a consent, {times} of them odd times, and {odd_accounts} of an account", odd.len());
    assert!(odd.len() > 50 && times > 5 && odd_accounts > 5, "{odd:?}");

    let operator = world.operator(&[]).await;
    world.simulator.create_group(GroupDefinition::twin("healthy")).unwrap();
    world.consent("healthy", json!({ "groupID": "healthy" })).await;
    world.until("healthy", "AwaitingApproval").await;
    for (name, path, value) in &odd {
        until_ready_says(&consents, name, "AwaitingApproval", &format!("{path:?}: {value:.80}")).await;
        assert_eq!(world.simulator.group_summary(name).executed, 1, "{path:?}: {value:.80}");
    }
    for account in accounts.list(&ListParams::default()).await.unwrap() {
        until_ready_says(&accounts, &account.name_any(), "CredentialsAccepted", &account.name_any()).await;
    }
    for kind in ["DigitalTwinConsent", "HeyGenAccount"] {
        assert_eq!(operator.counter("twinconsent_undecodable_objects", kind).await, 0.0, "{kind}");
    }
    // What is not overwritten stays, and would stop this test's own types.
    for (name, ..) in &odd {
        consents.delete(name, &DeleteParams::default()).await.unwrap();
    }
    accounts.delete_collection(&DeleteParams::default(), &ListParams::default()).await.unwrap();
    world.end([operator]).await;
}

/// They were stored while the definitions were laxer.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_whose_spec_cannot_be_read_is_named_and_left_alone_until_it_is_mended() {
    let plane = prepared(Box::leak(Box::new(ControlPlane::start(Options::default()).unwrap())));
    let world = World::on(plane, "undecodable").await;
    world.secret(&world.namespace, &world.namespace, &world.key).await;
    world.account(json!({ "rateLimit": { "requestsPerMinute": 60000, "burst": 1000 } })).await;
    let definitions = twinconsent_core::api::crd_files().unwrap();
    for mut crd in twinconsent_core::api::crds().into_iter().map(|crd| json!(crd)) {
        crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["suspend"] =
            json!({ "x-kubernetes-preserve-unknown-fields": true });
        plane.apply(&crd.to_string()).unwrap();
    }
    let (consents, accounts) = (untyped::<DigitalTwinConsent>(&world), untyped::<HeyGenAccount>(&world));
    let account_ref = |name: &str| json!({ "kind": "HeyGenAccount", "name": name });
    let odd = json!({ "groupID": "odd", "accountRef": account_ref(&world.namespace), "suspend": "https://secret.example/odd" });
    let odd_account = json!({ "apiKeySecretRef": { "name": world.namespace, "key": "key" }, "suspend": "yes" });
    eventually("the lax definitions are in force", || async { create::<DigitalTwinConsent>(&consents, "odd", &odd).await }).await;
    eventually("the lax definitions are in force", || async { create::<HeyGenAccount>(&accounts, "odd", &odd_account).await }).await;
    for (_, yaml) in &definitions {
        plane.apply(yaml).unwrap();
    }

    let operator = world.operator(&[]).await;
    for group in ["odd", "healthy", "poor"] {
        world.simulator.create_group(GroupDefinition::twin(group)).unwrap();
    }
    world.consent("healthy", json!({ "groupID": "healthy" })).await;
    world.until("healthy", "AwaitingApproval").await;
    world.consent("poor", json!({ "groupID": "poor", "accountRef": account_ref("odd") })).await;
    let poor = world.until("poor", "AccountNotReady").await;
    let message = &poor.status.unwrap().conditions[0].message;
    assert!(message.contains("The operator cannot decode"), "{message}");
    for kind in ["DigitalTwinConsent", "HeyGenAccount"] {
        assert_eq!(operator.counter("twinconsent_undecodable_objects", kind).await, 1.0, "{kind}");
    }
    let log = operator.log();
    assert_eq!(log.matches("cannot be decoded and is ignored").count(), 2, "{log}");
    assert!(log.contains("spec.suspend") && !log.contains("secret.example"), "{log}");
    let events: Api<Event> = Api::namespaced(world.client.clone(), &world.namespace);
    eventually("the events are written", || async {
        let all = events.list(&ListParams::default()).await.unwrap().items;
        let named =
            all.iter().filter(|event| event.reason.as_deref() == Some("Undecodable") && event.type_.as_deref() == Some("Warning")).count();
        if named == 2 { Ok(()) } else { Err(format!("{all:?}")) }
    })
    .await;
    assert_eq!(world.simulator.group_summary("odd").reads, 0, "it is left alone");

    let mended = Patch::Merge(json!({ "spec": { "suspend": null } }));
    consents.patch("odd", &PatchParams::default(), &mended).await.unwrap();
    accounts.patch("odd", &PatchParams::default(), &mended).await.unwrap();
    world.until("odd", "AwaitingApproval").await;
    world.until("poor", "AwaitingApproval").await;
    for kind in ["DigitalTwinConsent", "HeyGenAccount"] {
        assert_eq!(operator.counter("twinconsent_undecodable_objects", kind).await, 0.0, "{kind}");
    }
    world.end([operator]).await;
}

fn untyped<K: kube::Resource<DynamicType = ()>>(world: &World) -> Api<DynamicObject> {
    Api::namespaced_with(world.client.clone(), &world.namespace, &ApiResource::erase::<K>(&()))
}

fn schema<K: CustomResourceExt>() -> Value {
    json!(K::crd())["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

fn odd_values<K: CustomResourceExt>() -> Vec<(Path, Value)> {
    let leaves = leaves(&schema::<K>(), "status").into_iter();
    // A long text costs time, and no length is one that cannot be held.
    let odd = leaves.flat_map(|(path, leaf)| oddities(&leaf).into_iter().map(move |value| (path.clone(), value)));
    odd.filter(|(_, value)| value.as_str().is_none_or(|text| text.len() < 1000)).collect()
}

async fn create<K: kube::Resource<DynamicType = ()>>(api: &Api<DynamicObject>, name: &str, spec: &Value) -> Result<(), String> {
    let object = DynamicObject::new(name, &ApiResource::erase::<K>(&())).data(json!({ "spec": spec }));
    api.create(&PostParams::default(), &object).await.map(|_| ()).map_err(|error| error.to_string())
}

/// Creates an object with this value in its status, if the API server takes it.
async fn has_status<K>(api: &Api<DynamicObject>, name: &str, spec: Value, path: &[String], value: &Value) -> bool
where
    K: kube::Resource<DynamicType = ()> + CustomResourceExt,
{
    create::<K>(api, name, &spec).await.unwrap();
    let odd = with(&schema::<K>(), json!({}), path, value.clone());
    if api.patch_status(name, &PatchParams::default(), &Patch::Merge(&odd)).await.is_ok() {
        return true;
    }
    api.delete(name, &DeleteParams::default()).await.unwrap();
    false
}

async fn until_ready_says(api: &Api<DynamicObject>, name: &str, reason: &str, what: &str) {
    eventually(what, || async {
        let object = api.get(name).await.map_err(|error| error.to_string())?;
        let conditions = object.data["status"]["conditions"].as_array();
        let ready = conditions.and_then(|conditions| conditions.iter().find(|condition| condition["type"] == "Ready"));
        if ready.is_some_and(|ready| ready["reason"] == reason) { Ok(()) } else { Err(format!("{ready:?}")) }
    })
    .await;
}
