//! What a worker is given, and which permits there are for what asks.

use std::time::Duration;

use jiff::Timestamp;

use super::account::Want;
use super::budget::Token;
use super::circuit_breaker::LONGEST_PAUSE;
use super::endings::Call;
use super::entry::{NEVER, Phase, Waiting, Why, timestamp};
use super::shares::Priority;
use super::{Begun, Grant, Job, Purpose, Schedule, Shown};
use crate::api::uid::Uid;
use crate::consent::polling;
use crate::consent::step::Urgency;

impl Schedule {
    /// The next job for a worker that is free, and how much later than due; `None`: it was due at no time of its own. A token is taken for
    /// it, if it is a call to HeyGen.
    ///
    /// # Errors
    /// Nothing before this time, unless something changes; the end of time: until something changes.
    pub fn take(&mut self, now: Timestamp) -> Result<(Job, Option<Duration>), Timestamp> {
        self.bring_up(now);
        let account = self.first_account(now);
        let [changed, woken] = [Why::Changed, Why::Woken].map(|why| self.decide[why as usize].first().map(|(_, uid)| (why, uid)));
        let decide = self.by_changed.prefer(changed, woken);
        match self.by_permits.prefer(account.map(Ok), decide.map(Err)) {
            Some(Ok(account)) => self.give(account, now).ok_or(polling::add(now, Duration::from_millis(1))),
            Some(Err((why, uid))) => {
                self.by_permits.passed(false);
                self.by_changed.passed(why == Why::Changed);
                let shown = self.start(uid, true);
                Ok((Job::Object { uid, grant: shown.map(Grant::Shown) }, None))
            }
            None => Err(self.next_at()),
        }
    }

    /// Before this time nothing can be taken, unless something changes; an end of time when something can be at once, or nothing ever.
    #[must_use]
    pub fn next_at(&self) -> Timestamp {
        if self.decide.iter().any(|line| !line.is_empty()) {
            return Timestamp::MIN;
        }
        let times = self.times.first().map(|(at, _)| *at);
        timestamp(times.into_iter().chain(self.next.first_key_value().map(|((at, _), _)| *at)).min().unwrap_or(NEVER))
    }

    /// A permit for an object that a worker has, if [`take`](Self::take) would give it one now.
    ///
    /// # Errors
    /// Others come first, or the account cannot be asked: it will take about so long.
    pub fn ask(&mut self, uid: Uid, purpose: Purpose, now: Timestamp) -> Result<Begun, Duration> {
        let entry = self.entries.get_mut(&uid).ok_or(LONGEST_PAUSE)?;
        let account = self.accounts.get_mut(&entry.account).ok_or(LONGEST_PAUSE)?;
        let (namespace, millis) = (entry.namespace, now.as_millisecond());
        let due = entry.poll.as_ref().map_or(millis, |poll| poll.due.min(millis));
        let (priority, order) = match purpose {
            Purpose::Poll { urgency: Urgency::Forced } => (Priority::Forced, due),
            Purpose::Poll { urgency: Urgency::Landed } => (Priority::Landed, due),
            Purpose::Poll { urgency: Urgency::Ordinary } => (Priority::First, due),
            Purpose::Request { good_until } => {
                let since = entry.request.as_ref().map_or(millis, |request| request.since);
                entry.request = Some(Waiting { since, good_until: good_until.as_millisecond(), is_asked: true });
                (Priority::Request, since)
            }
        };
        let budget = account.budget.clone().ok_or(LONGEST_PAUSE)?;
        let is_too_early = priority == Priority::Forced && entry.forced_not_before() > millis;
        let ahead = account.ahead(priority, namespace);
        // It stands in its line for the time of the question.
        account.lines[priority as usize].push(namespace, order, uid);
        let is_next = !is_too_early && account.pick(&mut self.entries, now) == Some(Want::Call(priority, uid));
        match is_next.then(|| budget.take(now)).flatten() {
            Some(token) => {
                account.lines[priority as usize].take(namespace, order, uid);
                self.begin(uid, priority, token, false, now).ok_or(LONGEST_PAUSE)
            }
            None => {
                account.lines[priority as usize].remove(namespace, order, uid);
                Err(budget.wait(ahead, now))
            }
        }
    }

