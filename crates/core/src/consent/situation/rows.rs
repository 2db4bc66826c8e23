//! The rows themselves: what an object says in each situation, and by which actor something has to be done.

use super::{Actor, Permitted, Progress, Row};
use crate::api::conditions::Situation;

impl Situation {
    /// How the situation reads.
    #[must_use]
    pub const fn row(self) -> Row {
        match self {
            Self::Withdrawn => Row {
                permitted: Permitted::False,
                progress: Progress::Stalled,
                warning: Some(true),
                actors: &[Actor::Author],
                message: "The person has withdrawn their consent, as spec.withdrawal says. Stop using the twin. HeyGen learns of it only when the avatar group is deleted there.",
            },
            Self::Suspended => Row {
                permitted: Permitted::Unknown,
                progress: Progress::Steady,
                warning: None,
                actors: &[Actor::Author],
                message: "Suspended before HeyGen was asked. To go on, set spec.suspend to false.",
            },
            Self::Duplicate => Row {
                permitted: Permitted::False,
                progress: Progress::Stalled,
                warning: Some(true),
                actors: &[Actor::Author],
                message: "Another DigitalTwinConsent with the same spec.groupID already uses this account, perhaps in another namespace. Delete one of the two objects.",
            },
            Self::Restored => Row {
                permitted: Permitted::Unknown,
                progress: Progress::Reconciling,
                warning: Some(false),
                actors: &[Actor::NoOne],
                message: "This status was written for another object, as after a restore from a backup. It permits nothing until the operator has polled HeyGen.",
            },
            Self::Revoked => Row {
                permitted: Permitted::False,
                progress: Progress::Stalled,
                warning: Some(true),
                actors: &[Actor::Author],
                message: "HeyGen no longer reports the consent that it reported before. Stop using the twin. To ask the person again, raise spec.requestEpoch.",
            },
            Self::Refused => Row {
                permitted: Permitted::False,
                progress: Progress::Stalled,
                warning: Some(true),
                actors: &[Actor::Author],
                message: "The person refused, or HeyGen rejected the recording. To ask the person again, raise spec.requestEpoch.",
            },
            Self::GroupMissing => Row {
                permitted: Permitted::False,
                progress: Progress::Stalled,
                warning: Some(true),
                actors: &[Actor::Author],
                message: "HeyGen does not know this avatar group. Check spec.groupID (the id of the group, not of one of its looks) and spec.accountRef. If one is wrong, create another object.",
            },
            Self::TrainingFailed => Row {
                permitted: Permitted::False,
                progress: Progress::Stalled,
                warning: Some(true),
                actors: &[Actor::Author, Actor::HeyGenSupport],
                message: "HeyGen reports that the training of the avatar group failed. See the avatar group at HeyGen, and train it again there. If it says no cause, ask HeyGen's support.",
            },
            Self::TermsChanged => Row {
                permitted: Permitted::False,
                progress: Progress::Stalled,
                warning: Some(true),
                actors: &[Actor::Author],
                message: "The person consented to other terms than the spec has now; see status.approval. Restore spec.consentText, spec.consentVideo and spec.purpose and raise spec.requestEpoch in the same change, or ask with another avatar group: HeyGen asks nobody twice.",
            },
            Self::Lapsed => Row {
                permitted: Permitted::False,
                progress: Progress::Stalled,
                warning: Some(true),
                actors: &[Actor::Author],
                message: "The time of spec.validUntil has passed: the consent counts no more, and nobody is asked. Stop using the twin. If the person agreed to a longer time, move spec.validUntil.",
            },
            Self::Unverified => Row {
                permitted: Permitted::Unknown,
                progress: Progress::Steady,
                warning: Some(true),
                actors: &[Actor::PlatformTeam],
                message: "HeyGen has not confirmed this consent for too long (spec.polling.staleAfter of the account), or the account's consentPolicy does not count it as consent. See the Ready condition of the account. The next answer of HeyGen decides.",
            },
            Self::Approved => Row {
                permitted: Permitted::True,
                progress: Progress::Steady,
                warning: Some(false),
                actors: &[Actor::NoOne],
                message: "The person has consented.",
            },
            Self::Waived => Row {
                permitted: Permitted::True,
                progress: Progress::Steady,
                warning: Some(false),
                actors: &[Actor::NoOne],
                message: "The account's consentPolicy says that no consent is needed.",
            },
            Self::NotRequired => Row {
                permitted: Permitted::True,
                progress: Progress::Steady,
                warning: Some(false),
                actors: &[Actor::NoOne],
                message: "Every look of the group is one of a photo or prompt avatar, which needs no consent.",
            },
            Self::AccountNotReady => Row {
                permitted: Permitted::False,
                progress: Progress::Reconciling,
                warning: Some(true),
                actors: &[Actor::PlatformTeam],
                message: "The account cannot be used. See the Ready condition of the account.",
            },
            Self::AccountNotAllowed => Row {
                permitted: Permitted::False,
                progress: Progress::Reconciling,
                warning: Some(true),
                actors: &[Actor::PlatformTeam],
                message: "The account does not serve this namespace. Add the namespace to spec.allowedNamespaces of the account, or create this object with another spec.accountRef.",
            },
            Self::InvalidRequest => Row {
                permitted: Permitted::False,
                progress: Progress::Stalled,
                warning: Some(true),
                actors: &[Actor::Author],
                message: "HeyGen refuses the request as it stands. Correct the spec and raise spec.requestEpoch in the same change.",
            },
            Self::NotEntitled => Row {
                permitted: Permitted::False,
                progress: Progress::Stalled,
                warning: Some(true),
                actors: &[Actor::PlatformTeam, Actor::HeyGenSupport],
                message: "HeyGen does not let this account ask for consent to this avatar group. Check at HeyGen that the group belongs to the account, and that its plan includes what the spec asks for. If both are right, ask HeyGen's support.",
            },
            Self::AlreadyBegun => Row {
                permitted: Permitted::False,
                progress: Progress::Stalled,
                warning: Some(true),
                actors: &[Actor::PlatformTeam],
                message: "HeyGen says that consent to this avatar group was begun before, and gives no link. HeyGen has no way to give the earlier link again, and a higher spec.requestEpoch may be refused as well. Let the person finish in HeyGen's own interface, or delete the group there and make a new one.",
            },
            Self::LinkSecretConflict => Row {
                permitted: Permitted::False,
                progress: Progress::Stalled,
                warning: Some(true),
                actors: &[Actor::Author],
                message: "The Secret named by spec.linkSecretRef exists and does not belong to this object. Delete the Secret, or name another one and raise spec.requestEpoch in the same change.",
            },
            Self::LinkSecretNotWritable => Row {
                permitted: Permitted::False,
                progress: Progress::Stalled,
                warning: Some(true),
                actors: &[Actor::PlatformTeam],
                message: "The operator cannot read or write the Secret named by spec.linkSecretRef. Check the operator's rights, the quotas and the admission policies in this namespace.",
            },
            Self::Initiating => Row {
                permitted: Permitted::False,
                progress: Progress::Reconciling,
                warning: None,
                actors: &[Actor::NoOne],
                message: "HeyGen has not been asked yet. The operator asks as soon as it may.",
            },
            Self::Unrecognized => Row {
                permitted: Permitted::Unknown,
                progress: Progress::Steady,
                warning: Some(true),
                actors: &[Actor::PlatformTeam],
                message: "HeyGen reports a consent status that the account's consentPolicy does not know; see status.consentStatus. It is not taken for consent. If you know that it means consent, add it to spec.consentPolicy.granted of the ClusterHeyGenAccount, beside the default words, as in `granted: [approved, accepted, validated]`.",
            },
            Self::LinkExpired => Row {
                permitted: Permitted::False,
                progress: Progress::Steady,
                warning: Some(true),
                actors: &[Actor::Author],
                message: "The person has not answered, and the link presumably no longer works. For a new link, raise spec.requestEpoch.",
            },
            Self::Overdue => Row {
                permitted: Permitted::False,
                progress: Progress::Steady,
                warning: Some(true),
                actors: &[Actor::Author, Actor::Person],
                message: "The person has not answered within spec.approvalDeadline. The operator goes on polling. Remind the person.",
            },
            Self::Awaiting => Row {
                permitted: Permitted::False,
                progress: Progress::Steady,
                warning: None,
                actors: &[Actor::Author, Actor::Person],
                message: "Waiting for the person. Send them the link.",
            },
            Self::InitiationDisabled => Row {
                permitted: Permitted::False,
                progress: Progress::Steady,
                warning: Some(false),
                actors: &[Actor::Author],
                message: "Consent is not there, and HeyGen is not asked for it, because spec.initiate is Never. To ask the person, set spec.initiate to Automatic.",
            },
        }
    }
}
