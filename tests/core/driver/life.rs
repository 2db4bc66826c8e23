//! Time: what is done until nothing is due, and for how long.

use jiff::Timestamp;
use twinconsent_core::api::consent::DigitalTwinConsentStatus;
use twinconsent_core::consent::polling;

use super::{Progress, World, secs};

impl World {
    /// Goes on until nothing is due, and returns the next time; panics when it spins.
    pub fn settle_down(&mut self) -> Option<Timestamp> {
        for _ in 0..64 {
            self.deliver(0);
            let mut progress = self.begin(0);
            if progress == Progress::Going {
                progress = self.finish(0);
            }
            if let Progress::Rest(until) = progress {
                assert!(until.is_none_or(|until| until > self.now), "a rest until the past");
                return until;
            }
        }
        panic!("a hot loop:\n{}", self.trace.join("\n"));
    }

    /// Goes on until HeyGen has accepted the request.
    pub fn settle_down_until_answered(&mut self) {
        while self.heygen.posts.is_empty() {
            self.deliver(0);
            self.begin(0);
            self.finish(0);
        }
    }

    /// Lives for a while, waking when the core asks for it.
    pub fn live(&mut self, for_seconds: u64) {
        let end = polling::add(self.now, secs(for_seconds));
        let mut wakes = 0;
        loop {
            match self.settle_down() {
                Some(next) if next <= end => self.now = next,
                _ => break,
            }
            wakes += 1;
            assert!(wakes < 20 + for_seconds, "woken more than once a second:\n{}", self.trace.join("\n"));
        }
        self.now = end;
        self.settle_down();
    }
}

/// A status in one line, without what is the same in all: `Permitted` stands there only where it is not as `Ready`.
pub fn describe(status: &DigitalTwinConsentStatus) -> String {
    let of = |type_: &str| status.conditions.iter().find(|condition| condition.type_ == type_).map(|condition| condition.status.as_str());
    let is_shown = |type_: &str| type_ != "Permitted" || of("Permitted") != of("Ready");
    let flags = status.conditions.iter().filter(|condition| is_shown(&condition.type_)).map(|condition| {
        match (condition.type_.as_str(), condition.status.as_str()) {
            ("Ready", ready) => format!("Ready={ready}/{}", condition.reason),
            ("Initiated" | "Approved" | "Permitted", status @ ("False" | "Unknown")) => format!("{}={status}", condition.type_),
            (type_, _) => type_.to_owned(),
        }
    });
    let mut words: Vec<String> = flags.collect();
    words.extend(status.url.as_ref().map(|_| "url".to_owned()));
    words.join(" ")
}
