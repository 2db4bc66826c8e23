use super::*;
use crate::consent::outcome::{Fault, FaultKind, Group, Trouble};
use crate::schedule::circuit_breaker::{FIRST_PAUSE, LONGEST_TRIAL};

const SECOND: Duration = Duration::from_secs(1);

fn trouble(class: Class, retry_after: Option<u64>) -> Outcome {
    Outcome::Trouble(Trouble { retry_after: retry_after.map(Duration::from_secs), ..Trouble::of(class) })
}

fn at(seconds: u64) -> Timestamp {
    polling::add(Timestamp::UNIX_EPOCH, SECOND * u32::try_from(seconds).unwrap())
}

/// A budget with a full bucket at [`later`].
fn budget() -> Budget {
    Budget::new(6000, 100, at(0))
}

fn later() -> Timestamp {
    at(100)
}

fn is_trial(budget: &Budget, now: Timestamp) -> Option<bool> {
    budget.take(now).map(|token| token.is_trial)
}

#[test]
fn after_a_pause_one_is_tried_and_the_others_wait_for_what_comes_of_it() {
    let budget = budget();
    assert_eq!(budget.learn(&trouble(Class::Throttled, Some(5)), later()), (true, true));
    assert_eq!(budget.closure().map(|closure| closure.class), Some(Class::Throttled));
    let over = at(105);
    assert_eq!((budget.take(later()), budget.token_at(later())), (None, Some(over)));
    assert_eq!(is_trial(&budget, over), Some(true));
    assert_eq!(budget.take(over), None, "a second one went as well");
    assert_eq!(budget.learn(&trouble(Class::Throttled, Some(5)), over), (true, false));
    assert_eq!(budget.token_at(over), Some(at(110)));

    assert_eq!(is_trial(&budget, at(110)), Some(true));
    assert_eq!(budget.learn(&Outcome::Polled(Group::default()), at(110)), (true, true));
    assert!((0..10).all(|_| is_trial(&budget, at(110)) == Some(false)));
}

#[test]
fn a_trial_that_is_never_heard_of_again_lets_nothing_wait_for_ever() {
    let budget = budget();
    budget.learn(&trouble(Class::Throttled, Some(5)), later());
    assert_eq!(is_trial(&budget, at(105)), Some(true));
    let given_up = polling::add(at(105), LONGEST_TRIAL);
    assert_eq!((budget.take(at(106)), budget.token_at(at(106))), (None, Some(given_up)));
    assert_eq!(is_trial(&budget, given_up), Some(true));
}

#[test]
fn a_trial_that_is_known_to_be_lost_lets_nothing_wait() {
    let budget = budget();
    budget.learn(&trouble(Class::Throttled, Some(5)), later());
    for lose in [Budget::lose, Budget::give_back] {
        let token = budget.take(at(105)).unwrap();
        assert!(token.is_trial);
        lose(&budget, token);
    }
    assert_eq!(is_trial(&budget, at(105)), Some(true));
}

#[test]
fn a_probe_that_finds_no_token_gets_the_next_one_whatever_else_wants_it() {
    let budget = Budget::new(60, 1, at(0));
    let mut others = 0;
    let mut probed_at = None;
    // The others try at every tenth of a second, the probe comes back as late as it is told to.
    let mut back = SECOND * 2;
    for tenth in 0..100 {
        let now = polling::add(later(), SECOND * tenth / 10);
        others += u32::from(budget.take(now).is_some());
        if probed_at.is_none() && now >= polling::add(later(), back) {
            match budget.probe(now) {
                Ok(()) => probed_at = Some(now),
                Err(wait) => back += wait,
            }
        }
    }
    assert_eq!(probed_at, Some(at(103)));
    assert_eq!(others, 9);
}

