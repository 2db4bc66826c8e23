//! `wait`: until twins may be used, by the strict expression of [`permission`](twinconsent_core::consent::permission).
//!
//! The operator's binary has the same command, for init containers.

mod progress;
mod state;
mod watch;

use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use futures::StreamExt as _;
use tokio::time::Instant;

use crate::clock;
use crate::context::{Cluster, Context};
use crate::error::Error;
use crate::objects;
use crate::output::{Format, Output};
use crate::times::duration;

use progress::Progress;
use state::{Outcome, Waiting};
use watch::Seen;

/// The arguments of `wait`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The names of the consents; all of them must permit at once.
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,

    /// How long to wait, as in `30s`, `10m` or `72h`; 0s checks once. [default: for as long as it takes]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Duration>,

    /// The avatar group that is about to be used: a consent to another one ends the wait. For a single NAME.
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub group: Option<String>,

    /// Wait for objects that do not exist yet as well; without this a missing one is an error, as it is for `kubectl wait`.
    #[arg(long)]
    pub for_creation: bool,

    /// The form of the answer.
    #[arg(short, long, value_enum)]
    pub output: Option<Format>,
}

/// Runs the command of the plugin.
///
/// # Errors
/// See [`until_permitted`].
pub async fn run(args: &Args, cluster: &Cluster, output: &mut Output) -> Result<(), Error> {
    check(args)?;
    until_permitted(args, &Context::of(cluster).await?, output).await
}

fn check(args: &Args) -> Result<(), Error> {
    match (&args.group, args.names.len()) {
        (Some(_), 2..) => Err(Error::usage("--group is for a single NAME")),
        _ => Ok(()),
    }
}

/// Waits until all of the consents permit the use of their twins at once.
///
/// # Errors
/// With exit code 3 when one is refused, stalled, withdrawn, lapsed or deleted, 4 at the end of the time, 2 when the arguments make no
/// sense together, else 1.
pub async fn until_permitted(args: &Args, context: &Context, output: &mut Output) -> Result<(), Error> {
    check(args)?;
    let deadline = args.timeout.map(|timeout| Instant::now() + timeout);
    let mut waiting = Waiting::new(&args.names, args.group.as_deref(), args.for_creation);
    let mut progress = Progress::new(output.renews_lines());
    // A first read of each: what is wrong with the cluster or the rights is an error at once, and not a reason to try again.
    for name in &args.names {
        waiting.see(name, read(context, name, args.for_creation).await?);
    }
    let mut seen = watch::all(context, &args.names);
    loop {
        match waiting.outcome(clock::now()) {
            Outcome::Permitted => {
                // A watch may lag behind: what it says is confirmed by a read.
                for name in &args.names {
                    waiting.see(name, read(context, name, args.for_creation).await?);
                }
                if waiting.outcome(clock::now()) == Outcome::Permitted {
                    return answer(args, context, &waiting, Ok(()), &progress, output);
                }
            }
            Outcome::Ended(why) => return answer(args, context, &waiting, Err(Error::refused(why)), &progress, output),
            Outcome::Missing(name) => {
                return answer(args, context, &waiting, Err(Error::no_consent(&context.namespace, &name)), &progress, output);
            }
            Outcome::Waiting => {}
        }
        progress.show(&waiting.lines(clock::now()), output);
        let next = match deadline {
            Some(deadline) => tokio::time::timeout_at(deadline, seen.next()).await,
            None => Ok(seen.next().await),
        };
        match next {
            Ok(Some((name, Seen::Object(consent)))) => waiting.see(&name, Some(*consent)),
            Ok(Some((name, Seen::Gone))) => waiting.see(&name, None),
            Ok(Some((_, Seen::Unreadable(unreadable)))) => return Err(unreadable.into()),
            Ok(Some((name, Seen::Trouble(error)))) => {
                progress.trouble(&format!("{name}: {}; trying again", context.failed("watch it", &error)), output)
            }
            Ok(Some((name, Seen::Refused(error)))) => return Err(context.failed(&format!("watch the consent {name}"), &error)),
            Ok(None) => return Err(Error::failed("the watch has ended")),
            Err(_) => {
                let error = Error::timed_out(format!("timed out: {}", waiting.lines(clock::now()).join("; ")));
                return answer(args, context, &waiting, Err(error), &progress, output);
            }
        }
    }
}

async fn read(context: &Context, name: &str, may_be_missing: bool) -> Result<Option<objects::Consent>, Error> {
    match objects::get_opt(context, name).await? {
        None if !may_be_missing => Err(Error::no_consent(&context.namespace, name)),
        read => Ok(read),
    }
}

fn answer(
    args: &Args,
    context: &Context,
    waiting: &Waiting,
    done: Result<(), Error>,
    progress: &Progress,
    output: &mut Output,
) -> Result<(), Error> {
    progress.end();
    match args.output {
        Some(Format::Json) => output.json(&waiting.as_json(&context.namespace, clock::now()))?,
        None if done.is_ok() => output.answer(&waiting.as_text())?,
        None => {}
    }
    done
}
