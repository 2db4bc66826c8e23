//! The watches of the consents, and the loop that decides them: many, each rarely, at most so many at once.

use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt as _;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::Event;
use kube::{Api, Client, ResourceExt as _};
use tokio::sync::oneshot;
use tokio_util::task::JoinMap;
use tracing::Instrument as _;

use crate::kubernetes;
use crate::kubernetes::decoding::Slim;
use crate::kubernetes::undecodable::{Screen, Shown};
use crate::kubernetes::watch;
use crate::kubernetes::watch::Told;
use crate::process::clock;
use crate::process::metrics::{Kind, ReconcileResult};
use crate::runtime::context::{Context, RECONCILE, WATCH};
use crate::runtime::named_accounts;
use crate::runtime::reconcile;
use crate::runtime::store::Sighting;
use crate::runtime::work_queue::Cause;
use twinconsent_core::api::consent::DigitalTwinConsent;
use twinconsent_core::api::uid;
use twinconsent_core::api::uid::Uid;
use twinconsent_core::consent::polling;

/// The longest sleep between two looks at the alarms, and so how late it is noticed that the wall clock was set.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);

/// One watch of consents.
pub(crate) struct Watch {
    /// Its number, of those of this process.
    pub(crate) number: u16,
    /// What it watches; `None`: all namespaces.
    pub(crate) namespace: Option<String>,
    /// The label selector, if any.
    pub(crate) labels: Option<String>,
    /// Told once the first complete list was shown.
    pub(crate) listed: oneshot::Sender<()>,
}

/// Notes what the watch shows until the process is to end.
pub(crate) async fn watch(client: Client, watch: Watch, context: Arc<Context>) {
    let Watch { number, namespace, labels, listed } = watch;
    let mut screen = Screen::new(namespace.clone(), context.undecodables.clone());
    let of = format!("DigitalTwinConsents in {}", namespace.as_deref().unwrap_or("every namespace"));
    let api: Api<Slim<DigitalTwinConsent>> =
        namespace.map_or_else(|| Api::all(client.clone()), |name| Api::namespaced(client.clone(), &name));
    let mut told = std::pin::pin!(watch::watch(api, labels, context.consent_history.clone()).default_backoff());
    let (mut listed, mut shown, mut forgets) = (Some(listed), Sighting { watch: number, round: 0 }, false);
    loop {
        let told = tokio::select! {
            told = told.try_next() => told,
            () = context.stopping.cancelled() => return,
        };
        match told {
            Ok(None) => return,
            // Not before everything was listed: until then the copies at hand are those of the other history.
            Ok(Some(Told::Forget)) => forgets = true,
            Ok(Some(Told::Reached(version))) => context.roster.reached(number, version),
            Ok(Some(Told::Event(event))) => {
                context.complaints.settle(WATCH, &of);
                let is_list = matches!(event, Event::InitDone);
                if is_list && std::mem::take(&mut forgets) {
                    context.wake_consents(context.roster.forget_history(number, clock::steady()));
                }
                match screen.take_in(event) {
                    Shown::Event(event) => note(event, &mut shown, &context),
                    Shown::Undecodable(object) | Shown::Gone(object) => {
                        if let Some(uid) = uid::uid_of(&object.metadata) {
                            context.forget(uid);
                        }
                    }
                }
                if is_list && let Some(listed) = listed.take() {
                    let _ = listed.send(());
                }
            }
            Err(error) => drop(context.complaints.tell(WATCH, &of, error)),
        }
    }
}

fn note(event: Event<DigitalTwinConsent>, shown: &mut Sighting, context: &Arc<Context>) {
    match event {
        Event::Init => shown.round += 1,
        Event::InitApply(consent) => {
            note_one(&consent, *shown, context);
        }
        Event::Apply(consent) => {
            if let Some(uid) = note_one(&consent, *shown, context) {
                context.queue_up([uid], Cause::News);
            }
        }
        Event::InitDone => {
            for gone in context.roster.gone(*shown) {
                context.forget(gone);
            }
            // Also after the first list: what changed while the watch was away is known only by looking.
            context.wake_consents(context.roster.of_watch(shown.watch));
        }
        Event::Delete(consent) => {
            if let Some(uid) = uid::uid(&consent) {
                context.forget(uid);
            }
        }
    }
}

/// Notes one object. Returns it if there is something to decide.
fn note_one(consent: &DigitalTwinConsent, shown: Sighting, context: &Arc<Context>) -> Option<Uid> {
    let noted = context.roster.note(consent, shown)?;
    context.wake_consents(noted.moved);
    if let Some(account) = noted.new_account {
        named_accounts::expect(&account, context);
        context.wake_account(&account);
    }
    noted.is_news.then_some(noted.uid)
}

/// Decides who waits, `concurrency` at once, until the process is to end and those under way have ended.
pub(crate) async fn decide(concurrency: usize, context: Arc<Context>) {
    context.wait_until_it_may_decide().await;
    context.begin_to_decide();
    let mut running: JoinMap<Uid, ()> = JoinMap::new();
    loop {
        while running.len() < concurrency
            && let Some(uid) = context.queue.pop()
        {
            running.spawn(uid, decide_one(uid, context.clone()));
        }
        tokio::select! {
            Some((uid, ended)) = running.join_next() => {
                if ended.is_err() {
                    reconcile::after_flaw(uid, &context);
                }
                context.queue.done(uid);
            }
            () = context.queue.changed(), if running.len() < concurrency => {}
            () = context.stopping.cancelled() => break,
        }
    }
    while running.join_next().await.is_some() {}
}

async fn decide_one(uid: Uid, context: Arc<Context>) {
    // Deleted between the wake-up and its turn.
    let Some(consent) = context.roster.copy(uid) else { return };
    let span = tracing::info_span!("consent", namespace = consent.namespace(), object = consent.name_any());
    let decided = async {
        let of = format!("{}/{}", consent.namespace().unwrap_or_default(), consent.name_any());
        let Err(error) = reconcile::reconcile(consent.clone(), &context).await else {
            context.complaints.settle(RECONCILE, of);
            return ReconcileResult::Done;
        };
        if !matches!(error, kubernetes::Error::Conflict) {
            context.complaints.tell(RECONCILE, of, &error);
        }
        reconcile::after_error(&consent, &error, &context);
        ReconcileResult::Failed
    };
    let result = decided.instrument(span).await;
    context.metrics.reconcile(Kind::DigitalTwinConsent, result);
}

/// Wakes consents when their time has come.
pub(crate) async fn run_alarms(context: Arc<Context>) {
    let mut ahead = clock::wall().ahead();
    loop {
        let before = std::mem::replace(&mut ahead, clock::wall().ahead());
        if before != ahead {
            // What is told to end at a time of the wall clock ends sooner or later than was thought.
            context.wake_consents(context.roster.all());
        }
        let now = clock::steady();
        let (due, next) = context.roster.due(now);
        context.wake_consents(due);
        let sleep = next.map_or(LONGEST_SLEEP, |next| polling::since(now, next).min(LONGEST_SLEEP));
        tokio::select! {
            () = context.stopping.cancelled() => return,
            () = context.roster.alarms_changed() => {}
            () = tokio::time::sleep(sleep) => {}
        }
    }
}
