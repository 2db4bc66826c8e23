//! The shell of one consent: observe → decide → act → settle → record, until `decide` says "rest".
//!
//! Nothing is decided here. What looks like a decision (whose turn it is, whether the copy is stale) is asked of the module that
//! knows. An object that rests leaves a time in the roster and a seat in its account's book, and nothing else.

pub mod explain;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::kubernetes;
use crate::kubernetes::{OnConflict, Recorded};
use crate::process::clock;
use crate::process::clock::Wall;
use crate::runtime::accounts::Usable;
use crate::runtime::context::Context;
use crate::runtime::store::Standing;
use crate::runtime::sweep::book::{Ending, Lane};
use crate::runtime::sweep::in_flight::InFlight;
use crate::runtime::sweep::{Desk, Passage};
use twinconsent_core::account;
use twinconsent_core::api::account_key::AccountKey;
use twinconsent_core::api::consent::DigitalTwinConsent;
use twinconsent_core::api::uid;
use twinconsent_core::consent::apply::{News, Notice, SecretOutcome, Settled, apply};
use twinconsent_core::consent::outcome::{Class, Outcome, Trouble};
use twinconsent_core::consent::polling;
use twinconsent_core::consent::report;
use twinconsent_core::consent::state;
use twinconsent_core::consent::state::{Answer, Handed, LONGEST_UNWRITTEN, Memory, Unwritten};
use twinconsent_core::consent::step;
use twinconsent_core::consent::step::{AccountFact, Call, Facts, Rest, Step, Then};

/// How many steps one reconcile may take: more than any object needs, so that a flaw cannot spin.
const MOST_STEPS: u32 = 64;

/// How soon an object is decided anew whose copy was too old to write.
const AFTER_CONFLICT: Duration = Duration::from_millis(500);

/// Brings one consent a few steps further.
///
/// # Errors
/// When Kubernetes could not be asked; what HeyGen answers is never an error.
pub async fn reconcile(consent: DigitalTwinConsent, context: &Context) -> Result<(), kubernetes::Error> {
    let mut consent = Arc::new(consent);
    for _ in 0..MOST_STEPS {
        if !context.may_finish() {
            return Ok(());
        }
        let Some(observed) = observe(&consent, context).await? else { return Ok(()) };
        let now = observed.wall.now();
        let step = step::decide(&consent, &observed.facts, now);
        let explained = explain::at_debug(&consent, &observed, &step);
        let Observed { wall, facts, usable, desk } = observed;
        if !context.may_act() && !step::records_an_answer(&step) {
            return Ok(());
        }
        if step::would_look(&step)
            && let Some(Handed { at, outcome }) = context.roster.take_handed(&consent, wall)
        {
            let news = News::Answered(Call::Look, outcome);
            let Some(newer) = record(&consent, &facts, &news, (at, wall), context).await? else { return Ok(()) };
            consent = newer;
            continue;
        }
        let (step, in_flight) = admitted(step, &consent, &facts, usable.as_deref(), desk.as_ref(), wall);
        explain::tell(explained, in_flight.is_some());
        match step {
            Step::Rest(until) => {
                rest(&consent, until, desk.as_deref(), wall, context);
                return Ok(());
            }
            Step::Tell(finding, then) => {
                let Some(newer) = record(&consent, &facts, &News::Found(finding), (now, wall), context).await? else { return Ok(()) };
                if let Then::Rest(until) = then {
                    rest(&newer, until, desk.as_deref(), wall, context);
                    return Ok(());
                }
                consent = newer;
            }
            Step::RecordAnswer => {
                let Some(newer) = record(&consent, &facts, &News::AnswerInHand, (now, wall), context).await? else { return Ok(()) };
                consent = newer;
            }
            // Asked again: what was observed may have taken its time.
            Step::Call(call) if !(context.may_act() || call.records_an_answer() && context.may_finish()) => {
                in_flight.map(|in_flight| in_flight.end(Ending::NotSent));
                return Ok(());
            }
            Step::Call(Call::Initiate(_)) if !uid::uid(&consent).is_some_and(|uid| context.roster.begin_to_ask(uid)) => {
                in_flight.map(|in_flight| in_flight.end(Ending::NotSent));
            }
            Step::Call(call) => {
                let news = act(&consent, &facts.memory, call, usable.as_deref(), in_flight, context).await;
                let Some(newer) = record(&consent, &facts, &news, (wall.now(), wall), context).await? else { return Ok(()) };
                consent = newer;
            }
        }
    }
    tracing::error!("an object took too many steps at once");
    again_at(&consent, polling::add(clock::steady(), polling::LONGEST_BACKOFF), context);
    Ok(())
}

/// What is known about an object, and what a call for it needs.
struct Observed {
    /// The wall clock as it was then: every time of this step is by it.
    wall: Wall,
    facts: Facts,
    usable: Option<Arc<Usable>>,
    desk: Option<Arc<Desk>>,
}

