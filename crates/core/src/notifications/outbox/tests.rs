use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;
use crate::notifications::breaker::{AT_ONCE, FAILURES_THAT_OPEN};

const OK: Answer = Answer::Status(200, None);
const BROKEN: Answer = Answer::Status(500, None);
const DEAD: Answer = Answer::None("connection refused");

fn at(seconds: u64) -> Timestamp {
    polling::add("2026-07-01T00:00:00Z".parse().unwrap(), Duration::from_secs(seconds))
}

fn filled(objects: impl IntoIterator<Item = Uid>) -> Outbox<&'static str> {
    let mut outbox = Outbox::default();
    for object in objects {
        assert!(outbox.push(object, "", 100, at(0), at(0)));
    }
    outbox
}

/// Everything that may begin now.
fn taken<P>(outbox: &mut Outbox<P>, now: Timestamp) -> Vec<u64> {
    std::iter::from_fn(|| outbox.take(now).map(|(number, _)| number)).collect()
}

#[test]
fn the_events_of_an_object_wait_for_each_other_and_those_of_others_do_not() {
    let mut outbox = filled([1, 1, 2, 1, 3]);
    assert_eq!(taken(&mut outbox, at(0)), [0, 2, 4]);
    outbox.end(2, OK, at(1), 0.0);
    assert_eq!(taken(&mut outbox, at(1)), [0; 0]);
    outbox.end(0, OK, at(1), 0.0);
    assert_eq!(taken(&mut outbox, at(1)), [1]);
    // One that is refused for good does not hold back what comes after it.
    outbox.end(1, Answer::Status(400, None), at(2), 0.0);
    assert_eq!(taken(&mut outbox, at(2)), [3]);
}

#[test]
fn so_many_are_under_way_at_once_and_after_failures_one() {
    let mut outbox = filled(0..20);
    let first = taken(&mut outbox, at(0));
    assert_eq!(first.len(), AT_ONCE);
    first.iter().for_each(|number| outbox.end(*number, DEAD, at(1), 0.0));
    assert_eq!(taken(&mut outbox, at(1)).len(), 0, "a pause comes first");
    assert_eq!(outbox.next_at(true), Some(at(2)), "what was under way together is one failure of the sink's");
    let trial = taken(&mut outbox, at(2));
    assert_eq!(trial.len(), 1);
    outbox.end(trial[0], DEAD, at(2), 0.0);
    assert_eq!(outbox.next_at(true), Some(at(4)), "twice as long");
    let trial = taken(&mut outbox, at(4));
    outbox.end(trial[0], OK, at(4), 0.0);
    assert_eq!(taken(&mut outbox, at(4)).len(), AT_ONCE, "all that have waited, at once");
}

#[test]
fn a_sink_that_has_been_dead_for_hours_is_found_alive_within_a_minute() {
    let mut outbox = filled(0..100);
    let mut now = at(0);
    while now < at(3 * 3600) {
        taken(&mut outbox, now).into_iter().for_each(|number| outbox.end(number, DEAD, now, 0.0));
        let next = outbox.next_at(true).unwrap();
        assert!(next > now && polling::since(now, next) <= Duration::from_secs(60), "{now} {next}");
        now = next;
    }
    let standing = outbox.standing(now);
    assert!(standing.counts.failed < 300, "{standing:?}");
    assert_eq!((standing.trouble, standing.waiting), (Some(Trouble::Failing(at(0), DEAD)), 100));
}

#[test]
fn what_has_failed_for_hours_is_due_when_the_sink_takes_another_event() {
    let mut outbox = filled([1]);
    let mut now = at(0);
    while now < at(6 * 3600) {
        taken(&mut outbox, now).into_iter().for_each(|number| outbox.end(number, DEAD, now, 0.0));
        now = outbox.next_at(true).unwrap();
    }
    taken(&mut outbox, now).into_iter().for_each(|number| outbox.end(number, DEAD, now, 0.0));
    let later = polling::add(now, Duration::from_secs(60));
    assert_eq!(taken(&mut outbox, later), [0; 0], "it is tried once an hour");
    outbox.push(2, "", 0, later, later);
    let newest = taken(&mut outbox, later);
    assert_eq!(newest, [1]);
    outbox.end(1, OK, later, 0.0);
    assert_eq!(taken(&mut outbox, later), [0]);
}

