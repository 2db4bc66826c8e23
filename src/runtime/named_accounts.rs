//! The cluster accounts of an operator for some namespaces: read one by one, by name, because it may neither list nor watch them.
//!
//! Which: those that it was started with, and those that consents name. What is read is told as a watch would tell it, so that
//! whatever comes after cannot tell the difference, but for [`EVERY`]. Which is read when is decided in [`agenda`].

mod agenda;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt as _;
use kube::core::ObjectMeta;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher::Event;
use tokio::sync::mpsc;

use crate::kubernetes::decoding::Slim;
use crate::process::clock;
use crate::runtime::account_watch;
use crate::runtime::context::Context;
use agenda::{Agenda, EVERY};
use twinconsent_core::api::account::ClusterHeyGenAccount;
use twinconsent_core::api::account_key::AccountKey;
use twinconsent_core::api::consent::AccountKind;

/// The pause between two reads: tenants may name as many accounts as they like, and a refused key wakes its account many times.
const PAUSE: Duration = Duration::from_millis(100);

/// What is told of an account that cannot be read, see [`crate::process::complaints`].
const READ: &str = "a ClusterHeyGenAccount could not be read; trying again";

/// How soon an account is read again after a read has failed.
const AFTER_ERROR: Duration = Duration::from_secs(5);

/// Lets an account be looked for that a consent is the first to name; until then it is not said that it does not exist.
pub(crate) fn expect(account: &AccountKey, context: &Arc<Context>) {
    if account.kind == AccountKind::ClusterHeyGenAccount && !context.config.watch_namespaces.is_empty() {
        context.accounts.announce(account.clone());
    }
}

