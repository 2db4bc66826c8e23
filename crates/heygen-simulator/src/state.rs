//! The state of the simulated HeyGen, changed only under the lock in `Shared`.

use std::collections::{BTreeMap, HashMap};

use crate::account::Account;
use crate::clock::Clock;
use crate::error::ControlError;
use crate::fault::Faults;
use crate::group::{Group, GroupDefinition};
use crate::link::Link;
use crate::record::Record;
use crate::settings::{Behaviour, Settings};

mod hosted;
mod html;
mod idempotency;
mod initiate;
mod list;
mod manage;
mod read;
mod request;
mod wire;

use crate::answer::Answer;
pub(crate) use idempotency::Idempotency;
pub(crate) use request::{Credential, Received};

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) clock: Clock,
    pub(crate) behaviour: Behaviour,
    pub(crate) faults: Faults,
    pub(crate) record: Record,
    accounts: Vec<Account>,
    /// Which account a credential opens.
    keys: HashMap<String, usize>,
    groups: HashMap<String, Group>,
    /// HeyGen's public library by order of creation.
    public_groups: BTreeMap<u64, String>,
    last_sequence: u64,
    links: HashMap<String, Link>,
    idempotency: Idempotency,
    /// What links begin with, without a slash at the end.
    base_url: String,
}

impl State {
    /// # Errors
    ///
    /// When the settings contradict themselves: no account, two of a name or key, a group twice or of no account.
    pub(crate) fn new(settings: Settings, base_url: String) -> Result<Self, ControlError> {
        let mut state = Self {
            clock: Clock::start(),
            behaviour: settings.behaviour,
            faults: Faults::default(),
            record: Record::new(settings.record_capacity),
            accounts: Vec::new(),
            keys: HashMap::new(),
            groups: HashMap::new(),
            public_groups: BTreeMap::new(),
            last_sequence: 0,
            links: HashMap::new(),
            idempotency: Idempotency::default(),
            base_url,
        };
        for account in settings.accounts {
            state.create_account(account)?;
        }
        if state.accounts.is_empty() {
            return Err(ControlError::invalid("accounts", "there must be at least one"));
        }
        for group in settings.groups {
            state.create_group(group)?;
        }
        Ok(state)
    }

    pub(crate) fn create_group(&mut self, definition: GroupDefinition) -> Result<(), ControlError> {
        if definition.id.is_empty() {
            return Err(ControlError::invalid("id", "must not be empty"));
        }
        if self.groups.contains_key(&definition.id) {
            return Err(ControlError::GroupExists(definition.id));
        }
        let account = match &definition.account {
            Some(name) => self.account_index(name)?,
            None => 0,
        };
        self.last_sequence += 1;
        let sequence = self.last_sequence;
        let id = definition.id.clone();
        let by_creation = if definition.public { &mut self.public_groups } else { &mut self.accounts[account].groups };
        by_creation.insert(sequence, id.clone());
        let group = Group::new(definition, sequence, account, self.clock.now());
        self.groups.insert(id, group);
        Ok(())
    }

    fn account_index(&self, name: &str) -> Result<usize, ControlError> {
        self.accounts.iter().position(|account| account.name == name).ok_or_else(|| ControlError::UnknownAccount(name.to_owned()))
    }

    fn link_url(&self, token: &str) -> String {
        format!("{}/consent/{token}", self.base_url)
    }
}
