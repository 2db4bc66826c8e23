//! What is remembered of an account between two reconciles, and what its conditions say.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::obstacle::Ready;
use super::secret::{Doubt, Reading};
use super::{Account, Accounts, State, Usable, fingerprint};
use crate::process::clock;
use crate::process::metrics::shown::Shown;
use crate::runtime::notifications::condition::Said;
use twinconsent_core::account::{Settings, pause_before_probe};
use twinconsent_core::api::account::AccountStatus;
use twinconsent_core::api::account_key::AccountKey;
use twinconsent_core::api::conditions::AccountReason;
use twinconsent_core::api::conditions::{reasons, types};
use twinconsent_core::consent::outcome::{Class, Concern, Outcome};
use twinconsent_core::consent::polling;
use twinconsent_core::consent::report::Report;
use twinconsent_core::schedule::Closure;

/// How often the key is read again, so that a rotation is noticed.
pub(crate) const REREAD: Duration = Duration::from_secs(60);

/// How often the time of HeyGen's last readable answer is told, at most.
const LAST_READ_IS_SAID_EVERY: Duration = Duration::from_secs(3600);

/// A pause shorter than this does not change the account's condition.
const WORTH_TELLING: Duration = Duration::from_secs(30);

/// What an account that waives for every namespace says besides.
const WAIVERS_IGNORED: &str =
    " The waivers in spec.consentPolicy are ignored until spec.allowedNamespaces names the namespaces that they are for.";

/// What an account says first of an audit log that cannot be written.
const AUDIT_LOG_NOT_WRITTEN: &str = "The operator cannot write its audit log: events of consents are missing from it, or come late. Consents are served as before. The trouble:";

/// What came of a reconcile.
#[derive(Debug)]
pub struct Reconciled {
    /// Whether the consents of this account have to hear of it.
    pub changed: bool,
    /// When to come back.
    pub again: Duration,
    /// The new status, if it differs from the old.
    pub status: Option<AccountStatus>,
}

/// What is remembered of an account between two reconciles.
#[derive(Debug, Default)]
pub struct Memory {
    /// What the last reconcile resolved; it keeps the budget of a key that is refused for now.
    pub(super) last: Option<Arc<Usable>>,
    /// Requests a minute and at once, as the account's spec says.
    pub(super) rate: (u32, u32),
    probe: Probe,
    probes_refused: u32,
    probe_at: Option<Duration>,
    /// What was resolved of this generation by a reconcile that comes back because it found no token for its probe.
    comes_back: Option<(Option<i64>, Arc<Usable>)>,
    /// What came of reading the Secret, so far.
    pub(super) reading: Reading,
    /// Why HeyGen cannot be reached, as it was logged.
    logged: Option<String>,
}

/// What is known from asking HeyGen whether it accepts the key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Probe {
    /// Nothing yet.
    #[default]
    Due,
    /// It does.
    Accepted,
    /// It does not, or could not be asked.
    Failed(Class, Option<String>),
}

impl Memory {
    /// Logs why HeyGen cannot be reached, once for each cause, and the end of it.
    fn log(&mut self, account: &AccountKey, ready: &Ready) {
        let cause = (ready.reason == AccountReason::Unreachable).then(|| ready.message.clone());
        match &cause {
            Some(cause) if self.logged != Some(cause.clone()) => tracing::info!(%account, "{cause}"),
            None if self.logged.is_some() && ready.is_true() => tracing::info!(%account, "HeyGen answers again"),
            _ => {}
        }
        self.logged = cause;
    }

    /// Lets the next reconcile read the key and probe it at once.
    pub(super) fn hurry(&mut self) {
        self.probe = Probe::Due;
        self.probe_at = None;
    }
}

impl Accounts {
    pub(crate) fn probe_is_due(&self, settings: &Settings, usable: &Arc<Usable>, now: Duration) -> bool {
        let mut registry = self.registry();
        let Some(Account { memory, .. }) = registry.accounts.get_mut(&settings.key) else { return false };
        memory.rate = (settings.per_minute, settings.burst);
        if memory.last.as_ref().is_none_or(|last| fingerprint(&last.credentials) != fingerprint(&usable.credentials)) {
            memory.hurry();
            memory.probes_refused = 0;
        }
        memory.last = Some(usable.clone());
        let closed_for_good = usable.budget.closure().is_some_and(|closure| closure.until.is_none());
        (memory.probe != Probe::Accepted || closed_for_good) && memory.probe_at.is_none_or(|at| at <= now)
    }

    pub(crate) fn comes_back(&self, settings: &Settings, usable: Arc<Usable>) {
        if let Some(account) = self.registry().accounts.get_mut(&settings.key) {
            account.memory.comes_back = Some((settings.generation, usable));
        }
    }

