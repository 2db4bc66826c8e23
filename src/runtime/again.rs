//! When an object is decided anew whose status could not be written.

use std::time::Duration;

use jiff::Timestamp;

use crate::kubernetes;
use crate::process::clock;
use crate::process::clock::Wall;
use crate::runtime::context::Context;
use twinconsent_core::api::consent::DigitalTwinConsent;
use twinconsent_core::api::uid::uid;
use twinconsent_core::consent::polling;
use twinconsent_core::consent::report;
use twinconsent_core::consent::state;
use twinconsent_core::consent::state::{LONGEST_UNWRITTEN, Memory, Unwritten};

/// How soon an object is decided anew whose copy was too old to write.
const AFTER_CONFLICT: Duration = Duration::from_millis(500);

/// Remembers that a status could not be written, so that it is tried again with growing pauses.
pub(super) fn not_written(consent: &DigitalTwinConsent, before: &Memory, error: &kubernetes::Error, wall: Wall, context: &Context) {
    let longest = if error.is_about_the_object() { LONGEST_UNWRITTEN } else { state::longest_in_common(context.store.unwritten()) };
    let unwritten = Unwritten::after(before.unwritten.as_deref(), consent, longest, wall.now());
    if unwritten.is_worth_telling() {
        context.metrics.unwritten_status();
        context.events.report(consent, report::STATUS_NOT_WRITTEN);
    }
    let memory = Memory { unwritten: Some(Box::new(unwritten)), ..before.clone() };
    context.wake_consents(context.store.remember(consent, memory, false, wall));
}

/// Lets an object be decided anew after an error: soon when only its copy was too old, later when Kubernetes is in trouble.
pub(super) fn after_error(consent: &DigitalTwinConsent, error: &kubernetes::Error, context: &Context) {
    let uid = consent.metadata.uid.as_deref().unwrap_or_default();
    let now = clock::steady();
    let at = match (error, context.store.unwritten_until(consent)) {
        (_, Some(not_before)) if not_before > now => not_before,
        (kubernetes::Error::Conflict, _) => polling::add(now, AFTER_CONFLICT),
        _ => polling::add(now, polling::backoff(3, uid)),
    };
    decide_at(consent, at, context);
}

/// Lets an object be decided anew at this time of the steady clock.
pub(super) fn decide_at(consent: &DigitalTwinConsent, at: Timestamp, context: &Context) {
    if let Some(uid) = uid(consent) {
        context.scheduler.with(|schedule, _| schedule.wake_at(uid, at));
    }
}
