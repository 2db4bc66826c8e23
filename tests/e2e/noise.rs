//! What goes wrong for ever is not written for ever: neither into the log, nor into a status that another operator writes too.

use std::time::Instant;

use futures::StreamExt as _;
use heygen_simulator::GroupDefinition;
use kube::api::{Api, ListParams};
use kube::runtime::watcher::{self, watcher};
use serde_json::json;
use twinconsent_core::api::account::ClusterHeyGenAccount;

use crate::support::scene::{AWAITING, create, every_second, until_reading};
use crate::support::{Operator, World, eventually};

/// How many accounts the operator may not read the Secrets of.
const ACCOUNTS: usize = 40;

/// How often it tries each.
const TRIES: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn accounts_whose_secrets_may_not_be_read_are_one_line_each_however_often_they_are_tried() {
    let world = World::without_account("noise").await;
    let namespace = &world.namespace;
    world
        .plane
        .apply(&format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: {namespace}}}\nrules:\n\
             - {{apiGroups: [twinconsent.io], resources: [digitaltwinconsents, heygenaccounts, clusterheygenaccounts], verbs: [get, list, watch]}}\n\
             - {{apiGroups: [twinconsent.io], resources: [digitaltwinconsents/status, heygenaccounts/status, clusterheygenaccounts/status], verbs: [patch]}}\n"
        ))
        .unwrap();
    world.plane.kubectl_ok(&["-n", namespace, "create", "serviceaccount", "operator"]).unwrap();
    let binding = format!("--serviceaccount={namespace}:operator");
    world.plane.kubectl_ok(&["create", "clusterrolebinding", namespace, &format!("--clusterrole={namespace}"), &binding]).unwrap();
    for number in 0..ACCOUNTS {
        world.other_account(&format!("account-{number}"), json!({})).await;
    }
    let kubeconfig = world.plane.service_account_kubeconfig(namespace, "operator").unwrap();
    let operator = Operator::start_as(&world, kubeconfig.to_str().unwrap(), &["--log-filter=info"]);
    operator.until_ready().await;
    eventually("every account was tried several times", || async {
        let tried = operator.counter("twinconsent_reconciles_total", "kind=\"HeyGenAccount\"").await;
        if tried >= (ACCOUNTS * TRIES) as f64 { Ok(()) } else { Err(tried) }
    })
    .await;
    let log = operator.log();
    let warnings = log.lines().filter(|line| line.contains("WARN") && line.contains("account-")).count();
    println!("{ACCOUNTS} accounts, tried {TRIES} times each: {warnings} warnings");
    assert_eq!(warnings, ACCOUNTS, "{log}");
    world.end([operator]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_serves_none_of_an_operators_namespaces_is_left_to_the_one_whose_it_serves() {
    let world = World::without_account("served").await;
    let (elsewhere, consents) = world.namespace_beside("elsewhere").await;
    let mut account = every_second();
    account["allowedNamespaces"] = json!({ "names": [world.namespace] });
    world.cluster_account(account).await;
    let shown = Reasons::of(&world).await;
    let ours = world.operator(&[]).await;
    // It looks for the Secret in its own namespace, where there is none.
    let theirs = [format!("--watch-namespaces={elsewhere}"), format!("--operator-namespace={elsewhere}")];
    let theirs = world.operator(&theirs.each_ref().map(String::as_str)).await;

    let named = json!({ "kind": "ClusterHeyGenAccount", "name": world.namespace });
    create(&consents, "ada", &json!({ "groupID": "ada", "accountRef": named })).await;
    let not_allowed = "Ready=False:AccountNotAllowed Initiated=False Approved=False Reconciling";
    until_reading(&consents, "ada", not_allowed).await;
    let polled = "kind=\"ClusterHeyGenAccount\"";
    let before = theirs.counter("twinconsent_reconciles_total", polled).await;
    eventually("the other operator has checked the account several times more", || async {
        let now = theirs.counter("twinconsent_reconciles_total", polled).await;
        if now >= before + 2.0 { Ok(()) } else { Err(now) }
    })
    .await;
    until_reading(&consents, "ada", not_allowed).await;
    assert_eq!(theirs.counter("twinconsent_status_writes_total", polled).await, 0.0, "the account is not theirs to tell of");
    let shown = shown.end();
    println!("{shown:?}");
    assert!(!shown.is_empty() && shown.iter().all(|reason| reason == "CredentialsAccepted"), "{shown:?}");
    world.end([ours, theirs]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_operators_that_find_different_secrets_contradict_each_other_about_their_account_ever_more_seldom() {
    let world = World::without_account("disagreed").await;
    let (elsewhere, consents) = world.namespace_beside("elsewhere").await;
    world.cluster_account(every_second()).await;
    let shown = Reasons::of(&world).await;
    // Each looks for the Secret in its own namespace; there is one for the first alone.
    let began = Instant::now();
    let ours = world.operator(&[]).await;
    let theirs = [format!("--watch-namespaces={elsewhere}"), format!("--operator-namespace={elsewhere}")];
    let theirs = world.operator(&theirs.each_ref().map(String::as_str)).await;
    let named = |group: &str| json!({ "groupID": group, "accountRef": { "kind": "ClusterHeyGenAccount", "name": world.namespace } });
    world.simulator.create_group(GroupDefinition::twin("ada")).unwrap();
    world.consent("ada", named("ada")).await;
    create(&consents, "ben", &named("ben")).await;
    let not_ready = "Ready=False:AccountNotReady Initiated=False Approved=False Reconciling";
    until_reading(&consents, "ben", not_ready).await;
    world.until("ada", "AwaitingApproval").await;

    // Time enough to contradict each other ten times: the first polls every second, and each reads the account every five seconds.
    world.until_read("ada", world.reads("ada") + 40).await;
    // Neither keeps the other from its work.
    until_reading(&world.consents(), "ada", AWAITING).await;
    until_reading(&consents, "ben", not_ready).await;
    let passed = began.elapsed();
    let account = "kind=\"ClusterHeyGenAccount\"";
    let writes =
        ours.counter("twinconsent_status_writes_total", account).await + theirs.counter("twinconsent_status_writes_total", account).await;
    let shown = shown.end();
    println!("within {passed:.0?}: {writes} writes; {shown:?}");
    assert!(shown.contains(&"CredentialsAccepted".to_owned()) && shown.contains(&"SecretNotFound".to_owned()), "they agree: {shown:?}");
    // Each says it at once, and again 30 s, 60 s, 120 s … after it was contradicted; and when a key was read is told once.
    let rounds = (passed.as_secs_f64() / 30.0 + 1.0).log2().floor();
    assert!(writes <= 2.0 * (1.0 + rounds) + 1.0, "{writes} writes within {passed:?}");
    world.end([ours, theirs]).await;
}

/// The reasons that stood in the status of the world's cluster account, one after the other.
struct Reasons {
    seen: std::sync::Arc<std::sync::Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Reasons {
    async fn of(world: &World) -> Self {
        let accounts: Api<ClusterHeyGenAccount> = Api::all(world.client.clone());
        assert!(!accounts.list(&ListParams::default()).await.unwrap().items.is_empty());
        let seen = std::sync::Arc::<std::sync::Mutex<Vec<String>>>::default();
        let (name, written) = (format!("metadata.name={}", world.namespace), seen.clone());
        let task = tokio::spawn(async move {
            let mut events = watcher(accounts, watcher::Config::default().fields(&name)).boxed();
            while let Some(event) = events.next().await {
                if let Ok(watcher::Event::Apply(account) | watcher::Event::InitApply(account)) = event {
                    let ready = account.status.and_then(|status| status.conditions.into_iter().next());
                    written.lock().unwrap().extend(ready.map(|ready| ready.reason));
                }
            }
        });
        Self { seen, task }
    }

    fn end(self) -> Vec<String> {
        self.task.abort();
        self.seen.lock().unwrap().clone()
    }
}
