//! Asking, waiting, resting, and what a worker does with what it was given.

use proptest::prelude::*;

use super::*;
use crate::consent::explain::Next;

/// The next job, which is for this object.
fn take(world: &mut World, uid: Uid) -> Option<Grant> {
    match world.schedule.take(world.now) {
        Ok((Job::Object { uid: taken, grant }, _)) if taken == uid => grant,
        other => panic!("not {uid}: {other:?}"),
    }
}

/// Gives an object to a worker, as one that has changed.
fn work_on(world: &mut World, uid: Uid) {
    world.schedule.add(uid, &ACCOUNT, &format!("namespace-{uid}"), &name(uid));
    world.schedule.change(uid);
    while !world.schedule.entries[&uid].is_running() {
        world.schedule.start(uid, true);
    }
}

fn ask(world: &mut World, uid: Uid, purpose: Purpose) -> Option<Begun> {
    world.schedule.ask(uid, purpose, world.now).ok()
}

const POLL: Purpose = Purpose::Poll { urgency: Urgency::Ordinary };
const FORCED: Purpose = Purpose::Poll { urgency: Urgency::Forced };
const REQUEST: Purpose = Purpose::Request { good_until: Timestamp::MAX };

fn came(world: &mut World, begun: Begun) {
    world.schedule.end(begun, Ending::Came(Outcome::Polled(shown("pending"))), world.now);
}

/// A world with a full bucket.
fn rested(per_minute: u32, burst: u32) -> World {
    let mut world = World::new(1000, per_minute, burst).has_pages(1000);
    world.now = at(1800);
    world
}

#[test]
fn an_object_that_is_woken_many_times_is_decided_once() {
    let mut world = rested(60, 1);
    (1..=2).for_each(|uid| world.rest(uid, Rest::default()));
    world.schedule.wake([1, 2, 1, 1, 2, 3]);
    assert!(take(&mut world, 1).is_none() && take(&mut world, 2).is_none());
    assert_eq!(world.schedule.take(world.now).err(), Some(Timestamp::MAX));
}

#[test]
fn an_object_that_is_woken_while_a_worker_has_it_is_decided_once_more_afterwards() {
    let mut world = rested(60, 1);
    world.rest(1, Rest::default());
    world.schedule.wake([1]);
    take(&mut world, 1);
    world.schedule.wake([1]);
    world.schedule.change(1);
    assert_eq!(world.schedule.take(world.now).err(), Some(Timestamp::MAX));
    world.schedule.done(1, None, world.now);
    take(&mut world, 1);
    world.schedule.done(1, None, world.now);
    assert_eq!(world.schedule.take(world.now).err(), Some(Timestamp::MAX));
}

#[test]
fn an_object_is_decided_when_its_time_has_come_and_not_before() {
    let mut world = rested(60, 1);
    let until = polling::add(world.now, MINUTE);
    world.rest(1, Rest { until: Some(until), poll: None });
    assert!(matches!(world.schedule.take(world.now), Err(next) if next == until));
    assert_eq!(world.schedule.next_at(), until);
    world.now = until;
    take(&mut world, 1);
    world.schedule.wake_at(1, polling::add(until, MINUTE));
    assert_eq!(world.schedule.take(world.now).err(), Some(Timestamp::MAX), "a worker has it");
    world.schedule.done(1, None, until);
    assert!(matches!(world.schedule.take(world.now), Err(next) if next == polling::add(until, MINUTE)));
}

#[test]
fn an_object_that_is_removed_and_added_again_while_a_worker_has_it_is_not_given_to_another_one() {
    let mut world = rested(60, 1);
    world.rest(1, Rest::default());
    world.schedule.change(1);
    take(&mut world, 1);
    world.schedule.remove(1);
    world.rest(1, Rest::default());
    world.schedule.change(1);
    assert_eq!(world.schedule.take(world.now).err(), Some(Timestamp::MAX));
    world.schedule.done(1, None, world.now);
    take(&mut world, 1);
    world.schedule.remove(1);
    world.schedule.done(1, None, world.now);
    world.schedule.close(&ACCOUNT);
    let Schedule { entries, leaving, accounts, by_key, times, next, .. } = &world.schedule;
    assert!(entries.is_empty() && leaving.is_empty() && accounts.is_empty() && by_key.is_empty() && times.is_empty() && next.is_empty());
}

