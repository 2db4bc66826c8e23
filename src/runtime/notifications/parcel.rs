//! PURE. An event as it waits: compressed against what most events share, since thousands may wait for a sink that is dead.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use serde::Deserialize;

use crate::runtime::store::dictionary;
use crate::runtime::store::packed::Packed;
use twinconsent_core::api::conditions::Situation;
use twinconsent_core::consent::audit;
use twinconsent_core::consent::link::Link;
use twinconsent_core::consent::polling;
use twinconsent_core::notifications;

/// An event as it waits.
#[derive(Debug)]
pub(super) struct Parcel {
    line: Packed,
    /// The link that it gives, and when that stops working.
    link: Option<Box<(Link, Option<Timestamp>)>>,
    /// Whether the link is of no use any more, although it may work.
    is_superseded: AtomicBool,
}

/// What is sent: the event's id, and the body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) id: String,
    pub(super) body: String,
}

/// What most events say: they are of people who are awaited or have consented.
static DICTIONARY: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let events =
        [Situation::Approved, Situation::Awaiting].map(|situation| audit::deleted(&dictionary::of(situation), Timestamp::UNIX_EPOCH));
    events.iter().flat_map(|event| event.line().into_bytes()).collect()
});

impl Parcel {
    /// Of an event's line, with a link and the time at which that stops working.
    pub(super) fn of(line: &str, link: Option<(Link, Option<Timestamp>)>) -> Self {
        let line = Packed::of(&DICTIONARY, |text| text.extend(line.as_bytes()));
        Self { line, link: link.map(Box::new), is_superseded: AtomicBool::new(false) }
    }

    /// Leaves the link out, should it be sent from now on: something happened that makes it useless.
    pub(super) fn leave_link_out(&self) {
        self.is_superseded.store(true, Ordering::Relaxed);
    }

    /// How many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        self.line.size() + self.link.as_ref().map_or(0, |link| link.0.expose().len())
    }

    /// What is sent at `now`, by the wall clock. `None` never happens, for the text was written from an event.
    pub(super) fn content(&self, include_link: bool, now: Timestamp) -> Option<Content> {
        #[derive(Deserialize)]
        struct Identified {
            id: String,
        }
        let line = String::from_utf8(self.line.text(&DICTIONARY)?).ok()?;
        let works = |until: Option<Timestamp>| until.is_none_or(|until| !polling::since(now, until).is_zero());
        let is_wanted = include_link && !self.is_superseded.load(Ordering::Relaxed);
        let link = self.link.as_ref().filter(|link| is_wanted && works(link.1));
        let Identified { id } = serde_json::from_str(&line).ok()?;
        Some(Content { id, body: notifications::body(&line, link.map(|link| link.0.expose())) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"data":{"groupID":"g — \"1\""},"id":"u/1"}"#;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_link_is_sent_where_it_is_wanted_and_while_it_works_and_is_of_use() {
        let parcel = Parcel::of(LINE, Some((Link::new("https://x"), Some(at(100)))));
        let has_link = |include_link, now| parcel.content(include_link, at(now)).unwrap().body.contains("https://x");
        assert_eq!([has_link(true, 99), has_link(true, 100), has_link(false, 99)], [true, false, false]);
        assert_eq!(parcel.content(false, at(0)), Some(Content { id: "u/1".to_owned(), body: LINE.to_owned() }));
        assert!(!format!("{parcel:?}").contains("https://x"));
        parcel.leave_link_out();
        assert!(!has_link(true, 99));
    }

    #[test]
    fn an_event_that_waits_takes_less_than_a_third_of_its_text() {
        let mut consent = dictionary::of(Situation::Approved);
        consent.metadata.name = Some("ada-lovelace".to_owned());
        consent.metadata.namespace = Some("studio".to_owned());
        consent.metadata.uid = Some("3b1f0c52-7f3d-4c55-9d8a-3a8c8b7a1f10".to_owned());
        consent.spec.group_id = "5f2c8e0b9d3a4c719a0c3ddc1c9a5b44".to_owned();
        let line = audit::deleted(&consent, at(1_795_694_400)).line();
        let parcel = Parcel::of(&line, None);
        assert!(parcel.bytes() * 3 < line.len(), "{} bytes became {}", line.len(), parcel.bytes());
        assert_eq!(parcel.content(false, at(0)).unwrap().body, line);
    }
}
