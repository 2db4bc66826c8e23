//! PURE. The book of one account: who is to be looked at, who wants to ask, and who is next.
//!
//! Looks (`Seats`) and requests for consent (`Turns`) queue up side by side; the book says whose the next token is (`shares`), and how
//! the look is made. A call that was begun has to end here, whatever became of it ([`Ending`]); the book says who has to hear of it, and
//! how long a look has been waiting without a reason (`overdue`).

mod endings;
mod overdue;
mod shares;

use std::time::Duration;

use jiff::Timestamp;

use super::pass::{ListSize, Pass, listed_from};
use super::seats::{Line, Millis, Seats, is_due, timestamp};
use super::turns::Turns;
pub use endings::{Begun, Ending};
use shares::{Level, Shares};
use twinconsent_core::api::uid::Uid;
use twinconsent_core::consent::policy::{Cadence, Terms};
use twinconsent_core::consent::polling;
use twinconsent_core::consent::step::NextLook;

/// A pass waits until nobody new has been seated for so long: after a start it would miss those whose page it has read already, and cost
/// a second one.
const SETTLED_AFTER: Duration = Duration::from_millis(500);

/// But no longer than this share of the interval: so much sooner than the interval says were those seated whom a pass has shown.
const SETTLING: u32 = 20;

/// The book of one account.
#[derive(Debug)]
pub struct Book {
    cadence: Cadence,
    seats: Seats,
    turns: Turns,
    pass: Option<Pass>,
    passes: u64,
    size: ListSize,
    shares: Shares,
    /// When nobody will have come for a while, if nobody comes until then.
    settled_at: Timestamp,
}

/// Whoever wants to call HeyGen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// A look that a user forces.
    Forced,
    /// A request for consent, and what belongs to it.
    Request,
    /// A look.
    Look,
}

/// What to do with the next token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// Let this object ask.
    Turn(Uid),
    /// Look at groups.
    Poll(Poll),
}

/// How groups are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Poll {
    /// Read the group of this object.
    Read(Uid, String),
    /// Read this page of the list: the first, or the one behind a cursor.
    Page(Option<String>),
}

/// What is next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// This, as soon as there is a token.
    Do(Work),
    /// Nothing before this time.
    At(Timestamp),
    /// Nothing, until something changes.
    Idle,
}

impl Default for Book {
    fn default() -> Self {
        Self {
            cadence: Terms::default().cadence,
            seats: Seats::default(),
            turns: Turns::default(),
            pass: None,
            passes: 0,
            size: ListSize::default(),
            shares: Shares::default(),
            settled_at: Timestamp::MIN,
        }
    }
}

impl Book {
    /// How often the account wants its groups to be looked at.
    pub fn set_cadence(&mut self, cadence: Cadence) {
        self.cadence = cadence;
    }

    /// Seats an object, or seats it anew. Returns whether it is the first in its queue, so that somebody may have to wake up.
    pub fn enlist(&mut self, uid: Uid, group: &str, share: f64, look: NextLook, now: Timestamp) -> bool {
        if self.seats.get(uid).is_none() {
            self.settled_at = polling::add(now, SETTLED_AFTER);
        }
        self.seats.seat(uid, group, share, look, &self.cadence, now)
    }

    /// Forgets an object.
    pub fn dismiss(&mut self, uid: Uid) {
        self.seats.remove(uid);
        self.turns.remove(uid);
    }

    /// When the object's group was last looked at without anything new.
    #[must_use]
    pub fn looked_at(&self, uid: Uid) -> Option<Timestamp> {
        self.seats.get(uid)?.looked_at()
    }

    /// When the poll of an object is due, with which priority, and about how many come before it or its request.
    #[must_use]
    pub fn place(&self, uid: Uid) -> Option<(Timestamp, &'static str, usize)> {
        let seat = self.seats.get(uid)?;
        if self.turns.waits(uid) {
            return Some((seat.due(), "request", self.turns.len()));
        }
        let level = Level::of(seat.queue);
        Some((seat.due(), level.into(), self.ahead(if level == Level::Forced { Lane::Forced } else { Lane::Look })))
    }

    /// How many seats there are, and how many wait for a turn to ask.
    #[must_use]
    pub fn census(&self) -> (usize, usize) {
        (self.seats.len(), self.turns.len())
    }

