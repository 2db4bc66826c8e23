//! What the reconcilers share.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt as _;
use kube::runtime::reflector::ObjectRef;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::heygen::HeyGen;
use crate::kubernetes;
use crate::kubernetes::Cluster;
use crate::kubernetes::events::Events;
use crate::kubernetes::leadership::Leadership;
use crate::kubernetes::undecodable::Undecodables;
use crate::kubernetes::watch::history::History;
use crate::process::audit_log::AuditLog;
use crate::process::clock;
use crate::process::clock::Wall;
use crate::process::complaints::Complaints;
use crate::process::config::Config;
use crate::process::metrics::population::SinkFigures;
use crate::process::metrics::{Metrics, Population};
use crate::runtime::accounts::Accounts;
use crate::runtime::accounts::Usable;
use crate::runtime::landings::Landings;
use crate::runtime::notifications::{LinkUntil, Notifications};
use crate::runtime::scheduler::Scheduler;
use crate::runtime::store::Store;
use twinconsent_core::account;
use twinconsent_core::api::account::{AllowedNamespaces, ClusterHeyGenAccount, HeyGenAccount};
use twinconsent_core::api::account_key::AccountKey;
use twinconsent_core::api::consent::{AccountKind, DigitalTwinConsent};
use twinconsent_core::api::uid;
use twinconsent_core::api::uid::Uid;
use twinconsent_core::consent::audit;
use twinconsent_core::consent::audit::Event;
use twinconsent_core::consent::link::Link;
use twinconsent_core::consent::outcome::Outcome;
use twinconsent_core::notifications::{Notice, youngest_first};

/// How many objects are unfolded before others may work.
const COPIES_AT_ONCE: usize = 256;

/// How long a namespace's labels are believed.
const LABELS_STAY_FRESH: Duration = Duration::from_secs(60);

/// How many wake-ups of accounts may wait in a queue.
pub(crate) const WAKE_QUEUE: usize = 1024;

/// What is told of a watch that fails, see [`Complaints`].
pub(crate) const WATCH: &str = "the watch is disturbed; trying again";

/// What is told of an object whose reconcile fails.
pub(crate) const RECONCILE: &str = "could not reconcile; trying again";

/// What the reconcilers share.
pub struct Context {
    /// HeyGen.
    pub heygen: HeyGen,
    /// Kubernetes.
    pub cluster: Cluster,
    /// Where events are handed in.
    pub events: Events,
    /// The audit log.
    pub audit_log: AuditLog,
    /// The accounts.
    pub accounts: Accounts,
    /// What is sent to the sinks of accounts.
    pub notifications: Arc<Notifications>,
    /// The persons who come back.
    pub landings: Landings,
    /// The consents.
    pub store: Store,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// Since when this process decides, by the steady clock; unset while it lists, or stands by.
    pub decides_since: OnceLock<Timestamp>,
    /// What the operator was started with.
    pub config: Config,
    /// What is next, when, and what for.
    pub scheduler: Arc<Scheduler>,
    /// Where namespaced accounts are woken: the queue of each watch, with the namespace it watches (`None`: all).
    pub account_wakers: Vec<(Option<String>, mpsc::Sender<ObjectRef<HeyGenAccount>>)>,
    /// Where cluster accounts are woken.
    pub cluster_account_waker: mpsc::Sender<ObjectRef<ClusterHeyGenAccount>>,
    /// Whether every watch has shown its first complete list.
    pub synced: watch::Receiver<bool>,
    /// Cancelled when the process is to end.
    pub stopping: CancellationToken,
    /// Whether this replica may act.
    pub leadership: Leadership,
    /// The labels of namespaces, as far as they were asked for, each with the time it was read.
    pub labels: Mutex<HashMap<String, (Duration, Labels)>>,
    /// What trouble was told already.
    pub complaints: Arc<Complaints>,
    /// The objects that cannot be decoded.
    pub undecodables: Arc<Undecodables>,
    /// The history of the consents' versions.
    pub consent_history: History,
}

