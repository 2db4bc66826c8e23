//! What changes in git, and what is changed behind its back.

use heygen_simulator::PathKind;
use kube::ResourceExt as _;
use serde_json::json;

use crate::stage::Stage;
use crate::support::eventually;
use crate::support::scene::AWAITING;

const READY: (&str, &str) = ("True", "ReconciliationSucceeded");

#[tokio::test(flavor = "multi_thread")]
async fn what_is_removed_from_git_is_pruned_unless_protected_and_heygen_hears_nothing_of_it() {
    let stage = Stage::start("pruned").await;
    let protected = stage.repository.read("invitations/grace.yaml");
    let unprotected = protected.replace("  annotations:\n    kustomize.toolkit.fluxcd.io/prune: disabled\n", "");
    assert_ne!(unprotected, protected);
    stage.repository.write("invitations/grace.yaml", &unprotected);
    stage.apply("invitations.yaml", json!({})).await;
    stage.until_kustomization("invitations", READY, "").await;
    let protected = stage.until_reading("katherine", AWAITING).await;
    let (grace, katherine) = (stage.group("grace"), stage.group("katherine"));

    // A folder without any manifest would be an error.
    let other = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: other\n";
    stage.repository.write("invitations/other.yaml", other);
    let commit = stage.repository.remove(&["invitations/grace.yaml", "invitations/katherine.yaml"]);
    stage.fetched(&commit).await;
    eventually("grace is pruned", || async {
        if stage.consents().get_opt("grace").await.unwrap().is_none() { Ok(()) } else { Err("still there") }
    })
    .await;
    stage.until_kustomization("invitations", READY, &commit).await;
    let kept = stage.consents().get("katherine").await.unwrap();
    assert_eq!(kept.uid(), protected.uid());
    stage.until_read(&katherine, stage.reads(&katherine) + 3).await;
    assert_eq!((stage.posts(&grace).len(), stage.posts(&katherine).len()), (1, 1));
    let requests = stage.simulator.requests_since(0);
    let deletions = requests.iter().filter(|request| request.method == "DELETE").count();
    assert_eq!(deletions, 0);
    assert!(requests.iter().any(|request| request.kind == PathKind::Consent), "the requests are recorded");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reverted_epoch_is_refused_and_the_kustomization_says_what_to_do() {
    let stage = Stage::start("reverted").await;
    let group = stage.group("grace");
    stage.apply("invitations.yaml", json!({})).await;
    stage.until_kustomization("invitations", READY, "").await;
    let raised = stage.repository.read("invitations/grace.yaml").replace("spec:\n", "spec:\n  requestEpoch: 1\n");
    let commit = stage.repository.write("invitations/grace.yaml", &raised);
    stage.fetched(&commit).await;
    stage.until_kustomization("invitations", READY, &commit).await;
    stage.until_it("grace", "epoch 1", |grace| grace.spec.request_epoch == Some(1)).await;
    stage.until_reading("grace", AWAITING).await;
    assert_eq!(stage.executed(&group), 2);

    let commit = stage.repository.revert();
    stage.fetched(&commit).await;
    let message = stage.until_kustomization("invitations", ("False", "ReconciliationFailed"), "requestEpoch").await;
    let page = include_str!("../../docs/gitops.md");
    let documented = page.lines().find(|line| line.starts_with("spec.requestEpoch: ")).unwrap();
    assert!(message.contains(documented), "the page says {documented:?}, Flux says {message:?}");
    assert_eq!(stage.consents().get("grace").await.unwrap().spec.request_epoch, Some(1));
    assert_eq!(stage.executed(&group), 2, "a refused change asks nobody");

    let forward = stage.repository.read("invitations/grace.yaml").replace("spec:\n", "spec:\n  requestEpoch: 2\n");
    let commit = stage.repository.write("invitations/grace.yaml", &forward);
    stage.fetched(&commit).await;
    stage.until_kustomization("invitations", READY, &commit).await;
    assert_eq!(stage.consents().get("grace").await.unwrap().spec.request_epoch, Some(2));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_changed_by_hand_is_put_back_and_what_agrees_is_not_written() {
    let stage = Stage::start("drift").await;
    let text = stage.repository.read("invitations/grace.yaml").replace("spec:\n", "spec:\n  pollInterval: 5m\n");
    let commit = stage.repository.write("invitations/grace.yaml", &text);
    stage.fetched(&commit).await;
    stage.apply("invitations.yaml", json!({})).await;
    stage.until_kustomization("invitations", READY, &commit).await;
    let before = stage.until_reading("grace", AWAITING).await;
    stage.reconcile("Kustomization", "invitations").await;
    let after = stage.consents().get("grace").await.unwrap();
    assert_eq!(after.resource_version(), before.resource_version(), "nothing had changed");

    stage.change("grace", json!({ "pollInterval": "1h" })).await;
    stage.reconcile("Kustomization", "invitations").await;
    let back = stage.consents().get("grace").await.unwrap();
    assert_eq!(back.spec.poll_interval.as_deref(), Some("5m"));
    assert_eq!(stage.executed(&stage.group("grace")), 1);
    stage.end().await;
}
