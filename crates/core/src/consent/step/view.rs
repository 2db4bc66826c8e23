//! One object as the rules ask about it: what its status tells, what its spec asks, what is owed.

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;

use super::{AccountFact, Facts, Finding, Rest, Step, Then};
use crate::api::conditions::Situation;
use crate::api::consent::{DigitalTwinConsent, DigitalTwinConsentStatus, Initiate};
use crate::consent::polling;
use crate::consent::request::Request;
use crate::consent::situation::Permitted;
use crate::consent::state::Memory;
use crate::consent::status;

/// Over how long the consents of an account stop counting as verified, at most.
const WIDEST_STALE_SPREAD: Duration = Duration::from_secs(3600);

/// The object as the rules ask about it.
pub(crate) struct View<'a> {
    pub(crate) consent: &'a DigitalTwinConsent,
    pub(crate) facts: &'a Facts,
    pub(crate) now: Timestamp,
    pub(crate) request: Request,
    pub(crate) status: Cow<'a, DigitalTwinConsentStatus>,
    /// What `Ready` tells: for the pace, and for what needs not be told again. What is known of consent stands in `Approved` and
    /// `consentStatus`, for `Ready` may be hiding it.
    pub(crate) shown: Option<Situation>,
}

impl<'a> View<'a> {
    pub(crate) fn of(consent: &'a DigitalTwinConsent, facts: &'a Facts, now: Timestamp) -> Self {
        let status =
            consent.status.as_ref().map_or_else(|| Cow::Owned(DigitalTwinConsentStatus::default()), |status| status::by_now(status, now));
        let shown = status::shown(&status);
        Self { consent, facts, now, request: Request::of(consent), status, shown }
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.facts.memory
    }

    pub(super) fn uid(&self) -> &str {
        self.consent.metadata.uid.as_deref().unwrap_or_default()
    }

    /// Whether the current request was made.
    pub(crate) fn is_initiated(&self) -> bool {
        status::is_initiated(&self.status, &self.request)
    }

    /// Whether HeyGen refused the current request because consent was begun before.
    pub(super) fn is_already_begun(&self) -> bool {
        status::is_already_begun(&self.status, &self.request)
    }

    /// Whether the status was written for another object and does not say so yet.
    pub(super) fn has_foreign_status(&self) -> bool {
        let says_so = self.shown.is_some_and(|shown| matches!(shown, Situation::Restored | Situation::Duplicate | Situation::Withdrawn));
        status::is_restored(self.consent) && (status::is_approved(&self.status) || !says_so)
    }

    /// Whether nothing about the object's consent was settled yet, so that the state of the account is its state.
    pub(super) fn is_unsettled(&self) -> bool {
        !status::is_restored(self.consent)
            && (self.shown.is_none_or(Situation::is_before_any_poll)
                || (self.generation_is_new() && self.is_open() && !status::is_approved(&self.status)))
    }

    /// When what is told of consent stops counting as verified, unless HeyGen is read before: up to an hour later for each object, so
    /// that an account's trouble does not change all of its consents at once.
    pub(super) fn stale_at(&self) -> Option<Timestamp> {
        self.shown.filter(|shown| shown.row().permitted == Permitted::True)?;
        let Facts { account, proof, polled_at, .. } = self.facts;
        // What may not be polled is not verified by what others were answered.
        let is_polled = !self.consent.spec.suspend.unwrap_or(false) && !matches!(account, AccountFact::NotAllowed(_));
        let verified_at = polled_at.or(proof.last_poll.filter(|_| is_polled)).or_else(|| status::ready_since(&self.status))?;
        let spread = WIDEST_STALE_SPREAD.min(proof.stale_after / 10).mul_f64(polling::share(self.uid(), 1));
        Some(polling::add(verified_at, proof.stale_after + spread))
    }

    pub(super) fn is_stale(&self) -> bool {
        self.stale_at().is_some_and(|at| at <= self.now)
    }

