//! PURE. What the objects of one account wait for: polls and requests in lines by priority, and the list scan.
//!
//! Polls wait for their time in sets by time, the routine ones by their interval, so that the intervals with many groups can be served by
//! the list. Those whose time has come, and that are made by a read of the one group, stand in the line of their priority.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::budget::Budget;
use super::entry::{Entries, Entry, Millis, NOT_YET, Poll, millis_from, timestamp};
use super::fair_line::{FairLine, Namespace};
use super::list_scan::{ListScan, ListSize, hash, listed_from};
use super::shares::{PRIORITIES, Polls, Priority, Shares};
use crate::api::account_key::AccountKey;
use crate::api::uid::Uid;
use crate::consent::policy::Cadence;
use crate::consent::polling;

/// How many polls of one account, and how many requests, may be under way at once: an account that answers slowly must not take all
/// workers. The limit is on how many wait for an answer, not on how many are sent a minute.
pub(super) const AT_ONCE: usize = 16;

/// A scan waits until nothing new has been added for so long: after a start it would miss those whose page it has read already, and cost
/// a second one.
const SETTLED_AFTER: Duration = Duration::from_millis(500);

/// But no longer than this share of the interval: so much sooner than the interval says were those added which a scan has shown.
const SETTLING: u32 = 20;

/// While so many objects wait to hear what pages have shown, no further page is read: each keeps what was shown of it in memory, and pages
/// are read faster than statuses are written.
const MOST_TO_HEAR: usize = 1000;

/// How soon it is tried again whether they have become fewer.
const CROWDED: Duration = Duration::from_secs(1);

/// What the next token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// A call of this object, which stands in the line of this priority.
    Call(Priority, Uid),
    /// The next page of the list.
    Page,
}

/// One account.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) key: AccountKey,
    /// How many objects name it.
    pub(super) entries: usize,
    /// None while it cannot be used.
    pub(super) budget: Option<Arc<Budget>>,
    pub(super) cadence: Cadence,
    pub(super) scan: Option<ListScan>,
    pub(super) size: ListSize,
    /// How many polls and how many requests are under way.
    pub(super) polls: usize,
    pub(super) requests: usize,
    /// When it has something to give next, if it has: its place among the accounts.
    pub(super) next: Option<(Millis, u64)>,
    /// Its turn among those of the same time: the lowest is first.
    pub(super) turn: u64,
    /// When the last poll of each line began, and the last page.
    pub(super) began: [Millis; PRIORITIES + 1],
    pub(super) lines: [FairLine; PRIORITIES],
    /// Single polls other than routine ones whose time is yet to come.
    pub(super) later: BTreeSet<(Millis, Uid)>,
    /// Routine polls by their interval, whether their time has come or not.
    pub(super) routine: BTreeMap<u32, BTreeSet<(Millis, Uid)>>,
    /// Up to when those of them stand in a line whose time has come, below `listed`.
    routine_up_to: Millis,
    /// From which interval on a scan serves the routine polls; beyond all intervals when it serves none.
    pub(super) listed: u32,
    pub(super) groups: HashMap<u64, Uid>,
    /// How many groups are polled.
    pub(super) polled: usize,
    /// How many objects wait to hear what a page has shown.
    to_hear: usize,
    /// When they were last too many for another page.
    pub(super) crowded_at: Millis,
    scans: u64,
    /// When nothing will have been added for a while, if nothing is until then.
    settled_at: Timestamp,
    shares: Shares,
}

impl Account {
    pub(super) fn new(key: AccountKey, cadence: Cadence, turn: u64) -> Self {
        Self {
            key,
            entries: 0,
            budget: None,
            cadence,
            scan: None,
            size: ListSize::default(),
            polls: 0,
            requests: 0,
            next: None,
            turn,
            began: [NOT_YET; PRIORITIES + 1],
            lines: Default::default(),
            later: BTreeSet::new(),
            routine: BTreeMap::new(),
            routine_up_to: NOT_YET,
            listed: u32::MAX,
            groups: HashMap::new(),
            polled: 0,
            to_hear: 0,
            crowded_at: NOT_YET,
            scans: 0,
            settled_at: Timestamp::MIN,
            shares: Shares::default(),
        }
    }

