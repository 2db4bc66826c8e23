//! Every consent that this process watches, which of them owns which group, and what is remembered of each.
//!
//! The store is synchronous: per object it holds the copy that the watch has shown last, folded ([`fold`]), a claim, a place
//! in the order of owners, and the memory. It is fed by the watch, asked before every decision and never waits.
//!
//! Ownership: of all objects that claim the same group on the same account, one may ask. One rank decides (`claims`): those that
//! the account serves and that are not being deleted come before the others, and of them one that tells of a withdrawal before all; then those that have asked; those that may ask; the
//! oldest. It is asked again whenever any of that changes, and each that wins or loses by it is to be decided anew.

pub mod dictionary;
pub mod fold;
mod identity;
pub mod packed;
mod questions;
mod tenants;

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::process::clock::Wall;
use crate::runtime::owners::{Claim, Claimant, Claims};
use crate::runtime::store::fold::Folded;
use identity::{claim, is_initiated, may_ask, version};
use tenants::{Shown, Tenant, Tenants};
use twinconsent_core::api::account_key::AccountKey;
use twinconsent_core::api::consent::DigitalTwinConsent;
use twinconsent_core::api::uid::{Uid, uid};
use twinconsent_core::consent::polling;
use twinconsent_core::consent::state::Memory;

/// Every consent this process watches.
#[derive(Debug, Default)]
pub struct Store {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<Uid, Entry>,
    claims: Claims,
    tenants: Tenants,
    /// Up to which version each watch has shown everything.
    reached: HashMap<u16, u64>,
    /// Those whose status could not be written.
    unwritten: HashSet<Uid>,
}

/// There are as many as there are objects, so they are kept small: times are in milliseconds since 1970, of the steady clock.
#[derive(Debug)]
struct Entry {
    copy: Folded,
    version: u64,
    /// The place of its account and namespace among the tenants.
    tenant: u32,
    /// What the copy tells.
    reported: Shown,
    claim: Claim,
    created: i64,
    shown: Sighting,
    may_ask: bool,
    withdrawn: bool,
    terminating: bool,
    initiated: bool,
    /// Whether the copy itself says so.
    copy_is_initiated: bool,
    /// Whether HeyGen is being asked for it, or was and has given no definite answer.
    asking: bool,
    /// The version that this process has written last.
    written: u64,
    /// Whether a worker wanted to decide on a newer copy than there was.
    is_awaited: bool,
    /// The memory, unless it is but the time of the last poll and the generation that it served.
    memory: Option<Box<Memory>>,
    polled_at: i64,
    generation: i64,
    /// How many histories of the cluster there were before this one.
    history: u32,
}

/// Which list or change has shown an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// The number of the watch, of those of this process.
    pub watch: u16,
    /// How many complete lists that watch has shown before.
    pub round: u32,
}

/// What came of a sighting.
#[derive(Debug)]
pub struct Noted {
    /// The object.
    pub uid: Uid,
    /// Whether it is shown for the first time.
    pub is_new: bool,
    /// The account that it names, when no object before has named it.
    pub new_account: Option<AccountKey>,
    /// Whether there is something to decide: what this process has written itself was decided on when it was written.
    pub is_change: bool,
    /// Those that have come to own a group by it, or own one no longer.
    pub moved: Vec<Uid>,
}

/// How soon HeyGen is asked again about an object whose cluster has become another.
const REREAD_AFTER: Duration = Duration::from_secs(1);

/// Over how long that is spread: as long as it takes to tell a handful from thousands, which are then read by the list.
const REREAD_SPREAD: Duration = Duration::from_secs(9);

/// Nothing was polled.
const NOT_YET: i64 = i64::MIN;

/// What the store knows of one object.
#[derive(Debug)]
pub struct Standing {
    /// Whether it may ask.
    pub owns_group: bool,
    /// What is remembered of it.
    pub memory: Memory,
    /// Whether the copy at hand is older than what this process has written itself.
    pub is_stale: bool,
}

