//! The life of a request in the state: it arrives, perhaps it acts, it ends.

use std::time::Duration;

use axum::body::Bytes;
use hyper::Method;

use super::idempotency::{Claim, ScopedKey, well_formed};
use super::{Answer, State};
use crate::account::Account;
use crate::answer::Param;
use crate::fault::{FaultPlan, ListTrouble};
use crate::record::{Arrival, Effect, Ending};
use crate::target::{PathKind, Target, pairs, redact};

/// A request, read completely.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) method: Method,
    pub(crate) target: Target,
    pub(crate) path: String,
    pub(crate) query: String,
    /// What `X-Api-Key` or a bearer token says.
    pub(crate) credential: Option<Credential>,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) user_agent: Option<String>,
    /// None when it was longer than the simulator takes.
    pub(crate) body: Option<Bytes>,
}

/// A key, as it came.
#[derive(Debug)]
pub(crate) struct Credential {
    pub(crate) key: String,
    pub(crate) is_bearer: bool,
}

impl Received {
    pub(crate) fn query_value(&self, name: &str) -> Option<String> {
        pairs(&self.query).find_map(|(field, value)| (field == name).then_some(value))
    }

    fn group_id(&self) -> Option<String> {
        match self.target.group_id() {
            Some(id) => Some(id.to_owned()),
            None if self.target == Target::Looks => self.query_value("group_id"),
            None => None,
        }
    }
}

/// What was settled when a request arrived.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) sequence: u64,
    pub(crate) latency: Duration,
    pub(crate) plan: FaultPlan,
    pub(crate) admission: Admission,
}

#[derive(Debug)]
pub(crate) enum Admission {
    /// The person's page, which needs no key.
    Page,
    /// A known caller; with the idempotency key that is at work until [`State::act`] settles it.
    Caller { account: usize, key: Option<ScopedKey> },
    /// Nothing is left to do but to answer this.
    Settled(Answer),
}

impl State {
    pub(crate) fn arrive(&mut self, received: &Received) -> Begun {
        let kind = received.target.kind();
        let account =
            received.credential.as_ref().and_then(|credential| self.keys.get(&credential.key).copied()).filter(|_| kind != PathKind::Page);
        let mut arrival = Arrival {
            method: received.method.as_str().to_owned(),
            kind,
            path: redact(&received.path),
            group: received.group_id(),
            account: account.map(|account| self.accounts[account].name.clone()),
            idempotency_key: received.idempotency_key.clone(),
            user_agent: received.user_agent.clone(),
            faults: Vec::new(),
        };
        let plan = self.faults.plan(&arrival);
        arrival.faults.clone_from(&plan.rules);
        let (real_ms, now) = (self.clock.real_ms(), self.clock.now());
        let sequence = self.record.arrived(arrival, real_ms, now);
        let admission = self.admit(received, account, plan.acts());
        if let Admission::Settled(answer) = &admission
            && plan.acts()
        {
            let group = received.target.group_id();
            self.record.acted(sequence, group, answer.effect);
        }
        Begun { sequence, latency: self.behaviour.latency, plan, admission }
    }

    fn admit(&mut self, received: &Received, account: Option<usize>, acts: bool) -> Admission {
        if received.target.kind() == PathKind::Page {
            return Admission::Page;
        }
        let is_bearer = received.credential.as_ref().is_some_and(|credential| credential.is_bearer);
        let is_refused = |account: &Account| account.key_refused || account.bearer_refused && is_bearer;
        let Some(account) = account.filter(|account| !is_refused(&self.accounts[*account])) else {
            return Admission::Settled(unauthorized());
        };
        let key = match (&received.target, &received.idempotency_key) {
            (Target::Consent { .. }, Some(key)) if received.method == Method::POST => key.clone(),
            _ => return Admission::Caller { account, key: None },
        };
        if !well_formed(&key) {
            let refusal = Answer::invalid("Idempotency-Key", "Malformed idempotency key");
            return Admission::Settled(refusal.with_effect(Effect::Refused));
        }
        if self.behaviour.ignore_idempotency_keys {
            return Admission::Caller { account, key: None };
        }
        let key = ScopedKey { account, key };
        if !acts {
            // The request does not get as far as the store; the key goes along for `keep_fault`.
            return Admission::Caller { account, key: Some(key) };
        }
        let group_id = received.target.group_id().unwrap_or_default();
        let window = self.behaviour.idempotency_window;
        match self.idempotency.claim(group_id, &key, self.clock.now(), window) {
            Claim::Ours => Admission::Caller { account, key: Some(key) },
            Claim::AtWork => Admission::Settled(in_progress()),
            Claim::Replay(answer) => Admission::Settled(answer.with_effect(Effect::Replayed)),
        }
    }

    /// Does what the request came for, and settles its idempotency key.
    pub(crate) fn act(&mut self, sequence: u64, received: &Received, admission: Admission, listing: &[ListTrouble]) -> Answer {
        let (account, key) = match admission {
            Admission::Settled(answer) => return answer,
            Admission::Page => return self.hosted_page(received),
            Admission::Caller { account, key } => (account, key),
        };
        let answer = self.answer_caller(account, received, listing);
        let group_id = received.target.group_id();
        self.record.acted(sequence, group_id, answer.effect);
        if let (Some(group_id), Some(key)) = (group_id, key) {
            if answer.status < 400 || self.behaviour.replay_errors {
                let now = self.clock.now();
                self.idempotency.keep(group_id, key, now, answer.clone());
            } else {
                self.idempotency.release(group_id, &key);
            }
        }
        answer
    }

    /// Stores an error that a fault rule answered in the server's place, if errors are replayed.
    pub(crate) fn keep_fault(&mut self, received: &Received, admission: &Admission, answer: &Answer) {
        let Admission::Caller { key: Some(key), .. } = admission else {
            return;
        };
        let Some(group_id) = received.target.group_id() else {
            return;
        };
        if !self.behaviour.replay_errors || answer.status < 400 {
            return;
        }
        let (now, window) = (self.clock.now(), self.behaviour.idempotency_window);
        if let Claim::Ours = self.idempotency.claim(group_id, key, now, window) {
            self.idempotency.keep(group_id, key.clone(), now, answer.clone());
        }
    }

    fn answer_caller(&mut self, account: usize, received: &Received, listing: &[ListTrouble]) -> Answer {
        match (&received.target, &received.method) {
            (Target::Consent { group_id }, &Method::POST) => {
                let answer = self.initiate(account, group_id, received.body.as_ref());
                match answer.effect {
                    Effect::None => answer.with_effect(Effect::Refused),
                    _ => answer,
                }
            }
            (Target::Group { group_id }, &Method::GET) => self.read_group(account, group_id),
            (Target::List, &Method::GET) => self.list_groups(account, received, listing),
            (Target::Looks, &Method::GET) => self.list_looks(account, received),
            (Target::Me, &Method::GET) => self.read_me(account),
            (Target::Unknown, _) => Answer::error(404, "not_found", "No such path", Param::Null),
            _ => Answer::error(405, "method_not_allowed", "The simulator does not offer this method here", Param::Null),
        }
    }

    pub(crate) fn end(&mut self, sequence: u64, ending: Ending) {
        self.record.ended(sequence, ending);
    }
}

/// 401 has no `param` at all (HeyGen API notes, section 8).
fn unauthorized() -> Answer {
    Answer::error(401, "unauthorized", "Unauthorized", Param::Absent)
}

fn in_progress() -> Answer {
    Answer::error(409, "request_in_progress", "A request with this idempotency key is still in progress", Param::Null)
        .with_effect(Effect::InProgress)
}
