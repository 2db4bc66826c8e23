//! Whose the next token is, when more want one than there are.

use super::*;

/// What gets how many of `tokens` while all of these always wait: requests, and polls that are forced, follow a
/// landing, are the first, confirm, and are routine.
fn shares(waiting: [bool; 6], tokens: usize) -> [usize; 6] {
    let mut world = World::new(0, 60_000, u32::try_from(tokens).unwrap()).has_pages(1_000_000);
    world.now = at(1800);
    let now = world.now;
    let uid = |line: usize, number: usize| Uid::try_from(line * 1_000_000 + number).unwrap();
    let wait = |world: &mut World, line: usize, uid| match line {
        0 => world.request(uid, polling::add(now, MINUTE)),
        1 => world.force(uid),
        2 => world.land(uid),
        3 => world.want(uid, true),
        4 => world.want(uid, false),
        _ => world.add_from(uid, MINUTE, now),
    };
    for (line, waits) in waiting.into_iter().enumerate() {
        // Requests that find a token would not wait.
        let token = world.account().budget.take();
        (0..if waits { tokens } else { 0 }).for_each(|number| wait(&mut world, line, uid(line, number)));
        world.account().budget = token;
    }
    let id = world.schedule.by_key[&*ACCOUNT];
    world.schedule.place(id, now);
    let mut got = [0; 6];
    for _ in 0..tokens {
        let Ok((Job::Object { uid, grant: Some(Grant::Poll(begun) | Grant::Request(begun)) }, _)) = world.schedule.take(now) else {
            panic!("not all wait")
        };
        got[usize::try_from(uid).unwrap() / 1_000_000] += 1;
        world.schedule.end(begun, Ending::Came(Outcome::Polled(shown("pending"))), now);
        world.schedule.done(uid, None, now);
    }
    got
}

#[test]
fn what_waits_gets_its_share_whatever_all_others_want() {
    assert_eq!(shares([true; 6], 3125), [2500, 500, 100, 16, 4, 5]);
    assert_eq!(shares([true, true, false, true, true, true], 3125), [2500, 500, 0, 80, 20, 25]);
    assert_eq!(shares([false, true, true, true, true, true], 625), [0, 500, 100, 16, 4, 5]);
}

#[test]
fn a_share_that_is_not_used_passes_on() {
    for (waiting, got) in [
        ([true, false, false, false, false, false], [100, 0, 0, 0, 0, 0]),
        ([true, true, false, false, false, false], [80, 20, 0, 0, 0, 0]),
        ([true, false, true, false, false, false], [80, 0, 20, 0, 0, 0]),
        ([false, true, true, false, false, false], [0, 80, 20, 0, 0, 0]),
        ([false, false, true, true, false, false], [0, 0, 80, 20, 0, 0]),
        ([false, false, true, false, false, true], [0, 0, 80, 0, 0, 20]),
        ([false, false, false, true, true, false], [0, 0, 0, 80, 20, 0]),
        ([false, false, false, false, true, true], [0, 0, 0, 0, 80, 20]),
        ([false, false, false, false, false, true], [0, 0, 0, 0, 0, 100]),
    ] {
        assert_eq!(shares(waiting, 100), got, "{waiting:?}");
    }
}

#[test]
fn requests_leave_one_token_in_five_to_the_polls_of_which_forced_ones_come_first() {
    let mut world = World::new(10_000, 600, 1).has_pages(200);
    (1..=100).for_each(|uid| world.want(uid, false));
    (1000..1100).for_each(|uid| world.request(uid, at(3600)));
    world.force(7777);
    world.run(10);
    let kinds: Vec<bool> = world.calls.iter().map(|(_, call)| matches!(call, Called::Request(_))).collect();
    assert_eq!(kinds[..10], [true, true, true, true, false, true, true, true, true, false]);
    assert_eq!(world.calls[4].1, Called::Poll(7777));
}

/// Twenty objects whose annotation is changed all the time, each of which would use the whole budget.
#[test]
fn a_storm_of_annotations_costs_a_poll_in_ten_seconds_each_and_delays_a_new_object_by_a_few_tokens() {
    let mut world = World::new(1000, 120, 1).has_pages(1000);
    for quarter in 0..240 {
        world.force(1 + quarter % 20);
        world.run_millis(250);
    }
    assert!(
        (1..=20).all(|uid| (4..=6).contains(&world.polls_of(uid))),
        "{:?}",
        (1..=20).map(|uid| world.polls_of(uid)).collect::<Vec<_>>()
    );
    let began = world.now;
    world.want(500, true);
    for quarter in 0..40 {
        world.force(1 + quarter % 20);
        world.run_millis(250);
    }
    let waited = polling::since(began, world.polls[&500][0]);
    assert!(waited <= Duration::from_secs(4), "the new object waited for {waited:?}");
}

