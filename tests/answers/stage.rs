//! The stage of a row: its account, its group, its consent, and what is counted of them.

use std::ops::Deref;
use std::time::{Duration, Instant};

use heygen_simulator::{AccountDefinition, FaultAction, FaultRule, GroupDefinition, ListTrouble, PathKind, RecordedRequest};
use serde_json::{Value, json};
use twinconsent::api::consent::DigitalTwinConsent;

use crate::support::scene::{link, reading};
use crate::support::{Scene, World, eventually};

pub const AWAITING: &str = "Ready=False:AwaitingApproval Initiated=True Approved=False";
pub const APPROVED: &str = "Ready=True:Approved Initiated=True Approved=True";
pub const INITIATING: &str = "Ready=False:Initiating Initiated=False Approved=False Reconciling";

/// How often the accounts look at what waits for a person.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// How often the accounts look at what waits for somebody to mend something; the operator comes back after at least 0.9 of it.
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

/// How many calls at this pace fit into so much time, with one more for the call at the beginning.
pub fn most_at(pace: Duration, elapsed: Duration) -> u64 {
    1 + (elapsed.as_secs_f64() / pace.as_secs_f64()).ceil() as u64
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
        let key = format!("{}_{name}", self.key);
        self.simulator.create_account(AccountDefinition::new(name, &key)).unwrap();
        self.secret(&self.namespace, name, &key).await;
        self.other_account(name, spec()).await;
        self.until_other_account(name, "CredentialsAccepted").await;
    }

    /// A twin of that account, and a consent of the same name that asks for it.
    pub async fn ask_on(&self, account: &str, name: &str) {
        let group = GroupDefinition { account: Some(account.to_owned()), ..GroupDefinition::twin(name) };
        self.simulator.create_group(group).unwrap();
        self.ask_again(name, json!({ "accountRef": { "kind": "HeyGenAccount", "name": account } })).await;
    }

    /// From now on a look at the group gets this: no list shows it, and a single read is answered so.
    pub fn fails_to_read(&self, group: &str, action: FaultAction) {
        self.simulator.add_fault(FaultRule::new(action).on(PathKind::Group).group(group)).unwrap();
        let missing = ListTrouble::ItemMissing { group: group.to_owned() };
        self.simulator.add_fault(FaultRule::new(FaultAction::List(missing)).on(PathKind::List)).unwrap();
    }

    /// From now on a consent request for the group gets this.
    pub fn fails_to_ask(&self, group: &str, action: FaultAction) {
        self.simulator.add_fault(FaultRule::new(action).on(PathKind::Consent).group(group)).unwrap();
    }

    /// How often the operator saw the group, singly or in a list.
    pub fn looked(&self, group: &str) -> u64 {
        let summary = self.simulator.group_summary(group);
        summary.reads + summary.listed
    }

    /// Waits until the group was seen so often more, singly or in a list.
    pub async fn until_looked(&self, group: &str, more: u64) {
        let enough = self.looked(group) + more;
        eventually("the group is looked at", || async {
            let looked = self.looked(group);
            if looked >= enough { Ok(()) } else { Err(format!("{group}: {looked} of {enough}")) }
        })
        .await;
    }

    /// Waits until so many consent requests for the group have come.
    pub async fn until_posted(&self, group: &str, posts: usize) {
        eventually("requests are tried", || async {
            let tried = self.posts(group).len();
            if tried >= posts { Ok(()) } else { Err(format!("{group}: {tried} of {posts}")) }
        })
        .await;
    }

    /// What came with the key of a HeyGen account from this request on.
    pub fn requests_of(&self, account: &str, since: u64) -> Vec<RecordedRequest> {
        let requests = self.simulator.requests_since(since).into_iter();
        requests.filter(|request| request.account.as_deref() == Some(account)).collect()
    }

    /// The number of the next request.
    pub fn next_request(&self) -> u64 {
        self.simulator.requests_since(0).last().map_or(0, |last| last.sequence + 1)
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
    pub fn only_told(&self, name: &str, allowed: &[&str]) {
        for consent in self.versions(name) {
            let told = reading(&consent);
            assert!(told.is_empty() || allowed.contains(&told.as_str()), "{name} was told {told}");
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
