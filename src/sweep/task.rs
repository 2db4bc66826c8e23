//! The task of one account: does what the book says, one token at a time.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinSet;

use super::book::{Next, Work};
use super::{Desk, Handed};
use crate::account::Usable;
use crate::account::gate::Admission;
use crate::account::settings::AccountKey;
use crate::clock;
use crate::context::Context;
use crate::metrics::Metrics;
use crate::outcome::{Class, Outcome};
use crate::pace;
use crate::queue::Cause;
use crate::roster::Uid;

/// How many reads of one group may be under way at once. The limit is on how many wait for an answer, not on how many are sent a minute.
const READS_AT_ONCE: usize = 16;

/// The longest sleep: whatever was missed is made up for then.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// How long the list is left alone when HeyGen refuses it to a key that it accepts otherwise.
const REFUSED_LIST: Duration = Duration::from_secs(3600);

/// What was done.
enum Done {
    Read(Uid, Timestamp, Outcome),
    Page(Timestamp, Outcome),
}

/// Works through the book of one account until the account is gone or the process ends.
pub async fn run(key: AccountKey, desk: Arc<Desk>, context: Arc<Context>) {
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
            Some(done) = running.join_next() => {
                if let (Ok(done), Some(usable)) = (done, &usable) {
                    take_in(done, &key, &desk, usable, &context);
                }
            }
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
fn advance(desk: &Desk, usable: &Arc<Usable>, running: &mut JoinSet<Done>, context: &Arc<Context>) -> Duration {
    loop {
        let steady = clock::steady();
        let mut book = desk.book();
        book.set_cadence(usable.terms.cadence);
        let work = match book.next(running.len() < READS_AT_ONCE, steady) {
            Next::Do(work) => work,
            Next::At(at) => return pace::since(steady, at).max(Duration::from_millis(1)),
            Next::Idle => return LONGEST_SLEEP,
        };
        let (now, delay) = (clock::monotonic(), book.delay(&work, steady));
        let admission = if matches!(work, Work::Turn(_)) { usable.gate.admit_turn(now) } else { usable.gate.admit(now) };
        match admission {
            Admission::Now => book.begin(&work, steady),
            Admission::At(at) => return at.saturating_sub(now).max(Duration::from_millis(1)),
            Admission::Shut => return LONGEST_SLEEP,
        }
        drop(book);
        delay.inspect(|delay| context.metrics.look_delay(delay.as_secs_f64()));
        start(work, steady, usable, running, context);
    }
}

fn start(work: Work, at: Timestamp, usable: &Arc<Usable>, running: &mut JoinSet<Done>, context: &Arc<Context>) {
    let (usable, heygen) = (usable.clone(), context.heygen.clone());
    match work {
        Work::Turn(uid) => context.queue_up([uid], Cause::Turn),
        Work::Read(uid, group) => {
            running.spawn(async move { Done::Read(uid, at, heygen.group(&usable.credentials, &group).await) });
        }
        Work::Page(cursor) => {
            running.spawn(async move { Done::Page(at, heygen.list_groups(&usable.credentials, cursor.as_deref()).await) });
        }
    }
}

fn take_in(done: Done, key: &AccountKey, desk: &Desk, usable: &Arc<Usable>, context: &Context) {
    let (Done::Read(_, read_at, outcome) | Done::Page(read_at, outcome)) = &done;
    let (steady, read_at) = (clock::steady(), *read_at);
    if context.accounts.learn(key, usable, outcome, clock::monotonic()) {
        context.wake_account(key);
    }
    let mut book = desk.book();
    let news: Vec<(Uid, Outcome)> = match done {
        Done::Read(uid, _, outcome) => match &outcome {
            Outcome::Trouble(trouble) if is_of_the_account(trouble.class) => {
                book.postpone(uid, steady);
                Vec::new()
            }
            Outcome::Looked(group) => {
                let is_news = book.read(uid, Some(group), read_at, steady);
                is_news.then_some((uid, outcome)).into_iter().collect()
            }
            _ => {
                let is_news = book.read(uid, None, read_at, steady);
                is_news.then_some((uid, outcome)).into_iter().collect()
            }
        },
        Done::Page(_, Outcome::Listed(page)) => {
            let news = book.page(&page, read_at, steady);
            news.into_iter().map(|(uid, group)| (uid, Outcome::Looked(group))).collect()
        }
        Done::Page(_, Outcome::Trouble(trouble)) if is_of_the_account(trouble.class) => {
            book.abandon_pass();
            Vec::new()
        }
        Done::Page(_, outcome) => {
            let refused = matches!(&outcome, Outcome::Trouble(trouble)
                if matches!(trouble.class, Class::Forbidden | Class::AccessDenied | Class::NotFound | Class::Invalid | Class::Unfetchable));
            book.page_failed(if refused { REFUSED_LIST } else { Duration::ZERO }, steady);
            Vec::new()
        }
    };
    drop(book);
    for (uid, outcome) in news {
        context.roster.hand(uid, Handed { at: read_at, outcome });
        context.queue_up([uid], Cause::News);
    }
}

/// Whether a trouble closes the account's gate, so that it says nothing about the group that met it.
fn is_of_the_account(class: Class) -> bool {
    matches!(class, Class::Throttled | Class::QuotaExceeded | Class::CredentialsRejected | Class::BillingRequired)
}
