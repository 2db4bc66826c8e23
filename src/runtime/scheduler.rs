//! The schedule as the process uses it: behind a lock, by the steady clock, with a bell for the one that waits for work.
//!
//! What the schedule gives has to come back to it. Types see to that: a `Permit` and a `Worked` that are dropped, because their task has
//! panicked or was cancelled, say so themselves.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;

use crate::process::clock;
use twinconsent_core::api::account_key::AccountKey;
use twinconsent_core::api::uid::Uid;
use twinconsent_core::consent::polling;
use twinconsent_core::schedule::{Begun, Budget, Ending, Grant, Job, Purpose, Schedule};

/// The schedule of this process.
#[derive(Debug, Default)]
pub struct Scheduler {
    state: Mutex<State>,
    bell: Notify,
}

#[derive(Debug, Default)]
struct State {
    schedule: Schedule,
    /// Until when the giving out of work sleeps; `None` while it does not, or was rung for.
    sleeps_until: Option<Timestamp>,
}

/// Something to do.
#[derive(Debug)]
pub(super) enum Work {
    /// Decide this object.
    Consent(Worked),
    /// Read this page of the list of an account's groups: the first, or the one behind a cursor.
    Page(AccountKey, Option<String>, Permit),
}

/// Leave for one call to HeyGen. What is dropped without an end ends as dropped.
#[derive(Debug)]
#[must_use = "a call that was begun has to end in the schedule"]
pub(super) struct Permit {
    scheduler: Arc<Scheduler>,
    begun: Option<Begun>,
}

/// An object that is being worked on. What is dropped before its end is decided anew after a long pause; what it was given and has not
/// used goes back.
#[derive(Debug)]
#[must_use = "no other worker gets an object before its worker has let go of it"]
pub(super) struct Worked {
    scheduler: Arc<Scheduler>,
    pub(super) uid: Uid,
    pub(super) grant: Option<Grant<Permit>>,
    is_done: bool,
}

impl Scheduler {
    /// Changes the schedule, or asks it something, at the present moment of the steady clock.
    pub fn with<T>(&self, change: impl FnOnce(&mut Schedule, Timestamp) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = change(&mut state.schedule, clock::steady());
        let next_at = state.schedule.next_at();
        if state.sleeps_until.take_if(|until| next_at < *until).is_some() {
            self.bell.notify_one();
        }
        answer
    }

    /// The next piece of work and how late it is, or how long there is none at the most.
    pub(super) fn take(self: &Arc<Self>) -> Result<(Work, Option<Duration>), Duration> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock::steady();
        match state.schedule.take(now) {
            Ok((job, late)) => Ok((self.work(job), late)),
            Err(until) => {
                state.sleeps_until = Some(until);
                Err(polling::since(now, until))
            }
        }
    }

    /// Waits until there is work sooner than was said.
    pub(super) async fn rung(&self) {
        self.bell.notified().await;
    }

    /// Asks for leave to call HeyGen.
    ///
    /// # Errors
    /// About how long it has to wait for it.
    pub(super) fn ask(self: &Arc<Self>, uid: Uid, purpose: Purpose) -> Result<Grant<Permit>, Duration> {
        let permit = self.permit(self.with(|schedule, now| schedule.ask(uid, purpose, now))?);
        Ok(match purpose {
            Purpose::Poll { .. } => Grant::Poll(permit),
            Purpose::Request { .. } => Grant::Request(permit),
        })
    }

    fn work(self: &Arc<Self>, job: Job) -> Work {
        match job {
            Job::Object { uid, grant } => {
                let grant = grant.map(|grant| match grant {
                    Grant::Poll(begun) => Grant::Poll(self.permit(begun)),
                    Grant::Request(begun) => Grant::Request(self.permit(begun)),
                    Grant::Shown(shown) => Grant::Shown(shown),
                });
                Work::Consent(Worked { scheduler: self.clone(), uid, grant, is_done: false })
            }
            Job::Page { account, cursor, begun } => Work::Page(account, cursor, self.permit(begun)),
        }
    }

    fn permit(self: &Arc<Self>, begun: Begun) -> Permit {
        Permit { scheduler: self.clone(), begun: Some(begun) }
    }
}

impl Permit {
    /// Whether it is leave to use this key.
    pub(super) fn is_of(&self, budget: &Arc<Budget>) -> bool {
        self.begun.as_ref().is_some_and(|begun| Arc::ptr_eq(begun.budget(), budget))
    }