impl Store {
    /// Notes an object as the watch shows it. `None` for an object that no API server has seen.
    pub fn note(&self, consent: &DigitalTwinConsent, shown: Sighting) -> Option<Noted> {
        let uid = uid(consent)?;
        // Outside the lock: it takes the longest.
        let copy = Folded::from(consent);
        let state = &mut *self.state();
        let (initiated, version) = (is_initiated(consent), version(consent).unwrap_or(0));
        let reported = Shown::by(consent);
        let (may_ask, withdrawn) = (may_ask(consent), consent.spec.withdrawal.is_some());
        let terminating = consent.metadata.deletion_timestamp.is_some();
        if let Some(entry) = state.entries.get_mut(&uid) {
            entry.shown = shown;
            state.tenants.retell(entry.tenant, std::mem::replace(&mut entry.reported, reported), reported);
            let is_own_write = version != 0 && version == entry.written;
            let is_change = !is_own_write || std::mem::take(&mut entry.is_awaited);
            (entry.copy, entry.version, entry.copy_is_initiated) = (copy, version, initiated);
            let moved = state.change(uid, |entry| {
                entry.initiated |= initiated;
                (entry.may_ask, entry.withdrawn, entry.terminating) = (may_ask, withdrawn, terminating);
            });
            return Some(Noted { uid, is_new: false, new_account: None, is_change, moved });
        }
        let account = AccountKey::of(consent);
        let (tenant, is_first) = state
            .tenants
            .join(Tenant { account: account.clone(), namespace: consent.metadata.namespace.clone().unwrap_or_default() }, reported);
        let entry = Entry {
            created: consent.metadata.creation_timestamp.as_ref().map_or(0, |time| time.0.as_second()),
            copy,
            version,
            tenant,
            reported,
            claim: claim(consent),
            shown,
            may_ask,
            withdrawn,
            terminating,
            initiated,
            copy_is_initiated: initiated,
            asking: false,
            written: 0,
            is_awaited: false,
            memory: None,
            polled_at: NOT_YET,
            generation: 0,
            history: 0,
        };
        let claim = entry.claim;
        state.entries.insert(uid, entry);
        let State { entries, claims, tenants, .. } = state;
        let moved = claims.add(claim, uid, |uid| claimant(entries, tenants, uid));
        Some(Noted { uid, is_new: true, new_account: is_first.then_some(account), is_change: true, moved })
    }

    /// The owner of the group that an object claims, if it is another one, and its namespace.
    #[must_use]
    pub fn other_owner(&self, uid: Uid) -> Option<(Uid, String)> {
        let state = &mut *self.state();
        let owner = state.owner(state.entries.get(&uid)?.claim).filter(|owner| *owner != uid)?;
        let tenant = state.tenants.get(state.entries.get(&owner)?.tenant)?;
        Some((owner, tenant.namespace.clone()))
    }

    /// Notes whether the account of an object serves its namespace. Returns those that have come to own a group by it, or own one no longer.
    #[must_use]
    pub fn note_served(&self, uid: Uid, served: bool) -> Vec<Uid> {
        let state = &mut *self.state();
        let Some(tenant) = state.entries.get(&uid).map(|entry| entry.tenant) else { return Vec::new() };
        if !state.tenants.set_served(tenant, served) {
            return Vec::new();
        }
        let State { entries, claims, tenants, .. } = state;
        let of_tenant: HashSet<Claim> = entries.values().filter(|entry| entry.tenant == tenant).map(|entry| entry.claim).collect();
        of_tenant.into_iter().flat_map(|claim| claims.changed(claim, None, |uid| claimant(entries, tenants, uid))).collect()
    }

    /// Notes that HeyGen is to be asked for an object now. Returns whether it may be: it is known and owns its group.
    ///
    /// From then on it counts as one that has asked, so that no other is let in while it does.
    #[must_use]
    pub fn begin_to_ask(&self, uid: Uid) -> bool {
        let state = &mut *self.state();
        let Some(claim) = state.entries.get(&uid).map(|entry| entry.claim) else { return false };
        let is_owner = state.owner(claim) == Some(uid);
        if is_owner && let Some(entry) = state.entries.get_mut(&uid) {
            entry.asking = true;
        }
        is_owner
    }

    /// Forgets an object that is gone. Returns the owner of its group now, if that is to be known.
    pub fn forget(&self, uid: Uid) -> Vec<Uid> {
        self.state().remove(uid)
    }

    /// The objects of a watch that its last complete list did not show.
    #[must_use]
    pub fn gone(&self, last: Sighting) -> Vec<Uid> {
        let state = self.state();
        let is_gone = |shown: Sighting| shown.watch == last.watch && shown.round != last.round;
        state.entries.iter().filter(|(_, entry)| is_gone(entry.shown)).map(|(uid, _)| *uid).collect()
    }

    /// What is known of an object, whose copy at hand is `consent`, by this wall clock. `None` when the watch has not shown it.
    ///
    /// A worker that learns that its copy is stale need not ask again: the newer copy is a change when it comes.
    #[must_use]
    pub fn standing(&self, consent: &DigitalTwinConsent, wall: Wall) -> Option<Standing> {
        let uid = uid(consent)?;
        let state = &mut *self.state();
        let standing = state.standing(uid, consent, wall)?;
        let entry = state.entries.get_mut(&uid)?;
        // The newer copy may have come since this one was taken; then it is a change now or was when it came.
        entry.is_awaited |= standing.is_stale && entry.version < entry.written;
        Some(standing)
    }

    /// The same without waiting for a newer copy.
    #[must_use]
    pub fn standing_as_seen(&self, consent: &DigitalTwinConsent, wall: Wall) -> Option<Standing> {
        self.state().standing(uid(consent)?, consent, wall)
    }