#[test]
fn at_low_load_nothing_waits() {
    let mut world = rested(60, 10);
    for (uid, purpose) in [(1, POLL), (2, FORCED), (3, REQUEST)] {
        work_on(&mut world, uid);
        let begun = ask(&mut world, uid, purpose).unwrap();
        came(&mut world, begun);
        let begun = ask(&mut world, uid, REQUEST).unwrap();
        came(&mut world, begun);
    }
}

#[test]
fn a_request_waits_for_a_token_and_is_given_it_with_the_object() {
    let mut world = rested(60, 1);
    work_on(&mut world, 1);
    let begun = ask(&mut world, 1, POLL).unwrap();
    came(&mut world, begun);
    assert!(matches!(world.schedule.ask(1, REQUEST, world.now), Err(wait) if wait == Duration::from_secs(1)));
    world.schedule.rest(1, polled(polling::add(world.now, MINUTE), PollKind::Wanted { by_list: true }), world.now);
    world.schedule.done(1, None, world.now);
    assert_eq!(world.schedule.census(), (1, 1));
    world.now = match world.schedule.take(world.now) {
        Err(next) if next == at(1801) => next,
        other => panic!("{other:?}"),
    };
    let Some(Grant::Request(begun)) = take(&mut world, 1) else { panic!("without its permit") };
    came(&mut world, begun);
    assert_eq!(world.schedule.census(), (1, 0));
}

#[test]
fn a_request_whose_poll_has_grown_old_gets_no_permit_and_the_next_poll_takes_over() {
    let mut world = rested(1, 1);
    work_on(&mut world, 1);
    let begun = ask(&mut world, 1, POLL).unwrap();
    came(&mut world, begun);
    let good_until = polling::add(world.now, Duration::from_secs(59));
    assert!(ask(&mut world, 1, Purpose::Request { good_until }).is_none());
    world.schedule.rest(1, polled(good_until, PollKind::Wanted { by_list: true }), world.now);
    world.schedule.done(1, None, world.now);
    world.now = polling::add(world.now, MINUTE);
    assert!(matches!(take(&mut world, 1), Some(Grant::Poll(_))));
    assert!(world.schedule.entries[&1].request.is_none());
}

#[test]
fn a_request_that_is_asked_for_again_keeps_its_place_and_one_that_is_not_is_dropped() {
    for asks_again in [true, false] {
        let mut world = rested(60, 1);
        world.budget.take(world.now).unwrap();
        for uid in 1..=2 {
            work_on(&mut world, uid);
            assert!(ask(&mut world, uid, REQUEST).is_none());
            world.schedule.rest(uid, Rest::default(), world.now);
            world.schedule.done(uid, None, world.now);
        }
        for _ in 0..3 {
            world.schedule.wake([1]);
            assert!(take(&mut world, 1).is_none());
            if asks_again {
                assert!(ask(&mut world, 1, REQUEST).is_none());
            }
            world.schedule.rest(1, Rest::default(), world.now);
            world.schedule.done(1, None, world.now);
        }
        world.now = at(1801);
        let first = if asks_again { 1 } else { 2 };
        assert!(matches!(take(&mut world, first), Some(Grant::Request(_))));
    }
}

#[test]
fn a_poll_is_forced_at_most_every_ten_seconds_whether_it_is_asked_for_or_waits() {
    let mut world = rested(6000, 100);
    world.force(1);
    let Some(Grant::Poll(begun)) = take(&mut world, 1) else { panic!("no poll") };
    came(&mut world, begun);
    assert!(ask(&mut world, 1, FORCED).is_none(), "it asks again at once");
    world.schedule.done(1, None, world.now);
    world.force(1);
    assert!(matches!(world.schedule.take(world.now), Err(next) if next == at(1810)));
    world.now = at(1810);
    let Some(Grant::Poll(begun)) = take(&mut world, 1) else { panic!("no poll") };
    came(&mut world, begun);
    world.now = at(1820);
    let begun = ask(&mut world, 1, FORCED).unwrap();
    came(&mut world, begun);
}