    /// How much later than due `work` is; `None` for what is due at no time of its own.
    #[must_use]
    pub fn delay(&self, work: &Work, now: Timestamp) -> Option<Duration> {
        let due = match work {
            Work::Turn(_) | Work::Poll(Poll::Page(Some(_))) => None,
            Work::Poll(Poll::Read(uid, _)) => Some(self.seats.get(*uid)?.due()),
            Work::Poll(Poll::Page(None)) => {
                self.seats.routine.range(self.listed(now)..).filter_map(|(_, line)| line.first()).map(|(due, _)| timestamp(*due)).min()
            }
        };
        due.map(|due| polling::since(due, now))
    }

    /// Queues a request that is good until then.
    pub fn request(&mut self, uid: Uid, fresh_until: Timestamp) {
        self.turns.queue(uid, fresh_until);
    }

    /// Uses the turn that an object was given. Returns whether there was one.
    pub fn take_turn(&mut self, uid: Uid, now: Timestamp) -> bool {
        self.turns.take(uid, now)
    }

    /// Whether nobody waits who comes before a newcomer of this lane.
    pub fn may_pass(&mut self, uid: Uid, lane: Lane, now: Timestamp) -> bool {
        self.seats.bring_up(now);
        let requests_wait = self.turns.next(now).is_some();
        let forced_wait = is_due(&self.seats.forced, now);
        let others_wait = self.seats.looks_are_due(now);
        match lane {
            Lane::Request => !requests_wait && self.shares.requests_may_lead(forced_wait || others_wait),
            Lane::Forced => {
                let is_early = self.seats.forced_not_before(uid).is_some_and(|not_before| not_before > now.as_millisecond());
                !is_early && !forced_wait && self.shares.polls_may_lead(requests_wait) && self.shares.may_lead(Level::Forced, others_wait)
            }
            Lane::Look => {
                let routine_waits = self.seats.routine.values().any(|line| is_due(line, now));
                let first_wait = !self.seats.wanted.is_empty() || is_due(&self.seats.alone, now);
                !forced_wait
                    && !first_wait
                    && self.shares.polls_may_lead(requests_wait)
                    && self.shares.may_lead(Level::First, routine_waits)
            }
        }
    }

    /// Begins a call that an object makes itself.
    pub fn begin_own(&mut self, uid: Uid, lane: Lane, now: Timestamp) -> Begun {
        match lane {
            Lane::Request => self.shares.took_request(),
            Lane::Look => self.shares.took(Level::First, now),
            Lane::Forced => {
                self.seats.note_forced(uid, now);
                self.shares.took(Level::Forced, now);
            }
        }
        Begun::own(uid, now)
    }

    /// How many wait who come before a newcomer of this lane.
    #[must_use]
    pub fn ahead(&self, lane: Lane) -> usize {
        let Seats { forced, wanted, .. } = &self.seats;
        match lane {
            Lane::Forced => forced.len(),
            Lane::Request => self.turns.len(),
            Lane::Look => forced.len() + self.turns.len() + wanted.len(),
        }
    }

    /// What is next; reads of one group only while there is `room` for another.
    pub fn next(&mut self, room: bool, now: Timestamp) -> Next {
        self.seats.bring_up(now);
        let request = self.turns.next(now).filter(|_| self.turns.has_room(now)).map(Work::Turn);
        let poll = self.next_poll(room, now).map(Work::Poll);
        self.shares.of_requests(request, poll).map_or_else(|| self.next_time(room, now), Next::Do)
    }

    /// Gives an object its turn to ask. It ends when it is used, when it is over, or with its object.
    pub fn give_turn(&mut self, uid: Uid, now: Timestamp) {
        self.turns.give(uid, now);
        self.shares.took_request();
    }

