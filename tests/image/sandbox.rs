//! A program of an image, run as a node would run it.
//!
//! In a mount namespace of its own: the root is the image's files, bound read-only, with the devices that every container has, and the
//! user is 65532. Its network is that of this machine, so that it reaches what a test serves on loopback.

use std::fs::{self, File};
use std::io::Read as _;
use std::process::{Child, Command, Output, Stdio};

use packaging::archive::Image;
use tempfile::{NamedTempFile, TempDir};

/// `exec` all along: the process that is started is the program in the end, so that a signal reaches it.
const SCRIPT: &str = r#"
root=$1; shift
mount --bind "$root" "$root"
mount -o remount,bind,ro,nosuid,nodev "$root"
for device in null random urandom; do mount --bind "/dev/$device" "$root/dev/$device"; done
exec chroot --userspec=65532:65532 --groups= "$root" "$@"
"#;

/// The files of an image, and those that a test puts beside them.
pub struct Root(TempDir);

/// A running program. Dropped, it is killed.
pub struct Running {
    child: Child,
    log: NamedTempFile,
}

impl Root {
    /// The files of an image.
    pub fn of(image: &Image) -> Self {
        let id = Command::new("id").arg("-u").output().unwrap().stdout;
        assert_eq!(String::from_utf8_lossy(&id).trim(), "0", "a root of its own takes root: run the tests of the images as root");
        let root = TempDir::new().unwrap();
        image.lay_out(root.path()).unwrap();
        let root = Self(root);
        for device in ["null", "random", "urandom"] {
            root.write(&format!("/dev/{device}"), "");
        }
        root
    }

    /// Puts a file into it, or in the place of another.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// What a file in it says.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.0.path().join(path.trim_start_matches('/'))).unwrap()
    }

    /// Runs a program to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments, &[]).output().unwrap()
    }

    /// Starts a program.
    pub fn start(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Running {
        let log = NamedTempFile::new().unwrap();
        let output = || File::options().append(true).open(log.path()).unwrap();
        let child = self.command(arguments, environment).stdout(output()).stderr(output()).spawn().unwrap();
        Running { child, log }
    }

    /// With an environment of its own, as a container has one.
    fn command(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-euc", SCRIPT, "sh"]).arg(self.0.path()).args(arguments);
        command.env_clear().env("PATH", format!("{path}:/usr/sbin:/sbin")).envs(environment.iter().copied()).stdin(Stdio::null());
        command
    }
}

impl Running {
    /// What it has written so far.
    pub fn log(&self) -> String {
        let mut log = String::new();
        self.log.reopen().unwrap().read_to_string(&mut log).unwrap();
        log
    }

    /// As which user and group it runs, and which root it sees.
    pub fn status(&self) -> String {
        fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the log of the program in the image:\n{}", self.log());
        }
    }
}
