//! Persons who come back: which token is whose, what is answered, and what is noted of it.
//!
//! Every replica answers, also one that stands by: the watches show it the same objects. What a visit costs is bounded whoever makes it and
//! however often: one search in memory; and of landings that are worth a note so many wait at once ([`WAITING`]), so many are written a
//! second ([`PACE`]), and each object's at most once in half a minute.

mod index;
mod keys;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt as _;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::MissedTickBehavior;

use crate::kubernetes;
use crate::process::clock;
use crate::process::config::ReturnPage;
use crate::process::metrics::LandingResult;
use crate::process::server::return_page::{Reply, Visit};
use crate::runtime::context::Context;
use index::Index;
use twinconsent_core::api::consent::DigitalTwinConsent;
use twinconsent_core::api::uid::{Uid, uid};
use twinconsent_core::consent::landing::{Answer, Keys, Subject, Token, answer, is_landing};
use twinconsent_core::consent::polling;
use twinconsent_core::consent::request::{Content, Request};

pub(crate) use keys::follow;

/// How many landings may wait to be written.
const WAITING: usize = 256;

/// How long after one landing the next one is written: at most 20 a second.
const PACE: Duration = Duration::from_millis(50);

/// How many are written at once.
const AT_ONCE: usize = 8;

/// How soon a landing of the same object is handed in again.
const AGAIN: Duration = Duration::from_secs(30);

/// How long the first request may wait for the key: without it, HeyGen is told no address of ours.
const FIRST_KEY: Duration = Duration::from_secs(5);

/// What is told of a landing that could not be written.
const LANDING: &str = "could not note that a person came back";

/// What is known of the return page.
#[derive(Debug)]
pub struct Landings {
    page: Option<ReturnPage>,
    index: Mutex<Index>,
    /// Whether there is a key.
    has_key: watch::Sender<bool>,
    queue: mpsc::Sender<Uid>,
    /// When landings were handed in a moment ago, by the steady clock.
    recent: Mutex<HashMap<Uid, Timestamp>>,
}

/// The landings that are to be written.
pub(crate) type Queue = mpsc::Receiver<Uid>;

impl Landings {
    /// Those of a process with this return page, if any; and what is to be written of them.
    #[must_use]
    pub fn new(page: Option<ReturnPage>) -> (Self, mpsc::Receiver<Uid>) {
        let (queue, landings) = mpsc::channel(WAITING);
        let (has_key, _) = watch::channel(false);
        (Self { page, index: Mutex::default(), has_key, queue, recent: Mutex::default() }, landings)
    }

    /// Waits until there is a key, if there is to be one, but not for long.
    pub(crate) async fn key_is_known(&self) {
        if self.page.is_some() {
            let mut has_key = self.has_key.subscribe();
            let _ = tokio::time::timeout(FIRST_KEY, has_key.wait_for(|has_key| *has_key)).await;
        }
    }

