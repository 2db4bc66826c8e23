//! The operator's binary: parse the arguments, dispatch `run`, `crds` or `wait`.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use kubectl_twinconsent::context::Context;
use kubectl_twinconsent::error::Error;
use kubectl_twinconsent::output::Output;
use kubectl_twinconsent::wait::until_permitted;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use twinconsent::heygen::renewal;
use twinconsent::heygen::{Deadlines, HeyGen};
use twinconsent::kubernetes::connection;
use twinconsent::kubernetes::leader::election::Election;
use twinconsent::kubernetes::leadership::Leadership;
use twinconsent::kubernetes::preflight;
use twinconsent::process::audit_log::AuditLog;
use twinconsent::process::config;
use twinconsent::process::config::{Cli, Command, Config, RunArgs, WaitArgs, in_cluster_namespace, read_bundle};
use twinconsent::process::metrics::Metrics;
use twinconsent::process::proxies::Proxies;
use twinconsent::process::server;
use twinconsent::process::server::Readiness;
use twinconsent::process::shutdown::Shutdown;
use twinconsent::process::telemetry;
use twinconsent::runtime::run;
use twinconsent_core::api;

/// How many threads work, at most. More would each take an arena of memory and gain nothing: the API server and HeyGen set the pace.
const MOST_THREADS: usize = 4;

/// How long the last lines of the audit log may take to be written, of what is left of the grace period.
const LAST_LINES: Duration = Duration::from_secs(5);

fn main() -> std::process::ExitCode {
    let done = match Cli::parse_or_exit().command {
        Command::Crds => print_crds(),
        Command::Wait(arguments) => return wait(&arguments),
        Command::Run(arguments) => match configured(*arguments) {
            Ok((config, proxies)) => runtime().and_then(|runtime| runtime.block_on(run(&config, proxies))),
            Err(problem) => return complain(&problem, 2),
        },
    };
    done.map_or_else(|error| complain(&format!("{error:#}"), 1), |()| std::process::ExitCode::SUCCESS)
}

/// What the arguments and the variables of proxies say; or the one that makes no sense.
fn configured(arguments: RunArgs) -> Result<(Config, (Proxies, Vec<String>)), String> {
    let config = Config::from_args(arguments, in_cluster_namespace(), read_bundle)?;
    let proxies = renewal::Files::of(&config).proxies()?;
    Ok((config, proxies))
}

#[expect(clippy::print_stderr, reason = "a process that cannot start says so on stderr")]
fn complain(problem: &str, code: u8) -> std::process::ExitCode {
    // The first line: what a YAML reader adds below it is a part of the kubeconfig, with the credentials in it.
    eprintln!("error: {}", problem.lines().next().unwrap_or_default());
    code.into()
}

/// Waits as `kubectl twinconsent wait` does; a signal ends it, which the kernel would not do to the first process of a container.
fn wait(WaitArgs { namespace, wait }: &WaitArgs) -> std::process::ExitCode {
    let mut output = Output::standard();
    let waited = kubectl_twinconsent::block_on(async {
        let shutdown = Shutdown::on_signals(Duration::ZERO).map_err(|error| Error::failed(format!("cannot listen to signals: {error}")))?;
        let waits = async {
            let cluster = connection::find().await.map_err(|error| Error::failed(error.to_string()))?;
            let context = Context::with(cluster, namespace.as_deref())?;
            until_permitted(wait, &context, &mut output).await
        };
        let ended = Err(Error::failed("ended by a signal"));
        shutdown.stopping().run_until_cancelled(waits).await.unwrap_or(ended)
    });
    kubectl_twinconsent::finish(waited, &mut output)
}

#[expect(clippy::print_stdout, reason = "the definitions are what was asked for")]
fn print_crds() -> anyhow::Result<()> {
    for (_, yaml) in api::crd_files()? {
        println!("---\n{yaml}");
    }
    Ok(())
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(MOST_THREADS));
    tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build().context("cannot start the threads that work")
}

