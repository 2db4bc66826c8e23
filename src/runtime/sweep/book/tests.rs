//! The book against an account in small: groups on pages, a bucket of tokens, a clock that stands where it is told to.

mod histories;
mod shares;

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::runtime::limiter::Limiter;
use twinconsent_core::consent::outcome::{Class, Group, GroupsPage, ListedGroup, Outcome, Print, Trouble};
use twinconsent_core::consent::step::LookKind;

const MINUTE: Duration = Duration::from_secs(60);

/// What HeyGen would show, and what was asked.
struct Account {
    book: Book,
    limiter: Limiter,
    now: Timestamp,
    /// The groups in the order of the list; not all of them are seated.
    listed: Vec<Uid>,
    words: HashMap<Uid, String>,
    looks: HashMap<Uid, Vec<Timestamp>>,
    calls: Vec<(Timestamp, Work)>,
    news: Vec<(Timestamp, Uid)>,
    list: List,
}

/// How the list behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    Faithful,
    /// The second page leads to itself.
    RepeatsACursor,
    /// There is more after the first page, and no cursor.
    LosesTheCursor,
    /// Every second page begins with the last group of the one before.
    Repeats,
    /// It goes on for ever with groups that nobody has seated.
    Endless,
    /// Groups whose number ends in 7 are not shown.
    Omits,
    /// No word of consent is shown.
    Wordless,
    Fails,
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + seconds).unwrap()
}

fn name(uid: Uid) -> String {
    format!("group-{uid}")
}

fn read_of(uid: Uid) -> Work {
    Work::Poll(Poll::Read(uid, name(uid)))
}

fn shown(word: &str) -> Group {
    Group { consent_status: Some(word.to_owned()), ..Group::default() }
}

impl Account {
    fn new(groups: u128, per_minute: u32, burst: u32) -> Self {
        Self {
            book: Book::default(),
            limiter: Limiter::new(per_minute, burst, Duration::ZERO),
            now: at(0),
            listed: (1..=groups).collect(),
            words: HashMap::new(),
            looks: HashMap::new(),
            calls: Vec::new(),
            news: Vec::new(),
            list: List::Faithful,
        }
    }

    fn share(uid: Uid) -> f64 {
        (uid % 97) as f64 / 97.0
    }

    /// Seats an object that is looked at as a matter of routine, as a restarted process does: somewhere in the interval.
    fn seat(&mut self, uid: Uid, interval: Duration) {
        let first = polling::add(self.now, interval.mul_f64(Self::share(uid)));
        self.seat_from(uid, interval, first);
    }

    fn seat_from(&mut self, uid: Uid, interval: Duration, first: Timestamp) {
        let print = Print::of(&shown(self.word(uid)));
        let kind = LookKind::Routine { print, rhythm: polling::Rhythm::Fixed(interval), wanted_from: None, by_list: true };
        self.book.enlist(uid, &name(uid), Self::share(uid), NextLook { at: first, kind }, self.now);
    }

    fn want(&mut self, uid: Uid, by_list: bool) {
        self.book.enlist(uid, &name(uid), 0.5, NextLook { at: self.now, kind: LookKind::Wanted { by_list } }, self.now);
    }

    fn force(&mut self, uid: Uid) {
        self.book.enlist(uid, &name(uid), 0.5, NextLook { at: self.now, kind: LookKind::Forced }, self.now);
    }

    fn word(&self, uid: Uid) -> &str {
        self.words.get(&uid).map_or("pending", String::as_str)
    }

    fn elapsed(&self) -> Duration {
        polling::since(at(0), self.now)
    }

    /// Lets time pass; every call is answered at once. What is news is seated again as a routine look every `reseat`, if given.
    fn run(&mut self, seconds: u64, reseat: Option<Duration>) {
        self.run_millis(seconds * 1000, reseat);
    }

    fn run_millis(&mut self, millis: u64, reseat: Option<Duration>) {
        let end = polling::add(self.now, Duration::from_millis(millis));
        for turn in 0.. {
            assert!(turn < 2_000_000, "a hot loop");
            let next = match self.book.next(true, self.now) {
                Next::Do(work) => match self.limiter.check(self.elapsed()) {
                    Ok(()) => {
                        self.calls.push((self.now, work.clone()));
                        self.go(&work, reseat);
                        continue;
                    }
                    Err(wait) => polling::add(self.now, wait + Duration::from_micros(1)),
                },
                Next::At(at) => at.max(polling::add(self.now, Duration::from_millis(1))),
                Next::Idle => end,
            };
            self.now = next.min(end);
            if self.now == end {
                return;
            }
        }
    }

