//! The rows themselves: what an object says in each situation, what has to be done, and by which actor.

use super::{Actor, Progress, Ready, Row};
use crate::api::conditions::Situation;

/// A message and the action that it ends with.
macro_rules! message {
    ($case:literal) => {
        ($case, "")
    };
    ($case:literal, $action:literal) => {
        (concat!($case, " ", $action), $action)
    };
}

/// `Ready`, progress, warning, title, actors, message and action.
type Cells = (Ready, Progress, Option<bool>, &'static str, &'static [Actor], (&'static str, &'static str));

impl Situation {
    /// How the situation reads.
    #[must_use]
    pub const fn row(self) -> Row {
        let (ready, progress, warning, title, actors, (message, action)): Cells = match self {
            Self::Suspended => (
                Ready::Unknown,
                Progress::Steady,
                None,
                "suspended before the first poll",
                &[Actor::Author],
                message!("Suspended before HeyGen was asked.", "To go on, set spec.suspend to false."),
            ),
            Self::Duplicate => (
                Ready::False,
                Progress::Stalled,
                Some(true),
                "another object owns the group on this account",
                &[Actor::Author],
                message!(
                    "Another DigitalTwinConsent with the same spec.groupID already uses this account, perhaps in another namespace.",
                    "Delete one of the two objects."
                ),
            ),
            Self::Restored => (
                Ready::Unknown,
                Progress::Reconciling,
                Some(false),
                "status of another object (a restored backup), HeyGen not polled since",
                &[Actor::NoOne],
                message!(
                    "This status was written for another object, as after a restore from a backup. It permits nothing until the operator has polled HeyGen."
                ),
            ),
            Self::Revoked => (
                Ready::False,
                Progress::Stalled,
                Some(true),
                "approval withdrawn",
                &[Actor::Author],
                message!(
                    "HeyGen no longer reports the consent that it reported before.",
                    "Stop using the twin. To ask the person again, raise spec.requestEpoch."
                ),
            ),
            Self::Refused => (
                Ready::False,
                Progress::Stalled,
                Some(true),
                "refused",
                &[Actor::Author],
                message!("The person refused, or HeyGen rejected the recording.", "To ask the person again, raise spec.requestEpoch."),
            ),
            Self::GroupMissing => (
                Ready::False,
                Progress::Stalled,
                Some(true),
                "group missing",
                &[Actor::Author],
                message!(
                    "HeyGen does not know this avatar group.",
                    "Check spec.groupID (the id of the group, not of one of its looks) and spec.accountRef. If one is wrong, create another object."
                ),
            ),
            Self::TrainingFailed => (
                Ready::False,
                Progress::Stalled,
                Some(true),
                "training failed",
                &[Actor::Author, Actor::HeyGenSupport],
                message!(
                    "HeyGen reports that the training of the avatar group failed.",
                    "See the avatar group at HeyGen, and train it again there. If it says no cause, ask HeyGen's support."
                ),
            ),
            Self::Unverified => (
                Ready::Unknown,
                Progress::Steady,
                Some(true),
                "not verified for longer than `polling.staleAfter`, or not what the policy counts as consent any more",
                &[Actor::PlatformTeam],
                message!(
                    "HeyGen has not confirmed this consent for too long (spec.polling.staleAfter of the account), or the account's consentPolicy does not count it as consent.",
                    "See the Ready condition of the account. The next answer of HeyGen decides."
                ),
            ),
            Self::Approved => {
                (Ready::True, Progress::Steady, Some(false), "approved / accepted", &[Actor::NoOne], message!("The person has consented."))
            }
            Self::Waived => (
                Ready::True,
                Progress::Steady,
                Some(false),
                "waived (policy says so)",
                &[Actor::NoOne],
                message!("The account's consentPolicy says that no consent is needed."),
            ),
            Self::NotRequired => (
                Ready::True,
                Progress::Steady,
                Some(false),
                "photo or prompt avatar",
                &[Actor::NoOne],
                message!("Every look of the group is one of a photo or prompt avatar, which needs no consent."),
            ),
            Self::AccountNotReady => (
                Ready::False,
                Progress::Reconciling,
                Some(true),
                "account missing, secret missing, key refused: only before `Initiated`",
                &[Actor::PlatformTeam],
                message!("The account cannot be used.", "See the Ready condition of the account."),
            ),
            Self::AccountNotAllowed => (
                Ready::False,
                Progress::Reconciling,
                Some(true),
                "account not allowed: only before `Initiated`",
                &[Actor::PlatformTeam],
                message!(
                    "The account does not serve this namespace.",
                    "Add the namespace to spec.allowedNamespaces of the account, or create this object with another spec.accountRef."
                ),
            ),
            Self::InvalidRequest => (
                Ready::False,
                Progress::Stalled,
                Some(true),
                "request invalid",
                &[Actor::Author],
                message!("HeyGen refuses the request as it stands.", "Correct the spec and raise spec.requestEpoch in the same change."),
            ),
            Self::NotEntitled => (
                Ready::False,
                Progress::Stalled,
                Some(true),
                "not entitled",
                &[Actor::PlatformTeam, Actor::HeyGenSupport],
                message!(
                    "HeyGen does not let this account ask for consent to this avatar group.",
                    "Check at HeyGen that the group belongs to the account, and that its plan includes what the spec asks for. If both are right, ask HeyGen's support."
                ),
            ),
            Self::AlreadyBegun => (
                Ready::False,
                Progress::Stalled,
                Some(true),
                "consent was begun before, and HeyGen gives no link",
                &[Actor::PlatformTeam],
                message!(
                    "HeyGen says that consent to this avatar group was begun before, and gives no link. HeyGen has no way to give the earlier link again, and a higher spec.requestEpoch may be refused as well.",
                    "Let the person finish in HeyGen's own interface, or delete the group there and make a new one."
                ),
            ),
            Self::LinkSecretConflict => (
                Ready::False,
                Progress::Stalled,
                Some(true),
                "Secret for the link is not ours",
                &[Actor::Author],
                message!(
                    "The Secret named by spec.linkSecretRef exists and does not belong to this object.",
                    "Delete the Secret, or name another one and raise spec.requestEpoch in the same change."
                ),
            ),
            Self::LinkSecretNotWritable => (
                Ready::False,
                Progress::Stalled,
                Some(true),
                "Secret for the link cannot be written",
                &[Actor::PlatformTeam],
                message!(
                    "The operator cannot read or write the Secret named by spec.linkSecretRef.",
                    "Check the operator's rights, the quotas and the admission policies in this namespace."
                ),
            ),
            Self::Initiating => (
                Ready::False,
                Progress::Reconciling,
                None,
                "call cannot start at once (limiter, backoff)",
                &[Actor::NoOne],
                message!("HeyGen has not been asked yet. The operator asks as soon as it may."),
            ),
            Self::Unrecognized => (
                Ready::Unknown,
                Progress::Steady,
                Some(true),
                "unknown word from HeyGen, also after an approval",
                &[Actor::PlatformTeam],
                message!(
                    "HeyGen reports a consent status that the account's consentPolicy does not know; see status.consentStatus. It is not taken for consent.",
                    "If you know that it means consent, add it to spec.consentPolicy.granted of the ClusterHeyGenAccount, beside the default words, as in `granted: [approved, accepted, validated]`."
                ),
            ),
            Self::LinkExpired => (
                Ready::WhenInitiated,
                Progress::Steady,
                Some(true),
                "link died",
                &[Actor::Author],
                message!(
                    "The person has not answered, and the link presumably no longer works.",
                    "For a new link, raise spec.requestEpoch."
                ),
            ),
            Self::Overdue => (
                Ready::WhenInitiated,
                Progress::Steady,
                Some(true),
                "deadline passed",
                &[Actor::Author, Actor::Person],
                message!("The person has not answered within spec.approvalDeadline. The operator goes on polling.", "Remind the person."),
            ),
            Self::Awaiting => (
                Ready::WhenInitiated,
                Progress::Steady,
                None,
                "waiting for the person",
                &[Actor::Author, Actor::Person],
                message!("Waiting for the person.", "Send them the link."),
            ),
        };
        Row { ready, progress, title, message, action, actors, warning }
    }
}
