//! What a test does with a running control plane.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::kubeconfig::{self, Login};
use crate::kubectl;
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
        kubectl::kubectl(&self.kubectl, &self.kubeconfig, self.dir())
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
