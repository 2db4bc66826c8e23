//! The shell of one consent: observe → decide → act → settle → record, until `decide` says "rest".
//!
//! Nothing is decided here. What looks like a decision (whose turn it is, whether the copy is stale) is asked of the module that
//! knows.

use std::sync::Arc;
use std::time::Duration;

use kube::runtime::controller::Action;

use crate::account::gate::{Admission, Place};
use crate::account::settings::AccountKey;
use crate::account::{Usable, settings};
use crate::api::consent::DigitalTwinConsent;
use crate::clock;
use crate::cluster::events::Report;
use crate::cluster::{self, OnConflict, Recorded};
use crate::context::Context;
use crate::decide::{self, AccountFact, Call, Facts, Step, Then};
use crate::memory::{Answer, Memory};
use crate::outcome::{Class, Outcome, Trouble};
use crate::pace;
use crate::settle::{News, Notice, SecretNews, Settled, settle};

/// How many steps one reconcile may take: more than any object needs, so that a flaw cannot spin.
const MOST_STEPS: u32 = 64;

/// How soon an object is decided anew whose copy was too old to write.
const AFTER_CONFLICT: Duration = Duration::from_millis(500);

/// Brings one consent a few steps further.
///
/// # Errors
/// When Kubernetes could not be asked; what HeyGen answers is never an error.
pub async fn reconcile(consent: Arc<DigitalTwinConsent>, context: Arc<Context>) -> Result<Action, cluster::Error> {
    context.wait_until_synced().await;
    let mut consent = consent;
    for _ in 0..MOST_STEPS {
        if context.is_stopping() {
            return Ok(Action::await_change());
        }
        let Some((mut facts, usable)) = observe(&consent, &context).await? else { return Ok(Action::await_change()) };
        let now = clock::now();
        let step = admitted(decide::decide(&consent, &facts, now), &consent, &mut facts, usable.as_deref(), &context);
        match step {
            Step::Rest(until) => return Ok(rest(until)),
            Step::Tell(finding, then) => {
                let Some(newer) = record(&consent, &facts, &News::Found(finding), &context).await? else {
                    return Ok(Action::await_change());
                };
                match then {
                    Then::Rest(until) => return Ok(rest(until)),
                    Then::Decide => consent = newer,
                }
            }
            Step::Call(call) => {
                let news = act(&consent, &facts.memory, call, usable.as_deref(), &context).await;
                let Some(newer) = record(&consent, &facts, &news, &context).await? else { return Ok(Action::await_change()) };
                consent = newer;
            }
        }
    }
    tracing::error!("an object took too many steps at once");
    Ok(Action::requeue(pace::LONGEST_BACKOFF))
}

/// The facts about an object; `None` while the copy at hand is older than our own last write.
async fn observe(consent: &DigitalTwinConsent, context: &Context) -> Result<Option<(Facts, Option<Arc<Usable>>)>, cluster::Error> {
    let Some(standing) = context.roster.standing(consent).filter(|standing| !standing.is_stale) else { return Ok(None) };
    let key = AccountKey::of(consent);
    let (mut account, usable) = context.accounts.fact(&key);
    if let Some(usable) = &usable
        && !context.serves(usable, consent).await?
    {
        account = AccountFact::NotAllowed(settings::refusal(&key, consent));
    }
    let mut memory = standing.memory;
    if usable.is_none() && memory.turn.take().is_some() {
        // A turn at an account that cannot be used is void: when it can be used again, a thousand objects whose turn is long past
        // would all push to the front at once.
        context.roster.remember(consent, memory.clone(), false);
    }
    Ok(Some((Facts { account, ownership: standing.ownership, memory, started: context.started }, usable)))
}

/// The step, or what to do instead while the account's gate lets nobody pass.
///
/// A turn goes into `facts`, because whatever is told next is settled from them: a turn that telling forgot would be asked for
/// anew when it has come, at the end of the queue, again and again.
fn admitted(step: Step, consent: &DigitalTwinConsent, facts: &mut Facts, usable: Option<&Usable>, context: &Context) -> Step {
    let (Step::Call(call), Some(usable)) = (&step, usable) else { return step };
    if !call.asks_heygen() {
        return step;
    }
    let (now, monotonic) = (clock::now(), clock::monotonic());
    let place = match (call, facts.memory.turn) {
        (Call::Look, Some(turn)) if turn > now => return decide::delayed(consent, facts, turn, now),
        (Call::Look, None) => Place::New(decide::tokens(consent)),
        _ => Place::Turn,
    };
    match usable.gate.admit(place, monotonic) {
        Admission::Now => step,
        Admission::Shut => {
            // Whoever opens the gate wakes the account's consents, and they queue up anew.
            facts.memory.turn = None;
            context.roster.remember(consent, facts.memory.clone(), false);
            decide::delayed(consent, facts, pace::add(now, pace::LONGEST_BACKOFF), now)
        }
        Admission::At(at) => {
            let turn = pace::add(now, at.saturating_sub(monotonic));
            facts.memory.turn = Some(turn);
            context.roster.remember(consent, facts.memory.clone(), false);
            decide::delayed(consent, facts, turn, now)
        }
    }
}

