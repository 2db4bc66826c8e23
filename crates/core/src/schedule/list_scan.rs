//! PURE. One way through the pages of the list, what it may cost, and whether it is worth its cost.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::time::Duration;

use jiff::Timestamp;

use crate::consent::polling;

/// How many groups a page holds, at most (HeyGen API notes, section 6).
const GROUPS_PER_PAGE: usize = 50;

/// How long the size of the list is believed.
const SIZE_STAYS_TRUE: Duration = Duration::from_secs(3600);

/// The share of the interval over which the pages of a scan are spread, at most.
const WIDEST_SPREAD: f64 = 0.8;

/// The share of the interval by which a scan may be spread wider than the one before it: as much as the polls come early.
const WIDENING: f64 = 0.04;

/// How often a page is tried again before the scan is given up.
const MOST_FAILURES: u32 = 3;

/// What is known of the list's size.
#[derive(Debug, Default)]
pub(super) struct ListSize {
    pages: Option<(usize, Timestamp)>,
    not_before: Option<Timestamp>,
    failures: u32,
    /// How long the last scan took from its first page to its last.
    spread: Duration,
}

impl ListSize {
    /// How many pages a scan takes, as far as is known, for an account with so many groups that are polled; `None` while the list cannot
    /// be read.
    pub(super) fn pages(&self, polled: usize, now: Timestamp) -> Option<usize> {
        if self.not_before.is_some_and(|not_before| not_before > now) {
            return None;
        }
        let known = self.pages.filter(|(_, at)| polling::since(*at, now) < SIZE_STAYS_TRUE);
        Some(known.map_or_else(|| polled.div_ceil(GROUPS_PER_PAGE), |(pages, _)| pages).max(1))
    }

    /// Over how long to spread a scan that serves those which are polled every `interval`.
    ///
    /// A page that comes later in its scan than in the one before comes late for its groups; so the spread widens from scan to scan.
    pub(super) fn spread(&self, interval: Duration) -> Duration {
        interval.mul_f64(WIDEST_SPREAD).min(self.spread + interval.mul_f64(WIDENING))
    }

    /// Notes how long a scan took from its first page to its last.
    pub(super) fn was_spread(&mut self, spread: Duration) {
        self.spread = spread;
    }

    /// Notes how many pages a scan took.
    pub(super) fn took(&mut self, pages: usize, now: Timestamp) {
        *self = Self { pages: Some((pages, now)), not_before: None, failures: 0, spread: self.spread };
    }

    /// Notes that the list has more pages than a scan was worth.
    pub(super) fn has_more_than(&mut self, pages: usize, now: Timestamp) {
        // Twice as many as were read is as good a guess as any, and stops the guessing after a few tries.
        self.pages = Some((pages * 2, now));
    }

    /// Notes that the list cannot be read for `pause` at least, or for longer with every failure.
    pub(super) fn failed(&mut self, pause: Duration, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        self.not_before = Some(polling::add(now, pause.max(polling::backoff(self.failures, ""))));
    }
}

/// A scan under way.
#[derive(Debug, Default)]
pub(super) struct ListScan {
    /// Its number, of those of its account.
    pub(super) number: u64,
    /// When it began: what was added later is not its affair.
    pub(super) began: Timestamp,
    /// Not before this time the next page.
    pub(super) next_at: Timestamp,
    /// How many pages were read.
    pub(super) pages: usize,
    /// How many groups are still to be seen, about.
    pub(super) unseen: usize,
    /// How many groups it showed without a word of consent, of which another word was told.
    pub(super) wordless: usize,
    /// Whether a page is being read.
    pub(super) is_busy: bool,
    /// The cursor of the page to be read next; `None`: the first.
    pub(super) cursor: Option<String>,
    spacing: Duration,
    cursors: HashSet<u64>,
    failures: u32,
}

/// How a scan stands after a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// There is another page.
    Going,
    /// That was the last page: what was not shown is not in the list.
    Complete,
    /// The list cannot be followed: a cursor came twice, or none came although there is more.
    Lost,
}

impl ListScan {
    /// A scan for `unseen` groups, whose pages are spread over so long.
    pub(super) fn new(number: u64, unseen: usize, pages: usize, spread: Duration, now: Timestamp) -> Self {
        let spacing = spread / u32::try_from(pages).unwrap_or(u32::MAX).max(1);
        Self { number, began: now, next_at: now, unseen, spacing, ..Self::default() }
    }

    /// Notes that a page could not be read. Returns whether it is worth another try.
    pub(super) fn try_again(&mut self, now: Timestamp) -> bool {
        self.is_busy = false;
        self.failures += 1;
        self.next_at = polling::add(now, polling::backoff(self.failures, ""));
        self.failures <= MOST_FAILURES
    }

    /// Lets the pages that are left follow at once.
    pub(super) fn hurry(&mut self) {
        self.spacing = Duration::ZERO;
        self.next_at = self.began;
    }

    /// Goes on behind a page whose reading began at `read_at`.
    pub(super) fn advance(&mut self, next: Option<&str>, complete: bool, read_at: Timestamp) -> Progress {
        self.is_busy = false;
        self.pages += 1;
        self.failures = 0;
        self.next_at = polling::add(read_at, self.spacing);
        let Some(next) = next else { return if complete { Progress::Complete } else { Progress::Lost } };
        if !self.cursors.insert(hash(next)) {
            return Progress::Lost;
        }
        self.cursor = Some(next.to_owned());
        Progress::Going
    }
}

/// From which interval on groups are polled by the list, given how many have which interval (in milliseconds, ascending) and what a scan
/// costs.
///
/// A scan every `t` polls all whose interval is `t` or longer; the others need reads of their own besides. Of all such divisions the one
/// with the fewest calls a minute is taken; `None`: reads alone cost the fewest.
pub(super) fn listed_from(intervals: impl IntoIterator<Item = (u32, usize)>, pages: usize) -> Option<u32> {
    let pages = pages as f64;
    let (mut best, mut alone_below) = (None, 0.0);
    for (interval, count) in intervals {
        let per = f64::from(interval.max(1));
        let cost = pages / per + alone_below;
        if count > 0 && best.is_none_or(|(_, least)| cost < least) {
            best = Some((interval, cost));
        }
        alone_below += count as f64 / per;
    }
    best.filter(|(_, cost)| *cost < alone_below).map(|(interval, _)| interval)
}

/// A text as a number.
pub(super) fn hash(text: &str) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(text)
}

#[cfg(test)]
mod tests;
