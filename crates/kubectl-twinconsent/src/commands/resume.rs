//! `resume`: goes on with a suspended consent.

use serde_json::json;

use crate::changes::{SUSPENSION_REASON, Several, each};
use crate::context::{Cluster, Context};
use crate::error::Error;
use crate::objects;
use crate::output::Output;

/// Runs the command.
///
/// # Errors
/// When one cannot be changed.
pub async fn run(several: &Several, cluster: &Cluster, output: &mut Output) -> Result<(), Error> {
    let context = Context::of(cluster).await?;
    // The field goes, so that nothing of this manager stays that an apply from git could collide with.
    let patch = json!({ "metadata": { "annotations": { SUSPENSION_REASON: null } }, "spec": { "suspend": null } });
    each(several, "resumed", output, async |name, _| objects::patch(&context, name, &format!("resume the consent {name}"), &patch).await)
        .await
}
