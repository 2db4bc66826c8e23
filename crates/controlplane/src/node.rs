//! A real Kubernetes node on this machine, with its control plane, for tests of what runs in pods.
//!
//! kubelet, kube-scheduler, kube-proxy, containerd, runc and CoreDNS beside the control plane's programs, all in a
//! world of their own: see `world`. Pods run as on any cluster, with their cgroups, seccomp, tokens, Services and
//! names; only nothing leads out, so that every image is one that was imported.
//!
//! kind and minikube were rejected: they need a container engine and download images of whole nodes.
//! An existing cluster serves the same tests where one is at hand.
//!
//! Needs Linux and root. cgroups of the first version are what it was tested with; for the second it does as k3d does.

mod addresses;
mod containers;
mod requirements;
mod settings;
mod world;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::certificates::{self, Certificates, Subject};
use crate::home::Home;
use crate::image::Image;
use crate::kubeconfig::{self, Login};
use crate::supervisor::Supervised;
use crate::tools::{Program, Tools};
use crate::{Error, kubectl, plane, readiness};
use world::World;

/// The node's name.
pub const NAME: &str = "node";

/// The node's address, at which pods reach what a test lets listen in the node's network.
pub const ADDRESS: &str = addresses::NODE;

/// All that a node runs.
const PROGRAMS: [Program; 16] = [
    Program::Etcd,
    Program::KubeApiserver,
    Program::KubeControllerManager,
    Program::Kubectl,
    Program::Kubelet,
    Program::KubeScheduler,
    Program::KubeProxy,
    Program::Containerd,
    Program::ContainerdShimRuncV2,
    Program::Ctr,
    Program::Runc,
    Program::Nft,
    Program::Ptp,
    Program::Loopback,
    Program::HostLocal,
    Program::Coredns,
];

/// What a node is started with.
#[derive(Debug, Clone, Default)]
pub struct NodeOptions {
    /// The folder for keys, data and logs, kept at the end. The node is new all the same: what an earlier one left
    /// there, logs excepted, is removed.
    /// Absent: a temporary folder, removed at the end.
    pub dir: Option<PathBuf>,
    /// OCI archives to import before any pod starts.
    pub images: Vec<PathBuf>,
    /// Write each request to the API server and its user to [`Node::audit_log`]: metadata, no bodies.
    pub audit_log: bool,
}

/// A running node. Dropping it ends every process of it, pods included, and removes all that it made: namespaces,
/// mounts, cgroups, and the folder if that is temporary.
///
/// All of that happens as well when this process ends without dropping it, however it ends.
pub struct Node {
    // Dropped in this order: with its world every program ends, and nothing writes into the folder any more.
    world: Mutex<World>,
    programs: Mutex<Vec<Supervised>>,
    home: Home,
    run: PathBuf,
    ctr: PathBuf,
    audit_log: Option<PathBuf>,
}

impl Node {
    /// Starts a node and waits until it is ready, pods can use the API server's Service and the name server, and the
    /// ServiceAccount `default` exists: about 10 s, many minutes when the programs must be built first.
    ///
    /// # Errors
    /// [`Error::NoNode`] when this machine cannot run one; and when a program is missing and cannot be built, ends by
    /// itself, or stands still for 60 s before it is ready. Nothing is left then.
    pub fn start(options: NodeOptions) -> Result<Node, Error> {
        let NodeOptions { dir, images, audit_log } = options;
        requirements::check()?;
        for image in &images {
            // Before minutes of building.
            drop(fs::File::open(image).map_err(Error::io("open", image))?);
        }
        let mut needed = PROGRAMS.to_vec();
        needed.push(Program::Pause);
        let tools = Tools::ensure(&needed)?;

        let home = Home::open(dir.as_deref())?;
        for path in PROGRAMS.map(|program| tools.path(program)).into_iter().chain([home.path()]) {
            requirements::check_visible(path)?;
        }
        remove_earlier(home.path())?;
        write_keys(&home)?;
        settings::write(&home)?;
        let pause = home.path().join("pause.tar");
        Image { name: settings::PAUSE_IMAGE, program: tools.path(Program::Pause), user: 65535 }.write(&pause)?;

        let world = World::start(&home)?;
        let run = world.write_run_script(&home)?;
        link_programs(&home, &tools)?;
        let node = Node {
            world: Mutex::new(world),
            programs: Mutex::new(Vec::new()),
            run,
            ctr: tools.path(Program::Ctr).to_path_buf(),
            audit_log: audit_log.then(|| home.path().join("audit.log")),
            home,
        };
        node.bring_up(&tools, &pause, &images)?;
        Ok(node)
    }

