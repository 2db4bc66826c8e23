//! The only writer to Kubernetes: status under a precondition, events, the link Secret.
//!
//! Every call has a deadline, because a client library may retry for minutes inside one.
//! A status patch tests what its decision rests on: without that it would land on a re-created object of the same name, or on what
//! another replica has told since.

mod answers;
pub mod connection;
pub mod decoding;
pub mod events;
mod landing;
pub mod leader;
pub mod leadership;
mod link_secret;
mod patch;
pub mod preflight;
mod status;
pub mod undecodable;
pub mod watch;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::api::PatchParams;
use kube::client::AuthError;
use kube::{Api, Client, ResourceExt as _};
use secrecy::SecretString;

use crate::kubernetes::decoding::Slim;
use crate::kubernetes::leadership::Leadership;
use crate::process::audit_log::AuditLog;
use crate::process::complaints::Complaints;
use crate::process::metrics::Metrics;
use twinconsent_core::api::account::ClusterHeyGenAccount;
use twinconsent_core::api::consent::DigitalTwinConsent;
use twinconsent_core::api::{FIELD_MANAGER, is_name};
use twinconsent_core::consent::apply::Refusal;

pub use landing::PageKeys;
pub use status::{OnConflict, Recorded};

/// How long one call to the API server may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// Kubernetes, as the operator writes to it.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    metrics: Arc<Metrics>,
    audit_log: AuditLog,
    leadership: Leadership,
    complaints: Arc<Complaints>,
}

/// Why Kubernetes did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server answered with an error, or could not be reached.
    #[error("could not {action}: {}", in_short(source))]
    Api {
        /// What was attempted.
        action: &'static str,
        /// What came of it.
        #[source]
        source: Box<kube::Error>,
    },
    /// The API server did not answer in time.
    #[error("could not {action}: no answer within {} s", DEADLINE.as_secs())]
    Deadline {
        /// What was attempted.
        action: &'static str,
    },
    /// The object changed faster than its status could be written.
    #[error("the object changed while its status was written")]
    Conflict,
    /// Another replica leads by now: it is theirs to write.
    #[error("another replica leads")]
    NotLeading,
}

/// What a Secret holds under a key.
#[derive(Debug)]
pub enum SecretKey {
    /// A key.
    Found(SecretString),
    /// There is no such Secret.
    NoSecret,
    /// The Secret has no such key, or it is empty or not text.
    NoKey,
}

impl Cluster {
    /// A writer through `client`.
    #[must_use]
    pub fn new(client: Client, metrics: Arc<Metrics>, audit_log: AuditLog, leadership: Leadership, complaints: Arc<Complaints>) -> Self {
        Self { client: answers::bounded(client), metrics, audit_log, leadership, complaints }
    }

    /// Reads a cluster account, if there is one of this name.
    ///
    /// # Errors
    /// When the API server refuses, does not answer or cannot be reached.
    pub async fn cluster_account(&self, name: &str) -> Result<Option<Slim<ClusterHeyGenAccount>>, Error> {
        // A tenant has written it, and it becomes a part of a path.
        if !is_name(name) {
            return Ok(None);
        }
        let api: Api<Slim<ClusterHeyGenAccount>> = Api::all(self.client.clone());
        within("read the ClusterHeyGenAccount", api.get_opt(name)).await
    }

    /// Reads one key of a Secret; Secrets are read by name and never listed or watched.
    ///
    /// # Errors
    /// When the API server could not be asked.
    pub async fn secret_key(&self, namespace: &str, name: &str, key: &str) -> Result<SecretKey, Error> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        let Some(secret) = within("read the Secret of the account", api.get_opt(name)).await? else { return Ok(SecretKey::NoSecret) };
        let bytes = secret.data.as_ref().and_then(|data| data.get(key));
        Ok(bytes.and_then(|bytes| key_from(&bytes.0)).map_or(SecretKey::NoKey, SecretKey::Found))
    }

    /// The labels of a namespace.
    ///
    /// # Errors
    /// When the API server could not be asked.
    pub async fn namespace_labels(&self, name: &str) -> Result<std::collections::BTreeMap<String, String>, Error> {
        let api: Api<Namespace> = Api::all(self.client.clone());
        let namespace = within("read the namespace", api.get_opt(name)).await?;
        Ok(namespace.and_then(|namespace| namespace.metadata.labels).unwrap_or_default())
    }

    fn must_lead(&self) -> Result<(), Error> {
        if self.leadership.holds() { Ok(()) } else { Err(Error::NotLeading) }
    }

    /// The Secrets of a consent's namespace.
    fn secrets(&self, consent: &DigitalTwinConsent) -> Api<Secret> {
        Api::namespaced(self.client.clone(), &consent.namespace().unwrap_or_default())
    }
}

