//! Trouble of the list while consents wait: none of it hides an approval, loses a link or makes one look like missing.

use futures::future::join_all;
use heygen_simulator::{BulkGroups, FaultAction, FaultRule, ListTrouble, PathKind, Reshape};
use serde_json::json;

use crate::stage::{INTERVAL, Stage};
use crate::support::scene::{APPROVED, AWAITING, INITIATING, most_at};

/// Three pages of groups, of which only a few have a consent.
const GROUPS: usize = 120;

/// The last of the first page, the first of the second, which the troubles are about, one in the middle, and the very last.
const ASKED: [usize; 4] = [49, 50, 70, 119];

fn troubles() -> Vec<(&'static str, FaultAction)> {
    let of = |trouble: ListTrouble| FaultAction::List(trouble);
    let group = |name: &str| format!("{name}-000070");
    vec![
        ("repeated-token", of(ListTrouble::RepeatedToken)),
        ("shrinking", of(ListTrouble::Shrinking)),
        ("twice", of(ListTrouble::ItemTwice)),
        ("moving", of(ListTrouble::ItemMoves { group: group("moving") })),
        ("absent", of(ListTrouble::ItemMissing { group: group("absent") })),
        ("turned", of(ListTrouble::NewestFirst)),
        ("tokenless", FaultAction::Reshape(Reshape::HasMoreWithoutToken)),
        ("circle", FaultAction::Reshape(Reshape::EndlessPages)),
        ("odd-has-more", FaultAction::Reshape(Reshape::HasMoreIsString)),
        ("no-list", FaultAction::Reshape(Reshape::DataIsObject)),
        ("wordless", FaultAction::Reshape(Reshape::ConsentStatusIsMissing)),
        ("down", FaultAction::error(404, "not_found", "prose that nobody should repeat")),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_list_does_an_approval_is_seen_and_nothing_else_is_told() {
    let owned = Stage::start("lists").await;
    let stage = &owned;
    join_all(troubles().into_iter().map(|(trouble, action)| async move {
        stage.account_of_its_own(trouble).await;
        let groups = BulkGroups { account: Some(trouble.to_owned()), prefix: format!("{trouble}-"), count: GROUPS };
        stage.simulator.create_groups(&groups).unwrap();
        stage.simulator.add_fault(FaultRule::new(action).on(PathKind::List).account(trouble)).unwrap();
        let (began, first) = (stage.elapsed(), stage.next_request());
        let names = ASKED.map(|number| format!("{trouble}-{number:06}"));
        for name in &names {
            stage.ask_again(name, json!({ "accountRef": { "kind": "HeyGenAccount", "name": trouble } })).await;
        }
        for name in &names {
            let before = stage.until_told(name, AWAITING).await.metadata.resource_version;
            stage.until_looked(name, 3).await;
            assert_eq!(stage.version(name).await, before, "{name}: written although nothing had changed");
            stage.has_its_only_link(name).await;
        }
        for name in &names {
            stage.simulator.approve(name).unwrap();
        }
        for name in &names {
            stage.until_told(name, APPROVED).await;
            assert_eq!(stage.posts(name).len(), 1, "{name}");
            stage.has_its_only_link(name).await;
            stage.only_told(name, &[INITIATING, AWAITING, APPROVED]);
        }
        // A second's looks cost at most a pass over the three pages and a single read of each that the pass did not show; more than
        // that come once, for the looks and requests at the beginning.
        let (all, elapsed) = (stage.requests_of(trouble, first).len() as u64, stage.elapsed() - began);
        let most = 3 * 4 + (3 + 4) * most_at(INTERVAL, elapsed);
        assert!(all <= most, "{trouble}: {all} requests within {elapsed:?}, {most} are allowed");
    }))
    .await;
    owned.end().await;
}
