//! Random lives of objects, accounts and workers, beside a model of what is owed to which object.

use proptest::prelude::*;

use super::*;

const ACCOUNTS: u32 = 2;
const PER_MINUTE: u32 = 600;
const BURST: u32 = 5;

/// One thing that happens. The numbers choose among what there is.
#[derive(Debug, Clone, Copy)]
enum Op {
    Wait(u64),
    Add(Uid),
    Remove(Uid),
    Change(Uid),
    Wake(Uid),
    WakeAt(Uid, u64),
    Open(u32),
    Close(u32),
    Learn(u32, Class),
    Probe(u32),
    Take,
    Ask(usize, u8),
    End(usize, u8),
    Rest(usize, u8, u64),
    Done(usize),
}

/// What is owed to an object.
#[derive(Debug, Default, Clone, Copy)]
struct Owed {
    decision: bool,
    decide_at: Option<Timestamp>,
    poll: bool,
    request_until: Option<Timestamp>,
}

/// What a worker has.
struct Worker {
    of: Result<Uid, u32>,
    begun: Option<Begun>,
    shown: Option<Shown>,
    has_asked: bool,
}

struct Model {
    schedule: Schedule,
    now: Timestamp,
    budgets: Vec<Arc<Budget>>,
    is_open: [bool; ACCOUNTS as usize],
    owed: BTreeMap<Uid, Owed>,
    workers: Vec<Worker>,
    /// When a call was sent with each budget.
    sent: Vec<Vec<Timestamp>>,
    /// What was given or shown in the end.
    served: HashSet<Uid>,
    /// Those that may be decided although nothing is owed to them: a page was read of them while a worker had them, or their account has
    /// come into trouble while they waited for it.
    may_be_decided: HashSet<Uid>,
}

fn account_of(uid: Uid) -> u32 {
    u32::from(uid.is_multiple_of(3))
}

impl Model {
    fn new() -> Self {
        let budgets: Vec<_> = (0..ACCOUNTS).map(|_| Arc::new(Budget::new(PER_MINUTE, BURST, at(0)))).collect();
        let mut model = Self {
            schedule: Schedule::default(),
            now: at(0),
            budgets,
            is_open: [false; 2],
            owed: BTreeMap::new(),
            workers: Vec::new(),
            sent: vec![Vec::new(); ACCOUNTS as usize],
            served: HashSet::new(),
            may_be_decided: HashSet::new(),
        };
        (0..ACCOUNTS).for_each(|number| model.open(number));
        model
    }

    fn open(&mut self, number: u32) {
        let budget = self.budgets[number as usize].clone();
        self.schedule.open(&account(number), &budget, Rules::default().cadence, self.now);
        self.is_open[number as usize] = true;
    }

    fn happens(&mut self, op: Op) {
        match op {
            Op::Wait(millis) => self.now = polling::add(self.now, Duration::from_millis(millis)),
            Op::Add(uid) => {
                let (account, namespace) = (account(account_of(uid)), (uid % 4).to_string());
                self.schedule.add(uid, &account, &namespace, &name(uid));
                self.owed.entry(uid).or_default();
            }
            Op::Remove(uid) => {
                self.schedule.remove(uid);
                self.owed.remove(&uid);
            }
            Op::Change(uid) => {
                self.schedule.change(uid);
                self.owed.entry(uid).and_modify(|owed| owed.decision = true);
            }
            Op::Wake(uid) => {
                self.schedule.wake([uid]);
                self.owed.entry(uid).and_modify(|owed| owed.decision = true);
            }
            Op::WakeAt(uid, after) => {
                let at = polling::add(self.now, Duration::from_millis(after));
                self.schedule.wake_at(uid, at);
                self.owed.entry(uid).and_modify(|owed| owed.decide_at = Some(at));
            }
            Op::Open(number) => self.open(number),
            Op::Close(number) => {
                self.schedule.close(&account(number));
                self.is_open[number as usize] = false;
            }
            Op::Learn(number, class) => {
                self.schedule.learn(&self.budgets[number as usize], &Outcome::Trouble(Trouble::of(class)), self.now);
                self.may_be_decided.extend(self.owed.keys().filter(|uid| account_of(**uid) == number));
            }
            Op::Probe(number) => {
                self.schedule.learn(&self.budgets[number as usize], &Outcome::Probed, self.now);
            }
            Op::Take => drop(self.take()),
            Op::Ask(worker, what) => self.ask(worker, what),
            Op::End(worker, how) => self.end(worker, how),
            Op::Rest(worker, what, after) => self.rest(worker, what, after),
            Op::Done(worker) => self.done(worker),
        }
    }

