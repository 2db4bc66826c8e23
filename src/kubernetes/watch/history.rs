//! Which history of the cluster the versions belong to that were seen.
//!
//! Versions of objects grow, as long as the cluster is the same. One that was restored from a backup goes on from an earlier version: what
//! was seen and written after the backup has never been, and its versions are given out a second time. Whatever is remembered by
//! versions holds within one history only.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The history of one kind, shared by all that watches and writes it.
#[derive(Debug, Clone, Default)]
pub struct History(Arc<Mutex<Known>>);

/// PURE. What is known of a history.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Known {
    /// How many histories there were before.
    epoch: u32,
    /// The newest version that was seen in it.
    newest: u64,
}

impl History {
    /// How many histories there were before this one.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.known().epoch
    }

    /// The newest version that was seen anywhere.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.known().newest
    }

    /// Notes a version that was seen in a history.
    pub fn note(&self, epoch: u32, version: &str) {
        self.known().note(epoch, version.parse().ok());
    }

    /// Notes a version that was written just now.
    pub fn wrote(&self, version: &str) {
        let mut known = self.known();
        let epoch = known.epoch;
        known.note(epoch, version.parse().ok());
    }

    /// Judges a list that is at least as new as the moment at which `newest` had been seen. Returns whether it belongs to another history,
    /// which begins then, for all that share this.
    #[must_use]
    pub fn judge(&self, epoch: u32, newest: u64, listed: &str) -> bool {
        self.known().judge(epoch, newest, listed.parse().ok())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn note(&mut self, epoch: u32, version: Option<u64>) {
        if epoch == self.epoch {
            self.newest = self.newest.max(version.unwrap_or_default());
        }
    }

    fn judge(&mut self, epoch: u32, newest: u64, listed: Option<u64>) -> bool {
        if epoch != self.epoch {
            return true;
        }
        // A version that is no number says nothing.
        let Some(listed) = listed else { return false };
        if listed >= newest {
            self.newest = self.newest.max(listed);
            return false;
        }
        *self = Self { epoch: self.epoch.wrapping_add(1), newest: listed };
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_list_that_is_older_than_what_was_seen_begins_another_history_for_all_that_share_it() {
        let (one, other) = (History::default(), History::default());
        let shared = one.clone();
        one.note(0, "10");
        assert!(!shared.judge(0, shared.newest(), "10") && !shared.judge(0, shared.newest(), "12"));
        assert_eq!(one.newest(), 12);
        assert!(shared.judge(0, shared.newest(), "11"));
        assert_eq!((one.epoch(), one.newest(), other.epoch()), (1, 11, 0));
        assert!(one.judge(0, 12, "99"), "whoever watched the old one hears of it, whatever the list shows");
        one.note(0, "12");
        assert_eq!(one.newest(), 11, "what the old one showed is not seen in the new one");
    }

    #[test]
    fn what_was_seen_while_the_list_was_made_does_not_make_it_old() {
        let history = History::default();
        history.note(0, "10");
        let newest = history.newest();
        history.wrote("15");
        assert!(!history.judge(0, newest, "12"));
        assert_eq!(history.newest(), 15);
    }

    #[test]
    fn a_version_that_is_no_number_begins_nothing() {
        let history = History::default();
        history.note(0, "10");
        assert!(!history.judge(0, 10, "") && !history.judge(0, 10, "abc"));
    }

    proptest! {
        #[test]
        fn a_cluster_that_only_goes_on_is_always_the_same(steps in proptest::collection::vec((0u64..3, 0u8..3), 1..50)) {
            let (history, mut version) = (History::default(), 1u64);
            for (more, what) in steps {
                let (epoch, newest) = (history.epoch(), history.newest());
                version += more;
                match what {
                    0 => history.note(epoch, &version.to_string()),
                    1 => history.wrote(&version.to_string()),
                    _ => prop_assert!(!history.judge(epoch, newest, &version.to_string())),
                }
            }
            prop_assert_eq!(history.epoch(), 0);
        }

        #[test]
        fn a_cluster_that_goes_back_behind_what_was_seen_is_another(seen in 2u64..1000, back in 1u64..1000) {
            let history = History::default();
            history.note(0, &seen.to_string());
            let restored = seen.saturating_sub(back);
            prop_assert!(history.judge(0, history.newest(), &restored.to_string()));
            prop_assert!(!history.judge(1, history.newest(), &(restored + 1).to_string()));
        }
    }
}
