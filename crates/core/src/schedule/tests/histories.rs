//! Random histories of an account and of its calls: whatever becomes of a call, what pends is polled again.

use proptest::prelude::*;

use super::*;

/// How often each object is polled.
const INTERVAL: Duration = MINUTE;

/// How long nothing happens at the end of a history.
const QUIET: Duration = Duration::from_secs(600);

/// What happens.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// The account cannot be used for so long: it is suspended or deleted, or its Secret is missing or cannot be read.
    Unusable(Duration),
    /// The Secret holds another key.
    Rotated,
    /// Its rate becomes another one.
    Limit(u32),
    /// HeyGen answers each call like this for so long.
    Fault(Class, Duration),
    /// HeyGen takes so long from now on.
    Latency(Duration),
    /// The next calls end without anything being heard of them.
    Dropped(u32),
    /// The next calls are not sent.
    NotSent(u32),
}

/// A call under way: of which object, or with which cursor.
struct Flight {
    begun: Begun,
    of: Result<Uid, Option<String>>,
    key: u32,
}

/// An object that pends.
#[derive(Default, Clone, Copy)]
struct Object {
    polled_at: Option<Timestamp>,
    failures: u32,
    backs_off_until: Option<Timestamp>,
}

struct History {
    now: Timestamp,
    schedule: Schedule,
    rate: u32,
    key: u32,
    budgets: BTreeMap<u32, Arc<Budget>>,
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
    /// Since when every poll can be made: the account can be used, and HeyGen answers.
    good_since: Option<Timestamp>,
    log: Vec<String>,
}

