//! `kubectl`, as it is run for any cluster.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

use crate::Error;

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
