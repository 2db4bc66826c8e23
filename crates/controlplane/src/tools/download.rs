//! The programs that the Kubernetes project publishes for tests, downloaded by its own tool for that, setup-envtest.
//!
//! It compares checksums, and it honours proxies.
//! But it waits for ever for a server that says nothing, and unpacks to where it is searched: so it runs under our eyes, in a folder
//! that is thrown away, and a program appears in the cache by a rename.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::board::{Board, POLL};
use super::build::lock;
use super::locations::{Locations, is_executable};
use super::{Program, ToolsError, published};
use crate::Error;
use crate::patience::{GivenUp, Patience};
use crate::progress::say;
use crate::supervisor::Supervised;

/// How long nothing may come, be it before the first byte or later.
const STILL: Duration = Duration::from_secs(10);

/// How long a download may take that goes on and on: as long as building takes.
const LONGEST: Duration = Duration::from_secs(8 * 60);

/// Why nothing was downloaded. None of it is fatal: what is published can be built.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("nothing came for {} s", .0.as_secs())]
    Still(Duration),
    #[error("not done after {} s", .0.as_secs())]
    Endless(Duration),
    #[error("{0}")]
    Ended(String),
    #[error("the archive holds no {0}")]
    Lacking(Program),
    #[error(transparent)]
    Tools(#[from] ToolsError),
    #[error(transparent)]
    Process(#[from] Error),
}

impl From<GivenUp> for Failure {
    fn from(given_up: GivenUp) -> Failure {
        match given_up {
            GivenUp::Still(time) => Failure::Still(time),
            GivenUp::Endless(time) => Failure::Endless(time),
        }
    }
}

/// Downloads what is published into the cache, or waits for a process that does so, and returns where the wanted programs are.
///
/// # Errors
/// When that fails for any reason, or nothing comes any more.
pub(super) fn fetch(locations: &Locations, wanted: &[Program], tool: &Path, board: &Board) -> Result<BTreeMap<Program, PathBuf>, Failure> {
    let folder = locations.published_folder();
    fs::create_dir_all(&folder).map_err(ToolsError::io("make the folder", &folder))?;
    let _lock = lock(&folder, wanted[0])?;
    let there = || -> Option<BTreeMap<Program, PathBuf>> {
        wanted.iter().map(|&program| Some((program, locations.find_published(program)?))).collect()
    };
    if let Some(paths) = there() {
        return Ok(paths); // another process was faster
    }
    let scratch = folder.join("scratch");
    clear(&scratch)?;
    fs::create_dir(&scratch).map_err(ToolsError::io("make the folder", &scratch))?;
    let started = Instant::now();
    let downloaded = run(tool, &scratch, locations.index(), board).and_then(|()| take(&scratch.join("k8s"), &folder.join("bin")));
    board.stage(None);
    clear(&scratch)?;
    let version = downloaded?;
    say(&format!("downloaded etcd, kube-apiserver and kubectl of Kubernetes {version} in {} s", started.elapsed().as_secs()));
    there().ok_or_else(|| Failure::Lacking(wanted[0]))
}

/// Runs setup-envtest until it is done, or nothing comes any more. It ends with us, however we end.
fn run(tool: &Path, scratch: &Path, index: Option<&str>, board: &Board) -> Result<(), Failure> {
    let selector = published::selector();
    say(&format!("downloading etcd, kube-apiserver and kubectl, Kubernetes {selector}, once"));
    let mut arguments = vec!["use".to_owned(), selector, "--bin-dir".to_owned(), scratch.display().to_string()];
    arguments.extend(index.map(|index| format!("--index={index}")));
    let mut download = Supervised::start_group(Program::SetupEnvtest.name(), tool, &arguments, scratch, |command| {
        // The archive comes into the folder for temporary files: so it grows where it is measured.
        command.env("TMPDIR", scratch).env_remove("ENVTEST_USE_ENV");
    })?;
    let mut patience = Patience::within(STILL, POLL, LONGEST);
    loop {
        if let Some(status) = download.ended()? {
            return if status.success() { Ok(()) } else { Err(Failure::Ended(published::reason(&download.log_tail()))) };
        }
        let grown = size(scratch);
        patience.sees(grown)?;
        board.stage(Some(format!("downloading: {} MB so far", grown.1 / 1_000_000)));
        if board.is_cancelled() {
            return Err(ToolsError::Cancelled.into());
        }
        thread::sleep(POLL);
    }
}

/// How many files there are in a folder and below, and how many bytes; a file that vanishes meanwhile does not count.
fn size(folder: &Path) -> (u64, u64) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.fold((0, 0), |(files, bytes), entry| match entry.metadata() {
        Ok(data) if data.is_dir() => {
            let below = size(&entry.path());
            (files + 1 + below.0, bytes + below.1)
        }
        Ok(data) => (files + 1, bytes + data.len()),
        Err(_) => (files, bytes),
    })
}

/// Moves the programs of the one version that was unpacked to where they are looked for, and tells which version it is.
fn take(unpacked: &Path, bin: &Path) -> Result<String, Failure> {
    let folder = folders(unpacked)?.pop().ok_or_else(|| Failure::Ended("nothing was unpacked".to_owned()))?;
    if let Some(&lacking) = published::PROGRAMS.iter().find(|program| !is_executable(&folder.join(program.name()))) {
        return Err(Failure::Lacking(lacking));
    }
    writable(&folder)?;
    fs::create_dir_all(bin).map_err(ToolsError::io("make the folder", bin))?;
    for program in published::PROGRAMS {
        let path = bin.join(program.name());
        fs::rename(folder.join(program.name()), &path).map_err(ToolsError::io("rename the program to", &path))?;
    }
    // Such as `1.37.2-linux-amd64`.
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(name.split('-').next().unwrap_or_default().to_owned())
}

/// Removes what a download has left, also one that was killed.
fn clear(scratch: &Path) -> Result<(), ToolsError> {
    for folder in folders(&scratch.join("k8s")).unwrap_or_default() {
        writable(&folder)?;
    }
    match fs::remove_dir_all(scratch) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(ToolsError::io("remove", scratch)(error)),
        _ => Ok(()),
    }
}

fn folders(folder: &Path) -> Result<Vec<PathBuf>, ToolsError> {
    let entries = fs::read_dir(folder).map_err(ToolsError::io("read", folder))?;
    Ok(entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect())
}

/// setup-envtest takes the right to write from the folder that it has filled, and nothing can be moved out of it then.
fn writable(folder: &Path) -> Result<(), ToolsError> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).map_err(ToolsError::io("make writable", folder))
}
