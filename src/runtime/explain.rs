//! What is done about one object, read at any moment, and told of each decision at `debug`. Nothing is changed by it.

use super::observed::{Observed, observed};
use crate::process::clock;
use crate::runtime::accounts::Usable;
use crate::runtime::context::Context;
use twinconsent_core::api::account_key::AccountKey;
use twinconsent_core::api::conditions::reasons;
use twinconsent_core::api::consent::DigitalTwinConsent;
use twinconsent_core::api::uid::Uid;
use twinconsent_core::consent::explain;
use twinconsent_core::consent::explain::{Account, Explanation, Next, Standing};
use twinconsent_core::consent::step::{AccountFact, Step, decide};

/// Why the object of this name is where it is, and what is next for it. `None`: no object of this name is known.
#[must_use]
pub fn explain(namespace: &str, name: &str, context: &Context) -> Option<Explanation> {
    let (uid, consent) = context.store.named(namespace, name)?;
    let wall = clock::wall();
    let known = context.store.standing_as_seen(&consent, wall)?;
    let held_up = if context.decides_since.get().is_none() {
        Some("this replica to lead, once every watch is synced")
    } else if !context.may_act() {
        Some("another process: this one acts no more")
    } else {
        known.is_stale.then_some("the watch, which has not shown yet what was written last")
    };
    let is_served = context.store.is_served(uid);
    let observed = observed(&consent, context.accounts.fact(&AccountKey::of(&consent)), is_served, known, wall, context);
    let now = wall.now();
    let step = decide(&consent, &observed.facts, now);
    let standing = Standing { held_up, ..scheduled(uid, standing(&consent, &observed), &observed, context) };
    Some(explain::explain(&consent, &observed.facts, &step, standing, now))
}

/// Why a decision is as it is, if a line of each is wanted.
pub(super) fn at_debug(consent: &DigitalTwinConsent, observed: &Observed, step: &Step) -> Option<Explanation> {
    let explain = || explain::explain(consent, &observed.facts, step, standing(consent, observed), observed.wall.now());
    tracing::enabled!(tracing::Level::DEBUG).then(explain)
}

/// Tells a decision in one line; a call that has its permit waits for none.
pub(super) fn tell(explained: Option<Explanation>, has_permit: bool) {
    let Some(Explanation { step, why, next, waits_for, .. }) = explained else { return };
    let waits_for = if has_permit { String::new() } else { waits_for.join("; ") };
    let (next, at, priority) = next.map_or((None, None, None), |Next { at, what, priority }| (Some(what), Some(at.to_string()), priority));
    tracing::debug!(step, why, next, at, priority, waits_for, "decided");
}

/// What the schedule says of an object besides.
fn scheduled(uid: Uid, standing: Standing, observed: &Observed, context: &Context) -> Standing {
    let Some(known) = context.scheduler.with(|schedule, now| schedule.explain(uid, now)) else { return standing };
    let scheduled = known.scheduled.map(|next| Next { at: observed.wall.of(next.at), ..next });
    Standing { scheduled, work_queue: known.work_queue, ahead: known.ahead, ..standing }
}

fn standing(consent: &DigitalTwinConsent, Observed { wall, facts, usable }: &Observed) -> Standing {
    let AccountKey { kind, namespace: _, name } = AccountKey::of(consent);
    let state = match facts.account {
        AccountFact::Resolving => reasons::RESOLVING,
        AccountFact::NotReady(_) => "NotReady",
        AccountFact::NotAllowed(_) => "NotAllowed",
        AccountFact::Usable(_) => "Usable",
    };
    let mut account = Account { name: format!("{kind:?}/{name}"), state, ..Account::default() };
    if let Some(Usable { budget, .. }) = usable.as_deref() {
        let now = clock::steady();
        let closure = budget.closure().filter(|closure| closure.until.is_none_or(|until| until > now));
        account.tokens = Some(budget.tokens(now));
        account.stopped_because = closure.map(|closure| closure.class.into());
        account.stopped_until = closure.and_then(|closure| closure.until).map(|until| wall.of(until));
    }
    Standing { account, ..Standing::default() }
}
