//! PURE. The person who comes back from HeyGen's page: by which token, what it is answered with, and when HeyGen is polled because of it.
//!
//! HeyGen leads the person's browser to an address of ours when the recording is done, perhaps before it has judged it. So a landing proves
//! nothing; it says that a poll is worth its while.

mod answer;
mod polls;
mod token;

use jiff::Timestamp;

use crate::api::conditions::Situation;
use crate::api::consent::DigitalTwinConsentStatus;

pub use answer::{Answer, LANDS_AGAIN, State, answer, is_landing, refresh};
pub use polls::{Landed, POLLED_FOR, after_poll, poll_at};
pub use token::{Key, Keys, Subject, Token};

/// When the person came back last, as far as the status tells.
#[must_use]
pub fn time(status: &DigitalTwinConsentStatus) -> Option<Timestamp> {
    status.landing_time.as_ref().map(|time| time.0)
}

/// Whether HeyGen's answer may still come when this is told, so that a poll after a landing may show it.
#[must_use]
pub const fn is_awaited(situation: Situation) -> bool {
    use Situation as S;
    match situation {
        S::Awaiting | S::LinkExpired | S::Overdue | S::AlreadyBegun | S::InitiationDisabled | S::Unrecognized | S::Unverified => true,
        S::Withdrawn | S::Suspended | S::Duplicate | S::Restored | S::Revoked | S::Refused | S::GroupMissing => false,
        S::TrainingFailed | S::TermsChanged | S::Lapsed | S::Approved | S::Waived | S::NotRequired => false,
        S::AccountNotReady | S::AccountNotAllowed | S::InvalidRequest | S::NotEntitled => false,
        S::LinkSecretConflict | S::LinkSecretNotWritable | S::Initiating => false,
    }
}