#[test]
fn a_probe_that_never_comes_back_for_its_token_lets_nothing_wait_for_ever() {
    let budget = Budget::new(60, 1, at(0));
    assert_eq!(is_trial(&budget, later()), Some(false));
    assert!(budget.probe(later()).is_err());
    let over = polling::add(at(101), PROBE_COMES_BACK);
    assert_eq!((budget.take(at(105)), budget.token_at(at(105))), (None, Some(over)));
    assert_eq!(is_trial(&budget, over), Some(false));
}

#[test]
fn trouble_of_one_object_ends_a_pause_that_is_over_and_another_pause_goes_on() {
    let budget = budget();
    budget.learn(&trouble(Class::Throttled, Some(5)), later());
    assert_eq!(is_trial(&budget, at(105)), Some(true));
    budget.learn(&trouble(Class::NotFound, None), at(105));
    assert_eq!(budget.closure(), None);
}

#[test]
fn calls_under_way_when_the_pause_began_do_not_make_it_grow() {
    let budget = budget();
    for _ in 0..20 {
        budget.learn(&trouble(Class::Throttled, None), later());
    }
    assert_eq!(budget.token_at(later()), Some(polling::add(later(), FIRST_PAUSE)));
}

#[test]
fn a_rejected_key_stays_shut_until_a_probe_is_accepted() {
    let budget = budget();
    budget.learn(&trouble(Class::CredentialsRejected, None), later());
    assert_eq!((budget.take(at(86_400)), budget.token_at(at(86_400))), (None, None));
    assert_eq!(budget.learn(&Outcome::Polled(Group::default()), later()), (false, false));
    assert!(budget.closure().is_some());
    assert_eq!(budget.probe(later()), Ok(()), "the probe passes all the same");
    assert_eq!(budget.learn(&Outcome::Probed, later()), (true, true));
    assert_eq!(is_trial(&budget, later()), Some(false));
}

#[test]
fn the_cause_is_that_of_the_last_call_that_did_not_reach_heygen() {
    let budget = budget();
    let unanswered = |kind| {
        let fault = Fault { kind, host: "heygen.test".to_owned(), proxy: None, at_proxy: false };
        Outcome::Trouble(Trouble { fault: Some(Box::new(fault)), ..Trouble::of(Class::Unreachable) })
    };
    let shown = || budget.cause().map(|cause| cause.to_string()).unwrap_or_default();
    budget.learn(&unanswered(FaultKind::Unresolved), later());
    assert!(shown().contains("DNS"), "{}", shown());
    budget.learn(&unanswered(FaultKind::Refused), later());
    budget.learn(&trouble(Class::NotFound, None), later());
    assert!(shown().contains("refuses"), "{}", shown());
    budget.learn(&Outcome::Trouble(Trouble { status: Some(503), ..Trouble::of(Class::Unavailable) }), later());
    assert!(shown().contains("503"), "{}", shown());
}

#[test]
fn a_few_failures_are_the_objects_affair_and_many_in_a_row_the_accounts() {
    let budget = budget();
    for _ in 0..4 {
        assert_eq!(budget.learn(&trouble(Class::Unavailable, None), later()), (false, false));
    }
    assert_eq!(budget.learn(&trouble(Class::Unreachable, None), later()), (true, true));
    let over = polling::add(later(), FIRST_PAUSE);
    assert_eq!(is_trial(&budget, over), Some(true));
    budget.learn(&trouble(Class::Unreachable, None), over);
    assert_eq!(budget.closure().and_then(|closure| closure.until), Some(polling::add(over, 2 * FIRST_PAUSE)));
}

#[test]
fn a_token_of_a_bucket_that_was_replaced_is_not_given_back_to_the_new_one() {
    let budget = budget();
    let token = budget.take(later()).unwrap();
    assert!(budget.set_rate(60, 1, later()) && !budget.set_rate(60, 1, later()));
    budget.give_back(token);
    assert_eq!((budget.take(later()), budget.token_at(later())), (None, Some(at(101))));
}
