//! One account: its Secret is read, its key probed, its status written.

use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt as _;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use url::Url;

use crate::heygen::Credentials;
use crate::kubernetes;
use crate::kubernetes::decoding::Kind;
use crate::process::clock;
use crate::runtime::accounts::condition;
use crate::runtime::accounts::condition::{REREAD, Reconciled};
use crate::runtime::accounts::obstacle::{Obstacle, Ready};
use crate::runtime::accounts::secret::Doubt;
use crate::runtime::accounts::{State, Usable};
use crate::runtime::context::{Context, RECONCILE};
use twinconsent_core::account::{AccountObject, LONGEST_PROBE, Settings};
use twinconsent_core::api::conditions::AccountReason;

/// How long a reconcile of an account that met a conflict waits.
const AFTER_ERROR: Duration = Duration::from_secs(10);

/// How soon an account that serves none of our namespaces is read again: its selector may select one whose labels have changed.
const IS_OURS_AGAIN: Duration = Duration::from_secs(10);

/// What is told in the log of a sink that cannot be used.
const SINK: &str = "a sink for notifications cannot be used";

/// How soon the Secrets of a sink that cannot be used are read again.
const SINK_AGAIN: Duration = Duration::from_secs(10);

/// The longest that one waits that has failed many times.
const LONGEST_AFTER_ERROR: Duration = Duration::from_secs(60);

/// Brings what is known of an account up to date, and its status.
///
/// # Errors
/// When the status could not be written.
pub(crate) async fn reconcile<K>(object: Arc<K>, context: Arc<Context>) -> Result<Action, kubernetes::Error>
where
    K: Kind + AccountObject,
{
    context.wait_until_it_leads().await;
    let metadata = object.meta();
    let is_undecodable = context.undecodables.contains(K::COUNTED, metadata.namespace.as_deref(), &object.name_any());
    if !context.may_act() || metadata.deletion_timestamp.is_some() || is_undecodable {
        return Ok(Action::await_change());
    }
    let settings = object.settings(&context.config.operator_namespace);
    if !context.is_ours(settings.allowed.as_deref()).await {
        if context.accounts.leave(&settings) {
            tracing::info!(account = %settings.key, "the account serves none of this operator's namespaces and is ignored");
            context.wake_consents_of(&settings.key);
        }
        context.notifications.forget(&settings.key);
        return Ok(Action::requeue(IS_OURS_AGAIN));
    }
    // Its sinks were forgotten if it was another operator's before.
    context.notifications.define(&settings.key, &settings.notifications, settings.allowed.clone());
    let sinks_again = read_sinks(&settings, &context).await;
    let Reconciled { changed, again, status } = concluded(&settings, &context).await;
    let again = sinks_again.map_or(again, |sinks_again| again.min(sinks_again));
    if changed {
        context.wake_consents_of(&settings.key);
    }
    if let Some(status) = status {
        let now = clock::monotonic();
        let wait = context.accounts.wait_to_tell(&settings, &status, now);
        if !wait.is_zero() {
            return Ok(Action::requeue(again.min(wait)));
        }
        // What was not written is not to be found contradicted.
        if !context.cluster.record_account(&settings, &status).await? {
            return Ok(Action::requeue(again.min(AFTER_ERROR)));
        }
        context.accounts.note_shown(&settings, &status, now);
        if let Some(report) = condition::report(&settings.status, &status) {
            context.events.report(object.as_ref(), report);
        }
    }
    Ok(Action::requeue(again))
}

/// Reads the Secrets of the account's sinks. Returns when they are to be read again; nothing if it has no sinks.
async fn read_sinks(settings: &Settings, context: &Context) -> Option<Duration> {
    let read = context.notifications.read_targets(settings, &context.cluster, context.config.allow_insecure_base_url).await;
    for (sink, why) in &read {
        let of = format!("{sink} of {}", settings.key);
        match why {
            Some(why) => drop(context.complaints.tell(SINK, of, why)),
            None => context.complaints.settle(SINK, of),
        }
    }
    let are_usable = read.iter().all(|(_, why)| why.is_none());
    (!read.is_empty()).then_some(if are_usable { REREAD } else { SINK_AGAIN })
}