#[test]
fn an_event_that_is_never_taken_is_tried_with_growing_pauses_and_delays_the_others_little() {
    let mut outbox = filled([1]);
    let (mut now, mut tries) = (at(0), Vec::new());
    while let Some(next) = outbox.next_at(true) {
        now = now.max(next);
        if let [number] = taken(&mut outbox, now)[..] {
            tries.push(polling::since(at(0), now).as_secs());
            outbox.end(number, BROKEN, now, 0.0);
        }
        if tries.len() == 20 {
            outbox.push(2, "", 0, now, now);
            let other = outbox.next_at(true).unwrap();
            assert!(polling::since(now, other) <= Duration::from_secs(60));
            let number = taken(&mut outbox, other)[0];
            assert_ne!(number, 0);
            outbox.end(number, OK, other, 0.0);
        }
    }
    assert_eq!(tries[..6], [0, 1, 3, 7, 15, 31]);
    let last = tries.windows(2).last().map(|pair| pair[1] - pair[0]);
    assert!(last.is_some_and(|last| last <= 3600), "{tries:?}");
    assert_eq!((now, outbox.standing(now).counts.dropped(Dropped::TooOld)), (at(24 * 3600), 1));
}

#[test]
fn a_sink_that_asks_to_be_left_alone_is() {
    let mut outbox = filled([1, 2]);
    let [first, second] = taken(&mut outbox, at(0))[..] else { panic!("two objects") };
    outbox.end(first, Answer::Status(429, Some(Duration::from_secs(90))), at(0), 0.0);
    outbox.push(3, "", 0, at(1), at(1));
    assert_eq!(outbox.next_at(true), Some(at(90)));
    // It was under way when the sink asked to be left alone.
    outbox.end(second, Answer::Status(200, None), at(1), 0.0);
    assert_eq!(outbox.next_at(true), Some(at(90)));
    assert!(outbox.take(at(89)).is_none());
    assert_eq!(taken(&mut outbox, at(90)).len(), 2);
}

#[test]
fn there_is_room_for_so_many_events_and_bytes_and_the_newest_is_dropped() {
    let mut outbox = Outbox::default();
    let (many, large) = (MOST_EVENTS as u128, MOST_BYTES / 8);
    let room = (0..many + 3).filter(|object| outbox.push(*object, (), 10, at(0), at(0))).count();
    assert_eq!(room, MOST_EVENTS);
    let standing = outbox.standing(at(0));
    assert_eq!((standing.waiting, standing.counts.dropped(Dropped::NoRoom)), (MOST_EVENTS, 3));
    assert_eq!(standing.trouble, Some(Trouble::Dropping(at(0), Dropped::NoRoom)));
    assert_eq!(outbox.standing(at(3600)).trouble, None, "it is told for an hour");

    let mut outbox = Outbox::default();
    let taken_in = (0..10).filter(|object| outbox.push(*object, (), large, at(0), at(0))).count();
    assert_eq!(taken_in, 7);
    let (number, ()) = outbox.take(at(0)).unwrap();
    assert!(!outbox.push(11, (), large, at(0), at(0)), "what is under way is there still");
    outbox.end(number, OK, at(0), 0.0);
    assert!(outbox.push(12, (), large, at(0), at(0)));
}

#[test]
fn what_waits_of_an_object_is_told_in_order() {
    let mut outbox = Outbox::default();
    for (object, payload) in [(1, "a"), (2, "b"), (1, "c"), (1, "d")] {
        outbox.push(object, payload, 1, at(0), at(0));
    }
    assert!(outbox.waiting_of(1).eq(&["a", "c", "d"]) && outbox.waiting_of(3).next().is_none());
}

#[test]
fn what_is_sent_again_leaves_half_of_the_room_to_what_is_new() {
    let half = MOST_EVENTS as u128 / 2;
    let mut outbox = Outbox::default();
    let again = (0..half + 5).filter(|object| outbox.push_again(*object, (), 10, at(0), at(0))).count();
    assert_eq!(again as u128, half);
    let new = (half..3 * half).filter(|object| outbox.push(*object, (), 10, at(0), at(0))).count();
    assert_eq!(new as u128, half);
    assert_eq!(outbox.standing(at(0)).counts.dropped(Dropped::NoRoom), 5 + half as u64);

    let mut outbox = Outbox::default();
    let mut large = |object| outbox.push_again(object, (), MOST_BYTES / 8, at(0), at(0));
    assert_eq!((0..8).filter(|object| large(*object)).count(), 4);
}

#[test]
fn what_waits_for_a_sink_that_cannot_be_used_grows_too_old_and_is_tried_at_once_when_it_is_mended() {
    let mut outbox = filled([1, 1]);
    assert_eq!(outbox.next_at(false), Some(at(24 * 3600)));
    for now in 0..40 {
        taken(&mut outbox, at(now)).into_iter().for_each(|number| outbox.end(number, DEAD, at(now), 0.0));
    }
    assert!(outbox.next_at(true).unwrap() > at(40));
    outbox.mended(at(40));
    assert_eq!(taken(&mut outbox, at(40)), [0]);
    outbox.end(0, DEAD, at(40), 0.0);
    outbox.expire(at(24 * 3600));
    let standing = outbox.standing(at(24 * 3600));
    assert_eq!((standing.waiting, standing.counts.dropped(Dropped::TooOld)), (0, 2));
}

