//! PURE. The book of one account: who is to be looked at, who wants to ask, and who is next.
//!
//! Looks (`Seats`) and requests for consent (`Turns`) queue up side by side; the book says whose the next token is, and how the look
//! is made. It takes in what a read or a page has shown, and says who has to hear of it.

use std::time::Duration;

use jiff::Timestamp;

use super::pass::{ListSize, Pass, Progress, listed_from};
use super::seats::{Line, Millis, Queue, Seats, Shown, is_due, timestamp};
use super::turns::Turns;
use crate::decide::NextLook;
use crate::outcome::{Group, GroupsPage, ListedGroup};
use crate::pace;
use crate::roster::Uid;
use crate::terms::{Cadence, Terms};

/// How many requests pass in a row while looks are due: the looks get one token in five.
const REQUESTS_PER_LOOK: u32 = 4;

/// How many looks that something hangs on pass in a row while routine looks are due.
const WANTED_PER_ROUTINE: u32 = 4;

/// How long a list that cannot be followed to its end is left alone.
const LOST_LIST: Duration = Duration::from_secs(600);

/// The book of one account.
#[derive(Debug)]
pub struct Book {
    cadence: Cadence,
    seats: Seats,
    turns: Turns,
    pass: Option<Pass>,
    size: ListSize,
    requests_in_a_row: u32,
    wanted_in_a_row: u32,
}

