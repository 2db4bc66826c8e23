//! The schedule against an account in small: groups on pages, a bucket of tokens, a clock that stands where it is told to.

mod histories;
mod list;
mod model;
mod shares;
mod waiting;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use super::*;
use crate::api::consent::AccountKind;
use crate::consent::outcome::{Class, Group, GroupsPage, Print, Trouble};
use crate::consent::polling;
use crate::consent::step::{NextPoll, PollKind};

const MINUTE: Duration = Duration::from_secs(60);

/// The account of a test that needs but one.
static ACCOUNT: LazyLock<AccountKey> = LazyLock::new(|| account(1));

fn account(number: u32) -> AccountKey {
    AccountKey { kind: AccountKind::ClusterHeyGenAccount, namespace: None, name: number.to_string() }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + seconds).unwrap()
}

fn name(uid: Uid) -> String {
    format!("group-{uid}")
}

fn shown(word: &str) -> Group {
    Group { consent_status: Some(word.to_owned()), ..Group::default() }
}

fn share(uid: Uid) -> f64 {
    (uid % 97) as f64 / 97.0
}

/// A poll of which no change is expected while the group shows this word.
fn routine(word: &str, interval: Duration, by_list: bool) -> PollKind {
    PollKind::Routine { print: Print::of(&shown(word)), rhythm: polling::Rhythm::Fixed(interval), wanted_from: None, by_list }
}

fn polled(at: Timestamp, kind: PollKind) -> Rest {
    Rest { until: None, poll: Some(NextPoll { at, kind }) }
}

/// What was called.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Called {
    Poll(Uid),
    Request(Uid),
    Page(Option<String>),
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
    /// It goes on for ever with groups of which there is no object.
    Endless,
    /// Groups whose number ends in 7 are not shown.
    Omits,
    /// No word of consent is shown.
    Wordless,
    Fails,
}

/// What HeyGen would show, and what was called. Every call is answered at once.
struct World {
    schedule: Schedule,
    budget: Arc<Budget>,
    now: Timestamp,
    /// The groups in the order of the list; not all of them have an object.
    listed: Vec<Uid>,
    words: HashMap<Uid, String>,
    /// What each object rests with after a poll that shows nothing new.
    kinds: HashMap<Uid, PollKind>,
    polls: HashMap<Uid, Vec<Timestamp>>,
    calls: Vec<(Timestamp, Called)>,
    input: Vec<(Timestamp, Uid)>,
    list: List,
    /// With which interval an object goes on that has heard something new; else it does not rest.
    goes_on: Option<Duration>,
}

impl World {
    fn new(groups: Uid, per_minute: u32, burst: u32) -> Self {
        let budget = Arc::new(Budget::new(per_minute, burst, at(0)));
        let mut schedule = Schedule::default();
        schedule.open(&ACCOUNT, &budget, Rules::default().cadence, at(0));
        Self {
            schedule,
            budget,
            now: at(0),
            listed: (1..=groups).collect(),
            words: HashMap::new(),
            kinds: HashMap::new(),
            polls: HashMap::new(),
            calls: Vec::new(),
            input: Vec::new(),
            list: List::Faithful,
            goes_on: None,
        }
    }

    fn account(&mut self) -> &mut Account {
        let id = self.schedule.by_key[&*ACCOUNT];
        self.schedule.accounts.get_mut(&id).unwrap()
    }

    /// The size of the list is known.
    fn has_pages(mut self, pages: usize) -> Self {
        self.account().size.took(pages, at(0));
        self
    }

    fn rest(&mut self, uid: Uid, rest: Rest) {
        self.schedule.add(uid, &ACCOUNT, "n", &name(uid));
        self.kinds.extend(rest.poll.map(|poll| (uid, poll.kind)));
        self.schedule.rest(uid, rest, self.now);
    }

    /// An object that is polled as a matter of routine, as after a restart: somewhere in the interval.
    fn add(&mut self, uid: Uid, interval: Duration) {
        self.add_from(uid, interval, polling::add(self.now, interval.mul_f64(share(uid))));
    }

    fn add_from(&mut self, uid: Uid, interval: Duration, first: Timestamp) {
        let kind = routine(self.word(uid), interval, true);
        self.rest(uid, polled(first, kind));
    }

    fn want(&mut self, uid: Uid, by_list: bool) {
        self.rest(uid, polled(self.now, PollKind::Wanted { by_list }));
    }

    fn force(&mut self, uid: Uid) {
        self.rest(uid, polled(self.now, PollKind::Forced));
    }

    /// An object whose person has come back.
    fn land(&mut self, uid: Uid) {
        self.rest(uid, polled(self.now, PollKind::Landed));
    }

    /// An object whose request waits for its permit, good until then.
    fn request(&mut self, uid: Uid, good_until: Timestamp) {
        self.rest(uid, Rest::default());
        self.schedule.change(uid);
        self.schedule.start(uid, true);
        let asked = self.schedule.ask(uid, Purpose::Request { good_until }, self.now);
        assert!(asked.is_err(), "{asked:?}");
        self.schedule.rest(uid, Rest::default(), self.now);
        self.schedule.done(uid, None, self.now);
    }

