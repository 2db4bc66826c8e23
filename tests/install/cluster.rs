//! The cluster: a node of our own, or one that exists.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use controlplane::{Node, NodeOptions, Program, Tools, patience};
use serde_json::Value;

/// How long anything that must happen may stand still.
pub const DEADLINE: Duration = Duration::from_secs(90);

/// Where commands are run.
pub struct Cluster {
    /// `None`: an existing cluster, found by `KUBECONFIG`.
    node: Option<Node>,
    kubectl: PathBuf,
}

/// The cluster, for one test at a time. It ends with the process.
pub fn cluster() -> MutexGuard<'static, Cluster> {
    static CLUSTER: LazyLock<Mutex<Cluster>> = LazyLock::new(|| Mutex::new(Cluster::find()));
    // A test that failed leaves what the next one removes.
    CLUSTER.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cluster {
    fn find() -> Self {
        let kubectl = Tools::ensure(&[Program::Kubectl]).unwrap().path(Program::Kubectl).to_path_buf();
        if std::env::var_os("KUBECONFIG").is_some_and(|path| !path.is_empty()) {
            println!("using the cluster of KUBECONFIG; it must have the images");
            return Self { node: None, kubectl };
        }
        let began = Instant::now();
        let images = ["twinconsent-operator", "heygen-simulator"].map(|name| root().join(format!("dist/{name}.tar")));
        for image in &images {
            assert!(image.exists(), "{} is missing: run `make image`", image.display());
        }
        let options = NodeOptions { images: images.into(), audit_log: true, ..NodeOptions::default() };
        let node = Node::start(options).unwrap_or_else(|error| panic!("{error}"));
        println!("a node is ready after {:.1} s", began.elapsed().as_secs_f64());
        Self { node: Some(node), kubectl }
    }

    /// A program that finds the cluster.
    pub fn command(&self, program: &Path) -> Command {
        self.node.as_ref().map_or_else(|| Command::new(program), |node| node.command(program))
    }

    /// What kubectl prints.
    #[track_caller]
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        self.try_kubectl(arguments).unwrap_or_else(|error| panic!("kubectl {arguments:?}: {error}"))
    }

    /// What kubectl prints, or what it says of its failure.
    pub fn try_kubectl(&self, arguments: &[&str]) -> Result<String, String> {
        output(&mut self.kubectl_command(arguments), "")
    }

    /// `kubectl`, to be run with something to read.
    pub fn kubectl_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(&self.kubectl);
        command.args(arguments);
        command
    }

    /// An object or a list as JSON.
    pub fn get(&self, arguments: &[&str]) -> Result<Value, String> {
        let text = self.try_kubectl(&[&["get"], arguments, &["-o", "json"]].concat())?;
        serde_json::from_str(&text).map_err(|error| error.to_string())
    }

    /// What a person would look at first when pods do not become ready.
    pub fn diagnosis(&self) -> String {
        let of = |arguments: &[&str]| self.try_kubectl(arguments).unwrap_or_else(|error| error);
        let (pods, events) = (of(&["get", "pods", "-A", "-o", "wide"]), of(&["get", "events", "-A", "--sort-by=.lastTimestamp"]));
        let last = events.lines().rev().take(40).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n");
        let logs = self.get(&["pods", "-A", "-l", "app.kubernetes.io/name=twinconsent"]).map(|pods| {
            let pods = pods["items"].as_array().cloned().unwrap_or_default().into_iter();
            let name = |pod: &Value, field: &str| pod["metadata"][field].as_str().unwrap_or_default().to_owned();
            pods.map(|pod| of(&["-n", &name(&pod, "namespace"), "logs", &name(&pod, "name"), "--tail=20", "--prefix"])).collect::<String>()
        });
        format!("{pods}{last}\n{}", logs.unwrap_or_else(|error| error))
    }

    /// The node.
    ///
    /// # Panics
    /// With an existing cluster, whose network a test cannot enter.
    pub fn node(&self) -> &Node {
        self.node.as_ref().expect("this takes a node of the tests' own: unset KUBECONFIG")
    }

    /// Removes all that was ever installed of ours, with the namespaces, so that nothing is there but Kubernetes.
    pub fn clear(&self, namespaces: &[&str]) {
        self.node();
        let delete = |what: &[&str]| drop(self.kubectl(&[&["delete", "--ignore-not-found", "--timeout=90s"], what].concat()));
        delete(&[&["namespaces"], namespaces].concat());
        let definitions = ["digitaltwinconsents", "heygenaccounts", "clusterheygenaccounts"].map(|kind| format!("{kind}.twinconsent.io"));
        delete(&["customresourcedefinitions", &definitions[0], &definitions[1], &definitions[2]]);
        for kinds in ["clusterroles,clusterrolebindings", "roles,rolebindings"] {
            delete(&[kinds, "-n", "default", "-l", "app.kubernetes.io/name=twinconsent"]);
        }
    }

    /// Applies a manifest.
    #[track_caller]
    pub fn apply(&self, yaml: &str) {
        output(&mut self.kubectl_command(&["apply", "-f", "-"]), yaml).unwrap();
    }

    /// Applies a manifest with the rights of another user.
    pub fn apply_as(&self, user: &str, yaml: &str) -> Result<String, String> {
        output(&mut self.kubectl_command(&["--as", user, "apply", "-f", "-"]), yaml)
    }

    /// Kills a pod as a machine that fails does: no signal that it could hear, no time to leave.
    pub fn kill_pod(&self, namespace: &str, pod: &str, container: &str) {
        match &self.node {
            // The pod goes too, so that nothing but another pod can take over.
            Some(node) => {
                node.kill_container(namespace, pod, container).unwrap();
                self.kubectl(&["-n", namespace, "delete", "pod", pod, "--grace-period=0", "--force", "--wait=false"]);
            }
            // Nearly so: the kubelet of a cluster that is not ours still lets it hear SIGTERM.
            None => drop(self.kubectl(&["-n", namespace, "delete", "pod", pod, "--grace-period=0", "--force", "--wait=false"])),
        }
    }

    /// What the API server has refused a user since its log had so many lines, if it keeps one.
    pub fn refused(&self, user: &str, since: usize) -> Vec<String> {
        let log = self.audit_log();
        let entries = log.lines().skip(since).filter_map(|line| serde_json::from_str::<Value>(line).ok());
        entries
            .filter(|entry| entry["user"]["username"] == user && entry["responseStatus"]["code"] == 403)
            .map(|entry| format!("{} {}", entry["verb"], entry["requestURI"]))
            .collect()
    }

    /// The API server's log of requests and their users; empty if it keeps none.
    pub fn audit_log(&self) -> String {
        self.node.as_ref().and_then(Node::audit_log).map(|log| std::fs::read_to_string(log).unwrap()).unwrap_or_default()
    }
}

/// Runs a program with this input. Returns what it prints, or what it says of its failure.
pub fn output(command: &mut Command, input: &str) -> Result<String, String> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Small enough for the pipe, so that neither side waits for the other.
    let fed = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    // A program that failed before it read its input says why itself.
    if output.status.success() && fed.is_ok() { Ok(stdout.into_owned()) } else { Err(format!("{}: {stdout}{stderr}", output.status)) }
}

/// The top of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Tries until it succeeds, as long as it does not stand still for [`DEADLINE`], and else tells the last failure.
#[track_caller]
pub fn eventually<T>(what: &str, attempt: impl Fn() -> Result<T, String>) -> T {
    timed(what, attempt).0
}

/// The same, and how long it took, apart from the machine's speed.
#[track_caller]
pub fn timed<T>(what: &str, attempt: impl Fn() -> Result<T, String>) -> (T, Duration) {
    let done = patience::timed(DEADLINE, Duration::from_millis(200), attempt);
    done.unwrap_or_else(|given_up| panic!("{what}: {given_up}"))
}
