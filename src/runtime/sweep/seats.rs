//! PURE. The seats of one account: who is to be looked at, each in one queue.
//!
//! A seat is an object whose group is to be looked at. It stands in one queue at a time: reads that are forced or must be of the one
//! group, looks that something hangs on, and routine looks by their interval, so that the intervals with many groups can be served by
//! the list.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{Hash as _, Hasher as _};
use std::time::Duration;

use jiff::Timestamp;

use twinconsent_core::api::uid::Uid;
use twinconsent_core::consent::outcome::{Group, Print};
use twinconsent_core::consent::policy::Cadence;
use twinconsent_core::consent::polling;
use twinconsent_core::consent::step::{LookKind, NextLook};

/// When an object that was handed a look, or whose read is under way, is looked at again if nobody has seated it anew.
const SAFETY_NET: Duration = Duration::from_secs(300);

/// How soon the look at a group that a user forces is forced again, however often the user asks for it.
pub const FORCED_AGAIN: Duration = Duration::from_secs(10);

/// Milliseconds since 1970 of the steady clock.
pub(super) type Millis = i64;

/// Seats in order of the time at which they are due.
pub(super) type Line = BTreeSet<(Millis, Uid)>;

/// The seats of one account.
#[derive(Debug, Default)]
pub(super) struct Seats {
    seats: HashMap<Uid, Seat>,
    groups: HashMap<u64, Uid>,
    pub(super) forced: Line,
    /// Reads of the one group: a suspicion to confirm, or a group that a pass did not show.
    pub(super) alone: Line,
    /// Looks that something hangs on, and that are yet to come.
    pub(super) later: Line,
    /// The same, due.
    pub(super) wanted: Line,
    /// Routine looks by their interval in milliseconds.
    pub(super) routine: BTreeMap<u32, Line>,
    /// When looks were forced, of those that would be too early to be forced again.
    forced_at: HashMap<Uid, Millis>,
}

/// One seat.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) group: Box<str>,
    pub(super) queue: Queue,
    due: Millis,
    /// When the group was last looked at without anything new.
    looked_at: Option<Millis>,
    /// What was read before is older than what the seat knows.
    since: Millis,
    share: f32,
    kind: LookKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Queue {
    Forced,
    Alone,
    Later,
    Wanted,
    Routine(u32),
}

/// How a look was made that showed nothing new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// By a read of the one group.
    Alone,
    /// By a page of the list.
    ByList,
}

impl Seats {
    pub(super) fn len(&self) -> usize {
        self.seats.len()
    }

    pub(super) fn get(&self, uid: Uid) -> Option<&Seat> {
        self.seats.get(&uid)
    }

    /// The seat of a group.
    pub(super) fn of_group(&self, group: &str) -> Option<(Uid, &Seat)> {
        let uid = *self.groups.get(&hash(group))?;
        let seat = self.seats.get(&uid).filter(|seat| *seat.group == *group)?;
        Some((uid, seat))
    }

    /// Seats an object, or seats it anew. Returns whether it is the first in its queue.
    pub(super) fn seat(&mut self, uid: Uid, group: &str, share: f64, look: NextLook, cadence: &Cadence, now: Timestamp) -> bool {
        let looked_at = self.take(uid).and_then(|seat| seat.looked_at);
        self.groups.insert(hash(group), uid);
        let (due, since) = (look.at.as_millisecond(), now.as_millisecond());
        let queue = Queue::of(look.kind, cadence, now);
        self.put(uid, Seat { group: group.into(), due, looked_at, since, share: share as f32, queue, kind: look.kind })
    }

    /// Forgets an object.
    pub(super) fn remove(&mut self, uid: Uid) {
        if let Some(seat) = self.take(uid) {
            let group = hash(&seat.group);
            if self.groups.get(&group) == Some(&uid) {
                self.groups.remove(&group);
            }
        }
    }