    /// Moves the objects whose time has come.
    fn bring_up(&mut self, now: Timestamp) {
        while let Some((at, uid)) = self.times.first().copied().filter(|(at, _)| *at <= now.as_millisecond()) {
            self.times.remove(&(at, uid));
            if let Some(entry) = self.entries.get_mut(&uid) {
                entry.decide_at = NEVER;
            }
            self.ready(uid, Why::Woken);
        }
    }

    /// The account whose turn it is of those that have something to give.
    fn first_account(&mut self, now: Timestamp) -> Option<u32> {
        loop {
            let id = self.next.first_key_value().filter(|((at, _), _)| *at <= now.as_millisecond()).map(|(_, id)| *id)?;
            // The time was true when it was noted; since then another account may have used the key.
            let account = self.accounts.get_mut(&id)?;
            if account.gives_at(&mut self.entries, now).is_some_and(|at| at <= now.as_millisecond()) {
                return Some(id);
            }
            self.unplace(id);
            self.place(id, now);
        }
    }

    /// Gives what is next of an account.
    fn give(&mut self, id: u32, now: Timestamp) -> Option<(Job, Option<Duration>)> {
        let account = self.accounts.get_mut(&id)?;
        let want = account.pick(&mut self.entries, now)?;
        let budget = account.budget.clone()?;
        let token = budget.take(now)?;
        self.by_permits.passed(true);
        let (job, due) = match want {
            Want::Page => {
                let due = account.scan.is_none().then(|| account.listed_due()).flatten();
                let (scan, cursor) = account.begin_page(now);
                let begun = Begun { call: Call::Page(scan), account: id, budget, token, at: now };
                (Job::Page { account: account.key.clone(), cursor, begun }, due)
            }
            Want::Call(priority, uid) => {
                let entry = self.entries.get(&uid)?;
                let due = entry.poll.as_ref().filter(|_| priority != Priority::Request).map(|poll| poll.due);
                let order = due.or(entry.request.as_ref().map(|request| request.since))?;
                account.lines[priority as usize].take(entry.namespace, order, uid);
                self.start(uid, false);
                let begun = self.begin(uid, priority, token, true, now)?;
                let grant = if priority == Priority::Request { Grant::Request(begun) } else { Grant::Poll(begun) };
                (Job::Object { uid, grant: Some(grant) }, due)
            }
        };
        self.used_its_turn(id, now);
        Some((job, due.map(|due| polling::since(timestamp(due), now))))
    }

    /// Gives an object to a worker, with or without its turn to be decided. Returns what a page has shown of it.
    pub(super) fn start(&mut self, uid: Uid, is_its_turn: bool) -> Option<Shown> {
        let entry = self.entries.get_mut(&uid)?;
        if let Phase::Ready(why, order) = entry.phase {
            let line = &mut self.decide[why as usize];
            if is_its_turn {
                line.take(entry.namespace, order, uid)
            } else {
                line.remove(entry.namespace, order, uid)
            };
        }
        self.times.remove(&(entry.decide_at, uid));
        self.accounts.get_mut(&entry.account)?.withdraw(uid, entry);
        entry.phase = Phase::Running;
        if let Some(request) = &mut entry.request {
            request.is_asked = false;
        }
        entry.shown.take().map(|shown| *shown).filter(|shown| shown.at.as_millisecond() >= entry.asked_at)
    }

    /// Begins the call of an object that a worker has.
    fn begin(&mut self, uid: Uid, priority: Priority, token: Token, is_given: bool, now: Timestamp) -> Option<Begun> {
        let entry = self.entries.get_mut(&uid)?;
        let account = self.accounts.get_mut(&entry.account)?;
        account.begin(priority, now);
        let call = if priority == Priority::Request {
            entry.request = None;
            Call::Request(uid)
        } else {
            if priority == Priority::Forced {
                entry.forced_at = now.as_millisecond();
            }
            entry.set_aside(now);
            Call::Poll(uid, is_given)
        };
        Some(Begun { call, account: entry.account, budget: account.budget.clone()?, token, at: now })
    }
}