async fn run(config: &Config, (proxies, notes): (Proxies, Vec<String>)) -> anyhow::Result<()> {
    telemetry::init(config.log_format, &config.log_filter)?;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let shutdown = Shutdown::on_signals(config.shutdown_grace).context("cannot listen to signals")?;
    let metrics = Arc::new(Metrics::new());
    let readiness = Readiness::default();
    let audit_log = AuditLog::start(config.audit_log.as_ref(), metrics.clone(), readiness.clone()).context("cannot start the audit log")?;
    audit_log.reopen_at_sighup().context("cannot listen to SIGHUP")?;
    let listener = server::bind("--listen", config.listen)?;
    let page = config.return_page.as_ref().map(|page| server::bind("--return-page-listen", page.listen)).transpose()?;
    let server = tokio::spawn(server::serve(listener, readiness.clone(), metrics.clone(), shutdown.stopping().clone()));

    let connection = connection::find().await?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "started");
    renewal::tell(&proxies, &notes, &config.heygen_base_url);
    let trusted = renewal::Content { roots: config.ca_bundle.clone(), proxies, notes };
    let worked = tokio::select! {
        worked = work(connection, config, trusted, (metrics, audit_log.clone()), (readiness, page), shutdown.stopping()) => worked,
        // Also for a controller that never reached its API server, which would not end by itself.
        () = shutdown.over().cancelled() => Ok(()),
    };
    let closing = tokio::time::timeout(LAST_LINES, audit_log.close());
    if !matches!(shutdown.over().run_until_cancelled(closing).await, Some(Ok(()))) {
        tracing::warn!("the last lines of the audit log are not written");
    }
    worked?;
    server.await.context("the server for health and metrics did not end")?;
    tracing::info!("stopped");
    Ok(())
}

/// Works until `stopping` is cancelled and what was under way has ended; fails when another replica has taken over.
async fn work(
    connection: kube::Config,
    config: &Config,
    trusted: renewal::Content,
    (metrics, audit_log): (Arc<Metrics>, AuditLog),
    (readiness, page): (Readiness, Option<TcpListener>),
    stopping: &CancellationToken,
) -> anyhow::Result<()> {
    let client = connection::client(connection.clone())?;
    let (heygen, refused, watches) = tokio::try_join!(
        heygen(config, trusted, metrics.clone(), stopping.clone()),
        async { Ok(preflight::run(&client, config, &readiness, stopping).await) },
        async { Ok(stopping.run_until_cancelled(run::begin(client.clone(), config)).await) },
    )?;
    let Some((refused, watches)) = refused.zip(watches) else { return Ok(()) };
    let Some(lease) = &config.lease else {
        metrics.leads(true);
        run::run(watches, config, heygen, (metrics, audit_log), (refused, readiness, page), Leadership::unopposed(), stopping.clone())
            .await;
        return Ok(());
    };
    let (election, leadership) = Election::new(connection, &config.operator_namespace, lease, config::identity())?;
    let over = CancellationToken::new();
    let counted = metrics.clone();
    let work = async {
        let working =
            run::run(watches, config, heygen, (metrics, audit_log), (refused, readiness, page), leadership.clone(), stopping.clone());
        let led = leadership.while_it_lasts(working).await;
        // What was under way has ended: another replica may go on at once.
        over.cancel();
        led
    };
    let (led, ()) = tokio::join!(work, election.run(&counted, over.clone()));
    led.context("the Lease was lost: this replica must not go on; another one does")
}

/// The client of HeyGen, which goes by the certificates and proxies as they are from now on.
async fn heygen(config: &Config, trusted: renewal::Content, metrics: Arc<Metrics>, stopping: CancellationToken) -> anyhow::Result<HeyGen> {
    let (roots, proxies) = (trusted.roots.clone(), trusted.proxies.clone());
    // It reads every certificate of the system, which may be hundreds of files.
    let made = tokio::task::spawn_blocking(move || HeyGen::with(metrics, Deadlines::default(), &roots, proxies));
    let heygen = made.await?.context("cannot set up the HeyGen client")?;
    tokio::spawn(renewal::follow(renewal::Files::of(config), trusted, heygen.clone(), config.heygen_base_url.clone(), stopping));
    Ok(heygen)
}
