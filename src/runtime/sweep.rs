//! The sweep: who is asked about next on one account, and by which call.
//!
//! Ten thousand pending consents cannot be read one by one every minute. Per account there is one *book* of the groups that are to
//! be looked at, and one task that works through it. A look is made by a read of the one group or by a *pass* through the pages of
//! the list, fifty groups a call, whichever costs fewer calls. What a look shows goes to the reconciler only when it differs from
//! what was told, or when something hangs on it; all others cost no reconcile, no write, nothing.
//!
//! The same task gives out the account's tokens when there are fewer than are wanted: four in five to consent requests, the others to
//! looks, of which those come first that a user forces; each kind leaves one in five to those behind it. Nobody waits for a token inside
//! a reconcile: whoever finds no token rests, and is woken when its turn has come.
//!
//! A call that was begun ends in the book, whatever becomes of it: that is one value ([`Ending`](book::Ending)), and what is dropped
//! without one ends as dropped ([`in_flight`]). The [`watchdog`] tells when looks are due and none begins all the same.
//!
//! - [`book`] is pure: whose the next token is. It keeps `seats`, who is to be looked at, and [`turns`], who wants to ask.
//! - [`pass`] is pure: one way through the list, and what it may cost.
//! - [`task`] does what the book says.
//!
//! Times are those of [`steady`](crate::process::clock::steady), which no adjustment of the wall clock moves.

pub mod book;
pub mod in_flight;
pub mod pass;
mod seats;
pub mod turns;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::process::clock;
use crate::process::clock::Wall;
use crate::runtime::gate::{Admission, Gate};
use book::{Book, Lane};
use in_flight::InFlight;
pub use seats::FORCED_AGAIN;
use twinconsent_core::api::uid::Uid;
use twinconsent_core::consent::step::NextLook;

/// Where the consents of one account ask for looks and for turns.
#[derive(Debug, Default)]
pub struct Desk {
    book: Mutex<Book>,
    pub(crate) bell: Notify,
    pub(crate) closed: CancellationToken,
}

/// The answer to somebody who wants to call HeyGen.
#[derive(Debug)]
pub enum Passage {
    /// Go, and say how it has ended.
    Now(InFlight),
    /// Others come first, or the gate is closed: it will take about so long.
    Later(Duration),
}

impl Desk {
    /// Lets a call pass when the gate is open and nobody waits who comes before it.
    #[must_use]
    pub fn pass(self: &Arc<Self>, uid: Uid, lane: Lane, gate: &Arc<Gate>) -> Passage {
        let (steady, now) = (clock::steady(), clock::monotonic());
        let mut book = self.book();
        let goes_first = if lane == Lane::Request && book.take_turn(uid, steady) {
            // There is room for another turn.
            self.ring();
            gate.go(now)
        } else {
            let admission = if book.may_pass(uid, lane, steady) { gate.admit(now) } else { Admission::Shut };
            match admission {
                Admission::Now => false,
                Admission::First => true,
                Admission::At(_) | Admission::Shut => return Passage::Later(gate.wait(book.ahead(lane), now)),
            }
        };
        let begun = book.begin_own(uid, lane, steady);
        drop(book);
        Passage::Now(InFlight::new(self, gate, goes_first, begun))
    }

    /// Seats an object, or changes what it waits for. The times in `look` are of this wall clock.
    pub fn enlist(&self, uid: Uid, group: &str, share: f64, look: NextLook, wall: Wall) {
        let (steady, look) = (clock::steady(), look.shifted(-wall.ahead()));
        if self.book().enlist(uid, group, share, NextLook { at: look.at.max(steady), ..look }, steady) {
            self.ring();
        }
    }

    /// Queues a consent request that is good until `fresh_until`, a time of this wall clock, because the look before it grows old.
    pub fn request(&self, uid: Uid, fresh_until: Timestamp, wall: Wall) {
        self.book().request(uid, wall.steady(fresh_until));
        self.ring();
    }

    /// Forgets an object.
    pub fn dismiss(&self, uid: Uid) {
        self.book().dismiss(uid);
    }

    /// When the object's group was last looked at without anything new, by this wall clock.
    #[must_use]
    pub fn looked_at(&self, uid: Uid, wall: Wall) -> Option<Timestamp> {
        self.book().looked_at(uid).map(|at| wall.of(at))
    }

    /// What an object waits for here: when its poll is due, by this wall clock, and with which priority; and about how many come before it.
    #[must_use]
    pub fn place(&self, uid: Uid, wall: Wall) -> Option<(Timestamp, &'static str, usize)> {
        self.book().place(uid).map(|(due, priority, ahead)| (wall.of(due), priority, ahead))
    }

    /// Lets the task see what has changed.
    pub fn ring(&self) {
        self.bell.notify_one();
    }

    /// Ends the task: the account is gone.
    pub fn close(&self) {
        self.closed.cancel();
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