    /// Replaces the next poll of an object.
    pub(super) fn set_poll(&mut self, uid: Uid, entry: &mut Entry, poll: Option<Poll>, now: Timestamp) {
        let group = hash(&entry.group);
        match (&entry.poll, &poll) {
            (None, Some(_)) => {
                self.polled += 1;
                self.settled_at = polling::add(now, SETTLED_AFTER);
            }
            (Some(_), None) => self.forget_poll(uid, entry),
            _ => {}
        }
        if poll.is_some() {
            self.groups.insert(group, uid);
        }
        entry.poll = poll;
    }

    /// Notes that an object has a next poll no longer.
    pub(super) fn forget_poll(&mut self, uid: Uid, entry: &Entry) {
        let group = hash(&entry.group);
        self.polled -= usize::from(entry.poll.is_some());
        if self.groups.get(&group) == Some(&uid) {
            self.groups.remove(&group);
        }
    }

    /// The object by which a group is polled.
    pub(super) fn of_group(&self, group: &str, entries: &Entries) -> Option<Uid> {
        self.groups.get(&hash(group)).copied().filter(|uid| entries.get(uid).is_some_and(|entry| *entry.group == *group))
    }

    /// Puts an object that is not with a worker where it waits.
    pub(super) fn put(&mut self, uid: Uid, entry: &mut Entry) {
        // What a page has shown is heard first.
        let is_to_hear = entry.is_to_hear();
        self.to_hear += usize::from(is_to_hear);
        if let Some(poll) = entry.poll.as_ref().filter(|_| !is_to_hear) {
            let place = (poll.due, uid);
            if poll.priority == Priority::Routine {
                self.routine.entry(poll.interval).or_default().insert(place);
                if poll.interval < self.listed && poll.due <= self.routine_up_to {
                    self.lines[Priority::Routine as usize].push(entry.namespace, poll.due, uid);
                }
            } else {
                self.later.insert(place);
            }
        }
        if let Some(request) = entry.request.as_ref().filter(|_| !is_to_hear) {
            self.lines[Priority::Request as usize].push(entry.namespace, request.since, uid);
        }
        self.release(entry);
    }

    /// Takes an object out of where it waits. Its namespace keeps its places until it is put back or [released](Self::release).
    pub(super) fn withdraw(&mut self, uid: Uid, entry: &mut Entry) {
        self.to_hear -= usize::from(entry.is_to_hear());
        let mut hold = |priority: Priority, order| {
            entry.held[priority as usize] = self.lines[priority as usize].hold(entry.namespace, order, uid);
        };
        if let Some(request) = &entry.request {
            hold(Priority::Request, request.since);
        }
        let Some(poll) = &entry.poll else { return };
        let place = (poll.due, uid);
        if !self.later.remove(&place) {
            hold(poll.priority, poll.due);
        }
        if poll.priority == Priority::Routine {
            let line = self.routine.entry(poll.interval).or_default();
            line.remove(&place);
            if line.is_empty() {
                self.routine.remove(&poll.interval);
            }
        }
    }

    /// Lets the lines keep no place for an object any more.
    pub(super) fn release(&mut self, entry: &mut Entry) {
        for (line, held) in self.lines.iter_mut().zip(&mut entry.held) {
            if std::mem::take(held) {
                line.release(entry.namespace);
            }
        }
    }

    /// What the next token is for, if anything wants it now.
    pub(super) fn pick(&mut self, entries: &mut Entries, now: Timestamp) -> Option<Want> {
        self.bring_up(entries, now);
        self.drop_old_requests(entries, now);
        let request = self.first_of(Priority::Request).filter(|_| self.requests < AT_ONCE);
        self.shares.requests.prefer(request, self.pick_poll(now))
    }

