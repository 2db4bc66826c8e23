//! The schedule: when each object is next, for what, and why. PURE: times are arguments, and those of the steady clock.
//!
//! Every object has one entry: the time at which it is decided, its next poll, the request that waits for its permit, and what a page of the
//! list has shown. An entry stands in one or more lines while it waits, in none while a worker has it. Three things bring it to a worker:
//!
//! ```text
//!   changed ──┐
//!             ├─ 4 : 1 ─▶ decide ───┐
//!   woken ────┘                     ├─ 1 : 4 ─▶ a worker that is free
//!   a permit of its account ────────┘
//! ```
//!
//! A call to HeyGen needs a permit, and permits are given only here: by [`take`](Schedule::take), together with the object, when a token is
//! there and the object is next; and by [`ask`](Schedule::ask) to an object that a worker has, when `take` would have given it. What does
//! not get one rests, and waits in the line of its priority (`account`). Every line takes turns by namespace (`fair_line`).
//!
//! Ten thousand pending consents cannot be read one by one every minute. So polls of which no change is expected are made by the list,
//! fifty groups a call, where that costs fewer calls (`list_scan`); what a page shows reaches its object only when it differs from what was
//! told, or when something hangs on it. While a thousand of an account wait to hear what pages have shown, none of its pages is read.
//!
//! A call that was begun ends here, whatever becomes of it ([`Ending`]).
//!
//! Rejected: a queue for each reason to do something, each with its own idea of what is next. What passes by one queue is not seen by the
//! others, and nothing can say when an object's turn is.

mod account;
mod accounts;
mod budget;
mod circuit_breaker;
mod endings;
mod entry;
mod explain;
mod fair_line;
mod list_scan;
mod overdue;
mod permits;
mod shares;
mod token_bucket;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;

use crate::api::account_key::AccountKey;
use crate::api::uid::Uid;
use crate::consent::outcome::Outcome;
use crate::consent::policy::Rules;
use crate::consent::step::{Rest, Urgency};
use account::Account;
pub use budget::Budget;
pub use circuit_breaker::Closure;
pub use endings::{Begun, Ending};
use entry::{Entries, Entry, Millis, NEVER, NOT_YET, Phase, Poll, Why, timestamp};
use fair_line::{FairLine, Split};
use list_scan::hash;
use shares::{PRIORITIES, Priority};

/// When every object is next, for what, and why.
#[derive(Debug, Default)]
pub struct Schedule {
    entries: Entries,
    /// Objects that were removed while a worker had them.
    leaving: HashSet<Uid>,
    accounts: HashMap<u32, Account>,
    by_key: HashMap<AccountKey, u32>,
    last_account: u32,
    /// When objects are to be decided.
    times: BTreeSet<(Millis, Uid)>,
    /// Those that are to be decided, by why.
    decide: [FairLine; 2],
    /// When each account has something to give next; those of the same time in turns.
    next: BTreeMap<(Millis, u64), u32>,
    /// Counts up: what is numbered later stands behind.
    order: u64,
    by_permits: Split,
    by_changed: Split,
}

/// Work for one worker.
#[derive(Debug)]
pub enum Job {
    /// Bring this object a few steps further, until [`Schedule::done`].
    Object {
        /// The object.
        uid: Uid,
        /// What it comes with.
        grant: Option<Grant>,
    },
    /// Read a page of the list.
    Page {
        /// Whose list.
        account: AccountKey,
        /// The cursor of the page; `None`: the first.
        cursor: Option<String>,
        /// The permit.
        begun: Begun,
    },
}

/// What an object is given to a worker with; a permit is for one call to HeyGen.
#[derive(Debug)]
pub enum Grant<Permit = Begun> {
    /// A permit for a poll.
    Poll(Permit),
    /// A permit for a request.
    Request(Permit),
    /// What a page of the list has shown of its group.
    Shown(Shown),
}

/// What a page of the list has shown of a group.
#[derive(Debug, Clone)]
pub struct Shown {
    /// When the read began.
    pub at: Timestamp,
    /// What came of it, as a read of the one group would have brought it.
    pub outcome: Outcome,
}

/// What a call to HeyGen is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A poll.
    Poll {
        /// How urgent it is.
        urgency: Urgency,
    },
    /// A request for consent, or what belongs to it.
    Request {
        /// Until when the poll before it is fresh; the request is dropped then.
        good_until: Timestamp,
    },
}

impl Schedule {
    /// Adds an object that is seen for the first time; it waits for nothing yet.
    pub fn add(&mut self, uid: Uid, account: &AccountKey, namespace: &str, group: &str) {
        if self.entries.contains_key(&uid) {
            return;
        }
        let phase = if self.leaving.remove(&uid) { Phase::Running } else { Phase::Resting };
        let (account, its) = self.account_of(account, Rules::default().cadence);
        its.entries += 1;
        let (namespace, group) = (hash(namespace), group.into());
        let (decide_at, polled_at, asked_at, forced_at) = (NEVER, NOT_YET, NOT_YET, NOT_YET);
        let (poll, request, shown, held) = (None, None, None, [false; PRIORITIES]);
        let entry = Entry { account, namespace, group, phase, decide_at, poll, request, polled_at, asked_at, forced_at, shown, held };
        self.entries.insert(uid, Box::new(entry));
    }

