//! The rows of the conditions table: in which situation an object is, and how that reads.

mod rows;

use std::time::Duration;

use crate::api::conditions::Situation;

/// How long HeyGen must answer 404 before a group counts as missing.
pub(crate) const CONFIRM_MISSING: Duration = Duration::from_secs(120);

/// How long HeyGen must take an approval back before it counts as withdrawn.
pub(crate) const CONFIRM_WITHDRAWN: Duration = Duration::from_secs(60);

/// How long HeyGen must say an unknown word after an approval before that is told.
pub(crate) const CONFIRM_UNRECOGNIZED: Duration = Duration::from_secs(60);

/// What `Permitted` is in a situation, and so `Ready`: whether the twin may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permitted {
    /// It may.
    True,
    /// It may not.
    False,
    /// It is not known, so it may not.
    Unknown,
}

impl Permitted {
    /// The status of the condition.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// The one that has to act in a situation, besides the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// None.
    Steady,
    /// The operator: `Reconciling`.
    Reconciling,
    /// The user: `Stalled`.
    Stalled,
}

/// The one that acts next in a situation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// The author of the object: its spec says what is asked of which person.
    Author,
    /// The team that runs the operator, and keeps the account and its key.
    PlatformTeam,
    /// The person whom the twin depicts.
    Person,
    /// HeyGen's support.
    HeyGenSupport,
    /// No one: the operator goes on by itself, or nothing is left to do.
    NoOne,
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
            Self::NoOne => "nobody",
        }
    }
}

/// One row of the conditions table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// What `Permitted` is.
    pub permitted: Permitted,
    /// `Reconciling`, `Stalled` or neither.
    pub progress: Progress,
    /// Whether entering the situation is reported as a Warning (`Some(true)`), as a Normal event, or not at all.
    pub warning: Option<bool>,
    /// The actors, one after the other; never empty.
    pub actors: &'static [Actor],
    /// The message of `Ready`: fixed text, without clock, counter, link or upstream prose. It ends with what has to be done, if anything.
    pub message: &'static str,
}

impl Situation {
    /// Whether nothing that HeyGen said has been told yet.
    #[must_use]
    pub(crate) const fn is_before_any_poll(self) -> bool {
        match self {
            Self::Suspended | Self::Duplicate | Self::AccountNotReady | Self::AccountNotAllowed | Self::Initiating => true,
            Self::Restored | Self::Revoked | Self::Refused | Self::GroupMissing | Self::TrainingFailed => false,
            Self::Withdrawn | Self::TermsChanged | Self::Lapsed => false,
            Self::Unrecognized | Self::Unverified | Self::Approved | Self::Waived | Self::NotRequired => false,
            Self::InvalidRequest | Self::NotEntitled | Self::AlreadyBegun => false,
            Self::LinkSecretConflict | Self::LinkSecretNotWritable => false,
            Self::LinkExpired | Self::Overdue | Self::Awaiting | Self::InitiationDisabled => false,
        }
    }

    /// Whether the person of a request of this object is awaited.
    #[must_use]
    pub const fn awaits(self) -> bool {
        match self {
            Self::LinkExpired | Self::Overdue | Self::Awaiting => true,
            Self::Suspended | Self::Duplicate | Self::AccountNotReady | Self::AccountNotAllowed | Self::Initiating => false,
            Self::Withdrawn | Self::TermsChanged | Self::Lapsed | Self::InitiationDisabled => false,
            Self::Restored | Self::Revoked | Self::Refused | Self::GroupMissing | Self::TrainingFailed => false,
            Self::Unrecognized | Self::Unverified | Self::Approved | Self::Waived | Self::NotRequired => false,
            Self::InvalidRequest | Self::NotEntitled | Self::AlreadyBegun => false,
            Self::LinkSecretConflict | Self::LinkSecretNotWritable => false,
        }
    }

    /// Whether a person may still come, so that `Overdue` and `LinkExpired` may be set.
    #[must_use]
    pub(crate) const fn is_waiting(self) -> bool {
        self.awaits() || matches!(self, Self::Unrecognized | Self::AlreadyBegun)
    }
}

#[cfg(test)]
mod tests;
