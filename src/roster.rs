//! Who is there: every consent this process watches, who owns which group, and what is remembered of each.
//!
//! The roster is synchronous and holds no objects (the watch's store does): per object a claim, a place in the order of owners, the
//! memory, what the sweep has handed over, and the time at which it is to be decided anew. It is fed by the watch, asked before
//! every decision and never waits.
//!
//! Ownership: of all objects that claim the same group on the same account, one may ask. It is the one with a recorded initiation,
//! else the oldest by creation time and uid. Once decided it stays, as long as the owner lives.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

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

/// Every consent this process watches.
#[derive(Debug, Default)]
pub struct Roster {
    state: Mutex<State>,
    alarms_changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<Uid, Entry>,
    claims: HashMap<Claim, Claimants>,
    /// Every account that was ever named; entries refer to them by their place.
    accounts: Vec<AccountKey>,
    /// When whom to decide anew, in milliseconds since 1970.
    alarms: BTreeSet<(i64, Uid)>,
}

/// A uid, in 16 bytes instead of 36.
pub type Uid = u128;

/// A hash of account and group.
type Claim = u128;

#[derive(Debug)]
struct Entry {
    namespace: Box<str>,
    name: Box<str>,
    claim: Claim,
    created: i64,
    initiated: bool,
    round: u32,
    written: u64,
    account: u32,
    alarm: Option<i64>,
    /// The memory, unless it is but the time of the last look and the generation that it served.
    memory: Option<Box<Memory>>,
    looked_at: Option<Timestamp>,
    generation: i64,
    /// Before this time, in milliseconds since 1970, HeyGen was asked for the object itself, or told something.
    acted_at: i64,
    handed: Option<Box<Handed>>,
}

#[derive(Debug, Default)]
struct Claimants {
    owner: Option<Uid>,
    /// Those who claim besides the first; nearly always nobody, so an empty vector.
    members: Vec<Uid>,
}

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
        state.claims.entry(claim).or_default().members.push(uid);
        let created = consent.metadata.creation_timestamp.as_ref().map_or(0, |time| time.0.as_second());
        let account = AccountKey::of(consent);
        let known = state.accounts.iter().position(|known| *known == account);
        let place = known.unwrap_or(state.accounts.len());
        let entry = Entry {
            namespace: consent.namespace().unwrap_or_default().into(),
            name: consent.name_any().into(),
            claim,
            created,
            initiated,
            round,
            written: 0,
            account: u32::try_from(place).unwrap_or(u32::MAX),
            alarm: None,
            memory: None,
            looked_at: None,
            generation: 0,
            acted_at: i64::MIN,
            handed: None,
        };
        state.entries.insert(uid, entry);
        if known.is_some() {
            return None;
        }
        state.accounts.push(account.clone());
        Some(account)
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
        let Some(place) = state.accounts.iter().position(|known| known == account) else { return Vec::new() };
        state.entries.iter().filter(|(_, entry)| entry.account as usize == place).map(|(uid, _)| *uid).collect()
    }

    /// Every object of `namespace` (`None`: of all).
    #[must_use]
    pub fn of_namespace(&self, namespace: Option<&str>) -> Vec<Uid> {
        let state = self.state();
        let is_of = |entry: &Entry| namespace.is_none_or(|namespace| *entry.namespace == *namespace);
        state.entries.iter().filter(|(_, entry)| is_of(entry)).map(|(uid, _)| *uid).collect()
    }

    /// The name under which the store keeps an object.
    #[must_use]
    pub fn reference(&self, uid: Uid) -> Option<ObjectRef<Folded>> {
        let state = self.state();
        let entry = state.entries.get(&uid)?;
        Some(ObjectRef::new(&entry.name).within(&entry.namespace))
    }

    /// The account that an object names.
    #[must_use]
    pub fn account_of(&self, uid: Uid) -> Option<AccountKey> {
        let state = self.state();
        let place = state.entries.get(&uid)?.account as usize;
        state.accounts.get(place).cloned()
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
        let at = at.map(Timestamp::as_millisecond);
        if let Some(old) = std::mem::replace(&mut entry.alarm, at) {
            state.alarms.remove(&(old, uid));
        }
        if let Some(at) = at {
            state.alarms.insert((at, uid));
            if state.alarms.first() == Some(&(at, uid)) {
                self.alarms_changed.notify_one();
            }
        }
    }

    /// The objects that are to be decided anew by now, and when the next one is.
    #[must_use]
    pub fn due(&self, now: Timestamp) -> (Vec<Uid>, Option<Timestamp>) {
        let state = &mut *self.state();
        let mut due = Vec::new();
        while let Some(&(at, uid)) = state.alarms.first()
            && at <= now.as_millisecond()
        {
            state.alarms.pop_first();
            if let Some(entry) = state.entries.get_mut(&uid) {
                entry.alarm = None;
            }
            due.push(uid);
        }
        (due, state.alarms.first().and_then(|(at, _)| Timestamp::from_millisecond(*at).ok()))
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
        let gone = |entry: &Entry| entry.round != round && namespace.is_none_or(|namespace| *entry.namespace == *namespace);
        state.entries.iter().filter(|(_, entry)| gone(entry)).map(|(uid, _)| *uid).collect()
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
        (entry.looked_at, entry.generation) = (memory.looked_at, memory.generation);
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
    /// Who owns a claim: decided once and kept while the owner lives, unless another has asked already.
    fn owner(&mut self, claim: Claim) -> Option<Uid> {
        let claimants = self.claims.get_mut(&claim)?;
        if let Some(owner) = claimants.owner
            && (claimants.members.len() == 1 || self.entries.get(&owner).is_some_and(|entry| entry.initiated))
        {
            return Some(owner);
        }
        let order = |uid: &Uid| self.entries.get(uid).map(|entry| (!entry.initiated, Some(*uid) != claimants.owner, entry.created, *uid));
        claimants.owner = claimants.members.iter().filter_map(|uid| Some((order(uid)?, *uid))).min().map(|(_, uid)| uid);
        claimants.owner
    }

    fn remove(&mut self, uid: Uid) -> Vec<Uid> {
        let Some(entry) = self.entries.remove(&uid) else { return Vec::new() };
        if let Some(alarm) = entry.alarm {
            self.alarms.remove(&(alarm, uid));
        }
        let Some(claimants) = self.claims.get_mut(&entry.claim) else { return Vec::new() };
        claimants.members.retain(|member| *member != uid);
        if claimants.members.is_empty() {
            self.claims.remove(&entry.claim);
            return Vec::new();
        }
        if claimants.owner == Some(uid) {
            claimants.owner = None;
        }
        claimants.members.clone()
    }
}

