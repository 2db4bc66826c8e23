//! Whose the next token is, when more want one than there are.

use super::*;

#[test]
fn requests_leave_one_token_in_five_to_the_looks_of_which_forced_ones_come_first() {
    let mut account = Account::new(10_000, 600, 1);
    account.book.size.took(200, account.now);
    (1..=100).for_each(|uid| account.want(uid, false));
    (1000..1100).for_each(|uid| account.book.request(uid, at(3600)));
    account.force(7777);
    account.run(10, None);
    let kinds: Vec<bool> = account.calls.iter().map(|(_, work)| matches!(work, Work::Turn(_))).collect();
    assert_eq!(kinds[..10], [true, true, true, true, false, true, true, true, true, false]);
    assert_eq!(account.calls[4].1, read_of(7777));
}

/// Twenty objects whose annotation is changed all the time, each of which would use the whole budget.
#[test]
fn a_storm_of_annotations_costs_a_look_in_ten_seconds_each_and_delays_a_new_object_by_a_few_tokens() {
    let mut account = Account::new(1000, 120, 1);
    account.book.size.took(1000, account.now);
    for quarter in 0..240 {
        account.force(1 + quarter % 20);
        account.run_millis(250, None);
    }
    let of = |uid: Uid| account.looks.get(&uid).map_or(0, Vec::len);
    assert!((1..=20).all(|uid| (4..=6).contains(&of(uid))), "{:?}", (1..=20).map(of).collect::<Vec<_>>());
    let began = account.now;
    account.want(500, true);
    for quarter in 0..40 {
        account.force(1 + quarter % 20);
        account.run_millis(250, None);
    }
    let waited = polling::since(began, account.looks[&500][0]);
    assert!(waited <= Duration::from_secs(4), "the new object waited for {waited:?}");
}

#[test]
fn groups_that_are_missing_do_not_stop_a_new_object() {
    let mut account = Account::new(1300, 120, 1);
    account.list = List::Omits;
    account.book.size.took(100, account.now);
    // More confirmations than the budget has tokens for, for ever.
    let missing: Vec<Uid> = (1..1300).collect();
    missing.iter().for_each(|uid| account.want(*uid, false));
    account.run(60, Some(Duration::from_secs(1)));
    missing.iter().for_each(|uid| account.want(*uid, false));
    let began = account.now;
    account.want(1300, true);
    account.run(10, Some(MINUTE));
    let waited = polling::since(began, account.looks[&1300][0]);
    assert!(waited <= Duration::from_secs(3), "the new object waited for {waited:?}");
}

#[test]
fn a_newcomer_passes_only_while_nobody_waits_who_comes_before_it() {
    let mut account = Account::new(1000, 600, 1);
    let now = account.now;
    assert!([Lane::Forced, Lane::Request, Lane::Look].into_iter().all(|lane| account.book.may_pass(9, lane, now)));
    account.want(1, true);
    assert!(account.book.may_pass(9, Lane::Request, now) && !account.book.may_pass(9, Lane::Look, now));
    account.book.request(2, at(50));
    assert!([Lane::Forced, Lane::Request, Lane::Look].into_iter().all(|lane| !account.book.may_pass(9, lane, now)));
}

#[test]
fn newcomers_that_pass_by_leave_their_share_to_those_who_wait() {
    let mut account = Account::new(1000, 600, 1);
    let now = account.now;
    account.seat_from(1, MINUTE, now);
    for uid in 10..14 {
        assert!(account.book.may_pass(uid, Lane::Forced, now));
        end(&mut account.book, uid, Lane::Forced, now);
    }
    assert!(!account.book.may_pass(14, Lane::Forced, now), "a routine look has waited for four forced ones");
    account.run(1, None);
    assert!(account.book.may_pass(14, Lane::Forced, account.now));
    assert!(!account.book.may_pass(10, Lane::Forced, account.now), "too early to be forced again");
    assert!(account.book.may_pass(10, Lane::Forced, at(10)));
}

fn end(book: &mut Book, uid: Uid, lane: Lane, now: Timestamp) {
    let begun = book.begin_own(uid, lane, now);
    assert!(book.end(begun, Ending::Came(Outcome::Looked(shown("pending"))), now).is_empty());
}
