//! Which processes are there.

use std::path::Path;
use std::process::Command;

/// The command lines of all processes. A process that ended and was not collected has none.
fn command_lines() -> Vec<(u32, String)> {
    let output = Command::new("ps").args(["-A", "-ww", "-o", "pid=,stat=,args="]).output();
    let listing = match output {
        Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
        Err(error) => panic!("these tests need `ps`: {error}"),
    };
    let mut processes = Vec::new();
    for line in listing.lines() {
        let mut words = line.split_whitespace();
        let (Some(pid), Some(state)) = (words.next(), words.next()) else {
            continue;
        };
        if !state.starts_with('Z') {
            processes.push((pid.parse().unwrap(), words.collect::<Vec<_>>().join(" ")));
        }
    }
    processes
}

/// Those that have to do with `dir`.
pub(crate) fn about(dir: &Path) -> Vec<(u32, String)> {
    let dir = dir.to_str().unwrap();
    let mut processes = command_lines();
    processes.retain(|(_, line)| line.contains(dir));
    processes
}

/// Those of `pids` that still run, and the supervisors that were started for `dir`.
pub(crate) fn left(pids: &[u32], dir: &Path) -> Vec<(u32, String)> {
    let dir = dir.to_str().unwrap();
    let mut processes = command_lines();
    processes.retain(|(pid, line)| pids.contains(pid) || (line.starts_with("sh -c") && line.contains(dir)));
    processes
}