/// Reads until the process is to end. An account that is woken is read at once, and told of also if nothing has changed.
pub(crate) async fn read(
    configured: BTreeSet<String>,
    mut woken: mpsc::Receiver<ObjectRef<ClusterHeyGenAccount>>,
    shown: mpsc::Sender<Event<ClusterHeyGenAccount>>,
    context: Arc<Context>,
) {
    let mut seen = Seen::default();
    let mut round: VecDeque<String> = configured.iter().cloned().collect();
    let _ = shown.send(Event::Init).await;
    while let Some(name) = round.front() {
        match context.cluster.cluster_account(name).await {
            Ok(read) => {
                context.complaints.settle(READ, name);
                if let Some(read) = decoded(name, read, &context)
                    && let Some(Event::Apply(account)) = seen.learn(name, read, true)
                {
                    let _ = shown.send(Event::InitApply(account)).await;
                }
                round.pop_front();
            }
            Err(error) => {
                context.complaints.tell(READ, name, error);
                tokio::time::sleep(AFTER_ERROR).await;
            }
        }
    }
    let _ = shown.send(Event::InitDone).await;

    let mut agenda = Agenda::default();
    agenda.set_names(&configured, clock::monotonic());
    configured.iter().for_each(|name| agenda.read(name, true, clock::monotonic()));
    let mut failing = false;
    let mut names_change_at = Duration::ZERO;
    loop {
        let now = clock::monotonic();
        if now >= names_change_at {
            let named: BTreeSet<String> = context.store.cluster_accounts().into_iter().collect();
            for gone in agenda.set_names(&configured.union(&named).cloned().collect(), now) {
                forget(&gone, &mut seen, &shown, &context).await;
            }
            names_change_at = now + EVERY;
        }
        while let Ok(account) = woken.try_recv() {
            agenda.want(&account.name, now);
        }
        let (name, is_woken) = match agenda.next(now) {
            Ok(next) => next,
            Err(at) => {
                let pause = at.min(names_change_at).saturating_sub(now);
                tokio::select! {
                    woken = woken.recv() => {
                        let Some(account) = woken else { return };
                        agenda.want(&account.name, clock::monotonic());
                    }
                    () = tokio::time::sleep(pause) => {}
                }
                continue;
            }
        };
        match context.cluster.cluster_account(&name).await {
            Ok(read) => {
                failing = false;
                context.complaints.settle(READ, &name);
                agenda.read(&name, read.is_some() || configured.contains(&name), clock::monotonic());
                if let Some(read) = decoded(&name, read, &context) {
                    tell(&name, read, is_woken, &mut seen, &shown, &context).await;
                }
            }
            Err(error) => {
                // It comes round again; the others are not to wait behind it.
                if !std::mem::replace(&mut failing, true) {
                    context.complaints.tell(READ, &name, error);
                }
                if is_woken {
                    agenda.want(&name, clock::monotonic() + AFTER_ERROR);
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Forgets an account that no consent names any more.
async fn forget(name: &str, seen: &mut Seen, shown: &mpsc::Sender<Event<ClusterHeyGenAccount>>, context: &Arc<Context>) {
    if let Some(read) = decoded(name, None, context) {
        tell(name, read, false, seen, shown, context).await;
    }
}

/// What was read; `None` for an account that is there and cannot be decoded.
#[expect(clippy::option_option, reason = "whether it is there, of those that can be decoded")]
fn decoded(name: &str, read: Option<Slim<ClusterHeyGenAccount>>, context: &Arc<Context>) -> Option<Option<ClusterHeyGenAccount>> {
    let Some(read) = read else {
        let gone = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
        context.undecodables.no_longer::<ClusterHeyGenAccount>(&gone);
        return Some(None);
    };
    account_watch::decoded(read, context).map(Some)
}

async fn tell(
    name: &str,
    read: Option<ClusterHeyGenAccount>,
    is_woken: bool,
    seen: &mut Seen,
    shown: &mpsc::Sender<Event<ClusterHeyGenAccount>>,
    context: &Context,
) {
    let exists = read.is_some();
    if let Some(event) = seen.learn(name, read, is_woken) {
        let _ = shown.send(event).await;
    } else if !exists {
        let key = AccountKey { kind: AccountKind::ClusterHeyGenAccount, namespace: None, name: name.to_owned() };
        // The consents wait to hear whether it exists.
        if context.accounts.forget(&key) {
            context.wake_consents_of(&key);
        }
    }
}

/// The accounts as they were read last.
#[derive(Default)]
struct Seen(HashMap<String, ClusterHeyGenAccount>);

impl Seen {
    /// PURE. What a watch would tell of what was read; `again`: also if nothing has changed.
    fn learn(&mut self, name: &str, read: Option<ClusterHeyGenAccount>, again: bool) -> Option<Event<ClusterHeyGenAccount>> {
        let Some(read) = read else { return self.0.remove(name).map(Event::Delete) };
        let before = self.0.insert(name.to_owned(), read.clone());
        let is_new = before.is_none_or(|before| before.resource_version() != read.resource_version());
        (is_new || again).then_some(Event::Apply(read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(version: &str) -> ClusterHeyGenAccount {
        let spec = serde_json::json!({ "apiKeySecretRef": { "name": "s", "key": "k" } });
        let mut account = ClusterHeyGenAccount::new("a", serde_json::from_value(spec).unwrap());
        account.metadata.resource_version = Some(version.to_owned());
        account
    }

    #[test]
    fn what_is_read_is_told_once_and_again_to_each_that_was_woken() {
        let mut seen = Seen::default();
        assert!(matches!(seen.learn("a", Some(account("1")), false), Some(Event::Apply(_))));
        assert!(seen.learn("a", Some(account("1")), false).is_none(), "nothing has changed");
        assert!(matches!(seen.learn("a", Some(account("1")), true), Some(Event::Apply(_))));
        assert!(matches!(seen.learn("a", Some(account("2")), false), Some(Event::Apply(new)) if new.resource_version().unwrap() == "2"));
    }

    #[test]
    fn an_account_is_told_to_be_gone_only_if_it_was_there() {
        let mut seen = Seen::default();
        assert!(seen.learn("a", None, true).is_none());
        seen.learn("a", Some(account("1")), false);
        assert!(matches!(seen.learn("a", None, false), Some(Event::Delete(_))));
        assert!(seen.learn("a", None, false).is_none());
        assert!(matches!(seen.learn("a", Some(account("1")), false), Some(Event::Apply(_))), "it is there again");
    }
}
