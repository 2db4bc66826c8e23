//! The tables of figures are what the code does.

use std::time::Duration;

use twinconsent_core::consent::policy::Rules;
use twinconsent_core::consent::polling::{missing_interval, pending_interval};

#[test]
fn how_often_is_polled_is_what_the_page_says() {
    let cadence = Rules::default().cadence;
    let page = include_str!("../../docs/heygenaccount.md");
    let pending = table(page, "| the person has waited for |");
    let missing = table(page, "| missing for |");
    assert_eq!((pending.len(), missing.len()), (5, 7));
    agrees(&pending, |waited| pending_interval(&cadence, None, waited));
    agrees(&missing, |missing_for| missing_interval(&cadence, missing_for));
}

/// Each row holds from its time to the one of the next row.
fn agrees(rows: &[(Duration, Duration)], interval: impl Fn(Duration) -> Duration) {
    let ends = rows.iter().skip(1).map(|(from, _)| *from - Duration::from_secs(1)).chain([Duration::from_secs(30 * 24 * 3600)]);
    for ((from, shown), end) in rows.iter().zip(ends) {
        assert_eq!((interval(*from), interval(end)), (*shown, *shown), "from {from:?} to {end:?}");
    }
}

/// The rows below this heading: from when on, and how often. The first one is from the beginning on.
fn table(page: &str, heading: &str) -> Vec<(Duration, Duration)> {
    let (_, rest) = page.split_once(heading).unwrap();
    let rows = rest.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let from = if cells[1].starts_with("less than") { Duration::ZERO } else { duration(cells[1]) };
        (from, duration(cells[2]))
    })
    .collect()
}

/// Such as `2 h`, with whatever behind it.
fn duration(text: &str) -> Duration {
    let mut words = text.split([' ', ',']);
    let number: u64 = words.next().unwrap().parse().unwrap();
    match words.next() {
        Some("h") => Duration::from_secs(number * 3600),
        Some("min") => Duration::from_secs(number * 60),
        unit => panic!("{unit:?}"),
    }
}
