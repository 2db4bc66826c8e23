//! How a control plane ends.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;

use controlplane::{ControlPlane, Error, Options};

use crate::{eventually, processes};

fn start() -> ControlPlane {
    ControlPlane::start(Options::default()).unwrap()
}

/// The command `controlplane up`, and the kubeconfig that it printed.
fn up(arguments: &[&str]) -> (Child, PathBuf) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_controlplane"))
        .arg("up")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let stdout = child.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    (child, PathBuf::from(line.trim_end()))
}

/// The process ids that the supervisors left in a control plane's folder.
fn pids(dir: &Path) -> Vec<u32> {
    ["etcd.pid", "kube-apiserver.pid"]
        .map(|file| fs::read_to_string(dir.join(file)).unwrap())
        .map(|pid| pid.trim().parse().unwrap())
        .to_vec()
}

#[test]
fn dropping_it_ends_all_processes_and_removes_the_folder() {
    let plane = start();
    let (pids, dir) = (plane.pids(), plane.dir().to_path_buf());
    assert_eq!(pids.len(), 2);
    // Two programs with two shells each, and the remover.
    assert_eq!(processes::left(&pids, &dir).len(), 7);

    drop(plane);

    assert_eq!(processes::left(&pids, &dir), []);
    assert!(!dir.exists());
}

#[test]
fn a_panic_ends_it() {
    let seen = Mutex::new((Vec::new(), PathBuf::new()));
    let outcome = thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let plane = start();
            *seen.lock().unwrap() = (plane.pids(), plane.dir().to_path_buf());
            panic!("on purpose");
        });
        thread.join()
    });
    assert!(outcome.is_err());
    let (pids, dir) = seen.into_inner().unwrap();
    assert_eq!(pids.len(), 2);
    assert_eq!(processes::left(&pids, &dir), []);
}

#[test]
fn killing_the_process_that_started_it_ends_it() {
    let (mut parent, kubeconfig) = up(&[]);
    let dir = kubeconfig.parent().unwrap();
    let pids = pids(dir);
    assert_eq!(processes::left(&pids, dir).len(), 7);

    parent.kill().unwrap(); // SIGKILL: nothing of the parent runs any more
    parent.wait().unwrap();

    eventually("all processes are gone", || processes::left(&pids, dir).is_empty());
    eventually("the folder is gone", || !dir.exists());
}

#[test]
fn sigterm_ends_the_command_cleanly_and_keeps_a_folder_that_was_asked_for() {
    let root = tempfile::tempdir().unwrap();
    let (dir, copy) = (root.path().join("plane"), root.path().join("kubeconfig"));
    let (mut child, kubeconfig) = up(&["--dir", dir.to_str().unwrap(), "--kubeconfig", copy.to_str().unwrap()]);
    assert_eq!(kubeconfig, copy);
    assert_eq!(fs::read_to_string(&copy).unwrap(), fs::read_to_string(dir.join("kubeconfig")).unwrap());
    let pids = pids(&dir);

    let kill = Command::new("sh").args(["-c", "kill -TERM $0", &child.id().to_string()]).status();
    assert!(kill.unwrap().success());

    assert!(child.wait().unwrap().success());
    assert_eq!(processes::left(&pids, &dir), []);
    assert!(dir.join("etcd").exists());
}

#[test]
fn a_kubeconfig_of_another_user_is_not_overwritten() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("config");
    fs::write(&file, "apiVersion: v1\nkind: Config\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_controlplane")).args(["up", "--kubeconfig", file.to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("was not written by this command"));
    assert_eq!(fs::read_to_string(&file).unwrap(), "apiVersion: v1\nkind: Config\n");
}

#[test]
fn an_outage_of_the_api_server_keeps_the_data_and_the_address() {
    let plane = start();
    let url = plane.server_url().to_owned();
    plane.kubectl_ok(&["create", "configmap", "kept", "--from-literal=a=b"]).unwrap();

    plane.stop_api_server();
    let refused = plane.kubectl_ok(&["get", "configmap", "kept"]).unwrap_err();
    assert!(refused.to_string().contains("refused"), "{refused}");
    assert_eq!(plane.pids().len(), 1);
    plane.check().unwrap();

    plane.start_api_server().unwrap();
    plane.kubectl_ok(&["get", "configmap", "kept"]).unwrap();
    assert_eq!(plane.server_url(), url);
    assert_eq!(plane.pids().len(), 2);
}

#[test]
fn a_folder_that_was_used_before_has_its_objects_again() {
    let root = tempfile::tempdir().unwrap();
    let start = || ControlPlane::start(Options { dir: Some(root.path().to_path_buf()), ..Options::default() }).unwrap();
    start().kubectl_ok(&["create", "configmap", "kept", "--from-literal=a=b"]).unwrap();
    start().kubectl_ok(&["get", "configmap", "kept"]).unwrap();
}

#[test]
fn a_program_that_dies_is_noticed() {
    let plane = start();
    let etcd = plane.pids()[0].to_string();
    let kill = Command::new("sh").args(["-c", "kill -KILL $0", &etcd]).status();
    assert!(kill.unwrap().success());
    eventually("the death of etcd is noticed", || matches!(plane.check(), Err(Error::Ended { program: "etcd", .. })));
}
