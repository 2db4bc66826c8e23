//! PURE. What a token is answered with.

use std::time::Duration;

use jiff::Timestamp;

use super::{POLLED_FOR, is_awaited, time};
use crate::api::conditions::Situation;
use crate::api::consent::DigitalTwinConsent;
use crate::consent::polling;
use crate::consent::status;

/// How long after the end of a link its token is still known.
const KNOWN_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);

/// How soon a landing of the same person counts again.
pub const LANDS_AGAIN: Duration = Duration::from_secs(30);

/// How often the page of a person who waits renews itself at first, how long that goes on, and how often it does so later.
const RENEWED: [(u32, Duration); 2] = [(10, Duration::from_secs(3)), (67, Duration::from_secs(10))];

/// What the person who has a token is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer<'a> {
    /// To go on to this address of the user's.
    Redirect(&'a str),
    /// A page that says how their consent stands.
    Page(State),
    /// The same as to a token that no request has.
    Unknown,
}

/// How the consent of the person stands, as far as it is theirs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// HeyGen's answer is awaited.
    Waiting,
    /// HeyGen says that consent was given, or needs not be.
    Given,
    /// HeyGen says that it was not given, or was taken back.
    NotGiven,
    /// The person has withdrawn it, as the user says.
    Withdrawn,
    /// Nothing is expected of the person.
    Closed,
}

/// What the token of this object's request is answered with.
#[must_use]
pub fn answer(consent: &DigitalTwinConsent, now: Timestamp) -> Answer<'_> {
    if !is_known(consent, now) {
        return Answer::Unknown;
    }
    consent.spec.reroute_url.as_deref().map_or_else(|| Answer::Page(state(consent)), Answer::Redirect)
}

/// Whether a visit is noted as a landing: HeyGen's answer may have changed, and no landing was noted a moment ago.
///
/// `renewals` counts how often the page has renewed itself: what it does by itself is noted only when nothing was noted before.
#[must_use]
pub fn is_landing(consent: &DigitalTwinConsent, renewals: u32, now: Timestamp) -> bool {
    let Some(status) = consent.status.as_ref().filter(|_| is_known(consent, now)) else { return false };
    let is_polled = !consent.spec.suspend.unwrap_or(false) && consent.metadata.deletion_timestamp.is_none();
    let pause = if renewals == 0 { LANDS_AGAIN } else { POLLED_FOR };
    let is_over = |landed: Timestamp| now.duration_since(landed).unsigned_abs() >= pause;
    is_polled && status::shown(status).is_some_and(is_awaited) && time(status).is_none_or(is_over)
}

/// How soon the page of a person who waits renews itself, after it has done so so often; `None`: not any more.
#[must_use]
pub fn refresh(renewals: u32) -> Option<Duration> {
    RENEWED.into_iter().find(|(up_to, _)| renewals < *up_to).map(|(_, pause)| pause)
}

/// Whether the token of this object's request is known: the link has ended a week ago at most.
fn is_known(consent: &DigitalTwinConsent, now: Timestamp) -> bool {
    let Some(status) = consent.status.as_ref().filter(|status| status.initiation.is_some()) else { return false };
    status.link_expiration_time.as_ref().is_some_and(|end| now < polling::add(end.0, KNOWN_AFTER))
}