    fn go(&mut self, work: &Work, reseat: Option<Duration>) {
        let poll = match work {
            Work::Turn(uid) => return self.book.give_turn(*uid, self.now),
            Work::Poll(poll) => poll,
        };
        let begun = self.book.begin(poll, self.now);
        let outcome = match poll {
            Poll::Read(uid, group) => {
                assert_eq!(*group, name(*uid));
                self.looks.entry(*uid).or_default().push(self.now);
                Outcome::Looked(shown(self.word(*uid)))
            }
            Poll::Page(_) if self.list == List::Fails => Outcome::Trouble(Trouble::of(Class::Unavailable)),
            Poll::Page(cursor) => {
                let page = self.page(cursor.as_deref());
                for listed in &page.groups {
                    let uid = listed.id.trim_start_matches("group-").parse().unwrap();
                    self.looks.entry(uid).or_default().push(self.now);
                }
                Outcome::Listed(page)
            }
        };
        for (uid, _) in self.book.end(begun, Ending::Came(outcome), self.now) {
            self.news.push((self.now, uid));
            if let Some(interval) = reseat {
                let first = polling::after_look(self.now, interval, Self::share(uid));
                self.seat_from(uid, interval, first);
            }
        }
    }

    fn page(&self, cursor: Option<&str>) -> GroupsPage {
        let from: usize = cursor.map_or(0, |cursor| cursor.parse().unwrap());
        let start = if self.list == List::Repeats && from > 0 { from - 1 } else { from };
        let shows = |uid: &&Uid| self.list != List::Omits || **uid % 10 != 7;
        let items = self.listed.iter().skip(start).take(50).filter(shows);
        let group = |uid: Uid| if self.list == List::Wordless { Group::default() } else { shown(self.word(uid)) };
        let groups: Vec<_> = items.map(|uid| ListedGroup { id: name(*uid), group: group(*uid) }).collect();
        let more = start + 50 < self.listed.len();
        let next = match self.list {
            List::RepeatsACursor if from >= 50 => Some("50".to_owned()),
            List::LosesTheCursor => return GroupsPage { groups, next: None, cut_short: more, unreadable: 0 },
            List::Endless => Some((from + 50).to_string()),
            _ => more.then(|| (start + 50).to_string()),
        };
        GroupsPage { groups, next, cut_short: false, unreadable: 0 }
    }

    fn requests_between(&self, from: i64, to: i64) -> usize {
        self.calls.iter().filter(|(time, _)| (at(from)..at(to)).contains(time)).count()
    }

    /// The most requests within any stretch of so many seconds.
    fn most_within(&self, seconds: u64) -> usize {
        let reaches = |(first, (time, _)): (usize, &(Timestamp, Work))| {
            let end = polling::add(*time, Duration::from_secs(seconds));
            self.calls[first..].iter().take_while(|(later, _)| *later < end).count()
        };
        self.calls.iter().enumerate().map(reaches).max().unwrap_or(0)
    }

    /// The longest time that a group went without a look, from the beginning on.
    fn longest_gap(&self, uid: Uid) -> Duration {
        let mut times = vec![at(0)];
        times.extend(self.looks.get(&uid).into_iter().flatten());
        times.push(self.now);
        times.windows(2).map(|pair| polling::since(pair[0], pair[1])).max().unwrap()
    }
}

#[test]
fn ten_thousand_pending_groups_cost_a_pass_a_minute_and_nobody_waits_longer_than_the_interval() {
    let mut account = Account::new(10_000, 600, 20);
    (1..=10_000).for_each(|uid| account.seat(uid, MINUTE));
    account.run(600, None);
    for minute in 1..10 {
        let requests = account.requests_between(60 * minute, 60 * (minute + 1));
        assert!((150..=250).contains(&requests), "{requests} requests in minute {minute}");
    }
    let longest = (1..=10_000).map(|uid| account.longest_gap(uid)).max().unwrap();
    assert!(longest <= Duration::from_secs(65), "a group went without a look for {longest:?}");
    assert_eq!(account.news, []);
}

#[test]
fn ten_thousand_groups_cost_at_most_250_requests_in_any_minute_also_right_after_a_restart() {
    let mut account = Account::new(10_000, 600, 20);
    (1..=10_000).for_each(|uid| account.seat(uid, MINUTE));
    account.run(900, None);
    assert!(account.most_within(60) <= 250, "{} requests in a minute", account.most_within(60));
}

