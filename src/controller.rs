//! The watches and what they drive: three kinds, one store each, bounded concurrency, an end within the grace time.
//!
//! A consent is decided when the watch shows a change of it and when somebody wakes it: its alarm, the sweep, its account, the owner of
//! its group. A complete list wakes everybody through the same bounded queue, and not all at once.

use std::collections::HashSet;
use std::fmt::Debug;
use std::sync::Arc;

use futures::{Stream, StreamExt as _, TryStreamExt as _};
use kube::runtime::controller::{Action, Config as ControllerConfig, Controller, Error as ControllerError};
use kube::runtime::reflector::store::{self, Writer};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt as _, watcher as watch};
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, watch as signal};
use tokio_util::sync::CancellationToken;

use crate::account::Accounts;
use crate::account::reconcile::{self as account, Deps};
use crate::account::settings::AccountObject;
use crate::api::account::{ClusterHeyGenAccount, HeyGenAccount};
use crate::api::consent::DigitalTwinConsent;
use crate::clock;
use crate::cluster::events::Events;
use crate::cluster::{self, Cluster};
use crate::config::Config;
use crate::context::{Context, NamespaceLabels, WAKE_QUEUE, Wakers};
use crate::fold::{Folded, prune};
use crate::heygen::HeyGen;
use crate::metrics::{Kind, Metrics, ReconcileResult};
use crate::pace;
use crate::reconcile;
use crate::roster::{self, Roster, Uid};
use crate::server::{Check, Readiness};
use crate::sweep;

/// How many accounts are reconciled at once.
const ACCOUNTS_AT_ONCE: u16 = 4;

/// The longest sleep between two looks at the alarms.
const LONGEST_SLEEP: std::time::Duration = std::time::Duration::from_secs(60);

/// How long a failed reconcile of an account waits.
const ACCOUNT_AFTER_ERROR: std::time::Duration = std::time::Duration::from_secs(10);

/// What must be synced before the operator is ready.
#[derive(Debug)]
pub struct Checks {
    consents: Check,
    accounts: Check,
    cluster_accounts: Check,
}

impl Checks {
    /// Registers the checks. Before `/readyz` is served: without any check it would say yes.
    #[must_use]
    pub fn register(readiness: &Readiness) -> Self {
        Self {
            consents: readiness.register("digitaltwinconsents"),
            accounts: readiness.register("heygenaccounts"),
            cluster_accounts: readiness.register("clusterheygenaccounts"),
        }
    }
}