    /// Notes what this process remembers of an object from now on, and whether it wrote a version; by the wall clock by which it was
    /// known. Returns those that have come to own a group by it, or own one no longer.
    #[must_use]
    pub fn remember(&self, consent: &DigitalTwinConsent, memory: Memory, written: bool, wall: Wall) -> Vec<Uid> {
        let memory = memory.shifted(-wall.ahead());
        let Some(uid) = uid(consent) else { return Vec::new() };
        let state = &mut *self.state();
        let asking = memory.may_have_asked();
        let Some(entry) = state.entries.get_mut(&uid) else { return Vec::new() };
        if memory.history != entry.history {
            // It was decided on in a history that is no more, and is decided anew.
            return Vec::new();
        }
        if memory.unwritten.is_some() {
            state.unwritten.insert(uid);
        } else {
            state.unwritten.remove(&uid);
        }
        entry.polled_at = memory.polled_at.map_or(NOT_YET, Timestamp::as_millisecond);
        entry.generation = memory.generation;
        entry.memory = (!memory.is_only_a_time()).then(|| Box::new(memory));
        if written {
            entry.written = version(consent).unwrap_or(0);
        }
        state.change(uid, |entry| {
            entry.initiated |= written && is_initiated(consent);
            entry.asking = asking;
        })
    }

    /// Notes that a watch has shown everything up to this version.
    pub fn reached(&self, watch: u16, version: u64) {
        self.state().reached.insert(watch, version);
    }

    /// Forgets what was remembered of the objects of a watch in a history of the cluster that is no more; HeyGen is asked about them
    /// again, not about all at once. `now` is a time of the steady clock. Returns those that have come to own a group by it, or own one no longer.
    #[must_use]
    pub fn forget_history(&self, watch: u16, now: Timestamp) -> Vec<Uid> {
        let state = &mut *self.state();
        for (uid, entry) in state.entries.iter_mut().filter(|(_, entry)| entry.shown.watch == watch) {
            let spread = REREAD_SPREAD.mul_f64(f64::from((uid % 1024) as u32) / 1024.0);
            let memory = entry.memory().in_another_history(polling::add(now, REREAD_AFTER + spread));
            state.unwritten.remove(uid);
            (entry.written, entry.is_awaited) = (0, false);
            (entry.polled_at, entry.generation) = (NOT_YET, 0);
            entry.history = memory.history;
            (entry.initiated, entry.asking) = (entry.copy_is_initiated, memory.may_have_asked());
            entry.memory = Some(Box::new(memory));
        }
        let State { entries, claims, tenants, .. } = state;
        let of_watch: HashSet<Claim> = entries.values().filter(|entry| entry.shown.watch == watch).map(|entry| entry.claim).collect();
        of_watch.into_iter().flat_map(|claim| claims.changed(claim, None, |uid| claimant(entries, tenants, uid))).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn owner(&mut self, claim: Claim) -> Option<Uid> {
        let Self { entries, claims, tenants, .. } = self;
        claims.owner(claim, |uid| claimant(entries, tenants, uid))
    }

    fn standing(&mut self, uid: Uid, consent: &DigitalTwinConsent, wall: Wall) -> Option<Standing> {
        let owner = self.owner(self.entries.get(&uid)?.claim);
        let entry = self.entries.get(&uid)?;
        // A watch that has come further than what was written would have shown it, if it were there.
        let is_yet_to_come = self.reached.get(&entry.shown.watch).is_none_or(|reached| *reached < entry.written);
        Some(Standing {
            owns_group: owner == Some(uid),
            memory: entry.memory().shifted(wall.ahead()),
            is_stale: is_yet_to_come && version(consent).is_some_and(|version| version < entry.written),
        })
    }

    /// Changes what an object ranks by. Returns those whose ownership changes by it.
    fn change(&mut self, uid: Uid, change: impl FnOnce(&mut Entry)) -> Vec<Uid> {
        let before = claimant(&self.entries, &self.tenants, uid);
        let Some(entry) = self.entries.get_mut(&uid) else { return Vec::new() };
        change(entry);
        let claim = entry.claim;
        let Self { entries, claims, tenants, .. } = self;
        if claimant(entries, tenants, uid) == before {
            return Vec::new();
        }
        claims.changed(claim, Some(uid), |uid| claimant(entries, tenants, uid))
    }

    fn remove(&mut self, uid: Uid) -> Vec<Uid> {
        let Some(entry) = self.entries.remove(&uid) else { return Vec::new() };
        self.unwritten.remove(&uid);
        let Self { entries, claims, tenants, .. } = self;
        let heir = claims.remove(entry.claim, uid, |uid| claimant(entries, tenants, uid));
        tenants.leave(entry.tenant, entry.reported);
        heir
    }
}

/// What ranks an object.
fn claimant(entries: &HashMap<Uid, Entry>, tenants: &Tenants, uid: Uid) -> Option<Claimant> {
    let entry = entries.get(&uid)?;
    Some(Claimant {
        served: tenants.is_served(entry.tenant),
        withdrawn: entry.withdrawn,
        terminating: entry.terminating,
        asked: entry.initiated || entry.asking,
        may_ask: entry.may_ask,
        created: entry.created,
        uid,
    })
}

impl Entry {
    fn memory(&self) -> Memory {
        let polled_at = (self.polled_at != NOT_YET).then(|| Timestamp::from_millisecond(self.polled_at).unwrap_or(Timestamp::MIN));
        let only_a_time = || Memory { polled_at, generation: self.generation, history: self.history, ..Memory::default() };
        self.memory.as_deref().cloned().unwrap_or_else(only_a_time)
    }
}

#[cfg(test)]
mod tests;