    /// Lets an object be looked at then, as its kind of look wants it.
    pub(super) fn bring_forward(&mut self, uid: Uid, cadence: &Cadence, at: Timestamp) {
        let Some(seat) = self.take(uid) else { return };
        let queue = Queue::of(seat.kind, cadence, at);
        self.put(uid, Seat { queue, due: at.as_millisecond(), ..seat });
    }

    /// Notes that a look at an object is being forced.
    pub(super) fn note_forced(&mut self, uid: Uid, now: Timestamp) {
        // As many as there were tokens in that time, at most.
        let is_recent = |at: Millis| polling::since(timestamp(at), now) < FORCED_AGAIN;
        self.forced_at.retain(|_, at| is_recent(*at));
        self.forced_at.insert(uid, now.as_millisecond());
    }

    /// Before when no look at an object is to be forced again.
    pub(super) fn forced_not_before(&self, uid: Uid) -> Option<Millis> {
        self.forced_at.get(&uid).map(|at| polling::add(timestamp(*at), FORCED_AGAIN).as_millisecond())
    }

    /// Lets an object be read alone, now.
    pub(super) fn read_alone(&mut self, uid: Uid, now: Timestamp) {
        let Some(seat) = self.take(uid) else { return };
        self.put(uid, Seat { queue: Queue::Alone, due: now.as_millisecond(), ..seat });
    }

    /// Whoever hears of a look, or is being read, is seated anew by what comes of it; if nothing does, it is looked at later.
    pub(super) fn set_aside(&mut self, uid: Uid, now: Timestamp) {
        let Some(seat) = self.take(uid) else { return };
        self.put(uid, Seat { queue: Queue::Later, due: polling::add(now, SAFETY_NET).as_millisecond(), ..seat });
    }

    /// A look has shown nothing new: the next one is due an interval later.
    ///
    /// Groups that a page has shown share the share, so that they come due in the order of the list and the next pass finds it so.
    pub(super) fn note_nothing_new(&mut self, uid: Uid, shown: Shown, read_at: Timestamp, cadence: &Cadence) {
        let Some(mut seat) = self.take(uid) else { return };
        if let LookKind::Routine { rhythm, .. } = seat.kind {
            let interval = rhythm.interval(cadence, read_at);
            let share = if shown == Shown::ByList { 0.0 } else { f64::from(seat.share) };
            seat.queue = Queue::Routine(millis_of(interval));
            seat.due = polling::after_look(read_at, interval, share).as_millisecond();
        }
        seat.looked_at = Some(read_at.as_millisecond());
        self.put(uid, seat);
    }

    /// Moves what has come due.
    pub(super) fn bring_up(&mut self, now: Timestamp) {
        while let Some(&(due, uid)) = self.later.first().filter(|(due, _)| *due <= now.as_millisecond()) {
            self.later.remove(&(due, uid));
            self.wanted.insert((due, uid));
            if let Some(seat) = self.seats.get_mut(&uid) {
                seat.queue = Queue::Wanted;
            }
        }
    }

    /// How many routine looks there are of each interval.
    pub(super) fn intervals(&self) -> BTreeMap<u32, usize> {
        self.routine.iter().map(|(interval, line)| (*interval, line.len())).collect()
    }

    /// Those whom a pass serves that looks after everybody from this interval on.
    pub(super) fn listed(&self, from: u32) -> impl Iterator<Item = Uid> {
        self.routine.range(from..).flat_map(|(_, line)| line).chain(&self.wanted).map(|(_, uid)| *uid)
    }

    /// Those of them whom nobody has looked at since then.
    pub(super) fn unseen(&self, from: u32, since: Timestamp) -> impl Iterator<Item = Uid> {
        let since = since.as_millisecond();
        self.listed(from).filter(move |uid| self.seats.get(uid).is_some_and(|seat| seat.is_unseen_since(since)))
    }

