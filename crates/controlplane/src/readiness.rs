//! When a program counts as ready: when it answers what tests ask first.
//!
//! The question is asked by kubectl. The API server accepts connections long before it answers them, so a call mostly
//! waits instead of failing, and a handful of calls do; a TLS client in this crate would save a tenth of a second.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::supervisor::Supervised;
use crate::{Error, Patience};

/// How long a program that is not ready may stand still.
const DEADLINE: Duration = Duration::from_secs(60);

/// How long to wait between two questions, at least: each costs a process, and takes time from the program that it asks. On a slow
/// machine half of it would go to them, so that the pause is as long as the question took.
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

/// Waits until `question` is answered, as long as the program and those that it needs run, and the program gets on.
///
/// What is new in the answer or in its log is progress; a line that differs in its numbers alone, as one of a try that is repeated, is not.
pub(crate) fn wait(
    program: &mut Supervised,
    needs: &mut [&mut Supervised],
    question: impl Fn() -> Result<(), String>,
) -> Result<(), Error> {
    let mut patience = Patience::of(DEADLINE, POLL);
    loop {
        for needed in needs.iter_mut() {
            needed.check()?;
        }
        program.check()?;
        let asked = Instant::now();
        let Err(reason) = question() else { return Ok(()) };
        let log_tail = program.log_tail();
        if let Err(given_up) = patience.sees_each(reason.lines().chain(log_tail.lines()).map(without_numbers)) {
            return Err(Error::NotReady { program: program.name(), given_up, reason, log_tail });
        }
        thread::sleep(POLL.max(asked.elapsed()));
    }
}

fn without_numbers(line: &str) -> String {
    line.chars().filter(|character| !character.is_ascii_digit()).collect()
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
