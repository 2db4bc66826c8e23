//! Persons who come back: which token leads to which object, and which landings are to be noted.
//!
//! What is kept is bounded by the objects that there are, and by how many landings may wait at once (`WAITING`); the landing of one object
//! is handed in at most once in half a minute.

mod index;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use crate::process::clock;
use crate::process::config::ReturnPage;
use crate::runtime::store::Store;
use index::Index;
use twinconsent_core::api::consent::DigitalTwinConsent;
use twinconsent_core::api::uid::{Uid, uid};
use twinconsent_core::consent::landing::{Keys, LANDS_AGAIN, Subject, Token};
use twinconsent_core::consent::polling;
use twinconsent_core::consent::request::{Content, Request};

/// How many landings may wait to be written.
const WAITING: usize = 256;

/// How long the first request may wait for the key: without it, HeyGen is told no address of ours.
const FIRST_KEY: Duration = Duration::from_secs(5);

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
    pub(crate) fn use_keys(&self, keys: Keys, store: &Store) {
        if self.with(|index| index.keys()) == Some(keys) {
            return;
        }
        self.with(|index| index.begin(keys));
        for uid in store.all() {
            // Copied under the lock: what the watch shows meanwhile is noted after it.
            self.with(|index| {
                if let Some(consent) = store.copy(uid) {
                    index.replace(uid, None, Subject::asked(&consent));
                }
            });
        }
        self.with(Index::complete);
        tracing::info!(previous = keys.previous.is_some(), "the keys of the return page are in use");
        self.has_key.send_replace(true);
    }

    fn with<T>(&self, of: impl FnOnce(&mut Index) -> T) -> T {
        of(&mut self.index.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a landing is to be handed in: none of the object was a moment ago.
    fn is_first(&self, uid: Uid) -> bool {
        let now = clock::steady();
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.retain(|_, at| polling::since(*at, now) < LANDS_AGAIN);
        !recent.contains_key(&uid)
    }

    /// Hands a landing in, to be written soon. Returns whether it is, or was a moment ago: not when too many wait.
    pub(crate) fn hand_in(&self, uid: Uid) -> bool {
        if !self.is_first(uid) {
            return true;
        }
        let has_room = self.queue.try_send(uid).is_ok();
        if has_room {
            self.recent.lock().unwrap_or_else(PoisonError::into_inner).insert(uid, clock::steady());
        }
        has_room
    }

    /// The object that a token leads to, if any; and whether it is known of all tokens.
    pub(crate) fn find(&self, token: Option<Token>) -> (Option<Uid>, bool) {
        self.with(|index| (token.and_then(|token| index.find(token)), index.is_complete()))
    }

    /// Whether this is a token of what the object has asked, as it is now.
    pub(crate) fn is_of(&self, token: Option<Token>, consent: &DigitalTwinConsent) -> bool {
        let (keys, subject) = (self.with(|index| index.keys()), Subject::asked(consent));
        keys.zip(subject).is_some_and(|(keys, subject)| keys.tokens(&subject).any(|its| Some(its) == token))
    }

    /// The return page, if there is one.
    pub(crate) fn page(&self) -> Option<&ReturnPage> {
        self.page.as_ref()
    }

    /// Whether there is a key.
    pub(crate) fn has_key(&self) -> bool {
        *self.has_key.borrow()
    }
}

fn address(page: &ReturnPage, token: Token) -> String {
    format!("{}/{}", page.url.as_str().trim_end_matches('/'), token.expose())
}