    pub(super) fn looks_are_due(&self, now: Timestamp) -> bool {
        !self.wanted.is_empty() || is_due(&self.alone, now) || self.routine.values().any(|line| is_due(line, now))
    }

    /// The first of a queue, if it is due, and its group.
    pub(super) fn first_due(&self, line: &Line, now: Timestamp) -> Option<(Uid, String)> {
        let (_, uid) = line.first().filter(|(due, _)| *due <= now.as_millisecond())?;
        Some((*uid, self.seats.get(uid)?.group.to_string()))
    }

    /// Puts a seat into its queue. Returns whether it is the first there.
    fn put(&mut self, uid: Uid, mut seat: Seat) -> bool {
        if let (Queue::Forced, Some(not_before)) = (seat.queue, self.forced_not_before(uid)) {
            seat.due = seat.due.max(not_before);
        }
        let line = match seat.queue {
            Queue::Forced => &mut self.forced,
            Queue::Alone => &mut self.alone,
            Queue::Later => &mut self.later,
            Queue::Wanted => &mut self.wanted,
            Queue::Routine(interval) => self.routine.entry(interval).or_default(),
        };
        let place = (seat.due, uid);
        line.insert(place);
        let is_first = line.first() == Some(&place);
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
                let line = self.routine.entry(interval).or_default();
                line.remove(&place);
                if line.is_empty() {
                    self.routine.remove(&interval);
                }
                true
            }
        };
        Some(seat)
    }
}

impl Seat {
    /// Whether the object has to hear of a look at `read_at` that shows `group`.
    pub(super) fn is_news(&self, group: &Group, read_at: Timestamp) -> bool {
        match self.kind {
            LookKind::Forced | LookKind::Wanted { .. } => true,
            LookKind::Routine { print, wanted_from, .. } => print != Print::of(group) || wanted_from.is_some_and(|from| from <= read_at),
        }
    }

    /// Whether the look shows nothing else than what was told, so that nothing hangs on how it was made.
    pub(super) fn shows_what_was_told(&self, group: &Group) -> bool {
        matches!(self.kind, LookKind::Routine { print, .. } if print == Print::of(group))
    }

    /// Whether the object takes news from a page of the list.
    pub(super) fn believes_the_list(&self) -> bool {
        match self.kind {
            LookKind::Forced => false,
            LookKind::Wanted { by_list } | LookKind::Routine { by_list, .. } => by_list,
        }
    }

    /// Whether it stood as it stands before a read that began then.
    pub(super) fn is_older_than(&self, read_at: Timestamp) -> bool {
        self.since <= read_at.as_millisecond()
    }

    /// When the look is due.
    pub(super) fn due(&self) -> Timestamp {
        timestamp(self.due)
    }

    /// When the group was last looked at without anything new.
    pub(super) fn looked_at(&self) -> Option<Timestamp> {
        self.looked_at.map(timestamp)
    }

    fn is_unseen_since(&self, began: Millis) -> bool {
        self.since < began && self.looked_at.is_none_or(|looked_at| looked_at < began)
    }
}

impl Queue {
    fn of(kind: LookKind, cadence: &Cadence, now: Timestamp) -> Self {
        match kind {
            LookKind::Forced => Self::Forced,
            LookKind::Wanted { by_list: false } => Self::Alone,
            LookKind::Wanted { by_list: true } => Self::Later,
            LookKind::Routine { rhythm, .. } => Self::Routine(millis_of(rhythm.interval(cadence, now))),
        }
    }
}

pub(super) fn is_due(line: &Line, now: Timestamp) -> bool {
    line.first().is_some_and(|(due, _)| *due <= now.as_millisecond())
}

pub(super) fn timestamp(millis: Millis) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
}

fn hash(group: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    group.hash(&mut hasher);
    hasher.finish()
}

fn millis_of(interval: Duration) -> u32 {
    u32::try_from(interval.as_millis()).unwrap_or(u32::MAX - 1)
}
