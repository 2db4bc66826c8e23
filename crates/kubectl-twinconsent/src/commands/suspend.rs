//! `suspend`: stops every call to HeyGen for a consent.

use serde_json::{Value, json};

use crate::changes::{SUSPENSION_REASON, Several, each};
use crate::context::{Cluster, Context};
use crate::error::Error;
use crate::objects;
use crate::output::Output;

/// The longest reason, in characters.
const LONGEST: usize = 256;

/// The arguments of `suspend`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Which.
    #[command(flatten)]
    pub several: Several,

    /// Why, for others; it becomes the annotation twinconsent.io/suspension-reason. No names of persons.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// When one cannot be changed.
pub async fn run(args: &Args, cluster: &Cluster, output: &mut Output) -> Result<(), Error> {
    let reason = args.reason.as_deref();
    if reason.is_some_and(|reason| reason.is_empty() || reason.chars().count() > LONGEST || reason.chars().any(char::is_control)) {
        return Err(Error::usage(format!("--reason takes 1 to {LONGEST} characters without control characters")));
    }
    let context = Context::of(cluster).await?;
    let patch = patch(reason);
    each(&args.several, "suspended", output, async |name, _| {
        objects::patch(&context, name, &format!("suspend the consent {name}"), &patch).await
    })
    .await
}

/// PURE. The change; without a reason, one that stands there goes.
fn patch(reason: Option<&str>) -> Value {
    json!({ "metadata": { "annotations": { SUSPENSION_REASON: reason } }, "spec": { "suspend": true } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_reason_does_not_stay() {
        assert_eq!(patch(Some("moving"))["metadata"]["annotations"][SUSPENSION_REASON], "moving");
        assert_eq!(
            patch(None).to_string(),
            r#"{"metadata":{"annotations":{"twinconsent.io/suspension-reason":null}},"spec":{"suspend":true}}"#
        );
    }
}