impl Error {
    /// Why the API server refuses what was attempted; `None` when it could not do it, or not now.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        let status = self.status()?;
        // The words of Kubernetes, of webhooks and of policies, in this order. They are only compared: what stands around them is not repeated.
        match status.code {
            _ if status.message.contains("exceeded quota") => Some(Refusal::Quota),
            _ if ["denied the request", "denied request"].iter().any(|words| status.message.contains(words)) => Some(Refusal::Admission),
            403 => Some(Refusal::Forbidden),
            401 | 408 | 409 | 429 | 500.. => None,
            _ => Some(Refusal::Other),
        }
    }

    /// Whether it is this object that the API server does not take, so that trying again soon would hardly help.
    #[must_use]
    pub fn is_about_the_object(&self) -> bool {
        match self.refusal() {
            Some(Refusal::Forbidden) => false,
            Some(_) => true,
            // Too large for etcd, in its own words and in those of the API server's client. Whatever else goes wrong in the API server, as
            // when etcd is full, it is the same for every object.
            None => self.is(500) && ["request is too large", "message larger than max"].iter().any(|words| self.says(words)),
        }
    }

    /// Whether the operator has no right to what was attempted.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.is(401) || self.is(403)
    }

    fn says(&self, words: &str) -> bool {
        self.status().is_some_and(|status| status.message.contains(words))
    }

    /// Whether the API server answered with this HTTP status.
    fn is(&self, code: u16) -> bool {
        self.status().is_some_and(|status| status.code == code)
    }

    /// What the API server has answered, if it has.
    fn status(&self) -> Option<&kube::core::Status> {
        let Self::Api { source, .. } = self else { return None };
        if let kube::Error::Api(status) = source.as_ref() { Some(status) } else { None }
    }
}

/// What the API server said, in one line.
///
/// The message of a refused write is left out: it may quote the value that was refused, and a status holds a link. So are the
/// arguments of a command that was to log in, and what it printed: either may be credentials.
pub(crate) fn in_short(error: &kube::Error) -> String {
    match error {
        kube::Error::Auth(AuthError::AuthExecRun { out, .. }) => format!("the kubeconfig's command could not log in ({})", out.status),
        kube::Error::Auth(AuthError::AuthExecParse(_)) => "the kubeconfig's command has logged in and printed no ExecCredential".to_owned(),
        kube::Error::Api(status) if matches!(status.code, 400 | 413 | 422) => format!("{} ({})", status.reason, status.code),
        kube::Error::Api(status) => format!("{} ({}): {}", status.reason, status.code, status.message),
        other => other.to_string(),
    }
}

/// Takes a key out of a Secret's data: text without surrounding blanks, which a `echo` into a Secret easily adds.
fn key_from(bytes: &[u8]) -> Option<SecretString> {
    let text = std::str::from_utf8(bytes).ok()?.trim();
    let sendable = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    sendable.then(|| SecretString::from(text.to_owned()))
}

fn params() -> PatchParams {
    PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() }
}

async fn within<T>(action: &'static str, call: impl Future<Output = kube::Result<T>>) -> Result<T, Error> {
    match tokio::time::timeout(DEADLINE, call).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(source)) => Err(Error::Api { action, source: Box::new(source) }),
        Err(_) => Err(Error::Deadline { action }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(code: u16, message: &str) -> Error {
        let status = kube::core::Status { code, ..kube::core::Status::failure(message, "InternalError") };
        Error::Api { action: "write", source: Box::new(kube::Error::Api(Box::new(status))) }
    }

    #[test]
    fn trouble_that_every_object_has_is_told_from_trouble_of_one() {
        for (code, message, is_its_own) in [
            (500, "etcdserver: request is too large", true),
            (500, "rpc error: code = ResourceExhausted desc = trying to send message larger than max (2100000 vs. 2097152)", true),
            (422, "status.group.creationTime: Invalid value", true),
            (403, "admission webhook \"w\" denied the request: no", true),
            (500, "etcdserver: mvcc: database space exceeded", false),
            (500, "etcdserver: request timed out", false),
            (500, "Internal error occurred: failed calling webhook \"w\": connection refused", false),
            (403, "digitaltwinconsents.twinconsent.io is forbidden", false),
            (503, "apiserver is shutting down", false),
            (429, "too many requests", false),
        ] {
            assert_eq!(answered(code, message).is_about_the_object(), is_its_own, "{message}");
        }
        assert!(!Error::Deadline { action: "write" }.is_about_the_object());
    }

    #[test]
    fn what_a_command_printed_that_was_to_log_in_is_not_told() {
        let out = std::process::Command::new("sh").args(["-c", "echo t0ken; echo pa55 >&2; exit 3"]).output().unwrap();
        let shown = in_short(&kube::Error::Auth(AuthError::AuthExecRun { cmd: "login".to_owned(), out: Box::new(out) }));
        assert_eq!(shown, "the kubeconfig's command could not log in (exit status: 3)");
    }
}
