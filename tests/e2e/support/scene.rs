//! A world with an operator in it, and a witness of everything that the operator tells about its consents.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use heygen_simulator::{AccountDefinition, FaultAction, FaultRule, GroupDefinition, ListTrouble, PathKind, RecordedRequest};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::events::v1::Event;
use kube::ResourceExt as _;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use kube::runtime::watcher;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use twinconsent_core::api::account::{ClusterHeyGenAccount, HeyGenAccount};
use twinconsent_core::api::consent::DigitalTwinConsent;

use super::{LONG, Operator, World, eventually};

pub const AWAITING: &str = "Ready=False:AwaitingApproval Initiated=True Approved=False";
pub const APPROVED: &str = "Ready=True:Approved Initiated=True Approved=True";
pub const INITIATING: &str = "Ready=False:Initiating Initiated=False Approved=False Reconciling";
pub const BEGUN: &str = "Ready=False:ConsentAlreadyBegun Initiated=False Approved=False Stalled";
pub const NOT_ENTITLED: &str = "Ready=False:NotEntitled Initiated=False Approved=False Stalled";

/// How many more polls prove that an object is left alone.
const POLLS_WITHOUT_A_WRITE: u64 = 3;

/// An account that polls everything every second.
pub fn every_second() -> Value {
    json!({
        "rateLimit": { "requestsPerMinute": 60000, "burst": 1000 },
        "polling": { "interval": "1s", "minimum": "1s", "approved": "1s", "unknown": "1s" },
    })
}

/// A world with an operator and a witness.
pub struct Scene {
    // Before the world, whose folder holds the log that it shows when a test fails.
    operator: Operator,
    world: World,
    witness: Witness,
}

impl Deref for Scene {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl Scene {
    /// A world whose account polls every second, and an operator for it.
    pub async fn start(name: &str) -> Self {
        Self::of(World::start(name).await, &[]).await
    }

    /// An operator with these arguments in a world that is set up already.
    pub async fn of(world: World, arguments: &[&str]) -> Self {
        let witness = Witness::of(world.consents()).await;
        let operator = world.operator(arguments).await;
        Self { world, operator, witness }
    }

    /// An operator that logs in with this kubeconfig.
    pub async fn logged_in_with(world: World, kubeconfig: &str) -> Self {
        let witness = Witness::of(world.consents()).await;
        let operator = Operator::start_as(&world, kubeconfig, &[]);
        operator.until_ready().await;
        Self { world, operator, witness }
    }

    /// The operator.
    pub fn operator(&self) -> &Operator {
        &self.operator
    }

    /// Ends the operator, lets the world change meanwhile, and starts another.
    pub async fn restart(self, meanwhile: impl AsyncFnOnce(&World)) -> Self {
        let Self { world, operator, witness } = self;
        operator.terminate().await;
        meanwhile(&world).await;
        let operator = world.operator(&[]).await;
        Self { world, operator, witness }
    }

    /// Creates a digital twin at HeyGen, and a consent of the same name that asks for it.
    pub async fn ask(&self, name: &str, spec: Value) {
        self.simulator.create_group(GroupDefinition::twin(name)).unwrap();
        self.ask_again(name, spec).await;
    }

    /// Creates a consent for a group of the same name that exists already, or does not exist.
    pub async fn ask_again(&self, name: &str, mut spec: Value) {
        spec["groupID"] = json!(name);
        self.consent(name, spec).await;
    }

    /// Waits until a consent's conditions read like this, all of them.
    pub async fn until_reading(&self, name: &str, expected: &str) -> DigitalTwinConsent {
        self.until_it(name, expected, |consent| reading(consent) == expected && is_observed(consent)).await
    }

    /// Waits until HeyGen was asked about these groups several times more, and sees that none of the consents was touched.
    pub async fn left_alone(&self, names: &[&str]) {
        let mut before = Vec::new();
        for name in names {
            before.push((self.consents().get(name).await.unwrap().resource_version(), self.reads(name)));
        }
        for (name, (version, reads)) in names.iter().zip(before) {
            self.until_read(name, reads + POLLS_WITHOUT_A_WRITE).await;
            let after = self.consents().get(name).await.unwrap();
            assert_eq!(after.resource_version(), version, "{name} was written although nothing had changed: {}", reading(&after));
        }
    }

