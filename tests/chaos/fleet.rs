//! Many consents at once, and what became of their links.

use std::collections::HashMap;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use heygen_simulator::{BehaviourPatch, BulkGroups};
use kube::ResourceExt as _;
use kube::api::ListParams;
use kube::runtime::watcher::{self, Event};
use serde_json::json;
use tokio::sync::{Mutex, MutexGuard, watch};
use tokio::task::JoinHandle;
use twinconsent_core::api::consent::DigitalTwinConsent;

use crate::support::{DEADLINE, LONG, World, condition, eventually_within, timed};

/// A rate that delays nothing, at the intervals of a default account.
pub fn generous_account() -> serde_json::Value {
    json!({ "rateLimit": { "requestsPerMinute": 60000, "burst": 1000 } })
}

/// One mass at a time: two of them on a small machine would only measure each other.
pub async fn alone() -> MutexGuard<'static, ()> {
    static MACHINE: Mutex<()> = Mutex::const_new(());
    MACHINE.lock().await
}

/// Creates groups at HeyGen and returns their ids, which are also the names of their consents.
pub fn groups(world: &World, prefix: &str, count: usize) -> Vec<String> {
    let bulk = BulkGroups { account: None, prefix: prefix.to_owned(), count };
    assert_eq!(world.simulator.create_groups(&bulk), Ok(count));
    (0..count).map(|number| format!("{prefix}{number:06}")).collect()
}

/// Lets HeyGen answer after this time.
pub fn latency(world: &World, latency: Duration) {
    world.simulator.change_behaviour(BehaviourPatch { latency: Some(latency), ..BehaviourPatch::default() }).unwrap();
}

/// Creates the consents of these groups, as fast as the API server takes them.
pub async fn create(world: &World, names: &[String]) {
    stream::iter(names).for_each_concurrent(16, |name| async move { drop(world.consent(name, json!({ "groupID": name })).await) }).await;
}

/// Creates the consents of these groups, so many a second.
pub async fn create_at(world: &World, names: &[String], per_second: u32) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_second);
    for name in names {
        ticks.tick().await;
        world.consent(name, json!({ "groupID": name })).await;
    }
}

/// The resource version of every consent, by name.
pub async fn versions(world: &World) -> HashMap<String, String> {
    let consents = world.consents().list(&ListParams::default()).await.unwrap().items;
    consents.into_iter().map(|consent| (consent.name_any(), consent.resource_version().unwrap())).collect()
}

/// Waits until `Ready` of so many consents has this reason.
pub async fn until_all(world: &World, count: usize, reason: &str, deadline: Duration) {
    eventually_within(deadline, reason, || async {
        let consents = world.consents().list(&ListParams::default()).await.unwrap().items;
        let done = consents.iter().filter(|consent| condition(consent, "Ready").is_some_and(|(_, was)| was == reason)).count();
        if done >= count { Ok(()) } else { Err(format!("{done} of {count}")) }
    })
    .await;
}

/// Waits until HeyGen has received so many requests since the record was reset.
pub async fn until_requests(world: &World, count: u64, deadline: Duration) {
    eventually_within(deadline, "requests at HeyGen", || async {
        let requests = world.simulator.summary().requests;
        if requests >= count { Ok(()) } else { Err(requests) }
    })
    .await;
}

/// Waits until every group of these has been shown by a page of the list or read since the record was reset. Returns how long that took,
/// apart from the machine's speed.
pub async fn until_each_is_polled(world: &World, names: &[String]) -> Duration {
    timed(LONG, "each group is looked at", || async {
        let polled_at = |name: &&String| {
            let group = world.simulator.group_summary(name);
            group.reads + group.listed > 0
        };
        let missing = names.len() - names.iter().filter(polled_at).count();
        if missing == 0 { Ok(()) } else { Err(format!("{missing} were not")) }
    })
    .await
    .1
}

/// Asserts that each group had exactly one executed request and has one link, and that its consent shows that link.
pub async fn assert_one_link_each(world: &World, names: &[String]) {
    let consents = world.consents().list(&ListParams::default()).await.unwrap().items;
    let shown: HashMap<String, Option<String>> =
        consents.into_iter().map(|consent| (consent.name_any(), consent.status.and_then(|status| status.url))).collect();
    for name in names {
        let asked = world.simulator.group_summary(name);
        assert_eq!((asked.executed, asked.links), (1, 1), "executed requests and links of {name}; keys: {:?}", asked.keys);
        let link = &world.simulator.group(name).unwrap().links[0].url;
        assert!(shown[name].as_ref() == Some(link), "{name} shows another link than its own, or none");
    }
}

