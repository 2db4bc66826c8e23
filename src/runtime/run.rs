//! The watches and what they drive: three kinds, bounded concurrency, an end within the grace time.
//!
//! What the watches show goes into the schedule, and the workers do what it gives ([`worker`]).

use crate::runtime::account_watch;
use crate::runtime::consents;
use crate::runtime::named_accounts;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::{BoxFuture, join_all, try_join_all};
use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Resource};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch as signal};
use tokio_util::sync::CancellationToken;

use crate::heygen::HeyGen;
use crate::kubernetes::Cluster;
use crate::kubernetes::events::Events;
use crate::kubernetes::leadership::Leadership;
use crate::kubernetes::preflight;
use crate::kubernetes::undecodable::Undecodables;
use crate::kubernetes::watch::Watcher;
use crate::kubernetes::watch::history::History;
use crate::process::audit_log::AuditLog;
use crate::process::complaints::Complaints;
use crate::process::config::Config;
use crate::process::metrics::Metrics;
use crate::process::server::return_page::Reply;
use crate::process::server::{Check, Readiness, debug, return_page as page_server};
use crate::runtime::accounts::Accounts;
use crate::runtime::context::{Context, WAKE_QUEUE};
use crate::runtime::explain::explain;
use crate::runtime::landings::Landings;
use crate::runtime::notifications::Notifications;
use crate::runtime::scheduler::Scheduler;
use crate::runtime::store::Store;
use crate::runtime::{return_page, sender, watchdog, worker};
use twinconsent_core::api::account::{ClusterHeyGenAccount, HeyGenAccount};
use twinconsent_core::api::consent::DigitalTwinConsent;

/// How often, at most, the accounts tell whether the audit log can be written.
const AUDIT_LOG_IS_TOLD_EVERY: Duration = Duration::from_secs(10);

/// The watches, each with the beginning of its list.
pub struct Watches {
    client: Client,
    consents: Vec<Watcher<DigitalTwinConsent>>,
    accounts: Vec<Watcher<HeyGenAccount>>,
    /// `None`: they are read one by one.
    cluster_accounts: Option<Watcher<ClusterHeyGenAccount>>,
    consent_history: History,
}

/// Asks for the beginning of every list, so that it is there when it is known that it may be asked for.
pub async fn begin(client: Client, config: &Config) -> Watches {
    let (consent_history, account_history) = (History::default(), History::default());
    let consents = namespaces(config).into_iter().map(|namespace| {
        Watcher::new(api(&client, namespace.as_deref()), config.watch_label_selector.clone(), consent_history.clone()).begun()
    });
    let accounts = namespaces(config)
        .into_iter()
        .map(|namespace| Watcher::new(api(&client, namespace.as_deref()), None, account_history.clone()).begun());
    let cluster_accounts = async {
        let watcher = Watcher::new(Api::all(client.clone()), None, History::default());
        if config.watch_namespaces.is_empty() { Some(watcher.begun().await) } else { None }
    };
    let (consents, accounts, cluster_accounts) = tokio::join!(join_all(consents), join_all(accounts), cluster_accounts);
    Watches { client, consents, accounts, cluster_accounts, consent_history }
}

/// What is watched; `None`: all namespaces.
fn namespaces(config: &Config) -> Vec<Option<String>> {
    if config.watch_namespaces.is_empty() { vec![None] } else { config.watch_namespaces.iter().cloned().map(Some).collect() }
}

fn api<K: Resource<DynamicType = (), Scope = NamespaceResourceScope>>(client: &Client, namespace: Option<&str>) -> Api<K> {
    namespace.map_or_else(|| Api::all(client.clone()), |namespace| Api::namespaced(client.clone(), namespace))
}

