//! PURE. Which account a consent names.

use std::fmt;

use kube::ResourceExt as _;

use super::consent::{AccountKind, DigitalTwinConsent};

/// The name of the cluster account that serves consents without `accountRef`.
pub(crate) const DEFAULT_ACCOUNT: &str = "default";

/// Which account: its kind, its namespace if it has one, its name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountKey {
    /// The kind.
    pub kind: AccountKind,
    /// The namespace; `None` for the cluster kind.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
}

impl fmt::Display for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.kind, &self.namespace) {
            (AccountKind::HeyGenAccount, Some(namespace)) => write!(f, "HeyGenAccount \"{namespace}/{}\"", self.name),
            (AccountKind::Unrecognized, _) => write!(f, "account \"{}\" of an unknown kind", self.name),
            _ => write!(f, "ClusterHeyGenAccount \"{}\"", self.name),
        }
    }
}

impl AccountKey {
    /// The account that a consent names.
    #[must_use]
    pub fn of(consent: &DigitalTwinConsent) -> Self {
        match &consent.spec.account_ref {
            None => Self { kind: AccountKind::ClusterHeyGenAccount, namespace: None, name: DEFAULT_ACCOUNT.to_owned() },
            Some(account) => {
                let namespace = (account.kind == AccountKind::HeyGenAccount).then(|| consent.namespace().unwrap_or_default());
                Self { kind: account.kind, namespace, name: account.name.clone() }
            }
        }
    }
}
