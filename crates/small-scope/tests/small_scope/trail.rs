//! The audit trail tells all that is shown: the event that a status names says of each condition what the status says.
//!
//! So the trail of an object, read up to any event, gives what the object showed then.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::Value;
use twinconsent_core::api::consent::{DigitalTwinConsent, DigitalTwinConsentStatus};
use twinconsent_core::consent::apply::Settled;

use crate::world::World;

thread_local! {
    /// What each event says that its object shows, by its digest; both as their hashes, for there are hundreds of thousands.
    static SAID: RefCell<HashMap<u64, u64>> = RefCell::default();
}

/// Checks a status that is written over the one of `object`.
pub fn check(world: &mut World, object: &DigitalTwinConsent, settled: &Settled) {
    SAID.with_borrow_mut(|said| {
        said.extend(settled.events.iter().map(|event| (hash(event.digest()), hash_of_event(event.data()))));
    });
    let (before, after) = (object.status.as_ref(), &settled.status);
    let agrees = |status: &DigitalTwinConsentStatus| {
        let mark = status.audit.as_ref().filter(|mark| mark.object_uid == object.metadata.uid);
        let said = mark.and_then(|mark| SAID.with_borrow(|said| said.get(&hash(&mark.digest)).copied()));
        said == Some(hash_of_status(status))
    };
    // What another client has written over it stands there untold until the operator writes what it knows.
    let is_ours =
        before.is_none_or(|before| before.conditions.is_empty() || agrees(before) || hash_of_status(before) != hash_of_status(after));
    if is_ours && !agrees(after) {
        let events: Vec<_> = settled.events.iter().map(|event| event.event_type()).collect();
        world.breaks(format!("the trail does not tell what is shown: {events:?} for {:?}", after.conditions));
    }
}

fn hash(text: &str) -> u64 {
    hash_of(std::iter::once(text))
}

fn hash_of<'a>(texts: impl Iterator<Item = &'a str>) -> u64 {
    let mut hasher = DefaultHasher::new();
    texts.for_each(|text| text.hash(&mut hasher));
    hasher.finish()
}

fn hash_of_event(data: &Value) -> u64 {
    let conditions = data["conditions"].as_object().into_iter().flatten();
    hash_of(conditions.flat_map(|(type_, says)| {
        [type_.as_str(), says["status"].as_str().unwrap_or_default(), says["reason"].as_str().unwrap_or_default()]
    }))
}

fn hash_of_status(status: &DigitalTwinConsentStatus) -> u64 {
    let mut conditions: Vec<_> = status.conditions.iter().map(|each| [each.type_.as_str(), &each.status, &each.reason]).collect();
    conditions.sort_unstable();
    hash_of(conditions.into_iter().flatten())
}
