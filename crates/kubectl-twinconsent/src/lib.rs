//! `kubectl twinconsent`: consents at the command line.
//!
//! How a command is built: one file in [`commands`], or [`wait`], with
//!
//! - `Args`, what the command line says,
//! - functions that are PURE: from objects, and the present moment, to what is printed,
//! - `run`, the thin shell: it asks the API server, calls them, and prints.
//!
//! What they share:
//!
//! - [`cli`]: the command line as a whole, and which command is which.
//! - [`context`]: the cluster, by the caller's kubeconfig and rights alone.
//! - [`objects`]: consents as they are read; a link is taken out of an object before anything else sees it.
//! - [`output`]: the one place that writes to stdout (nothing but the answer) and stderr (progress and notes).
//! - [`error`]: what went wrong, what to do next, and the exit code.
//! - [`heygen`]: HeyGen, read only, for `import`; no other command asks anything but the cluster.
//! - [`changes`]: what the commands that change consents have in common.
//! - [`manifests`]: consents as manifests.
//! - [`audit_log`]: files of an audit log, read line by line.
//! - [`names`], [`times`]: how objects and times are written.
//! - [`text`]: texts of the cluster, so that a terminal shows them as they are.
//! - [`clock`]: the one place that reads the time.
//!
//! A link is printed by the command `link` alone.
//!
//! The operator's own `wait` is [`wait`] with what it takes of these, without the feature `plugin`.

#[cfg(feature = "plugin")]
pub mod audit_log;
#[cfg(feature = "plugin")]
pub mod changes;
#[cfg(feature = "plugin")]
pub mod cli;
pub mod clock;
#[cfg(feature = "plugin")]
pub mod commands;
pub mod context;
pub mod error;
#[cfg(feature = "plugin")]
pub mod heygen;
#[cfg(feature = "plugin")]
pub mod manifests;
pub mod names;
pub mod objects;
pub mod output;
#[cfg(test)]
mod samples;
pub mod text;
pub mod times;
pub mod wait;

use std::process::ExitCode;

use error::{Error, Exit};
use output::Output;

/// The name under which the plugin writes fields.
///
/// It must not begin with `kubectl`: Flux takes over what such a manager wrote, and an apply from git would remove or refuse it.
pub const FIELD_MANAGER: &str = "twinconsent-cli";

/// Runs the program: parses the arguments, runs the command, says what went wrong.
#[cfg(feature = "plugin")]
#[must_use]
pub fn main() -> ExitCode {
    use clap::Parser as _;

    // clap ends the process by itself: with 0 after `--help` and `--version`, with 2 after wrong usage.
    let cli = cli::Cli::parse();
    let mut output = Output::standard();
    finish(block_on(cli.run(&mut output)), &mut output)
}

/// Runs a command on a runtime of its own.
///
/// # Errors
/// Those of the command; or the runtime cannot start.
pub fn block_on(command: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Error::failed(format!("cannot start: {error}")))?.block_on(command)
}

/// Says what went wrong, if anything did, and gives the exit code.
#[must_use]
pub fn finish(done: Result<(), Error>, output: &mut Output) -> ExitCode {
    let exit = done.map_or_else(
        |error| {
            output.error(&error);
            error.exit()
        },
        |()| Exit::Done,
    );
    exit.into()
}
