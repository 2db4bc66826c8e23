//! What is checked at every decision, at every request and at every status that is written.

use twinconsent_core::api::consent::DigitalTwinConsentStatus;
use twinconsent_core::consent::explain::{Standing, explain};
use twinconsent_core::consent::policy::Meaning;
use twinconsent_core::consent::polling;
use twinconsent_core::consent::request::Request;
use twinconsent_core::consent::step::{Step, Then};

use super::{Decided, World, secs};

/// A decision is explained without link and key, tells when something is next, and what rests for good says what it waits for.
pub(super) fn check_explained(Decided { base, facts, step, at, .. }: &Decided) {
    let explanation = explain(base, facts, step, Standing::default(), *at);
    let text = serde_json::to_string(&explanation).unwrap();
    assert!(!text.contains("heygen.example") && !text.contains(&Request::of(base).idempotency_key), "a link or a key: {text}");
    let next = explanation.next.map(|next| next.at);
    match step {
        Step::Rest(rest) | Step::Tell(_, Then::Rest(rest)) => {
            assert_eq!(next, rest.earliest(), "{text}");
            assert!(next.is_some() || !explanation.waits_for.is_empty(), "{text}");
        }
        Step::Tell(_, Then::Decide) | Step::RecordAnswer | Step::Call(_) => assert_eq!(next, Some(*at), "{text}"),
    }
}

impl World {
    /// Promise 1: no POST without a poll right before it, and none when that poll says granted.
    pub(super) fn check_promise_one(&self, index: usize) {
        let (seen_at, group) = self.replicas[index].last_poll.as_ref().expect("a poll comes before every request");
        let meaning = self.rules.policy.read(group.consent_status.as_deref());
        assert!(
            polling::since(*seen_at, self.now) < secs(60),
            "the poll before the request is {:?} old",
            polling::since(*seen_at, self.now)
        );
        assert!(!matches!(meaning, Meaning::Granted | Meaning::Waived), "asked although {meaning:?}");
    }

    /// A process that was given an answer asks again only for a link that has died: however the record of the first one fails.
    pub(super) fn check_answer_in_hand(&self, index: usize, key: &str) {
        let is_recorded = self.status().initiation.as_ref().is_some_and(|initiation| initiation.idempotency_key == key);
        let has_answer = self.replicas[index].accepted.as_deref() == Some(key);
        assert!(is_recorded || !has_answer, "asked again with an answer in hand:\n{}", self.trace.join("\n"));
    }

    /// What holds of every status that is ever written.
    pub(super) fn check_status(&self, status: &DigitalTwinConsentStatus) {
        let has = |type_: &str| status.conditions.iter().any(|condition| condition.type_ == type_);
        assert!(!(has("Stalled") && has("Reconciling")), "{status:?}");
        assert!(status.history.len() <= 10);
        if !status.conditions.is_empty() {
            assert!(has("Ready") && has("Permitted") && has("Initiated") && has("Approved"));
        }
        let approved = status.conditions.iter().any(|condition| condition.type_ == "Approved" && condition.status == "True");
        assert!(!approved || status.approval.is_some(), "an approval is recorded");
        assert!(status.approval.is_some() || status.revocation.is_none(), "only what was given is taken back");
        for old in &self.status().conditions {
            if let Some(new) = status.conditions.iter().find(|new| new.type_ == old.type_ && new.status == old.status) {
                assert_eq!(new.last_transition_time, old.last_transition_time, "{} has not changed", old.type_);
            }
        }
        let generations: Vec<_> = status.conditions.iter().map(|condition| condition.observed_generation).collect();
        assert!(generations.iter().all(|generation| *generation == status.observed_generation), "{status:?}");
        for condition in &status.conditions {
            assert!(!condition.message.contains("heygen.example"), "a link in a message");
        }
    }
}
