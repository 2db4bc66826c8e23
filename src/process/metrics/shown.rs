//! PURE. What the metrics show of accounts, and which accounts they name.

use std::collections::HashSet;

use strum::VariantArray as _;

use twinconsent_core::api::account_key::AccountKey;
use twinconsent_core::api::conditions::{AccountReason, reasons};
use twinconsent_core::api::consent::AccountKind;

/// How many accounts of one kind the metrics name: the first that came. A namespace's admin who makes thousands of HeyGenAccounts fills
/// no Prometheus with them, and takes no name from a ClusterHeyGenAccount.
pub const MOST_NAMED: usize = 100;

/// In which state an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shown {
    /// Nothing is known yet: its key was not tried.
    Resolving,
    /// It cannot be decoded.
    Undecodable,
    /// What its `Ready` condition tells, or will tell in a moment.
    Reason(AccountReason),
}

impl Shown {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        [Self::Resolving, Self::Undecodable].into_iter().chain(AccountReason::VARIANTS.iter().copied().map(Self::Reason))
    }

    /// The value of the label `reason`.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Resolving => reasons::RESOLVING,
            Self::Undecodable => reasons::UNDECODABLE,
            Self::Reason(reason) => reason.word(),
        }
    }

    /// Whether it can be used.
    #[must_use]
    pub fn is_ready(self) -> bool {
        self == Self::Reason(AccountReason::CredentialsAccepted)
    }
}

/// The accounts that the metrics name.
#[derive(Debug, Default)]
pub(crate) struct Names(HashSet<AccountKey>);

impl Names {
    /// Names an account from now on, if it can still be.
    pub(crate) fn claim(&mut self, key: &AccountKey) {
        let is_namespaced = |key: &AccountKey| key.kind == AccountKind::HeyGenAccount;
        let of_its_kind = || self.0.iter().filter(|named| is_namespaced(named) == is_namespaced(key)).count();
        if !self.0.contains(key) && of_its_kind() < MOST_NAMED {
            self.0.insert(key.clone());
        }
    }

    /// Names it no longer.
    pub(crate) fn release(&mut self, key: &AccountKey) {
        self.0.remove(key);
    }

    /// The account, if it is named.
    pub(crate) fn of(&self, key: &AccountKey) -> Option<AccountKey> {
        self.0.get(key).cloned()
    }

    /// All of them.
    pub(crate) fn all(&self) -> HashSet<AccountKey> {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(kind: AccountKind, number: usize) -> AccountKey {
        let namespace = (kind == AccountKind::HeyGenAccount).then(|| "n".to_owned());
        AccountKey { kind, namespace, name: number.to_string() }
    }

    #[test]
    fn so_many_accounts_of_a_kind_are_named_and_another_one_when_one_of_them_goes() {
        let mut names = Names::default();
        let all: Vec<_> = (0..1000).map(|number| key(AccountKind::HeyGenAccount, number)).collect();
        all.iter().for_each(|key| names.claim(key));
        let named = |names: &Names| all.iter().filter(|key| names.of(key).is_some()).count();
        assert_eq!(named(&names), MOST_NAMED);
        let of_cluster = key(AccountKind::ClusterHeyGenAccount, 0);
        names.claim(&of_cluster);
        assert!(names.of(&of_cluster).is_some(), "those of namespaces take no name from those of the cluster");

        names.release(&all[0]);
        assert_eq!((named(&names), names.of(&all[0])), (MOST_NAMED - 1, None));
        all.iter().skip(1).for_each(|key| names.claim(key));
        assert_eq!((named(&names), names.of(&all[0])), (MOST_NAMED, None));
    }
}
