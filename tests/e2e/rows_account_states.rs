//! The condition of an account, and what two accounts with one key share.

use std::time::Duration;

use heygen_simulator::{AccountDefinition, FaultAction, FaultRule, GroupDefinition, MAIN_ACCOUNT, PathKind};
use serde_json::json;

use crate::recorded::record;
use crate::support::scene::{every_second, most_within};
use crate::support::{Scene, World, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn the_condition_of_an_account_says_what_its_key_meets_and_heals_by_itself() {
    let world = World::without_account("states").await;
    let faults = [
        ("billing", FaultAction::error(402, "insufficient_credit", "pay")),
        ("throttled", FaultAction::rate_limited(Some(Duration::from_secs(3600)))),
        ("quota", FaultAction::quota_exceeded()),
        ("broken", FaultAction::server_error(503)),
    ];
    for (name, fault) in faults {
        let key = format!("{}_{name}", world.key);
        world.simulator.create_account(AccountDefinition::new(name, &key)).unwrap();
        world.simulator.add_fault(FaultRule::new(fault).on(PathKind::Me).account(name)).unwrap();
        world.secret(&world.namespace, name, &key).await;
    }
    world.secret(&world.namespace, "good", &world.key).await;
    world.secret(&world.namespace, "wrong", "hg_secret_of_nobody").await;
    world.secret(&world.namespace, "suspended", &world.key).await;
    let scene = Scene::of(world, &[]).await;
    for name in ["good", "wrong", "billing", "throttled", "quota", "broken", "without-secret"] {
        scene.other_account(name, every_second()).await;
    }
    scene.other_account("suspended", json!({ "suspend": true })).await;
    let expected = [
        ("good", "True", "CredentialsAccepted", Some("credentials-accepted")),
        ("wrong", "False", "CredentialsRejected", Some("credentials-rejected")),
        ("billing", "False", "BillingRequired", Some("billing-required")),
        ("throttled", "False", "Throttled", Some("throttled")),
        ("quota", "False", "Throttled", None),
        ("broken", "False", "Unreachable", Some("unreachable")),
        ("without-secret", "False", "SecretNotFound", Some("secret-not-found")),
        ("suspended", "False", "Suspended", Some("suspended")),
    ];
    for (name, status, reason, recorded) in expected {
        let (was, message) = scene.until_other_account(name, reason).await;
        assert_eq!(was, status, "{name}");
        assert!(!message.is_empty() && !message.contains("hg_secret"), "{name}");
        if let Some(fixture) = recorded {
            record(&scene, "HeyGenAccount", fixture, &scene.accounts().get(name).await.unwrap());
        }
        scene.until_events(name, &[reason]).await;
    }

    scene.simulator.clear_faults();
    scene.secret(&scene.namespace, "wrong", &scene.key).await;
    scene.secret(&scene.namespace, "without-secret", &scene.key).await;
    scene.other_account("suspended", json!({})).await;
    for name in ["wrong", "billing", "broken", "without-secret", "suspended"] {
        scene.until_other_account(name, "CredentialsAccepted").await;
    }
    scene.until_other_account("throttled", "Throttled").await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_accounts_with_one_key_share_one_limiter() {
    let world = World::without_account("shared").await;
    let spec = || json!({ "rateLimit": { "requestsPerMinute": 120, "burst": 4 }, "polling": { "interval": "1s", "minimum": "1s" } });
    let scene = Scene::of(world, &[]).await;
    for account in ["left", "right"] {
        scene.secret(&scene.namespace, account, &scene.key).await;
        scene.other_account(account, spec()).await;
    }
    for number in 0..8 {
        for account in ["left", "right"] {
            let name = format!("{account}-{number}");
            scene.simulator.create_group(GroupDefinition::twin(&name)).unwrap();
            scene.ask_again(&name, json!({ "accountRef": { "kind": "HeyGenAccount", "name": account } })).await;
        }
    }
    eventually("all are asked", || async {
        let executed = scene.simulator.summary().executed;
        if executed == 16 { Ok(()) } else { Err(executed) }
    })
    .await;
    let late = scene.operator().slowest_request().await;
    for time in [1, 2, 5, 10].map(Duration::from_secs) {
        let most = scene.simulator.most_requests_within(time, MAIN_ACCOUNT);
        let allowed = most_within(time, 4, 2, late);
        assert!(most <= allowed, "{most} requests within {time:?}, {allowed} are allowed");
    }
    scene.end().await;
}
