//! PURE. One way through the pages of the list, what it may cost, and whether it is worth its cost.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use jiff::Timestamp;

use twinconsent_core::consent::polling;

/// How many groups a page holds, at most (HeyGen API notes, section 6).
pub const GROUPS_PER_PAGE: usize = 50;

/// How long the size of the list is believed.
const SIZE_STAYS_TRUE: Duration = Duration::from_secs(3600);

/// The share of the interval over which the pages of a pass are spread, at most.
const WIDEST_SPREAD: f64 = 0.8;

/// The share of the interval by which a pass may be spread wider than the one before it: as much as the looks come early.
const WIDENING: f64 = 0.04;

/// How often a page is tried again before the pass is given up.
const MOST_FAILURES: u32 = 3;

/// What is known of the list's size.
#[derive(Debug, Clone, Copy, Default)]
pub struct ListSize {
    pages: Option<(usize, Timestamp)>,
    not_before: Option<Timestamp>,
    failures: u32,
    /// How long the last pass took from its first page to its last.
    spread: Duration,
}

impl ListSize {
    /// How many pages a pass takes, as far as is known, for an account with so many seats; `None` while the list cannot be read.
    #[must_use]
    pub fn pages(&self, seats: usize, now: Timestamp) -> Option<usize> {
        if self.not_before.is_some_and(|not_before| not_before > now) {
            return None;
        }
        let known = self.pages.filter(|(_, at)| polling::since(*at, now) < SIZE_STAYS_TRUE);
        Some(known.map_or_else(|| seats.div_ceil(GROUPS_PER_PAGE), |(pages, _)| pages).max(1))
    }

    /// When the list can be tried again, if it cannot be read now.
    #[must_use]
    pub fn not_before(&self) -> Option<Timestamp> {
        self.not_before
    }

    /// Over how long to spread a pass that serves those who are looked at every `interval`.
    ///
    /// A page that comes later in its pass than in the one before comes late for its groups; so the spread widens from pass to pass.
    #[must_use]
    pub fn spread(&self, interval: Duration) -> Duration {
        interval.mul_f64(WIDEST_SPREAD).min(self.spread + interval.mul_f64(WIDENING))
    }

    /// Notes how long a pass took from its first page to its last.
    pub fn was_spread(&mut self, spread: Duration) {
        self.spread = spread;
    }

    /// Notes how many pages a pass took.
    pub fn took(&mut self, pages: usize, now: Timestamp) {
        *self = Self { pages: Some((pages, now)), not_before: None, failures: 0, spread: self.spread };
    }

    /// Notes that the list has more pages than a pass was worth.
    pub fn has_more_than(&mut self, pages: usize, now: Timestamp) {
        // Twice as many as were read is as good a guess as any, and stops the guessing after a few tries.
        self.pages = Some((pages * 2, now));
    }

    /// Notes that the list cannot be read for `pause` at least, or for longer with every failure.
    pub fn failed(&mut self, pause: Duration, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        self.not_before = Some(polling::add(now, pause.max(polling::backoff(self.failures, ""))));
    }
}

/// A pass under way.
#[derive(Debug)]
pub struct Pass {
    /// Its number, of those of its account.
    pub number: u64,
    /// When it began: what was seated later is not its affair.
    pub began: Timestamp,
    /// Not before this time the next page.
    pub next_at: Timestamp,
    /// How many pages were read.
    pub pages: usize,
    /// How many groups are still to be seen, about.
    pub unseen: usize,
    /// How many groups it showed without a word of consent, of which another word was told.
    pub wordless: usize,
    cursor: Option<String>,
    spacing: Duration,
    cursors: HashSet<u64>,
    failures: u32,
    is_busy: bool,
}

/// How a pass stands after a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// There is another page.
    Going,
    /// That was the last page: what was not shown is not in the list.
    Complete,
    /// The list cannot be followed: a cursor came twice, or none came although there is more.
    Lost,
}

impl Pass {
    /// A pass for `unseen` groups, whose pages are spread over so long.
    #[must_use]
    pub fn new(number: u64, unseen: usize, pages: usize, spread: Duration, now: Timestamp) -> Self {
        let spacing = spread / u32::try_from(pages).unwrap_or(u32::MAX).max(1);
        Self {
            number,
            began: now,
            next_at: now,
            pages: 0,
            unseen,
            wordless: 0,
            cursor: None,
            spacing,
            cursors: HashSet::new(),
            failures: 0,
            is_busy: false,
        }
    }

