//! The way of one consent through this process: take what the schedule gives → decide → with a permit act, without one ask for it and rest →
//! settle → record.
//!
//! Nothing is decided here. What looks like a decision (which is next, whether the copy is stale) is asked of the module that
//! knows. An object that rests leaves in the schedule when it is next and what for, and nothing else.
//!
//! So many workers at once, each with one piece of work. Whatever a worker was given goes back to the schedule, also when it panics: types
//! see to that ([`scheduler`](super::scheduler)).

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use jiff::Timestamp;
use kube::ResourceExt as _;
use tokio::task::JoinSet;
use tracing::Instrument as _;

use super::observed::{Observed, observe};
use super::scheduler::{Permit, Work, Worked};
use super::{again, explain, page};
use crate::kubernetes;
use crate::kubernetes::{OnConflict, Recorded};
use crate::process::clock;
use crate::process::clock::Wall;
use crate::process::metrics::{Kind, ReconcileResult};
use crate::runtime::accounts::Usable;
use crate::runtime::context::{Context, RECONCILE};
use twinconsent_core::api::account_key::AccountKey;
use twinconsent_core::api::consent::DigitalTwinConsent;
use twinconsent_core::api::uid::{Uid, uid};
use twinconsent_core::consent::apply::{Input, Notice, Settled, apply};
use twinconsent_core::consent::outcome::Outcome;
use twinconsent_core::consent::polling;
use twinconsent_core::consent::step;
use twinconsent_core::consent::step::{Call, Facts, Rest, Step, Then};
use twinconsent_core::schedule::{Ending, Grant, Purpose, Shown};

/// The longest sleep, and so how late it is noticed that the wall clock was set.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);

/// How many steps one job may take: more than any object needs, so that a flaw cannot spin.
const MOST_STEPS: u32 = 64;

/// How soon it is asked again whether this process may act.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// How soon work is given out again after a flaw has stopped that.
const AFTER_FLAW: Duration = Duration::from_secs(5);

/// Works, `concurrency` pieces at once, until the process is to end and those under way have ended.
pub async fn run(concurrency: usize, context: Arc<Context>) {
    context.wait_until_it_may_decide().await;
    context.landings.key_is_known().await;
    context.notify_again(context.notifications.begin(context.accounts.keys())).await;
    context.begin_to_decide();
    let mut running = JoinSet::new();
    // A flaw that ends the giving out of work must not end the work.
    while AssertUnwindSafe(give_out(concurrency, &mut running, &context)).catch_unwind().await.is_err() {
        tracing::error!("a bug has stopped the giving out of work; starting it again");
        tokio::time::sleep(AFTER_FLAW).await;
    }
    while running.join_next().await.is_some() {}
}

async fn give_out(concurrency: usize, running: &mut JoinSet<()>, context: &Arc<Context>) {
    let mut ahead = clock::wall().ahead();
    loop {
        let has_room = running.len() < concurrency;
        let sleep = if !has_room {
            LONGEST_SLEEP
        } else if !context.may_act() {
            ASK_AGAIN
        } else {
            match context.scheduler.take() {
                Ok((work, late)) => {
                    late.inspect(|late| context.metrics.poll_delay(late.as_secs_f64()));
                    running.spawn(do_work(work, context.clone()));
                    continue;
                }
                Err(sleep) => sleep.min(LONGEST_SLEEP),
            }
        };
        let before = std::mem::replace(&mut ahead, clock::wall().ahead());
        if before != ahead {
            // What is told to end at a time of the wall clock ends sooner or later than was thought.
            context.wake_consents(context.store.all());
            continue;
        }
        tokio::select! {
            Some(ended) = running.join_next() => {
                // What it was given has told the schedule when it was dropped.
                if ended.is_err() {
                    tracing::error!("a bug has stopped the work on an object or a page of the list; trying again later");
                }
            }
            () = context.scheduler.rung(), if has_room => {}
            () = tokio::time::sleep(sleep) => {}
            () = context.stopping.cancelled() => return,
        }
    }
}

async fn do_work(work: Work, context: Arc<Context>) {
    match work {
        Work::Consent(mut worked) => {
            decide(&mut worked, &context).await;
            worked.done();
        }
        Work::Page(account, cursor, permit) => page::read(&account, cursor.as_deref(), permit, &context).await,
    }
}

