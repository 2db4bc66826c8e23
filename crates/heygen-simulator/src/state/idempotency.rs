//! The store behind `Idempotency-Key` (HeyGen API notes, section 3).

use std::collections::HashMap;
use std::time::Duration;

use crate::answer::Answer;
use crate::clock::{SimulatedMillis, millis};

/// A key as HeyGen scopes it within a group: one account's, on the one route that takes keys here.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ScopedKey {
    pub(crate) account: usize,
    pub(crate) key: String,
}

/// Keys by group, so that a deleted group takes its keys along.
#[derive(Debug, Default)]
pub(crate) struct Idempotency {
    groups: HashMap<String, HashMap<ScopedKey, Stored>>,
}

#[derive(Debug)]
enum Stored {
    AtWork,
    Answered { at: SimulatedMillis, answer: Answer },
}

/// What the store says to a key that arrives.
pub(crate) enum Claim {
    /// It was not used within the window; it is at work from now on.
    Ours,
    /// The first call with it still runs.
    AtWork,
    /// The first call's answer.
    Replay(Answer),
}

impl Idempotency {
    /// The body of the request plays no part: the first answer is replayed even if it differs.
    pub(crate) fn claim(&mut self, group_id: &str, key: &ScopedKey, now: SimulatedMillis, window: Duration) -> Claim {
        let keys = self.groups.entry(group_id.to_owned()).or_default();
        match keys.get(key) {
            Some(Stored::AtWork) => Claim::AtWork,
            Some(Stored::Answered { at, answer }) if now < at.saturating_add(millis(window)) => Claim::Replay(answer.clone()),
            Some(Stored::Answered { .. }) | None => {
                keys.insert(key.clone(), Stored::AtWork);
                Claim::Ours
            }
        }
    }

    pub(crate) fn keep(&mut self, group_id: &str, key: ScopedKey, at: SimulatedMillis, answer: Answer) {
        self.groups.entry(group_id.to_owned()).or_default().insert(key, Stored::Answered { at, answer });
    }

    pub(crate) fn release(&mut self, group_id: &str, key: &ScopedKey) {
        if let Some(keys) = self.groups.get_mut(group_id) {
            keys.remove(key);
            if keys.is_empty() {
                self.groups.remove(group_id);
            }
        }
    }

    pub(crate) fn forget_group(&mut self, group_id: &str) {
        self.groups.remove(group_id);
    }
}

/// Whether a key has the documented form `^[A-Za-z0-9_\-:.]{1,255}$`.
pub(crate) fn well_formed(key: &str) -> bool {
    (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-:.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_to_255_characters_of_the_documented_set() {
        assert!(well_formed("v1:0af_-.Z"));
        assert!(well_formed(&"a".repeat(255)));
        assert!(!well_formed(&"a".repeat(256)));
        assert!(!well_formed(""));
        assert!(!well_formed("a b"));
        assert!(!well_formed("ä"));
        assert!(!well_formed("a/b"));
    }
}
