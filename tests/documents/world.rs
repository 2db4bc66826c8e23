//! What stands around the blocks of a document: a cluster, the operator, HeyGen, a person, and the files of the repository.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use controlplane::{ControlPlane, Options, Program, Tools, patience};
use heygen_simulator::{AccountDefinition, Control, GroupDefinition, MAIN_ACCOUNT, Settings, Simulator};
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::kubelet;
use crate::pages;
use crate::plugin;
use crate::shell::Shell;
use crate::support::{self, Operator};

const KEY: &str = "hg_secret_of_the_documents";

/// How long anything that must happen may stand still.
const DEADLINE: Duration = Duration::from_secs(120);

const PAUSE: Duration = Duration::from_millis(100);

/// The account of a cluster that is set up: it polls faster than any other, because blocks wait for what it sees.
const ACCOUNT: &str = "apiVersion: twinconsent.io/v1alpha1
kind: ClusterHeyGenAccount
metadata: {name: default}
spec:
  apiKeySecretRef: {name: heygen, key: apiKey}
  polling: {interval: 1s, minimum: 1s, approved: 1s, unknown: 1s}
";

/// The folders of the repository that the blocks use.
const FOLDERS: [&str; 4] = ["charts", "crds", "deploy", "examples"];

/// kubectl. Nothing runs in the pods, so the log of the operator's pod is what the operator beside the cluster has written.
const KUBECTL: &str = r#"#!/bin/sh
case "$*" in
"-n twinconsent-system logs deployment/twinconsent"*) exec cat "$HOME/twinconsent/audit.log" ;;
esac
exec KUBECTL "$@"
"#;

/// Everything; the cluster is started for the first block that needs one.
pub struct World<'a> {
    home: TempDir,
    new_cluster: Option<&'a [String]>,
    groups: &'a BTreeSet<String>,
    handle: &'a Handle,
    cluster: Option<Cluster>,
    blocks: usize,
}

/// In the order in which they end.
pub struct Cluster {
    shell: Shell,
    nodes: JoinHandle<()>,
    operator: Option<Operator>,
    /// HeyGen, as a test moves it.
    pub heygen: Control,
    simulator: Simulator,
    /// Kubernetes.
    pub plane: ControlPlane,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.nodes.abort();
    }
}

impl<'a> World<'a> {
    /// A copy of the files, and no cluster yet.
    pub fn new(new_cluster: Option<&'a [String]>, groups: &'a BTreeSet<String>, handle: &'a Handle) -> Self {
        let home = TempDir::new().unwrap();
        let world = Self { home, new_cluster, groups, handle, cluster: None, blocks: 0 };
        for folder in FOLDERS {
            copy(&pages::root().join(folder), &world.folder().join(folder));
        }
        let authority = rcgen::generate_simple_self_signed(["proxy.example.com".to_owned()]).unwrap();
        std::fs::write(world.folder().join("ca.pem"), authority.cert.pem()).unwrap();
        std::fs::write(world.at("key"), format!("{KEY}\n")).unwrap();
        world
    }

    /// The folder in which the blocks run; it is called as a clone of the repository is.
    pub fn folder(&self) -> PathBuf {
        self.at("twinconsent")
    }

