//! The columns of the conditions table that tools and other conditions make of a row.

#![allow(dead_code, reason = "several test binaries include this, and none uses all of it")]

use twinconsent_core::api::conditions::Situation;
use twinconsent_core::consent::situation::{Progress, Ready};

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
        Situation::NotRequired => "–",
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

/// What kstatus (`kubectl wait`-like tools, Flux, Helm) makes of it; two words where `readyWhen: Initiated` makes the second.
pub fn kstatus(situation: Situation) -> &'static str {
    match (situation.row().progress, situation.row().ready) {
        (Progress::Stalled, _) => "Failed",
        (Progress::Reconciling, _) | (_, Ready::False | Ready::Unknown) => "InProgress",
        (_, Ready::True) => "Current",
        (_, Ready::WhenInitiated) => "InProgress / Current",
    }
}

/// What Argo CD's health check makes of it; two words where `readyWhen: Initiated` makes the second.
pub fn argo_cd(situation: Situation) -> &'static str {
    match (situation.row().progress, situation.row().ready) {
        (Progress::Stalled, _) => "Degraded",
        (Progress::Reconciling, _) => "Progressing",
        (_, Ready::True) => "Healthy",
        (_, Ready::WhenInitiated) => "Suspended / Healthy",
        // Nothing goes on and nothing is broken: a person is to act.
        (_, Ready::False | Ready::Unknown) => "Suspended",
    }
}