#[test]
fn groups_that_are_seated_while_the_first_pass_is_under_way_cost_no_second_one_in_the_same_interval() {
    let mut account = Account::new(10_000, 600, 20);
    for number in 0..10_000 {
        // 5,000 a second, in another order than the list's.
        account.seat(number * 7919 % 10_000 + 1, MINUTE);
        if number % 500 == 0 {
            account.run_millis(100, None);
        }
    }
    account.run(900, None);
    assert!(account.most_within(60) <= 250, "{} requests in a minute", account.most_within(60));
    let longest = (1..=10_000).map(|uid| account.longest_gap(uid)).max().unwrap();
    assert!(longest <= Duration::from_secs(65), "a group went without a look for {longest:?}");
}

#[test]
fn ten_thousand_groups_cost_at_most_250_requests_in_any_minute_also_right_after_a_bulk_creation() {
    let mut account = Account::new(10_000, 600, 20);
    for uid in 1..=10_000 {
        // 200 a second, each seated for the first time after its link was recorded.
        let due = polling::after_look(account.now, MINUTE, Account::share(uid));
        account.seat_from(uid, MINUTE, due);
        if uid % 20 == 0 {
            account.run_millis(100, None);
        }
    }
    account.run(900, None);
    assert!(account.most_within(60) <= 250, "{} requests in a minute", account.most_within(60));
}

#[test]
fn a_few_groups_among_many_are_read_one_by_one() {
    let mut account = Account::new(10_000, 600, 20);
    (1..=40).for_each(|uid| account.seat(uid * 200, MINUTE));
    account.run(1800, None);
    let pages = account.calls.iter().filter(|(_, work)| matches!(work, Work::Poll(Poll::Page(_)))).count();
    let late = account.calls.iter().filter(|(time, work)| *time > at(600) && matches!(work, Work::Poll(Poll::Page(_)))).count();
    assert!(pages < 200 && late == 0, "{pages} pages were read, {late} of them after ten minutes");
    let requests = account.requests_between(600, 1800);
    assert!((750..=900).contains(&requests), "{requests} requests for 40 groups in 20 minutes");
}

#[test]
fn a_change_is_told_once_and_all_others_are_not() {
    let mut account = Account::new(1000, 6000, 100);
    (1..=1000).for_each(|uid| account.seat(uid, MINUTE));
    account.run(100, Some(MINUTE));
    account.words.insert(77, "approved".to_owned());
    account.run(300, Some(MINUTE));
    let told: Vec<Uid> = account.news.iter().map(|(_, uid)| *uid).collect();
    assert_eq!(told, [77]);
    assert!(polling::since(at(100), account.news[0].0) <= Duration::from_secs(60));
}

#[test]
fn what_a_complete_list_does_not_show_is_read_one_by_one() {
    let mut account = Account::new(1000, 6000, 100);
    account.list = List::Omits;
    (1..=1000).for_each(|uid| account.seat(uid, MINUTE));
    account.run(600, None);
    let longest = (1..=1000).map(|uid| account.longest_gap(uid)).max().unwrap();
    assert!(longest <= Duration::from_secs(121), "{longest:?}");
    let alone = account.calls.iter().filter(|(_, work)| matches!(work, Work::Poll(Poll::Read(..)))).count();
    assert!((900..=1400).contains(&alone), "{alone} reads of 100 groups in ten minutes");
}

#[test]
fn no_trouble_with_the_list_leaves_anybody_out() {
    for list in [List::RepeatsACursor, List::LosesTheCursor, List::Repeats, List::Endless, List::Omits, List::Wordless, List::Fails] {
        let mut account = Account::new(500, 6000, 100);
        account.list = list;
        (1..=500).for_each(|uid| account.seat(uid, MINUTE));
        account.run(1200, None);
        let longest = (1..=500).map(|uid| account.longest_gap(uid)).max().unwrap();
        assert!(longest <= Duration::from_secs(130), "{list:?}: a group went without a look for {longest:?}");
        let a_minute = account.calls.len() / 20;
        assert!(a_minute <= 600, "{list:?}: {a_minute} requests a minute");
        assert_eq!(account.news, [], "{list:?}: nothing had changed");
    }
}

#[test]
fn many_that_ask_at_once_are_looked_at_by_the_list_and_few_one_by_one() {
    let mut account = Account::new(1000, 600, 20);
    (1..=1000).for_each(|uid| account.want(uid, true));
    account.run(60, Some(Duration::from_secs(86_400)));
    assert_eq!(account.news.len(), 1000);
    assert_eq!(account.calls.len(), 20, "a pass of 20 pages");

    let mut account = Account::new(1000, 600, 20);
    account.book.size.took(20, account.now);
    (1..=5).for_each(|uid| account.want(uid, true));
    account.run(60, Some(Duration::from_secs(86_400)));
    assert_eq!((account.news.len(), account.calls.len()), (5, 5));
}

