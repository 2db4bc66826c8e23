//! PURE. Which namespaces use which accounts, as long as an object does.

use std::collections::HashMap;
use std::sync::Arc;

use strum::VariantArray as _;

use twinconsent_core::api::account_key::AccountKey;
use twinconsent_core::api::conditions::Situation;
use twinconsent_core::api::consent::DigitalTwinConsent;
use twinconsent_core::consent::status;

/// A namespace that uses an account.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Tenant {
    pub(super) account: AccountKey,
    pub(super) namespace: String,
}

/// Every tenant of which there is an object. Objects refer to theirs by its place.
#[derive(Debug, Default)]
pub(super) struct Tenants {
    places: HashMap<Arc<Tenant>, u32>,
    slots: Vec<Option<Slot>>,
    free: Vec<u32>,
    /// How many of the objects that name each account tell what: kept with each change, so that a scrape counts nothing.
    accounts: HashMap<AccountKey, [u32; 1 + Situation::VARIANTS.len()]>,
}

/// What an object tells: a situation, or nothing yet. In one byte, for there are as many as there are objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Shown(u8);

impl Shown {
    /// What a status tells.
    pub(super) fn by(consent: &DigitalTwinConsent) -> Self {
        let situation = consent.status.as_ref().and_then(status::shown);
        // The variants are numbered as they stand.
        Self(situation.map_or(0, |situation| situation as u8 + 1))
    }

    const fn place(self) -> usize {
        self.0 as usize
    }
}

#[derive(Debug)]
struct Slot {
    tenant: Arc<Tenant>,
    objects: usize,
    served: Option<bool>,
}

impl Tenants {
    /// Counts an object in. Returns the place of its tenant, and whether it is the first to name the account.
    pub(super) fn join(&mut self, tenant: Tenant, reported: Shown) -> (u32, bool) {
        let is_first = !self.accounts.contains_key(&tenant.account);
        self.accounts.entry(tenant.account.clone()).or_default()[reported.place()] += 1;
        if let Some(&place) = self.places.get(&tenant) {
            if let Some(slot) = self.slots.get_mut(place as usize).and_then(Option::as_mut) {
                slot.objects += 1;
            }
            return (place, is_first);
        }
        let tenant = Arc::new(tenant);
        // Until it was read: what relies on being the owner reads it first.
        let slot = Some(Slot { tenant: tenant.clone(), objects: 1, served: None });
        let place = match self.free.pop() {
            Some(place) => {
                self.slots[place as usize] = slot;
                place
            }
            None => {
                self.slots.push(slot);
                u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
            }
        };
        self.places.insert(tenant, place);
        (place, is_first)
    }

    /// Counts an object out; what is not needed any more is forgotten.
    pub(super) fn leave(&mut self, place: u32, reported: Shown) {
        let Some(slot) = self.slots.get_mut(place as usize) else { return };
        let Some(Slot { tenant, objects, .. }) = slot else { return };
        if let Some(tally) = self.accounts.get_mut(&tenant.account) {
            tally[reported.place()] -= 1;
            if tally.iter().all(|count| *count == 0) {
                self.accounts.remove(&tenant.account);
            }
        }
        *objects -= 1;
        if *objects == 0 {
            self.places.remove(tenant);
            *slot = None;
            self.free.push(place);
        }
    }

    /// Counts an object that told one thing and now tells another.
    pub(super) fn retell(&mut self, place: u32, before: Shown, now: Shown) {
        if before == now {
            return;
        }
        if let Some(slot) = self.slots.get(place as usize).and_then(Option::as_ref)
            && let Some(tally) = self.accounts.get_mut(&slot.tenant.account)
        {
            tally[before.place()] -= 1;
            tally[now.place()] += 1;
        }
    }

    /// How many objects tell what, by account.
    pub(super) fn tally(&self) -> impl Iterator<Item = (&AccountKey, Option<Situation>, usize)> {
        let reported = || [None].into_iter().chain(Situation::VARIANTS.iter().copied().map(Some));
        self.accounts.iter().flat_map(move |(account, tally)| {
            reported().zip(*tally).filter(|(_, count)| *count > 0).map(move |(reported, count)| (account, reported, count as usize))
        })
    }

    /// What has this place.
    pub(super) fn get(&self, place: u32) -> Option<&Tenant> {
        self.slot(place).map(|slot| &*slot.tenant)
    }

    /// Whether the account serves the tenant, as far as is known.
    pub(super) fn is_served(&self, place: u32) -> bool {
        self.slot(place).is_some_and(|slot| slot.served != Some(false))
    }

    /// The same, if it is known.
    pub(super) fn is_known_to_be_served(&self, place: u32) -> Option<bool> {
        self.slot(place)?.served
    }

    /// Notes whether the account serves the tenant. Returns whether that is new.
    pub(super) fn set_served(&mut self, place: u32, served: bool) -> bool {
        let slot = self.slots.get_mut(place as usize).and_then(Option::as_mut);
        slot.is_some_and(|slot| slot.served.replace(served).unwrap_or(true) != served)
    }

    /// Every account that an object names.
    pub(super) fn accounts(&self) -> impl Iterator<Item = &AccountKey> {
        self.accounts.keys()
    }

    fn slot(&self, place: u32) -> Option<&Slot> {
        self.slots.get(place as usize)?.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use twinconsent_core::api::consent::AccountKind;

    fn tenant(account: &str, namespace: &str) -> Tenant {
        let account = AccountKey { kind: AccountKind::ClusterHeyGenAccount, namespace: None, name: account.to_owned() };
        Tenant { account, namespace: namespace.to_owned() }
    }

    #[test]
    fn an_account_is_known_from_the_first_object_that_names_it_to_the_last() {
        let mut tenants = Tenants::default();
        let (a, first) = tenants.join(tenant("x", "a"), Shown::default());
        let (b, second) = tenants.join(tenant("x", "b"), Shown::default());
        assert!(first && !second && a != b);
        tenants.leave(a, Shown::default());
        assert_eq!((tenants.accounts().count(), tenants.get(a)), (1, None));
        tenants.leave(b, Shown::default());
        assert_eq!(tenants.accounts().count(), 0);
        assert!(tenants.join(tenant("x", "a"), Shown::default()).1, "it is named for the first time again");
    }

    #[test]
    fn names_that_are_invented_and_taken_back_leave_nothing_behind() {
        let mut tenants = Tenants::default();
        for number in 0..1000 {
            let (place, is_first) = tenants.join(tenant(&number.to_string(), &number.to_string()), Shown::default());
            assert!(is_first);
            assert_eq!((tenants.is_served(place), tenants.is_known_to_be_served(place)), (true, None), "nothing is known yet");
            tenants.set_served(place, false);
            assert_eq!((tenants.is_served(place), tenants.is_known_to_be_served(place)), (false, Some(false)));
            tenants.leave(place, Shown::default());
        }
        assert_eq!((tenants.slots.len(), tenants.places.len(), tenants.accounts.len()), (1, 0, 0));
        let (place, _) = tenants.join(tenant("x", "a"), Shown::default());
        assert!(tenants.is_served(place), "who had the place before was another one");
    }
}