/// Does one thing and says what came of it.
async fn act(consent: &DigitalTwinConsent, memory: &Memory, call: Call, usable: Option<&Usable>, context: &Context) -> News {
    let (heygen, group) = (&context.heygen, &consent.spec.group_id);
    let outcome = match (&call, usable) {
        (Call::CheckLinkSecret, _) => return News::Secret(act_on_secret(consent, None, context).await),
        (Call::WriteLinkSecret, _) => return News::Secret(act_on_secret(consent, memory.answer.as_deref(), context).await),
        // The account was lost between the decision and the act: nothing was sent.
        (_, None) => Outcome::Trouble(Trouble::of(Class::Unreachable)),
        (Call::Look, Some(usable)) => heygen.group(&usable.credentials, group).await,
        (Call::ReadLooks(page), Some(usable)) => heygen.looks(&usable.credentials, group, page.as_deref()).await,
        (Call::Initiate(request), Some(usable)) => {
            context.metrics.initiation();
            heygen.initiate(&usable.credentials, group, &request.content, &request.idempotency_key).await
        }
    };
    if let Some(usable) = usable {
        let key = AccountKey::of(consent);
        if context.accounts.learn(&key, usable, &outcome, clock::monotonic()) {
            context.wake_account(&key);
        }
    }
    News::Answered(call, outcome)
}

/// Writes the link of an answer into the consent's Secret or, without an answer, sees whether the Secret is free.
async fn act_on_secret(consent: &DigitalTwinConsent, answer: Option<&Answer>, context: &Context) -> SecretNews {
    let Some(secret) = &consent.spec.link_secret_ref else { return SecretNews::NotWritable };
    match answer.and_then(|answer| answer.started.link.as_ref()) {
        Some(link) => context.cluster.write_link_secret(consent, &secret.name, link).await,
        None => context.cluster.check_link_secret(consent, &secret.name).await,
    }
}

/// Settles the news, writes what they mean, remembers it and reports it. `None` when the object is gone or asks something else now.
async fn record(
    consent: &Arc<DigitalTwinConsent>,
    facts: &Facts,
    news: &News,
    context: &Context,
) -> Result<Option<Arc<DigitalTwinConsent>>, cluster::Error> {
    let now = clock::now();
    let on_conflict = if matches!(news, News::Found(_)) { OnConflict::GiveUp } else { OnConflict::SettleAgain };
    let recorded = context.cluster.record(consent, on_conflict, |current| settle(current, facts, news, now)).await?;
    let (newer, settled, written) = match recorded {
        Recorded::Written(newer, settled) => (newer, settled, true),
        Recorded::Unchanged(settled) => (consent.clone(), settled, false),
        Recorded::Dropped => return Ok(None),
    };
    let Settled { status: _, memory, notices } = settled;
    context.roster.remember(&newer, memory, written);
    for notice in notices {
        match notice {
            Notice::Event { warning, reason, note } => {
                tracing::info!(reason, "{note}");
                context.events.report(newer.as_ref(), Report { warning, reason, note });
            }
            Notice::Revoked => context.metrics.revocation(),
            Notice::NullAfterGrant => context.metrics.null_after_grant(),
            Notice::Unanswered => context.metrics.unanswered_initiation(),
        }
    }
    Ok(Some(newer))
}

/// What to do after an error: decide anew soon.
#[must_use]
pub fn after_error(consent: &DigitalTwinConsent, error: &cluster::Error) -> Action {
    match error {
        cluster::Error::Conflict => Action::requeue(AFTER_CONFLICT),
        _ => Action::requeue(pace::backoff(3, consent.metadata.uid.as_deref().unwrap_or_default())),
    }
}

fn rest(until: Option<jiff::Timestamp>) -> Action {
    until.map_or_else(Action::await_change, |until| Action::requeue(pace::since(clock::now(), until).max(Duration::from_millis(1))))
}
