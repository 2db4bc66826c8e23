//! The rows of the conditions table: in which situation an object is, and how that reads.

use std::time::Duration;

use strum::VariantArray;

use crate::terms::Meaning;

/// How long HeyGen must answer 404 before a group counts as missing.
pub const CONFIRM_MISSING: Duration = Duration::from_secs(120);

/// How long HeyGen must take an approval back before it counts as withdrawn.
pub const CONFIRM_WITHDRAWN: Duration = Duration::from_secs(60);

/// How long HeyGen must say an unknown word after an approval before that is told.
pub const CONFIRM_UNRECOGNIZED: Duration = Duration::from_secs(60);

/// Where an object stands, in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, VariantArray)]
pub enum Situation {
    /// Suspended before any look.
    Suspended,
    /// Another object owns the group on this account.
    Duplicate,
    /// The status was written for another object, and HeyGen was not read since.
    Restored,
    /// The approval was withdrawn.
    Revoked,
    /// The person refused.
    Refused,
    /// HeyGen does not know the group.
    GroupMissing,
    /// The training of the group failed.
    TrainingFailed,
    /// HeyGen says a word that the policy does not know.
    Unrecognized,
    /// What was told of consent is not verified: HeyGen was not read for too long, or never said it under the policy as it is.
    Unverified,
    /// The person consented.
    Approved,
    /// No consent is needed by contract.
    Waived,
    /// No person is depicted.
    NotRequired,
    /// The account cannot be used.
    AccountNotReady,
    /// The account does not serve the namespace.
    AccountNotAllowed,
    /// The request is wrong.
    InvalidRequest,
    /// The account may not ask this.
    NotEntitled,
    /// HeyGen says that consent was begun before, and gives no link.
    AlreadyBegun,
    /// The link Secret belongs to somebody else.
    LinkSecretConflict,
    /// The link Secret cannot be written.
    LinkSecretNotWritable,
    /// The request cannot start at once.
    Initiating,
    /// Waiting for the person, whose link has died.
    LinkExpired,
    /// Waiting for the person longer than the deadline.
    Overdue,
    /// Waiting for the person.
    Awaiting,
}

/// What `Ready` is in a situation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ready {
    /// True.
    True,
    /// False.
    False,
    /// Unknown.
    Unknown,
    /// True with `readyWhen: Initiated`, else False.
    WhenInitiated,
}

/// Who has to act in a situation, besides the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Nobody.
    Steady,
    /// The operator: `Reconciling`.
    Reconciling,
    /// The user: `Stalled`.
    Stalled,
}

/// One row of the conditions table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The reason of `Ready`; API.
    pub reason: &'static str,
    /// What `Ready` is.
    pub ready: Ready,
    /// `Reconciling`, `Stalled` or neither.
    pub progress: Progress,
    /// What the row is called in the documentation.
    pub title: &'static str,
    /// The message of `Ready`: fixed text, without clock, counter, link or upstream prose.
    pub message: &'static str,
    /// Whether entering the situation is reported as a Warning (`Some(true)`), as a Normal event, or not at all.
    pub warning: Option<bool>,
}

impl Situation {
    /// All situations, in order of precedence.
    pub const ALL: [Self; 23] = [
        Self::Suspended,
        Self::Duplicate,
        Self::Restored,
        Self::Revoked,
        Self::Refused,
        Self::GroupMissing,
        Self::TrainingFailed,
        Self::Unrecognized,
        Self::Unverified,
        Self::Approved,
        Self::Waived,
        Self::NotRequired,
        Self::AccountNotReady,
        Self::AccountNotAllowed,
        Self::InvalidRequest,
        Self::NotEntitled,
        Self::AlreadyBegun,
        Self::LinkSecretConflict,
        Self::LinkSecretNotWritable,
        Self::Initiating,
        Self::LinkExpired,
        Self::Overdue,
        Self::Awaiting,
    ];

