//! The world of one test.

#![allow(dead_code, reason = "several test binaries include this, and none uses all of it")]

// With their paths, because other test binaries include this file from other folders.
#[path = "support/bystander.rs"]
pub mod bystander;
#[path = "../support/exposition.rs"]
mod exposition;
#[path = "support/leaks.rs"]
pub mod leaks;
#[path = "support/leaves.rs"]
pub mod leaves;
#[path = "support/operator.rs"]
pub mod operator;
#[path = "support/scene.rs"]
pub mod scene;

use std::fmt::Debug;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use controlplane::{Patience, patience};
use heygen_simulator::{AccountDefinition, Control, MAIN_ACCOUNT, Settings, Simulator};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt as _};
use serde_json::{Value, json};
use tempfile::TempDir;
use twinconsent_core::api::account::{ClusterHeyGenAccount, HeyGenAccount};
use twinconsent_core::api::consent::DigitalTwinConsent;

pub use operator::Operator;
#[allow(unused_imports, reason = "several test binaries include this, and one plays no scenes")]
pub use scene::Scene;

/// How long anything that must happen may stand still, on a machine that is busy with other tests.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// How long something may stand still that concerns hundreds, or that a probe has to find out which may be a minute away.
pub const LONG: Duration = Duration::from_secs(120);

/// The pause between two checks.
const PAUSE: Duration = Duration::from_millis(100);

/// The namespace of the operators and of the cluster accounts' Secrets.
pub const OPERATOR_NAMESPACE: &str = "twinconsent-system";

/// The control plane, with the definitions applied.
static CONTROL_PLANE: LazyLock<&'static controlplane::ControlPlane> =
    LazyLock::new(|| prepared(controlplane::shared().unwrap_or_else(|error| panic!("no control plane: {error}"))));