    /// What the reconcile before this one has resolved, if nothing but its probe is left to do.
    pub(crate) fn resolved(&self, settings: &Settings) -> Option<Arc<Usable>> {
        let (generation, usable) = self.registry().accounts.get_mut(&settings.key)?.memory.comes_back.take()?;
        (generation == settings.generation).then_some(usable)
    }

    pub(crate) fn note_probe(&self, settings: &Settings, usable: &Usable, outcome: &Outcome, now: Duration) {
        let mut registry = self.registry();
        let Some(account) = registry.accounts.get_mut(&settings.key) else { return };
        let memory = &mut account.memory;
        let Outcome::Trouble(trouble) = outcome else {
            memory.probe = Probe::Accepted;
            memory.probes_refused = 0;
            memory.probe_at = None;
            return;
        };
        if trouble.class.concern() == Concern::Access {
            // A key that may not even ask for its own name may do nothing; any other 403 belongs to one object.
            usable.budget.shut(Class::CredentialsRejected);
        }
        memory.probe = Probe::Failed(trouble.class, trouble.cause());
        memory.probes_refused = memory.probes_refused.saturating_add(1);
        memory.probe_at = Some(now + trouble.pause(pause_before_probe(memory.probes_refused)));
    }

    /// Concludes a reconcile of an account that has a key.
    pub(crate) fn proceed(&self, settings: &Settings, usable: &Arc<Usable>, in_doubt: Option<Doubt>, again: Duration) -> Reconciled {
        let now = clock::steady();
        let (doubt, again) = in_doubt.map_or((None, again), |doubt| (doubt.ready, again.min(doubt.again)));
        let probe = self.registry().accounts.get(&settings.key).map_or(Probe::Due, |account| account.memory.probe.clone());
        let closure = usable.budget.closure();
        if let Some((closure, (reason, message))) = closure
            .filter(|closure| is_worth_telling(closure, now))
            .map(|closure| (closure, reading(closure.class, usable.budget.cause().as_deref())))
        {
            let state = match closure.until {
                None => State::Unusable(format!("{}: {message}", settings.key)),
                Some(_) => State::Usable(usable.clone()),
            };
            let wake = closure.until.map_or(again, |until| again.min(polling::since(now, until) + Duration::from_millis(100)));
            return self.conclude(settings, state, Some(Ready { reason, message }), wake);
        }
        let ready = match probe {
            _ if doubt.is_some() => doubt,
            Probe::Accepted => {
                Some(Ready { reason: AccountReason::CredentialsAccepted, message: "HeyGen accepts the API key.".to_owned() })
            }
            Probe::Failed(class, cause) => {
                let (reason, message) = reading(class, cause.as_deref());
                Some(Ready { reason, message })
            }
            Probe::Due => None,
        };
        self.conclude(settings, State::Usable(usable.clone()), ready, again)
    }

    /// Takes a state, and says so, unless there is nothing new to say yet.
    pub(crate) fn conclude(&self, settings: &Settings, state: State, ready: Option<Ready>, again: Duration) -> Reconciled {
        let registry = &mut *self.registry();
        // Deleted meanwhile: there is nothing to report, and there is no status to write.
        let Some(account) = registry.accounts.get_mut(&settings.key) else { return Reconciled { changed: false, again, status: None } };
        account.memory.rate = (settings.per_minute, settings.burst);
        if let Some(ready) = &ready {
            account.memory.log(&settings.key, ready);
        }
        let reported = settings.status.last_poll_time.as_ref().map(|time| time.0);
        account.proof = account.proof.after(settings.rules.cadence.stale_after, reported, account.read_at.is_some());
        let wall = clock::wall();
        let last_poll = account.read_at.map(|read_at| wall.of(read_at));
        let allowed = Some(settings.allowed.clone());
        let changed = account.state.differs(&state) || account.allowed != allowed;
        account.enter(&settings.key, state, &self.scheduler);
        account.allowed = allowed;
        let found = ready.as_ref().map(|ready| Shown::Reason(ready.reason));
        // What is not known yet is what was told before, perhaps by another replica.
        let before = account.shown.filter(|shown| *shown != Shown::Undecodable);
        let reported = || before.or_else(|| reason_of(&settings.status).map(Shown::Reason));
        account.shown = Some(found.or_else(reported).unwrap_or(Shown::Resolving));
        registry.names.claim(&settings.key);
        let trouble = self.audit_log.trouble().map(|trouble| trouble.borrow().clone());
        let known = settings.status.conditions.iter().find(|condition| condition.type_ == types::NOTIFICATIONS_DELIVERED);
        let sinks = self.notifications.say(&settings.key, known, wall);
        let status = ready.and_then(|ready| new_status(settings, &ready, (trouble.as_ref(), sinks), last_poll, wall.now()));
        Reconciled { changed, again, status }
    }
}

