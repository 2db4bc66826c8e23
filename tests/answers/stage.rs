//! The stage of a row: its account, its group, its consent, and what is counted of them.

use std::ops::Deref;
use std::time::{Duration, Instant};

use heygen_simulator::GroupDefinition;
use serde_json::{Value, json};
use twinconsent_core::api::consent::DigitalTwinConsent;

use crate::support::scene::{link, most_at, reading};
use crate::support::{Scene, World, eventually};

/// How often the accounts poll what waits for a person.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// How often the accounts poll what waits until it is mended; the operator comes back after at least 0.9 of it.
pub const SLOW: Duration = Duration::from_secs(5);

/// An account of the tests.
pub fn spec() -> Value {
    json!({
        "rateLimit": { "requestsPerMinute": 60000, "burst": 1000 },
        "polling": { "interval": "1s", "minimum": "1s", "approved": "1s", "unknown": "5s" },
    })
}

/// How many tries fit into so much time when each pause is at least three quarters of the backoff, 1 s, 2 s, 4 s and so on up to
/// five minutes; one more for the try at the beginning.
pub fn most_tries(elapsed: Duration) -> u64 {
    let (mut tries, mut left, mut pause) = (1, elapsed.as_secs_f64(), 0.75);
    while left >= pause {
        left -= pause;
        tries += 1;
        pause = f64::min(pause * 2.0, 225.0);
    }
    tries
}

/// When counting began.
pub struct Since {
    time: Duration,
    request: u64,
}

/// A scene with a clock.
pub struct Stage {
    scene: Scene,
    began: Instant,
}

impl Deref for Stage {
    type Target = Scene;

    fn deref(&self) -> &Scene {
        &self.scene
    }
}

impl Stage {
    pub async fn start(name: &str) -> Self {
        Self::with_account(name, spec()).await
    }

    /// With an account that has these fields.
    pub async fn with_account(name: &str, spec: Value) -> Self {
        let scene = Scene::of(World::with_account(name, spec).await, &[]).await;
        scene.until_account("CredentialsAccepted").await;
        Self { scene, began: Instant::now() }
    }

    /// The time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// A HeyGen account with a key of its own, and the account object of the same name for it.
    pub async fn account_of_its_own(&self, name: &str) {
        self.separate_account(name, spec()).await;
        self.until_other_account(name, "CredentialsAccepted").await;
    }

    /// A twin of that account, and a consent of the same name that asks for it.
    pub async fn ask_on(&self, account: &str, name: &str) {
        let group = GroupDefinition { account: Some(account.to_owned()), ..GroupDefinition::twin(name) };
        self.simulator.create_group(group).unwrap();
        self.ask_again(name, json!({ "accountRef": { "kind": "HeyGenAccount", "name": account } })).await;
    }

    /// Waits until the group was seen so often more, singly or in a list.
    pub async fn until_polled(&self, group: &str, more: u64) {
        self.until_read(group, self.reads(group) + more).await;
    }

    /// Waits until so many consent requests for the group have come.
    pub async fn until_posted(&self, group: &str, posts: usize) {
        eventually("requests are tried", || async {
            let tried = self.posts(group).len();
            if tried >= posts { Ok(()) } else { Err(format!("{group}: {tried} of {posts}")) }
        })
        .await;
    }

    /// Waits for one more consent request for the group, and sees that those from number `first` on come at the slow pace.
    pub async fn is_asked_for_slowly(&self, group: &str, first: usize) {
        self.until_posted(group, self.posts(group).len().max(first + 1) + 1).await;
        let times: Vec<u64> = self.posts(group).iter().skip(first).map(|post| post.real_ms).collect();
        for pair in times.windows(2) {
            let pause = Duration::from_millis(pair[1] - pair[0]);
            assert!(pause >= SLOW.mul_f64(0.88), "{group}: asked again after {pause:?}: {times:?}");
        }
    }

    /// From now on it is counted how often HeyGen is asked.
    pub fn count(&self) -> Since {
        Since { time: self.elapsed(), request: self.next_request() }
    }

    /// So many tries for one group are no more than are allowed in the time since then, and neither is all that came with the key of
    /// this HeyGen account.
    pub fn is_patient(&self, account: &str, since: &Since, tries: u64, allowed: impl Fn(Duration) -> u64) {
        let all = self.requests_of(account, since.request).len() as u64;
        let elapsed = self.elapsed() - since.time;
        let most = allowed(elapsed);
        assert!(tries <= most, "{account}: {tries} tries for a group within {elapsed:?}, {most} are allowed");
        // Two groups at the most, a scan of the list a second, and the account's probes.
        let most = 2 * most + 2 * most_at(INTERVAL, elapsed);
        assert!(all <= most, "{account}: {all} requests within {elapsed:?}, {most} are allowed");
    }

    /// The consent was asked for once, under one key, and shows the one link that HeyGen gave out.
    pub async fn has_its_only_link(&self, name: &str) {
        let summary = self.simulator.group_summary(name);
        assert_eq!((summary.executed, summary.links, summary.keys.len()), (1, 1, 1), "{name}: executed, links, keys");
        let links = self.simulator.group(name).unwrap().links;
        let shown = link(&self.consents().get(name).await.unwrap());
        assert!(shown == Some(links[0].url.clone()), "{name}: the status does not show the link that HeyGen gave out");
    }

    /// No version of the consent ever read otherwise than one of these.
    pub async fn only_readings(&self, name: &str, allowed: &[&str]) {
        for consent in self.versions(name).await {
            let reported = reading(&consent);
            assert!(reported.is_empty() || allowed.contains(&reported.as_str()), "{name} was told {reported}");
        }
    }

    pub async fn version(&self, name: &str) -> Option<String> {
        self.get(name).await.metadata.resource_version
    }

    pub async fn get(&self, name: &str) -> DigitalTwinConsent {
        self.consents().get(name).await.unwrap()
    }

    pub async fn end(self) {
        self.scene.end().await;
    }
}
