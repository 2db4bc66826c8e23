//! HeyGen: a word for the one group, and keys that are replayed for 24 hours.

use std::sync::Arc;

use twinconsent_core::consent::link::Link;
use twinconsent_core::consent::outcome::{Class, Group, LookType, LooksPage, Outcome, Started, Trouble};

/// HeyGen's word about consent.
pub type Word = Option<&'static str>;

/// How long a key is replayed, in seconds.
pub const WINDOW: i64 = 24 * 3600;

#[derive(Debug, Clone)]
pub struct HeyGen {
    pub word: Word,
    /// Whether nothing reaches it.
    pub is_down: bool,
    /// Whether consent was begun elsewhere, so that a key which is not replayed gets no link.
    pub is_bound: bool,
    /// The keys that are replayed: when each was executed, and for which place.
    pub keys: Vec<Executed>,
    /// How many links it has issued.
    pub links: u32,
}

#[derive(Debug, Clone)]
pub struct Executed {
    pub key: Arc<str>,
    pub at: i64,
    pub link: u32,
    pub place: usize,
    /// The digest of the statement that its page shows.
    pub statement: Arc<str>,
    /// The objects that have asked with it.
    pub uids: Vec<String>,
}

impl HeyGen {
    pub fn saying(word: Word) -> Self {
        Self { word, is_down: false, is_bound: false, keys: Vec::new(), links: 0 }
    }

    pub fn poll(&self) -> Outcome {
        if self.is_down { lost() } else { polled(self.word) }
    }

    pub fn read_looks(&self) -> Outcome {
        if self.is_down { lost() } else { Outcome::LooksRead(LooksPage { types: vec![LookType::DigitalTwin], next: None }) }
    }

    /// Executes a request, or replays it. Returns whether it was executed, and the answer.
    pub fn post(&mut self, key: &str, statement: &str, (place, uid): (usize, &str), now: i64) -> (bool, Outcome) {
        if self.is_down {
            return (false, lost());
        }
        self.keys.retain(|executed| now - executed.at < WINDOW);
        let executed = self.link(key, now).is_none();
        if executed && self.is_bound {
            return (false, Outcome::Trouble(Trouble::of(Class::AlreadyBound)));
        }
        if executed {
            self.links += 1;
            self.keys.push(Executed { key: key.into(), at: now, link: self.links, place, statement: statement.into(), uids: Vec::new() });
            if !matches!(self.word, Some("approved" | "accepted")) {
                self.word = Some("pending");
            }
        }
        let asked = self.keys.iter_mut().filter(|executed| *executed.key == *key && !executed.uids.iter().any(|asked| asked == uid));
        asked.for_each(|executed| executed.uids.push(uid.to_owned()));
        let link = self.link(key, now).map(Link::new);
        (executed, Outcome::Initiated(Started { link, group: Some(group(self.word)), request_id: None }))
    }

    /// The link that is replayed for a key.
    pub fn link(&self, key: &str, now: i64) -> Option<String> {
        let held = self.keys.iter().find(|executed| *executed.key == *key && now - executed.at < WINDOW)?;
        Some(link_of(held.link))
    }

    /// The statement that the page of a link shows, as long as the link is replayed, and if this object has asked for it.
    pub fn statement_of(&self, link: &str, uid: &str) -> Option<Arc<str>> {
        let executed = self.keys.iter().find(|executed| link_of(executed.link) == link)?;
        executed.uids.iter().any(|asked| asked == uid).then(|| executed.statement.clone())
    }

    /// The place that a link was issued for, as long as it is replayed.
    pub fn place_of(&self, link: &str) -> Option<usize> {
        self.keys.iter().find(|executed| link_of(executed.link) == link).map(|executed| executed.place)
    }
}

fn link_of(number: u32) -> String {
    format!("https://heygen.example/consent/{number}")
}

pub fn polled(word: Word) -> Outcome {
    Outcome::Polled(group(word))
}

pub fn lost() -> Outcome {
    Outcome::Trouble(Trouble::of(Class::Unreachable))
}

pub fn group(word: Word) -> Group {
    Group {
        name: Some("Ada".into()),
        status: None,
        looks_count: Some(1),
        created_at: Some(1_700_000_000),
        consent_status: word.map(str::to_owned),
    }
}