    /// How the situation reads.
    #[must_use]
    pub const fn row(self) -> Row {
        let (reason, ready, progress, warning, title, message) = match self {
            Self::Suspended => (
                "Suspended",
                Ready::Unknown,
                Progress::Steady,
                None,
                "suspended before the first poll",
                "Suspended before HeyGen was asked. Set spec.suspend to false to go on.",
            ),
            Self::Duplicate => (
                "DuplicateAvatarGroup",
                Ready::False,
                Progress::Stalled,
                Some(true),
                "another object owns the group on this account",
                "Another DigitalTwinConsent already asks for this avatar group on this account. Delete one of the two.",
            ),
            Self::Restored => (
                "Restored",
                Ready::Unknown,
                Progress::Reconciling,
                Some(false),
                "status of another object (a restored backup), HeyGen not read since",
                "This status was written for another object, as after a restore from a backup. It permits nothing until HeyGen was read.",
            ),
            Self::Revoked => (
                "ConsentRevoked",
                Ready::False,
                Progress::Stalled,
                Some(true),
                "approval withdrawn",
                "HeyGen no longer reports the consent it reported before. Stop using the twin; raise spec.requestEpoch to ask the person again.",
            ),
            Self::Refused => (
                "ConsentRefused",
                Ready::False,
                Progress::Stalled,
                Some(true),
                "refused",
                "The person refused, or HeyGen rejected the recording. Raise spec.requestEpoch to ask again.",
            ),
            Self::GroupMissing => (
                "AvatarGroupNotFound",
                Ready::False,
                Progress::Stalled,
                Some(true),
                "group missing",
                "HeyGen does not know this avatar group. Check spec.groupID (the id of the group, not of one of its looks) and the account.",
            ),
            Self::TrainingFailed => (
                "AvatarFailed",
                Ready::False,
                Progress::Stalled,
                Some(true),
                "training failed",
                "HeyGen reports that the training of the avatar group failed. See the group at HeyGen.",
            ),
            Self::Unverified => (
                "Unverified",
                Ready::Unknown,
                Progress::Steady,
                Some(true),
                "not verified for longer than `polling.staleAfter`, or not what the policy counts as consent any more",
                "What stands here of consent was not confirmed by HeyGen for too long, or is not what the account's consentPolicy counts as consent. See the account; the next answer of HeyGen settles it.",
            ),
            Self::Approved => ("Approved", Ready::True, Progress::Steady, Some(false), "approved / accepted", "The person has consented."),
            Self::Waived => (
                "ConsentWaived",
                Ready::True,
                Progress::Steady,
                Some(false),
                "waived (policy says so)",
                "The account's consentPolicy says that no consent is needed.",
            ),
            Self::NotRequired => (
                "ConsentNotRequired",
                Ready::True,
                Progress::Steady,
                Some(false),
                "photo or prompt avatar",
                "Every look of the group is one of a photo or prompt avatar, which needs no consent.",
            ),
            Self::AccountNotReady => (
                "AccountNotReady",
                Ready::False,
                Progress::Reconciling,
                Some(true),
                "account missing, secret missing, key refused: only before `Initiated`",
                "The account cannot be used.",
            ),
            Self::AccountNotAllowed => (
                "AccountNotAllowed",
                Ready::False,
                Progress::Reconciling,
                Some(true),
                "account not allowed: only before `Initiated`",
                "The account does not serve this namespace.",
            ),
            Self::InvalidRequest => (
                "InvalidRequest",
                Ready::False,
                Progress::Stalled,
                Some(true),
                "request invalid",
                "HeyGen refuses the request as it stands. Correct the spec together with a higher requestEpoch.",
            ),
            Self::NotEntitled => (
                "NotEntitled",
                Ready::False,
                Progress::Stalled,
                Some(true),
                "not entitled",
                "HeyGen does not let this account ask for consent to this avatar group. Check that the group belongs to the account and that its plan includes what the spec asks for.",
            ),
            Self::AlreadyBegun => (
                "ConsentAlreadyBegun",
                Ready::False,
                Progress::Stalled,
                Some(true),
                "consent was begun before, and HeyGen gives no link",
                "HeyGen says that consent to this avatar group was begun before, and gives no link. No call gives the one of before, and a higher spec.requestEpoch may be refused as well. Whoever manages the HeyGen account lets the person finish in HeyGen's own interface, or deletes the group there and makes a new one.",
            ),
            Self::LinkSecretConflict => (
                "LinkSecretConflict",
                Ready::False,
                Progress::Stalled,
                Some(true),
                "Secret for the link is not ours",
                "The Secret named by spec.linkSecretRef exists and is not owned by this object. Delete it, or name another together with a higher requestEpoch.",
            ),
            Self::LinkSecretNotWritable => (
                "LinkSecretNotWritable",
                Ready::False,
                Progress::Stalled,
                Some(true),
                "Secret for the link cannot be written",
                "The Secret named by spec.linkSecretRef cannot be read or written. Check the operator's permissions in this namespace.",
            ),
            Self::Initiating => (
                "Initiating",
                Ready::False,
                Progress::Reconciling,
                None,
                "call cannot start at once (limiter, backoff)",
                "The request waits for its turn at HeyGen.",
            ),
            Self::Unrecognized => (
                "UnrecognizedConsentStatus",
                Ready::Unknown,
                Progress::Steady,
                Some(true),
                "unknown word from HeyGen, also after an approval",
                "HeyGen reports a consent status that the account's consentPolicy does not know; see status.consentStatus. It is not taken for consent. If you know that it means consent, add it to spec.consentPolicy.granted of the ClusterHeyGenAccount, beside the default words, as in `granted: [approved, accepted, validated]`.",
            ),
            Self::LinkExpired => (
                "LinkExpired",
                Ready::WhenInitiated,
                Progress::Steady,
                Some(true),
                "link died",
                "The person has not answered and the link presumably no longer works. Raise spec.requestEpoch for a new one.",
            ),
            Self::Overdue => (
                "ApprovalOverdue",
                Ready::WhenInitiated,
                Progress::Steady,
                Some(true),
                "deadline passed",
                "The person has not answered within spec.approvalDeadline. Polling goes on.",
            ),
            Self::Awaiting => (
                "AwaitingApproval",
                Ready::WhenInitiated,
                Progress::Steady,
                None,
                "waiting for the person",
                "Waiting for the person, who needs the link.",
            ),
        };
        Row { reason, ready, progress, title, message, warning }
    }

