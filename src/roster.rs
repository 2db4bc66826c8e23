//! Who is there: every consent this process watches, who owns which group, and what is remembered of each.
//!
//! The roster is synchronous and holds no objects (the watch's store does): per object a claim, a place in the order of owners, the
//! memory, what the sweep has handed over, and the time at which it is to be decided anew. It is fed by the watch, asked before
//! every decision and never waits.
//!
//! Ownership: of all objects that claim the same group on the same account, one may ask. It is the one with a recorded initiation,
//! else the oldest by creation time and uid. Once decided it stays, as long as the owner lives.

mod alarms;
mod claims;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use indexmap::IndexSet;
use jiff::Timestamp;
use kube::ResourceExt as _;
use kube::runtime::reflector::ObjectRef;
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;

use crate::account::settings::AccountKey;
use crate::api::consent::DigitalTwinConsent;
use crate::decide::Ownership;
use crate::fold::Folded;
use crate::memory::Memory;
use crate::sweep::Handed;
use alarms::{Alarms, NEVER};
use claims::{Claim, Claims};

/// Every consent this process watches.
#[derive(Debug, Default)]
pub struct Roster {
    state: Mutex<State>,
    alarms_changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<Uid, Entry>,
    claims: Claims,
    /// Every account that was ever named; entries refer to them by their place.
    accounts: IndexSet<AccountKey>,
    /// Every namespace that ever had an object, likewise.
    namespaces: IndexSet<String>,
    alarms: Alarms,
}

/// A uid, in 16 bytes instead of 36.
pub type Uid = u128;

/// There are as many as there are objects, so they are kept small: times are in milliseconds since 1970.
#[derive(Debug)]
struct Entry {
    name: Box<str>,
    namespace: u32,
    account: u32,
    claim: Claim,
    created: i64,
    round: u32,
    initiated: bool,
    written: u64,
    alarm: i64,
    /// The memory, unless it is but the time of the last look and the generation that it served.
    memory: Option<Box<Memory>>,
    looked_at: i64,
    generation: i64,
    /// Before this time HeyGen was asked for the object itself, or told something.
    acted_at: i64,
    handed: Option<Box<Handed>>,
}

/// Nothing has been looked at.
const NOT_YET: i64 = i64::MIN;

/// What the roster knows of one object.
#[derive(Debug)]
pub struct Standing {
    /// Whether it may ask.
    pub ownership: Ownership,
    /// What is remembered of it.
    pub memory: Memory,
    /// Whether the copy at hand is older than what this process has written itself.
    pub is_stale: bool,
}

impl Roster {
    /// Notes an object that the watch shows; `round` counts the complete lists of that watch.
    ///
    /// Returns the account that it names, when no object before has named it.
    pub fn note(&self, consent: &DigitalTwinConsent, round: u32) -> Option<AccountKey> {
        let uid = uid(consent)?;
        let state = &mut *self.state();
        let initiated = is_initiated(consent);
        if let Some(entry) = state.entries.get_mut(&uid) {
            entry.round = round;
            entry.initiated |= initiated;
            return None;
        }
        let claim = claim(consent);
        state.claims.add(claim, uid);
        let created = consent.metadata.creation_timestamp.as_ref().map_or(0, |time| time.0.as_second());
        let account = AccountKey::of(consent);
        let (place, is_new) = state.accounts.insert_full(account.clone());
        let (namespace, _) = state.namespaces.insert_full(consent.namespace().unwrap_or_default());
        let entry = Entry {
            name: consent.name_any().into(),
            namespace: u32::try_from(namespace).unwrap_or(u32::MAX),
            account: u32::try_from(place).unwrap_or(u32::MAX),
            claim,
            created,
            round,
            initiated,
            written: 0,
            alarm: NEVER,
            memory: None,
            looked_at: NOT_YET,
            generation: 0,
            acted_at: NOT_YET,
            handed: None,
        };
        state.entries.insert(uid, entry);
        is_new.then_some(account)
    }

