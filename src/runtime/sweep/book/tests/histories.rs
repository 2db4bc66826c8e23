//! Random histories of an account and of its calls: whatever becomes of a call, what pends is looked at again.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::runtime::gate::{Admission, Gate};

/// How often each object is looked at.
const INTERVAL: Duration = MINUTE;

/// How long nothing happens at the end of a history.
const QUIET: Duration = Duration::from_secs(600);

/// What happens.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// The account cannot be used for so long: it is suspended, or its Secret is missing or cannot be read.
    Unusable(Duration),
    /// Its object is deleted, and created again so much later.
    Recreated(Duration),
    /// The Secret holds another key.
    Rotated,
    /// Its rate becomes another one.
    Limit(u32),
    /// HeyGen answers each call like this for so long.
    Fault(Class, Duration),
    /// HeyGen takes so long from now on.
    Latency(Duration),
    /// The next calls end without anybody hearing of them.
    Dropped(u32),
    /// The next calls are not sent.
    NotSent(u32),
}

/// A call under way.
struct Flight {
    begun: Begun,
    poll: Poll,
    key: u32,
    book: u32,
    goes_first: bool,
}

/// An object that pends.
#[derive(Default, Clone, Copy)]
struct Object {
    looked_at: Option<Timestamp>,
    failures: u32,
    backs_off_until: Option<Timestamp>,
}

struct History {
    now: Timestamp,
    book: Book,
    /// The number of the book, of those that the account has had.
    books: u32,
    rate: u32,
    key: u32,
    gates: BTreeMap<u32, Arc<Gate>>,
    is_usable: bool,
    comes_back: Option<Timestamp>,
    fault: Option<(Class, Timestamp)>,
    latency: Duration,
    dropped: u32,
    not_sent: u32,
    /// By the time at which they end.
    under_way: BTreeMap<(Timestamp, u32), Flight>,
    calls: u32,
    objects: BTreeMap<Uid, Object>,
    /// Since when every look can be made: the account can be used, and HeyGen answers.
    good_since: Option<Timestamp>,
    log: Vec<String>,
}

impl History {
    fn new(objects: u128) -> Self {
        let mut history = Self {
            now: at(0),
            book: Book::default(),
            books: 0,
            rate: 600,
            key: 0,
            gates: BTreeMap::new(),
            is_usable: true,
            comes_back: None,
            fault: None,
            latency: Duration::from_millis(100),
            dropped: 0,
            not_sent: 0,
            under_way: BTreeMap::new(),
            calls: 0,
            objects: (1..=objects).map(|uid| (uid, Object::default())).collect(),
            good_since: None,
            log: Vec::new(),
        };
        history.seat_all();
        history
    }

    fn elapsed(&self) -> Duration {
        polling::since(at(0), self.now)
    }

    fn gate(&mut self) -> Arc<Gate> {
        let (rate, elapsed) = (self.rate, self.elapsed());
        self.gates.entry(self.key).or_insert_with(|| Arc::new(Gate::new(rate, 20, elapsed))).clone()
    }

    /// Every object is decided, and rests until it is looked at.
    fn seat_all(&mut self) {
        self.objects.keys().copied().collect::<Vec<_>>().into_iter().for_each(|uid| self.seat(uid));
    }

    fn seat(&mut self, uid: Uid) {
        let Object { looked_at, backs_off_until, .. } = self.objects[&uid];
        let share = Account::share(uid);
        let print = Print::of(&shown("pending"));
        let look = match backs_off_until.filter(|until| *until > self.now) {
            Some(at) => NextLook { at, kind: LookKind::Wanted { by_list: true } },
            None => NextLook {
                at: looked_at.map_or(self.now, |looked_at| polling::after_look(looked_at, INTERVAL, share).max(self.now)),
                kind: LookKind::Routine { print, rhythm: polling::Rhythm::Fixed(INTERVAL), wanted_from: None, by_list: true },
            },
        };
        self.book.enlist(uid, &name(uid), share, look, self.now);
    }

