//! Where the API server is, and by which way.

use std::str::FromStr;

use kube::config::{InferConfigError, Kubeconfig};
use thiserror::Error;

use crate::process::proxies::Proxy;

/// The cluster could not be found, or not by a way that we know.
#[derive(Debug, Error)]
pub enum ConnectionError {
    /// There is neither a kubeconfig nor a service account.
    #[error("cannot find a cluster: set KUBECONFIG, or run inside one")]
    NotFound(#[from] InferConfigError),
    /// The kubeconfig names a proxy of another kind. The URL is not repeated: a password may stand in it.
    #[error("the kubeconfig's proxy-url is neither an http:// nor an https:// URL of a proxy, with what is special in a password escaped")]
    Proxy,
    /// No client can be made of it: the certificates are unusable, or the login fails.
    // As text: the source of an error is often told with it, and would tell what the login command printed.
    #[error("cannot talk to the cluster: {0}")]
    Unusable(String),
}

/// The cluster as kubectl finds it: `KUBECONFIG`, `~/.kube/config`, or the service account of the pod.
///
/// The proxies of the environment are for HeyGen alone. kube takes them for the API server of a kubeconfig, though not for that of a
/// pod, and asks `NO_PROXY` about the proxy instead of about the API server; so whoever needs a proxy to reach HeyGen would lose the
/// cluster. The kubeconfig itself may name one, as `proxy-url`.
///
/// # Errors
///
/// When there is no cluster, or its proxy is of a kind that we do not speak.
pub async fn find() -> Result<kube::Config, ConnectionError> {
    let mut config = kube::Config::infer().await?;
    if let Some(proxy) = &config.proxy_url {
        let clusters = Kubeconfig::read().map(|kubeconfig| kubeconfig.clusters).unwrap_or_default();
        let mut named = clusters.into_iter().filter_map(|cluster| cluster.cluster?.proxy_url);
        match named.find(|named| is_written(proxy, named)) {
            // What stands behind an unescaped `#` was dropped, and with it the host.
            Some(named) if !Proxy::is_one(&named) => return Err(ConnectionError::Proxy),
            Some(_) => {}
            None => config.proxy_url = None,
        }
    }
    match config.proxy_url.as_ref().map(|proxy| proxy.scheme_str()) {
        None | Some(Some("http" | "https")) => Ok(config),
        Some(_) => Err(ConnectionError::Proxy),
    }
}

/// A client of the cluster.
///
/// # Errors
///
/// When none can be made of what the kubeconfig says.
pub fn client(config: kube::Config) -> Result<kube::Client, ConnectionError> {
    kube::Client::try_from(config).map_err(|error| ConnectionError::Unusable(super::in_short(&error)))
}

fn is_written<T: FromStr + PartialEq>(value: &T, text: &str) -> bool {
    text.parse::<T>().is_ok_and(|parsed| parsed == *value)
}
