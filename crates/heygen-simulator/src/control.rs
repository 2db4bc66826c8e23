//! The switches, as plain functions.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};

use crate::account::{AccountDefinition, AccountPatch};
use crate::clock::ClockView;
use crate::error::ControlError;
use crate::fault::{FaultAction, FaultRule, FaultView};
use crate::group::{BulkGroups, GroupDefinition, GroupPatch, GroupView};
use crate::record::{GroupSummary, RecordedRequest, Summary};
use crate::settings::{Behaviour, BehaviourPatch};
use crate::shared::Shared;

/// A handle on a running simulator; clones are cheap and all speak to the same one.
///
/// It stays usable after the simulator has stopped, so that a test can read the record at the end.
#[derive(Debug, Clone)]
pub struct Control {
    shared: Arc<Shared>,
}

impl Control {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Creates a group.
    ///
    /// # Errors
    ///
    /// When the id is taken or empty, or the account unknown.
    pub fn create_group(&self, definition: GroupDefinition) -> Result<(), ControlError> {
        self.shared.state().create_group(definition)
    }

    /// Creates many alike digital twins and returns their number.
    /// `{"account": …, "prefix": …, "count": …}`.
    ///
    /// # Errors
    ///
    /// When an id is taken or the account unknown; groups created before that stay.
    pub fn create_groups(&self, bulk: &BulkGroups) -> Result<usize, ControlError> {
        self.shared.state().create_bulk(bulk)
    }

    /// Changes a group.
    ///
    /// # Errors
    ///
    /// When the group is unknown.
    pub fn patch_group(&self, id: &str, patch: GroupPatch) -> Result<(), ControlError> {
        self.shared.state().patch_group(id, patch)
    }

    /// Sets the consent status to any word, or to none.
    ///
    /// # Errors
    ///
    /// When the group is unknown.
    pub fn set_consent_status(&self, id: &str, word: Option<&str>) -> Result<(), ControlError> {
        let patch = GroupPatch { consent_status: Some(word.map(str::to_owned)), ..GroupPatch::default() };
        self.patch_group(id, patch)
    }

    /// Deletes a group with its links and idempotency keys: HeyGen answers 404 from now on.
    ///
    /// # Errors
    ///
    /// When the group is unknown.
    pub fn delete_group(&self, id: &str) -> Result<(), ControlError> {
        self.shared.state().delete_group(id)
    }

    /// Grants at once, in the word of [`Behaviour::approved_word`].
    ///
    /// # Errors
    ///
    /// When the group is unknown.
    pub fn approve(&self, id: &str) -> Result<(), ControlError> {
        let word = self.behaviour().approved_word;
        self.set_consent_status(id, Some(&word))
    }

    /// Refuses at once, in the word of [`Behaviour::rejected_word`].
    ///
    /// # Errors
    ///
    /// When the group is unknown.
    pub fn reject(&self, id: &str) -> Result<(), ControlError> {
        let word = self.behaviour().rejected_word;
        self.set_consent_status(id, Some(&word))
    }

    /// A group with its links, oldest first.
    ///
    /// # Errors
    ///
    /// When the group is unknown.
    pub fn group(&self, id: &str) -> Result<GroupView, ControlError> {
        self.shared.state().view_group(id)
    }

    /// Adds a rule behind the others and returns its id.
    ///
    /// # Errors
    ///
    /// When a made-up answer has a status or a header that HTTP does not allow, or a drip of no bytes.
    pub fn add_fault(&self, rule: FaultRule) -> Result<u64, ControlError> {
        check_action(&rule.action)?;
        Ok(self.shared.state().faults.add(rule))
    }

    /// The rules, oldest first, used-up ones included.
    pub fn faults(&self) -> Vec<FaultView> {
        self.shared.state().faults.list()
    }

    /// Removes one rule; a request that it delays waits no more.
    ///
    /// # Errors
    ///
    /// When there is no such rule.
    pub fn remove_fault(&self, id: u64) -> Result<(), ControlError> {
        if !self.shared.state().faults.remove(id) {
            return Err(ControlError::UnknownFault(id));
        }
        self.shared.faults_removed.notify_waiters();
        Ok(())
    }

    /// Removes all rules, as [`Self::remove_fault`] does.
    pub fn clear_faults(&self) {
        self.shared.state().faults.clear();
        self.shared.faults_removed.notify_waiters();
    }

    /// Moves the simulated time ahead.
    pub fn advance(&self, by: Duration) -> ClockView {
        let mut state = self.shared.state();
        state.clock.advance(by);
        state.clock.view()
    }