/// Watches and reconciles until `stopping` is cancelled and what was under way has ended.
///
/// Namespaces that were refused are left out until they have their rights; the others do not wait for them.
///
/// A controller whose API server was never reachable does not end by itself: the caller races this with a deadline.
pub async fn run(
    watches: Watches,
    config: &Config,
    heygen: HeyGen,
    (metrics, audit_log): (Arc<Metrics>, AuditLog),
    (refused, readiness, return_page): (BTreeSet<String>, Readiness, Option<TcpListener>),
    leadership: Leadership,
    stopping: CancellationToken,
) {
    let (client, namespaces) = (watches.client, namespaces(config));
    let account_watches: Vec<_> =
        namespaces.iter().map(|namespace| account_watch::Watch::<HeyGenAccount>::of_all(namespace.clone())).collect();
    let are_all_watched = config.watch_namespaces.is_empty();
    let (cluster_accounts, cluster_accounts_listed): (account_watch::Watch<ClusterHeyGenAccount>, _) =
        if are_all_watched { account_watch::Watch::of_all(None) } else { account_watch::Watch::of_named() };

    let (events, event_writer) = Events::start(client.clone(), metrics.clone());
    let (synced, is_synced) = signal::channel(false);
    let (account_wakers, account_queues): (Vec<_>, Vec<_>) = account_watches
        .iter()
        .map(|(watch, _)| {
            let (queue, woken) = mpsc::channel(WAKE_QUEUE);
            ((watch.namespace.clone(), queue), woken)
        })
        .unzip();
    let (cluster_account_waker, cluster_account_queue) = mpsc::channel(WAKE_QUEUE);
    let complaints = Arc::<Complaints>::default();
    let scheduler = Arc::<Scheduler>::default();
    let notifications = Arc::<Notifications>::default();
    let (landings, landed) = Landings::new(config.return_page.clone());
    let context = Arc::new(Context {
        undecodables: Arc::new(Undecodables::new(metrics.clone(), events.clone())),
        heygen,
        cluster: Cluster::new(client.clone(), metrics.clone(), audit_log.clone(), leadership.clone(), complaints.clone()),
        events,
        accounts: Accounts::new(scheduler.clone(), audit_log.clone(), notifications.clone()),
        notifications,
        audit_log,
        landings,
        store: Store::default(),
        metrics,
        decides_since: OnceLock::new(),
        config: config.clone(),
        scheduler,
        account_wakers,
        cluster_account_waker,
        synced: is_synced,
        stopping: stopping.clone(),
        leadership,
        labels: Mutex::default(),
        complaints,
        consent_history: watches.consent_history,
    });

    // Not to be kept alive: what it was about to say ends with its last handle.
    let (counted, explained) = (Arc::downgrade(&context), Arc::downgrade(&context));
    context.metrics.count_population(move || counted.upgrade().map(|context| context.population()).unwrap_or_default());

    let (mut consents_listed, mut accounts_listed) = (Vec::new(), Vec::new());
    let mut running: Vec<BoxFuture<'static, ()>> = Vec::new();
    let accounts = watches.accounts.into_iter().zip(account_watches).zip(account_queues);
    for (((number, namespace), watcher), ((account_watcher, (account_watch, account_listed)), queue)) in
        (0_u16..).zip(namespaces).zip(watches.consents).zip(accounts)
    {
        let refused = namespace.clone().filter(|namespace| refused.contains(namespace));
        let (list, listed) = oneshot::channel();
        let refused = match refused {
            Some(namespace) => Some((namespace, account_listed)),
            None => {
                consents_listed.push(listed);
                accounts_listed.push(account_listed);
                None
            }
        };
        let shown = account_watch::shown(account_watcher, namespace.clone(), context.clone());
        let accounts = account_watch::run(shown, account_watch, queue, context.clone());
        let consents = consents::watch((number, namespace), watcher, list, context.clone());
        let (client, readiness, until) = (client.clone(), readiness.clone(), stopping.clone());
        running.push(Box::pin(async move {
            let Some((namespace, account_listed)) = refused else {
                tokio::join!(consents, accounts);
                return;
            };
            if until.run_until_cancelled(preflight::until_granted(&client, &namespace, &readiness)).await.is_some() {
                // A consent that is decided later than the others must find its account.
                let late = async {
                    if let Some(Ok(())) = until.run_until_cancelled(account_listed).await {
                        consents.await;
                    }
                };
                tokio::join!(late, accounts);
            }
        }));
    }
    let announce = announce_sync(consents_listed, accounts_listed, cluster_accounts_listed, readiness, synced);

    let explain = move |namespace: &str, name: &str| explain(namespace, name, &*explained.upgrade()?);
    running.push(Box::pin(debug::serve(config.debug_listen, explain, stopping.clone())));
    if let Some((page, listener)) = config.return_page.as_ref().zip(return_page) {
        let (visited, counted, keys) = (Arc::downgrade(&context), context.metrics.clone(), context.clone());
        let visited = move |visit| visited.upgrade().map_or(Reply::NotReady, |context| return_page::visited(visit, &context));
        let (base, until) = (page.url.clone(), stopping.clone());
        let count = move |answer| counted.return_page(answer);
        running.push(Box::pin(async move { page_server::serve(listener, &base, visited, count, until).await }));
        running.push(Box::pin(return_page::write(landed, context.clone())));
        running.push(Box::pin(async move { return_page::follow(&keys).await }));
    }
    running.push(Box::pin(worker::run(config.concurrency.into(), context.clone())));
    running.push(Box::pin(sender::run(context.clone())));
    running.push(Box::pin(watchdog::watch(context.clone())));
    running.push(Box::pin(tell_of_audit_log(context.clone())));
    if let Some(watcher) = watches.cluster_accounts {
        let shown = account_watch::shown(watcher, None, context.clone());
        running.push(Box::pin(account_watch::run(shown, cluster_accounts, cluster_account_queue, context.clone())));
    } else {
        let (tell, reported) = mpsc::channel(WAKE_QUEUE);
        let (_, never) = mpsc::channel(1);
        let reading = named_accounts::read(config.cluster_accounts.clone(), cluster_account_queue, tell, context.clone());
        let until = stopping.clone();
        running.push(Box::pin(async move { until.run_until_cancelled(reading).await.unwrap_or_default() }));
        running.push(Box::pin(account_watch::run(account_watch::receive(reported).map(Ok), cluster_accounts, never, context.clone())));
    }
    drop(context);
    // Here and not as a task of its own: a list of 100,000 would take a fifth less processor time, but the process 4 MiB more memory, an eighth
    // of what it takes for 10,000.
    let everything = join_all(running);
    let (_, ()) = tokio::join!(everything, async {
        tokio::select! {
            () = announce => {}
            () = stopping.cancelled() => {}
        }
    });
    // The last handle to the queue of events was dropped with the controllers: what was handed in is written, then this ends.
    let _ = event_writer.await;
}