#[test]
fn a_delivery_that_is_ended_twice_or_was_never_taken_changes_nothing() {
    let mut outbox = filled([1, 1]);
    outbox.end(0, OK, at(0), 0.0);
    outbox.end(7, OK, at(0), 0.0);
    assert_eq!(outbox.standing(at(0)).counts.delivered, 0);
    assert_eq!(taken(&mut outbox, at(0)), [0]);
    outbox.end(0, OK, at(0), 0.0);
    outbox.end(0, OK, at(0), 0.0);
    outbox.end(1, OK, at(0), 0.0);
    assert_eq!((outbox.standing(at(0)).counts.delivered, taken(&mut outbox, at(0))), (1, vec![1]));
}

/// What a sink does.
fn answers() -> impl Strategy<Value = Answer> {
    prop_oneof![
        4 => Just(OK),
        2 => Just(BROKEN),
        2 => Just(DEAD),
        1 => Just(Answer::Status(410, None)),
        1 => Just(Answer::Status(302, None)),
        1 => (0_u64..100_000).prop_map(|after| Answer::Status(429, Some(Duration::from_secs(after)))),
    ]
}

#[derive(Debug, Clone)]
enum Act {
    Push(Uid),
    Take,
    /// Ends one of those under way.
    End(usize, Answer, f64),
    Wait(u64),
    Mend,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => (0_u128..6).prop_map(Act::Push),
        6 => Just(Act::Take),
        5 => (any::<usize>(), answers(), 0.0..=1.0).prop_map(|(which, answer, jitter)| Act::End(which, answer, jitter)),
        3 => (0_u64..20_000).prop_map(Act::Wait),
        1 => Just(Act::Mend),
    ];
    proptest::collection::vec(act, 0..200)
}

proptest! {
    /// Whatever a sink does: the events of an object begin one after the other and in order, few at once, none again that was taken, and
    /// all are over after a day.
    #[test]
    fn whatever_a_sink_does(acts in acts()) {
        let mut outbox = Outbox::default();
        let (mut now, mut under_way) = (at(0), Vec::new());
        // Of each object, the numbers in the order in which they came, and the last that was begun.
        let (mut pushed, mut begun) = (HashMap::<Uid, Vec<u64>>::new(), HashMap::<Uid, u64>::new());
        let (mut count, mut over, mut failures) = (0, HashSet::new(), 0_u32);
        let day = Duration::from_secs(24 * 3600);
        for act in acts {
            match act {
                Act::Push(object) => {
                    prop_assert!(outbox.push(object, (object, count, now), 10, now, now));
                    pushed.entry(object).or_default().push(count);
                    count += 1;
                }
                Act::Take => if let Some((number, &(object, counted, made))) = outbox.take(now) {
                    prop_assert_eq!(number, counted);
                    prop_assert!(!over.contains(&number), "it was taken or dropped already");
                    prop_assert!(polling::since(made, now) < day);
                    prop_assert!(under_way.iter().all(|(_, other)| *other != object), "two of one object at once");
                    prop_assert!(begun.get(&object).is_none_or(|before| *before <= number), "out of order");
                    let most = if failures >= FAILURES_THAT_OPEN { 1 } else { AT_ONCE };
                    prop_assert!(under_way.len() < most);
                    begun.insert(object, number);
                    under_way.push((number, object));
                },
                Act::End(which, answer, jitter) if !under_way.is_empty() => {
                    let (number, _) = under_way.swap_remove(which % under_way.len());
                    outbox.end(number, answer, now, jitter);
                    match answer.meaning() {
                        Meaning::Again(_) => failures += 1,
                        Meaning::Delivered | Meaning::Dropped(_) => { over.insert(number); failures = 0; }
                    }
                }
                Act::End(..) => {}
                Act::Wait(seconds) => now = polling::add(now, Duration::from_secs(seconds)),
                Act::Mend => { outbox.mended(now); failures = 0; }
            }
            if let Some(next) = outbox.next_at(true).filter(|_| under_way.len() < AT_ONCE) {
                // What is due can begin, so that there is no asking again and again.
                if next <= now {
                    let before = outbox.standing(now).waiting;
                    if let Some((number, &(object, ..))) = outbox.take(now) {
                        begun.insert(object, number);
                        under_way.push((number, object));
                    } else {
                        prop_assert!(outbox.standing(now).waiting < before);
                    }
                }
            }
        }
        let end = polling::add(now, day);
        for (number, _) in under_way {
            outbox.end(number, BROKEN, end, 0.5);
        }
        outbox.expire(end);
        let standing = outbox.standing(end);
        prop_assert_eq!(standing.waiting, 0);
        prop_assert_eq!(standing.counts.delivered + standing.counts.all_dropped(), count);
        prop_assert_eq!((outbox.bytes, outbox.lanes.len(), outbox.next_at(true)), (0, 0, None));
    }
}
