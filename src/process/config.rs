//! The command line: raw arguments, and the checked configuration that they become in one conversion.
//!
//! [`RunArgs`] holds what was written, nearly all of it as text; [`Config::from_args`] checks everything at once and is pure, so the
//! rest of the operator never meets an impossible setting. Every flag is also an environment variable `TWINCONSENT_…`; a flag wins
//! over its variable, and the last of several over the others. The one file that is named by a flag is read by a function that is handed in.
//! Whatever is wrong is said in one line that names the flag, because that line is what `kubectl logs` shows of a
//! pod that will not start.

mod check;

use std::collections::BTreeSet;
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{ArgAction, Args, Parser, Subcommand};
use url::Url;

use kubectl_twinconsent::error::EXIT_CODES;
use kubectl_twinconsent::wait;

use crate::heygen::ExtraRoots;
use crate::process::audit_log::Target;
use crate::process::clock;
use crate::process::telemetry::LogFormat;
use twinconsent_core::api::FIELD_MANAGER;
use twinconsent_core::heygen::address;

/// HeyGen's own API (HeyGen API notes, section 1).
pub const DEFAULT_BASE_URL: &str = "https://api.heygen.com";

/// The operator's namespace when nothing tells.
pub const DEFAULT_NAMESPACE: &str = "twinconsent-system";

/// The Secret with the key of the return page's tokens, when no flag names one.
pub const RETURN_PAGE_SECRET: &str = "twinconsent-return-page";

/// How many objects may be worked on at once, at most.
pub const MOST_CONCURRENCY: u16 = 1024;

/// The largest file of certificates that is read, in bytes; the usual bundle of all public roots has a quarter of it.
pub const CA_BUNDLE_CAP: u64 = 1 << 20;

/// Where Kubernetes tells a pod its namespace.
const NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// Obtains, follows and keeps proving a person's consent to their HeyGen digital twin.
///
/// The cluster is found as kubectl finds it: KUBECONFIG, ~/.kube/config, or the service account inside a pod.
#[derive(Debug, Clone, Parser)]
#[command(name = "twinconsent-operator", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the operator's binary can do.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Run the operator until SIGTERM or SIGINT.
    // Of a flag that comes twice the last one counts: a patch of a manifest can only append to its arguments.
    #[command(args_override_self = true)]
    // Boxed for its size next to the other.
    Run(Box<RunArgs>),
    /// Print the custom resource definitions as YAML.
    Crds,
    /// Wait until twins may be used, for init containers: in the pod's namespace, with the rights of its service account.
    #[command(after_help = EXIT_CODES)]
    Wait(WaitArgs),
}

/// The arguments of `wait`.
#[derive(Debug, Clone, Args)]
pub struct WaitArgs {
    /// The namespace of the consents. [default: the pod's]
    #[arg(short, long, value_name = "NAMESPACE")]
    pub namespace: Option<String>,

    /// What to wait for.
    #[command(flatten)]
    pub wait: wait::Args,
}