    /// Gives what is next to a worker. Returns what there was instead, if there was nothing.
    fn take(&mut self) -> Option<Timestamp> {
        let next = self.schedule.take(self.now);
        for (uid, owed) in &mut self.owed {
            if owed.decide_at.is_some_and(|at| at <= self.now) && !self.workers.iter().any(|worker| worker.of == Ok(*uid)) {
                // It counts as woken, whatever it is taken for.
                (owed.decide_at, owed.decision) = (None, true);
            }
        }
        let worker = match next {
            Ok((Job::Object { uid, grant }, _)) => {
                assert!(!self.workers.iter().any(|worker| worker.of == Ok(uid)), "{uid} is with two workers");
                let owed = self.owed.get_mut(&uid).expect("what is removed is not taken");
                let may_be_decided = self.may_be_decided.remove(&uid);
                let is_to_be_decided = owed.decision || owed.decide_at.is_some() || may_be_decided;
                assert!(grant.is_some() || is_to_be_decided, "{uid} was not to be decided");
                owed.decision = false;
                self.served.insert(uid);
                let is_request = matches!(grant, Some(Grant::Request(_)));
                let (begun, shown) = match grant {
                    Some(Grant::Poll(begun) | Grant::Request(begun)) => {
                        assert!(self.is_open[account_of(uid) as usize], "the account is closed");
                        // What it was given is no more owed.
                        let before = *owed;
                        owed.request_until = owed.request_until.filter(|_| !is_request);
                        assert!(
                            if is_request { before.request_until.is_some_and(|until| until > self.now) } else { before.poll },
                            "{before:?}"
                        );
                        (Some(begun), None)
                    }
                    Some(Grant::Shown(shown)) => (None, Some(shown)),
                    None => (None, None),
                };
                Worker { of: Ok(uid), begun, shown, has_asked: false }
            }
            Ok((Job::Page { account, begun, .. }, _)) => {
                Worker { of: Err(account.name.parse().unwrap()), begun: Some(begun), shown: None, has_asked: false }
            }
            Err(next) => {
                assert!(next > self.now, "there was something at {next}, which is not after {}", self.now);
                return Some(next);
            }
        };
        self.workers.push(worker);
        None
    }

    fn ask(&mut self, worker: usize, what: u8) {
        let places = self.workers.len();
        let Some(worker) = self.workers.get_mut(worker % places.max(1)) else { return };
        let Ok(uid) = worker.of else { return };
        if worker.begun.is_some() {
            return;
        }
        let purpose = match what {
            0 => Purpose::Poll { urgency: Urgency::Forced },
            1 => Purpose::Poll { urgency: Urgency::Ordinary },
            2 => Purpose::Poll { urgency: Urgency::Landed },
            _ => Purpose::Request { good_until: polling::add(self.now, MINUTE) },
        };
        let asked = self.schedule.ask(uid, purpose, self.now);
        let Some(owed) = self.owed.get_mut(&uid) else {
            assert!(asked.is_err(), "what is removed asks for nothing");
            return;
        };
        match (asked, purpose) {
            (Ok(begun), _) => {
                assert!(self.is_open[account_of(uid) as usize], "the account is closed");
                worker.begun = Some(begun);
                if what > 2 {
                    owed.request_until = None;
                }
            }
            (Err(_), Purpose::Request { good_until }) => {
                worker.has_asked = true;
                owed.request_until = Some(good_until);
            }
            (Err(_), Purpose::Poll { .. }) => {}
        }
    }

    fn end(&mut self, worker: usize, how: u8) {
        let places = self.workers.len();
        let Some(worker) = self.workers.get_mut(worker % places.max(1)) else { return };
        let Some(begun) = worker.begun.take() else { return };
        let budget = self.budgets.iter().position(|budget| Arc::ptr_eq(budget, begun.budget())).unwrap();
        let came = match worker.of {
            Ok(_) => Outcome::Polled(shown("pending")),
            Err(number) => {
                let of_it: Vec<Uid> = self.owed.keys().filter(|uid| account_of(**uid) == number).copied().collect();
                let polled = |uid: &Uid| (name(*uid), shown("pending"));
                let groups = of_it.iter().map(polled).collect();
                // What a page shows of an object that is with a worker is for afterwards, and may be old by then: it is decided all the same.
                self.may_be_decided.extend(self.workers.iter().filter_map(|worker| worker.of.ok()).filter(|uid| of_it.contains(uid)));
                if how > 3 && self.is_open[number as usize] {
                    self.served.extend(of_it);
                }
                Outcome::Listed(GroupsPage { groups, ..GroupsPage::default() })
            }
        };
        let ending = match how {
            0 => Ending::Unused,
            1 => Ending::NotSent,
            2 => Ending::Dropped,
            3 => Ending::Superseded,
            _ => Ending::Came(came),
        };
        if how > 1 {
            self.sent[budget].push(begun.at);
        }
        self.schedule.end(begun, ending, self.now);
    }

