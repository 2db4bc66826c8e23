//! Kubeconfig files that hold all they need, so that they can be copied elsewhere.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::certificates::Identity;

/// The first line of every kubeconfig written here, by which a later run knows that it may overwrite the file.
pub const MARK: &str = "# Written by the controlplane of TwinConsent, for a local API server.";

/// How a client proves its identity.
pub(crate) enum Login<'a> {
    Certificate(&'a Identity),
    Token(&'a str),
}

/// The text of a kubeconfig for the API server at `server_url`, whose authority is given in PEM.
pub(crate) fn render(server_url: &str, authority: &str, login: &Login<'_>) -> String {
    let authority = BASE64_STANDARD.encode(authority);
    let user = match login {
        Login::Certificate(Identity { certificate, key }) => format!(
            "    client-certificate-data: {}\n    client-key-data: {}",
            BASE64_STANDARD.encode(certificate),
            BASE64_STANDARD.encode(key)
        ),
        Login::Token(token) => format!("    token: {token}"),
    };
    format!(
        "{MARK}
apiVersion: v1
kind: Config
clusters:
- name: controlplane
  cluster:
    server: {server_url}
    certificate-authority-data: {authority}
users:
- name: controlplane
  user:
{user}
contexts:
- name: controlplane
  context:
    cluster: controlplane
    user: controlplane
current-context: controlplane
"
    )
}
