//! The watches of the consents.

use std::sync::Arc;

use futures::TryStreamExt as _;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::Event;
use tokio::sync::oneshot;

use crate::kubernetes::undecodable::{Screen, Shown};
use crate::kubernetes::watch::{Change, Watcher};
use crate::process::clock;
use crate::runtime::context::{Context, WATCH};
use crate::runtime::named_accounts;
use crate::runtime::store::Sighting;
use twinconsent_core::api::consent::DigitalTwinConsent;
use twinconsent_core::api::uid;
use twinconsent_core::api::uid::Uid;

/// Notes what a watch shows until the process is to end: the watch of this number, of those of this process, of a namespace or of all.
/// `listed` is told once the first complete list was shown.
pub(crate) async fn watch(
    (number, namespace): (u16, Option<String>),
    watcher: Watcher<DigitalTwinConsent>,
    listed: oneshot::Sender<()>,
    context: Arc<Context>,
) {
    let mut screen = Screen::new(namespace.clone(), context.undecodables.clone());
    let of = format!("DigitalTwinConsents in {}", namespace.as_deref().unwrap_or("every namespace"));
    let mut reported = std::pin::pin!(watcher.watch().default_backoff());
    let (mut listed, mut shown, mut forgets) = (Some(listed), Sighting { watch: number, round: 0 }, false);
    loop {
        let reported = tokio::select! {
            reported = reported.try_next() => reported,
            () = context.stopping.cancelled() => return,
        };
        match reported {
            Ok(None) => return,
            // Not before everything was listed: until then the copies at hand are those of the other history.
            Ok(Some(Change::Forget)) => forgets = true,
            Ok(Some(Change::Reached(version))) => context.store.reached(number, version),
            Ok(Some(Change::Event(event))) => {
                context.complaints.settle(WATCH, &of);
                let is_list = matches!(event, Event::InitDone);
                if is_list && std::mem::take(&mut forgets) {
                    context.scheduler.with(|schedule, _| schedule.forget(context.store.of_watch(number)));
                    context.wake_consents(context.store.forget_history(number, clock::steady()));
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
                context.consent_changed(uid);
            }
        }
        Event::InitDone => {
            for gone in context.store.gone(*shown) {
                if let Some(consent) = context.store.copy(gone) {
                    context.note_deleted(&consent);
                }
                context.forget(gone);
            }
            // Also after the first list: what changed while the watch was away is known only by polling.
            context.wake_consents(context.store.of_watch(shown.watch));
        }
        Event::Delete(consent) => {
            context.note_deleted(&consent);
            if let Some(uid) = uid::uid(&consent) {
                context.forget(uid);
            }
        }
    }
}

/// Notes one object. Returns it if there is something to decide.
fn note_one(consent: &DigitalTwinConsent, shown: Sighting, context: &Arc<Context>) -> Option<Uid> {
    let before = uid::uid(consent).filter(|_| context.landings.is_kept()).and_then(|uid| context.store.copy(uid));
    let noted = context.store.note(consent, shown)?;
    context.landings.note(before.as_ref(), consent);
    if noted.is_new {
        context.expect(noted.uid, consent);
    }
    context.wake_consents(noted.moved);
    if let Some(account) = noted.new_account {
        named_accounts::expect(&account, context);
        context.wake_account(&account);
    }
    noted.is_change.then_some(noted.uid)
}