    fn bring_up(&self, tools: &Tools, pause: &Path, images: &[PathBuf]) -> Result<(), Error> {
        let start = |program: Program, arguments: Vec<String>| {
            let arguments = self.world().enter(tools.path(program), &arguments);
            Supervised::start(program.name(), Path::new("sh"), &arguments, self.home.path(), self.home.lifeline())
        };
        let mut containerd = start(Program::Containerd, settings::containerd_arguments())?;
        let mut etcd = start(Program::Etcd, plane::etcd_arguments(None))?;
        let mut api_server = start(Program::KubeApiserver, settings::api_server_arguments(self.audit_log.is_some()))?;
        readiness::of_api_server(&mut api_server, &mut etcd, || self.kubectl())?;
        let mut controller_manager = start(Program::KubeControllerManager, settings::controller_manager_arguments())?;
        let scheduler = start(Program::KubeScheduler, settings::scheduler_arguments())?;

        readiness::wait(&mut containerd, &mut [], || {
            let mut ctr = self.world().command(&self.ctr);
            readiness::ask(ctr.args(["--address", settings::CONTAINERD_SOCKET, "version"]))
        })?;
        self.import_image(pause)?;
        for image in images {
            self.import_image(image)?;
        }

        let kubelet = start(Program::Kubelet, settings::kubelet_arguments(self.home.path()))?;
        let coredns = start(Program::Coredns, settings::coredns_arguments())?;
        let kube_proxy = start(Program::KubeProxy, settings::kube_proxy_arguments())?;
        readiness::of_controller_manager(&mut controller_manager, || self.kubectl())?;
        self.programs().extend([scheduler, controller_manager, kube_proxy, coredns, kubelet, api_server, etcd, containerd]);

        self.wait(Program::Kubelet, || {
            let ready = "jsonpath={.status.conditions[?(@.type=='Ready')]['status','message']}";
            let answer = kubectl::run(self.kubectl(), &["get", "node", NAME, "--output", ready]).map_err(|error| error.to_string())?;
            if answer.starts_with("True") { Ok(()) } else { Err(format!("the node is not ready: {answer}")) }
        })?;
        let get = |server: String, path: &str| readiness::get(self.kubectl().args(["--server", &server]), path);
        self.wait(Program::Coredns, || get(format!("http://{}", settings::DNS_HEALTH), "/ready"))?;
        self.wait(Program::KubeProxy, || {
            get(format!("http://{}", settings::PROXY_HEALTH), "/healthz")?;
            get(format!("https://{}", addresses::API_SERVICE), "/readyz")
        })
    }

