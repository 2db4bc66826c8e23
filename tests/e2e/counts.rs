//! What the metrics count: accounts and consents as they stand, and requests as HeyGen took them.

use heygen_simulator::{FaultAction, FaultRule, GroupDefinition, MAIN_ACCOUNT, PathKind};
use kube::api::DeleteParams;
use serde_json::json;

use crate::support::scene::{APPROVED, AWAITING, every_second};
use crate::support::{Operator, Scene, World, eventually};

/// Waits until these lines, and no others, tell of a metric; `labels` without the reason, which stands last.
async fn until_reading(operator: &Operator, metric: &str, labels: &str, expected: &[(&str, u32)]) {
    let expected: Vec<String> =
        expected.iter().map(|(reason, value)| format!("{metric}{{{labels},reason=\"{reason}\"}} {value}")).collect();
    eventually(&format!("{expected:?}"), || async {
        let page = operator.metrics().await.unwrap_or_default();
        let shown: Vec<&str> = page.lines().filter(|line| line.starts_with(&format!("{metric}{{{labels},"))).collect();
        if shown == expected { Ok(()) } else { Err(format!("{shown:?}")) }
    })
    .await;
}

fn labels(kind: &str, namespace: &str, account: &str) -> String {
    format!("account_kind=\"{kind}\",account_namespace=\"{namespace}\",account=\"{account}\"")
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_and_consents_are_counted_by_account_and_reason_and_forgotten_with_them() {
    let scene = Scene::start("counted").await;
    let (operator, namespace) = (scene.operator(), scene.namespace.clone());
    let main = labels("HeyGenAccount", &namespace, &namespace);
    let nowhere = labels("other", "other", "other");
    until_reading(operator, "twinconsent_account_ready", &main, &[("CredentialsAccepted", 1)]).await;
    for name in ["ada", "bob", "eve"] {
        scene.ask(name, json!({})).await;
    }
    scene.ask("lost", json!({ "accountRef": { "kind": "HeyGenAccount", "name": "later" } })).await;
    until_reading(operator, "twinconsent_consents", &main, &[("AwaitingApproval", 3)]).await;
    until_reading(operator, "twinconsent_consents", &nowhere, &[("AccountNotReady", 1)]).await;
    scene.simulator.approve("ada").unwrap();
    scene.until_reading("ada", APPROVED).await;
    until_reading(operator, "twinconsent_consents", &main, &[("Approved", 1), ("AwaitingApproval", 2)]).await;
    scene.delete("bob").await;
    until_reading(operator, "twinconsent_consents", &main, &[("Approved", 1), ("AwaitingApproval", 1)]).await;

    // An account that comes takes its consents with it, out of `other`.
    let later = labels("HeyGenAccount", &namespace, "later");
    scene.separate_account("later", every_second()).await;
    until_reading(operator, "twinconsent_account_ready", &later, &[("CredentialsAccepted", 1)]).await;
    until_reading(operator, "twinconsent_consents", &nowhere, &[]).await;
    // One reason at a time.
    let mut suspended = every_second();
    suspended["suspend"] = json!(true);
    scene.other_account("later", suspended).await;
    until_reading(operator, "twinconsent_account_ready", &later, &[("Suspended", 0)]).await;
    scene.accounts().delete("later", &DeleteParams::default()).await.unwrap();
    until_reading(operator, "twinconsent_account_ready", &later, &[]).await;
    until_reading(operator, "twinconsent_consents", &later, &[]).await;

    // Another operator begins with what it finds.
    let scene = scene.restart(async |_| {}).await;
    let operator = scene.operator();
    until_reading(operator, "twinconsent_account_ready", &main, &[("CredentialsAccepted", 1)]).await;
    until_reading(operator, "twinconsent_consents", &main, &[("Approved", 1), ("AwaitingApproval", 1)]).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_cannot_be_used_says_why_and_a_standby_says_nothing() {
    let world = World::start("unready").await;
    let lease = [format!("--lease-name={}", world.namespace), format!("--operator-namespace={}", world.namespace)];
    let elected = ["--leader-elect=true", lease[0].as_str(), lease[1].as_str()];
    let scene = Scene::of(world, &elected).await;
    let main = labels("HeyGenAccount", &scene.namespace, &scene.namespace);
    until_reading(scene.operator(), "twinconsent_account_ready", &main, &[("CredentialsAccepted", 1)]).await;
    let standby = Operator::start(&scene, &elected);
    standby.until_ready().await;
    scene.simulator.set_key(MAIN_ACCOUNT, "another".to_owned()).unwrap();
    scene.ask("ada", json!({})).await;
    until_reading(scene.operator(), "twinconsent_account_ready", &main, &[("CredentialsRejected", 0)]).await;
    until_reading(scene.operator(), "twinconsent_consents", &main, &[("AccountNotReady", 1)]).await;
    let page = standby.metrics().await.unwrap();
    assert!(page.contains("twinconsent_leader 0"), "{page}");
    assert!(!page.contains("twinconsent_account_ready{") && !page.contains("twinconsent_consents{"), "{page}");
    standby.terminate().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn initiations_are_the_requests_that_heygen_accepted_and_no_others() {
    let scene = Scene::start("initiations").await;
    let accepted = async || scene.operator().counter("twinconsent_initiations_total", "").await;
    // Another consent has asked: there is nothing to ask for.
    let approved = GroupDefinition { consent_status: Some("approved".into()), ..GroupDefinition::twin("adopted") };
    scene.simulator.create_group(approved).unwrap();
    scene.ask_again("adopted", json!({})).await;
    scene.until("adopted", "Approved").await;
    // It is asked for, and fails.
    let fault = FaultRule::new(FaultAction::error(503, "internal_error", "no")).on(PathKind::Consent).group("ada");
    let fault = scene.simulator.add_fault(fault).unwrap();
    scene.ask("ada", json!({})).await;
    eventually("HeyGen has refused it twice", || async {
        let posts = scene.posts("ada").len();
        if posts >= 2 { Ok(()) } else { Err(posts) }
    })
    .await;
    assert_eq!(accepted().await, 0.0);
    scene.simulator.remove_fault(fault).unwrap();
    scene.until_reading("ada", AWAITING).await;
    assert_eq!(accepted().await, 1.0);
    // The same request again, which HeyGen answers as before.
    scene.delete("ada").await;
    scene.ask_again("ada", json!({})).await;
    scene.until_reading("ada", AWAITING).await;
    let summary = scene.simulator.group_summary("ada");
    assert_eq!((summary.executed, summary.replayed), (1, 1));
    assert_eq!(accepted().await, 2.0);
    let sent = scene.operator().counter("twinconsent_heygen_requests_total", "operation=\"initiate\"").await;
    assert!(sent >= 4.0, "{sent}");
    scene.end().await;
}
