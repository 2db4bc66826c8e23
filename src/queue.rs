//! Who is decided next: each object once, however often it is woken, and never twice at the same time.
//!
//! Objects that somebody has just changed come before those that were woken by a clock, by the sweep or by a complete list: a user who
//! waits must not wait for a backlog of a hundred thousand. The others get one place in five while both wait.
//!
//! Rejected: kube's controller, which would keep, for each object that waits, its name twice in a timer's queue, and needs a store of
//! its own of objects by name. With a hundred thousand objects that is as much memory as the objects take, and one task would decide
//! them all.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::roster::Uid;

/// How many changed objects come in a row while woken ones wait.
const CHANGED_PER_WOKEN: u32 = 4;

/// Why an object is to be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Somebody has created or changed it.
    Changed,
    /// Its time has come, or something that it depends on has changed.
    Woken,
}

/// Who is decided next.
#[derive(Debug, Default)]
pub struct Queue {
    line: Mutex<Line>,
    changed: Notify,
}

/// PURE. The queue itself.
#[derive(Debug, Default)]
struct Line {
    changed: VecDeque<Uid>,
    woken: VecDeque<Uid>,
    places: HashMap<Uid, Place>,
    changed_in_a_row: u32,
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
            Some(Place::Waiting(Cause::Changed)) => return,
            Some(Place::Waiting(Cause::Woken)) if cause == Cause::Woken => return,
            Some(Place::RunningAgain(Cause::Changed)) => return,
            Some(Place::Running | Place::RunningAgain(Cause::Woken)) => Place::RunningAgain(cause),
            // Whoever moves to the other side leaves a place behind there, which is passed over.
            Some(Place::Waiting(Cause::Woken)) | None => {
                self.side(cause).push_back(uid);
                Place::Waiting(cause)
            }
        };
        self.places.insert(uid, place);
    }

    fn pop(&mut self) -> Option<Uid> {
        let woken_first = self.changed_in_a_row >= CHANGED_PER_WOKEN;
        let order = if woken_first { [Cause::Woken, Cause::Changed] } else { [Cause::Changed, Cause::Woken] };
        for cause in order {
            while let Some(uid) = self.side(cause).pop_front() {
                if self.places.get(&uid) == Some(&Place::Waiting(cause)) {
                    self.places.insert(uid, Place::Running);
                    self.changed_in_a_row = if cause == Cause::Changed { self.changed_in_a_row + 1 } else { 0 };
                    return Some(uid);
                }
            }
        }
        // A backlog is gone, and with it goes its memory.
        self.changed.shrink_to(64);
        self.woken.shrink_to(64);
        self.places.shrink_to(64);
        None
    }

    fn done(&mut self, uid: Uid) {
        if let Some(Place::RunningAgain(cause)) = self.places.remove(&uid) {
            self.push(uid, cause);
        }
    }

    fn side(&mut self, cause: Cause) -> &mut VecDeque<Uid> {
        match cause {
            Cause::Changed => &mut self.changed,
            Cause::Woken => &mut self.woken,
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
        line.push(1, Cause::Changed);
        assert_eq!(line.pop(), None);
        line.done(1);
        assert_eq!(line.pop(), Some(1));
        line.done(1);
        assert_eq!((line.pop(), line.places.len()), (None, 0));
    }

    #[test]
    fn whoever_was_changed_passes_a_backlog_of_the_woken_and_does_not_stop_it() {
        let mut line = Line::default();
        (0..100).for_each(|uid| line.push(uid, Cause::Woken));
        (50..60).for_each(|uid| line.push(uid, Cause::Changed));
        let order = all(&mut line);
        assert_eq!(order[..7], [50, 51, 52, 53, 0, 54, 55]);
        assert_eq!(order.len(), 100, "everybody once");
    }
}
