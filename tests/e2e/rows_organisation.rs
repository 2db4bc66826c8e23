//! One account for an organisation: which namespaces it serves, and its kill switch, which stops them all and no others.

use std::time::Duration;

use heygen_simulator::{GroupDefinition, MAIN_ACCOUNT};
use serde_json::json;

use crate::support::bystander::{bystander, watch_bystander};
use crate::support::scene::{APPROVED, AWAITING, create, every_second, message, until_reading};
use crate::support::{Scene, World};

const NOT_READY: &str = "Ready=False:AccountNotReady Initiated=False Approved=False Reconciling";
const NOT_ALLOWED: &str = "Ready=False:AccountNotAllowed Initiated=False Approved=False Reconciling";

#[tokio::test(flavor = "multi_thread")]
async fn the_kill_switch_of_an_organisation_stops_every_namespace_that_it_serves_and_opens_to_no_other() {
    let world = World::without_account("organisation").await;
    let (named, in_named) = world.namespace_beside("named").await;
    let (refused, in_refused) = world.namespace_beside("refused").await;
    let mut account = every_second();
    // The world's namespace has a label of its name, the other two have none.
    account["allowedNamespaces"] = json!({ "names": [named], "selector": { "matchLabels": { "world": world.namespace } } });
    world.cluster_account(account.clone()).await;
    let all = format!("--watch-namespaces={},{named},{refused}", world.namespace);
    let scene = Scene::of(world, &[&all]).await;
    bystander(&scene).await;
    let reference = json!({ "kind": "ClusterHeyGenAccount", "name": scene.namespace });
    let spec = |group: &str| {
        scene.simulator.create_group(GroupDefinition::twin(group)).unwrap();
        json!({ "groupID": group, "accountRef": reference })
    };
    scene.consent("selected", spec("selected")).await;
    create(&in_named, "named", &spec("named")).await;
    create(&in_refused, "refused", &spec("refused")).await;
    scene.until_reading("selected", AWAITING).await;
    until_reading(&in_named, "named", AWAITING).await;
    let shown = until_reading(&in_refused, "refused", NOT_ALLOWED).await;
    assert!(message(&shown).contains(&format!("does not serve namespace \"{refused}\"")), "{}", message(&shown));

    account["suspend"] = json!(true);
    scene.cluster_account(account.clone()).await;
    scene.until_cluster_account_is_observed().await;
    // What was sent before the switch has arrived when the bystander's next poll has.
    let (_, settled) = watch_bystander(&scene, Duration::from_secs(1)).await;
    for group in ["selected", "named"] {
        scene.simulator.approve(group).unwrap();
    }
    scene.consent("new-selected", spec("new-selected")).await;
    create(&in_named, "new-named", &spec("new-named")).await;
    let shown = [scene.until_reading("new-selected", NOT_READY).await, until_reading(&in_named, "new-named", NOT_READY).await];
    assert!(shown.iter().all(|shown| message(shown).contains("while spec.suspend is true")));
    watch_bystander(&scene, Duration::from_secs(5)).await;
    let sent = scene.requests_of(MAIN_ACCOUNT, settled.sequence);
    assert!(sent.is_empty(), "{} requests of a suspended account, the first {:?}", sent.len(), sent[0]);

    account["suspend"] = json!(false);
    scene.cluster_account(account).await;
    scene.until_reading("selected", APPROVED).await;
    until_reading(&in_named, "named", APPROVED).await;
    scene.until_reading("new-selected", AWAITING).await;
    until_reading(&in_named, "new-named", AWAITING).await;
    until_reading(&in_refused, "refused", NOT_ALLOWED).await;
    for (group, executed) in [("selected", 1), ("named", 1), ("new-selected", 1), ("new-named", 1), ("refused", 0)] {
        assert_eq!((scene.posts(group).len(), scene.executed(group)), (executed, executed as u64), "{group}");
    }
    assert_eq!(scene.simulator.group_summary("refused").reads, 0);
    scene.end().await;
}
