//! A control plane with an account and its key, and an operator that is told of a HeyGen.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use heygen_simulator::DEMO_API_KEY;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, Config};
use serde_json::{Value, json};
use twinconsent_core::api::account::ClusterHeyGenAccount;
use twinconsent_core::api::consent::DigitalTwinConsent;

use crate::process::Process;

/// The namespace that the operator watches; also the name of the account and of its Secret.
pub const NAMESPACE: &str = "measured";

/// Where the raw writes go; no operator watches it.
pub const UNWATCHED: &str = "unwatched";

/// The program that is measured, in the environment: another build of the operator, to compare the two by the same bench.
const OPERATOR: &str = "TWINCONSENT_BENCH_OPERATOR";

/// Another build of the operator to be measured alternately with this one, in the environment.
const OTHER: &str = "TWINCONSENT_BENCH_OTHER";

/// What signs for the sinks.
const SIGNING: &str = "whsec_MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA=";

/// How long the operator may take to be ready before the run is given up.
const PATIENCE: Duration = Duration::from_secs(600);

/// Everything but the operator and HeyGen.
pub struct Stage {
    pub client: Client,
    pub plane: controlplane::ControlPlane,
    /// Made once: it reads every certificate of the system, which takes as long as a start.
    http: reqwest::Client,
    /// Where the operator finds HeyGen.
    heygen: String,
    /// The sinks of the account.
    notifications: Vec<Value>,
}

impl Stage {
    /// With a HeyGen at this base URL.
    pub async fn set(heygen: &str) -> anyhow::Result<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let plane = tokio::task::spawn_blocking(|| controlplane::ControlPlane::start(controlplane::Options::default())).await??;
        for (_, yaml) in twinconsent_core::api::crd_files()? {
            plane.apply(&yaml)?;
        }
        plane.kubectl_ok(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"])?;
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()?;
        let stage =
            Self { client: Client::try_from(config(&plane).await?)?, plane, http, heygen: heygen.to_owned(), notifications: Vec::new() };
        stage.namespace(NAMESPACE).await?;
        stage.namespace(UNWATCHED).await?;
        let secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": NAMESPACE }, "stringData": { "key": DEMO_API_KEY, "signing": SIGNING } });
        let secrets: Api<Secret> = Api::namespaced(stage.client.clone(), NAMESPACE);
        secrets.patch(NAMESPACE, &PatchParams::apply("bench"), &Patch::Apply(secret)).await?;
        Ok(stage)
    }

    async fn namespace(&self, name: &str) -> anyhow::Result<()> {
        let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
        Api::<Namespace>::all(self.client.clone()).patch(name, &PatchParams::apply("bench"), &Patch::Apply(namespace)).await?;
        Ok(())
    }

    /// Creates the account, or replaces what it says besides its key.
    pub async fn account(&self, mut spec: Value) -> anyhow::Result<()> {
        spec["apiKeySecretRef"] = json!({ "name": NAMESPACE, "key": "key" });
        spec["notifications"] = json!(self.notifications);
        let account = json!({ "apiVersion": "twinconsent.io/v1alpha1", "kind": "ClusterHeyGenAccount", "metadata": { "name": NAMESPACE }, "spec": spec });
        let api: Api<ClusterHeyGenAccount> = Api::all(self.client.clone());
        api.patch(NAMESPACE, &PatchParams::apply("bench").force(), &Patch::Apply(account)).await?;
        Ok(())
    }

    /// Lets the account have one more sink.
    pub fn sink(&mut self, name: &str, url: &str) {
        let secret = json!({ "name": NAMESPACE, "key": "signing" });
        self.notifications.push(json!({ "name": name, "url": url, "signingSecretRef": secret }));
    }

    pub fn consents(&self, namespace: &str) -> Api<DigitalTwinConsent> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// A client of the API server that has no connection yet.
    pub async fn new_client(&self) -> anyhow::Result<Client> {
        Ok(Client::try_from(config(&self.plane).await?)?)
    }

