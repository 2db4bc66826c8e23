//! No cluster, a cluster that goes away, and namespaces that do.

use std::io::Write as _;
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

use crate::support::operator::free_address;
use crate::support::{Operator, eventually, plane};

#[tokio::test(flavor = "multi_thread")]
async fn without_its_cluster_the_operator_lives_is_not_ready_and_keeps_trying() {
    let kubeconfig = kubeconfig_of_nobody();
    let operator = Operator::start_with(&kubeconfig.path().display().to_string(), &["--log-filter=info"]);
    eventually("alive and not ready", || async {
        let (alive, ready) = (operator.get("/livez").await, operator.get("/readyz").await);
        let is = alive.as_ref().is_some_and(|(code, _)| *code == 200) && ready.as_ref().is_some_and(|(code, _)| *code == 503);
        if is { Ok(()) } else { Err(format!("{alive:?} {ready:?}")) }
    })
    .await;
    let (_, waits_for) = operator.get("/readyz").await.unwrap();
    assert!(waits_for.contains("digitaltwinconsents"), "{waits_for}");
    eventually("it tries again", || async {
        let tries = operator.log().matches("the watch is disturbed").count();
        if tries >= 6 { Ok(()) } else { Err(tries) }
    })
    .await;
    ends_within(operator, Duration::from_secs(25)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_cluster_the_operator_ends_within_a_short_grace_too() {
    let kubeconfig = kubeconfig_of_nobody();
    let operator = Operator::start_with(&kubeconfig.path().display().to_string(), &["--shutdown-grace=1s"]);
    eventually("alive", || async { operator.get("/livez").await.ok_or("not yet") }).await;
    ends_within(operator, Duration::from_secs(1)).await;
}

/// The grace, and some seconds for a busy machine.
async fn ends_within(operator: Operator, grace: Duration) {
    let began = Instant::now();
    operator.terminate().await;
    assert!(began.elapsed() < grace + Duration::from_secs(6), "after {:?}", began.elapsed());
}

fn kubeconfig_of_nobody() -> NamedTempFile {
    let real = std::fs::read_to_string(plane().kubeconfig()).unwrap();
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(real.replace(plane().server_url(), &format!("https://{}", free_address())).as_bytes()).unwrap();
    file
}