    fn word(&self, uid: Uid) -> &str {
        self.words.get(&uid).map_or("pending", String::as_str)
    }

    /// Lets time pass.
    fn run(&mut self, seconds: u64) {
        self.run_millis(seconds * 1000);
    }

    fn run_millis(&mut self, millis: u64) {
        let end = polling::add(self.now, Duration::from_millis(millis));
        for turn in 0.. {
            assert!(turn < 2_000_000, "a hot loop");
            let next = match self.schedule.take(self.now) {
                Ok((job, _)) => {
                    self.work(job);
                    continue;
                }
                Err(next) => {
                    assert!(next > self.now, "there was something at {next}");
                    next
                }
            };
            self.now = next.min(end);
            if self.now == end {
                return;
            }
        }
    }

    fn work(&mut self, job: Job) {
        match job {
            Job::Page { cursor, begun, .. } => {
                self.calls.push((self.now, Called::Page(cursor.clone())));
                let outcome = if self.list == List::Fails {
                    Outcome::Trouble(Trouble::of(Class::Unavailable))
                } else {
                    Outcome::Listed(self.page(cursor.as_deref()))
                };
                self.schedule.end(begun, Ending::Came(outcome), self.now);
            }
            Job::Object { uid, grant } => {
                let outcome = Outcome::Polled(shown(self.word(uid)));
                match grant {
                    Some(Grant::Poll(begun)) => {
                        self.schedule.end(begun, Ending::Came(outcome), self.now);
                        self.calls.push((self.now, Called::Poll(uid)));
                        self.hears(uid);
                    }
                    Some(Grant::Request(begun)) => {
                        self.schedule.end(begun, Ending::Came(outcome), self.now);
                        self.calls.push((self.now, Called::Request(uid)));
                    }
                    Some(Grant::Shown(_)) => self.hears(uid),
                    None => {}
                }
                self.schedule.done(uid, None, self.now);
            }
        }
    }

    /// An object hears of its group.
    fn hears(&mut self, uid: Uid) {
        self.polls.entry(uid).or_default().push(self.now);
        let is_routine = matches!(self.kinds[&uid], PollKind::Routine { print, .. } if print == Print::of(&shown(self.word(uid))));
        let interval = match self.kinds[&uid] {
            PollKind::Routine { rhythm: polling::Rhythm::Fixed(interval), .. } if is_routine => Some(interval),
            _ => {
                self.input.push((self.now, uid));
                self.goes_on
            }
        };
        if let Some(interval) = interval {
            let kind = if is_routine { self.kinds[&uid] } else { routine(self.word(uid), interval, true) };
            self.rest(uid, polled(polling::after_poll(self.now, interval, share(uid)), kind));
        }
    }

    fn page(&mut self, cursor: Option<&str>) -> GroupsPage {
        let from: usize = cursor.map_or(0, |cursor| cursor.parse().unwrap());
        let start = if self.list == List::Repeats && from > 0 { from - 1 } else { from };
        let shows = |uid: &&Uid| self.list != List::Omits || **uid % 10 != 7;
        let items: Vec<Uid> = self.listed.iter().skip(start).take(50).filter(shows).copied().collect();
        let group = |uid: Uid| if self.list == List::Wordless { Group::default() } else { shown(self.word(uid)) };
        let groups: Vec<_> = items.iter().map(|uid| (name(*uid), group(*uid))).collect();
        for uid in items {
            self.polls.entry(uid).or_default().push(self.now);
        }
        let more = start + 50 < self.listed.len();
        let next = match self.list {
            List::RepeatsACursor if from >= 50 => Some("50".to_owned()),
            List::LosesTheCursor => return GroupsPage { groups, next: None, cut_short: more, unreadable: 0 },
            List::Endless => Some((from + 50).to_string()),
            _ => more.then(|| (start + 50).to_string()),
        };
        GroupsPage { groups, next, cut_short: false, unreadable: 0 }
    }

    fn calls_between(&self, from: i64, to: i64) -> usize {
        self.calls.iter().filter(|(time, _)| (at(from)..at(to)).contains(time)).count()
    }

    /// The most calls within any stretch of so many seconds.
    fn most_within(&self, seconds: u64) -> usize {
        let reaches = |(first, (time, _)): (usize, &(Timestamp, Called))| {
            let end = polling::add(*time, Duration::from_secs(seconds));
            self.calls[first..].iter().take_while(|(later, _)| *later < end).count()
        };
        self.calls.iter().enumerate().map(reaches).max().unwrap_or(0)
    }

    /// The longest time that a group went without a poll, from the beginning on.
    fn longest_gap(&self, uid: Uid) -> Duration {
        let mut times = vec![at(0)];
        times.extend(self.polls.get(&uid).into_iter().flatten());
        times.push(self.now);
        times.windows(2).map(|pair| polling::since(pair[0], pair[1])).max().unwrap()
    }

    fn polls_of(&self, uid: Uid) -> usize {
        self.polls.get(&uid).map_or(0, Vec::len)
    }
}