    /// What HeyGen is sent for a request: its content, which leads the person to the return page if there is one.
    ///
    /// The idempotency key names the content of the spec, so that neither another key nor another address makes another request of it.
    #[must_use]
    pub(crate) fn content<'a>(&self, consent: &DigitalTwinConsent, request: &'a Request) -> Cow<'a, Content> {
        let address = self.page.as_ref().filter(|_| request.content.consent_video.is_none()).and_then(|page| {
            let keys = self.with(|index| index.keys())?;
            Some(address(page, keys.current.token(&Subject::of(consent, request.epoch))))
        });
        match address {
            Some(address) => Cow::Owned(Content { reroute_url: Some(address), ..request.content.clone() }),
            None => Cow::Borrowed(&request.content),
        }
    }

    /// Notes an object as the watch shows it now, and as it was before.
    pub(crate) fn note(&self, before: Option<&DigitalTwinConsent>, consent: &DigitalTwinConsent) {
        if let Some(uid) = uid(consent).filter(|_| self.page.is_some()) {
            self.with(|index| index.replace(uid, before.and_then(Subject::asked), Subject::asked(consent)));
        }
    }

    /// Whether objects are to be noted as they were before, too.
    pub(crate) fn is_kept(&self) -> bool {
        self.page.is_some()
    }

    /// Forgets an object that is gone.
    pub(crate) fn forget(&self, consent: &DigitalTwinConsent) {
        if let Some(uid) = uid(consent).filter(|_| self.page.is_some()) {
            self.with(|index| index.replace(uid, Subject::asked(consent), None));
        }
    }

    /// Takes keys into use, and makes the tokens of all objects anew.
    fn use_keys(&self, keys: Keys, context: &Context) {
        if self.with(|index| index.keys()) == Some(keys) {
            return;
        }
        self.with(|index| index.begin(keys));
        for uid in context.store.all() {
            let Some(consent) = context.store.copy(uid) else { continue };
            self.with(|index| index.replace(uid, None, Subject::asked(&consent)));
        }
        self.with(Index::complete);
        self.has_key.send_replace(true);
    }

    fn with<T>(&self, of: impl FnOnce(&mut Index) -> T) -> T {
        of(&mut self.index.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a landing is to be handed in: none of the object was a moment ago.
    fn is_first(&self, uid: Uid) -> bool {
        let now = clock::steady();
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.retain(|_, at| polling::since(*at, now) < AGAIN);
        !recent.contains_key(&uid)
    }

    /// Hands a landing in, to be written soon.
    fn hand_in(&self, uid: Uid, context: &Context) {
        if !self.is_first(uid) {
            return;
        }
        match self.queue.try_send(uid) {
            Ok(()) => drop(self.recent.lock().unwrap_or_else(PoisonError::into_inner).insert(uid, clock::steady())),
            Err(_) => context.metrics.landing(LandingResult::Dropped),
        }
    }
}

fn address(page: &ReturnPage, token: Token) -> String {
    format!("{}/{}", page.url.as_str().trim_end_matches('/'), token.expose())
}

/// What a visit is answered with.
pub(crate) fn visited(visit: Visit, context: &Context) -> Reply {
    let landings = &context.landings;
    let (uid, is_complete) = landings.with(|index| (visit.token.and_then(|token| index.find(token)), index.is_complete()));
    let found = uid.and_then(|uid| Some((uid, context.store.copy(uid)?)));
    let now = clock::now();
    match &found {
        Some((uid, consent)) => {
            if visit.counts && is_landing(consent, visit.renewals, now) {
                landings.hand_in(*uid, context);
            }
            match answer(consent, now) {
                Answer::Redirect(url) => Reply::Redirect(url.to_owned()),
                Answer::Page(state) => Reply::State(state),
                Answer::Unknown => Reply::Unknown,
            }
        }
        None if is_complete && *context.synced.borrow() => Reply::Unknown,
        None => Reply::NotReady,
    }
}

/// Writes landings until the process is to end.
pub(crate) async fn write(mut queue: Queue, context: Arc<Context>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut pace = tokio::time::interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let stopping = context.stopping.clone();
    let writing = async {
        while let Some(uid) = queue.recv().await {
            pace.tick().await;
            let Ok(place) = places.clone().acquire_owned().await else { return };
            let context = context.clone();
            tokio::spawn(async move {
                context.stopping.run_until_cancelled(write_one(uid, &context)).await;
                drop(place);
            });
        }
    };
    stopping.run_until_cancelled(writing).await;
}

async fn write_one(uid: Uid, context: &Context) {
    let Some(consent) = context.store.copy(uid) else { return };
    let now = clock::now();
    // It may have waited a moment.
    let still = |consent: &DigitalTwinConsent| is_landing(consent, 0, now);
    let written = if still(&consent) { context.cluster.note_landing(&consent, now, still).await } else { Ok(LandingResult::Needless) };
    let of = format!("{}/{}", consent.namespace().unwrap_or_default(), consent.name_any());
    context.metrics.landing(*written.as_ref().unwrap_or(&LandingResult::Failed));
    match written {
        Ok(_) => context.complaints.settle(LANDING, of),
        Err(error) => drop(complain(of, &error, context)),
    }
}

fn complain(of: String, error: &kubernetes::Error, context: &Context) -> Duration {
    context.complaints.tell(LANDING, of, error)
}