type Labels = Arc<BTreeMap<String, String>>;

impl Context {
    /// Waits until every watch has shown its first complete list and this replica leads, or the process is to end.
    ///
    /// Before that neither the owner of a group is known, nor which accounts exist.
    pub async fn wait_until_it_may_decide(&self) {
        let mut synced = self.synced.clone();
        let may_decide = async {
            let _ = synced.wait_for(|synced| *synced).await;
            self.leadership.won().await;
        };
        self.stopping.run_until_cancelled(may_decide).await;
    }

    /// Waits until this replica leads, or the process is to end.
    pub async fn wait_until_it_leads(&self) {
        self.stopping.run_until_cancelled(self.leadership.won()).await;
    }

    /// Whether anything may be begun: the process is not to end, and this replica leads.
    #[must_use]
    pub fn may_act(&self) -> bool {
        !self.stopping.is_cancelled() && self.leadership.holds()
    }

    /// Whether what was answered may be recorded, also by a process that is to end: it is the only copy of a link.
    #[must_use]
    pub fn may_finish(&self) -> bool {
        self.leadership.holds()
    }

    /// Whether the account serves the consent's namespace; `None` while it is not known what the account serves.
    ///
    /// A consent that claims the same group and is not served stands behind: so the owner's namespace is read as well.
    ///
    /// # Errors
    /// When the namespace's labels are needed and cannot be read.
    pub async fn serves(&self, key: &AccountKey, consent: &DigitalTwinConsent) -> Result<Option<bool>, kubernetes::Error> {
        let (Some(allowed), Some(uid)) = (self.accounts.allowed(key), uid::uid(consent)) else { return Ok(None) };
        let served = self.serves_namespace(allowed.as_deref(), consent.namespace().unwrap_or_default()).await?;
        self.wake_consents(self.store.note_served(uid, served));
        let mut seen = BTreeSet::new();
        while let Some((owner, namespace)) = self.store.other_owner(uid)
            && seen.insert(owner)
        {
            // What cannot be read now stays as it was known: its trouble is its own.
            let Ok(served) = self.serves_namespace(allowed.as_deref(), namespace).await else { break };
            self.wake_consents(self.store.note_served(owner, served));
        }
        Ok(Some(served))
    }

    /// Whether an account serves any of the namespaces that are watched: one that serves none is another operator's.
    pub async fn is_ours(&self, allowed: Option<&AllowedNamespaces>) -> bool {
        for namespace in &self.config.watch_namespaces {
            // Labels that cannot be read rule nothing out.
            if self.serves_namespace(allowed, namespace.clone()).await.unwrap_or(true) {
                return true;
            }
        }
        self.config.watch_namespaces.is_empty()
    }

    async fn serves_namespace(&self, allowed: Option<&AllowedNamespaces>, namespace: String) -> Result<bool, kubernetes::Error> {
        let Some(allowed) = allowed else { return Ok(true) };
        if allowed.names.as_ref().is_some_and(|names| names.contains(&namespace)) {
            return Ok(true);
        }
        let Some(selector) = &allowed.selector else { return Ok(false) };
        Ok(account::selects(selector, &*self.labels_of(namespace).await?))
    }

