//! What is built tells how far it is, is built beside what cargo builds, and goes on after an interruption where it stopped.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use controlplane::patience;
use tempfile::TempDir;

use crate::{eventually, processes};

/// `controlplane tools`, which ends with the test, also with one that fails; what it has started ends with it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}

/// A machine with an empty cache of programs and an empty cache of Go.
struct Machine {
    root: TempDir,
}

impl Machine {
    fn new() -> Machine {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("bin")).unwrap();
        Machine { root }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Has a program of this name in front of all others; `{root}` in it is the machine's folder.
    fn script(&self, name: &str, text: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{}\n", text.replace("{root}", self.root.path().to_str().unwrap()))).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// `controlplane tools`, with a file of its own for what it says.
    fn start(&self, arguments: &[&str]) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_controlplane"));
        command.arg("tools").args(arguments).env_remove("KUBEBUILDER_ASSETS").env("ENVTEST_INSTALLED_ONLY", "1");
        command.env("TWINCONSENT_TOOLS_CACHE", self.path("cache")).env("GOCACHE", self.path("go"));
        command.env("PATH", format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap()));
        let file = |name| fs::File::create(self.path(name)).unwrap();
        command.stdin(Stdio::null()).stdout(file("stdout")).stderr(file("stderr")).spawn().map(Running).unwrap()
    }

    fn said(&self) -> String {
        fs::read_to_string(self.path("stderr")).unwrap()
    }

    fn saw(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// How many packages Go has begun to compile in the build that is under way.
    fn begun(&self) -> usize {
        let logs = self.left().into_iter().filter_map(|folder| fs::read_to_string(folder.join("go.log")).ok());
        logs.map(|log| log.lines().filter(|line| !line.contains(' ')).count()).sum()
    }

    /// Waits until it was told what is to be compiled, and a few packages more are compiled than Go compiles at once.
    fn await_packages(&self) {
        eventually("it is told what is to be built", || self.said().contains("to build: "));
        let wanted = std::thread::available_parallelism().unwrap().get() + 6;
        let compiled = patience::until(Duration::from_secs(60), Duration::from_millis(20), || match self.begun() {
            begun if begun >= wanted => Ok(()),
            begun => Err(format!("{begun} packages: {}", self.said())),
        });
        compiled.unwrap();
    }

    /// How many packages of `pause` Go would have to compile now.
    fn missing(&self) -> usize {
        self.packages("{{if .Stale}}{{.ImportPath}}{{end}}")
    }

    /// Of how many packages `pause` is made, of those that this template prints.
    fn packages(&self, template: &str) -> usize {
        let module = fs::read_dir(self.path("cache")).unwrap().next().unwrap().unwrap().path();
        let mut go = Command::new("go");
        go.args(["list", "-deps", "-trimpath", "-ldflags", "-s -w", "-f", template]);
        go.arg("twinconsent.io/tools/pods/pause").current_dir(module).env("GOCACHE", self.path("go"));
        go.env("CGO_ENABLED", "0").env("GOFLAGS", "-mod=readonly").env("GOWORK", "off");
        let output = go.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().lines().filter(|line| !line.is_empty()).count()
    }

    /// What is left of builds in the cache of programs, but for what belongs there.
    fn left(&self) -> Vec<PathBuf> {
        let modules = fs::read_dir(self.path("cache")).unwrap().map(|entry| entry.unwrap().path());
        let inside = modules.flat_map(|module| fs::read_dir(module).into_iter().flatten().map(|entry| entry.unwrap().path()));
        inside.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("build-")).collect()
    }
}

fn signal(child: &Running, name: &str) {
    let killed = Command::new("kill").args([&format!("-{name}"), &child.0.id().to_string()]).status().unwrap();
    assert!(killed.success());
}

/// Waits for it without an end of its own: it moves, or the test's other waits would have failed.
fn ended(child: &mut Running) -> ExitStatus {
    child.0.wait().unwrap()
}

fn nothing_runs(dir: &Path) {
    eventually("everything ends", || processes::about(dir).is_empty());
}

