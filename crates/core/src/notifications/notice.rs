//! One event, as sinks hear of it.

use std::time::Duration;

use jiff::Timestamp;

use crate::api::consent::DigitalTwinConsent;
use crate::api::uid::Uid;
use crate::consent::audit::{Event, EventType, last_again};
use crate::consent::polling;

/// How old the last event of an object may be to be sent again by a process that begins to decide.
const SENT_AGAIN: Duration = Duration::from_secs(3600);

/// PURE. The objects whose last events are to be sent again, in the order in which they are handed in: there may not be room for all, and the
/// youngest are the most likely not to have been delivered.
pub fn youngest_first(mut last_events: Vec<(Timestamp, Uid)>) -> impl Iterator<Item = Uid> {
    last_events.sort_unstable_by(|one, other| other.cmp(one));
    last_events.into_iter().map(|(_, object)| object)
}

/// One event, as sinks hear of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What it tells of.
    pub event_type: EventType,
    /// Its id, by which receivers know that they have had it.
    pub id: String,
    /// The JSON of it.
    pub line: String,
    /// When it was made.
    pub time: Timestamp,
}

impl Notice {
    /// Of an event that was made at `now`.
    #[must_use]
    pub fn of(event: &Event, now: Timestamp) -> Self {
        Self { event_type: event.event_type(), id: event.id().to_owned(), line: event.line(), time: now }
    }

    /// When the last event of an object was made, if that is under an hour ago: the process that made it may have ended before it was delivered.
    #[must_use]
    pub fn last_if_young(consent: &DigitalTwinConsent, now: Timestamp) -> Option<Timestamp> {
        let time = consent.status.as_ref()?.audit.as_ref()?.time.as_ref()?.0;
        (polling::since(time, now) < SENT_AGAIN).then_some(time)
    }

    /// Of the last event of an object, if that is [young](Self::last_if_young).
    ///
    /// It has the same id and no digests, and says `resent` in its data; see there for what else is not as it was.
    #[must_use]
    pub fn again(consent: &DigitalTwinConsent, now: Timestamp) -> Option<Self> {
        Self::last_if_young(consent, now)?;
        let (event_type, time, body) = last_again(consent)?;
        let id = body.get("id")?.as_str()?.to_owned();
        Some(Self { event_type, id, line: serde_json_canonicalizer::to_string(&body).ok()?, time })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_was_made_last_is_handed_in_first() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert!(youngest_first(vec![(at(2), 7), (at(9), 1), (at(5), 3)]).eq([1, 3, 7]));
    }

    #[test]
    fn what_is_under_an_hour_old_is_sent_again_without_link_and_digest() {
        let mut consent = DigitalTwinConsent::new("ada", serde_json::from_value(json!({ "groupID": "g" })).unwrap());
        consent.metadata.uid = Some("u".to_owned());
        let status = json!({
            "url": "https://heygen.example/the-link",
            "audit": { "objectUID": "u", "sequence": 2, "digest": format!("sha256:{}", "0".repeat(64)), "type": EventType::Requested.name(), "time": "2026-07-01T10:00:00Z" },
        });
        consent.status = Some(serde_json::from_value(status).unwrap());
        let again = |now: &str| Notice::again(&consent, now.parse().unwrap());
        let notice = again("2026-07-01T10:59:59Z").unwrap();
        assert_eq!((notice.event_type, notice.id.as_str()), (EventType::Requested, "u/2"));
        let line: Value = serde_json::from_str(&notice.line).unwrap();
        assert_eq!((&line["time"], &line["data"]["resent"]), (&json!("2026-07-01T10:00:00Z"), &json!(true)));
        assert!(!notice.line.contains("igest\":\"sha256:0") && !notice.line.contains("the-link"), "{}", notice.line);
        assert_eq!(again("2026-07-01T11:00:00Z"), None);
        assert!(again("2026-07-01T09:00:00Z").is_some(), "the clock was set back");
    }
}
