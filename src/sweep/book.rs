//! PURE. The book of one account: who is to be looked at, who wants to ask, and who is next.
//!
//! A seat is an object whose group is to be looked at. It stands in one queue at a time: reads that are forced or must be of the one
//! group, looks that something hangs on, and routine looks by their interval, so that the intervals with many groups can be served by
//! the list. Requests for consent queue up beside them, first come, first served, as long as the look before them is fresh.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::{Hash as _, Hasher as _};
use std::time::Duration;

use jiff::Timestamp;

use super::pass::{ListSize, Pass, Progress, listed_from};
use crate::decide::{LookKind, NextLook};
use crate::outcome::{Group, GroupsPage, Print};
use crate::pace;
use crate::roster::Uid;
use crate::terms::{Cadence, Terms};

/// How many requests pass in a row while looks are due: the looks get one token in five.
const REQUESTS_PER_LOOK: u32 = 4;

/// How many looks that something hangs on pass in a row while routine looks are due.
const WANTED_PER_ROUTINE: u32 = 4;

/// How long a turn to ask stays good.
const GRANT_STAYS_GOOD: Duration = Duration::from_secs(10);

/// When an object that was handed a look, or whose read is under way, is looked at again if nobody has seated it anew.
const SAFETY_NET: Duration = Duration::from_secs(300);

/// Milliseconds since 1970 of the steady clock.
type Millis = i64;

/// The book of one account.
#[derive(Debug)]
pub struct Book {
    cadence: Cadence,
    seats: HashMap<Uid, Seat>,
    groups: HashMap<u64, Uid>,
    forced: BTreeSet<(Millis, Uid)>,
    /// Reads of the one group: a suspicion to confirm, or a group that a pass did not show.
    alone: BTreeSet<(Millis, Uid)>,
    /// Looks that something hangs on, and that are yet to come.
    later: BTreeSet<(Millis, Uid)>,
    /// The same, due.
    wanted: BTreeSet<(Millis, Uid)>,
    /// Routine looks by their interval in milliseconds.
    routine: BTreeMap<u32, BTreeSet<(Millis, Uid)>>,
    requests: VecDeque<(Uid, Millis)>,
    grants: HashMap<Uid, Millis>,
    pass: Option<Pass>,
    size: ListSize,
    requests_in_a_row: u32,
    wanted_in_a_row: u32,
}

#[derive(Debug)]
struct Seat {
    group: Box<str>,
    due: Millis,
    /// When the group was last looked at without anything new.
    looked_at: Option<Millis>,
    /// What was read before is older than what the seat knows.
    since: Millis,
    share: f32,
    queue: Queue,
    kind: LookKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Queue {
    Forced,
    Alone,
    Later,
    Wanted,
    Routine(u32),
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
    Grant(Uid),
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
            seats: HashMap::new(),
            groups: HashMap::new(),
            forced: BTreeSet::new(),
            alone: BTreeSet::new(),
            later: BTreeSet::new(),
            wanted: BTreeSet::new(),
            routine: BTreeMap::new(),
            requests: VecDeque::new(),
            grants: HashMap::new(),
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
        let looked_at = self.take(uid).and_then(|seat| seat.looked_at);
        self.groups.insert(hash(group), uid);
        let queue = match look.kind {
            LookKind::Forced => Queue::Forced,
            LookKind::Wanted { by_list: false } => Queue::Alone,
            LookKind::Wanted { by_list: true } => Queue::Later,
            LookKind::Routine { rhythm, .. } => Queue::Routine(millis_of(rhythm.interval(&self.cadence, now))),
        };
        let (due, since) = (look.at.as_millisecond(), now.as_millisecond());
        self.put(uid, Seat { group: group.into(), due, looked_at, since, share: share as f32, queue, kind: look.kind })
    }

    /// Forgets an object.
    pub fn dismiss(&mut self, uid: Uid) {
        if let Some(seat) = self.take(uid) {
            let group = hash(&seat.group);
            if self.groups.get(&group) == Some(&uid) {
                self.groups.remove(&group);
            }
        }
        self.grants.remove(&uid);
    }

    /// When the object's group was last looked at without anything new.
    #[must_use]
    pub fn looked_at(&self, uid: Uid) -> Option<Timestamp> {
        self.seats.get(&uid)?.looked_at.map(timestamp)
    }

    /// How many seats there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.seats.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    /// Queues a request that is good until then.
    pub fn request(&mut self, uid: Uid, fresh_until: Timestamp) {
        let until = fresh_until.as_millisecond();
        match self.requests.iter_mut().find(|(waiting, _)| *waiting == uid) {
            Some((_, waits_until)) => *waits_until = until,
            None => self.requests.push_back((uid, until)),
        }
    }

