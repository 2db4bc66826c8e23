//! When a program counts as ready: when it answers what tests ask first.
//!
//! The question is asked by kubectl. The API server accepts connections long before it answers them, so a call mostly
//! waits instead of failing, and a handful of calls do; a TLS client in this crate would save a tenth of a second.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::Error;
use crate::supervisor::Supervised;

/// How long a program may take until it is ready.
const DEADLINE: Duration = Duration::from_secs(60);

/// How long to wait between two questions: each costs a process, and takes time from the program that it asks.
const POLL: Duration = Duration::from_millis(100);

/// Waits until the API server answers and has made the namespace `default`.
///
/// `/readyz` also covers its own roles and bindings.
pub(crate) fn of_api_server(api_server: &mut Supervised, etcd: &mut Supervised, kubectl: impl Fn() -> Command) -> Result<(), Error> {
    wait(api_server, &mut [etcd], || {
        get(&mut kubectl(), "/readyz")?;
        get(&mut kubectl(), "/api/v1/namespaces/default")
    })
}

/// Waits until kube-controller-manager does its work: it has made the first ServiceAccount.
pub(crate) fn of_controller_manager(controller_manager: &mut Supervised, kubectl: impl Fn() -> Command) -> Result<(), Error> {
    let path = "/api/v1/namespaces/default/serviceaccounts/default";
    wait(controller_manager, &mut [], || get(&mut kubectl(), path))
}

/// Waits until `question` is answered, as long as the program and those that it needs run.
pub(crate) fn wait(
    program: &mut Supervised,
    needs: &mut [&mut Supervised],
    question: impl Fn() -> Result<(), String>,
) -> Result<(), Error> {
    let started = Instant::now();
    loop {
        for needed in needs.iter_mut() {
            needed.check()?;
        }
        program.check()?;
        match question() {
            Ok(()) => return Ok(()),
            Err(reason) if started.elapsed() > DEADLINE => {
                return Err(Error::NotReady { program: program.name(), deadline: DEADLINE, reason, log_tail: program.log_tail() });
            }
            Err(_) => thread::sleep(POLL),
        }
    }
}

/// Has a kubectl ask for a path.
pub(crate) fn get(kubectl: &mut Command, path: &str) -> Result<(), String> {
    // Short, so that a program that ended in the meantime is noticed.
    ask(kubectl.args(["get", "--request-timeout=3s", "--raw", path]))
}

/// Whether a command succeeds; if not, what it said.
pub(crate) fn ask(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()) }
}