/// The arguments of `run` as they were written.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// Base URL of HeyGen's API, for accounts that name none themselves; https, no query, no user info.
    #[arg(long, value_name = "URL", env = "TWINCONSENT_HEYGEN_BASE_URL", default_value = DEFAULT_BASE_URL)]
    pub heygen_base_url: String,

    /// Accept http base URLs, here and in ClusterHeyGenAccounts: keys and links are then sent unencrypted. For simulators.
    #[arg(
        long, value_name = "BOOL", env = "TWINCONSENT_ALLOW_INSECURE_BASE_URL",
        action = ArgAction::Set, num_args = 0..=1, default_value = "false", default_missing_value = "true"
    )]
    pub allow_insecure_base_url: bool,

    /// PEM file with root certificates to trust for HeyGen, and for an HTTPS proxy before it, in addition to the system's.
    /// Read again every 10 seconds, so that it may change. [default: none]
    #[arg(long, value_name = "PATH", env = "TWINCONSENT_CA_BUNDLE")]
    pub ca_bundle: Option<PathBuf>,

    /// Folder with files that are named as the variables of proxies, HTTPS_PROXY for example, and go before these, as a mounted Secret
    /// is. Read again every 10 seconds, so that they may change. [default: none]
    #[arg(long, value_name = "PATH", env = "TWINCONSENT_PROXY_FOLDER")]
    pub proxy_folder: Option<PathBuf>,

    /// Namespace of the operator itself: Secrets of ClusterHeyGenAccounts are read here.
    /// [default: the namespace of the pod, else twinconsent-system]
    #[arg(long, value_name = "NAMESPACE", env = "TWINCONSENT_OPERATOR_NAMESPACE")]
    pub operator_namespace: Option<String>,

    /// Namespaces to serve, separated by commas. [default: all]
    #[arg(long, value_name = "NAMESPACES", env = "TWINCONSENT_WATCH_NAMESPACES")]
    pub watch_namespaces: Option<String>,

    /// ClusterHeyGenAccounts to read before a consent names them, separated by commas; only with --watch-namespaces,
    /// because an operator for all namespaces reads every account. [default: none]
    #[arg(long, value_name = "NAMES", env = "TWINCONSENT_CLUSTER_ACCOUNTS")]
    pub cluster_accounts: Option<String>,

    /// Serve only DigitalTwinConsents with these labels, in kubectl's syntax, such as `tier=gold,env!=dev`. [default: all]
    #[arg(long, value_name = "SELECTOR", env = "TWINCONSENT_WATCH_LABEL_SELECTOR")]
    pub watch_label_selector: Option<String>,

    /// How many objects are worked on at the same time, 1 to 1024. Requests to HeyGen are limited by the account's rateLimit, not by this.
    #[arg(long, value_name = "COUNT", env = "TWINCONSENT_CONCURRENCY", default_value = "64")]
    pub concurrency: String,

    /// Elect a leader among replicas, by a Lease in the operator's namespace. Only the leader works.
    #[arg(
        long, value_name = "BOOL", env = "TWINCONSENT_LEADER_ELECT",
        action = ArgAction::Set, num_args = 0..=1, default_value = "true", default_missing_value = "true"
    )]
    pub leader_elect: bool,

    /// Name of that Lease. Operators that serve different namespaces or labels need different ones.
    #[arg(long, value_name = "NAME", env = "TWINCONSENT_LEASE_NAME", default_value = FIELD_MANAGER)]
    pub lease_name: String,

    /// Address and port of /livez, /readyz and /metrics. `[::]:8080` is every address of IPv6 and IPv4, as far as there is either.
    #[arg(long, value_name = "ADDRESS", env = "TWINCONSENT_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: String,

    /// Address and port of /debug/consents/NAMESPACE/NAME, which tells what the operator does about one object, and why; on loopback
    /// only, or `off`.
    #[arg(long, value_name = "ADDRESS", env = "TWINCONSENT_DEBUG_LISTEN", default_value = "127.0.0.1:8081")]
    pub debug_listen: String,

    /// Where persons reach the return page, to which HeyGen leads them after the recording: https, without query and user info; a path
    /// may stand before the token. http is accepted for this machine, and with --allow-insecure-base-url. [default: no return page]
    #[arg(long, value_name = "URL", env = "TWINCONSENT_RETURN_PAGE_URL")]
    pub return_page_url: Option<String>,

    /// Address and port of the return page, if there is one: plain HTTP, for the ingress that serves its URL.
    #[arg(long, value_name = "ADDRESS", env = "TWINCONSENT_RETURN_PAGE_LISTEN", default_value = "[::]:8082")]
    pub return_page_listen: String,

    /// Secret in the operator's namespace with the key of the return page's tokens, and perhaps the previous one; made when there is none.
    /// Read again every 10 seconds, so that it may change.
    #[arg(long, value_name = "NAME", env = "TWINCONSENT_RETURN_PAGE_SECRET", default_value = RETURN_PAGE_SECRET)]
    pub return_page_secret: String,

    /// How long running work may take after the first SIGTERM, as 25s or 1m30s; keep it below the pod's
    /// terminationGracePeriodSeconds. A second signal ends the operator at once.
    #[arg(long, value_name = "DURATION", env = "TWINCONSENT_SHUTDOWN_GRACE", default_value = "25s")]
    pub shutdown_grace: String,

    /// Where audit events go, one line each: `-` is stdout, where nothing else goes; else the path of a file, which is opened anew at
    /// SIGHUP. [default: nowhere]
    #[arg(long, value_name = "PATH", env = "TWINCONSENT_AUDIT_LOG")]
    pub audit_log: Option<String>,

    /// Format of log lines. They go to stderr, with times in UTC.
    #[arg(long, value_name = "FORMAT", env = "TWINCONSENT_LOG_FORMAT", value_enum, default_value = "text")]
    pub log_format: LogFormat,

    /// What to log: a level (error, warn, info, debug, trace), or levels per module such as `info,twinconsent::heygen=debug`.
    #[arg(long, value_name = "FILTER", env = "TWINCONSENT_LOG_FILTER", default_value = "info")]
    pub log_filter: String,
}

