//! Trouble that goes on is told once at `warn`, and again only when it changes.
//!
//! What is tried again for ever fails for ever, such as the reading of a Secret without the right to it: a line for each try would bury
//! every other line, and with hundreds of accounts fill a disk. So a task that tries again tells of it here, and says when it works again.
//! The same text is repeated at `debug`, with growing pauses.

use std::collections::{HashMap, VecDeque};
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tracing::Level;

use crate::process::clock;

/// Of how many things trouble is remembered, at most; what comes on top is told at `debug`.
const MOST: usize = 4096;

/// How many different texts about one thing count as the same trouble: a peer that fails now this way, now that, fails in few ways.
const TEXTS: usize = 4;

/// How soon the same is told again at `debug`; doubles up to [`LONGEST`].
const FIRST: Duration = Duration::from_secs(10);

/// The longest pause, and how long trouble is remembered that came and went.
const LONGEST: Duration = Duration::from_secs(600);

/// How long trouble counts that is not heard of any more, as of an object that was deleted: nothing waits longer between two tries.
const FORGOTTEN: Duration = Duration::from_secs(2 * 3600);

/// What was told of what.
#[derive(Debug, Default)]
pub struct Complaints(Mutex<Ledger>);

impl Complaints {
    /// Tells that `what` came to nothing for `of`, unless that was told already.
    /// Returns a pause before the next try, for callers that have none of their own: it grows from 10 s to 10 min.
    pub fn tell(&self, what: &'static str, of: impl Display, error: impl Display) -> Duration {
        let (of, error) = (of.to_string(), error.to_string());
        let (level, pause) = self.ledger(|ledger| (ledger.hear(what, &of, &error, clock::monotonic()), ledger.pause(what, &of)));
        match level {
            Some(Level::WARN) => tracing::warn!(of, error, "{what}"),
            Some(_) => tracing::debug!(of, error, "{what}"),
            None => {}
        }
        pause
    }

    /// Notes that it works now: the next trouble is told again.
    pub fn settle(&self, what: &'static str, of: impl Display) {
        self.ledger(|ledger| {
            if !ledger.0.is_empty() {
                ledger.settle(what, &of.to_string(), clock::monotonic());
            }
        });
    }

