//! axe, by npm, from the versions and checksums of `package-lock.json`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// What npm is asked for, and by which checksums.
const FILES: [(&str, &str); 2] = [("package.json", include_str!("package.json")), ("package-lock.json", include_str!("package-lock.json"))];

/// The script, as a page runs it.
pub fn script() -> &'static str {
    static SCRIPT: OnceLock<String> = OnceLock::new();
    SCRIPT.get_or_init(|| {
        let path = installed().join("node_modules/axe-core/axe.min.js");
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    })
}

/// The folder into which npm has installed it: cargo's own for tests, and another one for other versions.
fn installed() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let version = format!("axe-{:016x}", FILES.iter().flat_map(|(_, text)| text.bytes()).fold(0, fnv));
    let folder = target.join(version);
    if folder.exists() {
        return folder;
    }
    fs::create_dir_all(target).unwrap();
    let new = tempfile::tempdir_in(target).unwrap();
    for (name, text) in FILES {
        fs::write(new.path().join(name), text).unwrap();
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&new).stdin(Stdio::null());
    let output = npm.output().unwrap_or_else(|error| {
        panic!("npm, which brings axe, cannot be run: {error}; install Node.js with npm from https://nodejs.org, then run this again")
    });
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "npm cannot install what tests/browser/package-lock.json names: {}: {said}", output.status);
    // Another process may have been faster.
    let _ = fs::rename(new.path(), &folder);
    folder
}

fn fnv(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
}
