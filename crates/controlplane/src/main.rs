//! `controlplane`: a real Kubernetes API server on this machine, for as long as the command runs.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, Parser, Subcommand, ValueEnum as _};
use controlplane::suite::{self, Outcome, Suite};
use controlplane::tools::Beside;
use controlplane::{ControlPlane, Error, Node, NodeOptions, Options, Program, Release, Tools, ToolsError};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// How often `up` checks for a signal, and whether its programs still run.
const PAUSE: Duration = Duration::from_millis(100);

/// What a shell says of a program that a signal has ended.
const INTERRUPTED: i32 = 128 + SIGINT;

/// A real Kubernetes control plane (etcd, kube-apiserver) on loopback; on request with a node.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Environment:
  KUBEBUILDER_ASSETS         a folder with etcd, kube-apiserver and kubectl; what it lacks is downloaded, or built with Go
  TWINCONSENT_TOOLS_CACHE    where downloaded and built programs are kept (default: ~/.cache/twinconsent/tools)
  TWINCONSENT_ENVTEST_INDEX  the address of another index of archives to download, in the form of the Kubernetes project's
  ENVTEST_INSTALLED_ONLY     when set, nothing is downloaded: what is missing is built
  HTTPS_PROXY, NO_PROXY      by which proxy; Go's module proxy is GOPROXY"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a control plane, print the path of its kubeconfig, and run until SIGINT, SIGTERM or SIGHUP.
    Up(Up),
    /// Start a control plane with a node, print the path of a script that runs commands in the node's network, and run
    /// until SIGINT, SIGTERM or SIGHUP. Needs Linux and root.
    Node(NodeArguments),
    /// Find, download or build the programs and print a line NAME<TAB>PATH for each.
    ///
    /// Interrupted, it goes on where it stopped when it is run again.
    Tools {
        /// Which programs; all of them when none is named.
        programs: Vec<Program>,
        /// Meanwhile have cargo build: what stands behind `--` are its arguments
        #[arg(last = true, value_name = "CARGO")]
        cargo: Vec<String>,
    },
    /// Say how long all tests of this repository take once everything is built.
    #[command(hide = true)]
    Usual {
        /// The folder of their logs
        dir: PathBuf,
    },
    /// Run the tests of this repository, tell how far they are, and what failed.
    #[command(hide = true)]
    Suite(SuiteArguments),
}

/// Tests that run in lanes.
#[derive(Debug, Args)]
struct SuiteArguments {
    /// A folder for the logs, and for what a whole run has taken
    #[arg(long)]
    dir: PathBuf,
    /// What `cargo test --no-run` said: which tests there are
    #[arg(long, value_name = "FILE")]
    executables: PathBuf,
    /// A suite that does not run
    #[arg(long, value_name = "SUITE")]
    without: Vec<String>,
    /// What to run, each beside the others
    #[arg(value_name = "COMMAND", required = true, num_args = 1..=suite::MOST_LANES)]
    lanes: Vec<String>,
}

#[derive(Debug, Args)]
struct Up {
    /// Keep keys, data and logs in this folder; a later run with it has the same objects [default: a temporary folder]
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Write the administrator's kubeconfig to this file too; a file that is not from here is never overwritten
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Write an audit log, audit.log in the folder: metadata of each request
    #[arg(long)]
    audit_log: bool,
    /// Run kube-controller-manager too: default ServiceAccounts, garbage collection, namespace deletion
    #[arg(long)]
    controller_manager: bool,
    /// Which API server; kube-controller-manager is always the newest
    #[arg(long, value_enum, default_value_t, env = controlplane::release::VARIABLE)]
    kubernetes: Release,
}

#[derive(Debug, Args)]
struct NodeArguments {
    /// An OCI archive whose images pods may use; give it once for each archive
    #[arg(long = "image", value_name = "FILE")]
    images: Vec<PathBuf>,
    /// Keep keys, data and logs in this folder [default: a temporary folder]
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Write an audit log, audit.log in the folder: metadata of each request
    #[arg(long)]
    audit_log: bool,
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Up(arguments) => up(arguments),
        Command::Node(arguments) => node(arguments),
        Command::Tools { programs, cargo } => tools(&programs, &cargo),
        Command::Usual { dir } => Ok(print_line(&suite::usual(&dir))?),
        Command::Suite(arguments) => run_suite(arguments),
    }
}

