//! `controlplane suite`: lanes of tests run beside each other, what fails is named, and an interruption ends all of them.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::{eventually, processes};

const FAILED: &str = "echo 'running 2 tests'; echo 'test one ... ok'; echo 'test two ... FAILED'
echo 'test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out'
echo 'error: test failed, to rerun pass `-p twinconsent --test core`' >&2; exit 101";

const PASSED: &str = "echo 'test three ... ok'; echo 'test result: ok. 1 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out'";

fn folder() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("executables"), "").unwrap();
    root
}

fn suite(root: &Path, lanes: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_controlplane"));
    command.arg("suite").arg("--dir").arg(root.join("logs")).arg("--executables").arg(root.join("executables")).args(lanes);
    command.stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn usual(root: &Path) -> String {
    let output: Output = Command::new(env!("CARGO_BIN_EXE_controlplane")).arg("usual").arg(root.join("logs")).output().unwrap();
    text(&output.stdout)
}

#[test]
fn what_fails_in_any_lane_is_told_with_the_command_that_runs_it_again() {
    let root = folder();
    assert!(usual(root.path()).contains("about 20 min, as on 2 cores"), "{}", usual(root.path()));
    let output = suite(root.path(), &[PASSED, FAILED]).output().unwrap();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{stdout}{stderr}");
    assert!(stderr.contains("FAILED -p twinconsent --test core: two"), "{stderr}");
    assert!(stdout.contains("cargo test --locked -p twinconsent --test core -- --exact 'two'"), "{stdout}");
    assert!(stdout.contains("test one ... ok") && stdout.contains("test three ... ok"), "{stdout}");
    assert_eq!(stdout.lines().last(), Some("2 passed, 1 failed, 2 skipped"));
    assert!(usual(root.path()).contains("as the last time"), "{}", usual(root.path()));
}

#[test]
fn no_lane_is_left_out() {
    let root = folder();
    let output = suite(root.path(), &[PASSED; 5]).output().unwrap();
    assert_eq!(text(&output.stdout).lines().last(), Some("5 passed, 0 failed, 10 skipped"));
    for lanes in [&[][..], &[PASSED; 6]] {
        let output = suite(root.path(), lanes).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{} lanes: {output:?}", lanes.len());
    }
}

#[test]
fn when_all_pass_it_succeeds_and_a_lane_that_ends_badly_without_a_test_does_not() {
    let root = folder();
    let output = suite(root.path(), &[PASSED, PASSED]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(text(&output.stdout).lines().last(), Some("2 passed, 0 failed, 4 skipped"));
    let output = suite(root.path(), &[PASSED, "echo 'error: could not compile'; exit 101"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stdout).contains("could not compile"), "{output:?}");
    assert!(text(&output.stdout).contains("could not be built or run: see above"), "{output:?}");
}

#[test]
fn an_interruption_ends_the_lanes_and_tells_what_was_seen_by_then() {
    let root = folder();
    let waits = format!("echo 'test four ... ok'; until [ -e {}/never ]; do sleep 0.05; done", root.path().display());
    let mut child = suite(root.path(), &[PASSED, &waits]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let saw = |name: &str| fs::read_to_string(root.path().join("logs").join(name)).is_ok_and(|log| log.contains("... ok"));
    eventually("both have begun", || saw("first.log") && saw("second.log"));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let output = child.wait_with_output().unwrap();
    assert!(text(&output.stderr).contains("interrupted after "), "{output:?}");
    assert_eq!(text(&output.stdout).lines().last(), Some("1 passed, 0 failed, 2 skipped"), "{output:?}");
    eventually("everything ends", || processes::about(root.path()).is_empty());
    // What was interrupted says nothing about how long all take.
    assert!(!usual(root.path()).contains("last time"), "{}", usual(root.path()));
}
