//! What an event tells of.

use strum::{EnumMessage, IntoStaticStr, VariantArray};

/// What an event tells of, in the order in which the events of one write follow each other: first what the object is, then what was asked,
/// then what HeyGen says, then what follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, EnumMessage, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum EventType {
    /// The object came with the status of another one, as from a backup. It permits nothing until HeyGen was polled, and its chain begins anew.
    Restored,
    /// `spec.validUntil` was moved, set later or removed.
    TermMoved,
    /// HeyGen took a consent request of this object, which it had not taken before.
    Requested,
    /// HeyGen gave a new link for the same request.
    Renewed,
    /// HeyGen reports a consent that this object has not asked for. `Approved` follows.
    Adopted,
    /// HeyGen reports the person's consent: newly, or again after an event that told otherwise.
    Approved,
    /// The account's policy says that no consent is needed.
    Waived,
    /// No look of the group depicts a person.
    NotRequired,
    /// The person refused, or HeyGen rejected the recording.
    Refused,
    /// HeyGen took an approval back.
    Revoked,
    /// The person has not answered within `spec.approvalDeadline`.
    Overdue,
    /// The link presumably stopped working unused.
    LinkExpired,
    /// The author or the platform team has to act, for a reason that has no event of its own: the reason of `Ready`.
    Stalled,
    /// The person consented to other terms than those that the spec has now.
    TermsChanged,
    /// `spec.validUntil` has passed.
    Lapsed,
    /// The person withdrew their consent, as `spec.withdrawal` says.
    Withdrawn,
    /// The object shows another status or reason in one of its conditions, and no other event of the same write tells why: it is no longer
    /// stalled, is suspended, goes on, was not verified for too long, or HeyGen says a word that is not known.
    ConditionChanged,
    /// The object was deleted. Best effort: what goes while no replica leads is not told.
    Deleted,
}

impl EventType {
    /// The word in the attribute `type`.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.into()
    }

    /// Whether the link of an earlier event is of no use to the person any more: they have another one, or nothing is asked of them.
    #[must_use]
    pub fn supersedes_links(self) -> bool {
        match self {
            Self::Requested
            | Self::Renewed
            | Self::Adopted
            | Self::Approved
            | Self::Waived
            | Self::NotRequired
            | Self::Refused
            | Self::Revoked
            | Self::LinkExpired
            | Self::Withdrawn
            | Self::Deleted => true,
            // They are awaited as before.
            Self::Restored
            | Self::TermMoved
            | Self::Overdue
            | Self::Stalled
            | Self::TermsChanged
            | Self::Lapsed
            | Self::ConditionChanged => false,
        }
    }

    /// The attribute `type` itself.
    #[must_use]
    pub fn name(self) -> String {
        format!("io.twinconsent.consent.{}.v1", self.word())
    }
}
