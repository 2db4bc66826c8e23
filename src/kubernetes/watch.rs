//! Lists and watches the objects of one kind, in bounded memory, and notices when the cluster has become another.
//!
//! ```text
//!            ┌── one page, where that is all ───────────────┐
//!   begin ──▶┼── streamed, where the API server allows it ──┼──▶ watch ──▶ (ended) is the history the same? ──▶ watch …
//!     ▲      └── by pages of at most 8 MB ──────────────────┘      │                      │
//!     └──────────────── 410, or the history is another ────────────┴──────────────────────┘
//! ```
//!
//! A list that is longer than a page is streamed object by object if the API server lets it be (Kubernetes 1.34 does by itself; 1.32 and
//! 1.33 as they are set up), so that only one object is in memory at a time. Elsewhere it comes by pages, which are read no further than
//! `PAGE_CAP`: a page that is larger is asked for again with half as many objects (`page`).
//!
//! A cluster that was restored from a backup goes on from an earlier version, and the API server accepts a watch from a version that it
//! has not reached yet and says nothing. So every minute, and whenever a watch has ended, a list of one object is made to see whether the
//! versions still grow ([`history`]).
//!
//! Rejected: kube's watcher. It reads a page of a list as a whole, however large, does not go back to pages where lists are not
//! streamed, and does not tell which versions it has seen.
//!
//! Rejected: pages everywhere. 100,000 objects were there after 14 s, and after 17 s by a stream, but minutes after the last write it took 41
//! to 53 s, presumably since the API server then reads each page from etcd; and it counts what is left of a list with each page.

pub mod history;
mod list;
mod page;

use std::collections::VecDeque;
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use kube::Client;
use kube::api::{Api, WatchEvent, WatchParams};
use kube::core::ObjectList;
use kube::runtime::watcher::{Error, Event};
use tokio::time::{Instant, timeout};

use crate::kubernetes::decoding::{Kind, Slim};
use history::History;
use list::{broken, is_followed, within};
use page::PageSize;

/// How long the API server keeps a watch open.
const WATCH_FOR: u32 = 290;

/// How long a watch is believed to be there that shows nothing, not even its end.
const SILENCE: Duration = Duration::from_secs(WATCH_FOR as u64 + 5);

/// How long after a list was asked for its beginning is still told; later it is asked for anew.
const BEGINNING_STAYS_FRESH: Duration = Duration::from_secs(1);

/// How long a list may pause while it is streamed.
const LIST_SILENCE: Duration = Duration::from_secs(30);

/// How often it is seen whether the cluster's history is still the same.
const PROBE_EVERY: Duration = Duration::from_secs(60);

/// A watch that ends sooner than this is followed by a pause.
const SHORT: Duration = Duration::from_secs(1);

/// How many times in a row a streamed list may fail before the list comes by pages.
const STREAM_TRIES: u32 = 2;

/// What a watch tells.
pub enum Change<K> {
    /// What was remembered of the versions of these objects is about another history: what follows shows everything anew.
    Forget,
    /// An object, or the beginning or the end of a list.
    Event(Event<Slim<K>>),
    /// Everything up to this version was told. It is told before the end of a list.
    Reached(u64),
}

type Watched<K> = BoxStream<'static, kube::Result<WatchEvent<Slim<K>>>>;

#[derive(Default)]
enum State<K> {
    /// Also after a failure: the list begins anew.
    #[default]
    Begin,
    Streaming {
        stream: Watched<K>,
    },
    Paging {
        next: Option<String>,
    },
    Listed {
        version: String,
    },
    Resume {
        version: String,
    },
    Watching {
        version: String,
        stream: Watched<K>,
        since: Instant,
        probe_at: Instant,
    },
}

/// One list and watch, and what it has been shown and not told yet.
pub struct Watcher<K> {
    api: Api<Slim<K>>,
    client: Client,
    labels: Option<String>,
    history: History,
    epoch: u32,
    size: PageSize,
    stream_failures: u32,
    /// Whether what follows is another history than what was told.
    forget: bool,
    pending: VecDeque<Change<K>>,
    state: State<K>,
    /// When the beginning was asked for that is not told yet.
    begun_at: Option<Instant>,
}

impl<K: Kind> Watcher<K> {
    /// Of these objects; nothing was asked for yet.
    pub fn new(api: Api<Slim<K>>, labels: Option<String>, history: History) -> Self {
        Self {
            client: api.clone().into_client(),
            api,
            labels,
            history,
            epoch: 0,
            size: PageSize::default(),
            stream_failures: 0,
            forget: false,
            pending: VecDeque::new(),
            state: State::Begin,
            begun_at: None,
        }
    }

