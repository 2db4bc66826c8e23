//! PURE. Names of objects, as kubectl writes them.

use twinconsent_core::api::consent::{AccountKind, AccountRef, DigitalTwinConsent};

/// The kind of a consent.
pub const KIND: &str = "DigitalTwinConsent";

/// The version of its API.
pub const API_VERSION: &str = "twinconsent.io/v1alpha1";

/// A consent as `kubectl get -o name` prints it, and as kubectl takes it.
#[must_use]
pub fn of(name: &str) -> String {
    format!("digitaltwinconsent.twinconsent.io/{name}")
}

/// A command about a consent, to be copied: it works whatever the context's own namespace is.
#[must_use]
pub fn command(namespace: &str, command: &str, name: &str) -> String {
    format!("`kubectl twinconsent -n {namespace} {command} {name}`")
}

/// The account that a consent names.
#[must_use]
pub fn account_ref(consent: &DigitalTwinConsent) -> AccountRef {
    let default = || AccountRef { kind: AccountKind::ClusterHeyGenAccount, name: "default".to_owned() };
    consent.spec.account_ref.clone().unwrap_or_else(default)
}

/// The same in one word: `ClusterHeyGenAccount/default`.
#[must_use]
pub fn account(consent: &DigitalTwinConsent) -> String {
    let AccountRef { kind, name } = account_ref(consent);
    let kind = match kind {
        AccountKind::HeyGenAccount => "HeyGenAccount",
        AccountKind::ClusterHeyGenAccount => "ClusterHeyGenAccount",
        AccountKind::Unrecognized => "?",
    };
    format!("{kind}/{name}")
}