    async fn labels_of(&self, namespace: String) -> Result<Labels, kubernetes::Error> {
        let now = clock::monotonic();
        let known = self.labels.lock().unwrap_or_else(PoisonError::into_inner).get(&namespace).cloned();
        if let Some((read_at, labels)) = known
            && now.saturating_sub(read_at) < LABELS_STAY_FRESH
        {
            return Ok(labels);
        }
        let labels = Arc::new(self.cluster.namespace_labels(&namespace).await?);
        let mut all = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, (read_at, _)| now.saturating_sub(*read_at) < LABELS_STAY_FRESH);
        all.insert(namespace, (now, labels.clone()));
        Ok(labels)
    }

    /// Lets an account be reconciled at once. A full queue may drop the wake-up: the account comes round by itself.
    pub fn wake_account(&self, key: &AccountKey) {
        let Some(namespace) = key.namespace.as_deref().filter(|_| key.kind == AccountKind::HeyGenAccount) else {
            let _ = self.cluster_account_waker.try_send(ObjectRef::new(&key.name));
            return;
        };
        for (watched, queue) in &self.account_wakers {
            if watched.as_deref().is_none_or(|watched| watched == namespace) {
                let _ = queue.try_send(ObjectRef::new(&key.name).within(namespace));
            }
        }
    }

    /// Lets every consent of an account be decided anew.
    pub fn wake_consents_of(&self, key: &AccountKey) {
        self.wake_consents(self.store.of_account(key));
    }

    /// Lets these consents be decided anew.
    ///
    /// A process that stands by, perhaps for weeks, has nothing to do: all are decided when its time has come.
    pub fn wake_consents(&self, consents: impl IntoIterator<Item = Uid>) {
        if self.decides_since.get().is_some() {
            self.scheduler.with(|schedule, _| schedule.wake(consents));
        }
    }

    /// Lets a consent be decided that has changed.
    pub fn consent_changed(&self, consent: Uid) {
        if self.decides_since.get().is_some() {
            self.scheduler.with(|schedule, _| schedule.change(consent));
        }
    }

    /// Begins to decide, with all consents.
    pub fn begin_to_decide(&self) {
        // In this order: what changes in between is to be decided twice, which is once.
        self.decides_since.get_or_init(clock::steady);
        self.wake_consents(self.store.all());
    }

    /// What the metrics tell of the accounts and consents there are; nothing while another replica leads, which tells it.
    #[must_use]
    pub fn population(&self) -> Population {
        if !self.leadership.holds() {
            return Population::default();
        }
        let names = self.accounts.names();
        let mut sinks: BTreeMap<Option<(AccountKey, String)>, SinkFigures> = BTreeMap::new();
        for (account, sink, figures) in self.notifications.figures() {
            *sinks.entry(names.contains(&account).then_some((account, sink))).or_default() += figures;
        }
        let (followed_groups, waiting_requests) = self.scheduler.with(|schedule, _| schedule.census());
        let consents = self.store.tally(|account| names.get(account).cloned());
        Population { accounts: self.accounts.shown(), consents, sinks, followed_groups, waiting_requests }
    }

    /// Gives a consent that is shown for the first time its place in the schedule.
    pub fn expect(&self, uid: Uid, consent: &DigitalTwinConsent) {
        let namespace = consent.metadata.namespace.as_deref().unwrap_or_default();
        self.scheduler.with(|schedule, _| schedule.add(uid, &AccountKey::of(consent), namespace, &consent.spec.group_id));
    }

    /// Learns from what came of a call with an account's key.
    pub fn learn(&self, key: &AccountKey, usable: &Usable, outcome: &Outcome) {
        if self.accounts.learn(key, usable, outcome) {
            self.wake_account(key);
        }
    }

    /// Notes in the audit log that a consent was deleted. Best effort: nothing waits for it, and no replica knows what is deleted while none leads.
    pub fn note_deleted(&self, consent: &DigitalTwinConsent) {
        let is_heard = self.audit_log.is_kept() || self.notifications.has_sinks(&AccountKey::of(consent));
        // By a selector, what has lost a label is shown as what was deleted is.
        if is_heard && self.leadership.holds() && self.config.watch_label_selector.is_none() {
            let wall = clock::wall();
            let event = audit::deleted(consent, wall.now());
            self.audit_log.write_later(&[event.line()]);
            self.notify(consent, &[event], wall);
        }
    }

    /// Hands events of a consent that were recorded now to the sinks of its account, if that serves it.
    pub fn notify(&self, consent: &DigitalTwinConsent, events: &[Event], wall: Wall) {
        let account = AccountKey::of(consent);
        if events.is_empty() || !self.notifications.has_sinks(&account) {
            return;
        }
        // One that is deleted before it was decided: by the account's spec, as far as that alone tells.
        let by_spec = || match self.notifications.allowed(&account) {
            Some(Some(allowed)) => allowed.names.as_ref().is_some_and(|names| names.contains(&consent.namespace().unwrap_or_default())),
            Some(None) => true,
            None => false,
        };
        if let Some(uid) = uid::uid(consent).filter(|uid| self.store.is_known_to_be_served(*uid).unwrap_or_else(by_spec)) {
            let notices: Vec<Notice> = events.iter().map(|event| Notice::of(event, wall.now())).collect();
            self.notifications.push(&account, uid, &notices, link_of(consent).as_ref(), wall);
        }
    }

    /// Keeps events of a consent whose status could not be written as far as is known, for it may have been.
    pub fn doubt(&self, consent: &DigitalTwinConsent, events: Vec<Event>) {
        if let Some(uid) = uid::uid(consent).filter(|_| self.notifications.has_sinks(&AccountKey::of(consent))) {
            self.notifications.doubt(uid, events);
        }
    }

    /// Hands events that were in doubt to the sinks, now that a consent is shown as it is.
    pub fn notify_of_doubtful(&self, uid: Uid, consent: &DigitalTwinConsent, wall: Wall) {
        self.notify(consent, &self.notifications.written_after_all(uid, consent), wall);
    }

    /// Hands the last event of each consent of these accounts to their sinks once more, if it is so young that the process which made it
    /// may have ended before it was delivered. Not of namespaces that the account does not serve, or of which that cannot be read now: what users
    /// of such a namespace write into a status would be sent for the account.
    pub async fn notify_again(&self, accounts: Vec<AccountKey>) {
        for account in accounts {
            let Some(allowed) = self.notifications.allowed(&account) else { continue };
            let mut served = HashMap::new();
            let wall = clock::wall();
            let mut young = Vec::new();
            for (number, uid) in (1..).zip(self.store.of_account(&account)) {
                young.extend(self.store.copy(uid).and_then(|consent| Notice::last_if_young(&consent, wall.now())).zip(Some(uid)));
                if number % COPIES_AT_ONCE == 0 {
                    tokio::task::yield_now().await;
                }
            }
            for (number, uid) in (1..).zip(youngest_first(young)) {
                let again = self.store.copy(uid).and_then(|consent| Some((Notice::again(&consent, wall.now())?, consent)));
                let Some((notice, consent)) = again else { continue };
                let namespace = consent.namespace().unwrap_or_default();
                let is_served = match served.get(&namespace) {
                    Some(known) => *known,
                    None => self.serves_namespace(allowed.as_deref(), namespace.clone()).await.unwrap_or(false),
                };
                served.insert(namespace, is_served);
                if is_served {
                    self.notifications.push_again(&account, uid, notice, link_of(&consent).as_ref(), wall);
                }
                if number % COPIES_AT_ONCE == 0 {
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    /// Forgets a consent that is gone, and wakes those that may ask for its group now.
    pub fn forget(&self, consent: Uid) {
        self.scheduler.with(|schedule, _| schedule.remove(consent));
        self.notifications.no_doubt(consent);
        let copy = self.store.copy(consent).filter(|_| self.landings.is_kept());
        let moved = self.store.forget(consent);
        copy.inspect(|copy| self.landings.forget(copy));
        self.wake_consents(moved);
    }
}

/// The link that stands in the status, and when it stops working. None of a consent whose link goes into a Secret.
fn link_of(consent: &DigitalTwinConsent) -> Option<LinkUntil> {
    let status = consent.status.as_ref().filter(|_| consent.spec.link_secret_ref.is_none())?;
    Some((Link::new(status.url.clone()?), status.link_expiration_time.as_ref().map(|time| time.0)))
}
