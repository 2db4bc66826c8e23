//! The cluster accounts of an operator for some namespaces: read one by one, by name, because it may neither list nor watch them.
//!
//! Which: those that it was started with, and those that consents name. What is read is told as a watch would tell it, so that
//! whatever comes after cannot tell the difference, but for [`EVERY`].

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt as _;
use kube::core::ObjectMeta;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher::Event;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::accounts::{self, announce};
use crate::account::settings::AccountKey;
use crate::api::account::ClusterHeyGenAccount;
use crate::api::consent::AccountKind;
use crate::context::Context;
use crate::slim::Slim;

/// How often each is read, and so how late a change of an account may be noticed.
const EVERY: Duration = Duration::from_secs(5);

/// The pause between two reads: tenants may name as many accounts as they like, and a refused key wakes its account many times.
const PAUSE: Duration = Duration::from_millis(100);

/// How long nothing is read after a read has failed.
const AFTER_ERROR: Duration = Duration::from_secs(5);

/// Lets an account be looked for that a consent is the first to name; until then nobody says that it does not exist.
pub(super) fn expect(account: &AccountKey, context: &Arc<Context>) {
    if account.kind == AccountKind::ClusterHeyGenAccount && !context.watched.is_empty() {
        announce(account.clone(), context);
    }
}

/// Reads until the process is to end. Whoever is woken is read at once, and told of also if nothing has changed.
pub(super) async fn read(
    configured: BTreeSet<String>,
    mut woken: mpsc::Receiver<ObjectRef<ClusterHeyGenAccount>>,
    told: mpsc::Sender<Event<ClusterHeyGenAccount>>,
    context: Arc<Context>,
) {
    let mut seen = Seen::default();
    let mut round: VecDeque<String> = configured.iter().cloned().collect();
    let _ = told.send(Event::Init).await;
    while let Some(name) = round.front() {
        match context.cluster.cluster_account(name).await {
            Ok(read) => {
                if let Some(read) = decoded(name, read, &context)
                    && let Some(Event::Apply(account)) = seen.learn(name, read, true)
                {
                    let _ = told.send(Event::InitApply(account)).await;
                }
                round.pop_front();
            }
            Err(error) => {
                tracing::warn!(account = name, %error, "trying again");
                tokio::time::sleep(AFTER_ERROR).await;
            }
        }
    }
    let _ = told.send(Event::InitDone).await;

    let mut next_round = Instant::now();
    let mut agenda = Agenda::default();
    loop {
        while let Ok(account) = woken.try_recv() {
            agenda.want(account.name);
        }
        let Some((name, is_woken)) = agenda.next() else {
            tokio::select! {
                woken = woken.recv() => match woken {
                    Some(account) => agenda.want(account.name),
                    None => return,
                },
                () = tokio::time::sleep_until(next_round) => {
                    let named: BTreeSet<String> = context.roster.cluster_accounts().into_iter().collect();
                    agenda.round = configured.union(&named).cloned().collect();
                    next_round = Instant::now() + EVERY;
                }
            }
            continue;
        };
        match context.cluster.cluster_account(&name).await {
            Ok(read) => {
                if let Some(read) = decoded(&name, read, &context) {
                    tell(&name, read, is_woken, &mut seen, &told, &context).await;
                }
            }
            Err(error) => {
                tracing::warn!(account = name, %error, "trying again");
                // It comes round again; the others are not to wait behind it.
                tokio::time::sleep(AFTER_ERROR).await;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What was read; `None` for an account that is there and cannot be decoded.
#[expect(clippy::option_option, reason = "whether it is there, of those that can be decoded")]
fn decoded(name: &str, read: Option<Slim<ClusterHeyGenAccount>>, context: &Arc<Context>) -> Option<Option<ClusterHeyGenAccount>> {
    let Some(read) = read else {
        let gone = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
        context.no_longer_undecodable::<ClusterHeyGenAccount>(&gone);
        return Some(None);
    };
    accounts::decoded(read, context).map(Some)
}

async fn tell(
    name: &str,
    read: Option<ClusterHeyGenAccount>,
    is_woken: bool,
    seen: &mut Seen,
    told: &mpsc::Sender<Event<ClusterHeyGenAccount>>,
    context: &Context,
) {
    let exists = read.is_some();
    if let Some(event) = seen.learn(name, read, is_woken) {
        let _ = told.send(event).await;
    } else if !exists {
        let key = AccountKey { kind: AccountKind::ClusterHeyGenAccount, namespace: None, name: name.to_owned() };
        // The consents wait to hear whether it exists.
        if context.accounts.forget(&key) {
            context.wake_consents_of(&key);
        }
    }
}

/// PURE. Who is to be read: first who was woken, once each however often, then the others of the round.
#[derive(Default)]
struct Agenda {
    woken: VecDeque<String>,
    round: VecDeque<String>,
}

impl Agenda {
    fn want(&mut self, name: String) {
        if !self.woken.contains(&name) {
            self.woken.push_back(name);
        }
    }

    /// The next, and whether it was woken.
    fn next(&mut self) -> Option<(String, bool)> {
        let woken = self.woken.pop_front().map(|name| (name, true));
        woken.or_else(|| self.round.pop_front().map(|name| (name, false)))
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
        let is_news = before.is_none_or(|before| before.resource_version() != read.resource_version());
        (is_news || again).then_some(Event::Apply(read))
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
    fn what_is_read_is_told_once_and_again_to_whoever_was_woken() {
        let mut seen = Seen::default();
        assert!(matches!(seen.learn("a", Some(account("1")), false), Some(Event::Apply(_))));
        assert!(seen.learn("a", Some(account("1")), false).is_none(), "nothing has changed");
        assert!(matches!(seen.learn("a", Some(account("1")), true), Some(Event::Apply(_))));
        assert!(matches!(seen.learn("a", Some(account("2")), false), Some(Event::Apply(new)) if new.resource_version().unwrap() == "2"));
    }

    #[test]
    fn who_is_woken_is_read_before_the_others_and_once_however_often() {
        let mut agenda = Agenda { round: ["a", "b"].map(str::to_owned).into(), ..Agenda::default() };
        for name in ["c", "b", "c", "c"] {
            agenda.want(name.to_owned());
        }
        let order: Vec<_> = std::iter::from_fn(|| agenda.next()).collect();
        assert_eq!(order, [("c", true), ("b", true), ("a", false), ("b", false)].map(|(name, woken)| (name.to_owned(), woken)));
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
