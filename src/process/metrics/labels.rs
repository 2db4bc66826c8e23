//! The labels of the metrics, and the values that each can have: closed lists, which `docs/metrics.md` shows.

use strum::{IntoStaticStr, VariantArray};

use twinconsent_core::api::consent::AccountKind;

/// The kind of object that something was done for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
pub enum Kind {
    /// `DigitalTwinConsent`.
    DigitalTwinConsent,
    /// `HeyGenAccount`.
    HeyGenAccount,
    /// `ClusterHeyGenAccount`.
    ClusterHeyGenAccount,
}

impl Kind {
    /// All of them.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The kind of an account; one that is not known counts with the cluster's.
    #[must_use]
    pub fn of(account: AccountKind) -> Self {
        match account {
            AccountKind::HeyGenAccount => Self::HeyGenAccount,
            AccountKind::ClusterHeyGenAccount | AccountKind::Unrecognized => Self::ClusterHeyGenAccount,
        }
    }
}

/// How a reconcile ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum ReconcileResult {
    /// Done, with or without a write.
    Done,
    /// Kubernetes got in the way; it is tried again.
    Failed,
}

/// How a status write ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum WriteResult {
    /// Written.
    Written,
    /// Refused because the object had changed (409).
    Conflict,
    /// Dropped: the object is gone, or no longer the one it was meant for.
    Dropped,
    /// Failed otherwise.
    Failed,
}

/// What became of the line of an audit event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum AuditResult {
    /// It was in the kernel's hands before the status was written.
    Written,
    /// It came after the status, or was not waited for.
    Late,
    /// It was never written.
    Dropped,
    /// It was written, and its disk then said that it may not have it: counted besides.
    Unsynced,
}

/// What is asked of HeyGen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Operation {
    /// One avatar group.
    Group,
    /// A page of a group's avatar looks.
    Looks,
    /// A page of the account's groups.
    List,
    /// The person's consent.
    Initiate,
    /// Whether it accepts the key.
    Probe,
}

/// What the return page was answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum PageAnswer {
    /// How the person's consent stands.
    Page,
    /// To go on to `spec.rerouteURL`.
    Redirect,
    /// The page for every address that is not that of a known token.
    Unknown,
    /// That it is not known yet which tokens there are.
    NotReady,
    /// That only GET and HEAD are understood.
    Refused,
}

/// What became of a landing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum LandingResult {
    /// It stands in the status.
    Written,
    /// Another replica had noted one a moment ago, or the object is gone or awaits nothing any more.
    Needless,
    /// Too many came at once.
    Dropped,
    /// The API server could not be asked, or refused it.
    Failed,
}