async fn decide(worked: &mut Worked, context: &Context) {
    // Deleted between the wake-up and its job.
    let Some(consent) = context.store.copy(worked.uid) else { return };
    let span = tracing::info_span!("consent", namespace = consent.namespace(), object = consent.name_any());
    let decided = async {
        let of = format!("{}/{}", consent.namespace().unwrap_or_default(), consent.name_any());
        let Err(error) = advance(Arc::new(consent.clone()), worked, context).await else {
            context.complaints.settle(RECONCILE, of);
            return ReconcileResult::Done;
        };
        if !matches!(error, kubernetes::Error::Conflict) {
            context.complaints.tell(RECONCILE, of, &error);
        }
        again::after_error(&consent, &error, context);
        ReconcileResult::Failed
    };
    let result = decided.instrument(span).await;
    context.metrics.reconcile(Kind::DigitalTwinConsent, result);
}

/// Brings one consent a few steps further.
///
/// # Errors
/// When Kubernetes could not be asked; what HeyGen answers is never an error.
async fn advance(mut consent: Arc<DigitalTwinConsent>, worked: &mut Worked, context: &Context) -> Result<(), kubernetes::Error> {
    for _ in 0..MOST_STEPS {
        if !context.may_finish() {
            return Ok(());
        }
        let Some(observed) = observe(&consent, context).await? else { return Ok(()) };
        context.notify_of_doubtful(worked.uid, &consent, observed.wall);
        let now = observed.wall.now();
        let step = step::decide(&consent, &observed.facts, now);
        let explained = explain::at_debug(&consent, &observed, &step);
        let Observed { wall, facts, usable } = observed;
        if !context.may_act() && !step::records_an_answer(&step) {
            return Ok(());
        }
        let (step, grant) = granted(step, worked, (&consent, &facts, wall), context);
        explain::tell(explained, matches!(grant, Some(Grant::Poll(_) | Grant::Request(_))));
        let (input, at, then) = match (step, grant) {
            (Step::Rest(until), _) => {
                rest(worked.uid, until, wall, context);
                return Ok(());
            }
            (Step::Tell(finding, then), _) => (Input::Found(finding), now, then),
            (Step::RecordAnswer, _) => (Input::AnswerInHand, now, Then::Decide),
            // A page of the list has shown the group.
            (Step::Call(call), Some(Grant::Shown(Shown { at, outcome }))) => (Input::Answered(call, outcome), wall.of(at), Then::Decide),
            (Step::Call(call), Some(Grant::Poll(permit) | Grant::Request(permit))) => {
                match ask(&consent, call, permit, usable, context).await {
                    Came::Input(input) => (*input, wall.now(), Then::Decide),
                    Came::Nothing => continue,
                    Came::Later => return Ok(()),
                }
            }
            // Asked again: what was observed may have taken its time.
            (Step::Call(call), None) if !(context.may_act() || call.records_an_answer() && context.may_finish()) => return Ok(()),
            (Step::Call(call), None) => {
                let input = context.cluster.act_on_link_secret(&consent, &call, facts.memory.answer.as_deref()).await;
                (Input::Secret(input), wall.now(), Then::Decide)
            }
        };
        let Some(newer) = record(&consent, &facts, &input, (at, wall), context).await? else { return Ok(()) };
        consent = newer;
        if let Then::Rest(until) = then {
            rest(worked.uid, until, wall, context);
            return Ok(());
        }
    }
    tracing::error!("an object took too many steps at once");
    again::decide_at(&consent, polling::add(clock::steady(), polling::LONGEST_BACKOFF), context);
    Ok(())
}

/// The step with what was granted for it, or what to do instead while it has to wait for that.
fn granted(
    step: Step,
    worked: &mut Worked,
    (consent, facts, wall): (&DigitalTwinConsent, &Facts, Wall),
    context: &Context,
) -> (Step, Option<Grant<Permit>>) {
    match (step, worked.grant.take()) {
        (step, Some(polled @ (Grant::Poll(_) | Grant::Shown(_)))) if step::would_poll(&step) => (Step::Call(Call::Poll), Some(polled)),
        (Step::Call(call), Some(request @ Grant::Request(_))) if call.is_request() => (Step::Call(call), Some(request)),
        (Step::Call(call), unfit) if call.asks_heygen() => {
            if let Some(Grant::Poll(permit) | Grant::Request(permit)) = unfit {
                permit.end(Ending::Unused);
            }
            match context.scheduler.ask(worked.uid, purpose(&call, consent, facts, wall)) {
                Ok(grant) => (Step::Call(call), Some(grant)),
                Err(wait) => (step::delayed(consent, facts, &call, wait, wall.now()), None),
            }
        }
        (step, unused) => {
            worked.grant = unused;
            (step, None)
        }
    }
}

/// What leave to make this call is asked for. A request is good as long as the poll before it is fresh.
fn purpose(call: &Call, consent: &DigitalTwinConsent, facts: &Facts, wall: Wall) -> Purpose {
    if !call.is_request() {
        return Purpose::Poll { urgency: step::urgency(consent, facts, wall.now()) };
    }
    let polled_at = facts.memory.seen.as_ref().map_or(wall.now(), |seen| seen.at);
    Purpose::Request { good_until: wall.steady(polling::add(polled_at, step::POLL_STAYS_FRESH)) }
}

