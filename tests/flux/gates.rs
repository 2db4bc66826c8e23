//! What waits for a person and what does not.

use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::Api;
use serde_json::json;

use crate::stage::Stage;
use crate::support::scene::{APPROVED, AWAITING};

const UNDER_WAY: (&str, &str) = ("Unknown", "Progressing");
const READY: (&str, &str) = ("True", "ReconciliationSucceeded");
const UNHEALTHY: (&str, &str) = ("False", "HealthCheckFailed");
const NOT_YET: (&str, &str) = ("False", "DependencyNotReady");

/// Longer than any test takes, so that what ends a wait is no timeout.
const LONG: &str = "10m";

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_waits_for_the_person_and_opens_when_they_consent() {
    let stage = Stage::start("gate").await;
    let group = stage.group("ada");
    stage.apply("consents.yaml", json!({ "timeout": LONG })).await;
    stage.apply("videos.yaml", json!({})).await;
    stage.until_reading("ada", AWAITING).await;
    stage.until_kustomization("consents", UNDER_WAY, "Running health checks").await;
    stage.until_kustomization("videos", NOT_YET, "consents").await;
    let notes = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: notes\n";
    let newer = stage.repository.write("consents/notes.yaml", notes);
    stage.fetched(&newer).await;
    stage.until_read(&group, stage.reads(&group) + 5).await;
    assert_eq!(stage.kustomization("consents").await.0, "Unknown", "it did not wait for the person");
    let maps: Api<ConfigMap> = Api::namespaced(stage.client.clone(), &stage.namespace);
    assert!(maps.get_opt("notes").await.unwrap().is_none(), "a newer commit is applied while the gate waits, unlike the page says");
    assert!(renderer(&stage).await.is_none(), "the videos did not wait for the gate");

    stage.simulator.approve(&group).unwrap();
    stage.until_reading("ada", APPROVED).await;
    stage.until_kustomization("consents", READY, &newer).await;
    assert!(maps.get_opt("notes").await.unwrap().is_some());
    stage.until_kustomization("videos", READY, "").await;
    assert!(renderer(&stage).await.is_some());
    assert_eq!(stage.executed(&group), 1);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_fails_the_gate_long_before_its_timeout() {
    let stage = Stage::start("refused").await;
    let group = stage.group("ada");
    stage.apply("consents.yaml", json!({ "timeout": LONG })).await;
    stage.apply("videos.yaml", json!({})).await;
    stage.until_reading("ada", AWAITING).await;
    stage.until_kustomization("consents", UNDER_WAY, "Running health checks").await;
    let began = Instant::now();
    stage.simulator.reject(&group).unwrap();
    let message = stage.until_kustomization("consents", UNHEALTHY, "ada").await;
    assert!(message.contains("Failed"), "{message}");
    println!("the gate failed {:?} after the refusal", began.elapsed());
    stage.until_kustomization("videos", NOT_YET, "consents").await;
    assert!(renderer(&stage).await.is_none());
    stage.end().await;
}

/// Flux allows no timeout below 30 s.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_takes_longer_than_the_timeout_is_waited_for_anew() {
    let stage = Stage::start("timeout").await;
    stage.apply("consents.yaml", json!({ "timeout": "30s" })).await;
    stage.until_reading("ada", AWAITING).await;
    let message = stage.until_kustomization("consents", UNHEALTHY, "timeout").await;
    assert!(message.contains("InProgress"), "{message}");
    stage.simulator.approve(&stage.group("ada")).unwrap();
    stage.until_kustomization("consents", READY, "").await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_closes_the_gate_and_leaves_what_runs_running() {
    let stage = Stage::start("withdrawn").await;
    let group = stage.group("ada");
    stage.simulator.set_consent_status(&group, Some("approved")).unwrap();
    stage.apply("consents.yaml", json!({ "timeout": LONG })).await;
    stage.apply("videos.yaml", json!({})).await;
    stage.until_kustomization("videos", READY, "").await;
    stage.simulator.set_consent_status(&group, Some("rejected")).unwrap();
    // Two polls a minute apart are needed before an approval counts as withdrawn.
    crate::support::eventually_within(Duration::from_secs(120), "ConsentRevoked", || async {
        let ada = stage.consents().get("ada").await.unwrap();
        crate::support::condition(&ada, "Ready").filter(|(_, reason)| reason == "ConsentRevoked").ok_or("not yet")
    })
    .await;
    stage.reconcile("Kustomization", "consents").await;
    stage.until_kustomization("consents", UNHEALTHY, "ada").await;
    stage.reconcile("Kustomization", "videos").await;
    stage.until_kustomization("videos", NOT_YET, "consents").await;
    assert!(renderer(&stage).await.is_some(), "Flux takes nothing back");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invitations_wait_for_the_link_and_not_for_the_person() {
    let stage = Stage::start("invited").await;
    let (grace, katherine) = (stage.group("grace"), stage.group("katherine"));
    // No person needs to be asked about this one: `Initiated` is never True of it.
    stage.simulator.set_consent_status(&katherine, Some("approved")).unwrap();
    stage.apply("invitations.yaml", json!({ "timeout": LONG })).await;
    stage.until_kustomization("invitations", READY, "").await;
    stage.until_reading("grace", AWAITING).await;
    stage.until_reading("katherine", "Ready=True:Approved Initiated=False Approved=True").await;
    assert_eq!((stage.executed(&grace), stage.executed(&katherine)), (1, 0));

    stage.simulator.reject(&grace).unwrap();
    stage.until("grace", "ConsentRefused").await;
    stage.reconcile("Kustomization", "invitations").await;
    stage.until_kustomization("invitations", UNHEALTHY, "grace").await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ready_when_initiated_opens_the_gate_without_any_expression() {
    let stage = Stage::start("initiated").await;
    let text = stage.repository.read("consents/ada.yaml").replace("spec:\n", "spec:\n  readyWhen: Initiated\n");
    let commit = stage.repository.write("consents/ada.yaml", &text);
    stage.fetched(&commit).await;
    stage.apply("consents.yaml", json!({ "timeout": LONG })).await;
    stage.until_kustomization("consents", READY, "").await;
    stage.until_reading("ada", "Ready=True:AwaitingApproval Initiated=True Approved=False").await;
    stage.end().await;
}

async fn renderer(stage: &Stage) -> Option<Deployment> {
    let deployments: Api<Deployment> = Api::namespaced(stage.client.clone(), &stage.namespace);
    deployments.get_opt("renderer").await.unwrap()
}
