//! One request for a list, in bounded time and memory.

use std::time::Duration;

use futures::AsyncReadExt as _;
use kube::Client;
use kube::api::ListParams;
use kube::core::request::Request;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::timeout;

/// How long one request for a list, or for the beginning of a watch, may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// A page as the API server writes it; the objects are not read yet.
#[derive(Deserialize)]
pub(super) struct PageText<'a> {
    #[serde(default)]
    pub(super) metadata: PageMetadata,
    #[serde(borrow, default)]
    pub(super) items: Vec<&'a RawValue>,
}

/// What stands above the objects.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PageMetadata {
    pub(super) resource_version: String,
    pub(super) r#continue: Option<String>,
}

/// The text of a list; `None` when it is longer than `cap`.
pub(super) async fn list(client: &Client, path: &str, params: &ListParams, cap: u64) -> kube::Result<Option<Vec<u8>>> {
    let request = Request::new(path).list(params).map_err(kube::Error::BuildRequest)?;
    within(async {
        let mut text = Vec::new();
        let body = std::pin::pin!(client.request_stream(request).await?);
        body.take(cap + 1).read_to_end(&mut text).await.map_err(kube::Error::ReadEvents)?;
        Ok((text.len() as u64 <= cap).then_some(text))
    })
    .await
}

/// A call, given up after some time.
pub(super) async fn within<T>(call: impl Future<Output = kube::Result<T>>) -> kube::Result<T> {
    timeout(DEADLINE, call).await.unwrap_or_else(|_| Err(broken("no answer in time")))
}

/// An error that the API server did not tell.
pub(super) fn broken(what: &'static str) -> kube::Error {
    kube::Error::Service(what.into())
}
