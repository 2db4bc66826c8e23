//! Following many by the list, and few one by one.

use proptest::prelude::*;

use super::*;

#[test]
fn ten_thousand_pending_groups_cost_a_scan_a_minute_and_none_waits_longer_than_the_interval() {
    let mut world = World::new(10_000, 600, 20);
    (1..=10_000).for_each(|uid| world.add(uid, MINUTE));
    world.run(600);
    for minute in 1..10 {
        let calls = world.calls_between(60 * minute, 60 * (minute + 1));
        assert!((150..=250).contains(&calls), "{calls} calls in minute {minute}");
    }
    let longest = (1..=10_000).map(|uid| world.longest_gap(uid)).max().unwrap();
    assert!(longest <= Duration::from_secs(65), "a group went without a poll for {longest:?}");
    assert_eq!(world.input, []);
}

#[test]
fn ten_thousand_pending_groups_wake_the_loop_for_the_pages_and_not_for_each_object() {
    let mut world = World::new(10_000, 600, 20);
    (1..=10_000).for_each(|uid| world.add(uid, MINUTE));
    world.run(60);
    let (end, mut wakes) = (polling::add(world.now, MINUTE), 0);
    while world.now < end {
        match world.schedule.take(world.now) {
            Ok((job, _)) => world.work(job),
            Err(next) => world.now = next,
        }
        wakes += 1;
    }
    assert!(wakes <= 600, "{wakes} wakes in a minute for 200 pages");
}

#[test]
fn ten_thousand_groups_cost_at_most_250_calls_in_any_minute_also_right_after_a_restart() {
    let mut world = World::new(10_000, 600, 20);
    (1..=10_000).for_each(|uid| world.add(uid, MINUTE));
    world.run(900);
    assert!(world.most_within(60) <= 250, "{} calls in a minute", world.most_within(60));
}

#[test]
fn groups_that_are_added_while_the_first_scan_is_under_way_cost_no_second_one_in_the_same_interval() {
    let mut world = World::new(10_000, 600, 20);
    for number in 0..10_000 {
        // 5,000 a second, in another order than the list's.
        world.add(number * 7919 % 10_000 + 1, MINUTE);
        if number % 500 == 0 {
            world.run_millis(100);
        }
    }
    world.run(900);
    assert!(world.most_within(60) <= 250, "{} calls in a minute", world.most_within(60));
    let longest = (1..=10_000).map(|uid| world.longest_gap(uid)).max().unwrap();
    assert!(longest <= Duration::from_secs(65), "a group went without a poll for {longest:?}");
}

#[test]
fn ten_thousand_groups_cost_at_most_250_calls_in_any_minute_also_right_after_a_bulk_creation() {
    let mut world = World::new(10_000, 600, 20);
    for uid in 1..=10_000 {
        // 200 a second, each resting for the first time after its link was recorded.
        let due = polling::after_poll(world.now, MINUTE, share(uid));
        world.add_from(uid, MINUTE, due);
        if uid % 20 == 0 {
            world.run_millis(100);
        }
    }
    world.run(900);
    assert!(world.most_within(60) <= 250, "{} calls in a minute", world.most_within(60));
}

#[test]
fn a_few_groups_among_many_are_read_one_by_one() {
    let mut world = World::new(10_000, 600, 20);
    (1..=40).for_each(|uid| world.add(uid * 200, MINUTE));
    world.run(1800);
    let pages = |from| world.calls.iter().filter(|(time, call)| *time > at(from) && matches!(call, Called::Page(_))).count();
    assert!(pages(0) < 200 && pages(600) == 0, "{} pages were read, {} of them after ten minutes", pages(0), pages(600));
    let calls = world.calls_between(600, 1800);
    assert!((750..=900).contains(&calls), "{calls} calls for 40 groups in 20 minutes");
}

#[test]
fn a_change_is_told_once_and_all_others_are_not() {
    let mut world = World { goes_on: Some(MINUTE), ..World::new(1000, 6000, 100) };
    (1..=1000).for_each(|uid| world.add(uid, MINUTE));
    world.run(100);
    world.words.insert(77, "approved".to_owned());
    world.run(300);
    let shown: Vec<Uid> = world.input.iter().map(|(_, uid)| *uid).collect();
    assert_eq!(shown, [77]);
    assert!(polling::since(at(100), world.input[0].0) <= Duration::from_secs(60));
}

