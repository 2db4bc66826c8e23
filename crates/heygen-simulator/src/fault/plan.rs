//! From rules to what happens to one request.

use std::time::Duration;

use axum::body::Bytes;

use super::{FaultAction, FaultRule, FaultView, ListTrouble, Reshape, Respond};
use crate::answer::Answer;
use crate::record::Arrival;
use crate::target::PathKind;

/// The rules in force, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: Vec<FaultView>,
    last_id: u64,
}

/// What the rules make of one request.
#[derive(Debug, Default)]
pub(crate) struct FaultPlan {
    pub(crate) delays_before: Vec<Delay>,
    pub(crate) delays_after: Vec<Delay>,
    pub(crate) reshape: Vec<Reshape>,
    pub(crate) listing: Vec<ListTrouble>,
    pub(crate) drip: Option<Drip>,
    pub(crate) ending: Option<FaultEnding>,
    pub(crate) rules: Vec<u64>,
}

/// A wait that ends with its rule.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delay {
    pub(crate) rule: u64,
    pub(crate) wait: Duration,
}

/// A body sent in drips.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Drip {
    pub(crate) chunk_bytes: usize,
    pub(crate) pause: Duration,
}

/// How a rule ends a request.
#[derive(Debug)]
pub(crate) enum FaultEnding {
    Answer { answer: Answer, acts: bool },
    HugeBody { mebibytes: u64 },
    DropBefore,
    DropAfter,
}

impl FaultEnding {
    /// Whether the request still does what it came for.
    pub(crate) fn acts(&self) -> bool {
        match self {
            Self::Answer { acts, .. } => *acts,
            Self::DropAfter => true,
            Self::HugeBody { .. } | Self::DropBefore => false,
        }
    }
}

impl Faults {
    pub(crate) fn add(&mut self, rule: FaultRule) -> u64 {
        self.last_id += 1;
        self.rules.push(FaultView { id: self.last_id, applied: 0, rule });
        self.last_id
    }

    pub(crate) fn list(&self) -> Vec<FaultView> {
        self.rules.clone()
    }

    pub(crate) fn holds(&self, id: u64) -> bool {
        self.rules.iter().any(|rule| rule.id == id)
    }

    pub(crate) fn remove(&mut self, id: u64) -> bool {
        let before = self.rules.len();
        self.rules.retain(|rule| rule.id != id);
        self.rules.len() < before
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// What happens to this request; uses the rules up.
    pub(crate) fn plan(&mut self, arrival: &Arrival) -> FaultPlan {
        let mut plan = FaultPlan::default();
        for FaultView { id, applied, rule } in &mut self.rules {
            let ends = matches!(
                rule.action,
                FaultAction::Respond(_) | FaultAction::HugeBody { .. } | FaultAction::DropBefore | FaultAction::DropAfter
            );
            if rule.remaining == Some(0) || (ends && plan.ending.is_some()) || !matches(rule, arrival) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            rule.remaining = rule.remaining.map(|left| left - 1);
            *applied += 1;
            plan.rules.push(*id);
            plan.apply(*id, &rule.action);
        }
        plan
    }
}

impl FaultPlan {
    fn apply(&mut self, rule: u64, action: &FaultAction) {
        match action {
            FaultAction::Respond(respond) => {
                self.ending = Some(FaultEnding::Answer { answer: answer(respond), acts: respond.acts });
            }
            FaultAction::HugeBody { mebibytes } => {
                self.ending = Some(FaultEnding::HugeBody { mebibytes: *mebibytes });
            }
            FaultAction::DropBefore => self.ending = Some(FaultEnding::DropBefore),
            FaultAction::DropAfter => self.ending = Some(FaultEnding::DropAfter),
            FaultAction::DelayBefore { milliseconds } => {
                self.delays_before.push(Delay { rule, wait: Duration::from_millis(*milliseconds) });
            }
            FaultAction::DelayAfter { milliseconds } => {
                self.delays_after.push(Delay { rule, wait: Duration::from_millis(*milliseconds) });
            }
            FaultAction::SlowBody { chunk_bytes, pause_ms } => {
                self.drip = Some(Drip { chunk_bytes: (*chunk_bytes).max(1), pause: Duration::from_millis(*pause_ms) });
            }
            FaultAction::Reshape(reshape) => self.reshape.push(*reshape),
            FaultAction::List(trouble) => self.listing.push(trouble.clone()),
        }
    }

    /// Whether the request still does what it came for.
    pub(crate) fn acts(&self) -> bool {
        self.ending.as_ref().is_none_or(FaultEnding::acts)
    }
}

fn matches(rule: &FaultRule, arrival: &Arrival) -> bool {
    let wanted = &rule.matcher;
    let kind = match wanted.kind {
        Some(kind) => kind == arrival.kind,
        None => arrival.kind != PathKind::Page,
    };
    kind && wanted.method.as_ref().is_none_or(|method| *method == arrival.method)
        && (wanted.group.is_none() || wanted.group == arrival.group)
        && (wanted.account.is_none() || wanted.account == arrival.account)
}

fn answer(respond: &Respond) -> Answer {
    let mut answer = Answer::bytes(respond.status, "application/json", Bytes::from(respond.body.clone()));
    if respond.headers.keys().any(|name| name.eq_ignore_ascii_case("content-type")) {
        answer.headers.clear();
    }
    answer.headers.extend(respond.headers.iter().map(|(name, value)| (name.clone(), value.clone())));
    answer
}