    fn rest(&mut self, worker: usize, what: u8, after: u64) {
        let places = self.workers.len();
        let Some(worker) = self.workers.get(worker % places.max(1)) else { return };
        let Ok(uid) = worker.of else { return };
        let at = polling::add(self.now, Duration::from_millis(after));
        let kind = match what {
            0 => None,
            1 => Some(PollKind::Forced),
            2 => Some(PollKind::Wanted { by_list: true }),
            3 => Some(PollKind::Wanted { by_list: false }),
            4 => Some(PollKind::Landed),
            what => Some(routine(if what % 2 == 0 { "pending" } else { "approved" }, Duration::from_millis(after + 100), true)),
        };
        let until = after.is_multiple_of(3).then_some(at);
        self.schedule.rest(uid, Rest { until, poll: kind.map(|kind| NextPoll { at, kind }) }, self.now);
        let Some(owed) = self.owed.get_mut(&uid) else { return };
        (owed.decide_at, owed.poll) = (until, kind.is_some());
        owed.request_until = owed.request_until.filter(|_| worker.has_asked);
    }

    fn done(&mut self, worker: usize) {
        let places = self.workers.len();
        if places == 0 {
            return;
        }
        self.end(worker, 4);
        let Worker { of, shown, .. } = self.workers.swap_remove(worker % places);
        if let Ok(uid) = of {
            self.schedule.done(uid, shown, self.now);
        }
    }

    /// Lets everything come to an end, and checks whether all got what they were owed.
    fn settle(mut self) {
        while !self.workers.is_empty() {
            self.done(0);
        }
        (0..ACCOUNTS).for_each(|number| {
            self.open(number);
            self.happens(Op::Probe(number));
        });
        let owed = self.owed.clone();
        self.served.clear();
        let end = polling::add(self.now, Duration::from_secs(3000));
        let mut turns = 0;
        loop {
            // Intervals are short here, and time is long: only what happens at one moment has an end.
            turns += 1;
            assert!(turns < 1000, "a hot loop at {}", self.now);
            match self.take() {
                None => {
                    if self.workers[0].of.is_ok() {
                        self.end(0, 4);
                        self.rest(0, 0, 1);
                    }
                    self.done(0);
                }
                Some(next) if next < end => (self.now, turns) = (next, 0),
                Some(_) => break,
            }
        }
        for (uid, owed) in owed {
            let is_owed =
                owed.decision || owed.decide_at.is_some() || owed.poll || owed.request_until.is_some_and(|until| until > self.now);
            assert!(!is_owed || self.served.contains(&uid), "{uid} was lost: {owed:?}");
        }
        self.is_at_rest();
        self.rate_was_kept();
    }

    fn is_at_rest(&self) {
        for account in self.schedule.accounts.values() {
            assert_eq!((account.polls, account.requests), (0, 0), "something is under way");
            assert!(account.scan.as_ref().is_none_or(|scan| !scan.is_busy));
            for line in &account.lines {
                assert!(line.is_empty() && format!("{line:?}").contains("waiting: {}"), "{line:?}");
            }
        }
        assert!(self.schedule.leaving.is_empty());
    }

    /// Promise 6 of each key: at most burst + rate × w calls in any window of w seconds.
    fn rate_was_kept(&self) {
        for sent in &self.sent {
            let mut sent = sent.clone();
            sent.sort();
            for (first, from) in sent.iter().enumerate() {
                for (number, to) in (1..).zip(&sent[first..]) {
                    let most = f64::from(BURST) + f64::from(PER_MINUTE) / 60.0 * polling::since(*from, *to).as_secs_f64();
                    assert!(f64::from(number) <= most + 1e-4, "{number} calls from {from} to {to}");
                }
            }
        }
    }
}

fn op() -> impl Strategy<Value = Op> {
    let uid = || 0u128..12;
    let class = prop::sample::select(vec![Class::Throttled, Class::Unreachable, Class::CredentialsRejected, Class::NotFound]);
    prop_oneof![
        4 => (0u64..40_000).prop_map(Op::Wait),
        6 => (0u64..200).prop_map(Op::Wait),
        4 => uid().prop_map(Op::Add),
        1 => uid().prop_map(Op::Remove),
        4 => uid().prop_map(Op::Change),
        2 => uid().prop_map(Op::Wake),
        1 => (uid(), 0u64..10_000).prop_map(|(uid, after)| Op::WakeAt(uid, after)),
        1 => (0..ACCOUNTS).prop_map(Op::Open),
        1 => (0..ACCOUNTS).prop_map(Op::Close),
        1 => (0..ACCOUNTS, class).prop_map(|(number, class)| Op::Learn(number, class)),
        1 => (0..ACCOUNTS).prop_map(Op::Probe),
        12 => Just(Op::Take),
        6 => (0usize..8, 0u8..5).prop_map(|(worker, what)| Op::Ask(worker, what)),
        4 => (0usize..8, 0u8..8).prop_map(|(worker, how)| Op::End(worker, how)),
        8 => (0usize..8, 0u8..8, 0u64..20_000).prop_map(|(worker, what, after)| Op::Rest(worker, what, after)),
        6 => (0usize..8).prop_map(Op::Done),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// No object is with two workers, none is lost, no key is used faster than it may be, and everything that was begun ends.
    #[test]
    fn whatever_happens_each_object_gets_what_it_is_owed_once(ops in prop::collection::vec(op(), 1..150)) {
        let mut model = Model::new();
        ops.into_iter().for_each(|op| model.happens(op));
        model.settle();
    }
}