#[test]
fn what_a_page_has_shown_comes_before_the_permit_that_was_waited_for_and_not_after_a_call_of_its_own() {
    for asks_meanwhile in [false, true] {
        let mut world = rested(60, 1);
        world.budget.take(world.now).unwrap();
        work_on(&mut world, 1);
        if asks_meanwhile {
            world.schedule.rest(1, Rest::default(), world.now);
        } else {
            assert!(ask(&mut world, 1, REQUEST).is_none());
            world.schedule.rest(1, polled(world.now, PollKind::Wanted { by_list: true }), world.now);
            world.schedule.done(1, None, world.now);
        }
        let page_at = world.now;
        world.now = at(1801);
        if asks_meanwhile {
            let begun = ask(&mut world, 1, POLL).unwrap();
            came(&mut world, begun);
        }
        let unheard = Shown { at: page_at, outcome: Outcome::Polled(shown("approved")) };
        world.schedule.with(1, |entry, _| entry.shown = Some(Box::new(unheard)));
        world.schedule.change(1);
        if asks_meanwhile {
            world.schedule.done(1, None, world.now);
            assert!(take(&mut world, 1).is_none(), "it is older than what the object has asked");
        } else {
            let Some(Grant::Shown(shown)) = take(&mut world, 1) else { panic!("it was not shown first") };
            world.schedule.wake([1]);
            world.schedule.done(1, Some(shown), world.now);
            assert!(matches!(take(&mut world, 1), Some(Grant::Shown(_))), "what is not used is kept");
        }
    }
}

#[test]
fn a_poll_that_comes_to_nothing_is_made_again_and_one_that_was_made_is_followed_by_a_rest() {
    let trouble = |class| Ending::Came(Outcome::Trouble(Trouble::of(class)));
    for (ending, again) in [
        (Ending::NotSent, Some(0)),
        (Ending::Superseded, Some(0)),
        (Ending::Dropped, Some(5)),
        (trouble(Class::Throttled), Some(0)),
        (trouble(Class::NotFound), Some(300)),
        (Ending::Came(Outcome::Polled(shown("pending"))), Some(300)),
    ] {
        let mut world = rested(60, 20);
        world.want(1, true);
        let Some(Grant::Poll(begun)) = take(&mut world, 1) else { panic!("no poll") };
        let reported = format!("{ending:?}");
        world.schedule.end(begun, ending, world.now);
        world.schedule.done(1, None, world.now);
        let due = world.schedule.entries[&1].poll.as_ref().map(|poll| polling::since(world.now, timestamp(poll.due)).as_secs());
        assert_eq!(due, again, "{reported}");
    }
}

#[test]
fn a_permit_that_is_given_back_is_there_for_the_next_and_its_object_does_not_spin() {
    let mut world = rested(60, 1);
    (1..=2).for_each(|uid| world.want(uid, true));
    for uid in 1..=2 {
        let Some(Grant::Poll(begun)) = take(&mut world, uid) else { panic!("no poll") };
        world.schedule.end(begun, Ending::Unused, world.now);
        world.schedule.done(uid, None, world.now);
    }
    assert!(matches!(world.schedule.take(world.now), Err(next) if next == at(2100)));
}

#[test]
fn trouble_of_the_account_is_not_the_affair_of_an_object_that_has_not_asked() {
    let mut world = rested(60, 20);
    let trouble = |class| Ending::Came(Outcome::Trouble(Trouble::of(class)));
    world.want(1, true);
    for class in [Class::Throttled, Class::CredentialsRejected] {
        let Some(Grant::Poll(given)) = take(&mut world, 1) else { panic!("no poll") };
        assert!(world.schedule.end(given, trouble(class), world.now), "{class:?}");
        world.schedule.done(1, None, world.now);
    }
    let Some(Grant::Poll(given)) = take(&mut world, 1) else { panic!("it is not polled again") };
    assert!(!world.schedule.end(given, trouble(Class::Unavailable), world.now), "that is no trouble of the account");
    work_on(&mut world, 2);
    let asked = ask(&mut world, 2, POLL).unwrap();
    assert!(!world.schedule.end(asked, trouble(Class::Throttled), world.now), "it has asked");
}

#[test]
fn the_others_wait_for_the_trial_after_a_pause_and_one_that_is_lost_is_followed_by_another() {
    for ending in [Ending::Dropped, Ending::NotSent] {
        let mut world = rested(6000, 100);
        let throttled = Trouble { retry_after: Some(Duration::from_secs(5)), ..Trouble::of(Class::Throttled) };
        assert!(world.schedule.learn(&world.budget.clone(), &Outcome::Trouble(throttled), world.now));
        (1..=3).for_each(|uid| world.want(uid, true));
        assert!(matches!(world.schedule.take(world.now), Err(next) if next == at(1805)));
        world.now = at(1805);
        let Some(Grant::Poll(trial)) = take(&mut world, 1) else { panic!("no trial") };
        assert!(world.schedule.take(world.now).is_err(), "the others wait");
        world.schedule.end(trial, ending, world.now);
        let Some(Grant::Poll(trial)) = take(&mut world, 2) else { panic!("no other trial") };
        assert!(world.schedule.learn(&world.budget.clone(), &Outcome::Polled(shown("pending")), world.now));
        came(&mut world, trial);
        assert!(matches!(take(&mut world, 3), Some(Grant::Poll(_))), "nothing waits any more");
    }
}

