//! Why a switch could not be set.

/// Why a switch could not be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// No account of this name.
    #[error("account: there is none called {0:?}")]
    UnknownAccount(String),
    /// No group with this id.
    #[error("group: there is none with the id {0:?}")]
    UnknownGroup(String),
    /// No fault rule with this id.
    #[error("fault: there is no rule {0}")]
    UnknownFault(u64),
    /// There is an account of this name already.
    #[error("name: the account {0:?} exists already")]
    AccountExists(String),
    /// There is a group with this id already.
    #[error("id: the group {0:?} exists already")]
    GroupExists(String),
    /// A value that cannot be used.
    #[error("{field}: {reason}")]
    Invalid {
        /// The field it was given in.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl ControlError {
    pub(crate) fn invalid(field: &str, reason: impl Into<String>) -> Self {
        Self::Invalid { field: field.to_owned(), reason: reason.into() }
    }
}