    fn becomes_unusable(&mut self, duration: Duration) {
        self.is_usable = false;
        self.comes_back = Some(polling::add(self.now, duration));
        // Every object hears of it and waits for the account.
        self.objects.keys().for_each(|uid| self.book.dismiss(*uid));
    }

    fn happens(&mut self, event: Event) {
        self.log.push(format!("{:?}: {event:?}", self.elapsed()));
        match event {
            Event::Unusable(duration) => self.becomes_unusable(duration),
            Event::Recreated(duration) => {
                (self.book, self.books) = (Book::default(), self.books + 1);
                self.becomes_unusable(duration);
            }
            Event::Rotated => self.key += 1,
            Event::Limit(rate) => {
                self.rate = rate;
                let elapsed = self.elapsed();
                self.gate().set_rate(rate, 20, elapsed);
            }
            Event::Fault(class, duration) => self.fault = Some((class, polling::add(self.now, duration))),
            Event::Latency(latency) => self.latency = latency,
            Event::Dropped(calls) => self.dropped = calls,
            Event::NotSent(calls) => self.not_sent = calls,
        }
    }

    /// Lets time pass until then.
    fn run_until(&mut self, end: Timestamp) {
        for turn in 0.. {
            assert!(turn < 200_000, "a hot loop: {:#?}", self.log);
            self.check();
            let sleep = if self.is_usable { self.advance() } else { end };
            let ends = self.under_way.first_key_value().map(|((ends, _), _)| *ends);
            let fault_ends = self.fault.map(|(_, until)| until);
            let next = [Some(sleep), ends, self.comes_back, fault_ends].into_iter().flatten().min().unwrap_or(end).min(end);
            self.now = next.max(self.now);
            self.fault = self.fault.filter(|(_, until)| *until > self.now);
            if self.comes_back.is_some_and(|at| at <= self.now) {
                self.comes_back = None;
                self.is_usable = true;
                // What a probe finds out opens a gate that a refused key has shut.
                let elapsed = self.elapsed();
                self.gate().learn(&Outcome::Probed, elapsed);
                self.seat_all();
            }
            if let Some(first) = self.under_way.first_entry().filter(|first| first.key().0 <= self.now) {
                let flight = first.remove();
                self.ends(flight);
            }
            if self.now >= end {
                return;
            }
        }
    }

    /// Begins what can be begun now. Returns when there may be more.
    fn advance(&mut self) -> Timestamp {
        let gate = self.gate();
        loop {
            let reads = self.under_way.len();
            let work = match self.book.next(reads < 16, self.now) {
                Next::Do(work) => work,
                Next::At(at) => return at.max(polling::add(self.now, Duration::from_millis(1))),
                Next::Idle => return Timestamp::MAX,
            };
            let Work::Poll(poll) = work else { panic!("nobody asks") };
            let goes_first = match gate.admit(self.elapsed()) {
                Admission::Now => false,
                Admission::First => true,
                Admission::At(time) => return polling::add(at(0), time + Duration::from_micros(1)),
                Admission::Shut => return Timestamp::MAX,
            };
            let begun = self.book.begin(&poll, self.now);
            let flight = Flight { begun, poll, key: self.key, book: self.books, goes_first };
            self.under_way.insert((polling::add(self.now, self.latency), self.calls), flight);
            self.calls += 1;
        }
    }

