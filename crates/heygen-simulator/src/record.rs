//! The record of what was received: what a test asserts about the client under test.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use serde::Serialize;

use crate::clock::millis;
use crate::target::PathKind;

/// What a request did to the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Effect {
    /// A read, a page view, or a request that was answered before it got to the state.
    None,
    /// A POST that did something: a new link, or a clip in review.
    Executed,
    /// A POST that got the stored answer of its key.
    Replayed,
    /// A POST whose key was still at work: 409 `request_in_progress`.
    InProgress,
    /// A POST that was refused: 400, 403, 404.
    Refused,
}

/// One request, as received and answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedRequest {
    /// Counts from 0, without gaps, in the order of arrival; a reset does not restart it.
    pub sequence: u64,
    /// Arrival in real (monotonic) milliseconds since the simulator started.
    pub real_ms: u64,
    /// Arrival in simulated milliseconds since the Unix epoch.
    pub simulated_ms: u64,
    /// The HTTP method.
    pub method: String,
    /// What it was aimed at.
    pub kind: PathKind,
    /// The path, a link's token redacted.
    pub path: String,
    /// The group in the path or, for looks, in the query.
    pub group: Option<String>,
    /// The account whose key was used; none for a wrong or missing key and for the hosted page. A refused key counts.
    pub account: Option<String>,
    /// The `Idempotency-Key` header.
    pub idempotency_key: Option<String>,
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
    /// The status answered; none while the request is under way, and when the connection was cut.
    pub status: Option<u16>,
    /// What it did.
    pub effect: Effect,
    /// The fault rules that applied, by id.
    pub faults: Vec<u64>,
}

/// Totals since the start or the last reset; they never lose a request, however full the record is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// All requests to the API and to the hosted page.
    pub requests: u64,
    /// By what they were aimed at.
    pub by_kind: BTreeMap<PathKind, u64>,
    /// By the status answered.
    pub by_status: BTreeMap<u16, u64>,
    /// By account.
    pub by_account: BTreeMap<String, u64>,
    /// POSTs that did something.
    pub executed: u64,
    /// POSTs that were answered from the store.
    pub replayed: u64,
    /// POSTs that met their own key at work.
    pub in_progress: u64,
    /// POSTs that were refused.
    pub refused: u64,
    /// Requests whose connection was cut.
    pub dropped: u64,
    /// Requests that at least one fault rule applied to.
    pub faulted: u64,
    /// Requests that are not in the record any more because it is full.
    pub forgotten: u64,
}

/// What happened to one group since the start or the last reset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct GroupSummary {
    /// The group's id.
    pub id: String,
    /// POSTs that did something.
    pub executed: u64,
    /// POSTs that were answered from the store.
    pub replayed: u64,
    /// POSTs that met their own key at work.
    pub in_progress: u64,
    /// POSTs that were refused.
    pub refused: u64,
    /// Single reads, `GET /v3/avatars/{group_id}`, whatever was answered.
    pub reads: u64,
    /// How often a page of the list of groups showed the group; twice when one page showed it twice.
    pub listed: u64,
    /// The links of the group, also those from before a reset.
    pub links: usize,
    /// The idempotency keys that came with POSTs for the group.
    pub keys: BTreeSet<String>,
}

/// What is known of a request when it arrives.
pub(crate) struct Arrival {
    pub(crate) method: String,
    pub(crate) kind: PathKind,
    pub(crate) path: String,
    pub(crate) group: Option<String>,
    pub(crate) account: Option<String>,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) user_agent: Option<String>,
    pub(crate) faults: Vec<u64>,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Answered(u16),
    Dropped,
}

#[derive(Debug)]
pub(crate) struct Record {
    entries: VecDeque<RecordedRequest>,
    capacity: usize,
    next_sequence: u64,
    totals: Summary,
    groups: HashMap<String, GroupSummary>,
}