/// `None` while the copy at hand is older than our own last write.
async fn observe(consent: &DigitalTwinConsent, context: &Context) -> Result<Option<Observed>, kubernetes::Error> {
    let key = AccountKey::of(consent);
    let account = context.accounts.fact(&key);
    let is_served = context.serves(&key, consent).await? != Some(false);
    // Last: nothing is waited for between this and what follows from it.
    let wall = clock::wall();
    let standing = context.roster.standing(consent, wall).filter(|standing| !standing.is_stale);
    Ok(standing.map(|standing| observed(consent, account, is_served, standing, wall, context)))
}

fn observed(
    consent: &DigitalTwinConsent,
    (account, usable): (AccountFact, Option<Arc<Usable>>),
    is_served: bool,
    standing: Standing,
    wall: Wall,
    context: &Context,
) -> Observed {
    let key = AccountKey::of(consent);
    let account = if is_served { account } else { AccountFact::NotAllowed(account::refusal(&key, consent)) };
    let desk = context.accounts.desk(&key);
    let mut memory = standing.memory;
    // Looks of the sweep that showed nothing new were told to nobody.
    let swept = desk.as_ref().zip(uid::uid(consent)).and_then(|(desk, uid)| desk.looked_at(uid, wall));
    let polled_at = memory.looked_at.max(swept);
    if memory.looked_at.is_some() {
        memory.looked_at = polled_at;
    }
    let started = wall.of(context.decides_since.get().copied().unwrap_or_else(clock::steady));
    let proof = context.accounts.proof(&key, wall);
    let facts = Facts { account, ownership: standing.ownership, memory, started, doubt: wall.doubt(), polled_at, proof };
    Observed { wall, facts, usable, desk }
}

/// The step, or what to do instead while others come first or the account's gate is closed; and the call that was begun, if it is one.
fn admitted(
    step: Step,
    consent: &DigitalTwinConsent,
    facts: &Facts,
    usable: Option<&Usable>,
    desk: Option<&Arc<Desk>>,
    wall: Wall,
) -> (Step, Option<InFlight>) {
    let (Step::Call(call), Some(usable), Some(desk), Some(uid)) = (&step, usable, desk, uid::uid(consent)) else { return (step, None) };
    if !call.asks_heygen() {
        return (step, None);
    }
    let now = wall.now();
    let lane = match call {
        Call::Look if step::is_forced(consent) => Lane::Forced,
        Call::Look => Lane::Look,
        _ => Lane::Request,
    };
    let wait = match desk.pass(uid, lane, &usable.gate) {
        Passage::Now(in_flight) => return (step, Some(in_flight)),
        Passage::Later(wait) => wait,
    };
    if lane == Lane::Request
        && let Some(seen) = &facts.memory.seen
    {
        desk.request(uid, polling::add(seen.at, step::LOOK_STAYS_FRESH), wall);
    }
    (step::delayed(consent, facts, call, wait, now), None)
}

/// Rests: a wake-up at the time, a seat for the look.
fn rest(consent: &DigitalTwinConsent, rest: Rest, desk: Option<&Desk>, wall: Wall, context: &Context) {
    let Some(uid) = uid::uid(consent) else { return };
    context.roster.set_alarm(uid, rest.until.map(|at| wall.steady(at)));
    match (rest.look, desk) {
        (Some(look), Some(desk)) => {
            desk.enlist(uid, &consent.spec.group_id, polling::share(consent.metadata.uid.as_deref().unwrap_or_default(), 0), look, wall);
        }
        (_, Some(desk)) => desk.dismiss(uid),
        (_, None) => {}
    }
}

/// Does one thing and says what came of it.
async fn act(
    consent: &DigitalTwinConsent,
    memory: &Memory,
    call: Call,
    usable: Option<&Usable>,
    in_flight: Option<InFlight>,
    context: &Context,
) -> News {
    let (heygen, group) = (&context.heygen, &consent.spec.group_id);
    let outcome = match (&call, usable) {
        (Call::CheckLinkSecret | Call::WriteLinkSecret | Call::FindLink, _) => {
            return News::Secret(act_on_secret(consent, &call, memory.answer.as_deref(), context).await);
        }
        // The account was lost between the decision and the act: nothing was sent.
        (_, None) => Outcome::Trouble(Trouble::of(Class::Unreachable)),
        (Call::Look, Some(usable)) => heygen.group(&usable.credentials, group).await,
        (Call::ReadLooks(page), Some(usable)) => heygen.looks(&usable.credentials, group, page.as_deref()).await,
        (Call::Initiate(request), Some(usable)) => {
            let outcome = heygen.initiate(&usable.credentials, group, &request.content, &request.idempotency_key).await;
            if matches!(outcome, Outcome::Initiated(_)) {
                context.metrics.initiation();
            }
            outcome
        }
    };
    if let Some(usable) = usable {
        let key = AccountKey::of(consent);
        if context.accounts.learn(&key, usable, &outcome, clock::monotonic()) {
            context.wake_account(&key);
        }
    }
    in_flight.map(|in_flight| in_flight.end(Ending::Came(outcome.clone())));
    News::Answered(call, outcome)
}

