//! The command line.

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Parser, Subcommand};

use crate::changes::Several;
use crate::commands::{check, export, import, link, list, poll, renew, request, resume, status, suspend, verify, version, withdraw};
use crate::context::Cluster;
use crate::error::{EXIT_CODES, Error};
use crate::output::Output;
use crate::wait;

/// Consents to HeyGen digital twins: which person was asked, what became of it, and what to do next.
#[derive(Debug, Parser)]
#[command(
    // kubectl shows a plugin's help as the plugin wrote it, so it speaks of itself as it is called.
    name = "kubectl-twinconsent",
    bin_name = "kubectl twinconsent",
    version,
    styles = STYLES,
    after_help = EXIT_CODES,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Cli {
    /// Which cluster, and where in it.
    #[command(flatten)]
    pub cluster: Cluster,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const STYLES: Styles = Styles::styled().header(AnsiColor::Green.on_default().bold()).literal(AnsiColor::Cyan.on_default());

/// What the plugin can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the consents: first those that wait for a person.
    List(list::Args),
    /// Show everything about one consent, and what to do next.
    Status(status::Args),
    /// Print the link for the person, and a QR code of it if wanted.
    Link(link::Args),
    /// Wait until twins may be used: ends with 3 when one is refused or stalled, with 4 at the end of the time.
    Wait(wait::Args),
    /// Ask a person for consent: create the object that does.
    Request(Box<request::Args>),
    /// Ask for a new link, or once more after a refusal: raise the epoch of the request.
    Renew(Several),
    /// Poll HeyGen at once.
    Poll(poll::Args),
    /// Stop every call to HeyGen for a consent.
    Suspend(suspend::Args),
    /// Go on with a suspended consent.
    Resume(Several),
    /// Write down that the person has withdrawn their consent; this cannot be taken back.
    Withdraw(withdraw::Args),
    /// Print manifests for the avatar groups of an account that have no object yet: they follow what HeyGen says, and no person is asked.
    ///
    /// The API key is read from the account's Secret; with the variable HEYGEN_API_KEY its key is used, and neither account nor Secret is read.
    Import(import::Args),
    /// Print the evidence: consents as they stand, and their lines of an audit log, as JSON lines; without links.
    Export(export::Args),
    /// Verify an audit log: name each line that was altered, removed, repeated or moved.
    Verify(verify::Args),
    /// Check whether everything is there that a consent needs: what is wrong, and by which team it is mended.
    Check(check::Args),
    /// Print the version of this plugin, and of what is installed, as far as that can be seen.
    Version(version::Args),
}

impl Cli {
    /// Runs the command.
    ///
    /// # Errors
    /// Those of the command.
    pub async fn run(self, output: &mut Output) -> Result<(), Error> {
        let cluster = &self.cluster;
        match self.command {
            Command::Request(args) => request::run(&args, cluster, output).await,
            Command::Renew(args) => renew::run(&args, cluster, output).await,
            Command::Poll(args) => poll::run(&args, cluster, output).await,
            Command::Suspend(args) => suspend::run(&args, cluster, output).await,
            Command::Resume(args) => resume::run(&args, cluster, output).await,
            Command::Withdraw(args) => withdraw::run(&args, cluster, output).await,
            Command::Import(args) => import::run(&args, cluster, output).await,
            Command::Export(args) => export::run(&args, cluster, output).await,
            Command::Verify(args) => verify::run(&args, cluster, output).await,
            Command::List(args) => list::run(&args, cluster, output).await,
            Command::Status(args) => status::run(&args, cluster, output).await,
            Command::Link(args) => link::run(&args, cluster, output).await,
            Command::Wait(args) => wait::run(&args, cluster, output).await,
            Command::Check(args) => check::run(&args, cluster, output).await,
            Command::Version(args) => version::run(&args, cluster, output).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_names_each_exit_code() {
        let help = Cli::command().render_long_help().to_string();
        for code in ["0 done", "1 an error", "2 wrong usage", "3 refused or stalled", "4 timeout", "5 an audit log"] {
            assert!(help.contains(code), "{help}");
        }
    }
}
