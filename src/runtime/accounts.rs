//! Account and Secret → credentials, budget, rules.
//!
//! An account object says whose key asks, how fast and on what rules; its Secret holds the key. This module keeps, for each account
//! that exists, whether it can be used right now, and tells the consents' reconciler. Trouble with a key (401, 402, 429, no answer)
//! is learned here, once, from whichever request met it first: it changes the account's condition and not its consents.
//!
//! Vocabulary: *settings* are the spec with the defaults filled in, the *budget* is how fast one key may be used, and whether at all right
//! now ([`Budget`]), the *rules* are what the pure core needs to know.

pub mod condition;
pub(crate) mod obstacle;
pub(crate) mod secret;
mod write_backoff;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::heygen::Credentials;
use crate::process::audit_log::AuditLog;
use crate::process::clock;
use crate::process::clock::Wall;
use crate::process::metrics::shown::{Names, Shown};
use crate::runtime::notifications::Notifications;
use crate::runtime::scheduler::Scheduler;
use twinconsent_core::account::Settings;
use twinconsent_core::api::account::{AccountStatus, AllowedNamespaces, Auth};
use twinconsent_core::api::account_key::AccountKey;
use twinconsent_core::consent::outcome::{Concern, Outcome};
use twinconsent_core::consent::policy::Rules;
use twinconsent_core::consent::step::{AccountFact, Proof};
use twinconsent_core::schedule::Budget;
use write_backoff::WriteBackoff;

/// What is known of every account.
#[derive(Debug, Default)]
pub struct Accounts {
    registry: Mutex<Registry>,
    scheduler: Arc<Scheduler>,
    audit_log: AuditLog,
    notifications: Arc<Notifications>,
}

#[derive(Debug, Default)]
struct Registry {
    accounts: HashMap<AccountKey, Account>,
    budgets: HashMap<[u8; 32], Weak<Budget>>,
    /// Those that the metrics name.
    names: Names,
}

/// What is known of one account between two reconciles.
#[derive(Debug, Default)]
struct Account {
    state: State,
    /// What its spec serves, once that was read: also while it cannot be used.
    allowed: Option<Option<Arc<AllowedNamespaces>>>,
    memory: condition::Memory,
    write_backoff: WriteBackoff,
    /// How long its consents count as verified, and when HeyGen was last read before this process read it.
    proof: Proof,
    /// When this process last got a readable answer, by the steady clock.
    read_at: Option<Timestamp>,
    /// What the metrics tell of it; nothing of one that was not seen yet, or is left to others.
    shown: Option<Shown>,
}

/// Whether an account can be used.
#[derive(Debug, Clone, Default)]
pub enum State {
    /// It is being read for the first time.
    #[default]
    Resolving,
    /// It cannot be used: why, for the consents that wait for it.
    Unusable(String),
    /// It can.
    Usable(Arc<Usable>),
}

/// What a call needs of an account.
#[derive(Debug)]
pub struct Usable {
    /// Where and how to ask.
    pub credentials: Credentials,
    /// How fast.
    pub budget: Arc<Budget>,
    /// On what rules.
    pub rules: Arc<Rules>,
}

impl Accounts {
    /// No accounts yet; what can be used of them, `scheduler` is told. They tell whether `audit_log` can be written and `notifications` are taken.
    #[must_use]
    pub fn new(scheduler: Arc<Scheduler>, audit_log: AuditLog, notifications: Arc<Notifications>) -> Self {
        Self { registry: Mutex::default(), scheduler, audit_log, notifications }
    }

    /// All of them.
    #[must_use]
    pub fn keys(&self) -> Vec<AccountKey> {
        self.registry().accounts.keys().cloned().collect()
    }

    /// What `key` allows, as a fact for the pure core, and what a call needs.
    ///
    /// Whether the account serves the consent's namespace is asked separately, because that may need the namespace's labels.
    #[must_use]
    pub fn fact(&self, key: &AccountKey) -> (AccountFact, Option<Arc<Usable>>) {
        match self.registry().accounts.get(key).map(|account| &account.state) {
            None => (AccountFact::NotReady(format!("{key} does not exist. The operator goes on when it is created.")), None),
            Some(State::Resolving) => (AccountFact::Resolving, None),
            Some(State::Unusable(why)) => (AccountFact::NotReady(why.clone()), None),
            Some(State::Usable(usable)) => (AccountFact::Usable(usable.rules.clone()), Some(usable.clone())),
        }
    }

    /// What an account serves (`None` inside: every namespace), once its spec was read.
    #[must_use]
    pub fn allowed(&self, key: &AccountKey) -> Option<Option<Arc<AllowedNamespaces>>> {
        self.registry().accounts.get(key)?.allowed.clone()
    }

    /// How long the account's consents count as verified, and by what; also while it cannot be used.
    #[must_use]
    pub fn proof(&self, key: &AccountKey, wall: Wall) -> Proof {
        self.registry().accounts.get(key).map(|account| account.proof(wall)).unwrap_or_default()
    }

