//! Why an account cannot be used, in the account's words and in those for its consents.

use std::time::Duration;

use twinconsent_core::api::conditions::AccountReason;

/// Why an account cannot be used.
pub(super) struct Obstacle {
    /// For the account itself.
    pub(super) ready: Ready,
    /// For the consents that name it: a reader of those need not know where the key lies.
    pub(super) for_consents: String,
    /// When to come back.
    pub(super) again: Duration,
}

/// What the account's `Ready` condition is to say.
pub(super) struct Ready {
    pub(super) reason: AccountReason,
    pub(super) message: String,
}

impl Ready {
    pub(super) fn is_true(&self) -> bool {
        self.reason == AccountReason::CredentialsAccepted
    }
}