    /// Asks for the beginning of the list. If it cannot be had, it is asked for again by [`watch`](Self::watch), which tells why.
    pub async fn begun(mut self) -> Self {
        self.begun_at = Some(Instant::now());
        let _ = self.begin().await;
        self
    }

    /// Lists and watches for ever. After an error it goes on when it is polled again, after a pause if the caller is wise.
    pub fn watch(self) -> impl Stream<Item = Result<Change<K>, Error>> + Send {
        futures::stream::unfold(self, async |mut watcher| {
            let pending = watcher.next().await;
            Some((pending, watcher))
        })
    }

    async fn next(&mut self) -> Result<Change<K>, Error> {
        if self.begun_at.take().is_some_and(|begun| begun.elapsed() > BEGINNING_STAYS_FRESH) {
            self.pending.clear();
            self.state = State::Begin;
        }
        loop {
            if let Some(pending) = self.pending.pop_front() {
                return Ok(pending);
            }
            // What is under way when this is dropped is lost with the watcher.
            match std::mem::take(&mut self.state) {
                State::Begin => self.begin().await?,
                State::Streaming { stream } => self.go_on_streaming(stream).await?,
                State::Paging { next } => self.read_page(next).await?,
                State::Listed { version } => self.start(version).await?,
                State::Resume { version } => self.resume(version).await?,
                State::Watching { version, stream, since, probe_at } => self.go_on_watching(version, stream, since, probe_at).await?,
            }
        }
    }

    /// Begins with a page. A short list is complete then; the end of a streamed one is told with the API server's next bookmark, up to a
    /// second later.
    async fn begin(&mut self) -> Result<(), Error> {
        self.epoch = self.history.epoch();
        match self.page(None).await.map_err(Error::InitialListFailed)? {
            Some(page) if !is_followed(&page) || !self.may_stream() => {
                self.tell_beginning();
                self.take_page(page);
            }
            _ if self.may_stream() => return self.begin_to_stream().await,
            _ => {
                self.tell_beginning();
                self.state = State::Paging { next: None };
            }
        }
        Ok(())
    }

    fn may_stream(&self) -> bool {
        self.stream_failures < STREAM_TRIES
    }

    async fn begin_to_stream(&mut self) -> Result<(), Error> {
        let params = WatchParams { label_selector: self.labels.clone(), timeout: Some(WATCH_FOR), ..WatchParams::streaming_lists() };
        // Without a version: what is shown is at least as new as the moment of the request.
        match within(self.api.watch(&params, "")).await {
            Ok(stream) => {
                self.tell_beginning();
                self.state = State::Streaming { stream: stream.boxed() };
                Ok(())
            }
            Err(kube::Error::Api(status)) if matches!(status.code, 400 | 422) => {
                tracing::debug!(kind = %K::kind(&()), "the API server does not stream lists; they are read by pages");
                self.stream_failures = STREAM_TRIES;
                Ok(())
            }
            Err(error) => Err(Error::WatchStartFailed(error)),
        }
    }

    fn tell_beginning(&mut self) {
        self.pending.extend(std::mem::take(&mut self.forget).then_some(Change::Forget));
        self.pending.push_back(Change::Event(Event::Init));
    }

    async fn go_on_streaming(&mut self, mut stream: Watched<K>) -> Result<(), Error> {
        let failed = match timeout(LIST_SILENCE, stream.next()).await {
            Ok(Some(Ok(WatchEvent::Added(object) | WatchEvent::Modified(object)))) => {
                self.pending.push_back(Change::Event(Event::InitApply(object)));
                self.state = State::Streaming { stream };
                return Ok(());
            }
            Ok(Some(Ok(WatchEvent::Bookmark(mark)))) if mark.metadata.annotations.contains_key("k8s.io/initial-events-end") => {
                self.stream_failures = 0;
                let version = mark.metadata.resource_version;
                self.tell_end(&version);
                self.state = watching(version, stream);
                return Ok(());
            }
            Ok(Some(Ok(WatchEvent::Bookmark(_) | WatchEvent::Deleted(_)))) => {
                self.state = State::Streaming { stream };
                return Ok(());
            }
            Ok(Some(Ok(WatchEvent::Error(status)))) => Error::WatchError(status),
            Ok(Some(Err(error))) => Error::WatchFailed(error),
            Ok(None) | Err(_) => Error::WatchFailed(broken("the list ended before it was complete")),
        };
        self.stream_failures += 1;
        Err(failed)
    }

