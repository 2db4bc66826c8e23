//! The accounts, on kube's controller: there are few of them, and each comes round once a minute.

use std::collections::HashSet;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::controller::{Action, Config as ControllerConfig, Controller, Error as ControllerError};
use kube::runtime::reflector::store::{self, Writer};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use crate::account::reconcile::{self as account, Deps};
use crate::account::settings::{AccountKey, AccountObject};
use crate::api::account::HeyGenAccount;
use crate::cluster;
use crate::context::Context;
use crate::metrics::{Kind, Metrics, ReconcileResult};
use crate::sweep;

/// How many accounts are reconciled at once.
const ACCOUNTS_AT_ONCE: u16 = 4;

/// How long a failed reconcile of an account waits.
const AFTER_ERROR: Duration = Duration::from_secs(10);

/// One watch: what it watches, and where it keeps what it is shown.
pub(super) struct Watch<K: Resource<DynamicType = ()> + Clone + 'static> {
    pub(super) namespace: Option<String>,
    /// Whether its first list shows all that there are.
    is_complete: bool,
    writer: Writer<K>,
    pub(super) store: Store<K>,
}

impl<K: Resource<DynamicType = ()> + Clone + 'static> Watch<K> {
    /// Of all accounts in a namespace, or everywhere.
    pub(super) fn of_all(namespace: Option<String>) -> Self {
        let (store, writer) = store::store();
        Self { namespace, is_complete: true, writer, store }
    }

    /// Of those that are looked at by name.
    pub(super) fn of_named() -> Self {
        Self { is_complete: false, ..Self::of_all(None) }
    }
}

/// What a watch tells.
pub(super) fn watch<K>(api: Api<K>) -> impl Stream<Item = watcher::Result<Event<K>>>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    watcher(api, watcher::Config::default()).default_backoff()
}

/// Notes that there is such an account, or may be. What is looked for at HeyGen with its key is planned from now on.
pub(super) fn announce(key: AccountKey, context: &Arc<Context>) {
    if let Some(desk) = context.accounts.announce(key.clone()) {
        tokio::spawn(sweep::task::run(key, desk, context.clone()));
    }
}

/// Reconciles the accounts of one kind as they are shown, and those that are woken, until the process is to end.
pub(super) async fn run<K>(
    shown: impl Stream<Item = watcher::Result<Event<K>>> + Send + 'static,
    watch: Watch<K>,
    woken: mpsc::Receiver<ObjectRef<K>>,
    context: Arc<Context>,
) where
    K: Resource<DynamicType = ()> + AccountObject + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let Watch { namespace, is_complete, writer, store } = watch;
    let noted = context.clone();
    let present = store.clone();
    let shown = shown.modify(|object| object.meta_mut().managed_fields = None).reflect(writer).inspect(move |event| match event {
        Ok(Event::InitApply(object) | Event::Apply(object)) => announce(object.settings(&noted.operator_namespace).key, &noted),
        Ok(Event::Delete(object)) => {
            let key = object.settings(&noted.operator_namespace).key;
            noted.accounts.forget(&key);
            noted.wake_consents_of(&key);
        }
        // What was deleted while the watch was away is not in the list.
        Ok(Event::InitDone) if is_complete => {
            let keys: HashSet<_> = present.state().iter().map(|object| object.settings(&noted.operator_namespace).key).collect();
            for gone in noted.accounts.forget_others(&K::kind(&()), namespace.as_deref(), &keys) {
                noted.wake_consents_of(&gone);
            }
        }
        Ok(Event::Init | Event::InitDone) | Err(_) => {}
    });
    let stopping = context.stopping.clone();
    let metrics = context.metrics.clone();
    let kind = if K::kind(&()) == HeyGenAccount::kind(&()) { Kind::HeyGenAccount } else { Kind::ClusterHeyGenAccount };
    Controller::for_stream(shown.applied_objects(), store)
        .with_config(ControllerConfig::default().concurrency(ACCOUNTS_AT_ONCE))
        .reconcile_on(receive(woken))
        .graceful_shutdown_on(stopping.cancelled_owned())
        .run(reconcile_account, |_, _, _| Action::requeue(AFTER_ERROR), context)
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
    context.wait_until_it_leads().await;
    if !context.may_act() || object.meta().deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let settings = object.settings(&context.operator_namespace);
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

pub(super) fn receive<T>(mut queue: mpsc::Receiver<T>) -> impl Stream<Item = T> {
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
