//! What the return page is answered with, and what is written of landings.
//!
//! Every replica answers, also one that stands by: the watches show it the same objects. A visit costs one search in memory, however often
//! it comes; and so many landings are written a second (`PACE`).

mod keys;

use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt as _;
use tokio::sync::Semaphore;
use tokio::time::MissedTickBehavior;

use crate::process::clock;
use crate::process::metrics::LandingResult;
use crate::process::server::return_page::{Reply, Visit};
use crate::runtime::context::Context;
use crate::runtime::landings::Queue;
use twinconsent_core::api::consent::DigitalTwinConsent;
use twinconsent_core::api::uid::Uid;
use twinconsent_core::consent::landing::{Answer, answer, is_landing};

pub(crate) use keys::follow;

/// How long after one landing the next one is written: at most 20 a second.
const PACE: Duration = Duration::from_millis(50);

/// How many are written at once.
const AT_ONCE: usize = 8;

/// What is told of a landing that could not be written.
const LANDING: &str = "could not note that a person came back";

/// What a visit is answered with.
pub(crate) fn visited(visit: Visit, context: &Context) -> Reply {
    let (uid, is_complete) = context.landings.find(visit.token);
    let found = uid.and_then(|uid| Some((uid, context.store.copy(uid)?)));
    let found = found.filter(|(_, consent)| context.landings.is_of(visit.token, consent));
    let now = clock::now();
    match &found {
        Some((uid, consent)) => {
            if visit.counts && is_landing(consent, visit.renewals, now) && !context.landings.hand_in(*uid) {
                context.metrics.landing(LandingResult::Dropped);
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
        Err(error) => drop(context.complaints.tell(LANDING, of, error)),
    }
}