/// A control plane with the definitions applied and a namespace for the operators.
pub fn prepared(plane: &'static controlplane::ControlPlane) -> &'static controlplane::ControlPlane {
    for (_, yaml) in twinconsent_core::api::crd_files().unwrap() {
        plane.apply(&yaml).unwrap();
    }
    plane.kubectl_ok(&["create", "namespace", OPERATOR_NAMESPACE]).unwrap();
    until_established(plane);
    plane
}

/// Waits until the API server serves every kind that it has a definition of.
pub fn until_established(plane: &controlplane::ControlPlane) {
    let wait = ["wait", "--for=condition=Established", "crd", "--all", "--timeout=1s"];
    let established = patience::until(DEADLINE, PAUSE, || plane.kubectl_ok(&wait).map_err(|error| error.to_string()));
    established.unwrap_or_else(|given_up| panic!("the definitions are not established: {given_up}"));
}

/// The world of one test: a namespace, an account with a key of its own, and a simulated HeyGen.
pub struct World {
    /// Kubernetes.
    pub client: Client,
    /// The control plane: the shared one, unless the test does something to it.
    pub plane: &'static controlplane::ControlPlane,
    /// The namespace of the test, which is also the name of its account and of the account's Secret.
    pub namespace: String,
    /// The key that the simulator accepts.
    pub key: String,
    /// HeyGen, as the test moves it.
    pub simulator: Control,
    /// Where the simulator listens.
    pub base_url: String,
    /// Where its operators log: the logs outlive the processes, however those end, and are searched with everything else.
    pub logs: TempDir,
    server: Simulator,
}

impl World {
    /// A world whose account polls pending consents every second, at a rate that delays nothing.
    pub async fn start(name: &str) -> Self {
        let account = json!({
            "rateLimit": { "requestsPerMinute": 60000, "burst": 1000 },
            "polling": { "interval": "1s", "minimum": "1s", "approved": "1s", "unknown": "1s" },
        });
        Self::with_account(name, account).await
    }

    /// A world whose account (a namespaced one) has these fields besides its key.
    pub async fn with_account(name: &str, account: Value) -> Self {
        let world = Self::without_account(name).await;
        world.secret(&world.namespace, &world.namespace, &world.key).await;
        world.account(account).await;
        world
    }

    /// A world in which no account is set up yet.
    pub async fn without_account(name: &str) -> Self {
        Self::on(plane(), name).await
    }

    /// A world without an account on a control plane of the test's own.
    pub async fn on(plane: &'static controlplane::ControlPlane, name: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let namespace = format!("{name}-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let client = client(plane).await;
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let new: Namespace =
            serde_json::from_value(json!({ "metadata": { "name": namespace, "labels": { "world": namespace } } })).unwrap();
        namespaces.create(&PostParams::default(), &new).await.unwrap();
        let key = format!("hg_secret_{namespace}_5d1f0c");
        let settings = Settings { accounts: vec![AccountDefinition::new(MAIN_ACCOUNT, &key)], ..Settings::default() };
        let server = Simulator::start(settings).await.unwrap();
        let (simulator, base_url) = (server.control(), server.base_url().to_owned());
        let logs = TempDir::new().unwrap();
        Self { client, plane, namespace, key, simulator, base_url, logs, server }
    }

    /// Creates the namespaced account, or replaces the fields given.
    pub async fn account(&self, mut spec: Value) {
        spec["apiKeySecretRef"] = json!({ "name": self.namespace, "key": "key" });
        let account = json!({ "apiVersion": "twinconsent.io/v1alpha1", "kind": "HeyGenAccount", "metadata": { "name": self.namespace }, "spec": spec });
        let api: Api<HeyGenAccount> = Api::namespaced(self.client.clone(), &self.namespace);
        api.patch(&self.namespace, &PatchParams::apply("test").force(), &Patch::Apply(&account)).await.unwrap();
    }

    /// Creates the cluster account of the world's name, with these fields besides its key, whose Secret it creates as well.
    pub async fn cluster_account(&self, mut spec: Value) {
        self.secret(OPERATOR_NAMESPACE, &self.namespace, &self.key).await;
        spec["apiKeySecretRef"] = json!({ "name": self.namespace, "key": "key" });
        let account = json!({ "apiVersion": "twinconsent.io/v1alpha1", "kind": "ClusterHeyGenAccount", "metadata": { "name": self.namespace }, "spec": spec });
        let api: Api<ClusterHeyGenAccount> = Api::all(self.client.clone());
        api.patch(&self.namespace, &PatchParams::apply("test").force(), &Patch::Apply(&account)).await.unwrap();
    }

    /// Creates or replaces a Secret with a key.
    pub async fn secret(&self, namespace: &str, name: &str, key: &str) {
        let secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name }, "stringData": { "key": key } });
        self.secrets(namespace).patch(name, &PatchParams::apply("test").force(), &Patch::Apply(&secret)).await.unwrap();
    }

    /// The Secrets of a namespace.
    pub fn secrets(&self, namespace: &str) -> Api<Secret> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// The consents of the world.
    pub fn consents(&self) -> Api<DigitalTwinConsent> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Starts an operator for this world's namespace and waits until it is ready.
    pub async fn operator(&self, arguments: &[&str]) -> Operator {
        let operator = Operator::start(self, arguments);
        operator.until_ready().await;
        operator
    }

    /// Creates a consent that uses the world's account, unless its spec names another.
    pub async fn consent(&self, name: &str, spec: Value) -> DigitalTwinConsent {
        self.try_consent(name, spec).await.unwrap()
    }

    /// Tries to create a consent.
    pub async fn try_consent(&self, name: &str, mut spec: Value) -> kube::Result<DigitalTwinConsent> {
        if spec.get("accountRef").is_none() {
            spec["accountRef"] = json!({ "kind": "HeyGenAccount", "name": self.namespace });
        }
        let new =
            json!({ "apiVersion": "twinconsent.io/v1alpha1", "kind": "DigitalTwinConsent", "metadata": { "name": name }, "spec": spec });
        self.consents().create(&PostParams::default(), &serde_json::from_value(new).unwrap()).await
    }

    /// Changes a consent's spec by a merge patch.
    pub async fn change(&self, name: &str, spec: Value) -> DigitalTwinConsent {
        self.consents().patch(name, &PatchParams::default(), &Patch::Merge(json!({ "spec": spec }))).await.unwrap()
    }

    /// Asks for a poll by the annotation; `value` must be new.
    pub async fn force(&self, name: &str, value: &str) {
        let patch = json!({ "metadata": { "annotations": { twinconsent_core::api::REQUESTED_AT: value } } });
        self.consents().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    /// Overwrites a consent's status by a merge patch, as a time machine; no operator must be running.
    pub async fn rewrite_status(&self, name: &str, status: Value) {
        self.consents().patch_status(name, &PatchParams::default(), &Patch::Merge(json!({ "status": status }))).await.unwrap();
    }

    /// Deletes a consent.
    pub async fn delete(&self, name: &str) {
        self.consents().delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// Waits until `Ready` of a consent has this reason.
    pub async fn until(&self, name: &str, reason: &str) -> DigitalTwinConsent {
        self.until_it(name, reason, |consent| condition(consent, "Ready").is_some_and(|(_, was)| was == reason)).await
    }

    /// Waits until something holds of a consent.
    pub async fn until_it(&self, name: &str, what: &str, holds: impl Fn(&DigitalTwinConsent) -> bool) -> DigitalTwinConsent {
        self.time_until_it(name, what, holds).await.0
    }

    /// The same, and how long it took, apart from the machine's speed.
    pub async fn time_until_it(
        &self,
        name: &str,
        what: &str,
        holds: impl Fn(&DigitalTwinConsent) -> bool,
    ) -> (DigitalTwinConsent, Duration) {
        let api = self.consents();
        timed(DEADLINE, what, || async {
            let consent = api.get(name).await.map_err(|error| error.to_string())?;
            if holds(&consent) { Ok(consent) } else { Err(format!("{:#}", redacted(&consent))) }
        })
        .await
    }

    /// Waits until the world's namespaced account has this reason. Returns how long that took, apart from the machine's speed.
    pub async fn until_account(&self, reason: &str) -> Duration {
        self.time_until_other_account(&self.namespace, reason).await.1
    }

    /// Ends the operators gracefully and searches everything written for the world's keys and links, also by those killed before.
    pub async fn end(self, operators: impl IntoIterator<Item = Operator>) {
        let mut sinks = leaks::Sinks::default();
        for operator in operators {
            let metrics = operator.metrics().await.unwrap_or_default();
            exposition::is_documented(&metrics);
            sinks.add("metrics", metrics);
            // Not of all: the operator looks for each among all, since people ask seldom.
            let some = self.consents().list_metadata(&ListParams::default().limit(50)).await.unwrap();
            for explained in operator.explain_all(&self.namespace, some.iter().map(|consent| consent.name_any())).await {
                sinks.add("explanations", explained);
            }
            operator.terminate().await;
        }
        sinks.collect(&self).await;
        let found = sinks.search(&leaks::secrets_of(&self));
        assert!(found.is_empty(), "leaked: {found:?}");
        self.server.stop().await;
    }
}

/// A client for a control plane, as its administrator.
pub async fn client(plane: &controlplane::ControlPlane) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let kubeconfig = kube::config::Kubeconfig::read_from(plane.kubeconfig()).unwrap();
    let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &kube::config::KubeConfigOptions::default()).await.unwrap();
    // That of this machine leads elsewhere.
    config.proxy_url = None;
    Client::try_from(config).unwrap()
}