impl History {
    fn new(objects: u128) -> Self {
        let mut history = Self {
            now: at(0),
            schedule: Schedule::default(),
            rate: 600,
            key: 0,
            budgets: BTreeMap::new(),
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
        history.open();
        for uid in 1..=objects {
            history.schedule.add(uid, &ACCOUNT, &(uid % 3).to_string(), &name(uid));
        }
        history.rest_all();
        history
    }

    fn budget(&mut self) -> Arc<Budget> {
        let (rate, now) = (self.rate, self.now);
        self.budgets.entry(self.key).or_insert_with(|| Arc::new(Budget::new(rate, 20, now))).clone()
    }

    fn open(&mut self) {
        let budget = self.budget();
        self.schedule.open(&ACCOUNT, &budget, Rules::default().cadence, self.now);
    }

    /// Every object is decided, and rests until it is polled.
    fn rest_all(&mut self) {
        self.objects.keys().copied().collect::<Vec<_>>().into_iter().for_each(|uid| self.rest(uid));
    }

    fn rest(&mut self, uid: Uid) {
        let Object { polled_at, backs_off_until, .. } = self.objects[&uid];
        let rest = match backs_off_until.filter(|until| *until > self.now) {
            Some(at) => polled(at, PollKind::Wanted { by_list: true }),
            None => {
                let at = polled_at.map_or(self.now, |polled_at| polling::after_poll(polled_at, INTERVAL, share(uid)).max(self.now));
                polled(at, routine("pending", INTERVAL, true))
            }
        };
        self.schedule.rest(uid, if self.is_usable { rest } else { Rest::default() }, self.now);
    }

    fn becomes_unusable(&mut self, duration: Duration) {
        self.is_usable = false;
        self.comes_back = Some(polling::add(self.now, duration));
        self.schedule.close(&ACCOUNT);
        // Every object hears of it and waits for the account.
        self.rest_all();
    }

    fn happens(&mut self, event: Event) {
        self.log.push(format!("{:?}: {event:?}", polling::since(at(0), self.now)));
        match event {
            Event::Unusable(duration) => self.becomes_unusable(duration),
            Event::Rotated => {
                self.key += 1;
                if self.is_usable {
                    self.open();
                }
            }
            Event::Limit(rate) => {
                self.rate = rate;
                let budget = self.budget();
                self.schedule.set_rate(&budget, rate, 20, self.now);
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
            let next = self.take_all();
            let ends = self.under_way.first_key_value().map(|((ends, _), _)| *ends);
            let fault_ends = self.fault.map(|(_, until)| until);
            let next = [Some(next), ends, self.comes_back, fault_ends].into_iter().flatten().min().unwrap_or(end).min(end);
            self.now = next.max(self.now);
            self.fault = self.fault.filter(|(_, until)| *until > self.now);
            if self.comes_back.is_some_and(|at| at <= self.now) {
                self.comes_back = None;
                self.is_usable = true;
                // What a probe finds out opens a breaker that a refused key has shut.
                let budget = self.budget();
                self.schedule.learn(&budget, &Outcome::Probed, self.now);
                self.open();
                self.rest_all();
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
    fn take_all(&mut self) -> Timestamp {
        loop {
            let (of, begun) = match self.schedule.take(self.now) {
                Ok((Job::Object { uid, grant: Some(Grant::Poll(begun)) }, _)) => (Ok(uid), begun),
                Ok((Job::Page { cursor, begun, .. }, _)) => (Err(cursor), begun),
                Ok((Job::Object { uid, .. }, _)) => {
                    self.rest(uid);
                    self.schedule.done(uid, None, self.now);
                    continue;
                }
                Err(next) => return next,
            };
            self.under_way.insert((polling::add(self.now, self.latency), self.calls), Flight { begun, of, key: self.key });
            self.calls += 1;
        }
    }

    fn ends(&mut self, Flight { begun, of, key }: Flight) {
        let budget = self.budgets[&key].clone();
        let is_lost = self.dropped > 0;
        let is_unsent = !is_lost && self.not_sent > 0;
        self.dropped -= u32::from(is_lost);
        self.not_sent -= u32::from(is_unsent);
        let uid = of.clone().ok();
        if is_lost || is_unsent {
            // Counted from the last one that was lost: any number may be, one after the other.
            self.good_since = None;
            self.schedule.end(begun, if is_lost { Ending::Dropped } else { Ending::NotSent }, self.now);
        } else {
            let is_of_today = self.is_usable && key == self.key;
            let outcome = self.answer(&of);
            self.schedule.learn(&budget, &outcome, self.now);
            if is_of_today && let Outcome::Trouble(Trouble { class: Class::CredentialsRejected, .. }) = outcome {
                self.becomes_unusable(MINUTE);
            }
            if is_of_today {
                self.note_polls(&of, &outcome, begun.at);
            }
            self.schedule.end(begun, Ending::Came(outcome.clone()), self.now);
            if let Some(uid) = uid {
                self.hears(uid, &outcome);
            }
        }
        uid.inspect(|uid| self.schedule.done(*uid, None, self.now));
    }

    /// A worker records what came of the poll that its object was given.
    fn hears(&mut self, uid: Uid, outcome: &Outcome) {
        if let Outcome::Trouble(trouble) = outcome {
            if matches!(trouble.class, Class::Throttled | Class::CredentialsRejected) {
                return;
            }
            let object = self.objects.get_mut(&uid).unwrap();
            object.failures += 1;
            object.backs_off_until = Some(polling::add(self.now, polling::backoff(object.failures, "")));
        }
        self.rest(uid);
    }

    fn answer(&self, of: &Result<Uid, Option<String>>) -> Outcome {
        match (self.fault, of) {
            (Some((Class::Throttled, _)), _) => {
                Outcome::Trouble(Trouble { retry_after: Some(Duration::from_secs(5)), ..Trouble::of(Class::Throttled) })
            }
            (Some((class, _)), _) => Outcome::Trouble(Trouble::of(class)),
            (None, Ok(_)) => Outcome::Polled(shown("pending")),
            (None, Err(cursor)) => {
                let from: usize = cursor.as_deref().map_or(0, |cursor| cursor.parse().unwrap());
                let groups = self.objects.keys().skip(from).take(50);
                let groups = groups.map(|uid| (name(*uid), shown("pending"))).collect();
                let next = (from + 50 < self.objects.len()).then(|| (from + 50).to_string());
                Outcome::Listed(GroupsPage { groups, next, cut_short: false, unreadable: 0 })
            }
        }
    }

    fn note_polls(&mut self, of: &Result<Uid, Option<String>>, outcome: &Outcome, read_at: Timestamp) {
        let polled: Vec<Uid> = match (of, outcome) {
            (Ok(uid), Outcome::Polled(_)) => vec![*uid],
            (_, Outcome::Listed(page)) => page.groups.iter().map(|(id, _)| id.trim_start_matches("group-").parse().unwrap()).collect(),
            _ => Vec::new(),
        };
        for uid in polled {
            *self.objects.get_mut(&uid).unwrap() = Object { polled_at: Some(read_at), ..Object::default() };
        }
    }

    /// What pends was polled within the interval and its backoff, of the time in which the account could be asked.
    fn check(&mut self) {
        let elapsed = polling::since(at(0), self.now);
        let is_open = self.budget().closure().is_none_or(|closure| closure.until.is_some_and(|until| until <= self.now));
        let is_good = self.is_usable && is_open && self.fault.is_none();
        self.good_since = if is_good { self.good_since.or(Some(self.now)) } else { None };
        let Some(good_since) = self.good_since else { return };
        // A call that is under way, another one whose outcome ends the pause, the pauses of a list that fails, and a token for each.
        let slack =
            Duration::from_secs(45) + (self.objects.len() as f64 * 60.0 / f64::from(self.rate)).ceil() as u32 * Duration::from_secs(1);
        let overdue = self.schedule.overdue(&ACCOUNT, good_since, self.now);
        assert!(overdue.is_zero(), "the watchdog tells of {overdue:?} at {elapsed:?}: {:#?}", self.log);
        for (uid, object) in &self.objects {
            let from = object.polled_at.unwrap_or(at(0)).max(good_since).max(object.backs_off_until.unwrap_or(at(0)));
            let waited = polling::since(from, self.now);
            assert!(waited <= INTERVAL + slack, "{uid} has not been polled for {waited:?} at {elapsed:?}: {:#?}", self.log);
        }
    }
}

fn event() -> impl Strategy<Value = Event> {
    let seconds = |most: u64| (0..most * 1000).prop_map(Duration::from_millis);
    let class = prop::sample::select(vec![Class::Throttled, Class::Unavailable, Class::Unreachable, Class::CredentialsRejected]);
    prop_oneof![
        4 => seconds(20).prop_map(Event::Unusable),
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

    /// What pends is polled again within its interval and its backoff, as long as the account can be used.
    #[test]
    fn what_pends_is_polled_again_whatever_becomes_of_the_account_and_of_the_calls(
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
    for event in [Event::Unusable(Duration::from_secs(1)), Event::Rotated, Event::Dropped(1), Event::NotSent(1)] {
        let mut history = History::new(60);
        history.latency = Duration::from_secs(3);
        history.run_until(at(1));
        history.happens(event);
        history.run_until(polling::add(at(1), QUIET));
    }
}

/// A page of which the schedule never hears, as no code path that compiles leaves one.
#[test]
fn the_watchdog_tells_of_a_page_that_never_ends_although_single_polls_go_on() {
    let mut world = World::new(60, 600, 20);
    (1..=60).for_each(|uid| world.add_from(uid, MINUTE, at(1)));
    world.add_from(61, Duration::from_secs(10), at(1));
    let begun = loop {
        match world.schedule.take(world.now) {
            Ok((Job::Page { begun, .. }, _)) => break begun,
            Ok((job, _)) => world.work(job),
            Err(next) => world.now = next,
        }
    };
    std::mem::forget(begun);
    let overdue = |world: &World| world.schedule.overdue(&ACCOUNT, at(0), world.now);
    world.run(60);
    assert_eq!(overdue(&world), Duration::ZERO, "a call may take its time");
    world.run(600);
    assert!(world.polls[&61].len() > 60 && !world.polls.contains_key(&1));
    assert!((Duration::from_secs(590)..Duration::from_secs(605)).contains(&overdue(&world)), "{:?}", overdue(&world));
}

#[test]
fn the_watchdog_tells_of_a_schedule_that_nothing_takes_from_and_not_of_a_budget_that_does_not_suffice() {
    let mut world = World { list: List::Fails, ..World::new(2000, 60, 1) };
    (1..=2000).for_each(|uid| world.add_from(uid, MINUTE, at(1)));
    for _ in 0..60 {
        world.run(10);
        assert_eq!(world.schedule.overdue(&ACCOUNT, at(0), world.now), Duration::ZERO);
    }
    world.now = polling::add(world.now, Duration::from_secs(300));
    assert!(world.schedule.overdue(&ACCOUNT, at(0), world.now) >= Duration::from_secs(200));
    assert_eq!(world.schedule.overdue(&ACCOUNT, world.now, world.now), Duration::ZERO, "the account can be used again just now");
}