#[test]
fn what_a_complete_list_does_not_show_is_read_one_by_one() {
    let mut world = World { list: List::Omits, ..World::new(1000, 6000, 100) };
    (1..=1000).for_each(|uid| world.add(uid, MINUTE));
    world.run(600);
    let longest = (1..=1000).map(|uid| world.longest_gap(uid)).max().unwrap();
    assert!(longest <= Duration::from_secs(121), "{longest:?}");
    let alone = world.calls.iter().filter(|(_, call)| matches!(call, Called::Poll(_))).count();
    assert!((900..=1400).contains(&alone), "{alone} reads of 100 groups in ten minutes");
}

#[test]
fn no_trouble_with_the_list_leaves_any_group_out() {
    for list in [List::RepeatsACursor, List::LosesTheCursor, List::Repeats, List::Endless, List::Omits, List::Wordless, List::Fails] {
        let mut world = World { list, ..World::new(500, 6000, 100) };
        (1..=500).for_each(|uid| world.add(uid, MINUTE));
        world.run(1200);
        let longest = (1..=500).map(|uid| world.longest_gap(uid)).max().unwrap();
        assert!(longest <= Duration::from_secs(130), "{list:?}: a group went without a poll for {longest:?}");
        let a_minute = world.calls.len() / 20;
        assert!(a_minute <= 600, "{list:?}: {a_minute} calls a minute");
        assert_eq!(world.input, [], "{list:?}: nothing had changed");
    }
}

#[test]
fn many_that_want_a_poll_at_once_are_polled_by_the_list_and_few_one_by_one() {
    let mut world = World { goes_on: Some(Duration::from_secs(86_400)), ..World::new(1000, 600, 20) };
    (1..=1000).for_each(|uid| world.want(uid, true));
    world.run(60);
    assert_eq!(world.input.len(), 1000);
    assert_eq!(world.calls.len(), 20, "a scan of 20 pages");

    let mut world = World { goes_on: Some(Duration::from_secs(86_400)), ..World::new(1000, 600, 20).has_pages(20) };
    (1..=5).for_each(|uid| world.want(uid, true));
    world.run(60);
    assert_eq!((world.input.len(), world.calls.len()), (5, 5));
}

/// 5000 groups that are polled by the list, and have all changed since.
fn all_approved() -> World {
    let mut world = World { goes_on: Some(Duration::from_secs(86_400)), ..World::new(5000, 6000, 100) };
    (1..=5000).for_each(|uid| world.add(uid, MINUTE));
    world.words.extend((1..=5000).map(|uid| (uid, "approved".to_owned())));
    world
}

/// A worker takes so long for each object: how many wait to hear, and how much longer than explained pages have waited, at their most.
fn crowd(world: &mut World, each: Duration, objects: usize) -> (usize, Duration) {
    let (mut to_hear, mut overdue) = (0, Duration::ZERO);
    while world.input.len() < objects {
        match world.schedule.take(world.now) {
            Ok((job, _)) => {
                world.now = polling::add(world.now, if matches!(job, Job::Object { .. }) { each } else { Duration::ZERO });
                world.work(job);
            }
            Err(next) => world.now = next,
        }
        to_hear = to_hear.max(world.schedule.entries.values().filter(|entry| entry.shown.is_some()).count());
        overdue = overdue.max(world.schedule.overdue(&ACCOUNT, at(0), world.now));
    }
    (to_hear, overdue)
}

#[test]
fn no_page_is_read_while_a_thousand_objects_wait_to_hear_of_those_before() {
    let mut world = all_approved();
    let (to_hear, overdue) = crowd(&mut world, Duration::from_millis(20), 5000);
    assert!((1000..=1050).contains(&to_hear), "{to_hear} waited");
    assert_eq!(overdue, Duration::ZERO);
    let pages = world.calls.iter().filter(|(_, call)| matches!(call, Called::Page(_))).count();
    assert!(pages <= 105, "{pages} pages for 5000 groups");
}

#[test]
fn pages_that_wait_for_slow_writes_are_not_overdue_unless_nothing_goes_on() {
    let mut world = all_approved();
    let (_, overdue) = crowd(&mut world, Duration::from_secs(30), 100);
    assert_eq!(overdue, Duration::ZERO);
    world.now = polling::add(world.now, Duration::from_secs(600));
    assert!(world.schedule.overdue(&ACCOUNT, at(0), world.now) > Duration::from_secs(500));
}