    /// Begins a look.
    pub fn begin(&mut self, poll: &Poll, now: Timestamp) -> Begun {
        match poll {
            Poll::Read(uid, _) => {
                if let Some(level) = self.seats.get(*uid).map(|seat| Level::of(seat.queue)) {
                    self.shares.took(level, now);
                    if level == Level::Forced {
                        self.seats.note_forced(*uid, now);
                    }
                }
                self.seats.set_aside(*uid, now);
                Begun::read(*uid, now)
            }
            Poll::Page(_) => {
                let (pages, listed) = self.plan(now);
                if self.many_wanted(pages) {
                    self.shares.took(Level::First, now);
                }
                self.shares.took(Level::Listed, now);
                let number = self.pass.get_or_insert_with(|| {
                    let (pages, listed) = (pages.unwrap_or(1), listed.unwrap_or(u32::MAX));
                    let hurried = self.seats.wanted.len() > pages || listed == u32::MAX;
                    let spread = if hurried { Duration::ZERO } else { self.size.spread(Duration::from_millis(listed.into())) };
                    self.passes += 1;
                    Pass::new(self.passes, self.seats.listed(listed).count(), pages, spread, now)
                });
                Begun::page(number.read_page(), now)
            }
        }
    }

    fn next_poll(&self, room: bool, now: Timestamp) -> Option<Poll> {
        let Seats { forced, alone, wanted, routine, .. } = &self.seats;
        let (pages, listed) = self.plan(now);
        let many_wanted = self.many_wanted(pages);
        let listed_is_due = self.pass_at(listed.unwrap_or(u32::MAX)).is_some_and(|at| at <= now.as_millisecond());
        let page = match &self.pass {
            Some(pass) => {
                let is_ready = !pass.is_busy() && (pass.next_at <= now || many_wanted);
                is_ready.then(|| Poll::Page(pass.cursor().map(str::to_owned)))
            }
            None => (many_wanted || listed_is_due).then_some(Poll::Page(None)),
        };
        let alone_if = |line: &Line| self.first_due(line, now).filter(|_| room);
        // Of lines with different intervals, the one that has waited the longest.
        let quick = routine.range(..listed.unwrap_or(u32::MAX)).map(|(_, line)| line).min_by_key(|line| line.first().map(|(due, _)| *due));
        let quick = quick.and_then(alone_if);
        let (first, routine) = if many_wanted { (page, quick) } else { (alone_if(wanted), page.or(quick)) };
        self.shares.of_polls(alone_if(forced), first, alone_if(alone), routine)
    }

    /// When a pass begins, for the routine looks from this interval on.
    fn pass_at(&self, listed: u32) -> Option<Millis> {
        let settled_at = self.settled_at.as_millisecond();
        let begins = |(interval, line): (&u32, &Line)| {
            let (due, _) = line.first()?;
            Some(settled_at.clamp(*due, due.saturating_add((interval / SETTLING).into())))
        };
        self.seats.routine.range(listed..).filter_map(begins).min()
    }

    /// Whether those whose look something hangs on are so many that a pass costs less.
    fn many_wanted(&self, pages: Option<usize>) -> bool {
        pages.is_some_and(|pages| self.seats.wanted.len() > pages)
    }

    /// What a pass costs, and from which interval on it serves the routine looks.
    fn plan(&self, now: Timestamp) -> (Option<usize>, Option<u32>) {
        let pages = self.size.pages(self.seats.len(), now);
        (pages, pages.and_then(|pages| listed_from(&self.seats.intervals(), pages)))
    }

    /// From which interval on a pass serves the routine looks; beyond all intervals when it serves none.
    fn listed(&self, now: Timestamp) -> u32 {
        self.plan(now).1.unwrap_or(u32::MAX)
    }

    fn next_time(&self, room: bool, now: Timestamp) -> Next {
        let Seats { forced, alone, later, routine, .. } = &self.seats;
        let listed = self.listed(now);
        let earliest = |line: &Line| line.first().map(|(due, _)| *due);
        let mut times: Vec<Millis> = Vec::new();
        times.extend(earliest(later));
        if room {
            times.extend([forced, alone].into_iter().filter_map(earliest));
            times.extend(routine.range(..listed).filter_map(|(_, line)| earliest(line)));
        }
        match &self.pass {
            Some(pass) => times.extend((!pass.is_busy()).then(|| pass.next_at.as_millisecond())),
            None => times.extend(self.pass_at(listed)),
        }
        if self.turns.len() > 0 {
            times.extend(self.turns.first_over());
        }
        times.into_iter().min().map_or(Next::Idle, |time| Next::At(timestamp(time)))
    }

    fn first_due(&self, line: &Line, now: Timestamp) -> Option<Poll> {
        self.seats.first_due(line, now).map(|(uid, group)| Poll::Read(uid, group))
    }
}

#[cfg(test)]
mod tests;
