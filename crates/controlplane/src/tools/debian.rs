//! The programs that are not built with Go: out of Debian's packages, unpacked into the cache and never installed.
//!
//! A machine that has them in `PATH` never comes here.
//! Elsewhere apt resolves what the packages need beyond what this machine has, checks the signatures and downloads; all
//! of its own state is kept in the cache, so that neither the machine's package lists nor root are needed.
//! A program is then a script that runs the unpacked one with the unpacked libraries.
//! The scripts of `hack/` unpack what they need with the same `debian.sh`.
//!
//! Building runc from its Go module was rejected: it is C in part and links libseccomp, which would have to be
//! unpacked from the same packages.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use super::build::lock;
use super::locations::Locations;
use super::{Program, ToolsError};
use crate::progress::say;
use crate::supervisor::tail;

const SCRIPT: &str = include_str!("debian.sh");

/// Downloads and unpacks the packages of `missing`, and returns where the programs are.
///
/// # Errors
/// [`ToolsError::Package`] when apt or dpkg are not there or fail; or when the cache cannot be written.
pub(super) fn unpack(locations: &Locations, missing: &[Program]) -> Result<BTreeMap<Program, PathBuf>, ToolsError> {
    let folder = locations.cache_folder(missing[0]);
    fs::create_dir_all(&folder).map_err(ToolsError::io("make the folder", &folder))?;
    let _lock = lock(&folder, missing[0])?;
    // Another process may have been faster.
    let missing_now: Vec<Program> = missing.iter().copied().filter(|&program| locations.find_built(program).is_none()).collect();
    if !missing_now.is_empty() {
        run_script(&folder, &missing_now)?;
    }
    Ok(missing.iter().map(|&program| (program, folder.join("bin").join(program.name()))).collect())
}

fn run_script(folder: &Path, missing: &[Program]) -> Result<(), ToolsError> {
    let join = |words: Vec<&str>| words.join(", ");
    let programs = join(missing.iter().map(|program| program.name()).collect());
    let names: Vec<&str> = missing.iter().flat_map(|program| program.debian_packages()).copied().collect();
    let packages = join(names.clone());
    say(&format!("{programs}: unpacking Debian's packages {packages}, once"));
    let started = Instant::now();
    let log = folder.join("log");
    let log_file = File::create(&log).map_err(ToolsError::io("make", &log))?;
    // One folder for each choice of packages: which are missing may differ from day to day.
    let root = folder.join(packages.replace(", ", "+"));
    let status = Command::new("sh")
        .args(["-c", SCRIPT, "debian"])
        .arg(&root)
        .args(&names)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(log_file.try_clone().map_err(ToolsError::io("share", &log))?)
        .stderr(log_file)
        .status()
        .map_err(ToolsError::io("run", Path::new("sh")))?;
    if status.success() {
        install(&root, folder, missing)?;
        say(&format!("{programs}: done in {} s", started.elapsed().as_secs()));
        return Ok(());
    }
    Err(ToolsError::Package { missing: programs, packages, reason: tail(&log).unwrap_or_else(|error| error.to_string()) })
}

/// Puts the programs where they are looked for, once each has told its version.
fn install(root: &Path, folder: &Path, programs: &[Program]) -> Result<(), ToolsError> {
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).map_err(ToolsError::io("make the folder", &bin))?;
    for program in programs {
        let script = root.join("run").join(program.name());
        let answer = Command::new(&script).arg("--version").output().map_err(ToolsError::io("run", &script))?;
        if !answer.status.success() {
            let reason = format!("{}: {}", answer.status, String::from_utf8_lossy(&answer.stderr).trim());
            let packages = program.debian_packages().join(", ");
            return Err(ToolsError::Package { missing: program.to_string(), packages, reason });
        }
        let path = bin.join(program.name());
        fs::copy(&script, &path).map_err(ToolsError::io("copy the program to", &path))?;
    }
    Ok(())
}
