//! The operator's binary, as a process that a test starts, asks and ends.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use tempfile::TempDir;
use twinconsent::process::proxies::VARIABLES;

use super::{DEADLINE, World, eventually, eventually_within};

/// Asks operators. One for all tests, for it reads the certificates of the system; it keeps no connection, for each test has a runtime of
/// its own.
static PROBER: LazyLock<reqwest::Client> = LazyLock::new(|| {
    // Also in a test that makes no other connection.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).pool_max_idle_per_host(0).build().unwrap()
});

/// A running operator. Dropped without further ado, it is killed.
pub struct Operator {
    child: Child,
    log: PathBuf,
    /// What it prints on stdout.
    printed: PathBuf,
    _logs_of_its_own: Option<TempDir>,
    address: String,
}

impl Operator {
    /// Starts the binary for the world's namespace.
    pub fn start(world: &World, arguments: &[&str]) -> Self {
        Self::start_as(world, &world.plane.kubeconfig().display().to_string(), arguments)
    }

    /// Starts the binary for the world's namespace, logged in with this kubeconfig. An argument replaces the default of its flag.
    pub fn start_as(world: &World, kubeconfig: &str, arguments: &[&str]) -> Self {
        Self::start_in(world, kubeconfig, arguments, &[])
    }

    /// The same with these variables besides those of the test.
    pub fn start_in(world: &World, kubeconfig: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let namespace = format!("--watch-namespaces={}", world.namespace);
        let account = format!("--cluster-accounts={}", world.namespace);
        let base_url = format!("--heygen-base-url={}", world.base_url);
        let mut all = vec![
            namespace.as_str(),
            account.as_str(),
            base_url.as_str(),
            "--allow-insecure-base-url=true",
            "--log-filter=info,twinconsent=debug",
            "--leader-elect=false",
        ];
        all.retain(|default| !arguments.iter().any(|argument| argument.split('=').next() == default.split('=').next()));
        all.extend(arguments);
        let (_, log) = tempfile::Builder::new().suffix(".log").tempfile_in(world.logs.path()).unwrap().keep().unwrap();
        Self::spawn(kubeconfig, &all, environment, log)
    }

    /// Starts the binary with this kubeconfig and these arguments; its log ends with it.
    pub fn start_with(kubeconfig: &str, arguments: &[&str]) -> Self {
        let logs = TempDir::new().unwrap();
        let mut operator = Self::spawn(kubeconfig, arguments, &[], logs.path().join("operator.log"));
        operator._logs_of_its_own = Some(logs);
        operator
    }

    fn spawn(kubeconfig: &str, arguments: &[&str], environment: &[(&str, &str)], log: PathBuf) -> Self {
        let address = free_address();
        let printed = log.with_extension("stdout");
        let appended = |path| File::options().create(true).append(true).open(path).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_twinconsent-operator"));
        without_proxies(&mut command);
        let child = command
            .args(["run", "--listen", &address, "--debug-listen=127.0.0.1:0"])
            .args(arguments)
            .env("KUBECONFIG", kubeconfig)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(appended(&printed))
            .stderr(appended(&log))
            .spawn()
            .unwrap();
        Self { child, log, printed, _logs_of_its_own: None, address }
    }

    /// Waits until `/readyz` says yes.
    pub async fn until_ready(&self) {
        self.until_ready_within(DEADLINE).await;
    }

    /// The same, and while it lists all that is there it may stand still for so long.
    pub async fn until_ready_within(&self, deadline: Duration) {
        eventually_within(deadline, "the operator is ready", || async {
            match self.get("/readyz").await {
                Some((200, _)) => Ok(()),
                other => Err(format!("{other:?}; {}", self.log())),
            }
        })
        .await;
    }

    /// The address of a path of the operator's own server.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What a path of the operator's own server answers, if it answers.
    pub async fn get(&self, path: &str) -> Option<(u16, String)> {
        self.get_at(&self.url(path)).await
    }

