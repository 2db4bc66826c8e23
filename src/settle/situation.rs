//! The rows of the conditions table: in which situation an object is, and how that reads.

mod rows;

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

/// Who acts next in a situation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// Whoever wrote the object: its spec says what is asked of whom.
    Author,
    /// Whoever runs the operator, and keeps the account and its key.
    PlatformTeam,
    /// The person whom the twin depicts.
    Person,
    /// HeyGen's support.
    HeyGenSupport,
    /// Nobody: the operator goes on by itself, or nothing is left to do.
    Nobody,
}

impl Actor {
    /// As the middle of a sentence.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Author => "the author of this object",
            Self::PlatformTeam => "the platform team",
            Self::Person => "the person",
            Self::HeyGenSupport => "HeyGen's support",
            Self::Nobody => "nobody",
        }
    }
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
    /// The message of `Ready`: fixed text, without clock, counter, link or upstream prose. It ends with the action.
    pub message: &'static str,
    /// What has to be done; empty where nobody has to do anything.
    pub action: &'static str,
    /// Who does it, one after the other; never empty.
    pub actors: &'static [Actor],
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
mod tests;
