//! Where the operator's binary sends which key, when the chart brings a simulator of HeyGen.

use serde_json::json;

use crate::cluster::served;
use crate::helm::{NAMESPACE, object, objects};
use crate::support::{Operator, World, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn the_simulator_answers_for_its_own_account_and_for_no_other() {
    let world = World::on(served(), "simulated").await;
    let rendered = objects(&["--set=simulator.enabled=true", &format!("--set=account.name={}", world.namespace)]);
    // The simulator of this test, in the place of the pod.
    let here = |text: &str| text.replace(&format!("http://twinconsent-simulator.{NAMESPACE}.svc:8090"), &world.base_url);
    let mut account = object(&rendered, "ClusterHeyGenAccount", &world.namespace)["spec"].clone();
    if let Some(url) = account["baseURL"].as_str().map(here) {
        account["baseURL"] = json!(url);
    }
    world.cluster_account(account).await;
    world.secret(&world.namespace, "tenant", "hg_secret_of_a_tenant").await;
    world.other_account("tenant", json!({})).await;

    let container = &object(&rendered, "Deployment", "twinconsent")["spec"]["template"]["spec"]["containers"][0];
    let arguments: Vec<String> = container["args"].as_array().unwrap().iter().map(|argument| here(argument.as_str().unwrap())).collect();
    let given = |flag: &str| arguments.iter().find(|argument| argument.starts_with(flag)).map(String::as_str);
    let heygen = given("--heygen-base-url=").unwrap_or("--heygen-base-url=https://api.heygen.com");
    let insecure = given("--allow-insecure-base-url=").unwrap_or("--allow-insecure-base-url=false");
    // No server outside is called: a proxy that is not there stands before HeyGen. What is on loopback is reached past it.
    let dead_proxy = [("HTTPS_PROXY", "http://127.0.0.1:1"), ("HTTP_PROXY", "http://127.0.0.1:1")];
    let kubeconfig = world.plane.kubeconfig().display().to_string();
    let operator = Operator::start_in(&world, &kubeconfig, &[heygen, insecure], &dead_proxy);
    operator.until_ready().await;
    world.until_cluster_account_is_observed().await;
    let shown = eventually("the tenant's account is told of", || async {
        let account = world.accounts().get("tenant").await.map_err(|error| error.to_string())?;
        account.status.and_then(|status| status.conditions.first().map(|ready| ready.reason.clone())).ok_or_else(String::new)
    })
    .await;
    let strangers = world.simulator.requests_since(0).iter().filter(|request| request.account.is_none()).count();
    assert_eq!((shown.as_str(), strangers), ("Unreachable", 0), "the tenant's key was sent to the simulator");
    assert!(!world.simulator.requests_since(0).is_empty(), "the release's own account asks the simulator");
    world.end([operator]).await;
}
