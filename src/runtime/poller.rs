//! The task of one account: does what the book says, one token at a time.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::process::clock;
use crate::process::metrics::Metrics;
use crate::runtime::accounts::Usable;
use crate::runtime::context::Context;
use crate::runtime::gate::Admission;
use crate::runtime::sweep::Desk;
use crate::runtime::sweep::book::{Ending, Next, Poll, Work};
use crate::runtime::sweep::in_flight::InFlight;
use crate::runtime::work_queue::Cause;
use twinconsent_core::api::account_key::AccountKey;
use twinconsent_core::consent::outcome::Outcome;
use twinconsent_core::consent::polling;
use twinconsent_core::consent::state::Handed;

/// How many reads of one group may be under way at once. The limit is on how many wait for an answer, not on how many are sent a minute.
const READS_AT_ONCE: usize = 16;

/// The longest sleep: whatever was missed is made up for then.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// How soon it is asked again whether this process may act.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// How soon the book is taken up again after a flaw has ended the work on it.
const AFTER_FLAW: Duration = Duration::from_secs(5);

/// A look that has come to an end: the account it was made with, and what came of it, if it was sent.
struct Done {
    in_flight: InFlight,
    asked: Arc<Usable>,
    outcome: Option<Outcome>,
}

/// Works through the book of one account until the account is gone or the process ends.
pub async fn run(key: AccountKey, desk: Arc<Desk>, context: Arc<Context>) {
    // A flaw that ends the task must not end the following of an account.
    while let Err(flaw) = tokio::spawn(work(key.clone(), desk.clone(), context.clone())).await {
        if flaw.is_cancelled() {
            return;
        }
        tracing::error!(account = %key, "a bug has stopped the polling of an account; starting it again");
        tokio::time::sleep(AFTER_FLAW).await;
    }
}

async fn work(key: AccountKey, desk: Arc<Desk>, context: Arc<Context>) {
    let mut running: JoinSet<Done> = JoinSet::new();
    let mut counted = Counted { metrics: context.metrics.clone(), groups: 0, requests: 0 };
    loop {
        let (_, usable) = context.accounts.fact(&key);
        let mut changes = usable.as_ref().map(|usable| usable.gate.changes());
        let sleep = match &usable {
            Some(usable) => advance(&desk, usable, &mut running, &context),
            None => LONGEST_SLEEP,
        };
        counted.count(desk.book().census());
        tokio::select! {
            () = desk.closed.cancelled() => return,
            () = context.stopping.cancelled() => return,
            () = desk.bell.notified() => {}
            Some(done) = running.join_next() => match done {
                Ok(done) => take_in(done, &key, &context),
                // It has told the book when it was dropped.
                Err(flaw) => tracing::error!(account = %key, is_panic = flaw.is_panic(), "a poll was dropped"),
            },
            () = async {
                match &mut changes {
                    Some(changes) => drop(changes.changed().await),
                    None => std::future::pending().await,
                }
            } => {}
            () = tokio::time::sleep(sleep.min(LONGEST_SLEEP)) => {}
        }
    }
}

/// What this task has added to the gauges, which are for all accounts; taken away again when it ends.
struct Counted {
    metrics: Arc<Metrics>,
    groups: i64,
    requests: i64,
}

impl Counted {
    fn count(&mut self, (groups, requests): (usize, usize)) {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let (groups, requests) = (number(groups), number(requests));
        self.metrics.queues_changed(groups - self.groups, requests - self.requests);
        (self.groups, self.requests) = (groups, requests);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.count((0, 0));
    }
}

/// Does what can be done now. Returns how long nothing more can be.
fn advance(desk: &Arc<Desk>, usable: &Arc<Usable>, running: &mut JoinSet<Done>, context: &Arc<Context>) -> Duration {
    loop {
        if !context.may_act() {
            return ASK_AGAIN;
        }
        let steady = clock::steady();
        let mut book = desk.book();
        book.set_cadence(usable.terms.cadence);
        let work = match book.next(running.len() < READS_AT_ONCE, steady) {
            Next::Do(work) => work,
            Next::At(at) => return polling::since(steady, at).max(Duration::from_millis(1)),
            Next::Idle => return LONGEST_SLEEP,
        };
        let (now, delay) = (clock::monotonic(), book.delay(&work, steady));
        let admission = if matches!(work, Work::Turn(_)) { usable.gate.admit_turn(now) } else { usable.gate.admit(now) };
        let goes_first = match admission {
            Admission::Now => false,
            Admission::First => true,
            Admission::At(at) => return at.saturating_sub(now).max(Duration::from_millis(1)),
            Admission::Shut => return LONGEST_SLEEP,
        };
        match work {
            Work::Turn(uid) => {
                book.give_turn(uid, steady);
                drop(book);
                context.queue_up([uid], Cause::Turn);
            }
            Work::Poll(poll) => {
                let begun = book.begin(&poll, steady);
                drop(book);
                let in_flight = InFlight::new(desk, &usable.gate, goes_first, begun);
                running.spawn(send(poll, in_flight, usable.clone(), context.clone()));
            }
        }
        delay.inspect(|delay| context.metrics.look_delay(delay.as_secs_f64()));
    }
}

async fn send(poll: Poll, in_flight: InFlight, asked: Arc<Usable>, context: Arc<Context>) -> Done {
    // Asked again: the process may have been frozen since.
    let outcome = if context.may_act() {
        let (heygen, credentials) = (&context.heygen, &asked.credentials);
        Some(match poll {
            Poll::Read(_, group) => heygen.group(credentials, &group).await,
            Poll::Page(cursor) => heygen.list_groups(credentials, cursor.as_deref()).await,
        })
    } else {
        None
    };
    Done { in_flight, asked, outcome }
}

fn take_in(done: Done, key: &AccountKey, context: &Context) {
    let Done { in_flight, asked, outcome } = done;
    let Some(outcome) = outcome else {
        in_flight.end(Ending::NotSent);
        return;
    };
    // Of the same key is what has the same gate; an account that cannot be used at the moment has none.
    let is_of_today = context.accounts.fact(key).1.is_some_and(|usable| Arc::ptr_eq(&usable.gate, &asked.gate));
    if context.accounts.learn(key, &asked, &outcome, clock::monotonic()) {
        context.wake_account(key);
    }
    let at = in_flight.at();
    let ending = if is_of_today { Ending::Came(outcome) } else { Ending::Superseded };
    for (uid, outcome) in in_flight.end(ending) {
        context.roster.hand(uid, Handed { at, outcome });
        context.queue_up([uid], Cause::News);
    }
}
