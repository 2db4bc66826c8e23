//! A call to HeyGen that is under way, until it has ended in the book.

use std::sync::Arc;

use jiff::Timestamp;

use super::Desk;
use super::book::{Begun, Ending};
use crate::process::clock;
use crate::runtime::gate::Gate;
use twinconsent_core::api::uid::Uid;
use twinconsent_core::consent::outcome::Outcome;

/// A call that was begun. Whoever makes it says how it has ended; if that never comes about, because the task was cancelled or has
/// panicked, dropping it says so.
#[derive(Debug)]
pub struct InFlight {
    desk: Arc<Desk>,
    gate: Arc<Gate>,
    goes_first: bool,
    at: Timestamp,
    begun: Option<Begun>,
}

impl InFlight {
    /// `goes_first`: it is the one that the others wait for after a pause.
    pub(crate) fn new(desk: &Arc<Desk>, gate: &Arc<Gate>, goes_first: bool, begun: Begun) -> Self {
        Self { desk: desk.clone(), gate: gate.clone(), goes_first, at: begun.at(), begun: Some(begun) }
    }

    /// When it began, by the steady clock.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Ends it. Returns the objects that have to hear of it, with what it shows of them.
    pub fn end(mut self, ending: Ending) -> Vec<(Uid, Outcome)> {
        self.finish(ending)
    }

    fn finish(&mut self, ending: Ending) -> Vec<(Uid, Outcome)> {
        let Some(begun) = self.begun.take() else { return Vec::new() };
        let is_learned_from = match &ending {
            Ending::Came(_) | Ending::Superseded => true,
            Ending::NotSent | Ending::Dropped => false,
        };
        if self.goes_first && !is_learned_from {
            self.gate.first_is_lost();
        }
        self.desk.book().end(begun, ending, clock::steady())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if self.begun.is_some() {
            self.finish(Ending::Dropped);
            self.desk.ring();
        }
    }
}
