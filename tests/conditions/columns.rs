//! What only the documents say of a row of the conditions table: its name, its action, and what tools and other conditions make of it.

#![allow(dead_code, reason = "several test binaries include this, and none uses all of it")]

use twinconsent_core::api::conditions::Situation;
use twinconsent_core::consent::situation::{Permitted, Progress};

/// What the row is called.
pub fn title(situation: Situation) -> &'static str {
    match situation {
        Situation::Withdrawn => "the person has withdrawn their consent (`spec.withdrawal`)",
        Situation::Suspended => "suspended before the first poll",
        Situation::Duplicate => "another object owns the group on this account",
        Situation::Restored => "status of another object (a restored backup), HeyGen not polled since",
        Situation::Revoked => "approval withdrawn",
        Situation::Refused => "refused",
        Situation::GroupMissing => "group missing",
        Situation::TrainingFailed => "training failed",
        Situation::Unverified => "not verified for longer than `polling.staleAfter`, or not what the policy counts as consent any more",
        Situation::Approved => "approved / accepted",
        Situation::Waived => "waived (policy says so)",
        Situation::NotRequired => "photo or prompt avatar",
        Situation::AccountNotReady => "account missing, secret missing, key refused: only before `Initiated`",
        Situation::AccountNotAllowed => "account not allowed: only before `Initiated`",
        Situation::InvalidRequest => "request invalid",
        Situation::NotEntitled => "not entitled",
        Situation::AlreadyBegun => "consent was begun before, and HeyGen gives no link",
        Situation::LinkSecretConflict => "Secret for the link is not ours",
        Situation::LinkSecretNotWritable => "Secret for the link cannot be written",
        Situation::Initiating => "call cannot start at once (limiter, backoff)",
        Situation::Unrecognized => "unknown word from HeyGen, also after an approval",
        Situation::LinkExpired => "link died",
        Situation::Overdue => "deadline passed",
        Situation::Awaiting => "waiting for the person",
        Situation::TermsChanged => "consented, certainly to other terms than those of the spec",
        Situation::Lapsed => "`spec.validUntil` has passed, with or without an approval",
        Situation::InitiationDisabled => "would ask, but `initiate: Never`",
    }
}

/// What has to be done, as the message ends; empty where nothing has to be done.
pub fn action(situation: Situation) -> &'static str {
    match situation {
        Situation::Suspended => "To go on, set spec.suspend to false.",
        Situation::Duplicate => "Delete one of the two objects.",
        Situation::Withdrawn => "Stop using the twin. HeyGen learns of it only when the avatar group is deleted there.",
        Situation::TermsChanged => {
            "Restore spec.consentText, spec.consentVideo and spec.purpose and raise spec.requestEpoch in the same change, or ask with another avatar group: HeyGen asks nobody twice."
        }
        Situation::Lapsed => "Stop using the twin. If the person agreed to a longer time, move spec.validUntil.",
        Situation::InitiationDisabled => "To ask the person, set spec.initiate to Automatic.",
        Situation::Revoked => "Stop using the twin. To ask the person again, raise spec.requestEpoch.",
        Situation::Refused => "To ask the person again, raise spec.requestEpoch.",
        Situation::GroupMissing => {
            "Check spec.groupID (the id of the group, not of one of its looks) and spec.accountRef. If one is wrong, create another object."
        }
        Situation::TrainingFailed => "See the avatar group at HeyGen, and train it again there. If it says no cause, ask HeyGen's support.",
        Situation::Unverified => "See the Ready condition of the account. The next answer of HeyGen decides.",
        Situation::AccountNotReady => "See the Ready condition of the account.",
        Situation::AccountNotAllowed => {
            "Add the namespace to spec.allowedNamespaces of the account, or create this object with another spec.accountRef."
        }
        Situation::InvalidRequest => "Correct the spec and raise spec.requestEpoch in the same change.",
        Situation::NotEntitled => {
            "Check at HeyGen that the group belongs to the account, and that its plan includes what the spec asks for. If both are right, ask HeyGen's support."
        }
        Situation::AlreadyBegun => "Let the person finish in HeyGen's own interface, or delete the group there and make a new one.",
        Situation::LinkSecretConflict => "Delete the Secret, or name another one and raise spec.requestEpoch in the same change.",
        Situation::LinkSecretNotWritable => "Check the operator's rights, the quotas and the admission policies in this namespace.",
        Situation::Unrecognized => {
            "If you know that it means consent, add it to spec.consentPolicy.granted of the ClusterHeyGenAccount, beside the default words, as in `granted: [approved, accepted, validated]`."
        }
        Situation::LinkExpired => "For a new link, raise spec.requestEpoch.",
        Situation::Overdue => "Remind the person.",
        Situation::Awaiting => "Send them the link.",
        Situation::Restored | Situation::Approved | Situation::Waived | Situation::NotRequired | Situation::Initiating => "",
    }
}