#[test]
fn groups_that_are_missing_do_not_stop_a_new_object() {
    let mut world = World { list: List::Omits, goes_on: Some(Duration::from_secs(1)), ..World::new(1300, 120, 1).has_pages(100) };
    // More confirmations than the budget has tokens for, for ever.
    (1..1300).for_each(|uid| world.want(uid, false));
    world.run(60);
    (1..1300).for_each(|uid| world.want(uid, false));
    let began = world.now;
    world.want(1300, true);
    world.run(10);
    let waited = polling::since(began, world.polls[&1300][0]);
    assert!(waited <= Duration::from_secs(3), "the new object waited for {waited:?}");
}

#[test]
fn a_user_who_changes_an_object_passes_a_backlog_of_the_woken_and_does_not_stop_it_nor_do_permits() {
    let mut world = World::new(1000, 60_000, 1000).has_pages(1_000_000);
    (0..100).for_each(|uid| world.rest(uid, Rest::default()));
    world.schedule.wake(0..100);
    (50..60).for_each(|uid| world.schedule.change(uid));
    (200..215).for_each(|uid| world.want(uid, false));
    world.now = at(60);
    let order: Vec<Uid> = std::iter::from_fn(|| match world.schedule.take(world.now) {
        Ok((Job::Object { uid, .. }, _)) => Some(uid),
        _ => None,
    })
    .collect();
    assert_eq!(order[..12], [200, 201, 202, 203, 50, 204, 205, 206, 207, 51, 208, 209]);
    assert_eq!(order.iter().position(|uid| *uid == 0), Some(19), "the woken come after four of the changed");
    assert_eq!(order.len(), 115, "each once");
}

#[test]
fn an_account_that_answers_slowly_has_so_many_calls_under_way_at_most_and_goes_on_when_they_end() {
    let mut world = World::new(1000, 60_000, 1000).has_pages(1_000_000);
    (0..100).for_each(|uid| world.want(uid, false));
    (100..200).for_each(|uid| world.request(uid, at(3600)));
    world.now = at(60);
    let (mut polls, mut requests) = (Vec::new(), Vec::new());
    while let Ok((Job::Object { grant: Some(grant), .. }, _)) = world.schedule.take(world.now) {
        match grant {
            Grant::Poll(begun) => polls.push(begun),
            Grant::Request(begun) => requests.push(begun),
            Grant::Shown(_) => panic!("no page was read"),
        }
    }
    assert_eq!((polls.len(), requests.len()), (account::AT_ONCE, account::AT_ONCE));
    world.schedule.end(polls.remove(0), Ending::Came(Outcome::Polled(shown("pending"))), world.now);
    let next = world.schedule.take(world.now);
    assert!(matches!(&next, Ok((Job::Object { grant: Some(Grant::Poll(_)), .. }, _))), "{next:?}");
    assert!(world.schedule.take(world.now).is_err());
}

/// One namespace's thousand delay another one's one by at most one turn, at every priority and when it is decided.
#[test]
fn a_namespace_with_a_thousand_delays_another_ones_one_by_at_most_one_turn_at_every_priority() {
    for line in 0..7 {
        let mut world = World::new(0, 60_000, 1000).has_pages(1_000_000);
        let budget = world.account().budget.take();
        let mut wait = |uid: Uid, namespace: &str| {
            world.schedule.add(uid, &ACCOUNT, namespace, &name(uid));
            match line {
                0 => world.request(uid, at(3600)),
                1 => world.force(uid),
                2 => world.want(uid, true),
                3 => world.want(uid, false),
                4 => world.add_from(uid, MINUTE, at(1)),
                5 => world.schedule.change(uid),
                _ => world.schedule.wake([uid]),
            }
        };
        (1..=1000).for_each(|uid| wait(uid, "crowd"));
        wait(2000, "one");
        world.account().budget = budget;
        world.now = at(60);
        let id = world.schedule.by_key[&*ACCOUNT];
        world.schedule.place(id, at(60));
        let taken: Vec<Uid> = std::iter::from_fn(|| match world.schedule.take(at(60)) {
            Ok((Job::Object { uid, .. }, _)) => Some(uid),
            _ => None,
        })
        .take(3)
        .collect();
        assert!(taken[..2].contains(&2000), "{taken:?} in line {line}");
    }
}

#[test]
fn accounts_with_one_key_use_one_budget_in_turns() {
    let mut world = World::new(1000, 60, 1).has_pages(1000);
    world.now = at(1800);
    world.schedule.open(&account(2), &world.budget.clone(), Rules::default().cadence, world.now);
    for uid in 1..=20 {
        let account = account(1 + u32::from(uid > 10));
        world.schedule.add(uid, &account, "n", &name(uid));
        world.kinds.insert(uid, PollKind::Forced);
        world.schedule.rest(uid, polled(world.now, PollKind::Forced), world.now);
    }
    world.run(10);
    let second = world.calls.iter().filter(|(_, call)| matches!(call, Called::Poll(11..=20))).count();
    assert_eq!((world.calls.len(), second), (10, 5), "{:?}", world.calls);
}
