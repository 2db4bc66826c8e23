//! Which events a transition makes: from the object, the status before and the status after alone.

use strum::VariantArray as _;

use super::data::{Shown, shown};
use super::{EventType, last_of};
use crate::api::conditions::{Situation, types};
use crate::api::consent::{DigitalTwinConsent, DigitalTwinConsentStatus};
use crate::consent::status;

/// One status that is written over another one.
pub(super) struct Transition<'a> {
    before: &'a DigitalTwinConsentStatus,
    after: &'a DigitalTwinConsentStatus,
    /// Whether the status before is one of this object, written for it with HeyGen read.
    was_own: bool,
    is_own: bool,
    /// Whether the chain of this object goes on; else nothing of the status before was told in it.
    goes_on: bool,
}

impl<'a> Transition<'a> {
    pub(super) fn of(consent: &DigitalTwinConsent, before: &'a DigitalTwinConsentStatus, after: &'a DigitalTwinConsentStatus) -> Self {
        let is_own = |status: &DigitalTwinConsentStatus| status.object_uid == consent.metadata.uid;
        let (was_own, is_own) = (is_own(before), is_own(after));
        Self { before, after, was_own, is_own, goes_on: was_own || last_of(consent, before).is_some() }
    }

    /// The events, in order.
    pub(super) fn events(&self) -> Vec<EventType> {
        if self.before == self.after {
            return Vec::new();
        }
        let mut events: Vec<_> = EventType::VARIANTS.iter().copied().filter(|event_type| self.makes(*event_type)).collect();
        if events.is_empty() && self.shows_something_else() {
            events.push(EventType::ConditionChanged);
        }
        events
    }

    /// Whether a condition is another one than the chain has told.
    fn shows_something_else(&self) -> bool {
        shown(self.after) != if self.goes_on { shown(self.before) } else { Shown::new() }
    }

    fn makes(&self, event_type: EventType) -> bool {
        use EventType as E;
        match event_type {
            E::Restored => !self.before.conditions.is_empty() && !self.goes_on,
            E::TermMoved => !self.before.conditions.is_empty() && self.goes_on && self.before.valid_until != self.after.valid_until,
            E::Requested => self.asked() && !self.asked_again(),
            E::Renewed => self.asked_again(),
            E::Adopted => {
                self.is_said(Situation::Approved) && self.after.initiation.is_none() && self.before.approval != self.after.approval
            }
            E::Approved => self.is_said(Situation::Approved) || self.is_entered(event_type),
            E::Waived => self.is_said(Situation::Waived) || self.is_entered(event_type),
            E::Refused => self.is_said(Situation::Refused) || self.is_entered(event_type),
            E::Revoked => self.is_said(Situation::Revoked) || self.is_entered(event_type),
            E::Overdue => self.is_turned_on(types::OVERDUE),
            E::LinkExpired => self.is_turned_on(types::LINK_EXPIRED),
            E::NotRequired | E::Stalled | E::TermsChanged | E::Lapsed | E::Withdrawn => self.is_entered(event_type),
            // Of what is left when no other is made, and of no status.
            E::ConditionChanged | E::Deleted => false,
        }
    }

    /// Whether HeyGen took a request since.
    fn asked(&self) -> bool {
        let request = |status: &'a DigitalTwinConsentStatus| {
            status.initiation.as_ref().map(|initiation| (initiation.epoch, &initiation.idempotency_key, initiation.renewals.unwrap_or(0)))
        };
        self.after.initiation.is_some() && request(self.before) != request(self.after)
    }

    /// Whether that was the request that it had taken before.
    fn asked_again(&self) -> bool {
        let key = |status: &'a DigitalTwinConsentStatus| status.initiation.as_ref().map(|initiation| &initiation.idempotency_key);
        self.asked() && key(self.before) == key(self.after)
    }

    /// Whether `Approved` has come to say this. What a status says that is not the object's own, HeyGen has not said of it.
    fn is_said(&self, situation: Situation) -> bool {
        let says = |status| status::approved_says(status, situation);
        self.is_own && says(self.after) && !(self.was_own && says(self.before))
    }

    /// Whether this condition has become True.
    fn is_turned_on(&self, type_: &str) -> bool {
        status::holds(self.after, type_) && !status::holds(self.before, type_)
    }

    /// Whether `Ready` has come to tell of a situation that this event tells.
    fn is_entered(&self, event_type: EventType) -> bool {
        let Some(shown) = status::shown(self.after).filter(|shown| event_of(*shown) == Some(event_type)) else { return false };
        let before = status::shown(self.before).filter(|_| self.goes_on);
        // A doubt is a changed condition and so is its end: `Approved` stayed as it was.
        let was_doubt = matches!(before, Some(Situation::Unverified | Situation::Unrecognized)) && is_kept_by_approved(shown);
        before != Some(shown) && !was_doubt
    }
}

/// Whether the condition `Approved` tells it as well, and so whether it was told before a doubt that hid it.
const fn is_kept_by_approved(situation: Situation) -> bool {
    matches!(situation, Situation::Approved | Situation::Waived | Situation::Refused | Situation::Revoked)
}

/// By which event it is told that an object comes into a situation, if by any.
const fn event_of(situation: Situation) -> Option<EventType> {
    use EventType as E;
    use Situation as S;
    match situation {
        S::Withdrawn => Some(E::Withdrawn),
        S::Restored => Some(E::Restored),
        S::Revoked => Some(E::Revoked),
        S::Refused => Some(E::Refused),
        S::TermsChanged => Some(E::TermsChanged),
        S::Lapsed => Some(E::Lapsed),
        S::Approved => Some(E::Approved),
        S::Waived => Some(E::Waived),
        S::NotRequired => Some(E::NotRequired),
        S::LinkExpired => Some(E::LinkExpired),
        S::Overdue => Some(E::Overdue),
        S::Duplicate | S::GroupMissing | S::TrainingFailed | S::InvalidRequest | S::NotEntitled | S::AlreadyBegun => Some(E::Stalled),
        S::LinkSecretConflict | S::LinkSecretNotWritable => Some(E::Stalled),
        // Nothing has happened to the consent: it waits, or is not known for now. That is told as a changed condition.
        S::Suspended | S::Unrecognized | S::Unverified | S::AccountNotReady | S::AccountNotAllowed => None,
        S::Initiating | S::Awaiting | S::InitiationDisabled => None,
    }
}

#[cfg(test)]
mod tests;
