//! Helm, in both major versions that are in use, untouched by the settings of the user who runs the tests.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use controlplane::{Program, Tools};
use serde_json::Value;
use tempfile::TempDir;

/// The namespace that the documentation uses.
pub const NAMESPACE: &str = "twinconsent-system";

/// The oldest version that the chart admits; what is rendered without a cluster is rendered for it.
pub const OLDEST_KUBERNETES: &str = "1.33.0";

/// The kinds of the Prometheus operator, as a cluster would name them that serves them.
pub const MONITORING: [&str; 4] = [
    "monitoring.coreos.com/v1",
    "monitoring.coreos.com/v1/ServiceMonitor",
    "monitoring.coreos.com/v1/PodMonitor",
    "monitoring.coreos.com/v1/PrometheusRule",
];

/// A kind of ours, served.
pub const ACCOUNT_KIND: &str = "twinconsent.io/v1alpha1/ClusterHeyGenAccount";

/// What a program said.
#[derive(Debug)]
pub struct Said {
    pub succeeded: bool,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    /// Its standard output.
    #[track_caller]
    pub fn ok(self) -> String {
        assert!(self.succeeded, "{}\n{}", self.stdout, self.stderr);
        self.stdout
    }

    /// Everything that it said, for one that had to fail.
    #[track_caller]
    pub fn refusal(self) -> String {
        assert!(!self.succeeded, "this should have failed:\n{}\n{}", self.stdout, self.stderr);
        self.stdout + &self.stderr
    }
}

/// A major version of Helm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Helm {
    Three,
    Four,
}

impl Helm {
    /// Both.
    pub const ALL: [Helm; 2] = [Helm::Three, Helm::Four];

    /// Helm without a cluster.
    pub fn run(self, arguments: &[&str]) -> Said {
        // A cluster of the caller's must not be asked by accident.
        self.run_on(Path::new("/nonexistent/kubeconfig"), arguments)
    }

    /// Its program.
    pub const fn program(self) -> Program {
        match self {
            Self::Three => Program::Helm3,
            Self::Four => Program::Helm,
        }
    }

    /// Helm with a cluster.
    pub fn run_on(self, kubeconfig: &Path, arguments: &[&str]) -> Said {
        let mut command = shielded(self.program());
        command.env("KUBECONFIG", kubeconfig).args(arguments);
        run(&mut command)
    }
}

/// A program without the caller's settings of Helm and Kubernetes, with a home of this process.
pub fn shielded(program: Program) -> Command {
    static HOME: OnceLock<TempDir> = OnceLock::new();
    let home = HOME.get_or_init(|| TempDir::new().unwrap());
    let mut command = Command::new(tools().path(program));
    for (name, _) in std::env::vars_os() {
        if [&b"HELM"[..], b"KUBE"].iter().any(|prefix| name.as_encoded_bytes().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    for folder in ["CACHE", "CONFIG", "DATA"] {
        command.env(format!("HELM_{folder}_HOME"), home.path().join(format!("{program}-{folder}")));
    }
    command.current_dir(root());
    command
}

/// Runs a program to its end.
pub fn run(command: &mut Command) -> Said {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{}: {error}", command.get_program().display()));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { succeeded: output.status.success(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

/// The programs that these tests need.
pub fn tools() -> &'static Tools {
    static TOOLS: OnceLock<Tools> = OnceLock::new();
    TOOLS.get_or_init(|| {
        let needed = [
            Program::Kubectl,
            Program::Helm,
            Program::Helm3,
            Program::HelmUnittest,
            Program::HelmDocs,
            Program::Kubeconform,
            Program::KubeScore,
            Program::Promtool,
        ];
        Tools::ensure(&needed).unwrap_or_else(|error| panic!("{error}"))
    })
}

/// A file of values, by its path.
pub fn value_files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(root().join("tests/chart/values")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 5, "{files:?}");
    files
}

/// What the chart renders on a cluster that serves every kind, as Helm writes it.
pub fn template(values: &[&str]) -> String {
    template_where(&[&[ACCOUNT_KIND], &MONITORING[..]].concat(), values).ok()
}

/// What the chart renders where these kinds are served besides Kubernetes' own.
pub fn template_where(served: &[&str], values: &[&str]) -> Said {
    let kinds = served.join(",");
    let mut arguments =
        vec!["template", "twinconsent", "charts/twinconsent", "--namespace", NAMESPACE, "--kube-version", OLDEST_KUBERNETES];
    if !served.is_empty() {
        arguments.extend(["--api-versions", &kinds]);
    }
    arguments.extend(values);
    Helm::Four.run(&arguments)
}

/// The objects that the chart renders on a cluster that serves every kind.
pub fn objects(values: &[&str]) -> Vec<Value> {
    parsed(&template(values))
}

/// The objects of a stream of YAML.
pub fn parsed(yaml: &str) -> Vec<Value> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    documents.into_iter().filter(|document| !document.is_null()).collect()
}

/// The one object of this kind and name.
#[track_caller]
pub fn object<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let found: Vec<&Value> = objects.iter().filter(|object| object["kind"] == kind && object["metadata"]["name"] == name).collect();
    let [found] = found[..] else { panic!("{} objects are {kind} {name}", found.len()) };
    found
}

/// A path as an argument.
pub fn argument(path: &Path) -> &str {
    path.to_str().unwrap_or_else(|| panic!("{} is not UTF-8", OsStr::display(path.as_os_str())))
}

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Copies a folder with all that is in it.
pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).unwrap();
        }
    }
}
