//! `make demo`, as README has it, on a machine whose index of archives is on loopback.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
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
    // Go's own cache stays: what downloads is compiled while Rust is, and here only the rest counts.
    command.env("TWINCONSENT_TOOLS_CACHE", root.join("cache")).env("TWINCONSENT_ENVTEST_INDEX", index);
    as_of_a_user(&mut command);
    command
}

/// Without what is set for this test alone.
fn as_of_a_user(command: &mut Command) -> &mut Command {
    // What cargo tells a test is nothing for another cargo; nor is what make tells its children for another make. Settings of cargo stay:
    // by others, such as another CARGO_INCREMENTAL, all that the tests are built of would be compiled once more.
    let prefixes = ["CARGO_BIN_", "CARGO_CRATE_", "CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_PRIMARY_PACKAGE", "CARGO_TARGET_TMPDIR"];
    let ours = |name: &str| prefixes.iter().any(|prefix| name.starts_with(prefix));
    let foreign =
        ["KUBECONFIG", "KUBEBUILDER_ASSETS", "ENVTEST_INSTALLED_ONLY", "DEMO_KEEP", "MAKEFLAGS", "MFLAGS", "http_proxy", "HTTP_PROXY"];
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if ours(&name) || foreign.contains(&&*name) {
            command.env_remove(&*name);
        }
    }
    command
}

fn said(root: &Path) -> String {
    fs::read_to_string(root.join("said")).unwrap()
}

/// A demo, which ends with this at the latest.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.0.try_wait() {
            let _ = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
            let _ = self.0.wait();
        }
    }
}

/// Starts it, and how long it takes until `Approved`, apart from the machine's speed.
fn approved(root: &Path, command: &mut Command) -> (Running, Duration) {
    let running = Running(command.spawn().unwrap());
    let approved = patience::timed(Duration::from_secs(60), Duration::from_millis(100), || match said(root) {
        text if text.contains("✓ Approved.") => Ok(()),
        text => Err(text),
    });
    (running, approved.unwrap().1)
}

/// Copies what a demo that goes on says to try into another terminal, in another folder, and gives what is said there.
fn play_on(root: &Path) -> String {
    let end = "  The operator's log is ";
    let all = patience::until(Duration::from_secs(60), Duration::from_millis(100), || match said(root) {
        text if text.contains(end) => Ok(text),
        text => Err(text),
    });
    let all = all.unwrap();
    let (_, rest) = all.split_once("Play on").unwrap();
    let (commands, _) = rest.split_once("\n\n").unwrap().1.split_once("\n\n  The namespace").unwrap();
    // What comes after them is what a newcomer does next: the documents' namespace, and the demo once more.
    let next = "sed 's/5f2c8e0b9d3a4c71ada/hedy/; s/: ada$/: hedy/' examples/minimal.yaml | kubectl -n default apply -f -
        kubectl -n default wait dtc/hedy --for=jsonpath='{.status.url}' --timeout=60s
        hack/demo.sh || true
        KUBECONFIG=/nonexistent hack/demo.sh || true
        kubectl wait dtc/ada --for=condition=Permitted --timeout=60s";
    let script = format!("exec 2>&1\n{commands}\n{next}");
    let output = as_of_a_user(Command::new("bash").args(["-ec", &script]).current_dir(root)).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{commands}\n{text}");
    text
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
    let (running, spent) = approved(root, demo(root, &index).env("DEMO_KEEP", "1"));
    assert!(spent < WITH_ALL, "{spent:?}: {}", said(root));
    assert!(!said(root).contains("download") && !said(root).contains("to build: "), "{}", said(root));
    assert_eq!(server.asked(), asked);
    let text = play_on(root);
    for said in [
        "hedy condition met",
        "name: hedy",
        "that of a demo that still runs",
        "/nonexistent names no current context; unset it",
        "ada condition met",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    drop(running);

    fs::remove_dir_all(root.join("cache")).unwrap();
    let (mut running, spent) = approved(root, &mut demo(root, &index));
    assert!(running.0.wait().unwrap().success(), "{}", said(root));
    assert!(spent < WITH_DOWNLOAD, "{spent:?}: {}", said(root));
    assert!(said(root).contains("downloaded etcd, kube-apiserver and kubectl"), "{}", said(root));
}
