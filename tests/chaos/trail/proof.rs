//! What the log proves, beside what was shown.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use serde_json::Value;
use twinconsent_core::consent::audit::{Verified, verify};

use super::witness::{Shown, Status};

/// The log, read.
pub struct Proof<'a> {
    verified: Verified,
    /// In order, with the numbers of their lines.
    events: Vec<Event>,
    log: Vec<&'a str>,
    shown: &'a Shown,
    /// The digests of the events of statuses that were shown.
    recorded: BTreeSet<String>,
    /// How many lines were not written to their end when an operator was killed.
    torn: usize,
}

struct Event {
    line: u64,
    id: String,
    name: String,
    word: String,
    digest: String,
    previous: Option<String>,
    version: Option<String>,
    conditions: Value,
}

impl Event {
    fn read(line: u64, text: &str) -> Self {
        let event: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("line {line}: {error}: {text}"));
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let part = |value: &Value, from_end: usize, by: char| value.as_str().unwrap().rsplit(by).nth(from_end).unwrap().to_owned();
        Self {
            line,
            id: text(&event["id"]).unwrap(),
            name: part(&event["source"], 0, '/'),
            word: part(&event["type"], 1, '.'),
            digest: text(&event["digest"]).unwrap(),
            previous: text(&event["data"]["previousDigest"]),
            version: text(&event["data"]["object"]["resourceVersion"]),
            conditions: event["data"]["conditions"].clone(),
        }
    }
}

impl<'a> Proof<'a> {
    pub fn of(log: &'a str, shown: &'a Shown) -> Self {
        // A process that is killed in the middle of a write leaves a torn line, whose status it never wrote; the next one begins another line.
        let (log, torn): (Vec<&str>, Vec<&str>) = log.lines().partition(|line| serde_json::from_str::<Value>(line).is_ok());
        let events: Vec<Event> = (1..).zip(&log).map(|(line, text)| Event::read(line, text)).collect();
        let marks: BTreeMap<_, _> =
            shown.iter().filter_map(|(uid, all)| Some((uid.clone(), all.iter().rev().find_map(|one| one.mark.clone())?))).collect();
        let verified = verify(log.iter().copied(), &marks);
        let by_digest: HashMap<&str, &Event> = events.iter().map(|event| (event.digest.as_str(), event)).collect();
        let mut recorded = BTreeSet::new();
        for mark in shown.values().flatten().filter_map(|status| status.mark.as_ref()) {
            // The status names the last event of its write; those before it tell of the same version of the object.
            let mut of_write = by_digest.get(mark.digest.as_str()).copied();
            while let Some(event) = of_write {
                recorded.insert(event.digest.clone());
                let before = event.previous.as_deref().and_then(|previous| by_digest.get(previous).copied());
                of_write = before.filter(|before| before.version == event.version);
            }
        }
        Self { verified, events, log, shown, recorded, torn: torn.len() }
    }

    /// At most so many lines are torn. Every chain is whole; each status that was ever shown says what the event that it names says; and a line of no such status is called
    /// unconfirmed.
    pub fn assert_whole(&self, most_torn: usize) {
        assert!(self.torn <= most_torn, "{} lines are torn", self.torn);
        assert!(self.verified.problems.is_empty(), "{:#?}", self.verified.problems);
        let said: HashMap<&str, &Value> = self.events.iter().map(|event| (event.digest.as_str(), &event.conditions)).collect();
        for (uid, all) in self.shown {
            for Status { conditions, mark, is_own } in all {
                match mark {
                    Some(mark) => assert_eq!(said.get(mark.digest.as_str()), Some(&conditions), "{uid}/{}", mark.sequence),
                    None => assert!(!is_own, "{uid} shows {conditions}, and names no event"),
                }
            }
        }
        let unconfirmed: BTreeSet<u64> = self.verified.unconfirmed.iter().map(|unconfirmed| unconfirmed.line).collect();
        for event in self.events.iter().filter(|event| !self.recorded.contains(&event.digest)) {
            assert!(
                unconfirmed.contains(&event.line),
                "line {}, {} ({}), was never shown, and is called confirmed",
                event.line,
                event.id,
                event.word
            );
        }
    }

    /// The lines of what came to be, by their ids.
    pub fn lines(&self) -> HashMap<&str, &str> {
        let recorded = self.events.iter().zip(self.log.iter().copied()).filter(|(event, _)| self.recorded.contains(&event.digest));
        recorded.map(|(event, line)| (event.id.as_str(), line)).collect()
    }

    /// What came to be of the objects of this name is there, and these words are among it in this order.
    pub fn assert_tells(&self, name: &str, words: &[&str]) {
        let recorded = || self.events.iter().filter(|event| event.name == name && self.recorded.contains(&event.digest));
        let mut left = words.iter().peekable();
        for event in recorded() {
            left.next_if(|word| **word == event.word);
        }
        let recorded: Vec<_> = recorded().map(|event| event.word.as_str()).collect();
        assert!(left.peek().is_none(), "{name}: {words:?} are not in this order among {recorded:?}");
    }
}

impl fmt::Display for Proof<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let statuses: usize = self.shown.values().map(Vec::len).sum();
        let deleted = self.events.iter().filter(|event| event.word == "deleted").count();
        let superseded = self.verified.unconfirmed.iter().filter(|unconfirmed| unconfirmed.superseded).count();
        write!(
            f,
            "{} events of {} objects, {statuses} statuses shown, {} lines of none (of which {deleted} tell of a deletion), {superseded} superseded, {} lines are torn",
            self.events.len(),
            self.verified.objects,
            self.events.len() - self.recorded.len(),
            self.torn,
        )
    }
}
