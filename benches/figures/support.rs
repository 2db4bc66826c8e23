//! A control plane, a simulated HeyGen, an operator, and what the system tells about it.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use heygen_simulator::{DEMO_API_KEY, Simulator};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, Config};
use serde_json::{Value, json};
use twinconsent::api::account::HeyGenAccount;
use twinconsent::api::consent::DigitalTwinConsent;

/// The namespace that the operator watches; also the name of the account and of its Secret.
pub const NAMESPACE: &str = "measured";

/// Clock ticks a second in `/proc/…/stat`: 100 on every Linux of today.
const TICKS: f64 = 100.0;

/// How long anything may take before the run is given up.
const PATIENCE: Duration = Duration::from_secs(1800);

/// Everything but the operator.
pub struct Stage {
    pub client: Client,
    pub simulator: Simulator,
    /// Where the operator finds HeyGen: that simulator, unless [`Stage::set_with`] was told of another.
    pub heygen: String,
    pub plane: controlplane::ControlPlane,
}

impl Stage {
    pub async fn set() -> anyhow::Result<Self> {
        Self::set_with(None).await
    }

    /// With a HeyGen at this base URL.
    pub async fn set_with(heygen: Option<String>) -> anyhow::Result<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let plane = tokio::task::spawn_blocking(|| controlplane::ControlPlane::start(controlplane::Options::default())).await??;
        for (_, yaml) in twinconsent::api::crd_files()? {
            plane.apply(&yaml)?;
        }
        plane.kubectl_ok(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"])?;
        let simulator = Simulator::start(heygen_simulator::Settings::default()).await?;
        let kubeconfig = kube::config::Kubeconfig::read_from(plane.kubeconfig())?;
        let config = Config::from_custom_kubeconfig(kubeconfig, &kube::config::KubeConfigOptions::default()).await?;
        let stage =
            Self { client: Client::try_from(config)?, heygen: heygen.unwrap_or_else(|| simulator.base_url().to_owned()), simulator, plane };
        stage.namespace(NAMESPACE).await?;
        let secret =
            json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": NAMESPACE }, "stringData": { "key": DEMO_API_KEY } });
        let secrets: Api<Secret> = Api::namespaced(stage.client.clone(), NAMESPACE);
        secrets.patch(NAMESPACE, &PatchParams::apply("bench"), &Patch::Apply(secret)).await?;
        Ok(stage)
    }

    pub async fn namespace(&self, name: &str) -> anyhow::Result<()> {
        let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
        Api::<Namespace>::all(self.client.clone()).patch(name, &PatchParams::apply("bench"), &Patch::Apply(namespace)).await?;
        Ok(())
    }

    /// Creates the account, or replaces what it says besides its key.
    pub async fn account(&self, mut spec: Value) -> anyhow::Result<()> {
        spec["apiKeySecretRef"] = json!({ "name": NAMESPACE, "key": "key" });
        let account =
            json!({ "apiVersion": "twinconsent.io/v1alpha1", "kind": "HeyGenAccount", "metadata": { "name": NAMESPACE }, "spec": spec });
        let api: Api<HeyGenAccount> = Api::namespaced(self.client.clone(), NAMESPACE);
        api.patch(NAMESPACE, &PatchParams::apply("bench").force(), &Patch::Apply(account)).await?;
        Ok(())
    }

    pub fn consents(&self, namespace: &str) -> Api<DigitalTwinConsent> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Starts the operator and waits until it is ready.
    pub async fn operator(&self) -> anyhow::Result<Operator> {
        let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let http = reqwest::Client::builder().no_proxy().build()?;
        let began = Instant::now();
        let child = Command::new(env!("CARGO_BIN_EXE_twinconsent-operator"))
            .args(["run", "--listen", &address, "--watch-namespaces", NAMESPACE, "--log-filter", "warn"])
            .args(["--heygen-base-url", &self.heygen, "--allow-insecure-base-url"])
            .env("KUBECONFIG", self.plane.kubeconfig())
            .stdin(Stdio::null())
            .spawn()
            .context("cannot start the operator")?;
        let mut operator = Operator { child, address, http, ready_after: Duration::ZERO };
        operator.until("the operator is ready", async |operator| Ok(operator.page("/readyz").await.is_some())).await?;
        operator.ready_after = began.elapsed();
        Ok(operator)
    }
}

/// A consent of the bench's account.
pub fn consent(name: &str) -> anyhow::Result<DigitalTwinConsent> {
    Ok(serde_json::from_value(json!({
        "apiVersion": "twinconsent.io/v1alpha1", "kind": "DigitalTwinConsent", "metadata": { "name": name },
        "spec": { "groupID": name, "accountRef": { "kind": "HeyGenAccount", "name": NAMESPACE } },
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
    pub async fn counter(&self, name: &str, labels: &[&str]) -> anyhow::Result<f64> {
        let page = self.page("/metrics").await.context("no metrics")?;
        let lines = page.lines().filter(|line| line.starts_with(name) && labels.iter().all(|label| line.contains(label)));
        Ok(lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).fold(0.0, |sum, value| sum + value))
    }

    /// How many status writes on consents have succeeded.
    pub async fn status_writes(&self) -> anyhow::Result<f64> {
        self.counter("twinconsent_status_writes_total", &["DigitalTwinConsent", "ritten"]).await
    }

    /// Waits until something holds.
    pub async fn until(&self, what: &str, holds: impl AsyncFn(&Self) -> anyhow::Result<bool>) -> anyhow::Result<()> {
        let began = Instant::now();
        while !holds(self).await? {
            if began.elapsed() > PATIENCE {
                bail!("given up: {what}");
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }

    /// Resident memory now and at its highest, in MiB.
    pub fn memory(&self) -> anyhow::Result<(f64, f64)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kibibytes = line.and_then(|rest| rest.trim_matches([':', ' ', '\t', 'k', 'B']).parse::<f64>().ok());
            kibibytes.map(|kibibytes| kibibytes / 1024.0).with_context(|| format!("no {name} in /proc"))
        };
        Ok((field("VmRSS")?, field("VmHWM")?))
    }

    /// Processor time used so far.
    pub fn processor_time(&self) -> anyhow::Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name, in parentheses, may contain anything; user and system time are the 12th and 13th field after it.
        let rest = stat.rsplit(')').next().unwrap_or_default();
        let ticks: f64 = rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
        Ok(Duration::from_secs_f64(ticks / TICKS))
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Median and 95th percentile, in milliseconds.
pub struct Spread {
    pub median: f64,
    pub p95: f64,
}

impl Spread {
    pub fn of(mut samples: Vec<Duration>) -> Self {
        samples.sort_unstable();
        let at = |part: usize| samples.get(samples.len() * part / 100).map_or(f64::NAN, |sample| sample.as_secs_f64() * 1000.0);
        Self { median: at(50), p95: at(95) }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:6.1} ms median, {:6.1} ms p95", self.median, self.p95)
    }
}