    /// Notes that an account object exists, or that it is about to be looked for, before anything is known of it.
    pub fn announce(&self, key: AccountKey) {
        self.registry().accounts.entry(key).or_default();
    }

    /// Whether an account can be used, and with the key of this budget.
    #[must_use]
    pub fn uses(&self, key: &AccountKey, budget: &Arc<Budget>) -> bool {
        self.registry().accounts.get(key).is_some_and(|account| account.state.uses(budget))
    }

    /// Leaves an account to the operators whose namespaces it serves: what its key is need not be known here, and what its status says is
    /// theirs. Returns whether that is new.
    pub fn leave(&self, settings: &Settings) -> bool {
        let mut registry = self.registry();
        let Some(account) = registry.accounts.get_mut(&settings.key) else { return false };
        let allowed = Some(settings.allowed.clone());
        let is_new = !matches!(account.state, State::Resolving) || account.allowed != allowed;
        account.enter(&settings.key, State::Resolving, &self.scheduler);
        (account.allowed, account.memory, account.shown) = (allowed, condition::Memory::default(), None);
        registry.names.release(&settings.key);
        is_new
    }

    /// How long to wait before an account's status is written, because another operator writes it too; zero: not at all.
    #[must_use]
    pub fn wait_to_tell(&self, settings: &Settings, status: &AccountStatus, now: Duration) -> Duration {
        let mut registry = self.registry();
        registry.accounts.get_mut(&settings.key).map_or(Duration::ZERO, |account| account.write_backoff.wait(settings, status, now))
    }

    /// Notes that an account's status was written.
    pub fn note_shown(&self, settings: &Settings, status: &AccountStatus, now: Duration) {
        if let Some(account) = self.registry().accounts.get_mut(&settings.key) {
            account.write_backoff.tell(settings, status, now);
        }
    }

    /// Forgets an account whose object is gone. Returns whether it was known.
    pub fn forget(&self, key: &AccountKey) -> bool {
        let mut registry = self.registry();
        registry.names.release(key);
        self.scheduler.with(|schedule, _| schedule.close(key));
        registry.accounts.remove(key).is_some()
    }

    /// Lets an account that cannot be decoded be used by no consent, until it is reconciled: why.
    pub fn refuse(&self, key: &AccountKey, why: String) {
        let registry = &mut *self.registry();
        if let Some(account) = registry.accounts.get_mut(key) {
            account.enter(key, State::Unusable(why), &self.scheduler);
            account.shown = Some(Shown::Undecodable);
            registry.names.claim(key);
        }
    }

    /// Forgets the accounts of a kind, and of `namespace` if given, that a complete list did not show. Returns them.
    pub fn forget_others(&self, kind: &str, namespace: Option<&str>, shown: &HashSet<AccountKey>) -> Vec<AccountKey> {
        let gone = |key: &&AccountKey| {
            format!("{:?}", key.kind) == kind
                && namespace.is_none_or(|namespace| key.namespace.as_deref() == Some(namespace))
                && !shown.contains(*key)
        };
        let gone: Vec<AccountKey> = self.registry().accounts.keys().filter(gone).cloned().collect();
        for key in &gone {
            self.forget(key);
        }
        gone
    }

    /// Learns from what came of a call with `usable`. Returns whether the account has to be reconciled at once.
    ///
    /// A refused key makes the account unusable here and now, so that not one more consent takes it up before the probe has confirmed it;
    /// not so the key that the account had before.
    pub fn learn(&self, key: &AccountKey, usable: &Usable, outcome: &Outcome) -> bool {
        let changed = self.scheduler.with(|schedule, now| schedule.learn(&usable.budget, outcome, now));
        let Outcome::Trouble(trouble) = outcome else {
            if let Some(account) = self.registry().accounts.get_mut(key) {
                account.read_at = Some(clock::steady());
            }
            return changed;
        };
        if !trouble.class.calls_for_a_probe() {
            return changed;
        }
        if let Some(account) = self.registry().accounts.get_mut(key) {
            if !account.state.uses(&usable.budget) {
                return false;
            }
            account.memory.hurry();
            if trouble.class.concern() == Concern::Key {
                let why = format!("{key}: {}", condition::reading(trouble.class, None).1);
                account.enter(key, State::Unusable(why), &self.scheduler);
            }
        }
        true
    }

