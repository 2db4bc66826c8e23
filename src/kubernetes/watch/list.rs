//! What is asked of a list, in bounded time and memory: a page of it, and whether it is still the same cluster's.

use std::pin::Pin;
use std::task::{self, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::AsyncReadExt as _;
use kube::Client;
use kube::api::ListParams;
use kube::core::ListMeta;
use kube::core::request::Request;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::Watcher;
use crate::kubernetes::decoding::Kind;

/// How long one request for a list, or for the beginning of a watch, may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// The largest page that is read, in bytes.
const PAGE_CAP: u64 = 8 << 20;

/// The largest object that is read from a list, in bytes; etcd takes 1.5 MiB of it, which JSON may spell longer.
const OBJECT_CAP: u64 = 32 << 20;

/// A page that was read; its objects are not decoded yet.
pub(super) struct Page {
    pub(super) objects: Vec<Bytes>,
    /// What the page after it is asked for by.
    pub(super) next: Option<String>,
    /// The version of the list.
    pub(super) version: String,
    /// How long the text was.
    pub(super) bytes: usize,
}

/// What is read of a list.
#[derive(Deserialize)]
struct List<'a> {
    metadata: ListMeta,
    #[serde(borrow, default)]
    items: Vec<&'a RawValue>,
}

impl Page {
    /// Of the text of a list. The objects are parts of it and no copies, which would leave holes in the memory among what is kept.
    fn of(text: Vec<u8>) -> kube::Result<Self> {
        let text = Bytes::from(text);
        let List { metadata, items } = serde_json::from_slice(&text).map_err(kube::Error::SerdeError)?;
        let objects = items.into_iter().map(|object| text.slice_ref(object.get().as_bytes())).collect();
        let next = metadata.continue_.filter(|next| !next.is_empty());
        Ok(Self { objects, next, version: metadata.resource_version.unwrap_or_default(), bytes: text.len() })
    }
}

/// A page that is being read, beside what its reader does meanwhile; dropping this ends it.
pub(super) struct Reading(AbortOnDropHandle<kube::Result<Option<Page>>>);

impl Future for Reading {
    /// `None` when the page is too large.
    type Output = kube::Result<Option<Page>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut task::Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|read| read.unwrap_or_else(|_| Err(broken("the reading of a page has failed"))))
    }
}

impl<K: Kind> Watcher<K> {
    /// Begins to read a page: the first one, or the one that follows.
    pub(super) fn read(&self, next: Option<String>) -> Reading {
        let (limit, cap) = (self.size.limit(), if self.size.is_least() { OBJECT_CAP } else { PAGE_CAP });
        let params = ListParams { label_selector: self.labels.clone(), continue_token: next, limit: Some(limit), ..ListParams::default() };
        let (client, path) = (self.client.clone(), self.api.resource_url().to_owned());
        let page = async move {
            let Some(text) = list(&client, &path, &params, cap).await? else {
                tracing::debug!(kind = %K::kind(&()), limit, "a page was too large; it is asked for again with fewer objects");
                return Ok(None);
            };
            let page = Page::of(text)?;
            tracing::debug!(kind = %K::kind(&()), bytes = page.bytes, more = page.next.is_some(), "a page was read");
            Ok(Some(page))
        };
        Reading(AbortOnDropHandle::new(tokio::spawn(page)))
    }

    /// Whether the cluster's history is another one than that of what this watch has shown.
    pub(super) async fn is_another_cluster(&mut self) -> kube::Result<bool> {
        let (epoch, newest) = (self.history.epoch(), self.history.newest());
        if epoch != self.epoch {
            return Ok(true);
        }
        // Without labels, which the API server would search among all objects; any one will do.
        let text = list(&self.client, self.api.resource_url(), &ListParams::default().limit(1), OBJECT_CAP).await?.unwrap_or_default();
        let is_another = self.history.judge(epoch, newest, &Page::of(text)?.version);
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
        // It is kept until all of it was told.
        text.shrink_to_fit();
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
