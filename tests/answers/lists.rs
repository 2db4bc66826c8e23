//! Trouble of the list while consents wait: none of it hides an approval, loses a link or makes one look like missing.

use futures::future::join_all;
use heygen_simulator::{BulkGroups, FaultAction, FaultRule, ListTrouble, PathKind, Reshape};
use serde_json::json;

use crate::stage::{INTERVAL, Stage};
use crate::support::scene::{APPROVED, AWAITING, INITIATING, most_at};

/// Three pages of groups, of which only some have a consent.
const GROUPS: usize = 120;

/// Some of each page: so many that the list costs fewer calls than reading them one by one, or it would not be read at all.
/// Among them the last of the first page and the first of the second, which the troubles are about, 70, and the very last.
const ASKED: [usize; 12] = [3, 11, 24, 37, 49, 50, 58, 66, 70, 81, 99, 119];

/// With these the list can still be read to its end, and is read again and again.
const READ_ON: [&str; 5] = ["shrinking", "twice", "moving", "absent", "turned"];

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
        let mut asked = Vec::new();
        for name in &names {
            asked.push((name, stage.until_reading(name, AWAITING).await.metadata.resource_version, stage.reads(name)));
        }
        for (name, before, reads) in asked {
            stage.until_read(name, reads + 3).await;
            assert_eq!(stage.version(name).await, before, "{name}: written although nothing had changed");
            stage.has_its_only_link(name).await;
        }
        for name in &names {
            stage.simulator.approve(name).unwrap();
        }
        for name in &names {
            stage.until_reading(name, APPROVED).await;
            assert_eq!(stage.posts(name).len(), 1, "{name}");
            stage.has_its_only_link(name).await;
            stage.only_readings(name, &[INITIATING, AWAITING, APPROVED]).await;
        }
        // A second's polls cost at most a scan of the three pages and a single read of each that the scan did not show; more than
        // that come once, for the polls and requests at the beginning.
        let (requests, elapsed) = (stage.requests_of(trouble, first), stage.elapsed() - began);
        let (all, asked) = (requests.len() as u64, ASKED.len() as u64);
        let most = 3 * asked + (3 + asked) * most_at(INTERVAL, elapsed);
        assert!(all <= most, "{trouble}: {all} requests within {elapsed:?}, {most} are allowed");
        let pages = requests.iter().filter(|request| request.kind == PathKind::List).count();
        let least = if READ_ON.contains(&trouble) { 2 * 3 } else { 1 };
        assert!(pages >= least, "{trouble}: the trouble was met on {pages} pages only");
    }))
    .await;
    owned.end().await;
}