/// A short pause changes nothing in the account's condition.
fn is_worth_telling(closure: &Closure, now: Timestamp) -> bool {
    closure.until.is_none_or(|until| polling::since(now, until) >= WORTH_TELLING)
}

/// How a trouble reads in the account's condition: the reason of `Ready`, and its message.
#[must_use]
pub fn reading(class: Class, cause: Option<&str>) -> (AccountReason, String) {
    let (reason, message) = match class {
        Class::CredentialsRejected | Class::Forbidden | Class::AccessDenied => (
            AccountReason::CredentialsRejected,
            "HeyGen refuses the API key. Put a valid one into the Secret that spec.apiKeySecretRef of the account names.",
        ),
        Class::BillingRequired => {
            (AccountReason::BillingRequired, "HeyGen wants a payment or another plan. See the billing of the account at HeyGen.")
        }
        Class::QuotaExceeded => {
            (AccountReason::Throttled, "The account's quota at HeyGen is used up. The operator asks again from time to time.")
        }
        Class::Throttled => (AccountReason::Throttled, "HeyGen asks for fewer calls. The operator waits as long as HeyGen says."),
        Class::Unreachable
        | Class::Unavailable
        | Class::Busy
        | Class::Unreadable
        | Class::NotFound
        | Class::Invalid
        | Class::Unfetchable
        | Class::AlreadyBound => match cause {
            Some(cause) => return (AccountReason::Unreachable, format!("{cause}. The operator tries again with growing pauses.")),
            None => (AccountReason::Unreachable, "HeyGen does not answer as it should. The operator tries again with growing pauses."),
        },
    };
    (reason, message.to_owned())
}

/// `audit_log`: why the audit log cannot be written, if it cannot; nothing if there is none. `sinks`: what is said of the sinks; nothing if there are none.
fn new_status(
    settings: &Settings,
    ready: &Ready,
    (audit_log, sinks): (Option<&Option<String>>, Option<Said>),
    last_poll: Option<Timestamp>,
    now: Timestamp,
) -> Option<AccountStatus> {
    let ignored = if settings.rules.policy.ignores_waivers { WAIVERS_IGNORED } else { "" };
    let is = |is_true| if is_true { "True" } else { "False" };
    let said = |status: &str, reason: &str, message| Said { status: status.to_owned(), reason: reason.to_owned(), message };
    let ready = (types::READY, said(is(ready.is_true()), ready.reason.word(), format!("{}{ignored}", ready.message)));
    let audit_log = audit_log.map(|trouble| match trouble {
        None => said("True", reasons::AUDIT_LOG_WRITTEN, "The operator can write its audit log.".to_owned()),
        Some(why) => said("False", reasons::AUDIT_LOG_NOT_WRITTEN, format!("{AUDIT_LOG_NOT_WRITTEN} {why}.")),
    });
    let audit_log = audit_log.map(|said| (types::AUDIT_LOG_WRITABLE, said));
    let sinks = sinks.map(|said| (types::NOTIFICATIONS_DELIVERED, said));
    let conditions = [ready].into_iter().chain(audit_log).chain(sinks).map(|(type_, said)| condition(settings, type_, said, now)).collect();
    let reported = settings.status.last_poll_time.clone();
    // What all consents of the account are verified by costs one write an hour, and what is told never goes back.
    let newer =
        last_poll.filter(|read| reported.as_ref().is_none_or(|reported| polling::since(reported.0, *read) >= LAST_READ_IS_SAID_EVERY));
    let last_poll_time = newer.map(|read| Time(Timestamp::from_second(read.as_second()).unwrap_or(read))).or(reported);
    let new = AccountStatus { observed_generation: settings.generation, last_poll_time, conditions };
    (new != settings.status).then_some(new)
}

fn condition(settings: &Settings, type_: &str, Said { status, reason, message }: Said, now: Timestamp) -> Condition {
    let old = settings.status.conditions.iter().find(|condition| condition.type_ == type_);
    let since = old.filter(|old| old.status == status).map(|old| old.last_transition_time.clone());
    Condition {
        type_: type_.to_owned(),
        status,
        reason,
        message,
        last_transition_time: since.unwrap_or_else(|| Time(Timestamp::from_second(now.as_second()).unwrap_or(now))),
        observed_generation: settings.generation,
    }
}

/// The event for a change of the account's condition; the first acceptance of a key is told, a repeated message is not.
#[must_use]
pub fn report(old: &AccountStatus, new: &AccountStatus) -> Option<Report> {
    let after = reason_of(new)?;
    (reason_of(old) != Some(after)).then(|| Report::of_account(after))
}

/// The reason that the account's condition names.
fn reason_of(status: &AccountStatus) -> Option<AccountReason> {
    let ready = status.conditions.iter().find(|condition| condition.type_ == types::READY)?;
    ready.reason.parse().ok()
}
