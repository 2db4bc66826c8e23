//! Tells when the following of an account stands still although the account can be asked.
//!
//! It is no part of what it watches: it only reads the books, so that it tells of a task that has ended as well as of a look that never
//! came to an end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::process::clock;
use crate::runtime::accounts::Usable;
use crate::runtime::context::Context;
use crate::runtime::sweep::Desk;
use twinconsent_core::api::account_key::AccountKey;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(15);

/// What is worth a line in the log.
const WORTH_TELLING: Duration = Duration::from_secs(60);

/// Since when each account could be asked, and whether its standing still was told.
type Watched = HashMap<AccountKey, (Timestamp, bool)>;

/// Watches until the process is to end.
pub async fn watch(context: Arc<Context>) {
    let mut watched = Watched::new();
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = context.stopping.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let open = if context.may_act() { context.accounts.open() } else { Vec::new() };
        let longest = look_at(&open, &mut watched, clock::steady());
        context.metrics.poll_overdue(longest.as_secs_f64());
    }
}

/// How long the account stands still that does so the longest.
fn look_at(open: &[(AccountKey, Arc<Desk>, Arc<Usable>)], watched: &mut Watched, now: Timestamp) -> Duration {
    let before = std::mem::take(watched);
    let mut longest = Duration::ZERO;
    for (key, desk, usable) in open {
        let (since, was_told) = before.get(key).copied().unwrap_or((now, false));
        let overdue = desk.book().overdue(since, usable.gate.period(), now);
        longest = longest.max(overdue);
        let is_told = overdue > WORTH_TELLING;
        match (was_told, is_told) {
            (false, true) => tracing::warn!(account = %key, seconds = overdue.as_secs(), "polls are due and none begins"),
            (true, false) => tracing::info!(account = %key, "polls begin again"),
            (false, false) | (true, true) => {}
        }
        watched.insert(key.clone(), (since, is_told));
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heygen::{AuthScheme, Credentials};
    use crate::runtime::gate::Gate;
    use twinconsent_core::api::consent::AccountKind;
    use twinconsent_core::consent::policy::Terms;
    use twinconsent_core::consent::step::{LookKind, NextLook};

    #[test]
    fn what_counts_is_for_how_long_an_account_can_be_asked_without_a_break() {
        let key = AccountKey { kind: AccountKind::HeyGenAccount, namespace: Some("default".to_owned()), name: "a".to_owned() };
        let usable = Arc::new(Usable {
            credentials: Credentials { base_url: "https://heygen.invalid".parse().unwrap(), auth: AuthScheme::ApiKey, key: "k".into() },
            gate: Arc::new(Gate::new(120, 20, Duration::ZERO)),
            terms: Arc::new(Terms::default()),
        });
        let at = |seconds: i64| Timestamp::from_second(1_000_000 + seconds).unwrap();
        let desk = Arc::new(Desk::default());
        desk.book().enlist(1, "ada", 0.0, NextLook { at: at(0), kind: LookKind::Forced }, at(0));
        let open = [(key, desk, usable)];
        let mut watched = Watched::new();
        assert_eq!(look_at(&open, &mut watched, at(1000)), Duration::ZERO, "it is seen for the first time");
        let overdue = look_at(&open, &mut watched, at(2000));
        assert!((900..1000).contains(&overdue.as_secs()), "{overdue:?}");
        assert_eq!(look_at(&[], &mut watched, at(2015)), Duration::ZERO);
        assert_eq!(look_at(&open, &mut watched, at(3000)), Duration::ZERO, "it could not be asked meanwhile");
    }
}