    /// Whether any object has named this account since the process began.
    #[must_use]
    pub fn names(&self, account: &AccountKey) -> bool {
        self.state().accounts.contains(account)
    }

    /// Every object that names this account.
    #[must_use]
    pub fn of_account(&self, account: &AccountKey) -> Vec<Uid> {
        let state = self.state();
        let Some(place) = state.accounts.get_index_of(account) else { return Vec::new() };
        state.entries.iter().filter(|(_, entry)| entry.account as usize == place).map(|(uid, _)| *uid).collect()
    }

    /// Every object of `namespace` (`None`: of all).
    #[must_use]
    pub fn of_namespace(&self, namespace: Option<&str>) -> Vec<Uid> {
        let state = self.state();
        state.of_namespace(namespace).map(|(uid, _)| *uid).collect()
    }

    /// The name under which the store keeps an object.
    #[must_use]
    pub fn reference(&self, uid: Uid) -> Option<ObjectRef<Folded>> {
        let state = self.state();
        let entry = state.entries.get(&uid)?;
        Some(ObjectRef::new(&entry.name).within(state.namespaces.get_index(entry.namespace as usize)?))
    }

    /// The account that an object names.
    #[must_use]
    pub fn account_of(&self, uid: Uid) -> Option<AccountKey> {
        let state = self.state();
        let place = state.entries.get(&uid)?.account as usize;
        state.accounts.get_index(place).cloned()
    }

    /// Keeps what the sweep has seen for an object, until it is decided anew.
    pub fn hand(&self, uid: Uid, handed: Handed) {
        if let Some(entry) = self.state().entries.get_mut(&uid) {
            entry.handed = Some(Box::new(handed));
        }
    }

    /// What the sweep has seen for an object, unless the object itself has asked HeyGen since.
    #[must_use]
    pub fn take_handed(&self, consent: &DigitalTwinConsent) -> Option<Handed> {
        let uid = uid(consent)?;
        let mut state = self.state();
        let entry = state.entries.get_mut(&uid)?;
        let handed = entry.handed.take()?;
        (handed.at.as_millisecond() >= entry.acted_at).then_some(*handed)
    }

    /// Lets an object be decided anew at this time; `None`: at none.
    pub fn set_alarm(&self, uid: Uid, at: Option<Timestamp>) {
        let state = &mut *self.state();
        let Some(entry) = state.entries.get_mut(&uid) else { return };
        let at = at.map_or(NEVER, Timestamp::as_millisecond);
        let old = std::mem::replace(&mut entry.alarm, at);
        if state.alarms.set(uid, old, at) {
            self.alarms_changed.notify_one();
        }
    }

    /// The objects that are to be decided anew by now, and when the next one is.
    #[must_use]
    pub fn due(&self, now: Timestamp) -> (Vec<Uid>, Option<Timestamp>) {
        let state = &mut *self.state();
        let mut due = Vec::new();
        while let Some(uid) = state.alarms.pop(now) {
            if let Some(entry) = state.entries.get_mut(&uid) {
                entry.alarm = NEVER;
            }
            due.push(uid);
        }
        (due, state.alarms.first())
    }

    /// Waits until there is an earlier alarm than before.
    pub async fn alarms_changed(&self) {
        self.alarms_changed.notified().await;
    }

    /// Forgets an object that is gone. Returns those who may own its group now.
    pub fn forget(&self, uid: Uid) -> Vec<Uid> {
        self.state().remove(uid)
    }

    /// The objects of `namespace` (`None`: of all) that the last complete list, `round`, did not show.
    #[must_use]
    pub fn gone(&self, namespace: Option<&str>, round: u32) -> Vec<Uid> {
        let state = self.state();
        state.of_namespace(namespace).filter(|(_, entry)| entry.round != round).map(|(uid, _)| *uid).collect()
    }

