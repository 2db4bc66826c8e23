//! What a watch shows of the consents, and when: a watch, because reading 100,000 objects one by one would be the load that is measured.
//!
//! Of an object only its name, whether it has a link and whether it is ready are decoded, so that the bench leaves the processor to those
//! that it measures.

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::ensure;
use futures::StreamExt as _;
use kube::api::{Api, ObjectMeta};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Client, Resource};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use tokio_util::task::AbortOnDropHandle;
use twinconsent_core::api::consent::DigitalTwinConsent;

use crate::stage::NAMESPACE;

/// How often a wait tells how far it is.
pub const TELL: Duration = Duration::from_secs(10);

/// How long a wait goes on without anything happening: longer than HeyGen's budget can make the slowest round.
const PATIENCE: Duration = Duration::from_secs(900);

/// When things happened to each object, since the board was set up.
pub struct Board {
    began: Instant,
    times: Mutex<Vec<Times>>,
    linked: AtomicUsize,
    ready: AtomicUsize,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct Times {
    /// When its creation was asked for.
    pub asked: Option<Duration>,
    /// When the watch showed it with a link.
    pub linked: Option<Duration>,
    /// When the watch showed it ready.
    pub ready: Option<Duration>,
}

impl Board {
    /// A board, and the watch that writes on it until its handle is dropped.
    pub fn start(client: Client, objects: usize) -> (Arc<Self>, AbortOnDropHandle<()>) {
        let board = Arc::new(Self {
            began: Instant::now(),
            times: Mutex::new(vec![Times::default(); objects]),
            linked: AtomicUsize::new(0),
            ready: AtomicUsize::new(0),
        });
        let watch = AbortOnDropHandle::new(tokio::spawn(watch(client, Arc::clone(&board))));
        (board, watch)
    }

    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Notes that the creation of an object is asked for now.
    pub fn asked(&self, object: usize) {
        let now = self.now();
        self.lock()[object].asked = Some(now);
    }

    pub fn linked(&self) -> usize {
        self.linked.load(Ordering::Relaxed)
    }

    pub fn ready(&self) -> usize {
        self.ready.load(Ordering::Relaxed)
    }

    pub fn of(&self, object: usize) -> Times {
        self.lock()[object]
    }

    pub fn all(&self) -> Vec<Times> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Times>> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, seen: &Seen) {
        let now = self.now();
        let Some(object) = seen.metadata.name.as_deref().and_then(number) else { return };
        let mut all = self.lock();
        let Some(times) = all.get_mut(object) else { return };
        if seen.status.url.is_some() && times.linked.is_none() {
            times.linked = Some(now);
            self.linked.fetch_add(1, Ordering::Relaxed);
        }
        let is_ready = |condition: &SeenCondition| matches!(condition.kind, Kind::Ready) && matches!(condition.status, Truth::True);
        if times.ready.is_none() && seen.status.conditions.iter().any(is_ready) {
            times.ready = Some(now);
            self.ready.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The name of an object and of its group.
pub fn name(object: usize) -> String {
    format!("g{object:06}")
}

fn number(name: &str) -> Option<usize> {
    name.strip_prefix('g')?.parse().ok()
}

/// Waits until `count` has reached `wanted`, and tells how far it is.
pub async fn until(what: &str, wanted: usize, count: impl Fn() -> usize) -> anyhow::Result<()> {
    let began = Instant::now();
    let (mut last, mut moved, mut reported) = (count(), Instant::now(), Instant::now());
    loop {
        let now = count();
        if now >= wanted {
            return Ok(());
        }
        if now != last {
            (last, moved) = (now, Instant::now());
        }
        ensure!(moved.elapsed() < PATIENCE, "given up: {what}: {now} of {wanted}");
        if reported.elapsed() >= TELL {
            println!("    … {what}: {now} of {wanted} after {:.0} s", began.elapsed().as_secs_f64());
            reported = Instant::now();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn watch(client: Client, board: Arc<Board>) {
    let api: Api<Seen> = Api::namespaced(client, NAMESPACE);
    let mut shown = Box::pin(watcher::watcher(api, watcher::Config::default()).default_backoff().applied_objects());
    while let Some(seen) = shown.next().await {
        match seen {
            Ok(seen) => board.note(&seen),
            Err(error) => println!("    the bench's watch is disturbed: {error}"),
        }
    }
}

/// As much of a consent as is needed here.
#[derive(Debug, Clone, Deserialize)]
struct Seen {
    #[serde(deserialize_with = "name_and_version")]
    metadata: ObjectMeta,
    #[serde(default)]
    status: SeenStatus,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct SeenStatus {
    #[serde(default)]
    url: Option<IgnoredAny>,
    #[serde(default)]
    conditions: Vec<SeenCondition>,
}

#[derive(Debug, Clone, Deserialize)]
struct SeenCondition {
    #[serde(rename = "type")]
    kind: Kind,
    status: Truth,
}

#[derive(Debug, Clone, Deserialize)]
enum Kind {
    Ready,
    #[serde(other)]
    Another,
}

#[derive(Debug, Clone, Deserialize)]
enum Truth {
    True,
    #[serde(other)]
    NotTrue,
}

fn name_and_version<'de, D: Deserializer<'de>>(from: D) -> Result<ObjectMeta, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Kept {
        name: Option<String>,
        resource_version: Option<String>,
    }
    // A bookmark has no name.
    let Kept { name, resource_version } = Kept::deserialize(from)?;
    Ok(ObjectMeta { name, resource_version, ..ObjectMeta::default() })
}

impl Resource for Seen {
    type DynamicType = ();
    type Scope = <DigitalTwinConsent as Resource>::Scope;

    fn kind(dt: &()) -> Cow<'_, str> {
        DigitalTwinConsent::kind(dt)
    }

    fn group(dt: &()) -> Cow<'_, str> {
        DigitalTwinConsent::group(dt)
    }

    fn version(dt: &()) -> Cow<'_, str> {
        DigitalTwinConsent::version(dt)
    }

    fn plural(dt: &()) -> Cow<'_, str> {
        DigitalTwinConsent::plural(dt)
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
