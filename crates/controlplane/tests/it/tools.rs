//! `controlplane tools` on machines where something is missing, and nothing is downloaded: that is in `download`.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::eventually;

/// `controlplane tools etcd` with an empty cache and nothing but `path` as PATH.
fn tools(cache: &Path, path: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_controlplane"));
    command.args(["tools", "etcd"]).env_remove("KUBEBUILDER_ASSETS").env("TWINCONSENT_TOOLS_CACHE", cache).env("PATH", path);
    command.env("ENVTEST_INSTALLED_ONLY", "1");
    command
}

/// The folder in front of what every machine has.
fn before_usual(folder: &Path) -> PathBuf {
    PathBuf::from(format!("{}:/usr/bin:/bin", folder.display()))
}

fn script(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn without_go_the_message_tells_the_three_ways_out() {
    let root = tempfile::tempdir().unwrap();
    let output = tools(root.path(), &root.path().join("nothing")).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert_eq!(output.stdout, b"");
    assert!(message.contains("no `go` in PATH"), "{message}");
    for way in ["set KUBEBUILDER_ASSETS", "install Go 1.", "setting KUBECONFIG"] {
        assert!(message.contains(way), "{way} is missing in: {message}");
    }
}

#[test]
fn a_go_that_is_too_old_is_named_with_the_version_that_is_needed() {
    let root = tempfile::tempdir().unwrap();
    script(&root.path().join("go"), "echo go1.20.14");
    let output = tools(root.path(), root.path()).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("too old to build with: go1.20.14"), "{message}");
    assert!(message.contains("install Go 1."), "{message}");
}

#[test]
fn an_assets_folder_without_the_program_is_told_before_anything_is_built() {
    let root = tempfile::tempdir().unwrap();
    let output = tools(root.path(), &root.path().join("nothing")).env("KUBEBUILDER_ASSETS", root.path()).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("holds no etcd"), "{message}");
}

#[test]
fn a_failed_build_shows_what_go_said() {
    let root = tempfile::tempdir().unwrap();
    script(&root.path().join("go"), "[ \"$1\" = env ] && { echo go1.99.0; exit; }; echo checksum mismatch >&2; exit 1");
    let output = tools(root.path(), &before_usual(root.path())).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("checksum mismatch"), "{message}");
}

#[test]
fn two_processes_that_need_the_same_program_build_it_once() {
    let root = tempfile::tempdir().unwrap();
    let (builds, release) = (root.path().join("builds"), root.path().join("release"));
    // A Go whose build waits for the test's word.
    script(
        &root.path().join("go"),
        &format!(
            "case $1 in env) echo go1.99.0; exit ;; list) exit ;; esac
echo build >>{builds}
until [ -e {release} ]; do sleep 0.02 || exit 1; done
while [ \"$1\" != -o ]; do shift; done
echo '#!/bin/sh' >\"$2\" && chmod +x \"$2\"",
            builds = builds.display(),
            release = release.display(),
        ),
    );
    let children = ["1", "2"].map(|name| {
        let said = fs::File::create(root.path().join(name)).unwrap();
        tools(root.path(), &before_usual(root.path())).stdout(Stdio::piped()).stderr(said).spawn().unwrap()
    });
    eventually("one waits for the other", || {
        ["1", "2"].iter().any(|name| {
            let said = fs::read_to_string(root.path().join(name)).unwrap();
            said.contains("waiting for another process")
        })
    });
    fs::write(&release, "").unwrap();

    let lines = children.map(|mut child| {
        let mut line = String::new();
        child.stdout.take().unwrap().read_to_string(&mut line).unwrap();
        assert!(child.wait().unwrap().success());
        line
    });
    assert_eq!(fs::read_to_string(&builds).unwrap(), "build\n");
    assert_eq!(lines[0], lines[1]);
    let path = lines[0].trim_end().strip_prefix("etcd\t").unwrap();
    assert!(Path::new(path).is_file());
}
