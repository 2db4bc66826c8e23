//! Where the programs come from.
//!
//! For each program, in this order:
//!
//! 1. `$KUBEBUILDER_ASSETS`, the folder that other operator projects use too, when it holds the program;
//! 2. the cache: `$TWINCONSENT_TOOLS_CACHE`, else `$XDG_CACHE_HOME/twinconsent/tools`, else
//!    `~/.cache/twinconsent/tools`, with one folder per Go module and its exact content;
//! 3. etcd, kube-apiserver and kubectl: what the Kubernetes project publishes for tests, downloaded into the cache, once: `download`;
//! 4. Go, which builds the pinned version into the cache: minutes, once. How long is estimated from what is to be compiled (`work`), and
//!    cargo can build meanwhile (`cargo`); an interrupted build goes on where it stopped, as Go's cache and cargo's folder keep what was
//!    compiled.
//!
//! A download that fails, whatever the reason, is no error: its programs are built.
//! Building serves nearly all programs and works wherever Go's modules can be had, and Go's checksum database vouches for every source
//! file. But an API server takes minutes, and a user who wants to see a demo has seconds: only for that is anything downloaded.
//!
//! Two programs of a node are C, or need a C library: runc and nft. A registry of images has the clients of every cloud for its storage,
//! which would be built with it. A browser takes hours to build.
//! These four are taken from the machine's `PATH`, or out of Debian's packages: see `debian`.

mod board;
mod build;
mod cargo;
mod debian;
mod download;
mod locations;
mod output;
mod pinned;
mod published;
mod work;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fmt, thread};

use board::Board;
pub use board::interrupt;
pub(crate) use board::is_interrupted;
use build::Go;
use locations::Locations;
use published::Ways;
use work::Unit;
pub(crate) use work::spoken;

use crate::error::ToolsError;
use crate::progress::say;

/// A program that a control plane, or a test against one, runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Program {
    /// The store.
    Etcd,
    /// The store's tool for what is done while it is stopped; only for tests of restored backups.
    Etcdutl,
    /// The API.
    KubeApiserver,
    /// The controllers that come with Kubernetes.
    KubeControllerManager,
    /// The command line client.
    Kubectl,
    /// The package manager; only for tests of the chart.
    Helm,
    /// Its previous major version, which is still in wide use.
    Helm3,
    /// Runs the unit tests of a chart's templates.
    HelmUnittest,
    /// Writes the table of a chart's values.
    HelmDocs,
    /// Compares manifests with JSON schemas.
    Kubeconform,
    /// Finds what manifests could do better.
    KubeScore,
    /// Tests the rules of alerts.
    Promtool,
    /// A store of logs; only for tests of the recipes.
    VictoriaLogs,
    /// The API as it was in the oldest supported version.
    #[value(name = "kube-apiserver-1.33")]
    KubeApiserverOldest,
    /// Runs the pods of a node.
    Kubelet,
    /// Gives pods to nodes.
    KubeScheduler,
    /// Makes the addresses of Services lead to pods.
    KubeProxy,
    /// The container runtime.
    Containerd,
    /// containerd's part that stays with each pod.
    ContainerdShimRuncV2,
    /// containerd's command line client.
    Ctr,
    /// Starts a container's process; from the machine or from Debian.
    Runc,
    /// The kernel's packet filter, for kube-proxy; from the machine or from Debian.
    Nft,
    /// Connects a pod to the node.
    Ptp,
    /// Gives a pod its loopback device.
    Loopback,
    /// Gives pods their addresses.
    HostLocal,
    /// The name server of a node's pods.
    Coredns,
    /// The first process of each pod, in `localhost/pause`.
    Pause,
    /// A pod that tells tests what it can see.
    Probe,
    /// Flux's fetcher of git repositories; only for tests of GitOps.
    FluxSourceController,
    /// Flux's applier of manifests; only for tests of GitOps.
    FluxKustomizeController,
    /// Downloads what the Kubernetes project publishes for tests.
    SetupEnvtest,
    /// A registry of images, from which a node pulls; from the machine or from Debian.
    DockerRegistry,
    /// A browser, for what people see; from the machine or from Debian.
    Chromium,
}

impl Program {
    /// The name of its file.
    pub fn name(self) -> &'static str {
        match self {
            Program::Etcd => "etcd",
            Program::Etcdutl => "etcdutl",
            Program::KubeApiserver => "kube-apiserver",
            Program::KubeControllerManager => "kube-controller-manager",
            Program::Kubectl => "kubectl",
            Program::Helm => "helm",
            Program::Helm3 => "helm3",
            Program::HelmUnittest => "helm-unittest",
            Program::HelmDocs => "helm-docs",
            Program::Kubeconform => "kubeconform",
            Program::KubeScore => "kube-score",
            Program::Promtool => "promtool",
            Program::VictoriaLogs => "victoria-logs",
            Program::KubeApiserverOldest => "kube-apiserver-1.33",
            Program::Kubelet => "kubelet",
            Program::KubeScheduler => "kube-scheduler",
            Program::KubeProxy => "kube-proxy",
            Program::Containerd => "containerd",
            Program::ContainerdShimRuncV2 => "containerd-shim-runc-v2",
            Program::Ctr => "ctr",
            Program::Runc => "runc",
            Program::Nft => "nft",
            Program::Ptp => "ptp",
            Program::Loopback => "loopback",
            Program::HostLocal => "host-local",
            Program::Coredns => "coredns",
            Program::Pause => "pause",
            Program::Probe => "probe",
            Program::FluxSourceController => "flux-source-controller",
            Program::FluxKustomizeController => "flux-kustomize-controller",
            Program::SetupEnvtest => "setup-envtest",
            Program::DockerRegistry => "docker-registry",
            Program::Chromium => "chromium",
        }
    }

    /// The Debian packages that hold it and what it needs to be of use; none for the programs that are built with Go.
    fn debian_packages(self) -> &'static [&'static str] {
        match self {
            Program::Runc => &["runc"],
            Program::Nft => &["nftables"],
            Program::DockerRegistry => &["docker-registry"],
            Program::Chromium => &["chromium", "fonts-dejavu-core"],
            _ => &[],
        }
    }

    /// Whether every assets folder holds it; the others are often absent there, which is not worth a word.
    fn is_usual_asset(self) -> bool {
        matches!(self, Program::Etcd | Program::KubeApiserver | Program::Kubectl)
    }
}