    /// Starts an operator.
    pub fn start(&self, program: &Path, arguments: &[&str]) -> anyhow::Result<Operator> {
        let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let child = Command::new(program)
            .args(["run", "--listen", &address, "--watch-namespaces", NAMESPACE, "--operator-namespace", NAMESPACE, "--log-filter", "warn"])
            .args(["--heygen-base-url", &self.heygen, "--allow-insecure-base-url"])
            .args(arguments)
            .env("KUBECONFIG", self.plane.kubeconfig())
            // No flag: another build may not know it.
            .env("TWINCONSENT_DEBUG_LISTEN", "127.0.0.1:0")
            .stdin(Stdio::null())
            .spawn()
            .context("cannot start the operator")?;
        Ok(Operator { child, address, http: self.http.clone(), ready_after: Duration::ZERO })
    }

    /// Starts the operator and waits until it is ready.
    pub async fn operator(&self) -> anyhow::Result<Operator> {
        self.ready(&program()).await
    }

    /// Starts this build of the operator and waits until it is ready.
    pub async fn ready(&self, program: &Path) -> anyhow::Result<Operator> {
        let began = Instant::now();
        let mut operator = self.start(program, &["--leader-elect=false"])?;
        while operator.page("/readyz").await.is_none() {
            if let Some(status) = operator.child.try_wait()? {
                bail!("the operator ended by itself: {status}");
            }
            ensure!(began.elapsed() < PATIENCE, "given up: the operator is not ready");
            // To a percent: asking all the time would take the processor from what is measured.
            tokio::time::sleep((began.elapsed() / 100).max(Duration::from_millis(2))).await;
        }
        operator.ready_after = began.elapsed();
        Ok(operator)
    }
}

/// The program that is measured.
pub fn program() -> PathBuf {
    std::env::var_os(OPERATOR).map_or_else(|| env!("CARGO_BIN_EXE_twinconsent-operator").into(), PathBuf::from)
}

/// The program that is measured, and the other build if one is named.
pub fn programs() -> Vec<(&'static str, PathBuf)> {
    let other = std::env::var_os(OTHER).map(|path| ("the other build", PathBuf::from(path)));
    [("the operator", program())].into_iter().chain(other).collect()
}

async fn config(plane: &controlplane::ControlPlane) -> anyhow::Result<Config> {
    let kubeconfig = kube::config::Kubeconfig::read_from(plane.kubeconfig())?;
    Ok(Config::from_custom_kubeconfig(kubeconfig, &kube::config::KubeConfigOptions::default()).await?)
}

/// A consent of the bench's account.
pub fn consent(name: &str) -> anyhow::Result<DigitalTwinConsent> {
    Ok(serde_json::from_value(json!({
        "apiVersion": "twinconsent.io/v1alpha1", "kind": "DigitalTwinConsent", "metadata": { "name": name },
        "spec": { "groupID": name, "accountRef": { "kind": "ClusterHeyGenAccount", "name": NAMESPACE } },
    }))?)
}

/// A running operator; killed when dropped.
pub struct Operator {
    child: Child,
    address: String,
    http: reqwest::Client,
    /// From the start of the process until `/readyz` said yes.
    pub ready_after: Duration,
}

impl Operator {
    async fn page(&self, path: &str) -> Option<String> {
        let answer = self.http.get(format!("http://{}{path}", self.address)).send().await.ok()?;
        if answer.status().is_success() { answer.text().await.ok() } else { None }
    }

    /// The sum of a counter over the label sets that contain all of `labels`.
    async fn counter(&self, name: &str, labels: &[&str]) -> anyhow::Result<u64> {
        let page = self.page("/metrics").await.context("no metrics")?;
        let lines = page.lines().filter(|line| line.starts_with(name) && labels.iter().all(|label| line.contains(label)));
        Ok(lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum())
    }

    /// How many status writes on consents have succeeded.
    pub async fn status_writes(&self) -> anyhow::Result<u64> {
        self.counter("twinconsent_status_writes_total", &["DigitalTwinConsent", "written"]).await
    }

    /// How many reconciles of consents there were.
    pub async fn reconciles(&self) -> anyhow::Result<u64> {
        self.counter("twinconsent_reconciles_total", &["DigitalTwinConsent"]).await
    }

    pub fn process(&self) -> Process {
        Process(self.child.id())
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