    /// Why HeyGen is not to be asked whatever it says, if the spec or the time bar that.
    pub(super) fn bar(&self) -> Option<Situation> {
        let spec = &self.consent.spec;
        if spec.withdrawal.is_some() {
            return Some(Situation::Withdrawn);
        }
        if status::has_lapsed(spec, self.now) {
            return Some(Situation::Lapsed);
        }
        match spec.initiate {
            None | Some(Initiate::Automatic) => None,
            Some(Initiate::Never | Initiate::Unrecognized) => Some(Situation::InitiationDisabled),
        }
    }

    /// Whether what is told because of the spec or the time is no longer so; only a poll shows what is the case instead.
    pub(super) fn is_outlived(&self) -> bool {
        let (spec, shown) = (&self.consent.spec, self.shown);
        shown == Some(Situation::Lapsed) && !status::has_lapsed(spec, self.now)
            || shown == Some(Situation::TermsChanged) && !status::terms_changed(spec, &self.status)
    }

    /// When the consent lapses, if that is still to come.
    pub(super) fn lapses_at(&self) -> Option<Timestamp> {
        status::lapses_at(&self.consent.spec).filter(|&at| at > self.now)
    }

    /// Whether the current request may still have to be made.
    pub(super) fn is_open(&self) -> bool {
        self.bar().is_none() && !self.is_initiated() && !self.is_already_begun() && (!status::is_refused(&self.status) || self.asks_anew())
    }

    /// Whether the request is one that was neither made nor found needless: the status waits for a person who was not asked for it.
    ///
    /// Generations alone do not tell: after a restore of the cluster the same ones come again.
    pub(super) fn owes_request(&self) -> bool {
        self.is_open() && (self.shown.is_some_and(Situation::awaits) || self.generation_is_new())
    }

    /// Whether the user asked again after the request that was refused or revoked.
    ///
    /// The epoch of that request is the one of the initiation or, when another object had asked, the one under which the word was seen.
    /// A refusal that was never told counts as seen under the current epoch: no person who refused is asked again unless the user says so.
    pub(super) fn asks_anew(&self) -> bool {
        let initiated = self.status.initiation.as_ref().map(|initiation| initiation.epoch);
        let seen = self.status.history.last().map(|entry| entry.request_epoch);
        initiated.max(seen).is_some_and(|answered| self.request.epoch > answered)
    }

    /// What is told in place of what was told, by the spec and the time.
    fn first(&self, situation: Situation) -> Situation {
        status::first(&self.consent.spec, &self.status, status::is_approved(&self.status), situation, self.now)
    }

    pub(super) fn generation_is_new(&self) -> bool {
        self.status.observed_generation != self.consent.metadata.generation
    }

    /// The next time at which something that is told changes by itself.
    pub(super) fn next_flag(&self) -> Option<Timestamp> {
        let flags = status::flag_times(&self.consent.spec, &self.status, self.shown);
        flags.into_iter().chain([self.stale_at(), self.lapses_at()]).flatten().filter(|&at| at > self.now).min()
    }

    /// Tells what time or the spec alone have changed, if anything, and rests.
    ///
    /// A generation whose request is owed is not told as observed: only a poll finds it needless, and only the request makes it.
    pub(super) fn refresh_or_rest(&self, rest: Rest) -> Step {
        if self.is_stale() {
            // What is told by then decides what the next poll is for.
            return Step::Tell(Finding::known(Situation::Unverified), Then::Decide);
        }
        if self.owes_request() {
            return Step::Rest(rest);
        }
        if let Some(reported) = self.shown
            && (self.generation_is_new()
                || self.first(reported) != reported
                || status::flags_have_turned(&self.consent.spec, &self.status, self.now))
        {
            return Step::Tell(Finding::known(reported), Then::Rest(rest));
        }
        Step::Rest(rest)
    }
}