/// Rests: the schedule is told when the object is next, and what for.
fn rest(uid: Uid, rest: Rest, wall: Wall, context: &Context) {
    let rest = rest.shifted(-wall.ahead());
    context.scheduler.with(|schedule, now| schedule.rest(uid, rest, now));
}

/// What came of a call to HeyGen.
enum Came {
    /// This.
    Input(Box<Input>),
    /// Nothing that counts: the object is decided anew. Trouble of the account changes the account, and its consents by that alone.
    Nothing,
    /// Nothing yet, because it was not sent: this process may not act any more.
    Later,
}

/// Asks HeyGen, and ends the call in the schedule.
async fn ask(consent: &DigitalTwinConsent, call: Call, permit: Permit, usable: Option<Arc<Usable>>, context: &Context) -> Came {
    // Asked again: what was observed may have taken its time, and the process may have been frozen since.
    if !context.may_act() {
        permit.end(Ending::NotSent);
        return Came::Later;
    }
    // The permit is of another key than the one at hand, or the group is another object's by now.
    let may_ask = || uid(consent).is_some_and(|uid| context.store.begin_to_ask(uid));
    let usable = usable.filter(|usable| permit.is_of(&usable.budget) && (!matches!(call, Call::Initiate(_)) || may_ask()));
    let Some(usable) = usable else {
        permit.end(Ending::Unused);
        return Came::Nothing;
    };
    let (heygen, credentials, group) = (&context.heygen, &usable.credentials, &consent.spec.group_id);
    // Whatever is only read can be read again by the next process; an answer to a consent request is waited for.
    let outcome = match &call {
        Call::Initiate(request) => {
            let content = context.landings.content(consent, request);
            Some(heygen.initiate(credentials, group, &content, &request.idempotency_key).await)
        }
        Call::ReadLooks(page) => context.stopping.run_until_cancelled(heygen.looks(credentials, group, page.as_deref())).await,
        _ => context.stopping.run_until_cancelled(heygen.group(credentials, group)).await,
    };
    let Some(outcome) = outcome else {
        permit.end(Ending::NotSent);
        return Came::Later;
    };
    if matches!(outcome, Outcome::Initiated(_)) {
        context.metrics.initiation();
    }
    let key = AccountKey::of(consent);
    // An answer to a consent request is recorded whatever has become of the account meanwhile: it is the only copy of the link.
    let counts = matches!(call, Call::Initiate(_)) || context.accounts.uses(&key, &usable.budget);
    context.learn(&key, &usable, &outcome);
    let is_the_accounts = permit.end(if counts { Ending::Came(outcome.clone()) } else { Ending::Superseded });
    match outcome {
        _ if !counts || is_the_accounts => Came::Nothing,
        outcome => Came::Input(Box::new(Input::Answered(call, outcome))),
    }
}

/// Settles what has come at `now`, writes what it means, remembers it and reports it. `None` when the object is gone or asks something else now.
async fn record(
    consent: &Arc<DigitalTwinConsent>,
    facts: &Facts,
    input: &Input,
    (now, wall): (Timestamp, Wall),
    context: &Context,
) -> Result<Option<Arc<DigitalTwinConsent>>, kubernetes::Error> {
    let on_conflict = match input {
        Input::Found(_) => OnConflict::GiveUp,
        Input::AnswerInHand | Input::Answered(..) | Input::Secret(_) => OnConflict::SettleAgain,
    };
    let recorded = context.cluster.record(consent, on_conflict, |current| apply(current, facts, input, now)).await;
    let (newer, settled, written) = match recorded {
        Ok(Recorded::Written(newer, settled)) => (newer, settled, true),
        Ok(Recorded::Unchanged(settled)) => (consent.clone(), settled, false),
        Ok(Recorded::Dropped) => return Ok(None),
        Err(error) => {
            // Whatever was found in a copy that is too old is found anew.
            if !matches!((&error, on_conflict), (kubernetes::Error::Conflict, OnConflict::GiveUp) | (kubernetes::Error::NotLeading, _)) {
                again::not_written(consent, &facts.memory, &error, wall, context);
                context.doubt(consent, apply(consent, facts, input, now).events);
            }
            return Err(error);
        }
    };
    let Settled { status: _, mut memory, notices, events } = settled;
    if written {
        context.consent_history.wrote(newer.metadata.resource_version.as_deref().unwrap_or_default());
        memory.unwritten = None;
        context.notify(&newer, &events, wall);
    }
    context.wake_consents(context.store.remember(&newer, memory, written, wall));
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
