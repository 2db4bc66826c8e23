//! PURE. What an object is known by: its uid, what it claims, which version of it is at hand.

use kube::core::ObjectMeta;
use sha2::{Digest as _, Sha256};

use super::Uid;
use super::claims::Claim;
use crate::account::settings::AccountKey;
use crate::api::consent::DigitalTwinConsent;

/// The uid of an object; `None` only for one that no API server has seen.
#[must_use]
pub fn uid(consent: &DigitalTwinConsent) -> Option<Uid> {
    uid_of(&consent.metadata)
}

/// The same of its metadata.
#[must_use]
pub fn uid_of(metadata: &ObjectMeta) -> Option<Uid> {
    let uid = metadata.uid.as_deref()?;
    let hex: String = uid.chars().filter(|character| *character != '-').collect();
    // The uids of Kubernetes are UUIDs; as numbers they sort as the text does.
    Some(u128::from_str_radix(&hex, 16).ok().filter(|_| hex.len() == 32).unwrap_or_else(|| hash(&[uid])))
}

/// What an object claims.
pub(super) fn claim(consent: &DigitalTwinConsent) -> Claim {
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

/// Whether the status tells of a request that was made for the object.
pub(super) fn is_initiated(consent: &DigitalTwinConsent) -> bool {
    consent.status.as_ref().is_some_and(|status| status.initiation.is_some())
}

/// The resource version as a number, which it is documented to be; one that is not makes no copy stale.
pub(super) fn version(consent: &DigitalTwinConsent) -> Option<u64> {
    consent.metadata.resource_version.as_deref()?.parse().ok()
}
