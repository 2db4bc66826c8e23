use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

#[test]
fn the_list_is_read_when_that_costs_fewer_calls() {
    let minute = 60_000;
    for (intervals, pages, expected) in [
        (vec![(minute, 10_000)], 200, Some(minute)),
        (vec![(minute, 10)], 200, None),
        (vec![(minute, 1)], 1, None),
        (vec![(minute, 2)], 1, Some(minute)),
        // Half an hour's scan serves the slow ones, and the few quick ones are read one by one.
        (vec![(10_000, 3), (30 * minute, 10_000)], 200, Some(30 * minute)),
        // Nearly every group is quick: the scan that serves them serves the slow ones as well.
        (vec![(minute, 10_000), (30 * minute, 10_000)], 400, Some(minute)),
        (vec![], 3, None),
    ] {
        assert_eq!(listed_from(intervals.iter().copied(), pages), expected, "{intervals:?} and {pages} pages");
    }
}

#[test]
fn a_cursor_that_comes_twice_ends_the_scan_without_a_conclusion() {
    let mut scan = ListScan::new(1, 100, 3, Duration::from_secs(60), at(0));
    assert_eq!(scan.advance(Some("a"), true, at(1)), Progress::Going);
    assert_eq!(scan.advance(Some("b"), true, at(2)), Progress::Going);
    assert_eq!(scan.advance(Some("a"), true, at(3)), Progress::Lost);
}

#[test]
fn only_a_last_page_that_says_so_completes_a_scan() {
    let scan = || ListScan::new(1, 100, 3, Duration::from_secs(60), at(0));
    assert_eq!(scan().advance(None, true, at(1)), Progress::Complete);
    assert_eq!(scan().advance(None, false, at(1)), Progress::Lost);
}

#[test]
fn the_size_of_the_list_is_learned_and_forgotten() {
    let mut size = ListSize::default();
    assert_eq!(size.pages(101, at(0)), Some(3));
    size.has_more_than(4, at(0));
    assert_eq!(size.pages(101, at(1)), Some(8));
    assert_eq!(size.pages(101, at(3601)), Some(3));
    size.failed(Duration::from_secs(30), at(4000));
    assert_eq!(size.pages(101, at(4029)), None);
    assert_eq!(size.pages(101, at(4040)), Some(3));
}