impl Record {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { entries: VecDeque::new(), capacity, next_sequence: 0, totals: Summary::default(), groups: HashMap::new() }
    }

    /// Forgets entries and counters; sequence numbers go on.
    pub(crate) fn reset(&mut self) {
        self.entries.clear();
        self.totals = Summary::default();
        self.groups.clear();
    }

    /// Writes an arrival down and returns its sequence number.
    pub(crate) fn arrived(&mut self, arrival: Arrival, real_ms: u64, simulated_ms: u64) -> u64 {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        self.totals.requests += 1;
        *self.totals.by_kind.entry(arrival.kind).or_default() += 1;
        if let Some(account) = &arrival.account {
            match self.totals.by_account.get_mut(account) {
                Some(count) => *count += 1,
                None => drop(self.totals.by_account.insert(account.clone(), 1)),
            }
        }
        if !arrival.faults.is_empty() {
            self.totals.faulted += 1;
        }
        if let Some(group) = &arrival.group {
            match (arrival.kind, arrival.method.as_str()) {
                (PathKind::Group, "GET") => self.group_mut(group).reads += 1,
                (PathKind::Consent, _) => {
                    if let Some(key) = &arrival.idempotency_key {
                        self.group_mut(group).keys.insert(key.clone());
                    }
                }
                _ => {}
            }
        }
        if self.capacity == 0 {
            self.totals.forgotten += 1;
            return sequence;
        }
        if self.entries.len() >= self.capacity {
            self.entries.pop_front();
            self.totals.forgotten += 1;
        }
        self.entries.push_back(RecordedRequest {
            sequence,
            real_ms,
            simulated_ms,
            method: arrival.method,
            kind: arrival.kind,
            path: arrival.path,
            group: arrival.group,
            account: arrival.account,
            idempotency_key: arrival.idempotency_key,
            user_agent: arrival.user_agent,
            status: None,
            effect: Effect::None,
            faults: arrival.faults,
        });
        sequence
    }

    /// Writes down what a request did, at the moment it did it: also when its answer is lost later.
    pub(crate) fn acted(&mut self, sequence: u64, group: Option<&str>, effect: Effect) {
        if effect == Effect::None {
            return;
        }
        bump(&mut self.totals, effect);
        if let Some(group) = group {
            let group = self.group_mut(group);
            match effect {
                Effect::None => {}
                Effect::Executed => group.executed += 1,
                Effect::Replayed => group.replayed += 1,
                Effect::InProgress => group.in_progress += 1,
                Effect::Refused => group.refused += 1,
            }
        }
        if let Some(entry) = self.entry_mut(sequence) {
            entry.effect = effect;
        }
    }

    /// Counts the groups of a page.
    pub(crate) fn listed<'a>(&mut self, groups: impl Iterator<Item = &'a str>) {
        for group in groups {
            match self.groups.get_mut(group) {
                Some(summary) => summary.listed += 1,
                None => self.group_mut(group).listed = 1,
            }
        }
    }

    pub(crate) fn ended(&mut self, sequence: u64, ending: Ending) {
        match ending {
            Ending::Answered(status) => {
                *self.totals.by_status.entry(status).or_default() += 1;
                if let Some(entry) = self.entry_mut(sequence) {
                    entry.status = Some(status);
                }
            }
            Ending::Dropped => self.totals.dropped += 1,
        }
    }

    pub(crate) fn totals(&self) -> Summary {
        self.totals.clone()
    }

    pub(crate) fn group(&self, id: &str) -> GroupSummary {
        self.groups.get(id).cloned().unwrap_or(GroupSummary { id: id.to_owned(), ..GroupSummary::default() })
    }

    pub(crate) fn groups(&self) -> impl Iterator<Item = &GroupSummary> {
        self.groups.values()
    }

    pub(crate) fn since(&self, sequence: u64) -> Vec<RecordedRequest> {
        let from = self.entries.partition_point(|entry| entry.sequence < sequence);
        self.entries.range(from..).cloned().collect()
    }

    /// The largest number of API requests of one account within any stretch of real time of this length.
    pub(crate) fn most_within(&self, window: Duration, account: &str) -> usize {
        let window = millis(window);
        let arrivals: Vec<u64> =
            self.entries.iter().filter(|entry| entry.account.as_deref() == Some(account)).map(|entry| entry.real_ms).collect();
        let mut first = 0;
        let mut most = 0;
        for (last, arrival) in arrivals.iter().enumerate() {
            while arrival - arrivals[first] > window {
                first += 1;
            }
            most = most.max(last + 1 - first);
        }
        most
    }

    fn entry_mut(&mut self, sequence: u64) -> Option<&mut RecordedRequest> {
        let first = self.entries.front()?.sequence;
        let at = usize::try_from(sequence.checked_sub(first)?).ok()?;
        self.entries.get_mut(at)
    }

    fn group_mut(&mut self, id: &str) -> &mut GroupSummary {
        self.groups.entry(id.to_owned()).or_insert_with(|| GroupSummary { id: id.to_owned(), ..GroupSummary::default() })
    }
}

fn bump(totals: &mut Summary, effect: Effect) {
    match effect {
        Effect::None => {}
        Effect::Executed => totals.executed += 1,
        Effect::Replayed => totals.replayed += 1,
        Effect::InProgress => totals.in_progress += 1,
        Effect::Refused => totals.refused += 1,
    }
}