fn state(consent: &DigitalTwinConsent) -> State {
    use Situation as S;
    let Some(status) = &consent.status else { return State::Waiting };
    if consent.spec.withdrawal.is_some() {
        return State::Withdrawn;
    }
    if status::is_restored(consent) {
        return State::Waiting;
    }
    match status::shown(status) {
        // An approval of before may stand beside these: what was consented to is over.
        Some(S::GroupMissing | S::TrainingFailed | S::TermsChanged | S::Lapsed) => State::Closed,
        _ if status::is_approved(status) => State::Given,
        Some(S::Withdrawn) => State::Withdrawn,
        Some(S::Refused | S::Revoked) => State::NotGiven,
        Some(S::Approved | S::Waived | S::NotRequired) => State::Given,
        Some(S::InvalidRequest | S::NotEntitled | S::AccountNotAllowed) => State::Closed,
        Some(S::Awaiting | S::LinkExpired | S::Overdue | S::AlreadyBegun | S::InitiationDisabled | S::Unrecognized | S::Unverified) => {
            State::Waiting
        }
        Some(S::Suspended | S::Duplicate | S::Restored | S::AccountNotReady | S::Initiating) => State::Waiting,
        Some(S::LinkSecretConflict | S::LinkSecretNotWritable) | None => State::Waiting,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::consent::DigitalTwinConsentStatus;

    const NOW: &str = "2026-03-01T12:00:00Z";

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    fn consent(spec: serde_json::Value, reason: &str, approved: &str, link_ends: Option<&str>) -> DigitalTwinConsent {
        let mut consent = DigitalTwinConsent::new("ada", serde_json::from_value(spec).unwrap());
        consent.metadata.uid = Some("u".to_owned());
        let condition = |type_: &str, status: &str, reason: &str| json!({ "type": type_, "status": status, "reason": reason, "message": "", "lastTransitionTime": NOW });
        let status = json!({
            "objectUID": "u", "linkExpirationTime": link_ends, "initiation": { "epoch": 0, "idempotencyKey": "k" },
            "conditions": [condition("Ready", "False", reason), condition("Approved", approved, reason)],
        });
        consent.status = Some(serde_json::from_value::<DigitalTwinConsentStatus>(status).unwrap());
        consent
    }

    fn awaited() -> DigitalTwinConsent {
        consent(json!({ "groupID": "g" }), "AwaitingApproval", "Unknown", Some("2026-03-02T12:00:00Z"))
    }

    fn landed(second: i64) -> DigitalTwinConsent {
        let mut consent = awaited();
        let time = polling::shifted(now(), jiff::SignedDuration::from_secs(second));
        consent.status.as_mut().unwrap().landing_time = Some(time.into());
        consent
    }

    #[test]
    fn each_person_is_told_how_their_own_consent_stands() {
        let shown = |spec: serde_json::Value, reason: &str, approved: &str| {
            let consent = consent(spec, reason, approved, Some("2026-03-02T12:00:00Z"));
            let Answer::Page(state) = answer(&consent, now()) else { panic!("{reason}: no page") };
            state
        };
        let plain = || json!({ "groupID": "g" });
        for (reason, approved, state) in [
            ("AwaitingApproval", "Unknown", State::Waiting),
            ("ConsentApproved", "True", State::Given),
            ("Suspended", "True", State::Given),
            ("ConsentLapsed", "True", State::Closed),
            ("ConsentLapsed", "Unknown", State::Closed),
            ("ConsentRefused", "False", State::NotGiven),
            ("ConsentRevoked", "False", State::NotGiven),
            ("AccountNotReady", "Unknown", State::Waiting),
            ("AvatarGroupNotFound", "Unknown", State::Closed),
        ] {
            assert_eq!(shown(plain(), reason, approved), state, "{reason}, Approved {approved}");
        }
        let withdrawn = json!({ "groupID": "g", "withdrawal": { "time": NOW } });
        assert_eq!(shown(withdrawn, "ConsentApproved", "True"), State::Withdrawn);
    }

    #[test]
    fn a_status_of_another_object_gives_no_thanks() {
        let mut restored = consent(json!({ "groupID": "g" }), "ConsentApproved", "True", Some("2026-03-02T12:00:00Z"));
        restored.metadata.uid = Some("another".to_owned());
        assert_eq!(answer(&restored, now()), Answer::Page(State::Waiting));
    }

    #[test]
    fn the_person_goes_on_where_the_user_says() {
        let spec = json!({ "groupID": "g", "rerouteURL": "https://studio.example/thanks" });
        let consent = consent(spec, "AwaitingApproval", "Unknown", Some("2026-03-02T12:00:00Z"));
        assert_eq!(answer(&consent, now()), Answer::Redirect("https://studio.example/thanks"));
    }

    #[test]
    fn a_week_after_the_end_of_the_link_its_token_is_as_unknown_as_any_other() {
        let spec = || json!({ "groupID": "g", "rerouteURL": "https://studio.example/thanks" });
        let ended = |end| consent(spec(), "AwaitingApproval", "Unknown", end);
        assert_eq!(answer(&ended(Some("2026-02-22T12:00:00Z")), now()), Answer::Unknown);
        assert!(!is_landing(&ended(Some("2026-02-22T12:00:00Z")), 0, now()));
        assert_ne!(answer(&ended(Some("2026-02-22T12:00:01Z")), now()), Answer::Unknown);
        assert_eq!(answer(&ended(None), now()), Answer::Unknown, "without a link nobody comes back from it");
        let mut unasked = ended(Some("2026-03-02T12:00:00Z"));
        unasked.status.as_mut().unwrap().initiation = None;
        assert_eq!(answer(&unasked, now()), Answer::Unknown);
    }

    #[test]
    fn a_landing_counts_once_in_half_a_minute_and_what_a_page_does_by_itself_only_when_none_was_noted() {
        assert!(is_landing(&awaited(), 0, now()) && is_landing(&awaited(), 1, now()));
        for (second, first, renewed) in
            [(-29, false, false), (-30, true, false), (-599, true, false), (-600, true, true), (29, false, false)]
        {
            assert_eq!((is_landing(&landed(second), 0, now()), is_landing(&landed(second), 5, now())), (first, renewed), "{second}");
        }
    }

    #[test]
    fn nothing_is_noted_where_nothing_would_come_of_it() {
        let of = |spec, reason, approved| is_landing(&consent(spec, reason, approved, Some("2026-03-02T12:00:00Z")), 0, now());
        assert!(!of(json!({ "groupID": "g" }), "ConsentApproved", "True"), "it is known");
        assert!(!of(json!({ "groupID": "g", "suspend": true }), "AwaitingApproval", "Unknown"), "HeyGen is not polled");
    }

    #[test]
    fn a_page_renews_itself_often_at_first_and_not_for_ever() {
        let pauses: Vec<u64> = (0..200).map_while(refresh).map(|pause| pause.as_secs()).collect();
        assert_eq!((pauses[0], pauses[9], pauses[10], pauses.iter().sum::<u64>()), (3, 3, 10, 600));
    }
}