/// Watches and reconciles until `stopping` is cancelled and what was under way has ended.
///
/// A controller whose API server was never reachable does not end by itself: the caller races this with a deadline.
pub async fn run(client: Client, config: &Config, heygen: HeyGen, metrics: Arc<Metrics>, checks: Checks, stopping: CancellationToken) {
    let namespaces: Vec<Option<String>> =
        if config.watch_namespaces.is_empty() { vec![None] } else { config.watch_namespaces.iter().cloned().map(Some).collect() };
    let consent_watches: Vec<_> = namespaces.iter().map(|namespace| Watch::<Folded>::new(namespace.clone())).collect();
    let account_watches: Vec<_> = namespaces.iter().map(|namespace| Watch::<HeyGenAccount>::new(namespace.clone())).collect();
    let cluster_accounts = Watch::<ClusterHeyGenAccount>::new(None);

    let (events, event_writer) = Events::start(client.clone());
    let (synced, is_synced) = signal::channel(false);
    let (account_wakers, account_queues): (Vec<_>, Vec<_>) = account_watches
        .iter()
        .map(|watch| {
            let (queue, woken) = mpsc::channel(WAKE_QUEUE);
            ((watch.namespace.clone(), queue), woken)
        })
        .unzip();
    let (cluster_account_waker, cluster_account_queue) = mpsc::channel(WAKE_QUEUE);
    let (consents, consent_queues): (Vec<_>, Vec<_>) = consent_watches.iter().map(|_| mpsc::channel(WAKE_QUEUE)).unzip();
    let context = Arc::new(Context {
        heygen,
        cluster: Cluster::new(client.clone(), metrics.clone()),
        events,
        accounts: Accounts::default(),
        roster: Roster::default(),
        metrics,
        started: clock::now(),
        operator_namespace: config.operator_namespace.clone(),
        default_base_url: config.heygen_base_url.clone(),
        allow_insecure_base_url: config.allow_insecure_base_url,
        wakers: Wakers { consents, accounts: account_wakers, cluster_accounts: cluster_account_waker },
        synced: is_synced,
        stopping: stopping.clone(),
        is_scoped: !config.watch_namespaces.is_empty(),
        labels: NamespaceLabels::default(),
    });

    let consent_stores: Vec<_> = consent_watches.iter().map(|watch| watch.store.clone()).collect();
    let account_stores: Vec<_> = account_watches.iter().map(|watch| watch.store.clone()).collect();
    let announce = announce_sync(consent_stores, account_stores, cluster_accounts.store.clone(), checks, synced);

    let concurrency = config.concurrency.div_ceil(u16::try_from(namespaces.len()).unwrap_or(u16::MAX)).max(1);
    let mut running: Vec<futures::future::BoxFuture<'static, ()>> = Vec::new();
    for (watch, queue) in consent_watches.into_iter().zip(consent_queues) {
        running.push(Box::pin(run_consents(
            client.clone(),
            watch,
            config.watch_label_selector.clone(),
            queue,
            concurrency,
            context.clone(),
        )));
    }
    for (watch, queue) in account_watches.into_iter().zip(account_queues) {
        let api =
            watch.namespace.as_deref().map_or_else(|| Api::all(client.clone()), |namespace| Api::namespaced(client.clone(), namespace));
        running.push(Box::pin(run_accounts(api, watch, queue, context.clone())));
    }
    running.push(Box::pin(run_accounts(Api::all(client), cluster_accounts, cluster_account_queue, context.clone())));
    running.push(Box::pin(run_alarms(context.clone())));
    drop(context);
    let everything = futures::future::join_all(running);
    let (_, ()) = tokio::join!(everything, async {
        tokio::select! {
            () = announce => {}
            () = stopping.cancelled() => {}
        }
    });
    // The last handle to the queue of events was dropped with the controllers: what was handed in is written, then this ends.
    let _ = event_writer.await;
}

/// One watch: what it watches, and where it keeps what it is shown.
struct Watch<K: Resource<DynamicType = ()> + Clone + 'static> {
    namespace: Option<String>,
    writer: Writer<K>,
    store: Store<K>,
}

impl<K: Resource<DynamicType = ()> + Clone + 'static> Watch<K> {
    fn new(namespace: Option<String>) -> Self {
        let (store, writer) = store::store();
        Self { namespace, writer, store }
    }
}

async fn announce_sync(
    consents: Vec<Store<Folded>>,
    accounts: Vec<Store<HeyGenAccount>>,
    cluster_accounts: Store<ClusterHeyGenAccount>,
    checks: Checks,
    synced: signal::Sender<bool>,
) {
    tokio::join!(
        async {
            for store in &consents {
                let _ = store.wait_until_ready().await;
            }
            checks.consents.set();
        },
        async {
            for store in &accounts {
                let _ = store.wait_until_ready().await;
            }
            checks.accounts.set();
        },
        async {
            let _ = cluster_accounts.wait_until_ready().await;
            checks.cluster_accounts.set();
        },
    );
    tracing::info!("every watch is synced");
    let _ = synced.send(true);
    // The receivers live as long as the controllers; a sender that is dropped early would look like "never synced" to them.
    synced.closed().await;
}