    fn pick_poll(&self, now: Timestamp) -> Option<Want> {
        let page = self.page_at(now).filter(|at| *at <= now).map(|_| Want::Page);
        let alone = |priority| self.first_of(priority).filter(|_| self.polls < AT_ONCE);
        let (first, routine) = if self.many_wanted(now) {
            (page, alone(Priority::Routine))
        } else {
            (alone(Priority::First), page.or_else(|| alone(Priority::Routine)))
        };
        self.shares.of_polls(Polls {
            forced: alone(Priority::Forced),
            landed: alone(Priority::Landed),
            first,
            confirmation: alone(Priority::Confirmation),
            routine,
        })
    }

    /// When there is a token and something for it, at the earliest; `None`: not before something changes.
    pub(super) fn gives_at(&mut self, entries: &mut Entries, now: Timestamp) -> Option<Millis> {
        let token_at = self.budget.as_ref()?.token_at(now)?;
        if self.is_crowded() {
            self.crowded_at = now.as_millisecond();
        }
        let at = self.wanted_at(entries, now)?.max(token_at);
        Some(if at > now { millis_from(at) } else { at.as_millisecond() })
    }

    /// How many calls pass, at most, before the next one of a namespace with this priority.
    pub(super) fn ahead(&self, priority: Priority, namespace: Namespace) -> usize {
        let before: &[Priority] = match priority {
            Priority::First => &[Priority::Forced, Priority::Landed, Priority::Request],
            Priority::Landed => &[Priority::Forced, Priority::Request],
            Priority::Request | Priority::Forced | Priority::Confirmation | Priority::Routine => &[],
        };
        let before: usize = before.iter().map(|priority| self.lines[*priority as usize].len()).sum();
        before + self.lines[priority as usize].ahead(namespace)
    }

    /// When there is something for a token, whether there is one or not; `None`: not before something changes.
    fn wanted_at(&mut self, entries: &mut Entries, now: Timestamp) -> Option<Timestamp> {
        if self.pick(entries, now).is_some() {
            return Some(now);
        }
        let alone = self.routine.range(..self.listed).filter_map(|(_, line)| line.range((self.routine_up_to + 1, 0)..).next());
        let single = alone.chain(self.later.first()).map(|(due, _)| *due).min().filter(|_| self.polls < AT_ONCE);
        single.map(timestamp).into_iter().chain(self.page_at(now)).min()
    }

    /// When the next page of the list is wanted; `None`: not before the one under way has come, or something changes.
    fn page_at(&self, now: Timestamp) -> Option<Timestamp> {
        match &self.scan {
            Some(scan) if scan.is_busy => None,
            _ if self.is_crowded() => Some(polling::add(now, CROWDED)),
            _ if self.many_wanted(now) => Some(now),
            Some(scan) => Some(scan.next_at),
            None => self.scan_at().map(timestamp),
        }
    }

    fn is_crowded(&self) -> bool {
        self.to_hear >= MOST_TO_HEAR
    }

    /// Begins a call of an object.
    pub(super) fn begin(&mut self, priority: Priority, now: Timestamp) {
        match priority {
            Priority::Request => self.requests += 1,
            Priority::Forced | Priority::Landed | Priority::First | Priority::Confirmation | Priority::Routine => self.polls += 1,
        }
        self.shares.passed(priority);
        self.began[priority as usize] = now.as_millisecond();
    }

    /// Begins a page of the list. Returns the number of its scan and its cursor.
    pub(super) fn begin_page(&mut self, now: Timestamp) -> (u64, Option<String>) {
        if self.many_wanted(now) {
            self.began[Priority::First as usize] = now.as_millisecond();
            self.shares.passed(Priority::First);
        }
        self.shares.passed(Priority::Routine);
        self.began[LISTED] = now.as_millisecond();
        let mut scan = self.scan.take().unwrap_or_else(|| self.new_scan(now));
        scan.is_busy = true;
        let begun = (scan.number, scan.cursor.clone());
        self.scan = Some(scan);
        begun
    }

    /// When the first of those was due that the next scan serves.
    pub(super) fn listed_due(&self) -> Option<Millis> {
        self.routine.range(self.listed..).filter_map(|(_, line)| line.first()).map(|(due, _)| *due).min()
    }

