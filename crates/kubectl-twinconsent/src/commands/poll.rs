//! `poll`: polls HeyGen at once.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::time::Instant;
use twinconsent_core::api::REQUESTED_AT;

use crate::changes::{Several, each};
use crate::clock;
use crate::context::{Cluster, Context};
use crate::error::Error;
use crate::names;
use crate::objects::{self, Consent};
use crate::output::Output;
use crate::times::duration;

/// The pause between two readings of an object that is waited for.
const PAUSE: Duration = Duration::from_millis(250);

/// The arguments of `poll`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Which.
    #[command(flatten)]
    pub several: Several,

    /// Wait until HeyGen has answered; ends with 4 at the end of the time.
    #[arg(long)]
    pub wait: bool,

    /// How long to wait for each, as in `30s` or `10m`; an object is polled so once in 10 seconds at most.
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "60s", requires = "wait")]
    pub timeout: Duration,
}

/// Runs the command.
///
/// # Errors
/// When one cannot be changed, or its poll is waited for in vain.
pub async fn run(args: &Args, cluster: &Cluster, output: &mut Output) -> Result<(), Error> {
    let context = Context::of(cluster).await?;
    let timeout = args.wait.then_some(args.timeout);
    let word = if args.wait { "polled" } else { "is to be polled" };
    each(&args.several, word, output, async |name, output| {
        let value = request(clock::now());
        let patch = json!({ "metadata": { "annotations": { REQUESTED_AT: value } } });
        let consent = objects::patch(&context, name, &format!("poll the consent {name}"), &patch).await?;
        let resume = names::command(&context.namespace, "resume", name);
        match timeout {
            Some(_) if consent.object.spec.suspend == Some(true) => {
                let suspended = format!("{} is suspended: HeyGen was not polled", names::of(name));
                Err(Error::refused(suspended).then(format!("{resume} lets it go on, with this poll first.")))
            }
            None if consent.object.spec.suspend == Some(true) => {
                output.note(&format!("{} is suspended: HeyGen is polled once {resume} was run", names::of(name)));
                Ok(consent)
            }
            None => Ok(consent),
            Some(timeout) => until_answered(&context, name, &value, timeout).await,
        }
    })
    .await
}

/// PURE. A value that the annotation did not have before.
fn request(now: Timestamp) -> String {
    format!("{now:.9}")
}

async fn until_answered(context: &Context, name: &str, value: &str, timeout: Duration) -> Result<Consent, Error> {
    let end = Instant::now() + timeout;
    loop {
        let consent = objects::get(context, name).await?;
        if is_answered(&consent, value) {
            return Ok(consent);
        }
        if Instant::now() >= end {
            let next = format!(
                "{} shows what it waits for; `kubectl twinconsent check` tries the operator.",
                names::command(&context.namespace, "status", name)
            );
            return Err(Error::timed_out(format!("the consent {name} was not polled within {timeout:?}")).then(next));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// PURE. Whether the operator has echoed this value, or another one that was given after it.
fn is_answered(consent: &Consent, value: &str) -> bool {
    let annotation = consent.object.metadata.annotations.as_ref().and_then(|annotations| annotations.get(REQUESTED_AT));
    let echoed = consent.object.status.as_ref().and_then(|status| status.last_handled_reconcile_at.as_deref());
    echoed == Some(value) || (echoed.is_some() && annotation.map(String::as_str) == echoed && annotation.is_some_and(|now| now != value))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn answered(annotation: &str, echoed: &str) -> bool {
        let object: Value = json!({
            "metadata": { "name": "ada", "namespace": "team", "annotations": { REQUESTED_AT: annotation } },
            "spec": { "groupID": "ada" },
            "status": { "lastHandledReconcileAt": echoed },
        });
        is_answered(&Consent::read(serde_json::value::to_raw_value(&object).unwrap()).unwrap(), "mine")
    }

    #[test]
    fn a_poll_is_answered_by_its_own_echo_or_that_of_a_later_one() {
        assert!(answered("mine", "mine"));
        assert!(answered("later", "later"), "of several values within ten seconds the last one is answered");
        assert!(!answered("mine", "earlier"));
        assert!(!answered("later", "earlier"));
    }

    #[test]
    fn two_requests_in_one_second_differ() {
        let at = |text: &str| request(text.parse().unwrap());
        assert_ne!(at("2026-01-01T00:00:00.000000001Z"), at("2026-01-01T00:00:00.000000002Z"));
    }
}
