//! How a node ends: with all that it made.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use controlplane::{Node, NodeOptions};

use crate::eventually;

/// What a node could change on the machine that runs it.
#[derive(Debug, PartialEq)]
struct Machine {
    mounts: String,
    settings: BTreeMap<&'static str, Option<String>>,
    devices: Vec<String>,
    system_folders: Vec<String>,
}

impl Machine {
    fn now() -> Machine {
        let settings = [
            "net/ipv4/ip_forward",
            "vm/overcommit_memory",
            "vm/panic_on_oom",
            "kernel/hostname",
            "kernel/panic",
            "kernel/panic_on_oops",
            "kernel/keys/root_maxkeys",
            "kernel/keys/root_maxbytes",
        ];
        let system_folders =
            ["/etc/cni", "/opt/cni", "/run", "/var/lib", "/var/lib/cni", "/var/lib/containerd", "/var/lib/kubelet", "/var/log"];
        Machine {
            mounts: fs::read_to_string("/proc/self/mountinfo").unwrap(),
            settings: settings.into_iter().map(|name| (name, fs::read_to_string(Path::new("/proc/sys").join(name)).ok())).collect(),
            devices: names(Path::new("/sys/class/net")),
            system_folders: system_folders.iter().flat_map(|folder| names(Path::new(folder))).collect(),
        }
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.path().display().to_string()).collect();
    names.sort();
    names
}

/// The cgroups that a node made, as its folder tells.
fn cgroups(folder: &Path) -> Vec<PathBuf> {
    let list = fs::read_to_string(folder.join("cgroups")).unwrap();
    let cgroups: Vec<PathBuf> = list.lines().map(PathBuf::from).collect();
    assert!(!cgroups.is_empty());
    assert!(cgroups.iter().all(|cgroup| cgroup.is_dir()), "{cgroups:?}");
    cgroups
}

fn runs(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status"));
    status.is_ok_and(|status| !status.contains("State:\tZ"))
}

#[test]
fn stopping_it_leaves_nothing() {
    let before = Machine::now();
    let node = Node::start(NodeOptions::default()).unwrap();
    node.check().unwrap();
    let (folder, pids) = (node.dir().to_path_buf(), node.pids());
    let cgroups = cgroups(&folder);
    // Its first process, eight programs, each below a shell or not.
    assert!(pids.len() >= 9, "{pids:?}");

    node.stop().unwrap();

    assert_eq!(pids.into_iter().filter(|&pid| runs(pid)).collect::<Vec<u32>>(), [0; 0]);
    assert_eq!(cgroups.iter().find(|cgroup| cgroup.exists()), None);
    assert!(!folder.exists());
    assert_eq!(Machine::now(), before);
}

#[test]
fn killing_the_process_that_started_it_leaves_nothing() {
    let mut parent =
        Command::new(env!("CARGO_BIN_EXE_controlplane")).arg("node").stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(parent.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let run = Path::new(line.trim_end());
    let nodes = Command::new(run).args(["kubectl", "get", "nodes", "--no-headers"]).output().unwrap();
    let nodes = String::from_utf8_lossy(&nodes.stdout).into_owned();
    assert!(nodes.starts_with("node") && nodes.contains(" Ready "), "{nodes}");
    let folder = run.parent().unwrap();
    let cgroups = cgroups(folder);
    let first = fs::read_to_string(folder.join("init.pid")).unwrap().trim().parse().unwrap();
    assert!(runs(first));

    parent.kill().unwrap(); // SIGKILL: nothing of the parent runs any more
    parent.wait().unwrap();

    let gone = |what: &str, gone: bool| if gone { Ok(()) } else { Err(format!("{what} is still there")) };
    eventually("the processes are gone", || gone("the first", !runs(first)));
    eventually("the cgroups are gone", || gone("one", cgroups.iter().all(|cgroup| !cgroup.exists())));
    eventually("the folder is gone", || gone("it", !folder.exists()));
}

#[test]
fn a_folder_that_was_asked_for_keeps_the_logs_and_serves_a_new_node() {
    let root = tempfile::tempdir().unwrap();
    let start = || Node::start(NodeOptions { dir: Some(root.path().to_path_buf()), ..NodeOptions::default() }).unwrap();
    let node = start();
    node.kubectl_ok(&["create", "configmap", "of-the-first"]).unwrap();
    node.stop().unwrap();
    assert!(root.path().join("kubelet.log").is_file());

    let node = start();
    let answer = node.kubectl_ok(&["get", "configmap", "of-the-first"]).unwrap_err();
    assert!(answer.to_string().contains("not found"), "{answer}");
}
