//! A HeyGen that is not reached: the account says why, and the log once for each cause.

use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};
use twinconsent_core::api::account::ClusterHeyGenAccount;

use crate::nowhere;
use crate::support::{OPERATOR_NAMESPACE, Operator, World, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn an_account_names_the_cause_and_the_log_once_for_each_and_the_end_of_it() {
    let world = World::without_account("cause").await;
    let (_taken, address) = nowhere::at_an_address();
    world.cluster_account(json!({ "baseURL": format!("http://{address}/some/path") })).await;
    let operator = Operator::start(&world, &["--log-filter=info"]);
    let refused = format!("HeyGen cannot be reached: {address} refuses the connection. The operator tries again with growing pauses.");
    until_reading(&world, "Unreachable", &refused).await;

    // Each other key is probed at once, and meets the same.
    for number in 1..=2 {
        world.secret(OPERATOR_NAMESPACE, &world.namespace, &format!("hg_another_{number}")).await;
        patch(&world, json!({ "rateLimit": { "requestsPerMinute": 60 + number, "burst": 10 } })).await;
        eventually("the other key was probed", || async {
            let probes = operator.counter("twinconsent_heygen_requests_total", "operation=\"probe\"").await;
            if probes > f64::from(number) { Ok(()) } else { Err(probes) }
        })
        .await;
    }
    until_reading(&world, "Unreachable", &refused).await;

    let name = nowhere::by_name("heygen");
    patch(&world, json!({ "baseURL": format!("http://{name}/some/path") })).await;
    let unknown =
        format!("HeyGen cannot be reached: the name {name} cannot be resolved (DNS). The operator tries again with growing pauses.");
    until_reading(&world, "Unreachable", &unknown).await;

    world.secret(OPERATOR_NAMESPACE, &world.namespace, &world.key).await;
    patch(&world, json!({ "baseURL": world.base_url })).await;
    until_reading(&world, "CredentialsAccepted", "HeyGen accepts the API key.").await;
    let log = operator.log();
    let said = |text: &str| log.lines().filter(|line| line.contains("INFO") && line.contains(text)).count();
    assert_eq!((said(&refused), said(&unknown), said("HeyGen answers again"), said("HeyGen cannot be reached")), (1, 1, 1, 2), "{log}");
    assert!(!log.contains("some/path"), "{log}");
    world.end([operator]).await;
}

async fn patch(world: &World, spec: Value) {
    let api: Api<ClusterHeyGenAccount> = Api::all(world.client.clone());
    let patch = Patch::Merge(json!({ "spec": spec }));
    api.patch(&world.namespace, &PatchParams::default(), &patch).await.unwrap();
}

async fn until_reading(world: &World, reason: &str, message: &str) {
    let api: Api<ClusterHeyGenAccount> = Api::all(world.client.clone());
    eventually(message, || async {
        let status = api.get(&world.namespace).await.map_err(|error| error.to_string())?.status.unwrap_or_default();
        let ready = status.conditions.first().map(|ready| (ready.reason.as_str(), ready.message.as_str()));
        if ready == Some((reason, message)) { Ok(()) } else { Err(format!("{status:?}")) }
    })
    .await;
}