    /// Whether a page is being read.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// Notes that a page is being read. Returns the number of the pass.
    pub fn read_page(&mut self) -> u64 {
        self.is_busy = true;
        self.number
    }

    /// The cursor of the page to be read next; `None`: the first.
    #[must_use]
    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// Notes that a page could not be read. Returns whether it is worth another try.
    pub fn try_again(&mut self, now: Timestamp) -> bool {
        self.is_busy = false;
        self.failures += 1;
        self.next_at = polling::add(now, polling::backoff(self.failures, ""));
        self.failures <= MOST_FAILURES
    }

    /// Lets the pages that are left follow at once.
    pub fn hurry(&mut self) {
        self.spacing = Duration::ZERO;
        self.next_at = self.began;
    }

    /// Goes on behind a page whose reading began at `read_at`.
    pub fn advance(&mut self, next: Option<&str>, complete: bool, read_at: Timestamp) -> Progress {
        self.is_busy = false;
        self.pages += 1;
        self.failures = 0;
        self.next_at = polling::add(read_at, self.spacing);
        let Some(next) = next else { return if complete { Progress::Complete } else { Progress::Lost } };
        let mut hasher = DefaultHasher::new();
        next.hash(&mut hasher);
        if !self.cursors.insert(hasher.finish()) {
            return Progress::Lost;
        }
        self.cursor = Some(next.to_owned());
        Progress::Going
    }
}

/// From which interval on groups are looked at by the list, given how many have which interval (in milliseconds) and what a pass costs.
///
/// A pass every `t` looks at everybody whose interval is `t` or longer; the others need reads of their own besides. Of all such
/// divisions the one with the fewest calls a minute is taken; `None`: reads alone cost the fewest.
#[must_use]
pub fn listed_from(intervals: &BTreeMap<u32, usize>, pages: usize) -> Option<u32> {
    let pages = pages as f64;
    let (mut best, mut alone_below) = (None, 0.0);
    for (&interval, &count) in intervals {
        let per = f64::from(interval.max(1));
        let cost = pages / per + alone_below;
        if count > 0 && best.is_none_or(|(_, least)| cost < least) {
            best = Some((interval, cost));
        }
        alone_below += count as f64 / per;
    }
    best.filter(|(_, cost)| *cost < alone_below).map(|(interval, _)| interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn the_list_is_read_when_that_costs_fewer_calls() {
        let minute = 60_000;
        for (intervals, pages, expected) in [
            (vec![(minute, 10_000)], 200, Some(minute)),
            (vec![(minute, 10)], 200, None),
            (vec![(minute, 1)], 1, None),
            (vec![(minute, 2)], 1, Some(minute)),
            // Half an hour's pass serves the slow ones, and the few quick ones are read one by one.
            (vec![(10_000, 3), (30 * minute, 10_000)], 200, Some(30 * minute)),
            // Nearly everybody is quick: the pass that serves them serves the slow ones as well.
            (vec![(minute, 10_000), (30 * minute, 10_000)], 400, Some(minute)),
            (vec![], 3, None),
        ] {
            assert_eq!(listed_from(&intervals.iter().copied().collect(), pages), expected, "{intervals:?} and {pages} pages");
        }
    }

    #[test]
    fn a_cursor_that_comes_twice_ends_the_pass_without_a_conclusion() {
        let mut pass = Pass::new(1, 100, 3, Duration::from_secs(60), at(0));
        assert_eq!(pass.advance(Some("a"), true, at(1)), Progress::Going);
        assert_eq!(pass.advance(Some("b"), true, at(2)), Progress::Going);
        assert_eq!(pass.advance(Some("a"), true, at(3)), Progress::Lost);
    }

    #[test]
    fn only_a_last_page_that_says_so_completes_a_pass() {
        let pass = || Pass::new(1, 100, 3, Duration::from_secs(60), at(0));
        assert_eq!(pass().advance(None, true, at(1)), Progress::Complete);
        assert_eq!(pass().advance(None, false, at(1)), Progress::Lost);
    }

    #[test]
    fn the_size_of_the_list_is_learned_and_forgotten() {
        let mut size = ListSize::default();
        assert_eq!(size.pages(101, at(0)), Some(3));
        size.has_more_than(4, at(0));
        assert_eq!(size.pages(101, at(1)), Some(8));
        assert_eq!(size.pages(101, at(3601)), Some(3));
        size.failed(Duration::from_secs(30), at(4000));
        assert_eq!(size.pages(101, at(4029)), None);
        assert_eq!(size.pages(101, at(4040)), Some(3));
    }
}