/// The shared control plane.
pub fn plane() -> &'static controlplane::ControlPlane {
    *CONTROL_PLANE
}

/// Status and reason of a condition.
pub fn condition(consent: &DigitalTwinConsent, type_: &str) -> Option<(String, String)> {
    let condition = consent.status.as_ref()?.conditions.iter().find(|condition| condition.type_ == type_)?;
    Some((condition.status.clone(), condition.reason.clone()))
}

/// Tries until it succeeds, as long as it does not stand still for [`DEADLINE`], and else tells the last failure.
pub async fn eventually<T, E: Debug, F: Future<Output = Result<T, E>>>(what: &str, attempt: impl FnMut() -> F) -> T {
    eventually_within(DEADLINE, what, attempt).await
}

/// Tries until it succeeds, as long as it does not stand still for `deadline`, and else tells the last failure.
///
/// A slow machine is no failure: what has failed in a way that was not seen before has moved on, and has its time anew ([`Patience`]).
pub async fn eventually_within<T, E: Debug, F: Future<Output = Result<T, E>>>(
    deadline: Duration,
    what: &str,
    attempt: impl FnMut() -> F,
) -> T {
    timed(deadline, what, attempt).await.0
}

/// The same, and how long it took, apart from the machine's speed: what a test may assert of seconds.
pub async fn timed<T, E: Debug, F: Future<Output = Result<T, E>>>(
    deadline: Duration,
    what: &str,
    mut attempt: impl FnMut() -> F,
) -> (T, Duration) {
    let mut patience = Patience::of(deadline, PAUSE);
    loop {
        let error = match attempt().await {
            Ok(value) => return (value, patience.spent()),
            Err(error) => format!("{error:?}"),
        };
        if let Err(given_up) = patience.sees(&error) {
            panic!("{given_up}: {what}; last: {error}");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn redacted(consent: &DigitalTwinConsent) -> Value {
    let mut shown = json!({ "name": consent.name_any(), "status": consent.status });
    if shown["status"]["url"].is_string() {
        shown["status"]["url"] = json!("[redacted]");
    }
    shown
}