    /// Runs a command in the network of this node, as its administrator: `KUBECONFIG` and `HOME` are set for it, and
    /// `PATH` begins with the node's kubectl.
    ///
    /// Its files and its process are out here, so that it can be killed as any other.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(&self.run);
        command.arg(program);
        command
    }

    /// `kubectl` as the administrator.
    pub fn kubectl(&self) -> Command {
        self.command("kubectl")
    }

    /// Runs `kubectl` and returns its standard output.
    ///
    /// # Errors
    /// [`Error::Kubectl`] with what it said when it fails.
    pub fn kubectl_ok(&self, arguments: &[&str]) -> Result<String, Error> {
        kubectl::run(self.kubectl(), arguments)
    }

    /// Applies manifests, as `kubectl apply -f` does.
    ///
    /// # Errors
    /// [`Error::Kubectl`] with what the API server said when it refuses one.
    pub fn apply(&self, yaml: &str) -> Result<(), Error> {
        kubectl::apply(self.kubectl(), yaml)
    }

    /// Makes the images of an OCI archive known to the node; pods use them with `imagePullPolicy: Never` or
    /// `IfNotPresent`.
    ///
    /// # Errors
    /// [`Error::Image`] when the archive cannot be read or is none.
    pub fn import_image(&self, archive: &Path) -> Result<(), Error> {
        let file = fs::File::open(archive).map_err(Error::io("open", archive))?;
        // By standard input, as the world may have another folder at that path.
        let output = self
            .world()
            .command(&self.ctr)
            .args(["--address", settings::CONTAINERD_SOCKET, "--namespace", "k8s.io"])
            .args(["images", "import", "--local", "--snapshotter", "overlayfs", "-"])
            .stdin(file)
            .stderr(Stdio::piped())
            .output()
            .map_err(Error::io("run", &self.ctr))?;
        if output.status.success() {
            return Ok(());
        }
        let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(Error::Image { archive: archive.to_path_buf(), reason })
    }

    /// Whether every program that should run does.
    ///
    /// # Errors
    /// [`Error::Ended`] for the first that ended by itself.
    pub fn check(&self) -> Result<(), Error> {
        self.world().check()?;
        self.programs().iter_mut().try_for_each(Supervised::check)
    }

    /// The process ids of all that runs in the node, as seen from outside: its programs and its pods.
    pub fn pids(&self) -> Vec<u32> {
        self.world().pids(None)
    }

    /// Ends it as dropping does, and tells what could not be removed.
    ///
    /// # Errors
    /// [`Error::World`] when processes or cgroups are left.
    pub fn stop(self) -> Result<(), Error> {
        self.world().stop()
    }

    /// The script that [`Node::command`] runs; for people and other scripts.
    pub fn run_script(&self) -> &Path {
        &self.run
    }

    /// The administrator's kubeconfig; its API server is reached only by [`Node::command`].
    pub fn kubeconfig(&self) -> PathBuf {
        self.dir().join("kubeconfig")
    }

    /// The folder with the programs' keys, data and logs (`PROGRAM.log`), and the pods' logs in `pod-logs`.
    pub fn dir(&self) -> &Path {
        self.home.path()
    }

    /// Where the API server writes its audit log, one JSON object a line; absent unless asked for in [`NodeOptions`].
    pub fn audit_log(&self) -> Option<&Path> {
        self.audit_log.as_deref()
    }

    /// Waits for an answer as long as the program that gives it runs.
    fn wait(&self, program: Program, question: impl Fn() -> Result<(), String>) -> Result<(), Error> {
        let mut programs = self.programs();
        match programs.iter_mut().find(|supervised| supervised.name() == program.name()) {
            Some(supervised) => readiness::wait(supervised, &mut [], question),
            None => Ok(()),
        }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    fn programs(&self) -> MutexGuard<'_, Vec<Supervised>> {
        // A test that panicked while it held the lock leaves nothing half done.
        self.programs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes what would make an earlier node's pods come back under another authority.
fn remove_earlier(folder: &Path) -> Result<(), Error> {
    for name in ["etcd", "containerd", "kubelet", "root", "opt", "overlay-trial", "bin", "kubectl-cache"] {
        let path = folder.join(name);
        if path.exists() {
            fs::remove_dir_all(&path).map_err(Error::io("remove", &path))?;
        }
    }
    for name in ["ready", "init.pid"] {
        let path = folder.join(name);
        if path.exists() {
            fs::remove_file(&path).map_err(Error::io("remove", &path))?;
        }
    }
    Ok(())
}

fn write_keys(home: &Home) -> Result<(), Error> {
    let server_names = [
        addresses::NODE,
        addresses::API_SERVICE,
        "127.0.0.1",
        "localhost",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ];
    let node_names = [addresses::NODE, NAME];
    let kubelet_name = format!("system:node:{NAME}");
    let client = |common_name, organization| Subject { common_name, organization, names: &[] };
    let subjects = [
        Subject { common_name: &kubelet_name, organization: Some("system:nodes"), names: &node_names },
        client("system:kube-controller-manager", None),
        client("system:kube-scheduler", None),
        // For these two there are no roles before the cluster's administrator binds some.
        client("system:kube-proxy", Some("system:masters")),
        client("coredns", Some("system:masters")),
        client("admin", Some("system:masters")),
    ];
    let certificates = certificates::make(&server_names, &subjects)?;
    plane::write_keys(home, &certificates)?;
    let Certificates { authority, others, .. } = &certificates;
    for (name, identity) in [("kubelet", &others[0]), ("administrator", &others[5])] {
        home.write(&format!("{name}.crt"), &identity.certificate)?;
        home.write(&format!("{name}.key"), &identity.key)?;
    }

    let server_url = format!("https://{}:{}", addresses::NODE, addresses::API_PORT);
    let render = |identity| kubeconfig::render(&server_url, authority, &Login::Certificate(identity));
    home.write("kubeconfig", &render(&others[5]))?;
    let names = ["kubelet", "kube-controller-manager", "kube-scheduler", "kube-proxy", "coredns"];
    for (name, identity) in names.iter().zip(others) {
        home.write(&format!("{name}.kubeconfig"), &render(identity))?;
    }
    Ok(())
}

/// One folder for the programs, under their names: containerd looks for its plugins and its shim that way.
fn link_programs(home: &Home, tools: &Tools) -> Result<(), Error> {
    for program in PROGRAMS {
        let link = home.path().join("bin").join(program.name());
        std::os::unix::fs::symlink(tools.path(program), &link).map_err(Error::io("make the link", &link))?;
    }
    Ok(())
}
