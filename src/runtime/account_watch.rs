//! The accounts, on kube's controller: there are few of them, and each comes round once a minute.

use std::collections::HashSet;
use std::sync::Arc;

use futures::{Stream, StreamExt as _};
use kube::core::ObjectMeta;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::controller::{Config as ControllerConfig, Controller, Error as ControllerError};
use kube::runtime::reflector::store::{self, Writer};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::{self, Event};
use kube::{Resource, ResourceExt as _};
use tokio::sync::{mpsc, oneshot};

use crate::kubernetes::decoding::{Kind, Slim};
use crate::kubernetes::undecodable::{Screen, Shown};
use crate::kubernetes::watch::{Change, Watcher};
use crate::process::metrics;
use crate::process::metrics::ReconcileResult;
use crate::runtime::account_reconcile::{after_error, reconcile};
use crate::runtime::context::{Context, RECONCILE, WATCH};
use twinconsent_core::account::AccountObject;
use twinconsent_core::api::account_key::AccountKey;
use twinconsent_core::api::consent::AccountKind;

/// How many accounts are reconciled at once.
const ACCOUNTS_AT_ONCE: u16 = 4;

/// One watch: what it watches, and where it keeps what it is shown.
pub(crate) struct Watch<K: Resource<DynamicType = ()> + Clone + 'static> {
    pub(crate) namespace: Option<String>,
    /// Whether its first list shows all that there are.
    is_complete: bool,
    writer: Writer<K>,
    store: Store<K>,
    /// Told once all of the first list is in the store. The store itself can wake only one of those that wait for it, which is the controller.
    listed: oneshot::Sender<()>,
}

impl<K: Resource<DynamicType = ()> + Clone + 'static> Watch<K> {
    /// Of all accounts in a namespace, or everywhere; with what tells that the first list is complete.
    pub(crate) fn of_all(namespace: Option<String>) -> (Self, oneshot::Receiver<()>) {
        let (store, writer) = store::store();
        let (list, listed) = oneshot::channel();
        (Self { namespace, is_complete: true, writer, store, listed: list }, listed)
    }

    /// Of those that are read by name.
    pub(crate) fn of_named() -> (Self, oneshot::Receiver<()>) {
        let (watch, listed) = Self::of_all(None);
        (Self { is_complete: false, ..watch }, listed)
    }
}

/// What a watch tells of those that can be decoded.
pub(crate) fn shown<K: Kind>(
    watcher: Watcher<K>,
    namespace: Option<String>,
    context: Arc<Context>,
) -> impl Stream<Item = watcher::Result<Event<K>>> {
    let of = format!("{}s in {}", K::kind(&()), namespace.as_deref().unwrap_or("every namespace"));
    let mut screen = Screen::new(namespace, context.undecodables.clone());
    watcher.watch().default_backoff().filter_map(move |reported| {
        match &reported {
            Ok(_) => context.complaints.settle(WATCH, &of),
            Err(error) => drop(context.complaints.tell(WATCH, &of, error)),
        }
        let shown = match reported {
            Ok(Change::Event(event)) => Ok(screen.take_in(event)),
            // Nothing is remembered of the versions of accounts.
            Ok(Change::Forget | Change::Reached(_)) => return std::future::ready(None),
            Err(error) => Err(error),
        };
        let event = match shown {
            Ok(Shown::Event(event)) => Some(Ok(event)),
            Ok(Shown::Undecodable(object)) => {
                refuse::<K>(object.metadata, &context);
                None
            }
            Ok(Shown::Gone(object)) => {
                let key = key_of::<K>(object.metadata.namespace, object.metadata.name.unwrap_or_default());
                context.notifications.forget(&key);
                context.accounts.forget(&key);
                context.wake_consents_of(&key);
                None
            }
            Err(error) => Some(Err(error)),
        };
        std::future::ready(event)
    })
}

/// The account, if it can be decoded; one that cannot serves no consent until it can.
pub(crate) fn decoded<K: Kind>(account: Slim<K>, context: &Arc<Context>) -> Option<K> {
    let decoded = context.undecodables.decoded(account);
    decoded.map_err(|object| refuse::<K>(object.metadata, context)).ok()
}