    async fn get_at(&self, url: &str) -> Option<(u16, String)> {
        let answer = PROBER.get(url).send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.text().await.ok()?))
    }

    /// What the operator explains of an object, once it listens for that.
    pub async fn explain(&self, namespace: &str, name: &str) -> Option<(u16, String)> {
        self.get_at(&format!("{}/{namespace}/{name}", self.explains_at()?)).await
    }

    /// What it explains of many, as far as it does.
    pub async fn explain_all(&self, namespace: &str, names: impl IntoIterator<Item = String>) -> Vec<String> {
        let Some(at) = self.explains_at() else { return Vec::new() };
        let mut explained = Vec::new();
        for name in names {
            explained.extend(self.get_at(&format!("{at}/{namespace}/{name}")).await.map(|(_, text)| text));
        }
        explained
    }

    /// Where it explains consents, as its log says.
    fn explains_at(&self) -> Option<String> {
        let log = self.log();
        let shown = log.lines().find(|line| line.contains("decisions are explained at"))?;
        let address = shown.split_once("address").and_then(|(_, rest)| rest.split_once("127.0.0.1:"))?.1;
        let port: String = address.chars().take_while(char::is_ascii_digit).collect();
        Some(format!("http://127.0.0.1:{port}/debug/consents"))
    }

    /// The metrics, if the operator still answers.
    pub async fn metrics(&self) -> Option<String> {
        self.get("/metrics").await.map(|(_, text)| text)
    }

    /// The sum of a counter over all label sets that contain `labels`.
    pub async fn counter(&self, name: &str, labels: &str) -> f64 {
        let metrics = self.metrics().await.unwrap_or_default();
        let lines = metrics.lines().filter(|line| line.starts_with(name) && line.contains(labels));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// How late a request to HeyGen can have arrived at most: the slowest was answered within so much time.
    pub async fn slowest_request(&self) -> Duration {
        let metrics = self.metrics().await.unwrap();
        let value = |line: &str| line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok()).unwrap();
        let mut slowest = 0.0_f64;
        for count in metrics.lines().filter(|line| line.starts_with("twinconsent_heygen_request_duration_seconds_count")) {
            let operation = count.split_once('{').and_then(|(_, labels)| labels.split_once('}')).unwrap().0;
            let of_it = |line: &&str| line.starts_with("twinconsent_heygen_request_duration_seconds_bucket") && line.contains(operation);
            let full = metrics.lines().filter(of_it).filter(|line| value(line) >= value(count));
            let bounds = full.filter_map(|line| line.split_once("le=\"")?.1.split_once('"')?.0.parse::<f64>().ok());
            slowest = slowest.max(bounds.fold(f64::INFINITY, f64::min));
        }
        assert!(slowest > 0.0, "nothing was asked: {metrics}");
        Duration::from_secs_f64(slowest.min(60.0))
    }

    /// What the operator has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// What the operator has printed on stdout so far.
    pub fn printed(&self) -> String {
        std::fs::read_to_string(&self.printed).unwrap_or_default()
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills the process, as a crash would. Returns the log.
    pub fn kill(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.log()
    }

    /// Sends SIGTERM.
    pub fn signal_terminate(&self) {
        self.signal("TERM");
    }

    /// Sends a signal.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for the end of the process.
    pub async fn until_ended(&mut self) -> ExitStatus {
        let child = std::cell::RefCell::new(&mut self.child);
        eventually("the operator ends", || async { child.borrow_mut().try_wait().unwrap().ok_or("still running") }).await
    }

    /// Ends the process gracefully. Returns the log.
    pub async fn terminate(mut self) -> String {
        self.signal_terminate();
        let status = self.until_ended().await;
        assert!(status.success(), "{status}: {}", self.log());
        self.log()
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(40).collect();
            eprintln!("the operator's last lines:\n{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
        }
    }
}

/// A program that knows no proxy, whatever this machine has.
pub fn without_proxies(command: &mut Command) {
    for variable in VARIABLES {
        command.env_remove(variable);
    }
}

/// An address on loopback that is free, and is given to no other test.
pub fn free_address() -> String {
    format!("127.0.0.1:{}", controlplane::ports::reserve().unwrap())
}
