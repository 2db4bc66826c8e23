//! Where the programs come from.
//!
//! For each program, in this order:
//!
//! 1. `$KUBEBUILDER_ASSETS`, the folder that other operator projects use too, when it holds the program;
//! 2. the cache: `$TWINCONSENT_TOOLS_CACHE`, else `$XDG_CACHE_HOME/twinconsent/tools`, else
//!    `~/.cache/twinconsent/tools`, with one folder per Go module and its exact content;
//! 3. Go, which builds the pinned version into the cache: minutes, once.
//!
//! Building from Go modules was preferred to downloading binaries: the Go checksum database vouches for every source
//! file, one mechanism serves every program, and it works behind a module proxy.

mod build;
mod locations;
mod pinned;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fmt, io};

use build::Go;
use locations::Locations;

/// A program that a control plane, or a test against one, runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Program {
    /// The store.
    Etcd,
    /// The API.
    KubeApiserver,
    /// The controllers that come with Kubernetes.
    KubeControllerManager,
    /// The command line client.
    Kubectl,
    /// The package manager; only for tests of the chart.
    Helm,
    /// Flux's fetcher of git repositories; only for tests of GitOps.
    FluxSourceController,
    /// Flux's applier of manifests; only for tests of GitOps.
    FluxKustomizeController,
}

impl Program {
    /// All of them.
    pub const ALL: [Program; 7] = [
        Program::Etcd,
        Program::KubeApiserver,
        Program::KubeControllerManager,
        Program::Kubectl,
        Program::Helm,
        Program::FluxSourceController,
        Program::FluxKustomizeController,
    ];

    /// The name of its file.
    pub fn name(self) -> &'static str {
        match self {
            Program::Etcd => "etcd",
            Program::KubeApiserver => "kube-apiserver",
            Program::KubeControllerManager => "kube-controller-manager",
            Program::Kubectl => "kubectl",
            Program::Helm => "helm",
            Program::FluxSourceController => "flux-source-controller",
            Program::FluxKustomizeController => "flux-kustomize-controller",
        }
    }

    /// Whether every assets folder holds it; the others are often absent there, which is not worth a word.
    fn is_usual_asset(self) -> bool {
        match self {
            Program::Etcd | Program::KubeApiserver | Program::Kubectl => true,
            Program::KubeControllerManager | Program::Helm => false,
            Program::FluxSourceController | Program::FluxKustomizeController => false,
        }
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
    /// Finds or builds the programs; those that are not asked for are not touched.
    ///
    /// Tells its progress on stderr when it builds. Processes that build the same at the same time wait for each other.
    ///
    /// # Errors
    /// When a program is nowhere, and there is no Go, a too old Go, or the build fails.
    pub fn ensure(programs: &[Program]) -> Result<Tools, ToolsError> {
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
        if missing.is_empty() {
            return Ok(Tools { paths });
        }
        let go = Go::find(&locations, &missing)?;
        for (position, &program) in missing.iter().enumerate() {
            let path = go.build(program, position + 1, missing.len())?;
            paths.insert(program, path);
        }
        Ok(Tools { paths })
    }

    /// The absolute path of a program.
    ///
    /// # Panics
    /// When [`Tools::ensure`] was not asked for it.
    pub fn path(&self, program: Program) -> &Path {
        &self.paths[&program]
    }
}

/// Why a program is not there.
#[derive(Debug, thiserror::Error)]
pub enum ToolsError {
    /// No place for the cache.
    #[error("no place for the cache of programs: set HOME, XDG_CACHE_HOME or TWINCONSENT_TOOLS_CACHE")]
    NoCache,

    /// There is nothing to build with.
    #[error("not found: {missing}; and there is no `go` in PATH to build with. {}", ways_out(required))]
    NoGo {
        /// The missing programs.
        missing: String,
        /// The Go version that the modules ask for.
        required: String,
    },

    /// Go is too old to build with.
    #[error("not found: {missing}; and Go is too old to build with: {found}. {}", ways_out(required))]
    OldGo {
        /// The missing programs.
        missing: String,
        /// What Go says about its version, or about the version that is asked for.
        found: String,
        /// The Go version that the modules ask for.
        required: String,
    },

    /// Go could not build it.
    #[error("building {package} failed ({status}); Go's last lines:\n{output}")]
    Build {
        /// The Go package.
        package: &'static str,
        /// Go's exit status.
        status: String,
        /// The end of Go's output.
        output: String,
    },

    /// The cache cannot be used.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was attempted, as a verb.
        action: &'static str,
        /// With which file or program.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl ToolsError {
    /// A [`ToolsError::Io`] maker for `map_err`.
    fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ToolsError {
        let path = path.to_path_buf();
        move |source| ToolsError::Io { action, path, source }
    }
}

fn ways_out(required: &str) -> String {
    format!(
        "Do one of these:
  - set KUBEBUILDER_ASSETS to a folder that holds etcd, kube-apiserver and kubectl (and, where they are asked for, \
kube-controller-manager and helm)
  - install Go {required} or later, from https://go.dev/dl
  - for the demo: use a cluster that you have, by setting KUBECONFIG"
    )
}
