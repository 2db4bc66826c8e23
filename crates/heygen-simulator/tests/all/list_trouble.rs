//! A list that changes while it is read, one trouble a test; the reader here knows no better than to follow the tokens.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use heygen_simulator::{BulkGroups, FaultAction, FaultRule, ListTrouble, PathKind, Settings};
use serde_json::json;

use crate::support::{Stage, stage_with};

const PAGE: &str = "/v3/avatars?ownership=private&limit=50";

/// Groups `g000000` and so on.
async fn crowd(count: usize) -> Stage {
    let stage = stage_with(Settings::default()).await;
    stage.control.create_groups(&BulkGroups { account: None, prefix: "g".to_owned(), count }).expect("groups");
    stage
}

fn trouble(stage: &Stage, trouble: ListTrouble) -> u64 {
    stage.control.add_fault(FaultRule::new(FaultAction::List(trouble)).on(PathKind::List)).expect("a valid rule")
}

/// The ids of one page, and the token of the next.
async fn page(stage: &Stage, token: Option<&str>) -> (Vec<String>, Option<String>) {
    let token = token.map(|token| format!("&token={token}")).unwrap_or_default();
    let page = stage.get(&format!("{PAGE}{token}")).await.json();
    let ids = page["data"].as_array().expect("a list").iter().map(|group| group["id"].as_str().expect("an id").to_owned()).collect();
    let next = page["next_token"].as_str().map(str::to_owned);
    assert_eq!(page["has_more"], json!(next.is_some()));
    (ids, next)
}

/// All pages, at most so many.
async fn scan(stage: &Stage, most: usize) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut token = None;
    while pages.len() < most {
        let (ids, next) = page(stage, token.as_deref()).await;
        pages.push(ids);
        if next.is_none() {
            return pages;
        }
        token = next;
    }
    pages
}

/// How often each id was shown in a scan.
fn shown(pages: &[Vec<String>]) -> BTreeMap<&str, usize> {
    let mut shown = BTreeMap::new();
    pages.iter().flatten().for_each(|id| *shown.entry(id.as_str()).or_default() += 1);
    shown
}

#[tokio::test]
async fn a_repeated_token_shows_one_page_for_ever() {
    let stage = crowd(120).await;
    trouble(&stage, ListTrouble::RepeatedToken);
    let pages = scan(&stage, 5).await;
    assert_eq!(pages.len(), 5, "it ended");
    assert_ne!(pages[0], pages[1]);
    assert!(pages[1..].iter().all(|page| *page == pages[1]));
}

#[tokio::test]
async fn a_shrinking_list_hides_one_group_behind_every_page() {
    let stage = crowd(120).await;
    trouble(&stage, ListTrouble::Shrinking);
    let pages = scan(&stage, 9).await;
    assert_eq!(shown(&pages).len(), 118);
    assert!(!shown(&pages).contains_key("g000050"));
    assert_eq!(stage.get("/v3/avatars/g000050").await.status, 200);
}

#[tokio::test]
async fn a_growing_list_shows_one_group_of_every_page_twice() {
    let stage = crowd(120).await;
    trouble(&stage, ListTrouble::ItemTwice);
    let pages = scan(&stage, 9).await;
    let twice: Vec<&str> = shown(&pages).into_iter().filter(|(_, times)| *times == 2).map(|(id, _)| id).collect();
    assert_eq!(twice, ["g000049", "g000098"]);
    assert_eq!(shown(&pages).len(), 120);
}

#[tokio::test]
async fn a_group_that_moves_is_shown_nowhere_in_one_scan_and_twice_in_the_next() {
    let stage = crowd(120).await;
    trouble(&stage, ListTrouble::ItemMoves { group: "g000007".to_owned() });
    for times in [None, Some(2), None, Some(2)] {
        let pages = scan(&stage, 9).await;
        assert!(pages.iter().all(|page| page.len() <= 50), "a page longer than was asked for");
        assert_eq!(shown(&pages).get("g000007").copied(), times);
        assert_eq!(shown(&pages).len(), 119 + usize::from(times.is_some()));
    }
}

#[tokio::test]
async fn a_missing_group_is_found_by_a_single_read_alone() {
    let stage = crowd(60).await;
    let rule = trouble(&stage, ListTrouble::ItemMissing { group: "g000007".to_owned() });
    assert_eq!(shown(&scan(&stage, 9).await).len(), 59);
    assert_eq!(stage.get("/v3/avatars/g000007").await.status, 200);
    stage.control.remove_fault(rule).unwrap();
    assert_eq!(shown(&scan(&stage, 9).await).len(), 60);
    let summary = stage.control.group_summary("g000007");
    assert_eq!((summary.reads, summary.listed), (1, 1));
    assert_eq!(stage.control.group_summary("g000008").listed, 2);
}

#[tokio::test]
async fn the_order_can_be_turned_also_between_two_pages() {
    let stage = crowd(120).await;
    let (first, token) = page(&stage, None).await;
    let rule = trouble(&stage, ListTrouble::NewestFirst);
    let pages = scan(&stage, 9).await;
    let turned: Vec<String> = pages.concat();
    assert_eq!(turned, (0..120).rev().map(|number| format!("g{number:06}")).collect::<Vec<_>>());
    let (back, last) = page(&stage, token.as_deref()).await;
    assert_eq!((back, last), (first[..49].iter().rev().cloned().collect(), None));
    stage.control.remove_fault(rule).unwrap();
    assert_eq!(page(&stage, None).await.0, first);
}

#[tokio::test]
async fn a_page_among_a_hundred_thousand_groups_takes_no_longer_than_one_among_a_hundred() {
    let time = async |stage: &Stage, token: Option<&str>| {
        let mut times = Vec::new();
        for _ in 0..21 {
            let began = Instant::now();
            page(stage, token).await;
            times.push(began.elapsed());
        }
        times.sort();
        times[0]
    };
    let (few, many) = (crowd(100).await, crowd(100_000).await);
    // In the middle: the cursor of a group says its number, counted from 1, in hexadecimal.
    let middle = format!("c{:016x}{:08x}", 50_000, 0);
    let (short, long) = (time(&few, None).await, time(&many, Some(&middle)).await);
    // A walk over all groups costs tens of milliseconds.
    assert!(long < short * 4 + Duration::from_millis(5), "{long:?} instead of {short:?}");
    let began = Instant::now();
    for number in 0..1000 {
        unread(&many, number);
    }
    assert_eq!(many.control.group_summaries().len(), 100_000);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

fn unread(stage: &Stage, number: usize) {
    assert_eq!(stage.control.group_summary(&format!("g{number:06}")).reads, 0);
}

#[tokio::test]
async fn the_record_forgets_the_oldest_and_counts_on() {
    let stage = stage_with(Settings { record_capacity: 3, ..Settings::default() }).await;
    for _ in 0..5 {
        page(&stage, None).await;
    }
    let kept: Vec<u64> = stage.control.requests_since(0).iter().map(|request| request.sequence).collect();
    let summary = stage.control.summary();
    assert_eq!((kept, summary.requests, summary.forgotten), (vec![2, 3, 4], 5, 2));
}
