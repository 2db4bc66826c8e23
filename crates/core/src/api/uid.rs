//! PURE. What an object is known by.

use kube::core::ObjectMeta;
use sha2::{Digest as _, Sha256};

use super::consent::DigitalTwinConsent;

/// A uid, in 16 bytes instead of 36.
pub type Uid = u128;

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

/// The first half of the SHA-256 of all of them.
#[must_use]
pub fn hash(parts: &[&str]) -> u128 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let digest: [u8; 32] = hash.finalize().into();
    digest[..16].iter().fold(0, |number, byte| number << 8 | u128::from(*byte))
}
