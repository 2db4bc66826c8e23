//! A watch of all consents of a world, which remembers all that each object ever showed.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::StreamExt as _;
use kube::ResourceExt as _;
use kube::api::ListParams;
use kube::runtime::watcher::{self, Event};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use twinconsent_core::api::consent::{AuditMark, DigitalTwinConsent};

use crate::support::{LONG, World, eventually};

/// What an object has shown, in order.
pub type Shown = BTreeMap<String, Vec<Status>>;

/// One status, as far as the trail has to tell of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    pub conditions: Value,
    /// The last event that it names, if it is one of this very object.
    pub mark: Option<AuditMark>,
    /// Whether it was written for this object, and not brought along from another one.
    pub is_own: bool,
}

type Latest = watch::Sender<Option<Arc<DigitalTwinConsent>>>;

pub struct Witness {
    seen: Arc<Seen>,
    watching: JoinHandle<()>,
}

struct Seen {
    /// How many versions of objects.
    versions: AtomicUsize,
    /// How many statuses that say something else than the one before.
    statuses: AtomicUsize,
    /// Rings whenever there is one more.
    bell: watch::Sender<()>,
    latest: HashMap<String, Latest>,
    shown: std::sync::Mutex<Shown>,
}

impl Witness {
    /// Watches the consents of these names from now on.
    pub fn start(world: &World, names: &[String]) -> Self {
        let latest = names.iter().map(|name| (name.clone(), Latest::default())).collect();
        let seen = Arc::new(Seen {
            versions: AtomicUsize::new(0),
            statuses: AtomicUsize::new(0),
            bell: watch::Sender::default(),
            latest,
            shown: Default::default(),
        });
        let (noting, events) = (seen.clone(), watcher::watcher(world.consents(), watcher::Config::default()));
        let watching = tokio::spawn(events.for_each(move |event| {
            match event {
                Ok(Event::Apply(consent) | Event::InitApply(consent)) => noting.note(consent),
                Ok(Event::Delete(consent)) => drop(noting.latest[&consent.name_any()].send_replace(None)),
                Ok(Event::Init | Event::InitDone) | Err(_) => {}
            }
            std::future::ready(())
        }));
        Self { seen, watching }
    }

    /// How many versions of objects were seen.
    pub fn seen(&self) -> usize {
        self.seen.versions.load(Ordering::Relaxed)
    }

    /// How many statuses were seen that say something else than the one before.
    pub fn statuses(&self) -> usize {
        self.seen.statuses.load(Ordering::Relaxed)
    }

    /// The object of this name as it is, if it is there.
    pub fn latest(&self, name: &str) -> Option<Arc<DigitalTwinConsent>> {
        self.seen.latest[name].borrow().clone()
    }

    /// The last event of each object that is there.
    pub fn marks(&self) -> Vec<AuditMark> {
        let latest = self.seen.latest.values().filter_map(|latest| latest.borrow().clone());
        latest.filter_map(|latest| latest.status.as_ref()?.audit.clone()).collect()
    }

    /// Waits until this gives something, as long as something new is seen of any object within [`LONG`].
    pub async fn until<T>(&self, what: &str, holds: impl Fn(&Self) -> Option<T>) -> T {
        let mut bell = self.seen.bell.subscribe();
        loop {
            bell.mark_unchanged();
            if let Some(held) = holds(self) {
                return held;
            }
            assert!(tokio::time::timeout(LONG, bell.changed()).await.is_ok(), "standing still for {LONG:?}: {what}");
        }
    }

    /// Waits until something holds of the object of this name, as long as something new is seen of any object within [`LONG`].
    pub async fn until_it(&self, name: &str, what: &str, holds: impl Fn(&DigitalTwinConsent) -> bool) {
        let mut latest = self.seen.latest[name].subscribe();
        loop {
            let seen = self.seen();
            let holds = |latest: &Option<Arc<DigitalTwinConsent>>| latest.as_deref().is_some_and(&holds);
            if tokio::time::timeout(LONG, latest.wait_for(holds)).await.is_ok() {
                return;
            }
            assert!(self.seen() > seen, "standing still for {LONG:?}: {name}: {what}");
        }
    }

    /// What every object has shown, up to what it shows now that no operator runs.
    pub async fn end(self, world: &World) -> Shown {
        let last = world.consents().list(&ListParams::default()).await.unwrap().items;
        let version = |consent: &DigitalTwinConsent| consent.resource_version().unwrap();
        eventually("the watch has shown the last status of each", || async {
            let is_seen =
                |consent: &&DigitalTwinConsent| self.latest(&consent.name_any()).is_some_and(|latest| version(&latest) == version(consent));
            let seen = last.iter().filter(is_seen).count();
            if seen == last.len() { Ok(()) } else { Err(seen) }
        })
        .await;
        std::mem::take(&mut *self.seen.shown.lock().unwrap())
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

impl Seen {
    fn note(&self, consent: DigitalTwinConsent) {
        let uid = consent.uid().unwrap();
        if let Some(status) = consent.status.as_ref().filter(|status| !status.conditions.is_empty()) {
            let says = |condition: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition| {
                (condition.type_.clone(), json!({ "status": condition.status, "reason": condition.reason }))
            };
            let status = Status {
                conditions: status.conditions.iter().map(says).collect(),
                mark: status.audit.clone().filter(|mark| mark.object_uid == consent.metadata.uid),
                is_own: status.object_uid == consent.metadata.uid,
            };
            let mut shown = self.shown.lock().unwrap();
            let shown = shown.entry(uid).or_default();
            if shown.last() != Some(&status) {
                shown.push(status);
                self.statuses.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.latest[&consent.name_any()].send_replace(Some(Arc::new(consent)));
        self.versions.fetch_add(1, Ordering::Relaxed);
        self.bell.send_replace(());
    }
}
