//! No cluster, a cluster that goes away for a while, and a namespace that goes for good.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use controlplane::{ControlPlane, Options, Release};
use heygen_simulator::{FaultAction, FaultRule, GroupDefinition, PathKind};
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::net::TcpListener;

use crate::support::operator::free_address;
use crate::support::scene::{every_second, link};
use crate::support::{Operator, World, eventually, plane, prepared};

#[tokio::test(flavor = "multi_thread")]
async fn without_its_cluster_the_operator_lives_is_not_ready_and_keeps_trying() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let kubeconfig = kubeconfig_of(&silent.local_addr().unwrap().to_string());
    let tries = Arc::new(AtomicU32::new(0));
    let counted = tries.clone();
    tokio::spawn(async move {
        while silent.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let operator = Operator::start_with(&kubeconfig.path().display().to_string(), &["--log-filter=info"]);
    eventually("alive and not ready", || async {
        let (alive, ready) = (operator.get("/livez").await, operator.get("/readyz").await);
        let is = alive.as_ref().is_some_and(|(code, _)| *code == 200) && ready.as_ref().is_some_and(|(code, _)| *code == 503);
        if is { Ok(()) } else { Err(format!("{alive:?} {ready:?}")) }
    })
    .await;
    let (_, waits_for) = operator.get("/readyz").await.unwrap();
    assert!(waits_for.contains("digitaltwinconsents"), "{waits_for}");
    eventually("/readyz says why", || async {
        let (_, waits_for) = operator.get("/readyz").await.unwrap();
        if waits_for.contains("not yet: definitions: the API server cannot be asked") { Ok(()) } else { Err(waits_for) }
    })
    .await;
    eventually("it tries again", || async {
        let tries = tries.load(Ordering::Relaxed);
        if tries >= 4 { Ok(()) } else { Err(tries) }
    })
    .await;
    assert_eq!(operator.log().matches("the operator cannot start its work yet").count(), 1, "{}", operator.log());
    ends_within(operator, Duration::from_secs(25)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_cluster_the_operator_ends_within_a_short_grace_too() {
    let kubeconfig = kubeconfig_of(&free_address());
    let operator = Operator::start_with(&kubeconfig.path().display().to_string(), &["--shutdown-grace=1s"]);
    eventually("alive", || async { operator.get("/livez").await.ok_or("not yet") }).await;
    ends_within(operator, Duration::from_secs(1)).await;
}

/// One control plane of their own for both: it is the largest thing that a test can start.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_api_server_costs_no_link_and_the_end_of_a_namespace_waits_for_nothing() {
    let options = Options { controller_manager: true, release: Release::from_environment().unwrap(), ..Options::default() };
    // Never dropped: it ends with this process.
    let own = Box::leak(Box::new(ControlPlane::start(options).unwrap()));
    let world = World::on(prepared(own), "outage").await;
    world.secret(&world.namespace, &world.namespace, &world.key).await;
    world.account(every_second()).await;
    let operator = world.operator(&[]).await;
    for name in ["pending", "asked"] {
        world.simulator.create_group(GroupDefinition::twin(name)).unwrap();
    }
    world.consent("pending", json!({ "groupID": "pending" })).await;
    world.until("pending", "AwaitingApproval").await;
    let held = FaultRule::new(FaultAction::delay_after(Duration::from_secs(50))).on(PathKind::Consent).group("asked");
    let held = world.simulator.add_fault(held).unwrap();
    world.consent("asked", json!({ "groupID": "asked" })).await;
    eventually("the request is under way", || async {
        if world.simulator.group_summary("asked").executed == 1 { Ok(()) } else { Err("not yet") }
    })
    .await;
    own.stop_api_server();
    world.simulator.remove_fault(held).unwrap();
    world.simulator.approve("pending").unwrap();
    eventually("the answer is there and cannot be written", || async {
        let answered =
            world.simulator.requests_since(0).iter().any(|request| {
                request.kind == PathKind::Consent && request.group.as_deref() == Some("asked") && request.status == Some(200)
            });
        if answered && operator.log().contains("could not reconcile") { Ok(()) } else { Err(answered) }
    })
    .await;
    assert_eq!(operator.get("/livez").await.unwrap().0, 200);
    own.start_api_server().unwrap();
    let asked = world.until("asked", "AwaitingApproval").await;
    assert_eq!(link(&asked), Some(world.simulator.group("asked").unwrap().links[0].url.clone()));
    assert_eq!(world.simulator.group_summary("asked").executed, 1);
    world.until("pending", "Approved").await;
    assert_eq!(world.simulator.group_summary("pending").executed, 1);

    operator.terminate().await;
    own.kubectl_ok(&["delete", "namespace", &world.namespace, "--timeout=60s"]).unwrap();
}

/// The grace, and some seconds for a busy machine.
async fn ends_within(operator: Operator, grace: Duration) {
    let began = Instant::now();
    operator.terminate().await;
    assert!(began.elapsed() < grace + Duration::from_secs(6), "after {:?}", began.elapsed());
}

/// A kubeconfig for an API server at an address where there is none.
fn kubeconfig_of(address: &str) -> NamedTempFile {
    let real = std::fs::read_to_string(plane().kubeconfig()).unwrap();
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(real.replace(plane().server_url(), &format!("https://{address}")).as_bytes()).unwrap();
    file
}
