//! The audit trail of whole lives: what is told, in which order, and that every log is as it was written.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use strum::VariantArray as _;
use twinconsent_core::consent::audit::EventType as E;
use twinconsent_core::consent::audit::{deleted, verify};
use twinconsent_core::consent::outcome::LookType;
use twinconsent_core::consent::policy::Rules;

use crate::driver::{HOUR, MINUTE, World};
use crate::model::Model;

const DAY: u64 = 24 * HOUR;

/// Long enough for two polls of the slowest kind, and for what they confirm.
const A_WHILE: u64 = 13 * HOUR;

/// A life, and its events.
struct Life {
    world: World,
    events: Vec<E>,
}

impl Life {
    /// The first minute, in 2026.
    fn begins(spec: Value, word: Option<&str>, expected: &[E]) -> Self {
        Self { world: World::new(spec, Model::saying(word)), events: Vec::new() }.tells(MINUTE, expected)
    }

    /// Lives on, and tells this.
    fn tells(mut self, seconds: u64, expected: &[E]) -> Self {
        self.world.live(seconds);
        self.world.check_audit();
        let events = std::mem::take(&mut self.world.audit.events);
        assert_eq!(events, expected, "{}", self.world.trace.join("\n"));
        self.events.extend(events);
        self
    }

    fn then(mut self, happens: impl FnOnce(&mut World), expected: &[E]) -> Self {
        happens(&mut self.world);
        self.tells(A_WHILE, expected)
    }

    fn says(self, word: &str, expected: &[E]) -> Self {
        self.then(|world| world.heygen.word = Some(word.into()), expected)
    }

    fn edits(self, change: Value, expected: &[E]) -> Self {
        self.then(|world| world.edit(change), expected)
    }
}

/// The person lets the link die, answers late, changes their mind, and withdraws in the end.
fn a_person() -> Life {
    let spec = json!({ "linkRenewal": "Automatic", "approvalDeadline": "60h", "validUntil": "2026-01-20T00:00:00Z" });
    Life::begins(spec, Some("pending"), &[E::Requested])
        .tells(30 * HOUR, &[E::LinkExpired, E::Renewed])
        .tells(32 * HOUR, &[E::LinkExpired, E::Renewed, E::Overdue])
        .says("accepted", &[E::Approved])
        .says("rejected", &[E::Revoked])
        .edits(json!({ "requestEpoch": 1 }), &[E::Requested])
        .says("rejected", &[E::Refused])
        .says("approved", &[E::Approved])
        .edits(json!({ "validUntil": "2026-02-01T00:00:00Z" }), &[E::TermMoved])
        .tells(40 * DAY, &[E::Lapsed])
        .edits(json!({ "validUntil": null }), &[E::TermMoved, E::Approved])
        .edits(json!({ "withdrawal": { "time": "2026-02-10T00:00:00Z" } }), &[E::Withdrawn])
        .says("rejected", &[E::Revoked])
}

/// The person saw one text; then the spec has another.
fn other_terms() -> Life {
    Life::begins(json!({ "consentText": "I consent." }), None, &[E::Requested])
        .says("approved", &[E::Approved])
        .edits(json!({ "consentText": "I consent to all.", "requestEpoch": 1 }), &[E::TermsChanged])
        .edits(json!({ "consentText": "I consent.", "requestEpoch": 2 }), &[E::Approved])
}

/// Others have asked; the object loses its group, is restored elsewhere and made anew.
fn found() -> Life {
    Life::begins(json!({}), Some("approved"), &[E::Adopted, E::Approved])
        .then(|world| world.owns_group = false, &[E::Stalled])
        .then(|world| world.owns_group = true, &[E::Approved])
        .then(|world| world.restore_status_elsewhere(2), &[E::Restored, E::Adopted, E::Approved])
        .then(|world| world.recreate(3), &[E::Adopted, E::Approved])
        .then(|world| world.heygen.missing = true, &[E::Stalled])
}

/// No person has to be asked.
fn no_one() -> Life {
    let mut world = World::new(json!({}), Model::saying(None));
    world.heygen.looks = vec![LookType::PhotoAvatar];
    let life = Life { world, events: Vec::new() }.tells(MINUTE, &[E::NotRequired]);
    let waives = |world: &mut World| {
        let policy = serde_json::from_value(json!({ "waived": ["skipped"] })).unwrap();
        world.rules = Rules::new(Some(&policy), None, None);
        world.heygen.word = Some("skipped".into());
    };
    life.then(waives, &[E::Waived]).says("approved", &[E::Approved])
}

#[test]
fn each_life_tells_what_has_happened_to_it_and_every_event_is_told_in_one() {
    let events: BTreeSet<E> = [a_person(), other_terms(), found(), no_one(), doubted()].into_iter().flat_map(|life| life.events).collect();
    let missing: Vec<_> = E::VARIANTS.iter().filter(|event_type| !events.contains(event_type)).collect();
    assert_eq!(missing, [&E::Deleted], "which is told when the object goes");
}

/// What is only waited for, and what is not known for a while.
fn doubted() -> Life {
    Life::begins(json!({ "initiate": "Never" }), Some("pending"), &[E::ConditionChanged])
        .says("weird", &[E::ConditionChanged])
        .says("approved", &[E::Adopted, E::Approved])
        .says("weird", &[E::ConditionChanged])
        .says("approved", &[E::ConditionChanged])
        .edits(json!({ "suspend": true }), &[E::ConditionChanged])
        .edits(json!({ "suspend": false }), &[E::ConditionChanged])
}

#[test]
fn an_object_that_goes_ends_its_chain() {
    let Life { world, .. } = Life::begins(json!({}), Some("pending"), &[E::Requested]).says("approved", &[E::Approved]);
    let last = deleted(&world.object, world.now);
    assert_eq!((last.sequence(), last.event_type()), (3, E::Deleted));
    let log = world.audit.lines.iter().cloned().chain([last.line()]);
    let verified = verify(log, &world.audit.marks);
    assert_eq!((verified.events, verified.problems), (3, vec![]));
    assert_eq!(verified.unconfirmed.len(), 1);
}