    /// Ends the call. Returns whether what came is not the affair of its object.
    pub(super) fn end(mut self, ending: Ending) -> bool {
        self.end_once(ending)
    }

    fn end_once(&mut self, ending: Ending) -> bool {
        self.begun.take().is_some_and(|begun| self.scheduler.with(|schedule, now| schedule.end(begun, ending, now)))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.end_once(Ending::Dropped);
    }
}

impl Worked {
    /// Lets go of the object.
    pub(super) fn done(mut self) {
        self.is_done = true;
    }
}

impl Drop for Worked {
    fn drop(&mut self) {
        let unused = match self.grant.take() {
            Some(Grant::Poll(permit) | Grant::Request(permit)) if self.is_done => {
                permit.end(Ending::Unused);
                None
            }
            Some(Grant::Shown(shown)) => Some(shown),
            Some(Grant::Poll(_) | Grant::Request(_)) | None => None,
        };
        self.scheduler.with(|schedule, now| {
            if !self.is_done {
                schedule.wake_at(self.uid, polling::add(now, polling::LONGEST_BACKOFF));
            }
            schedule.done(self.uid, unused, now);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use twinconsent_core::api::consent::AccountKind;
    use twinconsent_core::consent::policy::Rules;
    use twinconsent_core::consent::step::{NextPoll, PollKind, Rest};

    /// One object, of an account whose bucket is full.
    fn with_one() -> Arc<Scheduler> {
        let scheduler = Arc::<Scheduler>::default();
        let account = AccountKey { kind: AccountKind::ClusterHeyGenAccount, namespace: None, name: "a".to_owned() };
        scheduler.with(|schedule, now| {
            let hour_ago = polling::shifted(now, -jiff::SignedDuration::from_hours(1));
            schedule.open(&account, &Arc::new(Budget::new(60, 10, hour_ago)), Rules::default().cadence, now);
            schedule.add(1, &account, "n", "g");
        });
        scheduler
    }

    fn poll_at(scheduler: &Scheduler, wait: Duration) {
        scheduler.with(|schedule, now| {
            let poll = NextPoll { at: polling::add(now, wait), kind: PollKind::Wanted { by_list: true } };
            schedule.rest(1, Rest { until: None, poll: Some(poll) }, now);
        });
    }

    fn taken(scheduler: &Arc<Scheduler>) -> Worked {
        match scheduler.take() {
            Ok((Work::Consent(worked), _)) => worked,
            other => panic!("{other:?}"),
        }
    }

    fn is_decided_after(scheduler: &Arc<Scheduler>) -> Duration {
        scheduler.take().map(|(work, _)| work).unwrap_err()
    }

    #[test]
    fn a_poll_whose_permit_is_dropped_is_made_again_soon() {
        let scheduler = with_one();
        poll_at(&scheduler, Duration::ZERO);
        let mut worked = taken(&scheduler);
        assert!(matches!(worked.grant.take(), Some(Grant::Poll(_))));
        worked.done();
        let wait = is_decided_after(&scheduler);
        assert!((1..=10).contains(&wait.as_secs()), "{wait:?}");
    }

    #[test]
    fn an_object_whose_worker_panics_is_decided_anew_after_a_long_pause() {
        let scheduler = with_one();
        scheduler.with(|schedule, _| schedule.change(1));
        let worked = taken(&scheduler);
        let flawed = std::thread::spawn(move || {
            let _worked = worked;
            panic!("on purpose");
        });
        assert!(flawed.join().is_err());
        let wait = is_decided_after(&scheduler);
        assert!((290..=300).contains(&wait.as_secs()), "{wait:?}");
        scheduler.with(|schedule, _| schedule.change(1));
        taken(&scheduler).done();
    }

    #[tokio::test]
    async fn the_giving_out_is_rung_for_when_something_is_due_sooner_and_only_then() {
        use futures::FutureExt as _;
        let scheduler = with_one();
        poll_at(&scheduler, Duration::from_secs(60));
        assert!(is_decided_after(&scheduler) > Duration::from_secs(50));
        poll_at(&scheduler, Duration::from_secs(70));
        assert!(scheduler.rung().now_or_never().is_none());
        poll_at(&scheduler, Duration::from_secs(40));
        assert!(scheduler.rung().now_or_never().is_some());
    }
}
