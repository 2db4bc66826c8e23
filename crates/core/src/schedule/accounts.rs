//! Which accounts can be asked, out of which budgets, and which of them is next.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::account::Account;
use super::entry::Millis;
use super::fair_line::FairLine;
use super::shares::Priority;
use super::{Budget, Schedule};
use crate::api::account_key::AccountKey;
use crate::api::uid::Uid;
use crate::consent::outcome::Outcome;
use crate::consent::policy::Cadence;
use crate::consent::step::WORTH_TELLING;

impl Schedule {
    /// Lets an account be asked, at this pace, out of this budget.
    pub fn open(&mut self, account: &AccountKey, budget: &Arc<Budget>, cadence: Cadence, now: Timestamp) {
        let (id, account) = self.account_of(account, cadence);
        (account.budget, account.cadence) = (Some(budget.clone()), cadence);
        self.place(id, now);
    }

    /// Lets an account be asked no longer. Its objects stay.
    pub fn close(&mut self, account: &AccountKey) {
        let Some(id) = self.by_key.get(account).copied() else { return };
        self.unplace(id);
        if let Some(account) = self.accounts.get_mut(&id) {
            account.budget = None;
        }
        self.drop_unused(id);
    }

    /// The accounts that can be asked now: open, and HeyGen is in no trouble with their key.
    #[must_use]
    pub fn askable(&self) -> Vec<AccountKey> {
        let is_askable = |account: &&Account| account.budget.as_ref().is_some_and(|budget| budget.closure().is_none());
        self.accounts.values().filter(is_askable).map(|account| account.key.clone()).collect()
    }

    /// Learns from what came of a call. Returns whether the key is used no longer by that, or again, or not for another reason.
    pub fn learn(&mut self, budget: &Arc<Budget>, outcome: &Outcome, now: Timestamp) -> bool {
        let (lets_through_at_another_time, for_another_reason) = budget.learn(outcome, now);
        if lets_through_at_another_time {
            self.place_all(budget, now);
            self.wake_those_that_wait(budget, now);
        }
        for_another_reason
    }

    /// Lets those be decided that were to wait for a moment, and now wait for the end of a pause: that is worth telling.
    fn wake_those_that_wait(&mut self, budget: &Arc<Budget>, now: Timestamp) {
        if budget.wait(0, now) < WORTH_TELLING {
            return;
        }
        let its = |account: &&Account| account.budget.as_ref().is_some_and(|its| Arc::ptr_eq(its, budget));
        let lines = self
            .accounts
            .values()
            .filter(its)
            .flat_map(|its| [Priority::Landed, Priority::First, Priority::Request].map(|of| &its.lines[of as usize]));
        let waiting: Vec<Uid> = lines.flat_map(FairLine::iter).collect();
        self.wake(waiting);
    }

    /// Lets the probe of a key pass, before everything else and also while nothing else passes.
    ///
    /// # Errors
    /// How long until there is a token for it, which is kept for it.
    pub fn probe(&mut self, budget: &Arc<Budget>, now: Timestamp) -> Result<(), Duration> {
        let admitted = budget.probe(now);
        self.place_all(budget, now);
        admitted
    }

    /// Changes how fast a key may be used: tokens a minute, and how many at once.
    pub fn set_rate(&mut self, budget: &Arc<Budget>, per_minute: u32, burst: u32, now: Timestamp) {
        if budget.set_rate(per_minute, burst, now) {
            self.place_all(budget, now);
        }
    }

    /// An account by its key; one that is not known yet is added.
    pub(super) fn account_of(&mut self, key: &AccountKey, cadence: Cadence) -> (u32, &mut Account) {
        let id = *self.by_key.entry(key.clone()).or_insert(self.last_account + 1);
        let account = self.accounts.entry(id).or_insert_with(|| {
            self.last_account = id;
            self.order += 1;
            Account::new(key.clone(), cadence, self.order)
        });
        (id, account)
    }

    /// Forgets an account that is closed and that no object names.
    pub(super) fn drop_unused(&mut self, id: u32) {
        let Some(account) = self.accounts.get(&id).filter(|account| account.entries == 0 && account.budget.is_none()) else { return };
        self.by_key.remove(&account.key);
        self.accounts.remove(&id);
    }

    /// Notes when an account has something to give next. One that has had something keeps its place.
    pub(super) fn place(&mut self, id: u32, now: Timestamp) {
        let Some(account) = self.accounts.get_mut(&id) else { return };
        let (before, at) = (account.next.map(|(at, _)| at), account.gives_at(&mut self.entries, now));
        let is_now = |at: Option<Millis>| at.is_some_and(|at| at <= now.as_millisecond());
        if at != before && !(is_now(before) && is_now(at)) {
            account.next = at.map(|at| (at, account.turn));
            self.next.extend(account.next.map(|place| (place, id)));
            if let Some(before) = before {
                self.next.remove(&(before, account.turn));
            }
        }
    }

    /// Lets the others of the same time come before an account that has given something.
    pub(super) fn used_its_turn(&mut self, id: u32, now: Timestamp) {
        self.unplace(id);
        self.order += 1;
        if let Some(account) = self.accounts.get_mut(&id) {
            account.turn = self.order;
        }
        self.place(id, now);
    }

    /// Notes that it is not known any more when an account has something to give.
    pub(super) fn unplace(&mut self, id: u32) {
        if let Some(place) = self.accounts.get_mut(&id).and_then(|account| account.next.take()) {
            self.next.remove(&place);
        }
    }

    /// Does that for all accounts with this key.
    pub(super) fn place_all(&mut self, budget: &Arc<Budget>, now: Timestamp) {
        let shares_it = |account: &Account| account.budget.as_ref().is_some_and(|its| Arc::ptr_eq(its, budget));
        let ids: Vec<u32> = self.accounts.iter().filter(|(_, account)| shares_it(account)).map(|(id, _)| *id).collect();
        ids.into_iter().for_each(|id| self.place(id, now));
    }
}