impl Entry {
    fn memory(&self) -> Memory {
        let only_a_time = || Memory { looked_at: self.looked_at, generation: self.generation, ..Memory::default() };
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
mod tests {
    use super::*;

    fn consent(name: &str, uid: u8, created: &str, group: &str) -> DigitalTwinConsent {
        serde_json::from_value(serde_json::json!({
            "apiVersion": "twinconsent.io/v1alpha1", "kind": "DigitalTwinConsent",
            "metadata": {"name": name, "namespace": "n", "uid": format!("{uid:08x}-0000-4000-8000-000000000000"), "creationTimestamp": created, "resourceVersion": "5"},
            "spec": {"groupID": group}
        }))
        .unwrap()
    }

    fn initiated(mut consent: DigitalTwinConsent) -> DigitalTwinConsent {
        consent.status = Some(serde_json::from_value(serde_json::json!({"initiation": {"epoch": 0, "idempotencyKey": "k"}})).unwrap());
        consent
    }

    fn owns(roster: &Roster, consent: &DigitalTwinConsent) -> bool {
        roster.standing(consent).unwrap().ownership == Ownership::Owner
    }

    #[test]
    fn the_oldest_owns_a_group_until_another_has_asked() {
        let roster = Roster::default();
        let (young, old) = (consent("young", 1, "2026-01-02T00:00:00Z", "g"), consent("old", 2, "2026-01-01T00:00:00Z", "g"));
        roster.note(&young, 1);
        roster.note(&old, 1);
        assert!(owns(&roster, &old) && !owns(&roster, &young));
        roster.note(&initiated(young.clone()), 1);
        assert!(owns(&roster, &young) && !owns(&roster, &old));
    }

    #[test]
    fn an_owner_stays_the_owner_when_an_older_object_shows_up_later() {
        let roster = Roster::default();
        let (first, second) = (consent("first", 9, "2026-01-01T00:00:00Z", "g"), consent("second", 1, "2026-01-01T00:00:00Z", "g"));
        roster.note(&first, 1);
        assert!(owns(&roster, &first));
        roster.note(&second, 1);
        assert!(owns(&roster, &first) && !owns(&roster, &second));
    }

    #[test]
    fn the_deletion_of_the_owner_names_the_heirs() {
        let roster = Roster::default();
        let (owner, heir) = (consent("owner", 1, "2026-01-01T00:00:00Z", "g"), consent("heir", 2, "2026-01-02T00:00:00Z", "g"));
        roster.note(&owner, 1);
        roster.note(&heir, 1);
        assert!(!owns(&roster, &heir));
        assert_eq!(roster.forget(uid(&owner).unwrap()), [uid(&heir).unwrap()]);
        assert_eq!(roster.reference(uid(&heir).unwrap()), Some(ObjectRef::new("heir").within("n")));
        assert!(owns(&roster, &heir));
    }

    #[test]
    fn groups_of_different_accounts_are_different_claims() {
        let roster = Roster::default();
        let here = consent("here", 1, "2026-01-01T00:00:00Z", "g");
        let mut there = consent("there", 2, "2026-01-01T00:00:00Z", "g");
        there.spec.account_ref = serde_json::from_value(serde_json::json!({"kind": "HeyGenAccount", "name": "default"})).unwrap();
        roster.note(&here, 1);
        roster.note(&there, 1);
        assert!(owns(&roster, &here) && owns(&roster, &there));
    }

    #[test]
    fn what_a_complete_list_does_not_show_is_gone_in_that_namespace_only() {
        let roster = Roster::default();
        let gone = consent("gone", 1, "2026-01-01T00:00:00Z", "g");
        let mut elsewhere = consent("elsewhere", 2, "2026-01-01T00:00:00Z", "h");
        elsewhere.metadata.namespace = Some("m".into());
        roster.note(&gone, 1);
        roster.note(&elsewhere, 1);
        assert_eq!(roster.gone(Some("n"), 2), [uid(&gone).unwrap()]);
        assert_eq!(roster.gone(Some("n"), 1), []);
    }

    #[test]
    fn a_copy_from_before_our_own_write_is_stale() {
        let roster = Roster::default();
        let before = consent("ada", 1, "2026-01-01T00:00:00Z", "g");
        roster.note(&before, 1);
        let mut after = before.clone();
        after.metadata.resource_version = Some("6".into());
        roster.remember(&after, Memory::default(), true, None);
        assert!(roster.standing(&before).unwrap().is_stale);
        assert!(!roster.standing(&after).unwrap().is_stale);
    }

    #[test]
    fn a_look_from_before_the_object_itself_asked_is_not_handed_over() {
        let roster = Roster::default();
        let ada = consent("ada", 1, "2026-01-01T00:00:00Z", "g");
        let at = |second| Timestamp::from_second(second).unwrap();
        let handed = |second| Handed { at: at(second), outcome: crate::outcome::Outcome::Probed };
        roster.note(&ada, 1);
        roster.remember(&ada, Memory::default(), false, Some(at(10)));
        roster.hand(uid(&ada).unwrap(), handed(9));
        assert!(roster.take_handed(&ada).is_none());
        roster.hand(uid(&ada).unwrap(), handed(11));
        assert!(roster.take_handed(&ada).is_some() && roster.take_handed(&ada).is_none());
    }

    #[test]
    fn an_alarm_goes_off_once_and_the_last_one_set_counts() {
        let roster = Roster::default();
        let (ada, ben) = (consent("ada", 1, "2026-01-01T00:00:00Z", "g"), consent("ben", 2, "2026-01-01T00:00:00Z", "h"));
        let (a, b) = (uid(&ada).unwrap(), uid(&ben).unwrap());
        let at = |second| Timestamp::from_second(second).unwrap();
        roster.note(&ada, 1);
        roster.note(&ben, 1);
        roster.set_alarm(a, Some(at(5)));
        roster.set_alarm(a, Some(at(20)));
        roster.set_alarm(b, Some(at(10)));
        assert_eq!(roster.due(at(9)), (vec![], Some(at(10))));
        assert_eq!(roster.due(at(15)), (vec![b], Some(at(20))));
        roster.forget(a);
        assert_eq!(roster.due(at(99)), (vec![], None));
    }
}
