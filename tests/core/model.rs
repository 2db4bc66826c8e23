//! HeyGen as far as the core can tell: a word, a training state, looks, and keys that are replayed for 24 hours.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use twinconsent_core::consent::link::Link;
use twinconsent_core::consent::outcome::{Class, Group, LookType, LooksPage, Outcome, Started, Trouble};
use twinconsent_core::consent::polling;

/// How long a key is replayed.
pub const WINDOW: Duration = Duration::from_secs(24 * 3600);

/// What goes wrong with the next calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// No answer, and nothing was done.
    LostBefore,
    /// No answer, although it was done.
    LostAfter,
    /// This trouble instead of an answer, with every call.
    Trouble(Trouble),
    /// This trouble instead of an answer, with consent requests only.
    Request(Trouble),
    /// This trouble instead of a page of avatar looks.
    Looks(Trouble),
}

/// One consent request that HeyGen received.
#[derive(Debug, Clone)]
pub struct Post {
    pub key: String,
    pub at: Timestamp,
    pub executed: bool,
}

#[derive(Debug, Default)]
pub struct Model {
    pub word: Option<String>,
    pub training: Option<String>,
    pub missing: bool,
    pub looks: Vec<LookType>,
    /// How many looks a page holds; 0: all.
    pub looks_of_a_page: usize,
    /// Whether a consent request leaves the word as it is.
    pub keeps_word: bool,
    /// Whether an accepted request yields no link, as one with a clip does.
    pub gives_no_link: bool,
    pub fault: Option<Fault>,
    pub posts: Vec<Post>,
    pub calls: usize,
    pub keys: BTreeMap<String, (Timestamp, String)>,
}

impl Model {
    pub fn saying(word: Option<&str>) -> Self {
        Self { word: word.map(str::to_owned), looks: vec![LookType::DigitalTwin], ..Self::default() }
    }

    pub fn group(&self) -> Group {
        Group {
            name: Some("Ada".into()),
            status: self.training.clone(),
            looks_count: Some(1),
            created_at: Some(1_700_000_000),
            consent_status: self.word.clone(),
        }
    }

    pub fn poll(&mut self) -> Outcome {
        self.calls += 1;
        if let Some(trouble) = self.trouble(false) {
            return trouble;
        }
        if self.missing { Outcome::Trouble(Trouble::of(Class::NotFound)) } else { Outcome::Polled(self.group()) }
    }

    pub fn read_looks(&mut self, cursor: Option<&str>) -> Outcome {
        self.calls += 1;
        if let Some(Fault::Looks(trouble)) = &self.fault {
            return Outcome::Trouble(trouble.clone());
        }
        self.trouble(false).unwrap_or_else(|| Outcome::LooksRead(self.looks_from(cursor.map_or(0, |cursor| cursor.parse().unwrap()))))
    }

    fn looks_from(&self, from: usize) -> LooksPage {
        let most = if self.looks_of_a_page == 0 { self.looks.len() } else { self.looks_of_a_page };
        let types: Vec<LookType> = self.looks.iter().skip(from).take(most).copied().collect();
        let next = from + types.len();
        LooksPage { types, next: (next < self.looks.len()).then(|| next.to_string()) }
    }

    pub fn post(&mut self, key: &str, now: Timestamp) -> Outcome {
        self.calls += 1;
        let acts = !matches!(self.fault, Some(Fault::LostBefore | Fault::Trouble(_) | Fault::Request(_))) && !self.missing;
        let executed = acts && self.link(key, now).is_none();
        self.posts.push(Post { key: key.to_owned(), at: now, executed });
        if executed {
            let link = format!("https://heygen.example/consent/{}", self.posts.len());
            self.keys.insert(key.to_owned(), (now, link));
            if !self.keeps_word {
                self.word = Some("pending".into());
            }
        }
        // A key that was executed is replayed, whatever the group has become (HeyGen API notes, section 3).
        let is_bound = |outcome: &Outcome| matches!(outcome, Outcome::Trouble(trouble) if trouble.class == Class::AlreadyBound);
        if let Some(trouble) = self.trouble(true).filter(|trouble| !is_bound(trouble) || self.link(key, now).is_none()) {
            return trouble;
        }
        let Some(link) = self.link(key, now) else { return Outcome::Trouble(Trouble::of(Class::NotFound)) };
        let link = Some(Link::new(link)).filter(|_| !self.gives_no_link);
        Outcome::Initiated(Started { link, group: Some(self.group()), request_id: None })
    }

    /// The link that is replayed for a key.
    pub fn link(&self, key: &str, now: Timestamp) -> Option<&str> {
        self.keys.get(key).filter(|(at, _)| polling::since(*at, now) < WINDOW).map(|(_, link)| link.as_str())
    }

    pub fn executed(&self) -> usize {
        self.posts.iter().filter(|post| post.executed).count()
    }

    fn trouble(&self, is_request: bool) -> Option<Outcome> {
        match self.fault.as_ref()? {
            Fault::LostBefore | Fault::LostAfter => Some(Outcome::Trouble(Trouble::of(Class::Unreachable))),
            Fault::Trouble(trouble) => Some(Outcome::Trouble(trouble.clone())),
            Fault::Looks(_) => None,
            Fault::Request(trouble) => is_request.then(|| Outcome::Trouble(trouble.clone())),
        }
    }
}