/// Lets every account tell that the audit log cannot be written, or can again.
async fn tell_of_audit_log(context: Arc<Context>) {
    let Some(mut trouble) = context.audit_log.trouble() else { return };
    let stopping = context.stopping.clone();
    let telling = async {
        while trouble.changed().await.is_ok() {
            context.accounts.keys().iter().for_each(|key| context.wake_account(key));
            // Trouble that comes and goes costs each account a few writes a minute, and not one for each line.
            tokio::time::sleep(AUDIT_LOG_IS_TOLD_EVERY).await;
        }
    };
    stopping.run_until_cancelled(telling).await;
}

/// Tells that the process is ready once every first list is complete. A watch that ends before that ends because the process does.
async fn announce_sync(
    consents: Vec<oneshot::Receiver<()>>,
    accounts: Vec<oneshot::Receiver<()>>,
    cluster_accounts: oneshot::Receiver<()>,
    readiness: Readiness,
    synced: signal::Sender<bool>,
) {
    let listed = async |lists: Vec<oneshot::Receiver<()>>, check| {
        if try_join_all(lists).await.is_ok() {
            readiness.set(check);
        }
    };
    tokio::join!(
        listed(consents, Check::DigitalTwinConsents),
        listed(accounts, Check::HeyGenAccounts),
        listed(vec![cluster_accounts], Check::ClusterHeyGenAccounts),
    );
    tracing::info!("every watch is synced");
    let _ = synced.send(true);
    // The receivers live as long as the controllers; a sender that is dropped early would look like "never synced" to them.
    synced.closed().await;
}
