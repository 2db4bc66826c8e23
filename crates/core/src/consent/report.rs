//! PURE. What is told as a Kubernetes event: a closed list, which `docs/events.md` shows.
//!
//! An event says what the condition says, in fixed text: never a link, a key or upstream prose.
//! Nothing outside of this module can make a [`Report`], so that no reason is forgotten in the list.

use crate::api::conditions::{AccountReason, Situation, reasons};

/// What an event says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    warning: bool,
    reason: &'static str,
    note: &'static str,
}

impl Report {
    /// Whether it is a Warning, else Normal.
    #[must_use]
    pub const fn is_warning(&self) -> bool {
        self.warning
    }

    /// The reason, in CamelCase; API.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        self.reason
    }

    /// Fixed text.
    #[must_use]
    pub const fn note(&self) -> &'static str {
        self.note
    }

    /// What is told when an object enters a situation, if anything is.
    #[must_use]
    pub fn of_situation(situation: Situation) -> Option<Self> {
        let row = situation.row();
        row.warning.map(|warning| Self { warning, reason: situation.reason(), note: row.message })
    }

    /// What is told when the condition of an account gets this reason.
    #[must_use]
    pub fn of_account(reason: AccountReason) -> Self {
        let (warning, note) = match reason {
            AccountReason::CredentialsAccepted => (false, "HeyGen accepts the API key."),
            AccountReason::CredentialsRejected => (true, "HeyGen refuses the API key."),
            AccountReason::SecretNotFound => (true, "The Secret with the API key, or the key in it, does not exist."),
            AccountReason::SecretForbidden => (true, "The operator has no right to get the Secret with the API key."),
            AccountReason::SecretUnreadable => (true, "The Secret with the API key cannot be read at the moment."),
            AccountReason::InsecureBaseUrl => (true, "The base URL is not an https URL."),
            AccountReason::Throttled => (true, "HeyGen asks for fewer calls with this account. The operator waits as long as HeyGen says."),
            AccountReason::Unreachable => (true, "HeyGen does not answer as it should."),
            AccountReason::BillingRequired => (true, "HeyGen wants a payment or another plan for this account."),
            AccountReason::Suspended => (false, "No call is made with this account while spec.suspend is true."),
        };
        Self { warning, reason: reason.word(), note }
    }
}

/// Declares reports, and the list of all of them.
macro_rules! reports {
    ($($(#[$doc:meta])* $name:ident = $warning:literal, $reason:expr, $note:literal;)*) => {
        $($(#[$doc])* pub const $name: Report = Report { warning: $warning, reason: $reason, note: $note };)*

        /// All that is told of neither a situation nor the condition of an account.
        pub const OTHERS: &[Report] = &[$($name),*];
    };
}

reports! {
    /// The first link, or that HeyGen has taken the clip.
    CONSENT_REQUESTED = false, reasons::CONSENT_REQUESTED, "HeyGen was asked for the person's consent.";
    /// Another link for the same request.
    LINK_RENEWED = false, reasons::LINK_RENEWED, "The link no longer worked. HeyGen gave a new one: send it to the person.";
    /// The link of before stands in its Secret again.
    LINK_RESTORED = false, reasons::LINK_RESTORED,
        "The Secret named by spec.linkSecretRef, or the link in it, was missing. HeyGen gave the same link again, and it is in the Secret.";
    /// A request has gone unanswered for long.
    REQUEST_UNANSWERED = true, reasons::REQUEST_UNANSWERED,
        "HeyGen has not given a definite answer to the consent request for ten minutes. The operator repeats the request with the same idempotency key. If you raise spec.requestEpoch, it asks anew, and the person may get a second link.";
    /// A status could not be written several times in a row.
    STATUS_NOT_WRITTEN = true, reasons::STATUS_NOT_WRITTEN,
        "Kubernetes refuses the status of this object, or has no room for it. The operator tries again with growing pauses, and keeps HeyGen's answer until it is restarted. The operator's log says why.";
    /// An object cannot be decoded.
    UNDECODABLE = true, reasons::UNDECODABLE, "The operator cannot decode this object and ignores it. Correct the object; the operator's log names the field.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use strum::VariantArray as _;

    use super::*;

    #[test]
    fn what_is_told_of_an_account_is_a_sentence_of_its_own() {
        let notes: BTreeSet<_> = AccountReason::VARIANTS.iter().map(|reason| Report::of_account(*reason).note).collect();
        assert_eq!(notes.len(), AccountReason::VARIANTS.len());
        assert!(notes.iter().all(|note| note.ends_with('.')), "{notes:?}");
    }
}