/// The conditions that stand beside `Ready` and speak of this situation.
pub fn besides(situation: Situation) -> &'static str {
    match situation {
        Situation::Suspended => "`Suspended`",
        Situation::Restored => "`Approved=Unknown` where it was True; `Reconciling`",
        Situation::Unverified => "`Approved` stays as it was; Unknown where the policy no longer counts it",
        Situation::Revoked | Situation::Refused => "`Approved=False`, `Stalled`",
        Situation::GroupMissing | Situation::TrainingFailed => "`Stalled`; `Approved` stays as it was",
        Situation::Approved => "`Approved`; `Initiated` if this object has asked",
        Situation::Waived => "`Approved`",
        Situation::NotRequired | Situation::InitiationDisabled => "–",
        Situation::Withdrawn | Situation::TermsChanged | Situation::Lapsed => "`Stalled`; `Approved` says what HeyGen says",
        Situation::AccountNotReady | Situation::AccountNotAllowed | Situation::Initiating => "`Reconciling`",
        Situation::Duplicate
        | Situation::InvalidRequest
        | Situation::NotEntitled
        | Situation::LinkSecretConflict
        | Situation::LinkSecretNotWritable => "`Stalled`",
        Situation::Unrecognized => "`Initiated` if this object has asked; `Approved` stays True if it was",
        Situation::AlreadyBegun => "`Stalled`; `Initiated` if this object has a link of the same request",
        Situation::LinkExpired => "`Initiated`, `LinkExpired`",
        Situation::Overdue => "`Initiated`, `Overdue`",
        Situation::Awaiting => "`Initiated`",
    }
}

/// What `Permitted` is, and so `Ready`.
pub fn permitted(situation: Situation) -> &'static str {
    situation.row().permitted.word()
}

/// What `Ready` is; two words where `readyWhen: Initiated` makes the second, once the person was asked.
pub fn ready(situation: Situation) -> &'static str {
    match situation.row().permitted {
        Permitted::False if may_follow_a_request(situation) => "False / True",
        Permitted::Unknown if may_follow_a_request(situation) => "Unknown / True",
        Permitted::True | Permitted::False | Permitted::Unknown => permitted(situation),
    }
}

/// Whether the person was asked, as the spec is, in a situation in which no one else has to act: then it is enough for `readyWhen: Initiated`.
fn may_follow_a_request(situation: Situation) -> bool {
    use Situation as S;
    matches!(situation, S::Unrecognized | S::Unverified | S::LinkExpired | S::Overdue | S::Awaiting)
}

/// What kstatus (`kubectl wait`-like tools, Flux, Helm) makes of it; two words where `readyWhen: Initiated` makes the second.
pub fn kstatus(situation: Situation) -> &'static str {
    match (situation.row().progress, ready(situation)) {
        (Progress::Stalled, _) => "Failed",
        (Progress::Steady, "True") => "Current",
        (Progress::Steady, "False / True" | "Unknown / True") => "InProgress / Current",
        _ => "InProgress",
    }
}

/// What Argo CD's health check makes of it; two words where `readyWhen: Initiated` makes the second.
pub fn argo_cd(situation: Situation) -> &'static str {
    match (situation.row().progress, ready(situation)) {
        (Progress::Stalled, _) => "Degraded",
        (Progress::Reconciling, _) => "Progressing",
        (Progress::Steady, "True") => "Healthy",
        (Progress::Steady, "False / True" | "Unknown / True") => "Suspended / Healthy",
        // Nothing goes on and nothing is broken: a person is to act.
        (Progress::Steady, _) => "Suspended",
    }
}
