//! PURE. What is told as a Kubernetes event: a closed list, which `docs/events.md` shows.
//!
//! An event says what the condition says, in fixed text: never a link, a key or upstream prose.
//! Nothing outside of this module can make a [`Report`], so that no reason is forgotten in the list.

use crate::api::conditions::account::{self, Reason};
use crate::settle::situation::Situation;

/// What an event says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    warning: bool,
    reason: &'static str,
    note: &'static str,
}

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// A DigitalTwinConsent.
    Consent,
    /// A HeyGenAccount or a ClusterHeyGenAccount.
    Account,
    /// An object of any of the three kinds.
    Any,
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
        row.warning.map(|warning| Self { warning, reason: row.reason, note: row.message })
    }

    /// What is told when the condition of an account gets this reason.
    #[must_use]
    pub fn of_account(reason: Reason) -> Self {
        let (warning, note) = match reason {
            account::CREDENTIALS_ACCEPTED => (false, "HeyGen accepts the key."),
            account::CREDENTIALS_REJECTED => (true, "HeyGen refuses the key."),
            account::SECRET_NOT_FOUND => (true, "The Secret with the key, or the key in it, is missing."),
            account::SECRET_FORBIDDEN => (true, "The operator has no right to read the Secret with the key."),
            account::SECRET_UNREADABLE => (true, "The Secret with the key cannot be read."),
            account::INSECURE_BASE_URL => (true, "The base URL is not an https URL."),
            account::THROTTLED => (true, "HeyGen asks the account to stay away for a while."),
            account::UNREACHABLE => (true, "HeyGen does not answer as it should."),
            account::BILLING_REQUIRED => (true, "HeyGen wants a payment or another plan."),
            account::SUSPENDED => (false, "The account is suspended by its spec."),
            other => (true, other.word()),
        };
        Self { warning, reason: reason.word(), note }
    }

    /// Everything that can be told.
    #[must_use]
    pub fn all() -> Vec<(About, Self)> {
        let situations = Situation::ALL.into_iter().filter_map(Self::of_situation).map(|report| (About::Consent, report));
        let accounts = account::ALL.iter().map(|reason| (About::Account, Self::of_account(*reason)));
        situations.chain(OTHERS.iter().copied()).chain(accounts).collect()
    }
}

/// Declares reports, and the list of all of them.
macro_rules! reports {
    ($($(#[$doc:meta])* $name:ident = $about:ident, $warning:literal, $reason:literal, $note:literal;)*) => {
        $($(#[$doc])* pub const $name: Report = Report { warning: $warning, reason: $reason, note: $note };)*

        const OTHERS: &[(About, Report)] = &[$((About::$about, $name)),*];
    };
}

reports! {
    /// The first link, or that HeyGen has taken the clip.
    CONSENT_REQUESTED = Consent, false, "ConsentRequested", "HeyGen was asked for the person's consent.";
    /// Another link for the same request.
    LINK_RENEWED = Consent, false, "LinkRenewed", "The link had died; HeyGen gave a new one.";
    /// The link of before stands in its Secret again.
    LINK_RESTORED = Consent, false, "LinkRestored",
        "The Secret named by spec.linkSecretRef was gone, or the link in it; HeyGen gave the same one again.";
    /// A request has gone unanswered for long.
    REQUEST_UNANSWERED = Consent, true, "RequestUnanswered",
        "HeyGen has given no definite answer to the consent request. It is repeated with the same key; raising spec.requestEpoch asks anew, at the risk of a second link.";
    /// A status could not be written several times in a row.
    STATUS_NOT_WRITTEN = Consent, true, "StatusNotWritten",
        "The status of this object cannot be written: Kubernetes refuses it, or has no room for it. It is tried again with growing pauses; what HeyGen has answered is kept until the operator ends. See the operator's log.";
    /// An object cannot be decoded.
    UNDECODABLE = Any, true, "Undecodable", "The operator cannot read this object and leaves it alone. Its log names the field.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_is_told_of_an_account_is_a_sentence_of_its_own() {
        let notes: BTreeSet<_> = account::ALL.iter().map(|reason| Report::of_account(*reason).note).collect();
        assert_eq!(notes.len(), account::ALL.len());
        assert!(notes.iter().all(|note| note.ends_with('.')), "{notes:?}");
    }

    #[test]
    fn no_reason_is_told_of_one_kind_with_two_meanings() {
        let all = Report::all();
        let reasons: BTreeSet<_> = all.iter().map(|(about, report)| (about, report.reason)).collect();
        assert_eq!(reasons.len(), all.len());
    }
}
