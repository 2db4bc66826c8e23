//! How long a poll has been waiting without a reason: what the watchdog asks.

use std::time::Duration;

use jiff::Timestamp;

use super::Schedule;
use super::account::{Account, LISTED};
use super::entry::{Millis, NOT_YET, timestamp};
use super::fair_line::IN_A_ROW;
use super::shares::Priority;
use crate::api::account_key::AccountKey;
use crate::consent::polling;

/// How long a call may be under way, and with it the place that the next one waits for.
const UNDER_WAY: Duration = Duration::from_secs(60);

impl Schedule {
    /// How much longer than the budget of an account explains a due poll has waited without any poll of its priority beginning; zero
    /// when all goes on. The account can be asked since `since`.
    ///
    /// A budget that does not suffice makes polls late, but one begins after the other. So what counts is not how late the latest is, but how
    /// long nothing has begun while one was due.
    #[must_use]
    pub fn overdue(&self, account: &AccountKey, since: Timestamp, now: Timestamp) -> Duration {
        let Some(account) = self.by_key.get(account).and_then(|id| self.accounts.get(id)) else { return Duration::ZERO };
        let Some(budget) = &account.budget else { return Duration::ZERO };
        let stood_still = |level: usize| {
            let waits_since = account.waits_since(level, now).filter(|due| *due <= now.as_millisecond())?;
            let from = timestamp(waits_since.max(account.began[level]).max(account.crowded_until(level, now))).max(since);
            let explained = budget.period().saturating_mul(account.tokens_between(level, now)) + UNDER_WAY;
            Some(polling::since(from, now).saturating_sub(explained))
        };
        // The lines of polls, and the list.
        (Priority::Forced as usize..=LISTED).filter_map(stood_still).max().unwrap_or_default()
    }
}

impl Account {
    /// Until when pages that this level may be polled by have waited for objects to hear of those before, and not for HeyGen.
    fn crowded_until(&self, level: usize, now: Timestamp) -> Millis {
        let is_alone = |priority: Priority| level == priority as usize && !(priority == Priority::First && self.many_wanted(now));
        let alone = [Priority::Forced, Priority::Landed, Priority::First, Priority::Confirmation];
        if alone.into_iter().any(is_alone) { NOT_YET } else { self.crowded_at }
    }

    /// When the first of those was due that wait at this level, in a line or for their time.
    fn waits_since(&self, level: usize, now: Timestamp) -> Option<Millis> {
        let first = |line: &std::collections::BTreeSet<(Millis, _)>| line.first().map(|(due, _)| *due);
        let next_page = self.scan.as_ref().filter(|scan| !scan.is_busy).map_or(Millis::MIN, |scan| scan.next_at.as_millisecond());
        match level {
            LISTED => self.listed_due().map(|due| due.max(next_page)),
            level if level == Priority::Routine as usize => self.routine.range(..self.listed).filter_map(|(_, line)| first(line)).min(),
            level => {
                let by_list = level == Priority::First as usize && self.many_wanted(now);
                // What was not brought up belongs to one of them.
                let later = first(&self.later).filter(|_| !by_list && level == Priority::First as usize);
                self.lines[level].earliest().into_iter().chain(later).min()
            }
        }
    }

    /// How many tokens others may use before one of this level is due, at most.
    fn tokens_between(&self, level: usize, now: Timestamp) -> u32 {
        let waits = |priority: Priority| !self.lines[priority as usize].is_empty();
        let is_due = |due: Option<Millis>| due.is_some_and(|due| due <= now.as_millisecond());
        let (forced, landed) = (waits(Priority::Forced), waits(Priority::Landed));
        let ahead = match level {
            level if level == Priority::Forced as usize => [false; 4],
            level if level == Priority::Landed as usize => [forced, false, false, false],
            level if level == Priority::First as usize => [forced, landed, false, false],
            level if level == Priority::Confirmation as usize => [forced, landed, waits(Priority::First), false],
            _ => {
                let confirmation = is_due(self.waits_since(Priority::Confirmation as usize, now));
                [forced, landed, false, waits(Priority::First) || confirmation]
            }
        };
        let ahead = ahead.into_iter().chain([waits(Priority::Request)]).filter(|wait| *wait).count();
        // Each count starts anew when those behind it got one, and those of one's own level may have to be passed over once.
        2 * (IN_A_ROW + 1).pow(u32::try_from(ahead).unwrap_or(5))
    }
}
