//! Tells when no poll of an account begins although some are due and it can be asked.
//!
//! It is no part of what it watches: it only reads the schedule, so that it tells of a dispatcher that has stopped as well as of a poll that
//! never came to an end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::runtime::context::Context;
use twinconsent_core::api::account_key::AccountKey;
use twinconsent_core::schedule::Schedule;

/// How often it checks.
const EVERY: Duration = Duration::from_secs(15);

/// What is worth a line in the log.
const WORTH_TELLING: Duration = Duration::from_secs(60);

/// Watches until the process is to end.
pub async fn watch(context: Arc<Context>) {
    // Since when each account could be asked, and whether its standing still was told.
    let mut watched = HashMap::new();
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = context.stopping.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let longest = context.scheduler.with(|schedule, now| {
            let askable = if context.may_act() { schedule.askable() } else { Vec::new() };
            check(&askable, schedule, &mut watched, now)
        });
        context.metrics.poll_overdue(longest.as_secs_f64());
    }
}

/// How long the account stands still that does so the longest.
fn check(askable: &[AccountKey], schedule: &Schedule, watched: &mut HashMap<AccountKey, (Timestamp, bool)>, now: Timestamp) -> Duration {
    let before = std::mem::take(watched);
    let mut longest = Duration::ZERO;
    for key in askable {
        let (since, was_said) = before.get(key).copied().unwrap_or((now, false));
        let overdue = schedule.overdue(key, since, now);
        longest = longest.max(overdue);
        let is_said = overdue > WORTH_TELLING;
        match (was_said, is_said) {
            (false, true) => tracing::warn!(account = %key, seconds = overdue.as_secs(), "polls are due and none begins"),
            (true, false) => tracing::info!(account = %key, "polls begin again"),
            (false, false) | (true, true) => {}
        }
        watched.insert(key.clone(), (since, is_said));
    }
    longest
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use twinconsent_core::api::consent::AccountKind;
    use twinconsent_core::consent::policy::Rules;
    use twinconsent_core::consent::step::{NextPoll, PollKind, Rest};
    use twinconsent_core::schedule::Budget;

    #[test]
    fn what_counts_is_for_how_long_an_account_can_be_asked_without_a_break() {
        let key = AccountKey { kind: AccountKind::HeyGenAccount, namespace: Some("default".to_owned()), name: "a".to_owned() };
        let at = |seconds: i64| Timestamp::from_second(1_000_000 + seconds).unwrap();
        let mut schedule = Schedule::default();
        schedule.open(&key, &Arc::new(Budget::new(120, 20, at(0))), Rules::default().cadence, at(0));
        schedule.add(1, &key, "default", "ada");
        schedule.rest(1, Rest { until: None, poll: Some(NextPoll { at: at(0), kind: PollKind::Forced }) }, at(0));
        let open = schedule.askable();
        let mut watched = HashMap::new();
        assert_eq!(check(&open, &schedule, &mut watched, at(1000)), Duration::ZERO, "it is seen for the first time");
        let overdue = check(&open, &schedule, &mut watched, at(2000));
        assert!((900..1000).contains(&overdue.as_secs()), "{overdue:?}");
        assert_eq!(check(&[], &schedule, &mut watched, at(2015)), Duration::ZERO);
        assert_eq!(check(&open, &schedule, &mut watched, at(3000)), Duration::ZERO, "it could not be asked meanwhile");
    }
}