/// Does one thing with the consent's link Secret.
async fn act_on_secret(consent: &DigitalTwinConsent, call: &Call, answer: Option<&Answer>, context: &Context) -> SecretOutcome {
    let Some(secret) = &consent.spec.link_secret_ref else { return SecretOutcome::Unreachable };
    match (call, answer.and_then(Answer::link)) {
        (Call::FindLink, _) => context.cluster.find_link(consent, &secret.name).await,
        (Call::WriteLinkSecret, Some(link)) => context.cluster.write_link_secret(consent, &secret.name, link).await,
        _ => context.cluster.check_link_secret(consent, &secret.name).await,
    }
}

/// Settles the news of `now`, writes what they mean, remembers it and reports it. `None` when the object is gone or asks something else now.
async fn record(
    consent: &Arc<DigitalTwinConsent>,
    facts: &Facts,
    news: &News,
    (now, wall): (Timestamp, Wall),
    context: &Context,
) -> Result<Option<Arc<DigitalTwinConsent>>, kubernetes::Error> {
    let on_conflict = match news {
        News::Found(_) => OnConflict::GiveUp,
        News::AnswerInHand | News::Answered(..) | News::Secret(_) => OnConflict::SettleAgain,
    };
    let recorded = context.cluster.record(consent, on_conflict, |current| apply(current, facts, news, now)).await;
    let (newer, settled, written) = match recorded {
        Ok(Recorded::Written(newer, settled)) => (newer, settled, true),
        Ok(Recorded::Unchanged(settled)) => (consent.clone(), settled, false),
        Ok(Recorded::Dropped) => return Ok(None),
        Err(error) => {
            // Whatever was found in a copy that is too old is found anew.
            if !matches!((&error, on_conflict), (kubernetes::Error::Conflict, OnConflict::GiveUp) | (kubernetes::Error::NotLeading, _)) {
                not_written(consent, &facts.memory, &error, wall, context);
            }
            return Err(error);
        }
    };
    let Settled { status: _, mut memory, notices } = settled;
    if written {
        context.consent_history.wrote(newer.metadata.resource_version.as_deref().unwrap_or_default());
        memory.unwritten = None;
    }
    let asked_at = matches!(news, News::Answered(..)).then_some(now);
    context.wake_consents(context.roster.remember(&newer, memory, written, asked_at, wall));
    for notice in notices {
        match notice {
            Notice::Event(report) => {
                tracing::info!(reason = report.reason(), "{}", report.note());
                context.events.report(newer.as_ref(), report);
            }
            Notice::Revoked => context.metrics.revocation(),
            Notice::PollRefused(code) => tracing::info!(code, "HeyGen refuses to tell about the group"),
            Notice::NullAfterGrant => context.metrics.null_after_grant(),
            Notice::UnrecognizedAfterGrant => context.metrics.unrecognized_after_grant(),
            Notice::Unanswered => context.metrics.unanswered_initiation(),
        }
    }
    Ok(Some(newer))
}

/// Remembers that a status could not be written, so that it is tried again with growing pauses.
fn not_written(consent: &DigitalTwinConsent, before: &Memory, error: &kubernetes::Error, wall: Wall, context: &Context) {
    let longest = if error.is_about_the_object() { LONGEST_UNWRITTEN } else { state::longest_in_common(context.roster.unwritten()) };
    let unwritten = Unwritten::after(before.unwritten.as_deref(), consent, longest, wall.now());
    if unwritten.is_worth_telling() {
        context.metrics.unwritten_status();
        context.events.report(consent, report::STATUS_NOT_WRITTEN);
    }
    let memory = Memory { unwritten: Some(Box::new(unwritten)), ..before.clone() };
    context.wake_consents(context.roster.remember(consent, memory, false, None, wall));
}

/// Lets an object be decided anew after an error: soon when only its copy was too old, later when Kubernetes is in trouble.
pub fn after_error(consent: &DigitalTwinConsent, error: &kubernetes::Error, context: &Context) {
    let uid = consent.metadata.uid.as_deref().unwrap_or_default();
    let now = clock::steady();
    let at = match (error, context.roster.unwritten_until(consent)) {
        (_, Some(not_before)) if not_before > now => not_before,
        (kubernetes::Error::Conflict, _) => polling::add(now, AFTER_CONFLICT),
        _ => polling::add(now, polling::backoff(3, uid)),
    };
    again_at(consent, at, context);
}

/// Lets an object be decided anew whose decision has panicked: nothing else would wake it.
pub fn after_flaw(consent: uid::Uid, context: &Context) {
    tracing::error!("a bug has stopped the work on an object; trying again later");
    context.roster.set_alarm(consent, Some(polling::add(clock::steady(), polling::LONGEST_BACKOFF)));
}

/// Lets an object be decided anew at this time of the steady clock.
fn again_at(consent: &DigitalTwinConsent, at: Timestamp, context: &Context) {
    if let Some(uid) = uid::uid(consent) {
        context.roster.set_alarm(uid, Some(at));
    }
}