    /// The links that these consents show.
    pub async fn links(&self, names: &[&str]) -> Vec<Option<String>> {
        let mut links = Vec::new();
        for name in names {
            links.push(link(&self.consents().get(name).await.unwrap()));
        }
        links
    }

    /// The consent requests for a group, in order.
    pub fn posts(&self, group: &str) -> Vec<RecordedRequest> {
        let requests = self.simulator.requests_since(0).into_iter();
        requests.filter(|request| request.kind == PathKind::Consent && request.group.as_deref() == Some(group)).collect()
    }

    /// How many consent requests HeyGen executed for a group.
    pub fn executed(&self, group: &str) -> u64 {
        self.simulator.group_summary(group).executed
    }

    /// The reasons of the events about an object, in order of time.
    pub async fn events(&self, name: &str) -> Vec<String> {
        let events: Api<Event> = Api::namespaced(self.client.clone(), &self.namespace);
        let mut events = events.list(&ListParams::default()).await.unwrap().items;
        events.retain(|event| event.regarding.as_ref().and_then(|about| about.name.as_deref()) == Some(name));
        events.sort_by_key(|event| event.event_time.as_ref().map(|time| time.0));
        events.into_iter().filter_map(|event| event.reason).collect()
    }

    /// Waits until the events about an object have these reasons.
    pub async fn until_events(&self, name: &str, expected: &[&str]) {
        eventually("the events are written", || async {
            let events = self.events(name).await;
            if events == expected { Ok(()) } else { Err(format!("{events:?}")) }
        })
        .await;
    }

    /// What the witness saw of a consent up to what it is now, oldest first; the first is the object as it was created.
    pub async fn versions(&self, name: &str) -> Vec<DigitalTwinConsent> {
        let now = self.consents().get(name).await.unwrap().resource_version();
        eventually("the witness saw the consent as it is", || async {
            let mut versions = self.witness.versions().remove(name).unwrap_or_default();
            // It may have seen even more meanwhile.
            let seen = versions.iter().position(|version| version.resource_version() == now).ok_or(versions.len())?;
            versions.truncate(seen + 1);
            Ok::<_, usize>(versions)
        })
        .await
    }

    /// Ends the operator, and sees that it kept its promises in everything it wrote.
    pub async fn end(self) {
        let Self { world, operator, witness } = self;
        let links = super::leaks::secrets_of(&world);
        for versions in witness.versions().values() {
            versions.iter().for_each(|consent| keeps_the_rules(consent, &links));
        }
        witness.task.abort();
        world.end([operator]).await;
    }
}

/// Sees every version of every consent in a namespace.
struct Witness {
    seen: Arc<Mutex<BTreeMap<String, Vec<DigitalTwinConsent>>>>,
    task: JoinHandle<()>,
}

impl Witness {
    async fn of(consents: Api<DigitalTwinConsent>) -> Self {
        let seen = Arc::new(Mutex::new(BTreeMap::<String, Vec<DigitalTwinConsent>>::new()));
        let (begun, has_begun) = oneshot::channel();
        let (written, mut begun) = (seen.clone(), Some(begun));
        let task = tokio::spawn(async move {
            let mut events = watcher(consents, watcher::Config::default()).boxed();
            while let Some(event) = events.next().await {
                match event {
                    Ok(watcher::Event::InitDone) => drop(begun.take().map(|begun| begun.send(()))),
                    Ok(watcher::Event::Apply(consent) | watcher::Event::InitApply(consent)) => {
                        let mut seen = written.lock().unwrap_or_else(PoisonError::into_inner);
                        seen.entry(consent.name_any()).or_default().push(consent);
                    }
                    _ => {}
                }
            }
        });
        has_begun.await.unwrap();
        Self { seen, task }
    }