fn up(arguments: Up) -> anyhow::Result<()> {
    let Up { dir, kubeconfig, audit_log, controller_manager, kubernetes: release } = arguments;
    if let Some(file) = &kubeconfig {
        refuse_foreign(file)?;
    }
    let plane = ControlPlane::start(Options { dir, audit_log, controller_manager, release, ..Options::default() })?;

    let stop = stop_signals()?;
    let kubeconfig = match kubeconfig {
        None => plane.kubeconfig().to_path_buf(),
        Some(file) => {
            refuse_foreign(&file)?;
            fs::copy(plane.kubeconfig(), &file).with_context(|| format!("cannot write {}", file.display()))?;
            std::path::absolute(file)?
        }
    };
    print_line(&kubeconfig.display().to_string())?;
    stay(&stop, || plane.check())
}

fn node(arguments: NodeArguments) -> anyhow::Result<()> {
    let NodeArguments { images, dir, audit_log } = arguments;
    let node = Node::start(NodeOptions { dir, images, audit_log })?;
    let stop = stop_signals()?;
    print_line(&node.run_script().display().to_string())?;
    stay(&stop, || node.check())?;
    Ok(node.stop()?)
}

/// A flag that a signal to end sets.
///
/// Asked for only when all runs: until then such a signal ends this process at once, and with it the programs.
fn stop_signals() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("cannot handle signals")?;
    }
    Ok(stop)
}

/// Waits for the flag, or for a program that ends by itself.
fn stay(stop: &AtomicBool, check: impl Fn() -> Result<(), Error>) -> anyhow::Result<()> {
    while !stop.load(Ordering::Relaxed) {
        check()?;
        thread::sleep(PAUSE);
    }
    Ok(())
}

fn tools(programs: &[Program], cargo: &[String]) -> anyhow::Result<()> {
    let programs = if programs.is_empty() { Program::value_variants() } else { programs };
    interrupt_on_signals()?;
    let beside = Beside { cargo };
    let tools = match Tools::ensure_beside(programs, (!cargo.is_empty()).then_some(&beside)) {
        Err(ToolsError::Cancelled) => {
            let _ = writeln!(io::stderr(), "controlplane: interrupted. What was compiled is kept: the same command goes on from there");
            std::process::exit(INTERRUPTED);
        }
        other => other?,
    };
    for &program in programs {
        print_line(&format!("{program}\t{}", tools.path(program).display()))?;
    }
    Ok(())
}

fn run_suite(arguments: SuiteArguments) -> anyhow::Result<()> {
    let SuiteArguments { dir, executables, without, lanes } = arguments;
    interrupt_on_signals()?;
    let named = fs::read_to_string(&executables).with_context(|| format!("cannot read {}", executables.display()))?;
    let all = suite::count(&named, &without)?;
    let outcome = Suite { dir: std::path::absolute(dir)?, lanes, all }.run()?;
    std::process::exit(match outcome {
        Outcome::Green => 0,
        Outcome::Red => 1,
        Outcome::Interrupted => INTERRUPTED,
    });
}

/// From now on a signal to end stops what was begun, and does not end this process before that.
fn interrupt_on_signals() -> anyhow::Result<()> {
    let stop = stop_signals()?;
    thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            thread::sleep(PAUSE);
        }
        controlplane::tools::interrupt();
    });
    Ok(())
}

/// Fails when `file` is a kubeconfig that was not written here: it may be the user's only one.
fn refuse_foreign(file: &Path) -> anyhow::Result<()> {
    match fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
        Ok(text) if text.is_empty() || text.starts_with(controlplane::KUBECONFIG_MARK) => Ok(()),
        Ok(_) => bail!("{} exists and was not written by this command; remove it, or choose another file", file.display()),
    }
}

fn print_line(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}