    /// What is known of an object, whose copy at hand is `consent`. `None` when the watch has not shown it.
    #[must_use]
    pub fn standing(&self, consent: &DigitalTwinConsent) -> Option<Standing> {
        let uid = uid(consent)?;
        let state = &mut *self.state();
        let owner = state.owner(state.entries.get(&uid)?.claim);
        let entry = state.entries.get(&uid)?;
        Some(Standing {
            ownership: if owner == Some(uid) { Ownership::Owner } else { Ownership::Other },
            memory: entry.memory(),
            is_stale: version(consent).is_some_and(|version| version < entry.written),
        })
    }

    /// Notes what this process remembers of an object from now on, whether it wrote a version, and whether it has asked HeyGen.
    pub fn remember(&self, consent: &DigitalTwinConsent, memory: Memory, written: bool, asked_at: Option<Timestamp>) {
        let Some(uid) = uid(consent) else { return };
        let state = &mut *self.state();
        let Some(entry) = state.entries.get_mut(&uid) else { return };
        entry.looked_at = memory.looked_at.map_or(NOT_YET, Timestamp::as_millisecond);
        entry.generation = memory.generation;
        entry.memory = (!memory.is_only_a_time()).then(|| Box::new(memory));
        if let Some(asked_at) = asked_at {
            entry.acted_at = entry.acted_at.max(asked_at.as_millisecond());
        }
        if written {
            entry.written = version(consent).unwrap_or(0);
            entry.initiated |= is_initiated(consent);
        }
    }

    /// How many objects there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state().entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn of_namespace(&self, namespace: Option<&str>) -> impl Iterator<Item = (&Uid, &Entry)> {
        let place = namespace.map(|namespace| self.namespaces.get_index_of(namespace));
        self.entries.iter().filter(move |(_, entry)| place.is_none_or(|place| place == Some(entry.namespace as usize)))
    }

    fn owner(&mut self, claim: Claim) -> Option<Uid> {
        let entries = &self.entries;
        let has_asked = |uid: Uid| entries.get(&uid).is_some_and(|entry| entry.initiated);
        self.claims.owner(claim, has_asked, |uid| entries.get(&uid).map(|entry| entry.created))
    }

    fn remove(&mut self, uid: Uid) -> Vec<Uid> {
        let Some(entry) = self.entries.remove(&uid) else { return Vec::new() };
        self.alarms.set(uid, entry.alarm, NEVER);
        self.claims.remove(entry.claim, uid)
    }
}

impl Entry {
    fn memory(&self) -> Memory {
        let looked_at = (self.looked_at != NOT_YET).then(|| Timestamp::from_millisecond(self.looked_at).unwrap_or(Timestamp::MIN));
        let only_a_time = || Memory { looked_at, generation: self.generation, ..Memory::default() };
        self.memory.as_deref().cloned().unwrap_or_else(only_a_time)
    }
}

/// The uid of an object; `None` only for one that no API server has seen.
#[must_use]
pub fn uid(consent: &DigitalTwinConsent) -> Option<Uid> {
    let uid = consent.metadata.uid.as_deref()?;
    let hex: String = uid.chars().filter(|character| *character != '-').collect();
    // The uids of Kubernetes are UUIDs; as numbers they sort as the text does.
    Some(u128::from_str_radix(&hex, 16).ok().filter(|_| hex.len() == 32).unwrap_or_else(|| hash(&[uid])))
}

fn claim(consent: &DigitalTwinConsent) -> Claim {
    let account = AccountKey::of(consent);
    hash(&[&format!("{:?}", account.kind), account.namespace.as_deref().unwrap_or_default(), &account.name, &consent.spec.group_id])
}

fn hash(parts: &[&str]) -> u128 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let digest: [u8; 32] = hash.finalize().into();
    digest[..16].iter().fold(0, |number, byte| number << 8 | u128::from(*byte))
}

fn is_initiated(consent: &DigitalTwinConsent) -> bool {
    consent.status.as_ref().is_some_and(|status| status.initiation.is_some())
}

/// The resource version as a number, which it is documented to be; one that is not makes no copy stale.
fn version(consent: &DigitalTwinConsent) -> Option<u64> {
    consent.metadata.resource_version.as_deref()?.parse().ok()
}

#[cfg(test)]
mod tests;