/// Reads the Secret where that is due, and asks HeyGen whether it accepts the key where that is.
async fn concluded(settings: &Settings, context: &Context) -> Reconciled {
    let Context { accounts, scheduler, .. } = context;
    let resolved = match accounts.resolved(settings) {
        Some(usable) => Ok((usable, None)),
        None => resolve(settings, context).await.map(|(usable, in_doubt)| (Arc::new(usable), in_doubt)),
    };
    let (usable, in_doubt) = match resolved {
        Ok(resolved) => resolved,
        Err(obstacle) => return accounts.conclude(settings, State::Unusable(obstacle.for_consents), Some(obstacle.ready), obstacle.again),
    };
    let now = clock::monotonic();
    if accounts.probe_is_due(settings, &usable, now) {
        if let Err(wait) = scheduler.with(|schedule, now| schedule.probe(&usable.budget, now)) {
            if in_doubt.is_none() {
                accounts.comes_back(settings, usable.clone());
            }
            return accounts.proceed(settings, &usable, in_doubt, wait);
        }
        if !context.leadership.holds() {
            // Lost while the Secret was read: the process ends.
            return accounts.proceed(settings, &usable, in_doubt, REREAD);
        }
        let outcome = context.heygen.probe(&usable.credentials).await;
        let now = clock::monotonic();
        scheduler.with(|schedule, now| schedule.learn(&usable.budget, &outcome, now));
        accounts.note_probe(settings, &usable, &outcome, now);
    }
    accounts.proceed(settings, &usable, in_doubt, REREAD)
}

/// What is needed to use the account and, where the key may be an old one, what to say of that.
async fn resolve(settings: &Settings, context: &Context) -> Result<(Usable, Option<Doubt>), Obstacle> {
    let key = &settings.key;
    let obstacle =
        |reason, message: String, again| Obstacle { for_consents: format!("{key}: {message}"), ready: Ready { reason, message }, again };
    if settings.suspend {
        return Err(obstacle(
            AccountReason::Suspended,
            "No call is made with this account while spec.suspend is true.".to_owned(),
            LONGEST_PROBE,
        ));
    }
    let base_url = match &settings.base_url {
        None => context.config.heygen_base_url.clone(),
        Some(url) => match Url::parse(url) {
            Ok(url) if url.scheme() == "https" || context.config.allow_insecure_base_url => url,
            Ok(_) => {
                let message = "spec.baseURL is http, which would send the API key unencrypted. Use https, or run the operator with --allow-insecure-base-url.";
                return Err(obstacle(AccountReason::InsecureBaseUrl, message.to_owned(), LONGEST_PROBE));
            }
            Err(_) => return Err(obstacle(AccountReason::InsecureBaseUrl, "spec.baseURL is not a URL.".to_owned(), LONGEST_PROBE)),
        },
    };
    let read = context.cluster.secret_key(&settings.secret_namespace, &settings.secret.name, &settings.secret.key).await;
    let (key, in_doubt) = context.accounts.key_after(settings, read)?;
    let credentials = Credentials { base_url, auth: settings.auth, key };
    let budget = context.accounts.budget(&credentials, settings);
    Ok((Usable { credentials, budget, rules: settings.rules.clone() }, in_doubt))
}

/// Tells of a failure, and when to try again.
#[expect(clippy::needless_pass_by_value, reason = "kube hands it over")]
pub(crate) fn after_error<K: Kind>(object: Arc<K>, error: &kubernetes::Error, context: Arc<Context>) -> Action {
    match error {
        kubernetes::Error::Conflict => Action::requeue(AFTER_ERROR),
        _ => Action::requeue(context.complaints.tell(RECONCILE, ObjectRef::from_obj(object.as_ref()), error).min(LONGEST_AFTER_ERROR)),
    }
}