#[test]
fn a_key_that_is_refused_gives_nothing_until_a_probe_is_accepted_also_to_what_asks() {
    let mut world = rested(60, 20);
    let budget = world.budget.clone();
    assert!(world.schedule.learn(&budget, &Outcome::Trouble(Trouble::of(Class::CredentialsRejected)), world.now));
    world.want(1, true);
    work_on(&mut world, 2);
    assert!(ask(&mut world, 2, REQUEST).is_none());
    assert!(world.schedule.askable().is_empty());
    assert!(world.schedule.take(world.now).is_err());
    assert_eq!(world.schedule.probe(&budget, world.now), Ok(()));
    assert!(world.schedule.learn(&budget, &Outcome::Probed, world.now));
    assert!(matches!(take(&mut world, 1), Some(Grant::Poll(_))));
    assert_eq!(world.schedule.askable(), [account(1)]);
}

#[test]
fn what_an_object_waits_for_can_be_read() {
    let mut world = rested(60, 1);
    world.budget.take(world.now).unwrap();
    for uid in 1..=3 {
        world.want(uid, true);
    }
    world.schedule.place(1, world.now);
    assert!(world.schedule.take(world.now).is_err());
    let reported = world.schedule.explain(2, world.now).unwrap();
    let next = |at, what, priority| Some(Next { at, what, priority });
    assert_eq!((reported.work_queue, reported.scheduled, reported.ahead), (None, next(world.now, "poll", Some("first")), Some(3)));
    world.schedule.change(2);
    assert_eq!(world.schedule.explain(2, world.now).unwrap().work_queue, Some("waiting"));
    take(&mut world, 2);
    assert_eq!(world.schedule.explain(2, world.now).unwrap().work_queue, Some("running"));
    world.rest(2, Rest { until: Some(at(9999)), poll: None });
    let reported = world.schedule.explain(2, world.now).unwrap();
    assert_eq!((reported.scheduled, reported.ahead), (next(at(9999), "decision", None), Some(0)));
    assert_eq!(world.schedule.explain(9, world.now), None);
}

/// A worker takes what is next, and calls with every permit.
fn take_what_is_next(world: &mut World, waiting: &mut Vec<(Uid, u8)>, until: Timestamp) {
    loop {
        match world.schedule.take(world.now) {
            Ok((Job::Object { uid, grant }, _)) => {
                if let Some(Grant::Poll(begun) | Grant::Request(begun)) = grant {
                    came(world, begun);
                    waiting.retain(|(it, _)| *it != uid);
                    world.schedule.rest(uid, Rest::default(), world.now);
                }
                world.schedule.done(uid, None, world.now);
            }
            Err(next) if next <= until => world.now = next,
            Err(_) => return,
            Ok((job, _)) => panic!("{job:?}"),
        }
    }
}

proptest! {
    /// Nothing passes by: what asks is granted a call only when nothing waits in its line, and no line before it has what is due.
    #[test]
    fn what_asks_passes_nothing_that_waits(asks in prop::collection::vec((0u64..3000, 0u8..3, any::<bool>()), 1..80)) {
        let mut world = rested(60, 3);
        let mut waiting: Vec<(Uid, u8)> = Vec::new();
        for (number, (after, what, is_free)) in (1..).zip(asks) {
            let until = polling::add(world.now, Duration::from_millis(after));
            // A worker is free now and then.
            if is_free {
                take_what_is_next(&mut world, &mut waiting, until);
            }
            world.now = until;
            work_on(&mut world, number);
            let purpose = match what {
                0 => REQUEST,
                1 => FORCED,
                _ => POLL,
            };
            match ask(&mut world, number, purpose) {
                Some(begun) => {
                    prop_assert!(!waiting.iter().any(|(_, line)| *line == what), "{number} ({what}) passed {waiting:?}");
                    came(&mut world, begun);
                    world.schedule.rest(number, Rest::default(), world.now);
                }
                None => {
                    let kind = if what == 1 { PollKind::Forced } else { PollKind::Wanted { by_list: true } };
                    let rest = if what == 0 { Rest::default() } else { polled(world.now, kind) };
                    world.schedule.rest(number, rest, world.now);
                    waiting.push((number, what));
                }
            }
            world.schedule.done(number, None, world.now);
        }
    }
}
