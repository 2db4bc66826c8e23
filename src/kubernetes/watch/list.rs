//! What is asked of a list, in bounded time and memory: a page of it, and whether it is still the same cluster's.

use std::time::Duration;

use futures::AsyncReadExt as _;
use kube::Client;
use kube::api::ListParams;
use kube::core::ObjectList;
use kube::core::request::Request;
use tokio::time::timeout;

use super::Watcher;
use crate::kubernetes::decoding::{Kind, Slim};

/// How long one request for a list, or for the beginning of a watch, may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// The largest page that is read, in bytes.
const PAGE_CAP: u64 = 8 << 20;

/// The largest object that is read from a list, in bytes; etcd takes 1.5 MiB of it, which JSON may spell longer.
const OBJECT_CAP: u64 = 32 << 20;

impl<K: Kind> Watcher<K> {
    /// Reads a page; `None` when it is too large.
    pub(super) async fn page(&mut self, next: Option<&str>) -> kube::Result<Option<ObjectList<Slim<K>>>> {
        let params = ListParams { label_selector: self.labels.clone(), continue_token: next.map(str::to_owned), ..ListParams::default() };
        let (limit, cap) = (self.size.limit(), if self.size.is_least() { OBJECT_CAP } else { PAGE_CAP });
        let Some(text) = list(&self.client, self.api.resource_url(), &params.limit(limit), cap).await? else {
            self.size.was_too_large();
            tracing::debug!(kind = %K::kind(&()), limit, "a page was too large; it is asked for again with fewer objects");
            return Ok(None);
        };
        self.size.took(text.len());
        let page = serde_json::from_slice(&text).map_err(kube::Error::SerdeError)?;
        tracing::debug!(kind = %K::kind(&()), bytes = text.len(), more = is_followed(&page), "a page was read");
        Ok(Some(page))
    }

    /// Whether the cluster's history is another one than that of what this watch has shown.
    pub(super) async fn is_another_cluster(&mut self) -> kube::Result<bool> {
        let (epoch, newest) = (self.history.epoch(), self.history.newest());
        if epoch != self.epoch {
            return Ok(true);
        }
        // Without labels, which the API server would search among all objects; any one will do.
        let text = list(&self.client, self.api.resource_url(), &ListParams::default().limit(1), OBJECT_CAP).await?.unwrap_or_default();
        let page: ObjectList<Slim<K>> = serde_json::from_slice(&text).map_err(kube::Error::SerdeError)?;
        let is_another = self.history.judge(epoch, newest, &page.metadata.resource_version.unwrap_or_default());
        if is_another {
            tracing::warn!(kind = %K::kind(&()), "the cluster has gone back to an earlier version: everything is read anew");
        }
        Ok(is_another)
    }
}

/// The text of a list; `None` when it is longer than `cap`.
async fn list(client: &Client, path: &str, params: &ListParams, cap: u64) -> kube::Result<Option<Vec<u8>>> {
    let request = Request::new(path).list(params).map_err(kube::Error::BuildRequest)?;
    within(async {
        let mut text = Vec::new();
        let body = std::pin::pin!(client.request_stream(request).await?);
        body.take(cap + 1).read_to_end(&mut text).await.map_err(kube::Error::ReadEvents)?;
        Ok((text.len() as u64 <= cap).then_some(text))
    })
    .await
}

/// Whether another page follows.
pub(super) fn is_followed<K: Clone>(page: &ObjectList<K>) -> bool {
    page.metadata.continue_.as_ref().is_some_and(|next| !next.is_empty())
}

/// A call, given up after some time.
pub(super) async fn within<T>(call: impl Future<Output = kube::Result<T>>) -> kube::Result<T> {
    timeout(DEADLINE, call).await.unwrap_or_else(|_| Err(broken("no answer in time")))
}

/// An error that the API server did not tell.
pub(super) fn broken(what: &'static str) -> kube::Error {
    kube::Error::Service(what.into())
}
