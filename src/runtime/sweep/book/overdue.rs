//! PURE. How long a look has been waiting without a reason: what the watchdog asks.

use std::time::Duration;

use jiff::Timestamp;

use super::shares::{IN_A_ROW, Level};
use super::{Book, Line};
use crate::runtime::sweep::seats::{Millis, is_due, timestamp};
use twinconsent_core::consent::polling;

/// How long a call may be under way, and with it the place that the next one waits for.
const UNDER_WAY: Duration = Duration::from_secs(60);

impl Book {
    /// How much longer than its account's budget explains a due look has waited without any look of its level beginning; zero when all
    /// goes on. The account can be asked since `since`, and gains a token every `period`.
    ///
    /// A budget that does not suffice makes looks late, but one begins after the other. So what counts is not how late the latest is, but how
    /// long nothing has begun while one was due.
    #[must_use]
    pub fn overdue(&self, since: Timestamp, period: Duration, now: Timestamp) -> Duration {
        let (pages, listed) = self.plan(now);
        let listed = listed.unwrap_or(u32::MAX);
        let by_list = self.many_wanted(pages);
        let first = |line: &Line| line.first().map(|(due, _)| *due);
        let next_page = self.pass.as_ref().filter(|pass| !pass.is_busy()).map_or(Millis::MIN, |pass| pass.next_at.as_millisecond());
        let seats = &self.seats;
        let waiting = |level: Level| match level {
            Level::Forced => first(&seats.forced),
            Level::First if by_list => first(&seats.wanted),
            Level::First => [first(&seats.wanted), first(&seats.later)].into_iter().flatten().min(),
            Level::Confirmation => first(&seats.alone),
            Level::Routine => seats.routine.range(..listed).filter_map(|(_, line)| first(line)).min(),
            Level::Listed => seats.routine.range(listed..).filter_map(|(_, line)| first(line)).min().map(|due| due.max(next_page)),
        };
        let stood_still = |level: Level| {
            let from = timestamp(waiting(level)?.max(self.shares.began(level))).max(since);
            Some(polling::since(from, now).saturating_sub(period.saturating_mul(self.tokens_between(level, now)) + UNDER_WAY))
        };
        Level::ALL.into_iter().filter_map(stood_still).max().unwrap_or_default()
    }

    /// How many tokens others may use before one of this level is due, at most.
    fn tokens_between(&self, level: Level, now: Timestamp) -> u32 {
        let seats = &self.seats;
        let forced_wait = is_due(&seats.forced, now);
        let first_wait = !seats.wanted.is_empty();
        let ahead = match level {
            Level::Forced => [false; 3],
            Level::First => [forced_wait, false, false],
            Level::Confirmation => [forced_wait, first_wait, false],
            Level::Routine | Level::Listed => [forced_wait, false, first_wait || is_due(&seats.alone, now)],
        };
        let ahead = ahead.into_iter().chain([self.turns.len() > 0]).filter(|wait| *wait).count();
        // Each count starts anew when those behind it got one, and those of one's own level may have to be passed over once.
        2 * (IN_A_ROW + 1).pow(u32::try_from(ahead).unwrap_or(4))
    }
}
