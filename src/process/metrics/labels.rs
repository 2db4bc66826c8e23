//! The labels of the metrics, and the values that each can have: closed lists, which `docs/metrics.md` shows.

use std::fmt;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use strum::{IntoStaticStr, VariantArray};

use twinconsent_core::api::consent::AccountKind;
use twinconsent_core::consent::outcome::Class;

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

/// What HeyGen answered: what was asked for, or which trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answered {
    /// What was asked for.
    Ok,
    /// Anything else.
    Trouble(Class),
}

impl Answered {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        [Self::Ok].into_iter().chain(Class::VARIANTS.iter().copied().map(Self::Trouble))
    }
}

impl From<Answered> for &'static str {
    fn from(answered: Answered) -> Self {
        match answered {
            Answered::Ok => "ok",
            Answered::Trouble(class) => class.into(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Reconcile {
    pub(super) kind: Kind,
    pub(super) result: ReconcileResult,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct KindOnly {
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct StatusWrite {
    pub(super) kind: Kind,
    pub(super) result: WriteResult,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OperationOutcome {
    pub(super) operation: Operation,
    pub(super) outcome: Answered,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OperationOnly {
    pub(super) operation: Operation,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Version {
    pub(super) version: &'static str,
}

macro_rules! by_name {
    ($($label:ty),*) => {$(
        impl EncodeLabelValue for $label {
            fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
                EncodeLabelValue::encode(&<&'static str>::from(*self), encoder)
            }
        }
    )*};
}

by_name!(Kind, ReconcileResult, WriteResult, Operation, Answered);