    /// Uses the turn that an object was given.
    pub fn take_grant(&mut self, uid: Uid, now: Timestamp) -> bool {
        self.grants.remove(&uid).is_some_and(|good_until| good_until > now.as_millisecond())
    }

    /// Whether nobody waits who comes before a newcomer of this lane.
    pub fn may_pass(&mut self, lane: Lane, now: Timestamp) -> bool {
        self.bring_up(now);
        let forced = is_due(&self.forced, now);
        match lane {
            Lane::Forced => !forced,
            Lane::Request => {
                !forced && self.requests.is_empty() && (self.requests_in_a_row < REQUESTS_PER_LOOK || !self.looks_are_due(now))
            }
            Lane::Look => !forced && self.requests.is_empty() && self.wanted.is_empty() && !is_due(&self.alone, now),
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
        match lane {
            Lane::Forced => self.forced.len(),
            Lane::Request => self.forced.len() + self.requests.len(),
            Lane::Look => self.forced.len() + self.requests.len() + self.wanted.len(),
        }
    }

    /// What is next; reads of one group only while there is `room` for another.
    pub fn next(&mut self, room: bool, now: Timestamp) -> Next {
        self.bring_up(now);
        if room && let Some(read) = self.first_due(&self.forced, now) {
            return Next::Do(read);
        }
        let look = self.next_look(room, now);
        let request = self.requests.front().map(|(uid, _)| Work::Grant(*uid));
        match (request, look) {
            (Some(request), None) => Next::Do(request),
            (Some(request), Some(_)) if self.requests_in_a_row < REQUESTS_PER_LOOK => Next::Do(request),
            (_, Some(look)) => Next::Do(look),
            (None, None) => self.next_time(room, now),
        }
    }

    /// Notes that `work` is being done.
    pub fn begin(&mut self, work: &Work, now: Timestamp) {
        match work {
            Work::Grant(uid) => {
                self.requests.retain(|(waiting, _)| waiting != uid);
                self.grants.retain(|_, good_until| *good_until > now.as_millisecond());
                self.grants.insert(*uid, pace::add(now, GRANT_STAYS_GOOD).as_millisecond());
                self.requests_in_a_row += 1;
                return;
            }
            Work::Read(uid, _) => {
                let Some(seat) = self.seats.get(uid) else { return };
                self.wanted_in_a_row = if matches!(seat.queue, Queue::Routine(_)) { 0 } else { self.wanted_in_a_row + 1 };
                self.set_aside(*uid, now);
            }
            Work::Page(_) => {
                if self.pass.is_none() {
                    let (pages, listed) = self.plan(now);
                    let (pages, listed) = (pages.unwrap_or(1), listed.unwrap_or(u32::MAX));
                    let unseen = self.wanted.len() + self.routine.range(listed..).map(|(_, queue)| queue.len()).sum::<usize>();
                    let hurried = self.wanted.len() > pages || listed == u32::MAX;
                    let spread = if hurried { Duration::ZERO } else { self.size.spread(Duration::from_millis(listed.into())) };
                    self.pass = Some(Pass::new(unseen, pages, spread, now));
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
        let Some(seat) = self.seats.get(&uid) else { return false };
        if seat.since > read_at.as_millisecond() {
            return false;
        }
        match shown {
            Some(group) if !seat.is_news(group, read_at) => {
                self.note_nothing_new(uid, read_at);
                false
            }
            _ => {
                self.set_aside(uid, now);
                true
            }
        }
    }

    /// Seats an object again as it was, whose read has met the account's trouble and not its own.
    pub fn postpone(&mut self, uid: Uid, now: Timestamp) {
        let Some(mut seat) = self.take(uid) else { return };
        seat.queue = match seat.kind {
            LookKind::Forced => Queue::Forced,
            LookKind::Wanted { by_list: false } => Queue::Alone,
            LookKind::Wanted { by_list: true } => Queue::Later,
            LookKind::Routine { rhythm, .. } => Queue::Routine(millis_of(rhythm.interval(&self.cadence, now))),
        };
        seat.due = now.as_millisecond();
        self.put(uid, seat);
    }

    /// Takes in a page whose reading began at `read_at`. Returns the objects that have to hear of it, with what it shows of them.
    pub fn page(&mut self, page: &GroupsPage, read_at: Timestamp, now: Timestamp) -> Vec<(Uid, Group)> {
        let Some(mut pass) = self.pass.take() else { return Vec::new() };
        let mut news = Vec::new();
        for (id, group) in &page.groups {
            let Some(&uid) = self.groups.get(&hash(id)) else { continue };
            let Some(seat) = self.seats.get(&uid).filter(|seat| *seat.group == **id && seat.since <= read_at.as_millisecond()) else {
                continue;
            };
            if seat.looked_at.is_none_or(|looked_at| looked_at < pass.began.as_millisecond()) {
                pass.unseen = pass.unseen.saturating_sub(1);
            }
            match seat.queue {
                // What waits for its time, or for a read of its own, gets nothing from the list.
                Queue::Later | Queue::Alone | Queue::Forced => {}
                Queue::Routine(_) if !seat.is_news(group, read_at) => self.note_nothing_new(uid, read_at),
                Queue::Routine(_) | Queue::Wanted => {
                    self.set_aside(uid, now);
                    news.push((uid, group.clone()));
                }
            }
        }
        self.size.was_spread(pace::since(pass.began, read_at));
        match pass.advance(page.next.as_deref(), page.complete, read_at) {
            Progress::Complete => {
                self.size.took(pass.pages, now);
                self.read_alone_what_was_not_shown(pass.began, now);
            }
            Progress::Lost => self.size.failed(LOST_LIST, now),
            Progress::Going => self.go_on(pass, now),
        }
        news
    }

    /// Notes that a page could not be read, for reasons that last for `pause` at least.
    pub fn page_failed(&mut self, pause: Duration, now: Timestamp) {
        self.pass = None;
        self.size.failed(pause, now);
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
        pass.unseen = self.unseen(pass.began, now);
        if pass.unseen == 0 {
            self.size.took(pass.pages, now);
        } else if pass.pages > expected && pass.pages >= pass.unseen {
            self.size.has_more_than(pass.pages, now);
        } else {
            self.pass = Some(pass);
        }
    }

    /// How many of those that a pass was to show have not been seen since it began.
    fn unseen(&self, began: Timestamp, now: Timestamp) -> usize {
        let listed = self.plan(now).1.unwrap_or(u32::MAX);
        let began = began.as_millisecond();
        let seats = self.routine.range(listed..).flat_map(|(_, queue)| queue).chain(&self.wanted);
        seats.filter(|(_, uid)| self.seats.get(uid).is_some_and(|seat| seat.is_unseen_since(began))).count()
    }

    /// A complete list did not show them: before they count as missing, or as anything, they are read one by one.
    fn read_alone_what_was_not_shown(&mut self, began: Timestamp, now: Timestamp) {
        let listed = self.plan(now).1.unwrap_or(u32::MAX);
        let began = began.as_millisecond();
        let seats = self.routine.range(listed..).flat_map(|(_, queue)| queue).chain(&self.wanted);
        let unseen: Vec<Uid> =
            seats.map(|(_, uid)| *uid).filter(|uid| self.seats.get(uid).is_some_and(|seat| seat.is_unseen_since(began))).collect();
        for uid in unseen {
            if let Some(mut seat) = self.take(uid) {
                seat.queue = Queue::Alone;
                seat.due = now.as_millisecond();
                self.put(uid, seat);
            }
        }
    }

    fn next_look(&self, room: bool, now: Timestamp) -> Option<Work> {
        let (pages, listed) = self.plan(now);
        let many_wanted = pages.is_some_and(|pages| self.wanted.len() > pages);
        let listed_is_due = listed.is_some_and(|listed| self.routine.range(listed..).any(|(_, queue)| is_due(queue, now)));
        let page = match &self.pass {
            Some(pass) => {
                let is_ready = !pass.is_busy && (pass.next_at <= now || many_wanted);
                is_ready.then(|| Work::Page(pass.cursor().map(str::to_owned)))
            }
            None => (many_wanted || listed_is_due).then_some(Work::Page(None)),
        };
        let alone = || self.first_due(&self.alone, now).or_else(|| self.first_due(&self.wanted, now).filter(|_| !many_wanted));
        let quick = || self.routine.range(..listed.unwrap_or(u32::MAX)).find_map(|(_, queue)| self.first_due(queue, now));
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
        let counts = || self.routine.iter().map(|(interval, queue)| (*interval, queue.len())).collect();
        (pages, pages.and_then(|pages| listed_from(&counts(), pages)))
    }

    fn looks_are_due(&self, now: Timestamp) -> bool {
        !self.wanted.is_empty() || is_due(&self.alone, now) || self.routine.values().any(|queue| is_due(queue, now))
    }

    fn next_time(&self, room: bool, now: Timestamp) -> Next {
        let (_, listed) = self.plan(now);
        let earliest = |queue: &BTreeSet<(Millis, Uid)>| queue.first().map(|(due, _)| *due);
        let mut times: Vec<Millis> = Vec::new();
        times.extend(earliest(&self.later));
        if room {
            times.extend([&self.forced, &self.alone].into_iter().filter_map(earliest));
            times.extend(self.routine.range(..listed.unwrap_or(u32::MAX)).filter_map(|(_, queue)| earliest(queue)));
        }
        match &self.pass {
            Some(pass) => times.extend((!pass.is_busy).then(|| pass.next_at.as_millisecond())),
            None => {
                times.extend(listed.into_iter().flat_map(|listed| self.routine.range(listed..)).filter_map(|(_, queue)| earliest(queue)))
            }
        }
        times.into_iter().min().map_or(Next::Idle, |time| Next::At(timestamp(time)))
    }

    /// Moves what has come due, and drops requests whose look has grown old: those objects are looked at again.
    fn bring_up(&mut self, now: Timestamp) {
        let now = now.as_millisecond();
        while let Some(&(due, uid)) = self.later.first().filter(|(due, _)| *due <= now) {
            self.later.remove(&(due, uid));
            self.wanted.insert((due, uid));
            if let Some(seat) = self.seats.get_mut(&uid) {
                seat.queue = Queue::Wanted;
            }
        }
        while self.requests.front().is_some_and(|(_, fresh_until)| *fresh_until <= now) {
            self.requests.pop_front();
        }
    }

    fn first_due(&self, queue: &BTreeSet<(Millis, Uid)>, now: Timestamp) -> Option<Work> {
        let (_, uid) = queue.first().filter(|(due, _)| *due <= now.as_millisecond())?;
        let seat = self.seats.get(uid)?;
        Some(Work::Read(*uid, seat.group.to_string()))
    }

    /// A look has shown nothing new: the next one is due an interval later.
    fn note_nothing_new(&mut self, uid: Uid, read_at: Timestamp) {
        let Some(mut seat) = self.take(uid) else { return };
        if let LookKind::Routine { rhythm, .. } = seat.kind {
            let interval = rhythm.interval(&self.cadence, read_at);
            seat.queue = Queue::Routine(millis_of(interval));
            seat.due = pace::after_look(read_at, interval, f64::from(seat.share)).as_millisecond();
        }
        seat.looked_at = Some(read_at.as_millisecond());
        self.put(uid, seat);
    }

    /// Whoever hears of a look, or is being read, is seated anew by what comes of it; if nothing does, it is looked at later.
    fn set_aside(&mut self, uid: Uid, now: Timestamp) {
        let Some(mut seat) = self.take(uid) else { return };
        seat.queue = Queue::Later;
        seat.due = pace::add(now, SAFETY_NET).as_millisecond();
        self.put(uid, seat);
    }

    /// Puts a seat into its queue. Returns whether it is the first there.
    fn put(&mut self, uid: Uid, seat: Seat) -> bool {
        let queue = match seat.queue {
            Queue::Forced => &mut self.forced,
            Queue::Alone => &mut self.alone,
            Queue::Later => &mut self.later,
            Queue::Wanted => &mut self.wanted,
            Queue::Routine(interval) => self.routine.entry(interval).or_default(),
        };
        let place = (seat.due, uid);
        queue.insert(place);
        let is_first = queue.first() == Some(&place);
        self.seats.insert(uid, seat);
        is_first
    }

    fn take(&mut self, uid: Uid) -> Option<Seat> {
        let seat = self.seats.remove(&uid)?;
        let place = (seat.due, uid);
        match seat.queue {
            Queue::Forced => self.forced.remove(&place),
            Queue::Alone => self.alone.remove(&place),
            Queue::Later => self.later.remove(&place),
            Queue::Wanted => self.wanted.remove(&place),
            Queue::Routine(interval) => {
                let queue = self.routine.entry(interval).or_default();
                queue.remove(&place);
                if queue.is_empty() {
                    self.routine.remove(&interval);
                }
                true
            }
        };
        Some(seat)
    }
}

/// How long a list that cannot be followed to its end is left alone.
const LOST_LIST: Duration = Duration::from_secs(600);

impl Seat {
    /// Whether the object has to hear of a look at `read_at` that shows `group`.
    fn is_news(&self, group: &Group, read_at: Timestamp) -> bool {
        match self.kind {
            LookKind::Forced | LookKind::Wanted { .. } => true,
            LookKind::Routine { print, rhythm: _, wanted_from } => {
                print != Print::of(group) || wanted_from.is_some_and(|from| from <= read_at)
            }
        }
    }

    fn is_unseen_since(&self, began: Millis) -> bool {
        self.since < began && self.looked_at.is_none_or(|looked_at| looked_at < began)
    }
}

fn is_due(queue: &BTreeSet<(Millis, Uid)>, now: Timestamp) -> bool {
    queue.first().is_some_and(|(due, _)| *due <= now.as_millisecond())
}

fn hash(group: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    group.hash(&mut hasher);
    hasher.finish()
}

fn millis_of(interval: Duration) -> u32 {
    u32::try_from(interval.as_millis()).unwrap_or(u32::MAX - 1)
}

fn timestamp(millis: Millis) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