    fn ledger<T>(&self, with: impl FnOnce(&mut Ledger) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// PURE. What was told of each thing, by what was tried and for which object.
#[derive(Debug, Default)]
struct Ledger(HashMap<(&'static str, String), Said>);

#[derive(Debug)]
struct Said {
    texts: VecDeque<String>,
    pause: Duration,
    again_at: Duration,
    heard_at: Duration,
    is_settled: bool,
}

impl Ledger {
    /// Notes trouble. Returns at which level it is to be told, if it is.
    fn hear(&mut self, what: &'static str, of: &str, text: &str, now: Duration) -> Option<Level> {
        let key = (what, of.to_owned());
        let said = match self.0.get_mut(&key) {
            Some(said) if !(said.is_settled && said.again_at <= now || said.is_forgotten(now)) => said,
            Some(said) => {
                *said = Said::anew(text, now);
                return Some(Level::WARN);
            }
            None => {
                if self.0.len() >= MOST {
                    self.0.retain(|_, said| !said.is_settled && !said.is_forgotten(now));
                }
                if self.0.len() >= MOST {
                    return Some(Level::DEBUG);
                }
                self.0.insert(key, Said::anew(text, now));
                return Some(Level::WARN);
            }
        };
        said.is_settled = false;
        said.heard_at = now;
        if !said.texts.iter().any(|known| known == text) {
            if said.texts.len() >= TEXTS {
                said.texts.pop_front();
            }
            said.texts.push_back(text.to_owned());
            return Some(Level::WARN);
        }
        if now < said.again_at {
            return None;
        }
        said.pause = (said.pause * 2).min(LONGEST);
        said.again_at = now + said.pause;
        Some(Level::DEBUG)
    }

    fn pause(&self, what: &'static str, of: &str) -> Duration {
        self.0.get(&(what, of.to_owned())).map_or(LONGEST, |said| said.pause)
    }

    fn settle(&mut self, what: &'static str, of: &str, now: Duration) {
        let key = (what, of.to_owned());
        match self.0.get_mut(&key) {
            // What comes and goes is not new each time.
            Some(said) if now < said.again_at => said.is_settled = true,
            Some(_) => drop(self.0.remove(&key)),
            None => {}
        }
    }
}

impl Said {
    fn anew(text: &str, now: Duration) -> Self {
        Self { texts: [text.to_owned()].into(), pause: FIRST, again_at: now + FIRST, heard_at: now, is_settled: false }
    }

    fn is_forgotten(&self, now: Duration) -> bool {
        now.saturating_sub(self.heard_at) > FORGOTTEN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: &str = "the Secret could not be read";

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn trouble_that_goes_on_is_told_once_and_repeated_at_debug_with_growing_pauses() {
        let mut ledger = Ledger::default();
        let said: Vec<(u64, Option<Level>)> = (0..1000)
            .map(|second| (second, ledger.hear(READ, "a", "forbidden", at(second))))
            .filter(|(_, level)| level.is_some())
            .collect();
        let expected = [(0, Some(Level::WARN))].into_iter().chain([10, 30, 70, 150, 310, 630].map(|second| (second, Some(Level::DEBUG))));
        assert_eq!(said, expected.collect::<Vec<_>>());
        assert_eq!((ledger.pause(READ, "a"), ledger.pause(READ, "unknown")), (LONGEST, LONGEST));
    }

    #[test]
    fn three_hundred_accounts_in_the_same_trouble_are_one_line_each_however_long_it_lasts() {
        let mut ledger = Ledger::default();
        let tries = (0..3600).step_by(10).flat_map(|second| (0..300).map(move |account| (second, account)));
        let warnings =
            tries.filter(|(second, account)| ledger.hear(READ, &account.to_string(), "forbidden", at(*second)) == Some(Level::WARN));
        assert_eq!(warnings.count(), 300);
    }

    #[test]
    fn another_trouble_is_told_and_two_that_take_turns_are_not_told_for_ever() {
        let mut ledger = Ledger::default();
        let texts = ["timeout", "refused"].into_iter().cycle().take(100);
        let warnings = texts.zip(0..).filter(|(text, second)| ledger.hear(READ, "a", text, at(*second)) == Some(Level::WARN)).count();
        assert_eq!(warnings, 2);
    }

    #[test]
    fn what_works_again_and_fails_later_is_told_again_unless_it_comes_and_goes() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.hear(READ, "a", "timeout", at(0)), Some(Level::WARN));
        ledger.settle(READ, "a", at(1));
        assert_eq!(ledger.hear(READ, "a", "timeout", at(2)), None);
        ledger.settle(READ, "a", at(3));
        assert_eq!(ledger.hear(READ, "a", "timeout", at(60)), Some(Level::WARN));
        ledger.settle(READ, "a", at(100));
        assert_eq!(ledger.hear(READ, "a", "timeout", at(101)), Some(Level::WARN));
        assert_eq!(ledger.hear(READ, "b", "timeout", at(101)), Some(Level::WARN), "another account");
    }

    #[test]
    fn what_is_remembered_has_a_bound_and_what_is_settled_makes_room() {
        let mut ledger = Ledger::default();
        for account in 0..MOST {
            assert_eq!(ledger.hear(READ, &account.to_string(), "forbidden", at(0)), Some(Level::WARN));
        }
        assert_eq!(ledger.hear(READ, "one more", "forbidden", at(0)), Some(Level::DEBUG));
        assert_eq!(ledger.0.len(), MOST);
        ledger.settle(READ, "7", at(1));
        assert_eq!(ledger.hear(READ, "one more", "forbidden", at(2)), Some(Level::WARN));
        assert_eq!(ledger.0.len(), MOST);
        // What is gone is not named any more.
        assert_eq!(ledger.hear(READ, "and one more", "forbidden", at(3)), Some(Level::DEBUG));
        assert_eq!(ledger.hear(READ, "and one more", "forbidden", at(3) + FORGOTTEN), Some(Level::WARN));
        assert_eq!(ledger.0.len(), 1);
    }
}