/// Checked configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Base URL for accounts that name none: https, or http when [`allow_insecure_base_url`](Self::allow_insecure_base_url).
    pub heygen_base_url: Url,
    /// Whether base URLs of accounts may be http.
    pub allow_insecure_base_url: bool,
    /// Root certificates to trust for HeyGen besides the system's, as they are at the start.
    pub ca_bundle: ExtraRoots,
    /// The file with these certificates.
    pub ca_bundle_file: Option<PathBuf>,
    /// The folder with files that name proxies.
    pub proxy_folder: Option<PathBuf>,
    /// The operator's own namespace.
    pub operator_namespace: String,
    /// The namespaces to serve; empty means all.
    pub watch_namespaces: BTreeSet<String>,
    /// The ClusterHeyGenAccounts to read before a consent names them; empty unless `watch_namespaces` names some.
    pub cluster_accounts: BTreeSet<String>,
    /// A label selector for DigitalTwinConsents, in the API server's syntax; not blank.
    pub watch_label_selector: Option<String>,
    /// Objects worked on at once, 1 to [`MOST_CONCURRENCY`].
    pub concurrency: u16,
    /// The name of the Lease by which replicas elect a leader; `None`: this one needs no election.
    pub lease: Option<String>,
    /// Where the server for health and metrics listens.
    pub listen: SocketAddr,
    /// Where what the operator does about one object is told: on loopback; `None`: nowhere.
    pub debug_listen: Option<SocketAddr>,
    /// The return page; `None`: there is none.
    pub return_page: Option<ReturnPage>,
    /// How long stopping may take.
    pub shutdown_grace: Duration,
    /// Where audit events go; `None`: nowhere.
    pub audit_log: Option<Target>,
    /// Format of log lines.
    pub log_format: LogFormat,
    /// A filter in `EnvFilter` syntax.
    pub log_filter: String,
}

/// The return page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnPage {
    /// Where persons reach it: the address of a token begins with this.
    pub url: Url,
    /// Where it listens.
    pub listen: SocketAddr,
    /// The Secret with the key of its tokens, in the operator's namespace.
    pub secret: String,
}

impl Cli {
    /// The arguments of this process.
    ///
    /// Exits with 0 for `--help` and `--version`, and with 2 and one line on stderr for arguments that make no sense.
    #[must_use]
    pub fn parse_or_exit() -> Self {
        let error = match Self::try_parse() {
            Ok(cli) => return cli,
            Err(error) => error,
        };
        if !error.use_stderr() {
            // Nothing is left to do when stdout is closed.
            let _ = error.print();
            std::process::exit(0);
        }
        complain(&one_line(&error));
        std::process::exit(2);
    }
}

