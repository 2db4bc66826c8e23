//! What others ask of the store, and what changes nothing in it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Entry, Store};
use twinconsent_core::api::account_key::AccountKey;
use twinconsent_core::api::conditions::Situation;
use twinconsent_core::api::consent::{AccountKind, DigitalTwinConsent};
use twinconsent_core::api::uid::{Uid, uid};

impl Store {
    /// The copy that the watch has shown last.
    #[must_use]
    pub fn copy(&self, uid: Uid) -> Option<DigitalTwinConsent> {
        let copy = self.state().entries.get(&uid)?.copy.clone();
        copy.unfold()
    }

    /// The copy of the object with this name, and its uid. It is looked for among all of its namespace: for people, who ask seldom.
    #[must_use]
    pub fn named(&self, namespace: &str, name: &str) -> Option<(Uid, DigitalTwinConsent)> {
        let state = self.state();
        let is_there = |entry: &Entry| state.tenants.get(entry.tenant).is_some_and(|tenant| tenant.namespace == namespace);
        let there: Vec<Uid> = state.entries.iter().filter(|(_, entry)| is_there(entry)).map(|(uid, _)| *uid).collect();
        drop(state);
        // One after the other, so that nothing else waits for long.
        there.into_iter().find_map(|uid| Some((uid, self.copy(uid).filter(|copy| copy.metadata.name.as_deref() == Some(name))?)))
    }

    /// Whether the account of an object serves its namespace, as far as is known.
    #[must_use]
    pub fn is_served(&self, uid: Uid) -> bool {
        let state = self.state();
        state.entries.get(&uid).is_some_and(|entry| state.tenants.is_served(entry.tenant))
    }

    /// The same, if it is known: none of the account's objects in that namespace may have been decided yet.
    #[must_use]
    pub fn is_known_to_be_served(&self, uid: Uid) -> Option<bool> {
        let state = self.state();
        state.entries.get(&uid).and_then(|entry| state.tenants.is_known_to_be_served(entry.tenant))
    }

    /// The cluster accounts that an object names.
    #[must_use]
    pub fn cluster_accounts(&self) -> Vec<String> {
        let state = self.state();
        let of_cluster = state.tenants.accounts().filter(|account| account.kind == AccountKind::ClusterHeyGenAccount);
        of_cluster.map(|account| account.name.clone()).collect()
    }

    /// How many objects tell what (`None`: nothing yet), by what `name` calls their account.
    #[must_use]
    pub fn tally<Name: Ord>(&self, name: impl Fn(&AccountKey) -> Name) -> BTreeMap<(Name, Option<Situation>), usize> {
        let mut tally = BTreeMap::new();
        for (account, reported, count) in self.state().tenants.tally() {
            *tally.entry((name(account), reported)).or_default() += count;
        }
        tally
    }

    /// Every object that names this account.
    #[must_use]
    pub fn of_account(&self, account: &AccountKey) -> Vec<Uid> {
        let state = self.state();
        let names_it = |entry: &Entry| state.tenants.get(entry.tenant).is_some_and(|tenant| tenant.account == *account);
        state.entries.iter().filter(|(_, entry)| names_it(entry)).map(|(uid, _)| *uid).collect()
    }

    /// All consents.
    #[must_use]
    pub fn all(&self) -> Vec<Uid> {
        self.state().entries.keys().copied().collect()
    }

    /// Every object of a watch.
    #[must_use]
    pub fn of_watch(&self, watch: u16) -> Vec<Uid> {
        let state = self.state();
        state.entries.iter().filter(|(_, entry)| entry.shown.watch == watch).map(|(uid, _)| *uid).collect()
    }

    /// Before when, by the steady clock, nothing is to be written for an object, because its status could not be written.
    #[must_use]
    pub fn unwritten_until(&self, consent: &DigitalTwinConsent) -> Option<Timestamp> {
        let state = self.state();
        let memory = state.entries.get(&uid(consent)?)?.memory.as_ref()?;
        memory.unwritten.as_ref().map(|unwritten| unwritten.not_before)
    }

    /// How many objects there are whose status could not be written.
    #[must_use]
    pub fn unwritten(&self) -> usize {
        self.state().unwritten.len()
    }
}
