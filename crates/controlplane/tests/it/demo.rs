//! `make demo`, as README has it, on a machine whose index of archives is on loopback.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use controlplane::{Program, Tools, patience};

use crate::download::server::{Answer, Server};
use crate::download::stage::{INDEX, index, minor};

/// How long it takes at most when the programs have to come first, without the build of Rust.
const WITH_DOWNLOAD: Duration = Duration::from_secs(60);

/// How long it takes when all is there: five times the 11 s that were measured on 2 cores.
const WITH_ALL: Duration = Duration::from_secs(55);

/// The real programs, as an archive that the Kubernetes project could have published.
fn archive(folder: &Path) -> Vec<u8> {
    let programs = [Program::Etcd, Program::KubeApiserver, Program::Kubectl];
    let tools = Tools::ensure(&programs).unwrap();
    let inner = folder.join("controller-tools/envtest");
    fs::create_dir_all(&inner).unwrap();
    for program in programs {
        fs::copy(tools.path(program), inner.join(program.name())).unwrap();
    }
    let pack = "tar -C \"$1\" -cf - controller-tools | gzip -1";
    let output = Command::new("sh").args(["-c", pack, "pack"]).arg(folder).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    output.stdout
}

/// The demo without a terminal; what it says goes into a file.
fn demo(root: &Path, index: &str) -> Command {
    let file = fs::File::create(root.join("said")).unwrap();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new("make");
    command.arg("demo").current_dir(repository).stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
    // What cargo tells a test is nothing for another cargo; nor is what make tells its children for another make.
    let ours = |name: &str| name.starts_with("CARGO_") && !["CARGO_HOME", "CARGO_TARGET_DIR"].contains(&name);
    let foreign =
        ["KUBECONFIG", "KUBEBUILDER_ASSETS", "ENVTEST_INSTALLED_ONLY", "DEMO_KEEP", "MAKEFLAGS", "MFLAGS", "http_proxy", "HTTP_PROXY"];
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if ours(&name) || foreign.contains(&&*name) {
            command.env_remove(&*name);
        }
    }
    // Go's own cache stays: what downloads is compiled while Rust is, and here only the rest counts.
    command.env("TWINCONSENT_TOOLS_CACHE", root.join("cache")).env("TWINCONSENT_ENVTEST_INDEX", index);
    command
}

fn said(root: &Path) -> String {
    fs::read_to_string(root.join("said")).unwrap()
}

/// How long it takes until `Approved`, apart from the machine's speed.
fn approved(root: &Path, index: &str) -> Duration {
    let mut child = demo(root, index).spawn().unwrap();
    let approved = patience::timed(Duration::from_secs(60), Duration::from_millis(100), || match said(root) {
        text if text.contains("✓ Approved.") => Ok(()),
        text => Err(text),
    });
    let (_, spent) = approved.unwrap();
    assert!(child.wait().unwrap().success(), "{}", said(root));
    spent
}

#[test]
fn the_demo_reaches_approved_within_a_minute_by_a_download_and_then_without_the_network() {
    let root = tempfile::tempdir().unwrap();
    let archive = archive(&root.path().join("archive"));
    let server = Server::start();
    let version = format!("{}.0", minor());
    let address = |path: &str| format!("http://{}{path}", server.address);
    server.answers(INDEX, Answer::Whole(index(&[(&version, &address("/archive.tar.gz"), &archive)])));
    server.answers("/archive.tar.gz", Answer::Whole(archive));

    let (root, index) = (root.path(), address(INDEX));
    // Rust is built, too, which takes as long as it takes.
    assert!(demo(root, &index).status().unwrap().success(), "{}", said(root));
    assert!(said(root).contains("downloaded etcd, kube-apiserver and kubectl"), "{}", said(root));
    assert!(said(root).contains("Nobody is at a terminal"), "{}", said(root));
    let steps =
        ["twinconsent status ada", "twinconsent link ada --qr", "▀", "twinconsent wait ada", "✓ Approved.", "verify evidence.jsonl"];
    let places: Vec<_> = steps.iter().map(|step| said(root).find(step)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}: {}", said(root));

    let asked = server.asked();
    let spent = approved(root, &index);
    assert!(spent < WITH_ALL, "{spent:?}: {}", said(root));
    assert!(!said(root).contains("download") && !said(root).contains("to build: "), "{}", said(root));
    assert_eq!(server.asked(), asked);

    fs::remove_dir_all(root.join("cache")).unwrap();
    let spent = approved(root, &index);
    assert!(spent < WITH_DOWNLOAD, "{spent:?}: {}", said(root));
    assert!(said(root).contains("downloaded etcd, kube-apiserver and kubectl"), "{}", said(root));
}