/// Without one field it might ask faster, for others or in spite of its kill switch.
fn refuse<K: Kind>(metadata: ObjectMeta, context: &Arc<Context>) {
    let key = key_of::<K>(metadata.namespace, metadata.name.unwrap_or_default());
    context.accounts.announce(key.clone());
    context
        .accounts
        .refuse(&key, format!("The operator cannot decode {key} and ignores it. Correct it; the operator's log names the field."));
    context.wake_consents_of(&key);
}

fn key_of<K: Kind>(namespace: Option<String>, name: String) -> AccountKey {
    let is_namespaced = K::COUNTED == metrics::Kind::HeyGenAccount;
    AccountKey { kind: if is_namespaced { AccountKind::HeyGenAccount } else { AccountKind::ClusterHeyGenAccount }, namespace, name }
}

/// Reconciles the accounts of one kind as they are shown, and those that are woken, until the process is to end.
pub(crate) async fn run<K>(
    shown: impl Stream<Item = watcher::Result<Event<K>>> + Send + 'static,
    watch: Watch<K>,
    woken: mpsc::Receiver<ObjectRef<K>>,
    context: Arc<Context>,
) where
    K: Kind + AccountObject,
{
    let Watch { namespace, is_complete, writer, store, listed } = watch;
    let mut listed = Some(listed);
    let noted = context.clone();
    let present = store.clone();
    let key = |object: &K| key_of::<K>(object.namespace(), object.name_any());
    let noting = move |event: &watcher::Result<Event<K>>| match event {
        Ok(Event::InitApply(object) | Event::Apply(object)) => {
            let settings = object.settings(&noted.config.operator_namespace);
            noted.accounts.announce(settings.key.clone());
            if noted.notifications.define(&settings.key, &settings.notifications, settings.allowed.clone()) {
                let context = noted.clone();
                tokio::spawn(async move { context.notify_again(vec![settings.key]).await });
            }
        }
        Ok(Event::Delete(object)) => {
            let key = key(object);
            noted.notifications.forget(&key);
            noted.accounts.forget(&key);
            noted.wake_consents_of(&key);
        }
        // What was deleted while the watch was away is not in the list.
        Ok(Event::InitDone) if is_complete => {
            let decoded = present.state().into_iter().map(|object| key(&object));
            let others = noted.undecodables.of(K::COUNTED).into_iter().map(|(namespace, name)| key_of::<K>(namespace, name));
            let keys: HashSet<_> = decoded.chain(others).collect();
            for gone in noted.accounts.forget_others(&K::kind(&()), namespace.as_deref(), &keys) {
                noted.notifications.forget(&gone);
                noted.wake_consents_of(&gone);
            }
        }
        Ok(Event::Init | Event::InitDone) | Err(_) => {}
    };
    let shown = shown.modify(|object| object.meta_mut().managed_fields = None).reflect(writer).inspect(noting).inspect(move |event| {
        if matches!(event, Ok(Event::InitDone))
            && let Some(listed) = listed.take()
        {
            // What waits for it may have ended.
            let _ = listed.send(());
        }
    });
    let stopping = context.stopping.clone();
    let (metrics, complaints) = (context.metrics.clone(), context.complaints.clone());
    Controller::for_stream(shown.applied_objects(), store)
        .with_config(ControllerConfig::default().concurrency(ACCOUNTS_AT_ONCE))
        .reconcile_on(receive(woken))
        .graceful_shutdown_on(stopping.cancelled_owned())
        .run(reconcile, after_error, context)
        .for_each(|result| {
            match &result {
                Ok((object, _)) => {
                    complaints.settle(RECONCILE, object);
                    metrics.reconcile(K::COUNTED, ReconcileResult::Done);
                }
                Err(ControllerError::ReconcilerFailed(..)) => metrics.reconcile(K::COUNTED, ReconcileResult::Failed),
                // Deleted between the wake-up and its reconciliation; or of the watch, which has told it.
                Err(_) => {}
            }
            std::future::ready(())
        })
        .await;
}

pub(crate) fn receive<T>(mut queue: mpsc::Receiver<T>) -> impl Stream<Item = T> {
    futures::stream::poll_fn(move |context| queue.poll_recv(context))
}
