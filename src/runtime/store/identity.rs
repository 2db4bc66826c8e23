//! PURE. What an object claims, and which version of it is at hand.

use crate::runtime::owners::Claim;
use twinconsent_core::api::account_key::AccountKey;
use twinconsent_core::api::consent::{DigitalTwinConsent, Initiate};
use twinconsent_core::api::uid::hash;

/// What an object claims.
pub(super) fn claim(consent: &DigitalTwinConsent) -> Claim {
    let account = AccountKey::of(consent);
    hash(&[&format!("{:?}", account.kind), account.namespace.as_deref().unwrap_or_default(), &account.name, &consent.spec.group_id])
}

/// Whether HeyGen may be asked for the object at all, as far as the author wants.
pub(super) fn may_ask(consent: &DigitalTwinConsent) -> bool {
    let initiate = consent.spec.initiate.unwrap_or_default();
    !consent.spec.suspend.unwrap_or(false) && initiate == Initiate::Automatic
}

/// Whether the status tells of a request that was made for the object.
pub(super) fn is_initiated(consent: &DigitalTwinConsent) -> bool {
    consent.status.as_ref().is_some_and(|status| status.initiation.is_some())
}

/// The resource version as a number, which it is documented to be; one that is not makes no copy stale.
pub(super) fn version(consent: &DigitalTwinConsent) -> Option<u64> {
    consent.metadata.resource_version.as_deref()?.parse().ok()
}