async fn run_consents(
    client: Client,
    watch: Watch<Folded>,
    labels: Option<String>,
    mut woken: mpsc::Receiver<Uid>,
    concurrency: u16,
    context: Arc<Context>,
) {
    let Watch { namespace, writer, store } = watch;
    let api: Api<DigitalTwinConsent> =
        namespace.as_deref().map_or_else(|| Api::all(client.clone()), |namespace| Api::namespaced(client.clone(), namespace));
    let mut config = watcher::Config::default();
    if let Some(labels) = &labels {
        config = config.labels(labels);
    }
    let (noted, watched) = (context.clone(), namespace.clone());
    let mut round = 0;
    let shown = watch::watcher(api, config)
        .default_backoff()
        .map_ok(move |event| note(event, namespace.as_deref(), &mut round, &noted))
        .reflect(writer);
    let changed = shown.filter_map(move |event| {
        std::future::ready(match event {
            Ok(Event::Apply(consent)) => Some(Ok(consent)),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        })
    });
    let referenced = context.clone();
    let woken = futures::stream::poll_fn(move |task| woken.poll_recv(task)).filter_map(move |consent| {
        let reference = referenced.roster.reference(consent);
        std::future::ready(reference.filter(|reference| watched.is_none() || reference.namespace == watched))
    });
    let stopping = context.stopping.clone();
    let metrics = context.metrics.clone();
    Controller::for_stream(changed, store)
        .with_config(ControllerConfig::default().concurrency(concurrency))
        .reconcile_on(woken)
        .graceful_shutdown_on(stopping.cancelled_owned())
        .run(
            |folded, context| async move {
                let Some(consent) = folded.unfold() else { return Ok(Action::await_change()) };
                let span = tracing::info_span!("consent", namespace = consent.namespace(), object = consent.name_any());
                tracing::Instrument::instrument(reconcile::reconcile(Arc::new(consent), context), span).await
            },
            |folded, error, _| reconcile::after_error(&folded.name_any(), error),
            context,
        )
        .for_each(|result| {
            count(&metrics, Kind::DigitalTwinConsent, &result);
            std::future::ready(())
        })
        .await;
}

/// Notes what the watch shows, and folds it for the store.
fn note(event: Event<DigitalTwinConsent>, namespace: Option<&str>, round: &mut u32, context: &Context) -> Event<Folded> {
    let noted = |consent: DigitalTwinConsent| {
        if let Some(account) = context.roster.note(&consent, *round) {
            context.wake_account(&account);
        }
        Folded::from(consent)
    };
    match event {
        Event::Init => {
            *round += 1;
            Event::Init
        }
        Event::InitApply(consent) => Event::InitApply(noted(consent)),
        Event::Apply(consent) => Event::Apply(noted(consent)),
        Event::InitDone => {
            for gone in context.roster.gone(namespace, *round) {
                context.forget(gone);
            }
            // Also after the first list: what changed while the watch was away is known only by looking.
            context.wake_consents(context.roster.of_namespace(namespace));
            Event::InitDone
        }
        Event::Delete(consent) => {
            if let Some(uid) = roster::uid(&consent) {
                context.forget(uid);
            }
            Event::Delete(consent.into())
        }
    }
}

/// Wakes consents when their time has come.
async fn run_alarms(context: Arc<Context>) {
    loop {
        let now = clock::now();
        let (due, next) = context.roster.due(now);
        context.wake_consents(due);
        // The wall clock may jump: it is read again once a minute.
        let sleep = next.map_or(LONGEST_SLEEP, |next| pace::since(now, next).min(LONGEST_SLEEP));
        tokio::select! {
            () = context.stopping.cancelled() => return,
            () = context.roster.alarms_changed() => {}
            () = tokio::time::sleep(sleep) => {}
        }
    }
}

