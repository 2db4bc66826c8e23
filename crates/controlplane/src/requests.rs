//! What a test does with a running control plane.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

use crate::kubeconfig::{self, Login};
use crate::{ControlPlane, Error};

impl ControlPlane {
    /// The kubeconfig of an administrator (group `system:masters`); complete in itself, so it may be copied.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// `https://127.0.0.1:PORT`.
    pub fn server_url(&self) -> &str {
        &self.server_url
    }

    /// `kubectl` as the administrator of this control plane, untouched by the caller's own Kubernetes settings.
    pub fn kubectl(&self) -> Command {
        kubectl(&self.kubectl, &self.kubeconfig, self.dir())
    }

    /// Runs `kubectl` and returns its standard output.
    ///
    /// # Errors
    /// [`Error::Kubectl`] with what it said when it fails.
    pub fn kubectl_ok(&self, arguments: &[&str]) -> Result<String, Error> {
        run(self.kubectl(), arguments)
    }

    /// Applies manifests, as `kubectl apply -f` does.
    ///
    /// # Errors
    /// [`Error::Kubectl`] with what the API server said when it refuses one.
    pub fn apply(&self, yaml: &str) -> Result<(), Error> {
        apply(self.kubectl(), yaml)
    }

    /// Writes a kubeconfig for a ServiceAccount, which must exist, with a token that lives for 24 h.
    ///
    /// # Errors
    /// When the API server issues no token, or the file cannot be written.
    pub fn service_account_kubeconfig(&self, namespace: &str, name: &str) -> Result<PathBuf, Error> {
        let token = self.kubectl_ok(&["create", "token", name, "--namespace", namespace, "--duration=24h"])?;
        let text = kubeconfig::render(self.server_url(), &self.authority, &Login::Token(token.trim()));
        // Both are DNS names, or there would be no token.
        self.home().write(&format!("kubeconfig-{namespace}-{name}"), &text)
    }
}

/// Runs a `kubectl` and returns its standard output.
pub(crate) fn run(mut kubectl: Command, arguments: &[&str]) -> Result<String, Error> {
    let output = kubectl.args(arguments).stdin(Stdio::null()).output().map_err(Error::io("run", Path::new("kubectl")))?;
    checked(arguments, &output)
}

/// Has a `kubectl` apply manifests.
pub(crate) fn apply(mut kubectl: Command, yaml: &str) -> Result<(), Error> {
    let arguments = ["apply", "-f", "-"];
    let mut child = kubectl
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(Error::io("run", Path::new("kubectl")))?;
    let stdin = child.stdin.take();
    // Beside the reading: kubectl answers before it has read all, and either pipe may fill.
    let output = thread::scope(|scope| {
        scope.spawn(move || {
            // A kubectl that ended early says why on stderr.
            let _ = stdin.map(|mut stdin| stdin.write_all(yaml.as_bytes()));
        });
        child.wait_with_output()
    });
    let output = output.map_err(Error::io("run", Path::new("kubectl")))?;
    checked(&arguments, &output).map(drop)
}

/// `kubectl` with this kubeconfig and without the caller's settings; its cache goes into `dir`.
pub(crate) fn kubectl(program: &Path, kubeconfig: &Path, dir: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if is_kubernetes_variable(&name) {
            command.env_remove(name);
        }
    }
    command.env("KUBECONFIG", kubeconfig).env("KUBECACHEDIR", dir.join("kubectl-cache")).env("KUBERC", "off");
    command
}

fn is_kubernetes_variable(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b"KUBE")
}

fn checked(arguments: &[&str], output: &Output) -> Result<String, Error> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(Error::Kubectl {
        arguments: arguments.join(" "),
        status: output.status.to_string(),
        stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}