    fn at(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Executes a block, while the person of this consent gives it.
    pub fn run(&mut self, block: &str, consents: Option<&str>) -> Result<(), String> {
        self.blocks += 1;
        let file = self.at(&format!("block-{}.sh", self.blocks));
        std::fs::write(&file, block).unwrap();
        let Cluster { shell, plane, heygen, .. } = self.cluster();
        std::thread::scope(|scope| {
            let person = consents.map(|name| scope.spawn(|| consent(name, plane, heygen)));
            let done = shell.run(&file);
            person.map_or(Ok(()), |person| person.join().unwrap())?;
            done
        })
    }

    /// The cluster.
    pub fn cluster(&mut self) -> &mut Cluster {
        if self.cluster.is_none() {
            self.cluster = Some(self.start());
        }
        self.cluster.as_mut().unwrap()
    }

    /// Another shell, beside the one of the blocks, which ends at the first error.
    pub fn bash(&mut self, script: &str) -> Command {
        let kubeconfig = self.cluster().plane.kubeconfig().to_path_buf();
        let environment = self.environment(&kubeconfig);
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail", "-c", script]).envs(environment).current_dir(self.folder()).stdin(Stdio::null());
        bash
    }

    /// Kills the operator, and starts another one.
    pub fn replace_operator(&mut self) {
        let (handle, folder) = (self.handle, self.folder());
        let cluster = self.cluster();
        cluster.operator = None;
        let _inside = handle.enter();
        let next = cluster.operator.insert(operator(&cluster.plane, &cluster.simulator, &folder));
        handle.block_on(next.until_ready());
    }

    fn start(&self) -> Cluster {
        let _inside = self.handle.enter();
        // Only what is installed has pods, and needs what makes them.
        let options = Options { controller_manager: self.new_cluster.is_some(), ..Options::default() };
        let plane = ControlPlane::start(options).unwrap_or_else(|error| panic!("{error}"));
        let groups = self.groups.iter().map(GroupDefinition::twin).collect();
        let settings = Settings { accounts: vec![AccountDefinition::new(MAIN_ACCOUNT, KEY)], groups, ..Settings::default() };
        let simulator = self.handle.block_on(Simulator::start(settings)).unwrap();
        let namespaces: &[String] = self.new_cluster.unwrap_or(&[]);
        for namespace in namespaces {
            plane.kubectl_ok(&["create", "namespace", namespace]).unwrap();
        }
        if self.new_cluster.is_none() {
            set_up(&plane);
        }
        let operator = operator(&plane, &simulator, &self.folder());
        if self.new_cluster.is_none() {
            self.handle.block_on(operator.until_ready());
        }
        let client = self.handle.block_on(support::client(&plane));
        let nodes = self.handle.spawn(kubelet::pretend(client, plane.kubeconfig().to_path_buf()));
        let environment = [self.environment(plane.kubeconfig()), of_heygen(&simulator)].concat();
        let shell = Shell::start(&self.folder(), &self.at("key"), self.at("log"), &environment);
        Cluster { shell, nodes, operator: Some(operator), heygen: simulator.control(), simulator, plane }
    }

    fn environment(&self, kubeconfig: &Path) -> Vec<(String, String)> {
        let path = std::env::var("PATH").unwrap();
        let settings = [
            ("HOME", self.home.path().display().to_string()),
            ("KUBECONFIG", kubeconfig.display().to_string()),
            ("KUBERC", "off".to_owned()),
            ("PATH", format!("{}:{path}", programs(&self.at("bin")).display())),
        ];
        settings.map(|(name, value)| (name.to_owned(), value)).into()
    }
}

/// The variables by which the plugin asks the simulator, as the operator does, and not HeyGen; no proxy is between.
fn of_heygen(simulator: &Simulator) -> Vec<(String, String)> {
    let own = [
        ("TWINCONSENT_HEYGEN_BASE_URL", simulator.base_url()),
        ("TWINCONSENT_ALLOW_INSECURE_BASE_URL", "true"),
        ("NO_PROXY", "127.0.0.1,localhost"),
    ];
    own.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// An operator whose audit log stands in the folder of the blocks.
fn operator(plane: &ControlPlane, simulator: &Simulator, folder: &Path) -> Operator {
    let base_url = format!("--heygen-base-url={}", simulator.base_url());
    let log = format!("--audit-log={}", folder.join("audit.log").display());
    let arguments = [&base_url, "--allow-insecure-base-url=true", "--leader-elect=false", &log];
    Operator::start_with(&plane.kubeconfig().display().to_string(), &arguments)
}

/// The definitions, an account that is ready to be used, and its key.
fn set_up(plane: &ControlPlane) {
    let definitions = pages::root().join("crds");
    plane.kubectl_ok(&["apply", "--server-side", "-f", definitions.to_str().unwrap()]).unwrap();
    support::until_established(plane);
    plane.kubectl_ok(&["create", "namespace", support::OPERATOR_NAMESPACE]).unwrap();
    let key = format!("--from-literal=apiKey={KEY}");
    plane.kubectl_ok(&["create", "secret", "generic", "heygen", &key, "--namespace", support::OPERATOR_NAMESPACE]).unwrap();
    plane.apply(ACCOUNT).unwrap();
}

/// Plays the person of a consent, as soon as there is a link for them.
fn consent(name: &str, plane: &ControlPlane, heygen: &Control) -> Result<(), String> {
    let link = ["get", "digitaltwinconsent", name, "-o", "jsonpath={.status.url} {.spec.groupID}"];
    let group = patience::until(DEADLINE, PAUSE, || match plane.kubectl_ok(&link) {
        Ok(said) => said.split_once(' ').filter(|(url, _)| !url.is_empty()).map(|(_, group)| group.to_owned()).ok_or(said),
        Err(error) => Err(error.to_string()),
    });
    let group = group.map_err(|error| format!("{name} got no link to consent by: {error}"))?;
    heygen.approve(&group).map_err(|error| error.to_string())
}

/// A folder with the programs that the blocks call by their names.
fn programs(folder: &Path) -> &Path {
    let tools = Tools::ensure(&[Program::Kubectl, Program::Helm]).unwrap_or_else(|error| panic!("{error}"));
    std::fs::create_dir_all(folder).unwrap();
    let kubectl = folder.join("kubectl");
    if !kubectl.exists() {
        std::fs::write(&kubectl, KUBECTL.replace("KUBECTL", &tools.path(Program::Kubectl).display().to_string())).unwrap();
        std::fs::set_permissions(&kubectl, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let programs = [(tools.path(Program::Helm).to_path_buf(), "helm"), (plugin::program().to_path_buf(), "kubectl-twinconsent")];
    for (program, name) in programs {
        match std::os::unix::fs::symlink(program, folder.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => panic!("{name}: {error}"),
            _ => {}
        }
    }
    folder
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).unwrap();
        }
    }
}