/// A watch of all consents of a world that writes down every link that an object ever showed.
pub struct LinkWatch {
    seen: watch::Receiver<Seen>,
    watching: JoinHandle<()>,
}

/// What was seen, by uid: a re-created object is another one.
pub type Seen = HashMap<String, Shown>;

/// What one object has shown.
#[derive(Debug, Clone)]
pub struct Shown {
    /// Its name.
    pub name: String,
    /// Its links in order, and every time there was none again.
    pub links: Vec<Option<String>>,
    /// Up to which version.
    version: u64,
}

impl LinkWatch {
    /// Watches from now on; what is there already counts as the first that is seen.
    pub fn start(world: &World) -> Self {
        let (noting, seen) = watch::channel(Seen::new());
        let events = watcher::watcher(world.consents(), watcher::Config::default());
        let watching = tokio::spawn(events.for_each(move |event| {
            if let Ok(Event::Apply(consent) | Event::InitApply(consent)) = event {
                noting.send_modify(|seen| note(seen, consent));
            }
            std::future::ready(())
        }));
        Self { seen, watching }
    }

    /// How many objects show a link.
    pub fn linked(&self) -> usize {
        linked(&self.seen.borrow())
    }

    /// Waits until so many objects show a link. `deadline` is for each of them: it begins anew whenever there is one more.
    pub async fn until_linked(&self, count: usize, deadline: Duration) {
        let mut seen = self.seen.clone();
        loop {
            let now = linked(&seen.borrow_and_update());
            if now >= count {
                return;
            }
            let moves = tokio::time::timeout(deadline, seen.wait_for(|seen| linked(seen) > now)).await.is_ok();
            assert!(moves, "standing still at {now} of {count} links for {deadline:?}");
        }
    }

    /// Waits until the object of this name shows a link. `deadline` begins anew whenever anything is seen of any object.
    pub async fn until_link_of(&self, name: &str, deadline: Duration) {
        let linked = |seen: &Seen| seen.values().any(|shown| shown.name == name && shown.links.last().is_some_and(Option::is_some));
        self.until(&format!("a link of {name}"), deadline, linked).await;
    }

    /// Waits until something holds of what was seen, as long as something new is seen within `deadline`.
    async fn until(&self, what: &str, deadline: Duration, holds: impl Fn(&Seen) -> bool) {
        let mut seen = self.seen.clone();
        while !holds(&seen.borrow_and_update()) {
            let moves = tokio::time::timeout(deadline, seen.changed()).await.is_ok();
            assert!(moves, "standing still for {deadline:?}: {what}");
        }
    }

    /// The links that an object has shown up to the version at hand.
    pub async fn links_of(&self, consent: &DigitalTwinConsent) -> Vec<String> {
        let (uid, version) = (consent.uid().unwrap(), version(consent));
        let caught_up = |seen: &Seen| seen.get(&uid).is_some_and(|shown| shown.version >= version);
        self.until("what an object has shown", DEADLINE, caught_up).await;
        self.seen.borrow()[&uid].links.iter().flatten().cloned().collect()
    }

    /// The names of the objects whose link was replaced or taken away.
    pub fn replaced(&self) -> Vec<String> {
        let replaced = |shown: &&Shown| shown.links.iter().skip_while(|link| link.is_none()).count() > 1;
        self.seen.borrow().values().filter(replaced).map(|shown| shown.name.clone()).collect()
    }
}

impl Drop for LinkWatch {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

fn linked(seen: &Seen) -> usize {
    seen.values().filter(|shown| shown.links.last().is_some_and(Option::is_some)).count()
}

fn note(seen: &mut Seen, consent: DigitalTwinConsent) {
    let (uid, name, version) = (consent.uid().unwrap(), consent.name_any(), version(&consent));
    let link = consent.status.and_then(|status| status.url);
    let shown = seen.entry(uid).or_insert_with(|| Shown { name, links: Vec::new(), version });
    shown.version = version;
    if shown.links.last() != Some(&link) {
        shown.links.push(link);
    }
}

fn version(consent: &DigitalTwinConsent) -> u64 {
    consent.resource_version().unwrap().parse().unwrap()
}