    fn versions(&self) -> BTreeMap<String, Vec<DigitalTwinConsent>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What holds of every version of every consent.
fn keeps_the_rules(consent: &DigitalTwinConsent, links: &[String]) {
    let shown = reading(consent);
    assert!(!(shown.contains("Reconciling") && shown.contains("Stalled")), "{shown}");
    assert!(consent.finalizers().is_empty(), "a finalizer: the deletion would wait for us");
    let status = consent.status.clone().unwrap_or_default();
    assert_eq!(status.conditions.is_empty(), status.observed_generation == Some(-1), "{shown}: {:?}", status.observed_generation);
    for condition in &status.conditions {
        assert_eq!(condition.observed_generation, status.observed_generation, "{shown}");
        assert!(!links.iter().any(|link| condition.message.contains(link.as_str())), "{shown}: a link in a message");
    }
}

fn is_observed(consent: &DigitalTwinConsent) -> bool {
    consent.status.as_ref().is_some_and(|status| status.observed_generation == consent.metadata.generation)
}

/// How many calls at this pace fit into so much time, with one more for the call at the beginning.
pub fn most_at(pace: Duration, elapsed: Duration) -> u64 {
    1 + (elapsed.as_secs_f64() / pace.as_secs_f64()).ceil() as u64
}

/// How many requests may arrive within a time: a burst, and at this rate those of that time; and those that were late, of which the
/// slowest request tells how late they can have been. Both ends of the time count.
pub fn most_within(time: Duration, burst: usize, per_second: usize, late: Duration) -> usize {
    burst + (per_second as f64 * (time + late).as_secs_f64()).ceil() as usize + 1
}

/// All conditions in one line: `Ready=False:ConsentRefused Initiated=True Approved=False Stalled`.
///
/// The three that always stand come with their status; of the others, which stand only while True, the name is enough.
pub fn reading(consent: &DigitalTwinConsent) -> String {
    let conditions = consent.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let shown = conditions.iter().filter(|condition| condition.type_ != "Permitted");
    let words = shown.map(|condition| match (condition.type_.as_str(), condition.status.as_str()) {
        ("Ready", status) => format!("Ready={status}:{}", condition.reason),
        (type_ @ ("Initiated" | "Approved"), status) => format!("{type_}={status}"),
        (type_, "True") => type_.to_owned(),
        (type_, status) => format!("{type_}={status}"),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Creates a consent of this name in whatever namespace.
pub async fn create(consents: &Api<DigitalTwinConsent>, name: &str, spec: &Value) {
    let new = json!({ "apiVersion": "twinconsent.io/v1alpha1", "kind": "DigitalTwinConsent", "metadata": { "name": name }, "spec": spec });
    consents.create(&PostParams::default(), &serde_json::from_value(new).unwrap()).await.unwrap();
}

/// Waits until the conditions of a consent in whatever namespace read like this.
pub async fn until_reading(consents: &Api<DigitalTwinConsent>, name: &str, expected: &str) -> DigitalTwinConsent {
    eventually(expected, || async {
        let consent = consents.get(name).await.map_err(|error| error.to_string())?;
        if reading(&consent) == expected { Ok(consent) } else { Err(format!("{name}: {}", reading(&consent))) }
    })
    .await
}

/// The message of `Ready`.
pub fn message(consent: &DigitalTwinConsent) -> String {
    let conditions = &consent.status.as_ref().unwrap().conditions;
    conditions.iter().find(|condition| condition.type_ == "Ready").unwrap().message.clone()
}

/// The link in the status.
pub fn link(consent: &DigitalTwinConsent) -> Option<String> {
    consent.status.as_ref()?.url.clone()
}

impl World {
    /// Creates another namespace beside the world's, and returns its name and its consents.
    pub async fn namespace_beside(&self, suffix: &str) -> (String, Api<DigitalTwinConsent>) {
        let name = format!("{}-{suffix}", self.namespace);
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let new = serde_json::from_value(json!({ "metadata": { "name": name } })).unwrap();
        namespaces.create(&PostParams::default(), &new).await.unwrap();
        let consents = Api::namespaced(self.client.clone(), &name);
        (name, consents)
    }

    /// How often the group was polled, alone or on a page of the list.
    pub fn reads(&self, group: &str) -> u64 {
        let summary = self.simulator.group_summary(group);
        summary.reads + summary.listed
    }

    /// Waits until the group was read so often.
    pub async fn until_read(&self, group: &str, reads: u64) {
        eventually("HeyGen is asked about the group", || async {
            let now = self.reads(group);
            if now >= reads { Ok(()) } else { Err(format!("{group}: {now} of {reads}")) }
        })
        .await;
    }

    /// Sets up an account with a key of its own, at HeyGen and in Kubernetes.
    pub async fn separate_account(&self, name: &str, spec: Value) {
        let key = format!("{}_{name}", self.key);
        self.simulator.create_account(AccountDefinition::new(name, &key)).unwrap();
        self.secret(&self.namespace, name, &key).await;
        self.other_account(name, spec).await;
    }

    /// Creates or changes another namespaced account, with the key `key` of the Secret of its name.
    pub async fn other_account(&self, name: &str, mut spec: Value) {
        spec["apiKeySecretRef"] = json!({ "name": name, "key": "key" });
        let account =
            json!({ "apiVersion": "twinconsent.io/v1alpha1", "kind": "HeyGenAccount", "metadata": { "name": name }, "spec": spec });
        self.accounts().patch(name, &PatchParams::apply("test").force(), &Patch::Apply(&account)).await.unwrap();
    }

    /// The namespaced accounts of the world.
    pub fn accounts(&self) -> Api<HeyGenAccount> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Status and message of the one condition of a namespaced account, once its reason is this one.
    pub async fn until_other_account(&self, name: &str, reason: &str) -> (String, String) {
        self.time_until_other_account(name, reason).await.0
    }

    /// The same, and how long it took, apart from the machine's speed.
    pub async fn time_until_other_account(&self, name: &str, reason: &str) -> ((String, String), Duration) {
        let api = self.accounts();
        super::timed(LONG, reason, || async {
            let status = api.get(name).await.map_err(|error| error.to_string())?.status.unwrap_or_default();
            match status.conditions.as_slice() {
                [ready] if ready.type_ == "Ready" && ready.reason == reason => Ok((ready.status.clone(), ready.message.clone())),
                _ => Err(format!("{name}: {status:?}")),
            }
        })
        .await
    }

    /// From now on a poll of the group gets this: no list shows it, and a single read is answered so.
    ///
    /// An answer to the single read alone would be no more than one of two: polls that are due together are made by the list.
    pub fn fails_to_read(&self, group: &str, action: FaultAction) {
        self.simulator.add_fault(FaultRule::new(action).on(PathKind::Group).group(group)).unwrap();
        self.leave_out_of_lists(group);
    }

    /// From now on no list shows the group, so that a poll of it is a single read.
    pub fn leave_out_of_lists(&self, group: &str) {
        let missing = ListTrouble::ItemMissing { group: group.to_owned() };
        self.simulator.add_fault(FaultRule::new(FaultAction::List(missing)).on(PathKind::List)).unwrap();
    }

    /// From now on a consent request for the group gets this.
    pub fn fails_to_ask(&self, group: &str, action: FaultAction) {
        self.simulator.add_fault(FaultRule::new(action).on(PathKind::Consent).group(group)).unwrap();
    }

    /// Removes the rules that name one of these groups; that lists leave them out goes on.
    pub fn mend(&self, groups: &[&str]) {
        for fault in self.simulator.faults() {
            if fault.rule.matcher.group.as_deref().is_some_and(|group| groups.contains(&group)) {
                self.simulator.remove_fault(fault.id).unwrap();
            }
        }
    }

    /// The number that the next request will have, or an earlier one.
    pub fn next_request(&self) -> u64 {
        self.simulator.requests_since(0).last().map_or(0, |last| last.sequence + 1)
    }

    /// What came with the key of a HeyGen account from this request on.
    pub fn requests_of(&self, account: &str, since: u64) -> Vec<RecordedRequest> {
        let requests = self.simulator.requests_since(since).into_iter();
        requests.filter(|request| request.account.as_deref() == Some(account)).collect()
    }

    /// Waits until the operator has taken in the cluster account as it is now. Returns how long that took, apart from the machine's speed.
    pub async fn until_cluster_account_is_observed(&self) -> Duration {
        let api: Api<ClusterHeyGenAccount> = Api::all(self.client.clone());
        super::timed(super::DEADLINE, "the account is observed", || async {
            let account = api.get(&self.namespace).await.map_err(|error| error.to_string())?;
            let observed = account.status.as_ref().and_then(|status| status.observed_generation);
            if observed == account.metadata.generation { Ok(()) } else { Err(format!("{observed:?}")) }
        })
        .await
        .1
    }
}
