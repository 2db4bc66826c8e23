//! PURE. How a call to HeyGen that was begun can end, and what the book makes of it.

use std::time::Duration;

use jiff::Timestamp;

use super::Book;
use crate::runtime::sweep::pass::{Pass, Progress};
use crate::runtime::sweep::seats::{Queue, Shown};
use twinconsent_core::api::uid::Uid;
use twinconsent_core::consent::outcome::{Concern, GroupsPage, ListedGroup, Outcome};
use twinconsent_core::consent::polling;

/// How long a list that cannot be followed to its end is left alone.
const LOST_LIST: Duration = Duration::from_secs(600);

/// How long the list is left alone when HeyGen refuses it to a key that it accepts otherwise.
const REFUSED_LIST: Duration = Duration::from_secs(3600);

/// How soon a look is made again of which nothing was ever heard.
const AFTER_DROPPED: Duration = Duration::from_secs(5);

/// A call to HeyGen that was begun. There is no other way to be rid of it than [`Book::end`], which takes in what became of it.
#[derive(Debug)]
#[must_use = "a call that was begun has to end in the book"]
pub struct Begun {
    call: Call,
    at: Timestamp,
}

#[derive(Debug)]
enum Call {
    /// A read of the group of this object.
    Read(Uid),
    /// A page of the pass with this number.
    Page(u64),
    /// A call that this object makes itself, by a turn or because nobody came before it.
    Own(Uid),
}

/// How a call that was begun has ended. There is no other end: whoever adds one has to say here what becomes of the look.
#[derive(Debug)]
pub enum Ending {
    /// HeyGen has answered, or has not within its time: what came of it.
    Came(Outcome),
    /// What came was asked with a key that is not the account's any more: the account was suspended, deleted, replaced or given another
    /// key meanwhile. It says nothing about the account as it is now.
    Superseded,
    /// It was not sent: this process must not act any more.
    NotSent,
    /// Nothing will ever be heard of it: its task was cancelled, or has panicked.
    Dropped,
}

impl Begun {
    pub(super) fn read(uid: Uid, at: Timestamp) -> Self {
        Self { call: Call::Read(uid), at }
    }

    pub(super) fn page(pass: u64, at: Timestamp) -> Self {
        Self { call: Call::Page(pass), at }
    }

    pub(super) fn own(uid: Uid, at: Timestamp) -> Self {
        Self { call: Call::Own(uid), at }
    }

    /// When it began.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

impl Book {
    /// Takes in how a call has ended. Returns the objects that have to hear of it, with what it shows of them.
    pub fn end(&mut self, begun: Begun, ending: Ending, now: Timestamp) -> Vec<(Uid, Outcome)> {
        let Begun { call, at } = begun;
        match (call, ending) {
            (Call::Read(uid), Ending::Came(outcome)) => self.read_came(uid, outcome, at, now),
            (Call::Page(pass), Ending::Came(Outcome::Listed(page))) => self.page_came(pass, &page, at, now),
            (Call::Page(pass), Ending::Came(Outcome::Trouble(trouble))) => {
                match trouble.class.concern() {
                    Concern::Key | Concern::Budget => self.give_up(pass),
                    Concern::Access | Concern::Group | Concern::Request => self.page_failed(pass, REFUSED_LIST, now),
                    Concern::HeyGen | Concern::Call => self.page_failed(pass, Duration::ZERO, now),
                }
                Vec::new()
            }
            // An outcome of another call: the client never gives one. Like a task that has panicked, it must not be repeated at once.
            (
                Call::Page(pass),
                Ending::Came(Outcome::Looked(_) | Outcome::LooksRead(_) | Outcome::Initiated(_) | Outcome::Probed) | Ending::Dropped,
            ) => {
                self.page_failed(pass, Duration::ZERO, now);
                Vec::new()
            }
            (Call::Page(pass), Ending::Superseded | Ending::NotSent) => {
                self.give_up(pass);
                Vec::new()
            }
            // The object deals with it.
            (Call::Own(_), Ending::Came(_)) => Vec::new(),
            (Call::Read(uid) | Call::Own(uid), Ending::Superseded | Ending::NotSent) => {
                self.look_again(uid, at, now);
                Vec::new()
            }
            (Call::Read(uid) | Call::Own(uid), Ending::Dropped) => {
                self.look_again(uid, at, polling::add(now, AFTER_DROPPED));
                Vec::new()
            }
        }
    }

    fn read_came(&mut self, uid: Uid, outcome: Outcome, read_at: Timestamp, now: Timestamp) -> Vec<(Uid, Outcome)> {
        if let Outcome::Trouble(trouble) = &outcome
            && let Concern::Key | Concern::Budget = trouble.class.concern()
        {
            self.look_again(uid, read_at, now);
            return Vec::new();
        }
        let Some(seat) = self.seats.get(uid).filter(|seat| seat.is_older_than(read_at)) else { return Vec::new() };
        match &outcome {
            Outcome::Looked(group) if !seat.is_news(group, read_at) => {
                self.seats.note_nothing_new(uid, Shown::Alone, read_at, &self.cadence);
                Vec::new()
            }
            // Whatever else it is, the object deals with it.
            Outcome::Looked(_)
            | Outcome::Trouble(_)
            | Outcome::LooksRead(_)
            | Outcome::Listed(_)
            | Outcome::Initiated(_)
            | Outcome::Probed => {
                self.seats.set_aside(uid, now);
                vec![(uid, outcome)]
            }
        }
    }

    fn page_came(&mut self, pass: u64, page: &GroupsPage, read_at: Timestamp, now: Timestamp) -> Vec<(Uid, Outcome)> {
        let Some(mut pass) = self.pass.take_if(|under_way| under_way.number == pass) else { return Vec::new() };
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
                Queue::Routine(_) | Queue::Wanted if (is_wordless || !is_believed) && !seat.shows_what_was_told(group) => {
                    pass.wordless += usize::from(is_wordless);
                    self.seats.read_alone(uid, now);
                }
                Queue::Routine(_) | Queue::Wanted => {
                    self.seats.set_aside(uid, now);
                    news.push((uid, Outcome::Looked(group.clone())));
                }
            }
        }
        self.size.was_spread(polling::since(pass.began, read_at));
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
    fn page_failed(&mut self, pass: u64, pause: Duration, now: Timestamp) {
        let Some(mut pass) = self.pass.take_if(|under_way| under_way.number == pass) else { return };
        if pause.is_zero() && pass.try_again(now) {
            self.pass = Some(pass);
        } else {
            self.size.failed(pause, now);
        }
    }

    /// Gives up a pass: the account could not be asked at all, or is another one now.
    fn give_up(&mut self, pass: u64) {
        self.pass.take_if(|under_way| under_way.number == pass);
    }

    /// Seats an object again as it was, whose look has come to nothing; one that was seated anew meanwhile stands where it belongs.
    fn look_again(&mut self, uid: Uid, began: Timestamp, at: Timestamp) {
        if self.seats.get(uid).is_some_and(|seat| seat.is_older_than(began)) {
            self.seats.bring_forward(uid, &self.cadence, at);
        }
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
}