#[test]
fn a_suspicion_is_confirmed_by_a_read_of_the_one_group() {
    let mut account = Account::new(1000, 600, 20);
    (1..=1000).for_each(|uid| account.seat(uid, MINUTE));
    account.want(500, false);
    account.run(30, None);
    assert!(account.calls.iter().any(|(_, work)| *work == read_of(500)));
    assert!(account.news.iter().any(|(_, uid)| *uid == 500));
}

#[test]
fn what_the_list_says_of_an_approved_group_is_read_alone_before_it_is_told() {
    let mut account = Account::new(1000, 6000, 100);
    (1..=1000).for_each(|uid| account.seat(uid, MINUTE));
    let print = Print::of(&shown("approved"));
    let kind = LookKind::Routine { print, rhythm: polling::Rhythm::Fixed(MINUTE), wanted_from: None, by_list: false };
    account.book.enlist(77, &name(77), 0.5, NextLook { at: at(50), kind }, account.now);
    account.run(120, None);
    let alone = account.calls.iter().find(|(_, work)| *work == read_of(77)).unwrap();
    assert_eq!(account.news, [(alone.0, 77)]);
}

#[test]
fn a_request_whose_look_has_grown_old_gets_no_turn() {
    let mut account = Account::new(10, 600, 1);
    account.book.request(1, at(5));
    account.book.request(2, at(50));
    account.now = at(10);
    assert_eq!(account.book.next(true, account.now), Next::Do(Work::Turn(2)));
    account.book.give_turn(2, account.now);
    assert!(!account.book.take_turn(1, account.now) && account.book.take_turn(2, account.now));
    assert!(!account.book.take_turn(2, account.now), "a turn is used once");
}

#[test]
fn no_more_turns_are_given_than_can_be_used_while_they_are_good() {
    let mut account = Account::new(10, 60_000, 1000);
    (1..=200).for_each(|uid| account.book.request(uid, at(3600)));
    account.run(5, None);
    assert_eq!(account.calls.len(), 64);
    let now = account.now;
    assert!((1..=10).all(|uid| account.book.take_turn(uid, now)));
    account.run(2, None);
    assert_eq!(account.calls.len(), 74, "a turn that is used makes room for another");
    account.run(5, None);
    assert_eq!(account.calls.len(), 74 + 54, "a turn that is not used makes room when it is over");
}

#[test]
fn what_was_read_before_an_object_was_seated_is_not_held_against_it() {
    let mut account = Account::new(10, 600, 1);
    account.seat(1, MINUTE);
    let [early, late] = [4, 5].map(|second| {
        let begun = account.book.begin(&Poll::Read(1, name(1)), at(second));
        account.now = at(5);
        account.seat(1, MINUTE);
        begun
    });
    let approved = || Ending::Came(Outcome::Looked(shown("approved")));
    assert!(account.book.end(early, approved(), account.now).is_empty());
    assert_eq!(account.book.end(late, approved(), account.now).len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whoever is seated is looked at in time, whatever the mixture of intervals, as long as the rate suffices.
    #[test]
    fn everybody_is_looked_at_in_time(
        groups in 1u128..600,
        stride in 1u128..7,
        intervals in prop::collection::vec(10u64..900, 1..5),
    ) {
        let mut account = Account::new(groups, 6000, 50);
        let seated: Vec<Uid> = (1..=groups).step_by(usize::try_from(stride).unwrap()).collect();
        let interval = |uid: Uid| Duration::from_secs(intervals[usize::try_from(uid).unwrap() % intervals.len()]);
        seated.iter().for_each(|uid| account.seat(*uid, interval(*uid)));
        account.run(1900, None);
        for uid in &seated {
            let (longest, interval) = (account.longest_gap(*uid), interval(*uid));
            prop_assert!(longest <= interval + Duration::from_secs(3), "{longest:?} for an interval of {interval:?}");
        }
        // A read of each in its interval is the most that looks may cost, and a pass or two to learn the size of the list.
        let alone: f64 = seated.iter().map(|uid| 1900.0 / (0.9 * interval(*uid).as_secs_f64()) + 1.0).sum();
        prop_assert!(account.calls.len() as f64 <= alone + 3.0 * account.listed.len().div_ceil(50) as f64 + 5.0, "{} calls, {alone} alone", account.calls.len());
    }
}