    /// Forgets an object that is gone. What a worker does with it still ends.
    pub fn remove(&mut self, uid: Uid) {
        let Some(mut entry) = self.entries.remove(&uid) else { return };
        let Some(account) = self.accounts.get_mut(&entry.account) else { return };
        match entry.phase {
            Phase::Running | Phase::RunningAgain(_) => drop(self.leaving.insert(uid)),
            Phase::Ready(why, order) => drop(self.decide[why as usize].remove(entry.namespace, order, uid)),
            Phase::Resting => {}
        }
        self.times.remove(&(entry.decide_at, uid));
        if !entry.is_running() {
            account.withdraw(uid, &mut entry);
        }
        account.release(&mut entry);
        account.forget_poll(uid, &entry);
        account.entries -= 1;
        self.drop_unused(entry.account);
    }

    /// Lets an object be decided because it has changed.
    pub fn change(&mut self, uid: Uid) {
        self.ready(uid, Why::Changed);
    }

    /// Lets objects be decided because something has changed that they depend on.
    pub fn wake(&mut self, uids: impl IntoIterator<Item = Uid>) {
        uids.into_iter().for_each(|uid| self.ready(uid, Why::Woken));
    }

    /// Forgets what was shown of objects and when they asked: their cluster has become another.
    pub fn forget(&mut self, uids: impl IntoIterator<Item = Uid>) {
        for uid in uids {
            self.with(uid, |entry, _| (entry.shown, entry.asked_at) = (None, NOT_YET));
        }
    }

    /// Lets an object rest: what it waits for from now on. A request stays only if it was asked for since the object was taken.
    pub fn rest(&mut self, uid: Uid, rest: Rest, now: Timestamp) {
        let rested = self.with(uid, |entry, account| {
            let mut poll = rest.poll.map(|poll| Poll::new(poll, &account.cadence, now));
            if let (Some(poll), Some(before)) = (&mut poll, &entry.poll)
                && poll.due == now.as_millisecond()
            {
                // It goes on waiting.
                poll.due = poll.due.min(before.due);
            }
            account.set_poll(uid, entry, poll, now);
            entry.keep_forced_apart();
            entry.decide_at = rest.until.map_or(NEVER, Timestamp::as_millisecond);
            entry.request.take_if(|request| !request.is_asked);
            entry.account
        });
        rested.inspect(|account| self.place(*account, now));
    }

    /// Lets an object be decided at this time; what else it waits for stays.
    pub fn wake_at(&mut self, uid: Uid, at: Timestamp) {
        self.with(uid, |entry, _| entry.decide_at = at.as_millisecond());
    }

    /// Notes that a worker has done with an object; what a page has shown and it had no use for is kept for the next time.
    pub fn done(&mut self, uid: Uid, unused: Option<Shown>, now: Timestamp) {
        self.leaving.remove(&uid);
        let Some(entry) = self.entries.get_mut(&uid).filter(|entry| entry.is_running()) else { return };
        let again = if let Phase::RunningAgain(why) = entry.phase { Some(why) } else { None };
        entry.phase = Phase::Resting;
        if let Some(unused) = unused.filter(|unused| unused.at.as_millisecond() >= entry.asked_at) {
            entry.shown.get_or_insert_with(|| Box::new(unused));
        }
        if let Some(account) = self.accounts.get_mut(&entry.account) {
            account.put(uid, entry);
        }
        if entry.decide_at != NEVER {
            self.times.insert((entry.decide_at, uid));
        }
        let account = entry.account;
        again.inspect(|why| self.ready(uid, *why));
        self.place(account, now);
    }

    /// When the object's group was last polled without anything new.
    #[must_use]
    pub fn polled_at(&self, uid: Uid) -> Option<Timestamp> {
        self.entries.get(&uid).map(|entry| entry.polled_at).filter(|at| *at != NOT_YET).map(timestamp)
    }

    /// How many groups are polled, and how many requests wait for a permit.
    #[must_use]
    pub fn census(&self) -> (usize, usize) {
        let requests = |account: &Account| account.lines[Priority::Request as usize].len();
        self.accounts.values().fold((0, 0), |(polled, waiting), account| (polled + account.polled, waiting + requests(account)))
    }

    fn ready(&mut self, uid: Uid, why: Why) {
        let Some(entry) = self.entries.get_mut(&uid) else { return };
        match entry.phase {
            Phase::Ready(before, _) | Phase::RunningAgain(before) if before <= why => return,
            Phase::Running | Phase::RunningAgain(_) => {
                entry.phase = Phase::RunningAgain(why);
                return;
            }
            Phase::Ready(before, order) => drop(self.decide[before as usize].remove(entry.namespace, order, uid)),
            Phase::Resting => {}
        }
        self.order += 1;
        let order = i64::try_from(self.order).unwrap_or(i64::MAX);
        self.decide[why as usize].push(entry.namespace, order, uid);
        if entry.shown.is_none() {
            entry.phase = Phase::Ready(why, order);
        } else {
            self.with(uid, |entry, _| entry.phase = Phase::Ready(why, order));
        }
    }

    /// Changes what an object waits for.
    fn with<T>(&mut self, uid: Uid, change: impl FnOnce(&mut Entry, &mut Account) -> T) -> Option<T> {
        let entry = self.entries.get_mut(&uid)?;
        let account = self.accounts.get_mut(&entry.account)?;
        let (waits, before) = (!entry.is_running(), entry.decide_at);
        if waits {
            account.withdraw(uid, entry);
        }
        let changed = change(entry, account);
        if waits {
            account.put(uid, entry);
        }
        if waits && before != entry.decide_at {
            self.times.remove(&(before, uid));
            if entry.decide_at != NEVER {
                self.times.insert((entry.decide_at, uid));
            }
        }
        Some(changed)
    }
}

#[cfg(test)]
#[expect(clippy::wildcard_enum_match_arm, reason = "a test panics at what it does not expect")]
mod tests;
