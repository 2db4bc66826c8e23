//! `resume`: goes on with a suspended consent.

use serde_json::json;

use crate::changes::{SUSPENSION_REASON, Several, each};
use crate::context::{Cluster, Context};
use crate::error::Error;
use crate::objects;
use crate::output::Output;

/// The arguments of `resume`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Which.
    #[command(flatten)]
    pub several: Several,
}

/// Runs the command.
///
/// # Errors
/// When one cannot be changed.
pub async fn run(args: &Args, cluster: &Cluster, output: &mut Output) -> Result<(), Error> {
    let context = Context::of(cluster).await?;
    // The field goes, so that nothing of this manager stays that an apply from git could collide with.
    let patch = json!({ "metadata": { "annotations": { SUSPENSION_REASON: null } }, "spec": { "suspend": null } });
    each(&args.several, "resumed", output, async |name, _| {
        objects::patch(&context, name, &format!("resume the consent {name}"), &patch).await
    })
    .await
}
