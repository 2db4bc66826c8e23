//! How a call to HeyGen that was begun can end, and what the schedule makes of it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::budget::{Budget, Token};
use super::entry::Why;
use super::list_scan::{ListScan, Progress};
use super::shares::Priority;
use super::{Schedule, Shown};
use crate::api::uid::Uid;
use crate::consent::outcome::{Concern, GroupsPage, Outcome};
use crate::consent::polling;

/// How long a list that cannot be followed to its end is left alone.
const LOST_LIST: Duration = Duration::from_secs(600);

/// How long the list is left alone when HeyGen refuses it to a key that it accepts otherwise.
const REFUSED_LIST: Duration = Duration::from_secs(3600);

/// How soon a poll is made again of which nothing was ever heard.
const AFTER_DROPPED: Duration = Duration::from_secs(5);

/// A call to HeyGen that was begun: the permit for it. There is no other way to be rid of it than [`Schedule::end`], which takes in what
/// became of it.
#[derive(Debug)]
#[must_use = "a call that was begun has to end in the schedule"]
pub struct Begun {
    pub(super) call: Call,
    pub(super) account: u32,
    pub(super) budget: Arc<Budget>,
    pub(super) token: Token,
    /// When it began.
    pub(super) at: Timestamp,
}

/// What a call is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Call {
    /// A poll of this object; whether it was given to it, or it has asked for it.
    Poll(Uid, bool),
    /// A request of this object.
    Request(Uid),
    /// A page of the scan with this number.
    Page(u64),
}

/// How a call that was begun has ended. There is no other end: a new one has to say here what becomes of the poll.
#[derive(Debug)]
pub enum Ending {
    /// HeyGen has answered, or has not within its time: what came of it.
    Came(Outcome),
    /// What came was asked with a key that is not the account's any more: the account was suspended, deleted, replaced or given another
    /// key meanwhile. It says nothing about the account as it is now.
    Superseded,
    /// It was not sent: this process must not act any more.
    NotSent,
    /// It is not needed; its object rests, or changes, and says by that what it waits for.
    Unused,
    /// Nothing will ever be heard of it: its task was cancelled, or has panicked.
    Dropped,
}

impl Begun {
    /// The budget of the key that it is for.
    #[must_use]
    pub fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }
}

impl Schedule {
    /// Takes in how a call has ended. What a page shows that is new goes to its objects.
    ///
    /// Returns whether that is not its object's affair: trouble of the account, by a poll that the object has not asked for. It is polled
    /// again when the account can be asked.
    pub fn end(&mut self, begun: Begun, ending: Ending, now: Timestamp) -> bool {
        let Begun { call, account, budget, token, at } = begun;
        if let Some(account) = self.accounts.get_mut(&account) {
            match call {
                Call::Poll(..) => account.polls -= 1,
                Call::Request(_) => account.requests -= 1,
                Call::Page(_) => {}
            }
        }
        match ending {
            Ending::NotSent | Ending::Unused => budget.give_back(token),
            Ending::Dropped => budget.lose(token),
            Ending::Came(_) | Ending::Superseded => {}
        }
        let lets_more_through = matches!(ending, Ending::NotSent | Ending::Unused) || token.is_trial;
        let is_the_accounts = matches!((call, &ending), (Call::Poll(_, true), Ending::Came(outcome)) if concerns_the_account(outcome));
        let is_of_today =
            self.accounts.get(&account).and_then(|account| account.budget.as_ref()).is_some_and(|its| Arc::ptr_eq(its, &budget));
        match (call, ending) {
            (Call::Page(scan), Ending::Came(Outcome::Listed(page))) if is_of_today => self.page_came(account, scan, &page, at, now),
            (Call::Page(scan), Ending::Came(outcome)) if is_of_today && !concerns_the_account(&outcome) => {
                self.page_failed(account, scan, if is_refused(&outcome) { REFUSED_LIST } else { Duration::ZERO }, now);
            }
            (Call::Page(scan), Ending::Dropped) => self.page_failed(account, scan, Duration::ZERO, now),
            // The account could not be asked at all, or is another one now.
            (Call::Page(scan), Ending::Came(_) | Ending::Superseded | Ending::NotSent | Ending::Unused) => {
                drop(self.take_scan(account, scan))
            }
            (Call::Poll(uid, _) | Call::Request(uid), Ending::Came(_)) => {
                if let Some(entry) = self.entries.get_mut(&uid) {
                    entry.asked_at = now.as_millisecond();
                }
                if is_the_accounts {
                    self.poll_again(uid, at, now);
                }
            }
            (Call::Poll(uid, _) | Call::Request(uid), Ending::Superseded | Ending::NotSent) => self.poll_again(uid, at, now),
            (Call::Poll(uid, _) | Call::Request(uid), Ending::Dropped) => self.poll_again(uid, at, polling::add(now, AFTER_DROPPED)),
            (Call::Poll(..) | Call::Request(_), Ending::Unused) => {}
        }
        if lets_more_through {
            self.place_all(&budget, now);
        }
        self.place(account, now);
        is_the_accounts
    }