    fn ends(&mut self, Flight { begun, poll, key, book, goes_first }: Flight) {
        let gate = self.gates[&key].clone();
        let is_lost = self.dropped > 0;
        let is_unsent = !is_lost && self.not_sent > 0;
        self.dropped -= u32::from(is_lost);
        self.not_sent -= u32::from(is_unsent);
        if is_lost || is_unsent {
            // Counted from the last one that was lost: any number may be, one after the other.
            self.good_since = None;
            if goes_first {
                gate.first_is_lost();
            }
            if book == self.books {
                let ending = if is_lost { Ending::Dropped } else { Ending::NotSent };
                assert!(self.book.end(begun, ending, self.now).is_empty());
            }
            return;
        }
        let is_of_today = self.is_usable && key == self.key && book == self.books;
        let outcome = self.answer(&poll);
        gate.learn(&outcome, self.elapsed());
        if is_of_today && let Outcome::Trouble(Trouble { class: Class::CredentialsRejected, .. }) = outcome {
            self.becomes_unusable(MINUTE);
        }
        // The book of an account whose object is gone is gone with its calls.
        if book != self.books {
            return;
        }
        if is_of_today {
            self.note_looks(&poll, &outcome, begun.at());
        }
        let ending = if is_of_today { Ending::Came(outcome) } else { Ending::Superseded };
        for (uid, outcome) in self.book.end(begun, ending, self.now) {
            let object = self.objects.get_mut(&uid).unwrap();
            if let Outcome::Trouble(_) = outcome {
                object.failures += 1;
                object.backs_off_until = Some(polling::add(self.now, polling::backoff(object.failures, "")));
            }
            self.seat(uid);
        }
    }

    fn answer(&self, poll: &Poll) -> Outcome {
        match (self.fault, poll) {
            (Some((Class::Throttled, _)), _) => {
                Outcome::Trouble(Trouble { retry_after: Some(Duration::from_secs(5)), ..Trouble::of(Class::Throttled) })
            }
            (Some((class, _)), _) => Outcome::Trouble(Trouble::of(class)),
            (None, Poll::Read(..)) => Outcome::Looked(shown("pending")),
            (None, Poll::Page(cursor)) => {
                let from: usize = cursor.as_deref().map_or(0, |cursor| cursor.parse().unwrap());
                let groups = self.objects.keys().skip(from).take(50);
                let groups = groups.map(|uid| ListedGroup { id: name(*uid), group: shown("pending") }).collect();
                let next = (from + 50 < self.objects.len()).then(|| (from + 50).to_string());
                Outcome::Listed(GroupsPage { groups, next, cut_short: false, unreadable: 0 })
            }
        }
    }

    fn note_looks(&mut self, poll: &Poll, outcome: &Outcome, read_at: Timestamp) {
        let looked_at: Vec<Uid> = match (poll, outcome) {
            (Poll::Read(uid, _), Outcome::Looked(_)) => vec![*uid],
            (_, Outcome::Listed(page)) => {
                page.groups.iter().map(|listed| listed.id.trim_start_matches("group-").parse().unwrap()).collect()
            }
            _ => Vec::new(),
        };
        for uid in looked_at {
            *self.objects.get_mut(&uid).unwrap() = Object { looked_at: Some(read_at), ..Object::default() };
        }
    }

    /// Whoever pends was looked at within the interval and its backoff, of the time in which the account could be asked.
    fn check(&mut self) {
        let elapsed = self.elapsed();
        let is_open = self.gate().closure().is_none_or(|closure| closure.until.is_some_and(|until| until <= elapsed));
        let is_good = self.is_usable && is_open && self.fault.is_none();
        self.good_since = if is_good { self.good_since.or(Some(self.now)) } else { None };
        let Some(good_since) = self.good_since else { return };
        // A call that is under way, another one whose outcome opens the gate, the pauses of a list that fails, and a token for each.
        let slack =
            Duration::from_secs(45) + (self.objects.len() as f64 * 60.0 / f64::from(self.rate)).ceil() as u32 * Duration::from_secs(1);
        let period = Duration::from_secs(60) / self.rate;
        let overdue = self.book.overdue(good_since, period, self.now);
        assert!(overdue.is_zero(), "the watchdog tells of {overdue:?} at {elapsed:?}: {:#?}", self.log);
        for (uid, object) in &self.objects {
            let from = object.looked_at.unwrap_or(at(0)).max(good_since).max(object.backs_off_until.unwrap_or(at(0)));
            let waited = polling::since(from, self.now);
            assert!(waited <= INTERVAL + slack, "{uid} has not been looked at for {waited:?} at {elapsed:?}: {:#?}", self.log);
        }
    }
}

