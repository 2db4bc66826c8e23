//! `heygen-simulator serve` runs the simulator; `heygen-simulator person` plays the person who follows a link.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{ArgGroup, Args, Parser, Subcommand};
use heygen_simulator::person::{self, Decision};
use heygen_simulator::{AccountDefinition, Behaviour, DEMO_API_KEY, GroupDefinition, MAIN_ACCOUNT, Settings, Simulator};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// A stand-in for api.heygen.com: the consent calls, the hosted page, and faults on demand.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API and the hosted page, and what has happened under /_sim/.
    // Of a flag that comes twice the last one counts, and every group: a patch of a manifest can only append to its arguments.
    #[command(args_override_self = true)]
    Serve(Serve),
    /// Play the person who was sent a link: open it, record, decide, and print where the page leads.
    Person(Person),
}

#[cfg_attr(test, derive(Debug))]
#[derive(Args)]
struct Serve {
    /// Where to listen; `[::]:8090` is every address of IPv6 and IPv4, as far as there is either.
    /// The control API needs no key: keep this on loopback or in a test cluster.
    #[arg(long, default_value = "127.0.0.1:8090", env = "HEYGEN_SIMULATOR_LISTEN")]
    listen: SocketAddr,

    /// What the links begin with, when people reach the simulator under another address.
    #[arg(long, value_name = "URL", env = "HEYGEN_SIMULATOR_PUBLIC_URL")]
    public_url: Option<String>,

    /// The API key that clients must bring.
    #[arg(
        long,
        value_name = "KEY",
        env = "HEYGEN_SIMULATOR_API_KEY",
        default_value = DEMO_API_KEY,
        hide_env_values = true
    )]
    api_key: String,

    /// An avatar group that exists from the start; may be repeated.
    #[arg(long = "group", value_name = "ID[=NAME]", value_parser = parse_group)]
    groups: Vec<GroupDefinition>,

    /// The group of a photo or prompt avatar, which needs no consent; may be repeated.
    #[arg(long = "photo-group", value_name = "ID[=NAME]", value_parser = parse_photo_group)]
    photo_groups: Vec<GroupDefinition>,

    /// The group of a person who consents by themselves as soon as they are asked; may be repeated.
    #[arg(long = "willing-group", value_name = "ID[=NAME]", value_parser = parse_willing_group)]
    willing_groups: Vec<GroupDefinition>,

    /// How long the review takes after the person's consent.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_time)]
    review_time: Duration,

    /// What is logged, in the syntax of tracing's EnvFilter.
    #[arg(long, value_name = "FILTER", default_value = "info", env = "HEYGEN_SIMULATOR_LOG")]
    log_filter: String,
}

#[derive(Args)]
#[command(group(ArgGroup::new("decision").required(true).args(["consents", "declines"])))]
struct Person {
    /// The link, as the API answered it.
    link: String,

    /// Record and agree.
    #[arg(long)]
    consents: bool,

    /// Record and decline.
    #[arg(long)]
    declines: bool,

    /// How long to hesitate before deciding.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_time)]
    after: Duration,
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Serve(arguments) => serve(arguments).await,
        Command::Person(arguments) => play(arguments).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

async fn serve(arguments: Serve) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&arguments.log_filter).context("--log-filter")?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let account = AccountDefinition::new(MAIN_ACCOUNT, arguments.api_key);
    let settings = Settings {
        listen: arguments.listen,
        public_url: arguments.public_url,
        accounts: vec![account],
        groups: [arguments.groups, arguments.photo_groups, arguments.willing_groups].concat(),
        behaviour: Behaviour { review_time: arguments.review_time, ..Behaviour::default() },
        ..Settings::default()
    };
    // Before the listener, so that a signal right after "serving" is not missed.
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let simulator = Simulator::start(settings).await.with_context(|| format!("starting on {}", arguments.listen))?;
    tracing::info!(address = %simulator.addr(), base_url = simulator.base_url(), "serving");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping");
    simulator.stop().await;
    Ok(())
}

