//! Why an account cannot be used, in the account's words and in those for its consents.

use std::time::Duration;

use twinconsent_core::api::conditions::AccountReason;

/// Why an account cannot be used.
pub(crate) struct Obstacle {
    /// For the account itself.
    pub(crate) ready: Ready,
    /// For the consents that name it: a reader of those need not know where the key lies.
    pub(crate) for_consents: String,
    /// When to come back.
    pub(crate) again: Duration,
}

/// What the account's `Ready` condition is to say.
pub(crate) struct Ready {
    pub(crate) reason: AccountReason,
    pub(crate) message: String,
}

impl Ready {
    pub(crate) fn is_true(&self) -> bool {
        self.reason == AccountReason::CredentialsAccepted
    }
}