impl fmt::Display for Program {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Programs that are there and can be run.
#[derive(Debug)]
pub struct Tools {
    paths: BTreeMap<Program, PathBuf>,
}

impl Tools {
    /// Finds, downloads or builds the programs; those that are not asked for are not touched.
    ///
    /// Tells its progress on stderr when it downloads or builds. Processes that do so at the same time wait for each other.
    ///
    /// # Errors
    /// When a program is nowhere, and there is no Go, a too old Go, or the build fails; or, for one that Debian packages,
    /// when it cannot be unpacked.
    pub fn ensure(programs: &[Program]) -> Result<Tools, ToolsError> {
        Tools::ensure_beside(programs, None)
    }

    /// The same, while cargo builds.
    ///
    /// # Errors
    /// As [`Tools::ensure`]; or [`ToolsError::Cargo`].
    pub fn ensure_beside(programs: &[Program], beside: Option<&Beside<'_>>) -> Result<Tools, ToolsError> {
        let locations = Locations::from_environment()?;
        let mut paths = BTreeMap::new();
        let mut missing = Vec::new();
        for &program in programs {
            match locations.find(program) {
                Some(path) => drop(paths.insert(program, path)),
                None if missing.contains(&program) => {}
                None => missing.push(program),
            }
        }
        if missing.is_empty() && beside.is_none() {
            return Ok(Tools { paths });
        }
        let builders = [(!missing.is_empty()).then_some(Unit::Package), beside.map(|_| Unit::Crate)];
        let board = Board::of(&builders.into_iter().flatten().collect::<Vec<_>>());
        thread::scope(|scope| {
            let teller = scope.spawn(|| board.tell());
            let cargo = beside.map(|beside| scope.spawn(|| cargo::run(beside, &board).inspect_err(|_| board.cancel())));
            let found = obtain(&locations, &missing, &board).inspect_err(|_| board.cancel());
            let built = cargo.map_or(Ok(()), |cargo| cargo.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            board.end();
            // Before anything else is said, the line that renews itself is gone.
            let _ = teller.join();
            match (found, built) {
                // What was cancelled tells nothing.
                (Err(ToolsError::Cancelled) | Ok(_), Err(error)) | (Err(error), _) => Err(error),
                (Ok(found), Ok(())) => {
                    paths.extend(found);
                    Ok(Tools { paths })
                }
            }
        })
    }

    /// The absolute path of a program.
    ///
    /// # Panics
    /// When [`Tools::ensure`] was not asked for it.
    pub fn path(&self, program: Program) -> &Path {
        &self.paths[&program]
    }
}

/// Gets what is missing, each by its way.
fn obtain(locations: &Locations, missing: &[Program], board: &Board) -> Result<BTreeMap<Program, PathBuf>, ToolsError> {
    let mut paths = BTreeMap::new();
    if missing.is_empty() {
        return Ok(paths);
    }
    let mut ways = Ways::of(missing, locations.may_download());
    if !ways.packaged.is_empty() {
        paths.extend(debian::unpack(locations, &ways.packaged)?);
    }
    // What downloads is built, too: nothing goes without Go.
    let go = Go::find(locations, &[&ways.published[..], &ways.built[..]].concat())?;
    if !ways.published.is_empty() {
        match download(locations, &ways.published, board) {
            Ok(downloaded) => paths.extend(downloaded),
            Err(download::Failure::Tools(ToolsError::Cancelled)) => return Err(ToolsError::Cancelled),
            Err(failure) => {
                let packages = ways.published.iter().map(|&program| pinned::usual_packages(program)).sum();
                say(&published::instead(&ways.published, &failure.to_string(), &work::usual(packages, board.machine())));
                ways = Ways::of(missing, false);
            }
        }
    }
    paths.extend(go.build_all(&ways.built, board)?);
    Ok(paths)
}

fn download(locations: &Locations, wanted: &[Program], board: &Board) -> Result<BTreeMap<Program, PathBuf>, download::Failure> {
    let tool = match locations.find(Program::SetupEnvtest) {
        Some(tool) => tool,
        None => Go::find(locations, &[Program::SetupEnvtest])?.build_all(&[Program::SetupEnvtest], board)?[&Program::SetupEnvtest].clone(),
    };
    download::fetch(locations, wanted, &tool, board)
}

/// What cargo builds while Go does.
#[derive(Debug, Clone, Copy)]
pub struct Beside<'a> {
    /// What cargo is told, such as `build` and its flags.
    pub cargo: &'a [String],
}