    /// The conditions that stand beside `Ready` and speak of this situation.
    #[must_use]
    pub const fn besides(self) -> &'static str {
        match self {
            Self::Suspended => "`Suspended`",
            Self::Restored => "`Approved=Unknown` where it was True; `Reconciling`",
            Self::Unverified => "`Approved` stays as it was; Unknown where the policy no longer counts it",
            Self::Revoked | Self::Refused => "`Approved=False`, `Stalled`",
            Self::GroupMissing | Self::TrainingFailed => "`Stalled`; `Approved` stays as it was",
            Self::Approved => "`Approved`; `Initiated` if this object has asked",
            Self::Waived => "`Approved`",
            Self::NotRequired => "–",
            Self::AccountNotReady | Self::AccountNotAllowed | Self::Initiating => "`Reconciling`",
            Self::Duplicate | Self::InvalidRequest | Self::NotEntitled | Self::LinkSecretConflict | Self::LinkSecretNotWritable => {
                "`Stalled`"
            }
            Self::Unrecognized => "`Initiated` if this object has asked; `Approved` stays True if it was",
            Self::AlreadyBegun => "`Stalled`; `Initiated` if this object has a link of the same request",
            Self::LinkExpired => "`Initiated`, `LinkExpired`",
            Self::Overdue => "`Initiated`, `Overdue`",
            Self::Awaiting => "`Initiated`",
        }
    }

    /// What kstatus (`kubectl wait`-like tools, Flux, Helm) makes of it; two words where `readyWhen: Initiated` makes the second.
    #[must_use]
    pub const fn kstatus(self) -> &'static str {
        match (self.row().progress, self.row().ready) {
            (Progress::Stalled, _) => "Failed",
            (Progress::Reconciling, _) | (_, Ready::False | Ready::Unknown) => "InProgress",
            (_, Ready::True) => "Current",
            (_, Ready::WhenInitiated) => "InProgress / Current",
        }
    }

    /// What Argo CD's health check makes of it; two words where `readyWhen: Initiated` makes the second.
    #[must_use]
    pub const fn argo_cd(self) -> &'static str {
        match (self.row().progress, self.row().ready) {
            (Progress::Stalled, _) => "Degraded",
            (Progress::Reconciling, _) => "Progressing",
            (_, Ready::True) => "Healthy",
            (_, Ready::WhenInitiated) => "Suspended / Healthy",
            // Nothing goes on and nothing is broken: a person is to act.
            (_, Ready::False | Ready::Unknown) => "Suspended",
        }
    }

    /// The situation that a reason of `Ready` stands for.
    #[must_use]
    pub fn from_reason(reason: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|situation| situation.row().reason == reason)
    }

    /// Whether nothing that HeyGen said has been told yet.
    #[must_use]
    pub fn is_before_any_look(self) -> bool {
        matches!(self, Self::Suspended | Self::Duplicate | Self::AccountNotReady | Self::AccountNotAllowed | Self::Initiating)
    }

    /// Whether a person is awaited, so that `Overdue` and `LinkExpired` may be set.
    #[must_use]
    pub fn is_waiting(self) -> bool {
        matches!(self, Self::Awaiting | Self::LinkExpired | Self::Overdue | Self::Unrecognized | Self::AlreadyBegun)
    }
}

/// Whether a word takes an approval back: only words that are known not to mean consent do.
///
/// An unknown word never does (promise 3), nor does no word at all.
#[must_use]
pub fn takes_back(meaning: Meaning) -> bool {
    matches!(meaning, Meaning::Refused | Meaning::Pending | Meaning::Expired)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_situation_is_missing_among_all_of_them() {
        assert_eq!(Situation::ALL, Situation::VARIANTS);
    }

    #[test]
    fn every_situation_is_known_again_by_its_reason() {
        for situation in Situation::ALL {
            assert_eq!(Situation::from_reason(situation.row().reason), Some(situation));
        }
    }

    #[test]
    fn reasons_are_camel_case_and_messages_hold_no_figures() {
        for situation in Situation::ALL {
            let row = situation.row();
            assert!(
                row.reason.chars().all(|c| c.is_ascii_alphabetic()) && row.reason.starts_with(|c: char| c.is_ascii_uppercase()),
                "{}",
                row.reason
            );
            assert!(!row.message.chars().any(|c| c.is_ascii_digit()), "{}", row.message);
        }
    }
}