    /// What the clock says. HTTP: `GET /_sim/clock`.
    pub fn clock(&self) -> ClockView {
        self.shared.state().clock.view()
    }

    /// How the simulator behaves.
    pub fn behaviour(&self) -> Behaviour {
        self.shared.state().behaviour.clone()
    }

    /// Changes how the simulator behaves, from the next request on.
    ///
    /// # Errors
    ///
    /// When the status of `already_bound` is not one of an answer.
    pub fn change_behaviour(&self, patch: BehaviourPatch) -> Result<Behaviour, ControlError> {
        if let Some(Some(bound)) = &patch.already_bound {
            check_status("already_bound.status", bound.status)?;
        }
        let mut state = self.shared.state();
        state.behaviour.apply(patch);
        Ok(state.behaviour.clone())
    }

    /// Adds an account.
    ///
    /// # Errors
    ///
    /// When the name or the key is empty or taken.
    pub fn create_account(&self, definition: AccountDefinition) -> Result<(), ControlError> {
        self.shared.state().create_account(definition)
    }

    /// Changes an account: its key, whether the key is refused, its entitlement.
    ///
    /// # Errors
    ///
    /// When the account is unknown, or the key is empty or another account's.
    pub fn patch_account(&self, name: &str, patch: AccountPatch) -> Result<(), ControlError> {
        self.shared.state().patch_account(name, patch)
    }

    /// Gives the account another key; the old one is dead at once.
    ///
    /// # Errors
    ///
    /// As [`Control::patch_account`].
    pub fn set_key(&self, account: &str, key: impl Into<String>) -> Result<(), ControlError> {
        let patch = AccountPatch { api_key: Some(key.into()), ..AccountPatch::default() };
        self.patch_account(account, patch)
    }

    /// Answers 401 to the account's key until it is switched back.
    ///
    /// # Errors
    ///
    /// When the account is unknown.
    pub fn set_key_refused(&self, account: &str, refused: bool) -> Result<(), ControlError> {
        let patch = AccountPatch { key_refused: Some(refused), ..AccountPatch::default() };
        self.patch_account(account, patch)
    }

    /// Answers 401 to the account's key when it comes as a bearer token, until it is switched back.
    ///
    /// # Errors
    ///
    /// When the account is unknown.
    pub fn set_bearer_refused(&self, account: &str, refused: bool) -> Result<(), ControlError> {
        let patch = AccountPatch { bearer_refused: Some(refused), ..AccountPatch::default() };
        self.patch_account(account, patch)
    }

    /// Totals since the start or the last reset.
    pub fn summary(&self) -> Summary {
        self.shared.state().record.totals()
    }

    /// What happened to one group; zeros for a group that no request named. HTTP: `GET /_sim/summary/{id}`.
    pub fn group_summary(&self, id: &str) -> GroupSummary {
        self.shared.state().group_summary(id)
    }

    /// What happened to every group that exists or was named, by id.
    pub fn group_summaries(&self) -> Vec<GroupSummary> {
        self.shared.state().group_summaries()
    }

    /// The recorded requests from this sequence number on.
    pub fn requests_since(&self, sequence: u64) -> Vec<RecordedRequest> {
        self.shared.state().record.since(sequence)
    }

    /// The largest number of recorded requests of one account within any stretch of real time of this length, to the
    /// millisecond and with both ends counted.
    pub fn most_requests_within(&self, window: Duration, account: &str) -> usize {
        self.shared.state().record.most_within(window, account)
    }

    /// Forgets the requests and the counters; state, links and sequence numbers stay.
    pub fn reset_record(&self) {
        self.shared.state().record.reset();
    }
}

fn check_action(action: &FaultAction) -> Result<(), ControlError> {
    match action {
        FaultAction::Respond(respond) => {
            check_status("action.respond.status", respond.status)?;
            for (name, value) in &respond.headers {
                let valid = HeaderName::try_from(name).is_ok() && HeaderValue::from_str(value).is_ok();
                if !valid {
                    return Err(ControlError::invalid("action.respond.headers", format!("{name:?} is no valid HTTP header")));
                }
            }
            Ok(())
        }
        FaultAction::SlowBody { chunk_bytes: 0, .. } => Err(ControlError::invalid("action.slow_body.chunk_bytes", "must be at least 1")),
        _ => Ok(()),
    }
}

fn check_status(field: &str, status: u16) -> Result<(), ControlError> {
    match StatusCode::from_u16(status) {
        Ok(_) if (200..600).contains(&status) => Ok(()),
        _ => Err(ControlError::invalid(field, "must be from 200 to 599")),
    }
}