#[test]
fn a_suspicion_is_confirmed_by_a_read_of_the_one_group() {
    let mut world = World::new(1000, 600, 20);
    (1..=1000).for_each(|uid| world.add(uid, MINUTE));
    world.want(500, false);
    world.run(30);
    assert!(world.calls.iter().any(|(_, call)| *call == Called::Poll(500)));
    assert!(world.input.iter().any(|(_, uid)| *uid == 500));
}

#[test]
fn what_the_list_says_of_an_approved_group_is_read_alone_before_it_is_told() {
    let mut world = World::new(1000, 6000, 100);
    (1..=1000).for_each(|uid| world.add(uid, MINUTE));
    world.rest(77, polled(at(50), routine("approved", MINUTE, false)));
    world.run(120);
    let alone = world.calls.iter().find(|(_, call)| *call == Called::Poll(77)).unwrap();
    assert_eq!(world.input, [(alone.0, 77)]);
}

#[test]
fn what_was_read_before_an_object_rested_is_not_held_against_it() {
    for (rests_at, hears) in [(5, true), (6, false)] {
        let mut world = World::new(100, 600, 100);
        (1..=100).for_each(|uid| world.add_from(uid, MINUTE, at(5)));
        world.run(5);
        let begun = loop {
            match world.schedule.take(world.now) {
                Ok((Job::Page { begun, .. }, _)) => break begun,
                Err(next) => world.now = next,
                other => panic!("{other:?}"),
            }
        };
        assert!(world.now < at(6));
        world.words.insert(1, "approved".to_owned());
        let page = world.page(None);
        world.now = at(rests_at).max(world.now);
        if rests_at == 6 {
            world.rest(1, polled(at(60), routine("pending", MINUTE, true)));
        }
        world.schedule.end(begun, Ending::Came(Outcome::Listed(page)), world.now);
        let next = world.schedule.take(world.now);
        assert_eq!(matches!(next, Ok((Job::Object { uid: 1, grant: Some(Grant::Shown(_)) }, _))), hears, "{next:?}");
    }
}

#[test]
fn what_a_page_shows_is_for_the_object_with_that_very_group_and_a_next_poll() {
    let mut world = World::new(10, 600, 20);
    for uid in 1..=2 {
        world.schedule.add(uid, &ACCOUNT, "n", "ada");
    }
    world.schedule.rest(1, polled(at(0), PollKind::Wanted { by_list: true }), at(0));
    world.schedule.rest(2, Rest::default(), at(0));
    let entries = std::mem::take(&mut world.schedule.entries);
    assert_eq!(world.account().of_group("ada", &entries), Some(1));
    assert_eq!(world.account().of_group("eve", &entries), None);
    world.account().groups.insert(hash("eve"), 1);
    assert_eq!(world.account().of_group("eve", &entries), None, "by chance of the same number");
    world.schedule.entries = entries;
    world.schedule.rest(2, polled(at(0), PollKind::Wanted { by_list: true }), at(0));
    world.schedule.rest(1, Rest::default(), at(0));
    let entries = std::mem::take(&mut world.schedule.entries);
    assert_eq!(world.account().of_group("ada", &entries), Some(2), "another one owns the group now");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// What is followed is polled in time, whatever the mixture of intervals, as long as the rate suffices.
    #[test]
    fn every_group_is_polled_in_time(
        groups in 1u128..600,
        stride in 1u128..7,
        intervals in prop::collection::vec(10u64..900, 1..5),
    ) {
        let mut world = World::new(groups, 6000, 50);
        let followed: Vec<Uid> = (1..=groups).step_by(usize::try_from(stride).unwrap()).collect();
        let interval = |uid: Uid| Duration::from_secs(intervals[usize::try_from(uid).unwrap() % intervals.len()]);
        followed.iter().for_each(|uid| world.add(*uid, interval(*uid)));
        world.run(1900);
        for uid in &followed {
            let (longest, interval) = (world.longest_gap(*uid), interval(*uid));
            prop_assert!(longest <= interval + Duration::from_secs(3), "{longest:?} for an interval of {interval:?}");
        }
        // A read of each in its interval is the most that polls may cost, and a scan or two to learn the size of the list.
        let alone: f64 = followed.iter().map(|uid| 1900.0 / (0.9 * interval(*uid).as_secs_f64()) + 1.0).sum();
        prop_assert!(world.calls.len() as f64 <= alone + 3.0 * world.listed.len().div_ceil(50) as f64 + 5.0, "{} calls, {alone} alone", world.calls.len());
    }
}