    /// Those of the objects that a scan serves that were not polled since then.
    pub(super) fn unseen(&self, entries: &Entries, since: Timestamp) -> Vec<Uid> {
        self.served_by_a_scan().filter(|uid| entries.get(uid).is_some_and(|entry| entry.is_unseen_since(since))).collect()
    }

    /// Whether the first polls are so many that a scan costs less.
    pub(super) fn many_wanted(&self, now: Timestamp) -> bool {
        self.pages(now).is_some_and(|pages| self.lines[Priority::First as usize].len() > pages)
    }

    /// What a scan costs; `None` while the list cannot be read.
    pub(super) fn pages(&self, now: Timestamp) -> Option<usize> {
        self.size.pages(self.polled, now)
    }

    fn new_scan(&mut self, now: Timestamp) -> ListScan {
        let pages = self.pages(now).unwrap_or(1);
        let interval = Duration::from_millis(self.listed.into());
        let spread = if self.many_wanted(now) { Duration::ZERO } else { self.size.spread(interval) };
        self.scans += 1;
        ListScan::new(self.scans, self.served_by_a_scan().count(), pages, spread, now)
    }

    fn served_by_a_scan(&self) -> impl Iterator<Item = Uid> {
        let routine = self.routine.range(self.listed..).flat_map(|(_, line)| line).map(|(_, uid)| *uid);
        routine.chain(self.lines[Priority::First as usize].iter())
    }

    /// When a scan begins for the routine polls.
    fn scan_at(&self) -> Option<Millis> {
        let settled_at = self.settled_at.as_millisecond();
        let begins = |(interval, line): (&u32, &BTreeSet<(Millis, Uid)>)| {
            let (due, _) = line.first()?;
            Some(settled_at.clamp(*due, due.saturating_add((interval / SETTLING).into())))
        };
        self.routine.range(self.listed..).filter_map(begins).min()
    }

    fn first_of(&self, priority: Priority) -> Option<Want> {
        self.lines[priority as usize].first().map(|(_, uid)| Want::Call(priority, uid))
    }

    /// Moves what has come due into its line.
    fn bring_up(&mut self, entries: &Entries, now: Timestamp) {
        let up_to = now.as_millisecond();
        while let Some((due, uid)) = self.later.first().copied().filter(|(due, _)| *due <= up_to) {
            self.later.remove(&(due, uid));
            if let Some((entry, poll)) = entries.get(&uid).and_then(|entry| Some((entry, entry.poll.as_ref()?))) {
                self.lines[poll.priority as usize].push(entry.namespace, due, uid);
            }
        }
        let intervals = self.routine.iter().map(|(interval, line)| (*interval, line.len()));
        let listed = self.pages(now).and_then(|pages| listed_from(intervals, pages)).unwrap_or(u32::MAX);
        let line = &mut self.lines[Priority::Routine as usize];
        if listed != self.listed {
            *line = FairLine::default();
            (self.listed, self.routine_up_to) = (listed, NOT_YET);
        }
        if self.routine_up_to < up_to {
            for (due, uid) in self.routine.range(..listed).flat_map(|(_, line)| line.range((self.routine_up_to + 1, 0)..(up_to + 1, 0))) {
                if let Some(entry) = entries.get(uid) {
                    line.push(entry.namespace, *due, *uid);
                }
            }
            self.routine_up_to = up_to;
        }
    }

    /// Drops requests whose poll before them has grown old: their groups are polled again.
    fn drop_old_requests(&mut self, entries: &mut Entries, now: Timestamp) {
        let line = &mut self.lines[Priority::Request as usize];
        while let Some((order, uid)) = line.first() {
            let Some(entry) = entries.get_mut(&uid) else { return };
            if entry.request.as_ref().is_some_and(|request| request.good_until > now.as_millisecond()) {
                return;
            }
            line.remove(entry.namespace, order, uid);
            entry.request = None;
        }
    }
}

/// The place of the pages beside the lines.
pub(super) const LISTED: usize = PRIORITIES;