    async fn read_page(&mut self, next: Option<String>) -> Result<(), Error> {
        match self.page(next.as_deref()).await.map_err(Error::InitialListFailed)? {
            Some(page) => self.take_page(page),
            // Too large; the next one will be smaller.
            None => self.state = State::Paging { next },
        }
        Ok(())
    }

    fn take_page(&mut self, page: ObjectList<Slim<K>>) {
        let is_followed = is_followed(&page);
        self.pending.extend(page.items.into_iter().map(|object| Change::Event(Event::InitApply(object))));
        if is_followed {
            self.state = State::Paging { next: page.metadata.continue_ };
            return;
        }
        let version = page.metadata.resource_version.unwrap_or_default();
        self.tell_end(&version);
        // What was listed is told before the watch is there, which misses nothing: it begins at this version, however late.
        self.state = State::Listed { version };
    }

    fn tell_end(&mut self, version: &str) {
        self.history.note(self.epoch, version);
        self.tell_reached(version);
        self.pending.push_back(Change::Event(Event::InitDone));
    }

    fn tell_reached(&mut self, version: &str) {
        self.pending.extend(version.parse().ok().map(Change::Reached));
    }

    /// Begins to watch again where the last watch has ended, if the cluster is still the same.
    async fn resume(&mut self, version: String) -> Result<(), Error> {
        match self.is_another_cluster().await {
            Ok(true) => {
                self.forget = true;
                Ok(())
            }
            Ok(false) => self.start(version).await,
            Err(error) => {
                self.state = State::Resume { version };
                Err(Error::WatchStartFailed(error))
            }
        }
    }

    async fn start(&mut self, version: String) -> Result<(), Error> {
        let params = WatchParams { label_selector: self.labels.clone(), timeout: Some(WATCH_FOR), ..WatchParams::default() };
        match within(self.api.watch(&params, &version)).await {
            Ok(stream) => {
                self.state = watching(version, stream.boxed());
                Ok(())
            }
            Err(error) => {
                self.go_on_after(matches!(&error, kube::Error::Api(status) if status.code == 410), version);
                Err(Error::WatchStartFailed(error))
            }
        }
    }

    /// After a watch has failed: from the beginning if its version is one of before, and else from there.
    fn go_on_after(&mut self, is_gone: bool, version: String) {
        if is_gone {
            self.forget = true;
        } else {
            self.state = State::Resume { version };
        }
    }

    async fn go_on_watching(&mut self, version: String, mut stream: Watched<K>, since: Instant, probe_at: Instant) -> Result<(), Error> {
        let next = tokio::select! {
            next = timeout(SILENCE, stream.next()) => next.unwrap_or_default(),
            () = tokio::time::sleep_until(probe_at) => {
                let probed = self.is_another_cluster().await;
                let probed = probed.inspect_err(|error| tracing::debug!(error = %crate::kubernetes::in_short(error), "the history could not be probed"));
                if probed.unwrap_or_default() {
                    self.forget = true;
                } else {
                    self.state = State::Watching { version, stream, since, probe_at: Instant::now() + PROBE_EVERY };
                }
                return Ok(());
            }
        };
        let (event, version) = match next {
            Some(Ok(WatchEvent::Added(object) | WatchEvent::Modified(object))) => {
                let reached = object.metadata().resource_version.clone().unwrap_or(version);
                (Some(Event::Apply(object)), reached)
            }
            Some(Ok(WatchEvent::Deleted(object))) => {
                let reached = object.metadata().resource_version.clone().unwrap_or(version);
                (Some(Event::Delete(object)), reached)
            }
            Some(Ok(WatchEvent::Bookmark(mark))) => (None, mark.metadata.resource_version),
            Some(Ok(WatchEvent::Error(status))) => {
                self.go_on_after(status.code == 410, version);
                return Err(Error::WatchError(status));
            }
            Some(Err(error)) => {
                self.state = State::Resume { version };
                return Err(Error::WatchFailed(error));
            }
            None => {
                self.state = State::Resume { version };
                let is_short = since.elapsed() < SHORT;
                return if is_short { Err(Error::WatchFailed(broken("the watch ended at once"))) } else { Ok(()) };
            }
        };
        if self.history.epoch() != self.epoch {
            self.forget = true;
            return Ok(());
        }
        self.history.note(self.epoch, &version);
        self.pending.extend(event.map(Change::Event));
        self.tell_reached(&version);
        self.state = State::Watching { version, stream, since, probe_at };
        Ok(())
    }
}

fn watching<K>(version: String, stream: Watched<K>) -> State<K> {
    let now = Instant::now();
    State::Watching { version, stream, since: now, probe_at: now + PROBE_EVERY }
}

#[cfg(test)]
mod tests;