async fn run_accounts<K>(api: Api<K>, watch: Watch<K>, woken: mpsc::Receiver<ObjectRef<K>>, context: Arc<Context>)
where
    K: Resource<DynamicType = ()> + AccountObject + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let Watch { namespace, writer, store } = watch;
    let noted = context.clone();
    let present = store.clone();
    let shown = watch::watcher(api, watcher::Config::default())
        .default_backoff()
        .modify(|object| prune(object.meta_mut()))
        .reflect(writer)
        .inspect(move |event| match event {
            Ok(Event::InitApply(object) | Event::Apply(object)) => {
                let key = object.settings(&noted.operator_namespace).key;
                if let Some(desk) = noted.accounts.announce(key.clone()) {
                    tokio::spawn(sweep::task::run(key, desk, noted.clone()));
                }
            }
            Ok(Event::Delete(object)) => {
                let key = object.settings(&noted.operator_namespace).key;
                noted.accounts.forget(&key);
                noted.wake_consents_of(&key);
            }
            // What was deleted while the watch was away is not in the list.
            Ok(Event::InitDone) => {
                let keys: HashSet<_> = present.state().iter().map(|object| object.settings(&noted.operator_namespace).key).collect();
                for gone in noted.accounts.forget_others(&K::kind(&()), namespace.as_deref(), &keys) {
                    noted.wake_consents_of(&gone);
                }
            }
            Ok(Event::Init) | Err(_) => {}
        });
    let stopping = context.stopping.clone();
    let metrics = context.metrics.clone();
    let kind = if K::kind(&()) == HeyGenAccount::kind(&()) { Kind::HeyGenAccount } else { Kind::ClusterHeyGenAccount };
    Controller::for_stream(shown.applied_objects(), store)
        .with_config(ControllerConfig::default().concurrency(ACCOUNTS_AT_ONCE))
        .reconcile_on(receive(woken))
        .graceful_shutdown_on(stopping.cancelled_owned())
        .run(reconcile_account, |_, _, _| Action::requeue(ACCOUNT_AFTER_ERROR), context)
        .for_each(|result| {
            count(&metrics, kind, &result);
            std::future::ready(())
        })
        .await;
}

async fn reconcile_account<K>(object: Arc<K>, context: Arc<Context>) -> Result<Action, cluster::Error>
where
    K: Resource<DynamicType = ()> + AccountObject,
{
    if context.is_stopping() || object.meta().deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let settings = object.settings(&context.operator_namespace);
    if context.is_scoped && settings.key.namespace.is_none() && !context.roster.names(&settings.key) {
        // An operator for some namespaces leaves the cluster accounts of others to the others.
        return Ok(Action::await_change());
    }
    let deps = Deps {
        accounts: &context.accounts,
        cluster: &context.cluster,
        heygen: &context.heygen,
        default_base_url: &context.default_base_url,
        allow_insecure: context.allow_insecure_base_url,
    };
    let account::Reconciled { changed, again, status } = account::reconcile(&settings, &deps).await;
    if changed {
        context.wake_consents_of(&settings.key);
    }
    if let Some(status) = status {
        context.cluster.record_account(&settings, &status).await?;
        if let Some(report) = account::report(&settings.status, &status) {
            context.events.report(object.as_ref(), report);
        }
    }
    Ok(Action::requeue(again))
}

fn receive<T>(mut queue: mpsc::Receiver<T>) -> impl Stream<Item = T> {
    futures::stream::poll_fn(move |context| queue.poll_recv(context))
}

/// What a controller says of one reconcile.
type Reconciled<K> = Result<(ObjectRef<K>, Action), ControllerError<cluster::Error, watcher::Error>>;

fn count<K: Resource<DynamicType = ()>>(metrics: &Metrics, kind: Kind, result: &Reconciled<K>) {
    match result {
        Ok(_) => metrics.reconcile(kind, ReconcileResult::Done),
        // Deleted between the wake-up and its turn.
        Err(ControllerError::ObjectNotFound(_)) => {}
        Err(ControllerError::ReconcilerFailed(cluster::Error::Conflict, _)) => metrics.reconcile(kind, ReconcileResult::Failed),
        Err(ControllerError::ReconcilerFailed(error, object)) => {
            metrics.reconcile(kind, ReconcileResult::Failed);
            tracing::warn!(%object, %error, "could not reconcile; trying again");
        }
        Err(error) => tracing::warn!(%error, "the watch is disturbed; trying again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_that_has_synced_nothing_yet_is_not_ready() {
        let readiness = Readiness::default();
        let _checks = Checks::register(&readiness);
        assert_eq!(readiness.waiting_for(), ["clusterheygenaccounts", "digitaltwinconsents", "heygenaccounts"]);
    }
}
