//! Lists and watches the objects of one kind, in bounded memory, and notices when the cluster has become another.
//!
//! ```text
//!   begin ──▶ page ──▶ page … ──▶ watch ──▶ (ended) is the history the same? ──▶ watch …
//!     ▲                             │                      │
//!     └── 410, or the history is another ──────────────────┘
//! ```
//!
//! A list comes by pages, each of which is read while the one before is told. A page is read no further than `PAGE_CAP`: one that is
//! larger is asked for again with half as many objects (`page`).
//!
//! A cluster that was restored from a backup goes on from an earlier version, and the API server accepts a watch from a version that it
//! has not reached yet and says nothing. So every minute, and whenever a watch has ended, a list of one object is made to see whether the
//! versions still grow ([`history`]).
//!
//! Rejected: kube's watcher. It reads a page of a list as a whole, however large, and does not tell which versions it has seen.
//!
//! Rejected: streamed lists (`sendInitialEvents`). The API server flushes each object by itself, which costs it half as much again as pages,
//! and says up to a second later that the list is at its end.

pub mod history;
mod list;
mod page;

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use kube::Client;
use kube::api::{Api, WatchEvent, WatchParams};
use kube::runtime::watcher::{Error, Event};
use tokio::time::{Instant, timeout};

use crate::kubernetes::decoding::{Kind, Slim};
use history::History;
use list::{Page, Reading, broken, within};
use page::PageSize;

/// How long the API server keeps a watch open.
const WATCH_FOR: u32 = 290;

/// How long a watch is believed to be there that shows nothing, not even its end.
const SILENCE: Duration = Duration::from_secs(WATCH_FOR as u64 + 5);

/// How long after a list was asked for its beginning is still told; later it is asked for anew.
const BEGINNING_STAYS_FRESH: Duration = Duration::from_secs(1);

/// How often it is seen whether the cluster's history is still the same.
const PROBE_EVERY: Duration = Duration::from_secs(60);

/// A watch that ends sooner than this is followed by a pause.
const SHORT: Duration = Duration::from_secs(1);

/// What a watch tells.
pub enum Change<K> {
    /// What was remembered of the versions of these objects is about another history: what follows shows everything anew.
    Forget,
    /// An object, or the beginning or the end of a list.
    Event(Event<Slim<K>>),
    /// Everything up to this version was told. It is told before the end of a list.
    Reached(u64),
}

/// What is told next.
enum Pending<K> {
    Change(Change<K>),
    /// An object of a list, a part of its page's text: decoded once it is told.
    Listed(Bytes),
}

type Watched<K> = BoxStream<'static, kube::Result<WatchEvent<Slim<K>>>>;

#[derive(Default)]
enum State<K: Kind> {
    /// Also after a failure: the list begins anew.
    #[default]
    Begin,
    /// A page follows, which is asked for when what came before begins to be told.
    Followed {
        next: String,
    },
    /// The next page is being read.
    Paging {
        next: Option<String>,
        page: Reading,
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
pub struct Watcher<K: Kind> {
    api: Api<Slim<K>>,
    client: Client,
    labels: Option<String>,
    history: History,
    epoch: u32,
    size: PageSize,
    /// Whether what follows is another history than what was told.
    forget: bool,
    pending: VecDeque<Pending<K>>,
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
        if let State::Followed { next } = &mut self.state {
            let next = std::mem::take(next);
            self.state = self.paging(Some(next));
        }
        loop {
            match self.pending.pop_front() {
                Some(Pending::Change(change)) => return Ok(change),
                Some(Pending::Listed(text)) => return self.decode(&text),
                None => {}
            }
            // What is under way when this is dropped is lost with the watcher.
            match std::mem::take(&mut self.state) {
                State::Begin => self.begin().await?,
                State::Followed { next } => self.state = self.paging(Some(next)),
                State::Paging { next, page } => self.go_on_paging(next, page).await?,
                State::Listed { version } => self.start(version).await?,
                State::Resume { version } => self.resume(version).await?,
                State::Watching { version, stream, since, probe_at } => self.go_on_watching(version, stream, since, probe_at).await?,
            }
        }
    }

    async fn begin(&mut self) -> Result<(), Error> {
        self.epoch = self.history.epoch();
        let page = self.read(None);
        self.go_on_paging(None, page).await
    }

    fn tell_beginning(&mut self) {
        let forget = std::mem::take(&mut self.forget).then_some(Change::Forget);
        self.pending.extend(forget.into_iter().chain([Change::Event(Event::Init)]).map(Pending::Change));
    }

    async fn go_on_paging(&mut self, next: Option<String>, page: Reading) -> Result<(), Error> {
        match page.await.map_err(Error::InitialListFailed)? {
            Some(page) => {
                if next.is_none() {
                    self.tell_beginning();
                }
                self.size.took(page.bytes);
                self.take(page);
            }
            // A smaller page there is not; etcd takes no such object.
            None if self.size.is_least() => return Err(Error::InitialListFailed(broken("an object is too large"))),
            None => {
                self.size.was_too_large();
                self.state = self.paging(next);
            }
        }
        Ok(())
    }

    /// Asks for the page that follows, or for the first one.
    fn paging(&self, next: Option<String>) -> State<K> {
        State::Paging { page: self.read(next.clone()), next }
    }

    fn take(&mut self, page: Page) {
        self.pending.extend(page.objects.into_iter().map(Pending::Listed));
        if let Some(next) = page.next {
            self.state = State::Followed { next };
            return;
        }
        let version = page.version;
        self.tell_end(&version);
        // What was listed is told before the watch is there, which misses nothing: it begins at this version, however late.
        self.state = State::Listed { version };
    }

    fn decode(&mut self, text: &[u8]) -> Result<Change<K>, Error> {
        Slim::read(&String::from_utf8_lossy(text)).map(|object| Change::Event(Event::InitApply(object))).map_err(|error| {
            self.pending.clear();
            self.state = State::Begin;
            Error::InitialListFailed(kube::Error::SerdeError(error))
        })
    }

    fn tell_end(&mut self, version: &str) {
        self.history.note(self.epoch, version);
        self.tell_reached(version);
        self.pending.push_back(Pending::Change(Change::Event(Event::InitDone)));
    }

    fn tell_reached(&mut self, version: &str) {
        self.pending.extend(version.parse().ok().map(|version| Pending::Change(Change::Reached(version))));
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
        self.pending.extend(event.map(|event| Pending::Change(Change::Event(event))));
        self.tell_reached(&version);
        self.state = State::Watching { version, stream, since, probe_at };
        Ok(())
    }
}

fn watching<K: Kind>(version: String, stream: Watched<K>) -> State<K> {
    let now = Instant::now();
    State::Watching { version, stream, since: now, probe_at: now + PROBE_EVERY }
}

#[cfg(test)]
mod tests;
