//! Where the API server is, and by which way.

use std::str::FromStr;

use axum::http::Request;
use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::client::retry::RetryPolicy;
use kube::client::{Body, ConfigExt as _};
use kube::config::{InferConfigError, Kubeconfig};
use thiserror::Error;
use tower::retry::RetryLayer;
use tower::{BoxError, ServiceBuilder};

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
/// pod, and asks `NO_PROXY` about the proxy instead of about the API server; so an operator that needs a proxy to reach HeyGen would lose the
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
/// Its connections send what they have at once (`TCP_NODELAY`), which those of kube's own client do not: on a TLS session that is resumed,
/// the API server says nothing until the first request is there, and the kernel holds that back until what was sent before is
/// acknowledged, which takes 40 ms. A connection through a proxy is kube's own all the same.
///
/// # Errors
///
/// When none can be made of what the kubeconfig says.
pub fn client(config: kube::Config) -> Result<kube::Client, ConnectionError> {
    let client = if config.proxy_url.is_some() { kube::Client::try_from(config) } else { direct(&config) };
    client.map_err(|error| ConnectionError::Unusable(super::in_short(&error)))
}

/// As kube makes it, but for `TCP_NODELAY`; and what kube logs of each request is not logged: each caller tells of a failure.
fn direct(config: &kube::Config) -> Result<kube::Client, kube::Error> {
    let mut connector = TimeoutConnector::new(config.rustls_https_connector_with_connector(tcp())?);
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_read_timeout(config.read_timeout);
    connector.set_write_timeout(config.write_timeout);
    connector.set_reset_reader_on_write(config.reset_reader_on_write);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.default_retry.then(|| RetryLayer::new(RetryPolicy::server_retry())))
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_request(|request: Request<Body>| {
            tracing::trace!(method = %request.method(), path = request.uri().path(), "asking the API server");
            request
        })
        .map_err(BoxError::from)
        .service(hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector));
    Ok(kube::Client::new(service, config.default_namespace.clone()))
}

fn tcp() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp
}

fn is_written<T: FromStr + PartialEq>(value: &T, text: &str) -> bool {
    text.parse::<T>().is_ok_and(|parsed| parsed == *value)
}

#[cfg(test)]
mod tests {
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn a_connection_sends_what_it_has_at_once() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = format!("https://{}", listener.local_addr().unwrap()).parse().unwrap();
        assert!(tcp().oneshot(server).await.unwrap().inner().nodelay().unwrap());
    }
}