/// Whoever wants to call HeyGen, in order of precedence.
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
            size: ListSize::default(),
            requests_in_a_row: 0,
            wanted_in_a_row: 0,
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

    /// How many seats there are, and how many wait for a turn to ask.
    #[must_use]
    pub fn census(&self) -> (usize, usize) {
        (self.seats.len(), self.turns.len())
    }

    /// How much later than due `work` is; `None` for what is due at no time of its own.
    #[must_use]
    pub fn delay(&self, work: &Work, now: Timestamp) -> Option<Duration> {
        let due = match work {
            Work::Turn(_) | Work::Page(Some(_)) => None,
            Work::Read(uid, _) => Some(self.seats.get(*uid)?.due()),
            Work::Page(None) => {
                self.seats.routine.range(self.listed(now)..).filter_map(|(_, line)| line.first()).map(|(due, _)| timestamp(*due)).min()
            }
        };
        due.map(|due| pace::since(due, now))
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
    pub fn may_pass(&mut self, lane: Lane, now: Timestamp) -> bool {
        self.seats.bring_up(now);
        let nobody_asks = self.turns.next(now).is_none();
        let forced = is_due(&self.seats.forced, now);
        match lane {
            Lane::Forced => !forced,
            Lane::Request => !forced && nobody_asks && (self.requests_in_a_row < REQUESTS_PER_LOOK || !self.seats.looks_are_due(now)),
            Lane::Look => !forced && nobody_asks && self.seats.wanted.is_empty() && !is_due(&self.seats.alone, now),
        }
    }

    /// Notes that a newcomer has passed.
    pub fn note_passed(&mut self, lane: Lane) {
        match lane {
            Lane::Request => self.requests_in_a_row += 1,
            Lane::Look => self.requests_in_a_row = 0,
            Lane::Forced => {}
        }
    }

    /// How many wait who come before a newcomer of this lane.
    #[must_use]
    pub fn ahead(&self, lane: Lane) -> usize {
        let Seats { forced, wanted, .. } = &self.seats;
        match lane {
            Lane::Forced => forced.len(),
            Lane::Request => forced.len() + self.turns.len(),
            Lane::Look => forced.len() + self.turns.len() + wanted.len(),
        }
    }

    /// What is next; reads of one group only while there is `room` for another.
    pub fn next(&mut self, room: bool, now: Timestamp) -> Next {
        self.seats.bring_up(now);
        if room && let Some(read) = self.first_due(&self.seats.forced, now) {
            return Next::Do(read);
        }
        let request = self.turns.next(now).filter(|_| self.turns.has_room(now)).map(Work::Turn);
        match (request, self.next_look(room, now)) {
            (Some(request), None) => Next::Do(request),
            (Some(request), Some(_)) if self.requests_in_a_row < REQUESTS_PER_LOOK => Next::Do(request),
            (_, Some(look)) => Next::Do(look),
            (None, None) => self.next_time(room, now),
        }
    }

    /// Notes that `work` is being done.
    pub fn begin(&mut self, work: &Work, now: Timestamp) {
        match work {
            Work::Turn(uid) => {
                self.turns.give(*uid, now);
                self.requests_in_a_row += 1;
                return;
            }
            Work::Read(uid, _) => {
                let Some(seat) = self.seats.get(*uid) else { return };
                self.wanted_in_a_row = if matches!(seat.queue, Queue::Routine(_)) { 0 } else { self.wanted_in_a_row + 1 };
                self.seats.set_aside(*uid, now);
            }
            Work::Page(_) => {
                if self.pass.is_none() {
                    let (pages, listed) = self.plan(now);
                    let (pages, listed) = (pages.unwrap_or(1), listed.unwrap_or(u32::MAX));
                    let hurried = self.seats.wanted.len() > pages || listed == u32::MAX;
                    let spread = if hurried { Duration::ZERO } else { self.size.spread(Duration::from_millis(listed.into())) };
                    self.pass = Some(Pass::new(self.seats.listed(listed).count(), pages, spread, now));
                }
                if let Some(pass) = &mut self.pass {
                    pass.is_busy = true;
                }
                self.wanted_in_a_row = 0;
            }
        }
        self.requests_in_a_row = 0;
    }

    /// Takes in a read of one group that began at `read_at`. Returns whether the object has to hear of it.
    ///
    /// `shown` is `None` for trouble: whatever it was, the object deals with it.
    pub fn read(&mut self, uid: Uid, shown: Option<&Group>, read_at: Timestamp, now: Timestamp) -> bool {
        let Some(seat) = self.seats.get(uid).filter(|seat| seat.is_older_than(read_at)) else { return false };
        let is_news = shown.is_none_or(|group| seat.is_news(group, read_at));
        if is_news {
            self.seats.set_aside(uid, now);
        } else {
            self.seats.note_nothing_new(uid, Shown::Alone, read_at, &self.cadence);
        }
        is_news
    }

    /// Seats an object again as it was, whose read has met the account's trouble and not its own.
    pub fn postpone(&mut self, uid: Uid, now: Timestamp) {
        self.seats.bring_forward(uid, &self.cadence, now);
    }

    /// Takes in a page whose reading began at `read_at`. Returns the objects that have to hear of it, with what it shows of them.
    pub fn page(&mut self, page: &GroupsPage, read_at: Timestamp, now: Timestamp) -> Vec<(Uid, Group)> {
        let Some(mut pass) = self.pass.take() else { return Vec::new() };
        let mut news = Vec::new();
        for ListedGroup { id, group } in &page.groups {
            let Some((uid, seat)) = self.seats.of_group(id).filter(|(_, seat)| seat.is_older_than(read_at)) else { continue };
            if seat.looked_at().is_none_or(|looked_at| looked_at < pass.began) {
                pass.unseen = pass.unseen.saturating_sub(1);
            }
            let (is_wordless, is_believed) = (group.consent_status.is_none(), seat.believes_the_list());
            match seat.queue {
                // What waits for its time, or for a read of its own, gets nothing from the list.
                Queue::Later | Queue::Alone | Queue::Forced => {}
                Queue::Routine(_) if !seat.is_news(group, read_at) => {
                    self.seats.note_nothing_new(uid, Shown::ByList, read_at, &self.cadence);
                }
                // Fields come and go in HeyGen's lists: that a word is missing there is confirmed by a read of the one group.
                Queue::Routine(_) | Queue::Wanted if is_wordless || !is_believed => {
                    pass.wordless += usize::from(is_wordless);
                    self.seats.read_alone(uid, now);
                }
                Queue::Routine(_) | Queue::Wanted => {
                    self.seats.set_aside(uid, now);
                    news.push((uid, group.clone()));
                }
            }
        }
        self.size.was_spread(pace::since(pass.began, read_at));
        match pass.advance(page.next.as_deref(), !page.cut_short, read_at) {
            Progress::Complete => {
                self.size.took(pass.pages, now);
                self.read_alone_what_was_not_shown(pass.began, now);
                if pass.wordless > pass.pages {
                    // Such a pass costs more calls than it saves.
                    self.size.failed(LOST_LIST, now);
                }
            }
            Progress::Lost => self.size.failed(LOST_LIST, now),
            Progress::Going => self.go_on(pass, now),
        }
        news
    }

    /// Notes that a page could not be read, for reasons that last for `pause` at least; without any, it may be read the next time.
    pub fn page_failed(&mut self, pause: Duration, now: Timestamp) {
        let again = self.pass.as_mut().is_some_and(|pass| pause.is_zero() && pass.try_again(now));
        if !again {
            self.pass = None;
            self.size.failed(pause, now);
        }
    }

    /// Gives up the pass under way: the account could not be asked at all.
    pub fn abandon_pass(&mut self) {
        self.pass = None;
    }

    /// Goes on with a pass, unless everybody was seen, or seeing the rest costs more than reading them one by one.
    fn go_on(&mut self, mut pass: Pass, now: Timestamp) {
        let expected = self.size.pages(self.seats.len(), now).unwrap_or(1);
        if pass.unseen > 0 && pass.pages < expected {
            self.pass = Some(pass);
            return;
        }
        // Longer than was thought: those who are still to be seen have waited for the pages that were spread over their interval.
        pass.hurry();
        pass.unseen = self.seats.unseen(self.listed(now), pass.began).count();
        if pass.unseen == 0 {
            self.size.took(pass.pages, now);
        } else if pass.pages > expected && pass.pages >= pass.unseen {
            self.size.has_more_than(pass.pages, now);
        } else {
            self.pass = Some(pass);
        }
    }

    /// A complete list did not show them: before they count as missing, or as anything, they are read one by one.
    fn read_alone_what_was_not_shown(&mut self, began: Timestamp, now: Timestamp) {
        let unseen: Vec<Uid> = self.seats.unseen(self.listed(now), began).collect();
        unseen.into_iter().for_each(|uid| self.seats.read_alone(uid, now));
    }

    fn next_look(&self, room: bool, now: Timestamp) -> Option<Work> {
        let Seats { alone, wanted, routine, .. } = &self.seats;
        let (pages, listed) = self.plan(now);
        let many_wanted = pages.is_some_and(|pages| wanted.len() > pages);
        let listed_is_due = listed.is_some_and(|listed| routine.range(listed..).any(|(_, line)| is_due(line, now)));
        let page = match &self.pass {
            Some(pass) => {
                let is_ready = !pass.is_busy && (pass.next_at <= now || many_wanted);
                is_ready.then(|| Work::Page(pass.cursor().map(str::to_owned)))
            }
            None => (many_wanted || listed_is_due).then_some(Work::Page(None)),
        };
        let alone = || self.first_due(alone, now).or_else(|| self.first_due(wanted, now).filter(|_| !many_wanted));
        let quick = || routine.range(..listed.unwrap_or(u32::MAX)).find_map(|(_, line)| self.first_due(line, now));
        let (wanted, routine) = if many_wanted {
            (page.or_else(|| alone().filter(|_| room)), quick().filter(|_| room))
        } else {
            (alone().filter(|_| room), page.or_else(|| quick().filter(|_| room)))
        };
        if self.wanted_in_a_row < WANTED_PER_ROUTINE { wanted.or(routine) } else { routine.or(wanted) }
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
            Some(pass) => times.extend((!pass.is_busy).then(|| pass.next_at.as_millisecond())),
            None => times.extend(routine.range(listed..).filter_map(|(_, line)| earliest(line))),
        }
        if self.turns.len() > 0 {
            times.extend(self.turns.first_over());
        }
        times.into_iter().min().map_or(Next::Idle, |time| Next::At(timestamp(time)))
    }

    fn first_due(&self, line: &Line, now: Timestamp) -> Option<Work> {
        self.seats.first_due(line, now).map(|(uid, group)| Work::Read(uid, group))
    }
}

#[cfg(test)]
mod tests;