async fn play(arguments: Person) -> anyhow::Result<()> {
    let decision = if arguments.consents { Decision::Consents } else { Decision::Declines };
    let landed = person::play(&arguments.link, decision, arguments.after).await?;
    print_result(&landed);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the result of `person` belongs on standard output")]
fn print_result(landed: &str) {
    println!("{landed}");
}

#[expect(clippy::print_stderr, reason = "`person` has no log, and `serve` can fail before it has one")]
fn report(error: &anyhow::Error) {
    eprintln!("heygen-simulator: {error:#}");
}

fn parse_group(text: &str) -> Result<GroupDefinition, String> {
    parse_as(text, GroupDefinition::twin)
}

fn parse_photo_group(text: &str) -> Result<GroupDefinition, String> {
    parse_as(text, GroupDefinition::photo)
}

fn parse_willing_group(text: &str) -> Result<GroupDefinition, String> {
    parse_as(text, GroupDefinition::willing)
}

fn parse_as(text: &str, of_id: fn(String) -> GroupDefinition) -> Result<GroupDefinition, String> {
    let (id, name) = match text.split_once('=') {
        Some((id, name)) => (id, Some(name.to_owned())),
        None => (text, None),
    };
    if id.is_empty() {
        return Err("the id in front of = is empty".to_owned());
    }
    let mut group = of_id(id.to_owned());
    group.name = name;
    Ok(group)
}

/// Reads `500ms`, `5s`, `10m`, `24h`, `2d`.
fn parse_time(text: &str) -> Result<Duration, String> {
    let unit_at = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let milliseconds: u64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        "d" => 24 * 60 * 60 * 1000,
        _ => return Err("write a whole number and a unit: ms, s, m, h or d".to_owned()),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(milliseconds))
        .map(Duration::from_millis)
        .ok_or_else(|| "write a whole number and a unit, such as 5s".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn a_time_needs_its_unit() {
        assert_eq!(parse_time("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_time("24h"), Ok(Duration::from_hours(24)));
        assert!(parse_time("5").is_err());
        assert!(parse_time("s").is_err());
        assert!(parse_time("1.5s").is_err());
        assert!(parse_time("99999999999999999999d").is_err());
    }

    #[test]
    fn of_a_flag_that_comes_twice_the_last_one_counts_and_of_groups_each() -> Result<(), clap::Error> {
        let serve = |flags: &[&str]| -> Result<Serve, clap::Error> {
            match Arguments::try_parse_from(["heygen-simulator", "serve"].iter().chain(flags))?.command {
                Command::Serve(serve) => Ok(serve),
                Command::Person(_) => Err(clap::Error::new(clap::error::ErrorKind::InvalidSubcommand)),
            }
        };
        let values = [
            ("--listen", "127.0.0.1:1", "127.0.0.1:2"),
            ("--public-url", "http://a", "http://b"),
            ("--api-key", "a", "b"),
            ("--group", "a", "b"),
            ("--photo-group", "a", "b"),
            ("--willing-group", "a", "b"),
            ("--review-time", "1s", "2s"),
            ("--log-filter", "a", "b"),
        ];
        let command = Arguments::command();
        let known = command.find_subcommand("serve").into_iter().flat_map(clap::Command::get_arguments);
        let known: Vec<String> = known.filter_map(|argument| argument.get_long()).map(|name| format!("--{name}")).collect();
        assert_eq!(
            known.iter().filter(|name| *name != "--help").collect::<Vec<_>>(),
            values.map(|(name, ..)| name).iter().collect::<Vec<_>>()
        );
        for (name, first, last) in values {
            let flag = |value: &str| format!("{name}={value}");
            let of = |flags: &[&str]| serve(flags).map(|serve| format!("{serve:?}"));
            let (twice, once) = (of(&[&flag(first), &flag(last)])?, of(&[&flag(last)])?);
            assert_eq!(twice == once, !name.ends_with("group"), "{name}: {twice}");
        }
        let groups = serve(&["--group=a", "--group=b"])?.groups;
        assert_eq!(groups.iter().map(|group| group.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        Ok(())
    }

    #[test]
    fn a_group_may_have_a_name() {
        let named = parse_group("0f=Ada Lovelace").map(|group| (group.id, group.name));
        assert_eq!(named, Ok(("0f".to_owned(), Some("Ada Lovelace".to_owned()))));
        let plain = parse_group("0f").map(|group| group.name);
        assert_eq!(plain, Ok(None));
        assert!(parse_group("=Ada").is_err());
    }
}
