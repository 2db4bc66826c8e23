//! Who is decided next: each object once, however often it is woken, and never twice at the same time.
//!
//! Objects that were given a turn to ask come first, for a turn is good for seconds only. Then come those of which there are news: a user
//! who has changed one must not wait for a backlog of a hundred thousand, and a look that waits too long has to be made again. Last come
//! those that were woken by a clock or by a complete list. Each side leaves one place in five to those behind it.
//!
//! Rejected: kube's controller, which would keep, for each object that waits, its name twice in a timer's queue, and needs a store of
//! its own of objects by name. With a hundred thousand objects that is as much memory as the objects take, and one task would decide
//! them all.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use twinconsent_core::api::uid::Uid;

/// How many of one side come in a row while others wait behind them.
const IN_A_ROW: u32 = 4;

/// Why an object is to be decided, in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// It was given a turn to ask HeyGen.
    Turn,
    /// Somebody has created or changed it, or the sweep has seen something of it.
    News,
    /// Its time has come, or something that it depends on has changed.
    Woken,
}

/// Who is decided next.
#[derive(Debug, Default)]
pub struct Queue {
    line: Mutex<Line>,
    changed: Notify,
}

/// PURE. The queue itself: its sides in order of precedence.
#[derive(Debug, Default)]
struct Line {
    sides: [Side; 3],
    places: HashMap<Uid, Place>,
}

#[derive(Debug, Default)]
struct Side {
    waiting: VecDeque<Uid>,
    in_a_row: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Waiting(Cause),
    Running,
    /// It runs, and something has happened since it began.
    RunningAgain(Cause),
}

impl Queue {
    /// Lets objects be decided; one that is being decided is decided once more after that.
    pub fn push(&self, uids: impl IntoIterator<Item = Uid>, cause: Cause) {
        let mut line = self.line();
        uids.into_iter().for_each(|uid| line.push(uid, cause));
        drop(line);
        self.changed.notify_one();
    }

    /// The next object, which counts as being decided until [`done`](Self::done).
    #[must_use]
    pub fn pop(&self) -> Option<Uid> {
        self.line().pop()
    }

    /// Notes that an object was decided.
    pub fn done(&self, uid: Uid) {
        self.line().done(uid);
    }

    /// Where an object stands: in a word, or nowhere.
    #[must_use]
    pub fn place(&self, uid: Uid) -> Option<&'static str> {
        Some(match self.line().places.get(&uid)? {
            Place::Waiting(_) => "waiting",
            Place::Running | Place::RunningAgain(_) => "running",
        })
    }

    /// Waits until something was pushed.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn push(&mut self, uid: Uid, cause: Cause) {
        let place = match self.places.get(&uid) {
            Some(Place::Waiting(before) | Place::RunningAgain(before)) if *before <= cause => return,
            Some(Place::Running | Place::RunningAgain(_)) => Place::RunningAgain(cause),
            // Whoever moves to another side leaves a place behind, which is passed over.
            Some(Place::Waiting(_)) | None => {
                self.sides[cause as usize].waiting.push_back(uid);
                Place::Waiting(cause)
            }
        };
        self.places.insert(uid, place);
    }

    fn pop(&mut self) -> Option<Uid> {
        for cause in [Cause::Turn, Cause::News, Cause::Woken] {
            let place = Place::Waiting(cause);
            let (before, rest) = self.sides.split_at_mut(cause as usize);
            let Some((side, behind)) = rest.split_first_mut() else { continue };
            if side.in_a_row >= IN_A_ROW && behind.iter().any(|side| !side.waiting.is_empty()) {
                continue;
            }
            while let Some(uid) = side.waiting.pop_front() {
                if self.places.get(&uid) == Some(&place) {
                    side.in_a_row += 1;
                    before.iter_mut().for_each(|side| side.in_a_row = 0);
                    self.places.insert(uid, Place::Running);
                    return Some(uid);
                }
            }
        }
        self.after_nobody()
    }

    /// Nobody was found: a side may have given way to others that held but places left behind; else the backlog is gone, and its memory.
    fn after_nobody(&mut self) -> Option<Uid> {
        self.sides.iter_mut().for_each(|side| side.in_a_row = 0);
        if self.sides.iter().any(|side| !side.waiting.is_empty()) {
            return self.pop();
        }
        self.sides.iter_mut().for_each(|side| side.waiting.shrink_to(64));
        self.places.shrink_to(64);
        None
    }

    fn done(&mut self, uid: Uid) {
        if let Some(Place::RunningAgain(cause)) = self.places.remove(&uid) {
            self.push(uid, cause);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(line: &mut Line) -> Vec<Uid> {
        std::iter::from_fn(|| line.pop()).collect()
    }

    #[test]
    fn an_object_that_is_woken_many_times_is_decided_once() {
        let mut line = Line::default();
        [1, 2, 1, 1, 2].into_iter().for_each(|uid| line.push(uid, Cause::Woken));
        assert_eq!(all(&mut line), [1, 2]);
    }

    #[test]
    fn an_object_that_is_woken_while_it_is_decided_is_decided_once_more_afterwards() {
        let mut line = Line::default();
        line.push(1, Cause::Woken);
        assert_eq!(line.pop(), Some(1));
        line.push(1, Cause::Woken);
        line.push(1, Cause::News);
        assert_eq!(line.pop(), None);
        line.done(1);
        assert_eq!(line.pop(), Some(1));
        line.done(1);
        assert_eq!((line.pop(), line.places.len()), (None, 0));
    }

    #[test]
    fn whoever_has_a_turn_or_news_passes_a_backlog_of_the_woken_and_does_not_stop_it() {
        let mut line = Line::default();
        (0..100).for_each(|uid| line.push(uid, Cause::Woken));
        (50..60).for_each(|uid| line.push(uid, Cause::News));
        (55..70).for_each(|uid| line.push(uid, Cause::Turn));
        let order = all(&mut line);
        assert_eq!(order[..12], [55, 56, 57, 58, 50, 59, 60, 61, 62, 51, 63, 64]);
        assert_eq!(order.iter().position(|uid| *uid == 0), Some(19), "the woken come after four of those before them");
        assert_eq!(order.len(), 100, "everybody once");
    }
}
