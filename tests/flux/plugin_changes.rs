//! What `kubectl twinconsent` has changed, and then git is applied: as `docs/gitops.md` says.

use serde_json::json;

use crate::plugin::Plugin;
use crate::stage::Stage;
use crate::support::scene::AWAITING;
use crate::users::{consents, user};

const READY: (&str, &str) = ("True", "ReconciliationSucceeded");
const REFUSED: (&str, &str) = ("False", "ReconciliationFailed");
const UNHEALTHY: (&str, &str) = ("False", "HealthCheckFailed");

const FILE: &str = "invitations/grace.yaml";

/// The invitations, applied, and the plugin of a user of the namespace: all tests have the same persons, each in a namespace of its own.
async fn invited(name: &str) -> (Stage, Plugin) {
    let stage = Stage::start(name).await;
    stage.apply("invitations.yaml", json!({})).await;
    stage.until_kustomization("invitations", READY, "").await;
    stage.until_reading("grace", AWAITING).await;
    let plugin = user(&stage, "author", consents(&["get", "list", "patch"])).await;
    (stage, plugin)
}

/// Writes these fields into the spec of grace in git, and waits until Flux has the commit.
async fn commit(stage: &Stage, fields: &str) -> String {
    let text = stage.repository.read(FILE);
    let commit = stage.repository.write(FILE, &text.replace("spec:\n", &format!("spec:\n{fields}")));
    stage.fetched(&commit).await;
    commit
}

/// Waits until grace has this deadline, by which it shows that git was applied.
async fn until_applied(stage: &Stage, deadline: &str) {
    stage.until_it("grace", "git is applied", |grace| grace.spec.approval_deadline.as_deref() == Some(deadline)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_suspended_stays_so_unless_git_says_otherwise() {
    let (stage, plugin) = invited("plugin-suspends").await;
    plugin.run(&["suspend", "grace", "--reason", "The contract is being renewed."]).done();
    let applied = commit(&stage, "  approvalDeadline: 48h\n").await;
    stage.until_kustomization("invitations", READY, &applied).await;
    until_applied(&stage, "48h").await;
    let grace = stage.consents().get("grace").await.unwrap();
    assert_eq!(grace.spec.suspend, Some(true));
    assert_eq!(grace.metadata.annotations.unwrap()["twinconsent.io/suspension-reason"], "The contract is being renewed.");

    let applied = commit(&stage, "  suspend: false\n").await;
    stage.until_kustomization("invitations", READY, &applied).await;
    assert_eq!(stage.consents().get("grace").await.unwrap().spec.suspend, Some(false));

    let text = stage.repository.read(FILE).replace("  suspend: false\n", "  suspend: true\n");
    let suspended = stage.repository.write(FILE, &text);
    stage.fetched(&suspended).await;
    stage.until_kustomization("invitations", READY, &suspended).await;
    plugin.run(&["resume", "grace"]).done();
    assert_eq!(stage.consents().get("grace").await.unwrap().spec.suspend, None);
    stage.reconcile("Kustomization", "invitations").await;
    stage.until_it("grace", "git suspends it again", |grace| grace.spec.suspend == Some(true)).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_request_stays_and_a_lower_epoch_in_git_is_refused() {
    let (stage, plugin) = invited("plugin-renews").await;
    let group = stage.group("grace");
    plugin.run(&["renew", "grace"]).done();
    let applied = commit(&stage, "  approvalDeadline: 48h\n").await;
    stage.until_kustomization("invitations", READY, &applied).await;
    until_applied(&stage, "48h").await;
    assert_eq!(stage.consents().get("grace").await.unwrap().spec.request_epoch, Some(1));
    crate::support::eventually("HeyGen is asked for another link", || async {
        if stage.executed(&group) == 2 { Ok(()) } else { Err(stage.executed(&group)) }
    })
    .await;

    commit(&stage, "  requestEpoch: 0\n").await;
    stage.until_kustomization("invitations", REFUSED, "requestEpoch may only grow").await;
    let text = stage.repository.read(FILE).replace("  requestEpoch: 0\n", "  requestEpoch: 1\n");
    let mended = stage.repository.write(FILE, &text);
    stage.fetched(&mended).await;
    stage.until_kustomization("invitations", READY, &mended).await;
    assert_eq!(stage.executed(&group), 2, "nobody is asked for it");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_stays_and_what_git_changes_is_applied_all_the_same() {
    let (stage, plugin) = invited("plugin-withdraws").await;
    let withdrawn = plugin.run(&["withdraw", "grace", "--reference", "ticket-4711", "--time", "2026-01-01T10:00:00Z"]);
    assert!(withdrawn.stderr.contains("Only the namespace"), "{}", withdrawn.stderr);
    withdrawn.done();
    stage.until("grace", "ConsentWithdrawn").await;
    commit(&stage, "  approvalDeadline: 48h\n").await;
    until_applied(&stage, "48h").await;
    let reference = |grace: twinconsent_core::api::consent::DigitalTwinConsent| grace.spec.withdrawal.unwrap().reference;
    assert_eq!(reference(stage.consents().get("grace").await.unwrap()).as_deref(), Some("ticket-4711"));
    // Applied, and a failure for what waits for it.
    stage.until_kustomization("invitations", UNHEALTHY, "grace").await;

    let same = "  withdrawal:\n    time: \"2026-01-01T10:00:00Z\"\n    reference: ticket-4711\n  approvalDeadline: 50h\n";
    let text = stage.repository.read(FILE).replace("  approvalDeadline: 48h\n", same);
    let committed = stage.repository.write(FILE, &text);
    stage.fetched(&committed).await;
    until_applied(&stage, "50h").await;
    let other = stage.repository.read(FILE).replace("ticket-4711", "ticket-4712");
    let other = stage.repository.write(FILE, &other);
    stage.fetched(&other).await;
    stage.until_kustomization("invitations", REFUSED, "withdrawal may be set once").await;
    stage.end().await;
}