impl Config {
    /// Checks the arguments. `in_cluster_namespace` is where the operator runs, if known: see [`in_cluster_namespace`];
    /// `read` reads the file of `--ca-bundle`: see [`read_bundle`].
    ///
    /// # Errors
    ///
    /// The first argument that cannot be accepted, in one line that names the flag.
    pub fn from_args(
        args: RunArgs,
        in_cluster_namespace: Option<String>,
        read: impl FnOnce(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<Self, String> {
        // Named one by one, so that a new flag cannot be forgotten here.
        let RunArgs {
            heygen_base_url,
            allow_insecure_base_url,
            ca_bundle,
            proxy_folder,
            operator_namespace,
            watch_namespaces,
            cluster_accounts,
            watch_label_selector,
            concurrency,
            leader_elect,
            lease_name,
            listen,
            debug_listen,
            return_page_url,
            return_page_listen,
            return_page_secret,
            shutdown_grace,
            audit_log,
            log_format,
            log_filter,
        } = args;
        let return_page_listen = check::listen(&return_page_listen).map_err(of("return-page-listen"))?;
        let return_page_secret = check::name(return_page_secret).map_err(of("return-page-secret"))?;
        let return_page = return_page_url
            .map(|url| check::return_page_url(&url, allow_insecure_base_url))
            .transpose()
            .map_err(of("return-page-url"))?
            .map(|url| ReturnPage { url, listen: return_page_listen, secret: return_page_secret });
        let lease_name = check::name(lease_name).map_err(of("lease-name"))?;
        let watch_namespaces =
            watch_namespaces.as_deref().map_or_else(|| Ok(BTreeSet::new()), check::namespaces).map_err(of("watch-namespaces"))?;
        let cluster_accounts = cluster_accounts
            .as_deref()
            .map_or_else(|| Ok(BTreeSet::new()), |list| check::cluster_accounts(list, &watch_namespaces))
            .map_err(of("cluster-accounts"))?;
        Ok(Self {
            heygen_base_url: address::base(&heygen_base_url, allow_insecure_base_url).map_err(of("heygen-base-url"))?,
            allow_insecure_base_url,
            ca_bundle: ca_bundle.as_deref().map_or_else(|| Ok(ExtraRoots::default()), |path| self::ca_bundle(path, read))?,
            ca_bundle_file: ca_bundle,
            proxy_folder,
            operator_namespace: operator_namespace
                .or(in_cluster_namespace)
                .map_or_else(|| Ok(DEFAULT_NAMESPACE.to_owned()), check::namespace)
                .map_err(of("operator-namespace"))?,
            watch_namespaces,
            cluster_accounts,
            watch_label_selector: watch_label_selector.map(check::label_selector).transpose().map_err(of("watch-label-selector"))?,
            concurrency: check::concurrency(&concurrency).map_err(of("concurrency"))?,
            lease: leader_elect.then_some(lease_name),
            listen: check::listen(&listen).map_err(of("listen"))?,
            debug_listen: check::debug_listen(&debug_listen).map_err(of("debug-listen"))?,
            return_page,
            shutdown_grace: check::shutdown_grace(&shutdown_grace).map_err(of("shutdown-grace"))?,
            audit_log: audit_log.map(check::audit_log).transpose().map_err(of("audit-log"))?,
            log_format,
            log_filter: check::log_filter(log_filter).map_err(of("log-filter"))?,
        })
    }
}

/// The namespace that this process runs in: the variable `POD_NAMESPACE`, else the file that Kubernetes mounts into a pod.
#[must_use]
pub fn in_cluster_namespace() -> Option<String> {
    let shown = std::env::var("POD_NAMESPACE").ok().or_else(|| std::fs::read_to_string(Path::new(NAMESPACE_FILE)).ok())?;
    let shown = shown.trim();
    (!shown.is_empty()).then(|| shown.to_owned())
}

/// The certificates of a file; `read` reads it: see [`read_bundle`].
///
/// # Errors
///
/// When it cannot be read, holds no certificate or a broken one.
pub fn ca_bundle(path: &Path, read: impl FnOnce(&Path) -> io::Result<Vec<u8>>) -> Result<ExtraRoots, String> {
    check::ca_bundle(path, read(path)).map_err(of("ca-bundle"))
}

/// Reads a file of certificates, of at most [`CA_BUNDLE_CAP`] bytes.
///
/// # Errors
///
/// When it cannot be read, or is larger.
pub fn read_bundle(path: &Path) -> io::Result<Vec<u8>> {
    let mut pem = Vec::new();
    std::fs::File::open(path)?.take(CA_BUNDLE_CAP + 1).read_to_end(&mut pem)?;
    if pem.len() as u64 > CA_BUNDLE_CAP {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {CA_BUNDLE_CAP} bytes")));
    }
    Ok(pem)
}

/// What no other process is called: the pod's or the host's name, the present moment, and the number of this process.
///
/// A container that is started again in its pod is another process too: one that shared the name of the one before it would go on where
/// that one may still be at work.
#[must_use]
pub fn identity() -> String {
    let named = ["POD_NAME", "HOSTNAME"].into_iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let name = named.unwrap_or_else(|| FIELD_MANAGER.to_owned());
    format!("{name}_{:x}-{:x}", clock::steady().as_millisecond(), std::process::id())
}

/// What is wrong with an argument, in one line that names the flag.
fn of(flag: &'static str) -> impl Fn(String) -> String {
    move |problem| format!("--{flag}: {problem}")
}

/// Clap explains over several lines; what matters is its first paragraph and the tip, if it has one.
fn one_line(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "error: say what to do: `run` or `crds`; see --help".to_owned();
    }
    let text = error.render().to_string();
    let lines = || text.lines().map(str::trim);
    let first = lines().take_while(|line| !line.is_empty());
    let tip = lines().skip_while(|line| !line.is_empty()).filter(|line| line.starts_with("tip:"));
    first.chain(tip).collect::<Vec<_>>().join(" ")
}

#[expect(clippy::print_stderr, reason = "there is no log yet: how to log is among the arguments")]
fn complain(line: &str) {
    eprintln!("{line}");
}

#[cfg(test)]
pub(crate) mod tests;