#[test]
fn a_build_that_is_interrupted_or_killed_leaves_nothing_behind_and_goes_on_where_it_stopped() {
    let machine = Machine::new();
    let arguments = ["pause"];

    let mut child = machine.start(&arguments);
    machine.await_packages();
    signal(&child, "INT");
    assert_eq!(ended(&mut child).code(), Some(130), "{}", machine.said());
    nothing_runs(machine.root.path());
    assert!(machine.said().contains("the same command goes on from there"), "{}", machine.said());
    assert_eq!(machine.left(), Vec::<PathBuf>::new());
    assert!(fs::read_dir(machine.path("cache")).unwrap().all(|module| !module.unwrap().path().join("bin/pause").exists()));
    let (all, first) = (machine.packages("{{.ImportPath}}"), machine.missing());
    assert!(first + 6 <= all, "{all} packages, then {first}");

    let mut child = machine.start(&arguments);
    machine.await_packages();
    signal(&child, "KILL");
    ended(&mut child);
    nothing_runs(machine.root.path());
    let second = machine.missing();
    assert!(second + 6 <= first, "{first} packages, then {second}");

    let mut child = machine.start(&arguments);
    assert!(ended(&mut child).success(), "{}", machine.said());
    assert!(machine.missing() <= 1, "all but the program itself is kept: {}", machine.missing());
    assert_eq!(machine.left(), Vec::<PathBuf>::new());
    let line = fs::read_to_string(machine.path("stdout")).unwrap();
    assert!(Path::new(line.trim_end().strip_prefix("pause\t").unwrap()).is_file());

    let mut child = machine.start(&arguments);
    assert!(ended(&mut child).success());
    assert_eq!(machine.said(), "");
}

/// A Go that begins, and ends when the test lets it; so does its compiler, of which it takes no care.
const GO: &str =
    "case $1 in env) echo go1.99.0; exit ;; list) printf 'stale true a\\nstale true b\\nstale true c\\nstale true d\\n'; exit ;; esac
for package in a b c d; do echo $package >&2; done
sh -c 'until [ -e {root}/go-may-end ]; do sleep 0.02; done' compile &
: >{root}/go-began
until [ -e {root}/go-may-end ]; do sleep 0.02; done
while [ \"$1\" != -o ]; do shift; done
printf '#!/bin/sh\\n' >\"$2\" && chmod +x \"$2\"";

#[test]
fn go_and_cargo_build_at_once_and_how_far_they_are_is_told_while_nothing_moves() {
    let machine = Machine::new();
    machine.script("go", GO);
    machine.script(
        "cargo",
        "echo \"$@\" >{root}/cargo-was-told
printf '    Building [==>   ] 0/40: a\\r    Building [==>   ] 10/40: b, c(bin)\\r' >&2
: >{root}/cargo-began
until [ -e {root}/cargo-may-end ]; do sleep 0.02; done",
    );
    let mut child = machine.start(&["pause", "--", "build", "--locked"]);
    eventually("both have begun", || machine.saw("go-began") && machine.saw("cargo-began"));
    assert_eq!(fs::read_to_string(machine.path("cargo-was-told")).unwrap(), "build --locked\n");
    eventually("it is told what is to be built", || machine.said().contains("to build: "));
    // Without a terminal, each half minute.
    eventually("it is told how far it is", || machine.said().contains("of 4 Go packages · 10 of 40 crates · "));
    fs::write(machine.path("cargo-may-end"), "").unwrap();
    fs::write(machine.path("go-may-end"), "").unwrap();
    assert!(ended(&mut child).success(), "{}", machine.said());
}

#[test]
fn when_cargo_fails_its_compilers_words_are_shown_and_go_ends() {
    let machine = Machine::new();
    machine.script("go", GO);
    machine.script(
        "cargo",
        "until [ -e {root}/go-began ]; do sleep 0.02; done
printf '    Building [==>   ] 10/40: b\\rerror[E0425]: cannot find value\\n' >&2
exit 101",
    );
    let mut child = machine.start(&["pause", "--", "build"]);
    assert_eq!(ended(&mut child).code(), Some(1), "{}", machine.said());
    let said = machine.said();
    assert!(said.contains("cargo build failed (exit status: 101):\nerror[E0425]: cannot find value\n"), "{said}");
    assert!(!said.contains("Building ["), "{said}");
    nothing_runs(machine.root.path());
}

#[test]
fn when_go_fails_cargo_ends() {
    let machine = Machine::new();
    machine.script("go", "case $1 in env) echo go1.99.0; exit ;; list) exit ;; esac\necho a >&2; echo checksum mismatch >&2; exit 1");
    machine.script("cargo", "echo $$ >{root}/pid; until [ -e {root}/cargo-may-end ]; do sleep 0.02; done");
    let mut child = machine.start(&["pause", "--", "build"]);
    assert_eq!(ended(&mut child).code(), Some(1), "{}", machine.said());
    let said = machine.said();
    assert!(said.contains("Go's last lines:\nchecksum mismatch"), "{said}");
    nothing_runs(machine.root.path());
}