    fn page_came(&mut self, id: u32, scan: u64, page: &GroupsPage, read_at: Timestamp, now: Timestamp) {
        let Some(mut scan) = self.take_scan(id, scan) else { return };
        for (group, shown) in &page.groups {
            let Some(uid) = self.accounts.get(&id).and_then(|account| account.of_group(group, &self.entries)) else { continue };
            let Some((entry, poll)) = self.entries.get(&uid).and_then(|entry| Some((entry, entry.poll.as_ref()?))) else { continue };
            if !poll.is_older_than(read_at) {
                continue;
            }
            if entry.polled_at < scan.began.as_millisecond() {
                scan.unseen = scan.unseen.saturating_sub(1);
            }
            let (is_wordless, is_believed) = (shown.consent_status.is_none(), poll.believes_the_list());
            match poll.priority {
                // What waits for its time, or for a read of its own, gets nothing from the list.
                Priority::Request | Priority::Forced | Priority::Landed | Priority::Confirmation => {}
                Priority::First if poll.due > now.as_millisecond() => {}
                Priority::Routine if !poll.is_new(shown, read_at) => {
                    self.with(uid, |entry, account| entry.note_nothing_new(read_at, &account.cadence));
                }
                // Fields come and go in HeyGen's lists: that a word is missing there is confirmed by a read of the one group.
                Priority::Routine | Priority::First if (is_wordless || !is_believed) && !poll.shows_what_was_said(shown) => {
                    scan.wordless += usize::from(is_wordless);
                    self.with(uid, |entry, _| entry.confirm(now));
                }
                Priority::Routine | Priority::First => {
                    let shown = Shown { at: read_at, outcome: Outcome::Polled(shown.clone()) };
                    self.with(uid, |entry, _| {
                        entry.set_aside(now);
                        entry.shown = Some(Box::new(shown));
                    });
                    self.ready(uid, Why::Changed);
                }
            }
        }
        let Some(account) = self.accounts.get_mut(&id) else { return };
        account.size.was_spread(polling::since(scan.began, read_at));
        match scan.advance(page.next.as_deref(), !page.cut_short, read_at) {
            Progress::Complete => {
                account.size.took(scan.pages, now);
                // A complete list did not show them: before they count as missing, or as anything, they are read one by one.
                let unseen = account.unseen(&self.entries, scan.began);
                if scan.wordless > scan.pages {
                    // Such a scan costs more calls than it saves.
                    account.size.failed(LOST_LIST, now);
                }
                for uid in unseen {
                    self.with(uid, |entry, _| entry.confirm(now));
                }
            }
            Progress::Lost => account.size.failed(LOST_LIST, now),
            Progress::Going => self.go_on(id, scan, now),
        }
    }

    /// Notes that a page could not be read, for reasons that last for `pause` at least; without any, it may be read the next time.
    fn page_failed(&mut self, id: u32, scan: u64, pause: Duration, now: Timestamp) {
        let Some(mut scan) = self.take_scan(id, scan) else { return };
        let Some(account) = self.accounts.get_mut(&id) else { return };
        if pause.is_zero() && scan.try_again(now) {
            account.scan = Some(scan);
        } else {
            account.size.failed(pause, now);
        }
    }

    fn take_scan(&mut self, id: u32, number: u64) -> Option<ListScan> {
        self.accounts.get_mut(&id)?.scan.take_if(|scan| scan.number == number)
    }

    /// Lets an object be polled again as it was, whose call has come to nothing; one that has rested meanwhile waits for what it said then.
    fn poll_again(&mut self, uid: Uid, began: Timestamp, at: Timestamp) {
        self.with(uid, |entry, account| {
            if entry.poll.as_ref().is_some_and(|poll| poll.is_older_than(began)) {
                entry.poll_at(at, &account.cadence);
            }
        });
    }

    /// Goes on with a scan, unless all were seen, or seeing the rest costs more than reading them one by one.
    fn go_on(&mut self, id: u32, mut scan: ListScan, now: Timestamp) {
        let Some(account) = self.accounts.get_mut(&id) else { return };
        let expected = account.pages(now).unwrap_or(1);
        if scan.unseen > 0 && scan.pages < expected {
            account.scan = Some(scan);
            return;
        }
        // Longer than was thought: those that are still to be seen have waited for the pages that were spread over their interval.
        scan.hurry();
        scan.unseen = account.unseen(&self.entries, scan.began).len();
        if scan.unseen == 0 {
            account.size.took(scan.pages, now);
        } else if scan.pages > expected && scan.pages >= scan.unseen {
            account.size.has_more_than(scan.pages, now);
        } else {
            account.scan = Some(scan);
        }
    }
}

fn concerns_the_account(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Trouble(trouble) if trouble.class.concerns_the_account())
}

/// Whether HeyGen refuses to this key what was asked for.
fn is_refused(outcome: &Outcome) -> bool {
    let Outcome::Trouble(trouble) = outcome else { return false };
    match trouble.class.concern() {
        Concern::Access | Concern::Group | Concern::Request => true,
        Concern::Key | Concern::Budget | Concern::HeyGen | Concern::Call => false,
    }
}
