//! Files out of Go modules of which nothing is built, such as definitions of other projects' kinds.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// Where Go keeps a module; it is fetched and checked when it is not there yet.
pub fn folder_of(module: &str, version: &str) -> PathBuf {
    // In a folder without a go.mod: Go then takes exactly the version that it is asked for.
    let elsewhere = tempfile::tempdir().unwrap();
    let mut go = Command::new("go");
    go.args(["mod", "download", "-json", &format!("{module}@{version}")]).current_dir(&elsewhere);
    let output = go.env("GOWORK", "off").env("GOFLAGS", "-mod=mod").output();
    let output =
        output.unwrap_or_else(|error| panic!("Go, which brings the definitions of others, cannot be run: {error}; see https://go.dev/dl"));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let folder = answer["Dir"].as_str().map(PathBuf::from);
    folder.unwrap_or_else(|| panic!("{module}@{version} cannot be had: {answer} {}", String::from_utf8_lossy(&output.stderr)))
}