    /// The budget of a key, shared by all accounts that send the same key the same way to the same base URL; the lower rate of two accounts counts.
    pub(crate) fn budget(&self, credentials: &Credentials, settings: &Settings) -> Arc<Budget> {
        let mut registry = self.registry();
        registry.budgets.retain(|_, budget| budget.strong_count() > 0);
        let fingerprint = fingerprint(credentials);
        let known = registry.budgets.get(&fingerprint).and_then(Weak::upgrade);
        let budget = known.unwrap_or_else(|| Arc::new(Budget::new(settings.per_minute, settings.burst, clock::steady())));
        registry.budgets.insert(fingerprint, Arc::downgrade(&budget));
        let others = registry.accounts.iter().filter(|(key, account)| **key != settings.key && account.state.uses(&budget));
        let (per_minute, burst) = others
            .map(|(_, account)| account.memory.rate)
            .fold((settings.per_minute, settings.burst), |(rate, burst), (other_rate, other_burst)| {
                (rate.min(other_rate), burst.min(other_burst))
            });
        self.scheduler.with(|schedule, now| schedule.set_rate(&budget, per_minute, burst, now));
        budget
    }

    /// The accounts that the metrics name.
    #[must_use]
    pub fn names(&self) -> HashSet<AccountKey> {
        self.registry().names.all()
    }

    /// What the metrics tell of every account, each by its name if it has one there.
    #[must_use]
    pub fn shown(&self) -> BTreeSet<(Option<AccountKey>, Shown)> {
        let registry = self.registry();
        let shown = registry.accounts.iter().filter_map(|(key, account)| Some((key, account.shown?)));
        shown.map(|(key, shown)| (registry.names.of(key), shown)).collect()
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    /// Changes whether it can be used. In the same step the schedule is told, so that it never gives leave to use another key.
    fn enter(&mut self, key: &AccountKey, state: State, scheduler: &Scheduler) {
        scheduler.with(|schedule, now| match &state {
            State::Usable(usable) => schedule.open(key, &usable.budget, usable.rules.cadence, now),
            State::Resolving | State::Unusable(_) => schedule.close(key),
        });
        self.state = state;
    }

    /// By this wall clock; a time that lies ahead of it counts as now, for one of the two clocks is wrong.
    fn proof(&self, wall: Wall) -> Proof {
        Proof { last_poll: self.proof.last_poll.map(|reported| reported.min(wall.now())), ..self.proof }
    }
}

impl State {
    fn uses(&self, budget: &Arc<Budget>) -> bool {
        matches!(self, Self::Usable(usable) if Arc::ptr_eq(&usable.budget, budget))
    }

    /// Whether consents that wait for the account have to hear of the change from `self` to `other`.
    fn differs(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Resolving, Self::Resolving) => false,
            (Self::Unusable(before), Self::Unusable(after)) => before != after,
            (Self::Usable(before), Self::Usable(after)) => before.rules != after.rules,
            _ => true,
        }
    }
}

/// What HeyGen tells one user of a key from another by: everything that is sent along.
fn fingerprint(Credentials { base_url, auth, key }: &Credentials) -> [u8; 32] {
    use secrecy::ExposeSecret as _;
    let auth = match auth {
        Auth::ApiKey | Auth::Unrecognized => "key",
        Auth::Bearer => "bearer",
    };
    let mut hash = Sha256::new();
    for part in [base_url.as_str(), auth, key.expose_secret()] {
        hash.update(part);
        hash.update([0]);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use crate::process::metrics::shown;
    use secrecy::SecretString;

    use super::*;
    use twinconsent_core::api::consent::AccountKind;

    #[test]
    fn the_name_of_an_account_that_is_gone_is_free_for_another_one() {
        let accounts = Accounts::default();
        let key =
            |number: usize| AccountKey { kind: AccountKind::HeyGenAccount, namespace: Some("n".to_owned()), name: number.to_string() };
        let see = |number| {
            accounts.announce(key(number));
            accounts.refuse(&key(number), String::new());
        };
        (0..=shown::MOST_NAMED).for_each(see);
        assert_eq!(accounts.shown().len(), shown::MOST_NAMED + 1);
        assert!(!accounts.names().contains(&key(shown::MOST_NAMED)), "there was no name left");
        assert!(accounts.forget(&key(0)));
        see(shown::MOST_NAMED);
        assert!(accounts.names().contains(&key(shown::MOST_NAMED)));
        (1..=shown::MOST_NAMED).for_each(|number| assert!(accounts.forget(&key(number))));
        assert_eq!((accounts.shown().len(), accounts.names().len()), (0, 0), "nothing is left of accounts that are gone");
    }

    #[test]
    fn a_budget_belongs_to_a_key_that_is_sent_one_way_to_one_place() {
        let credentials = |url: &str, auth, key: &str| Credentials { base_url: url.parse().unwrap(), auth, key: SecretString::from(key) };
        let one = credentials("https://a.example", Auth::ApiKey, "k");
        assert_eq!(fingerprint(&one), fingerprint(&one.clone()));
        for other in [
            credentials("https://b.example", Auth::ApiKey, "k"),
            credentials("https://a.example", Auth::Bearer, "k"),
            credentials("https://a.example", Auth::ApiKey, "l"),
        ] {
            assert_ne!(fingerprint(&one), fingerprint(&other));
        }
    }
}