fn event() -> impl Strategy<Value = Event> {
    let seconds = |most: u64| (0..most * 1000).prop_map(Duration::from_millis);
    let class = prop::sample::select(vec![Class::Throttled, Class::Unavailable, Class::Unreachable, Class::CredentialsRejected]);
    prop_oneof![
        3 => seconds(20).prop_map(Event::Unusable),
        3 => seconds(20).prop_map(Event::Recreated),
        3 => Just(Event::Rotated),
        1 => (120u32..6000).prop_map(Event::Limit),
        3 => (class, seconds(60)).prop_map(|(class, duration)| Event::Fault(class, duration)),
        2 => prop_oneof![Just(100u64), Just(3000), Just(10_000)].prop_map(|millis| Event::Latency(Duration::from_millis(millis))),
        2 => (1u32..4).prop_map(Event::Dropped),
        2 => (1u32..4).prop_map(Event::NotSent),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// What pends is looked at again within its interval and its backoff, as long as the account can be used.
    #[test]
    fn what_pends_is_looked_at_again_whatever_becomes_of_the_account_and_of_the_calls(
        objects in prop_oneof![1u128..4, 4u128..60, 60u128..120],
        events in prop::collection::vec((0u64..90_000, event()), 0..16),
    ) {
        let mut history = History::new(objects);
        for (after, event) in events {
            history.run_until(polling::add(history.now, Duration::from_millis(after)));
            history.happens(event);
        }
        history.run_until(polling::add(history.now, QUIET));
    }
}

/// The shortest of those histories: a page is under way while the account cannot be used for a moment.
#[test]
fn a_page_under_way_while_the_account_is_unusable_for_a_moment_stops_nothing() {
    for event in [
        Event::Unusable(Duration::from_secs(1)),
        Event::Recreated(Duration::from_secs(1)),
        Event::Rotated,
        Event::Dropped(1),
        Event::NotSent(1),
    ] {
        let mut history = History::new(60);
        history.latency = Duration::from_secs(3);
        history.run_until(at(1));
        history.happens(event);
        history.run_until(polling::add(at(1), QUIET));
    }
}

/// A page of which the book never hears, as no code path that compiles leaves one.
#[test]
fn the_watchdog_tells_of_a_page_that_never_ends_although_single_looks_go_on() {
    let mut account = Account::new(60, 600, 20);
    (1..=60).for_each(|uid| account.seat_from(uid, MINUTE, at(1)));
    account.seat_from(61, Duration::from_secs(10), at(1));
    account.now = at(1);
    let Next::Do(Work::Poll(page @ Poll::Page(None))) = account.book.next(true, account.now) else { panic!("no page is next") };
    drop(account.book.begin(&page, account.now));
    let overdue = |account: &Account| account.book.overdue(at(0), Duration::from_millis(100), account.now);
    account.run(60, None);
    assert_eq!(overdue(&account), Duration::ZERO, "a call may take its time");
    account.run(600, None);
    assert!(account.looks[&61].len() > 60 && !account.looks.contains_key(&1));
    assert!((Duration::from_secs(590)..Duration::from_secs(601)).contains(&overdue(&account)), "{:?}", overdue(&account));
}

#[test]
fn the_watchdog_tells_of_a_book_that_nobody_works_through_and_not_of_a_budget_that_does_not_suffice() {
    let mut account = Account::new(2000, 60, 1);
    (1..=2000).for_each(|uid| account.seat_from(uid, MINUTE, at(1)));
    account.list = List::Fails;
    for _ in 0..60 {
        account.run(10, None);
        assert_eq!(account.book.overdue(at(0), Duration::from_secs(1), account.now), Duration::ZERO);
    }
    account.now = polling::add(account.now, Duration::from_secs(300));
    assert!(account.book.overdue(at(0), Duration::from_secs(1), account.now) >= Duration::from_secs(200));
    assert_eq!(
        account.book.overdue(account.now, Duration::from_secs(1), account.now),
        Duration::ZERO,
        "the account can be used again just now"
    );
}
