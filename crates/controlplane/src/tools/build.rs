//! Building a pinned program with Go, into the cache.
//!
//! A cache folder holds `go.mod`, `go.sum`, files of ours if there are any, `lock` and `bin/`.
//! A program appears in `bin/` by a rename, so one that is there is whole.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::locations::Locations;
use super::pinned::{self, Module};
use super::{Program, ToolsError};
use crate::progress::say;
use crate::supervisor::tail;

/// How often a running build says that it still runs.
const PROGRESS: Duration = Duration::from_secs(15);

/// How often a running build is asked whether it is done.
const POLL: Duration = Duration::from_millis(100);

/// A Go that is new enough, and where it builds.
#[derive(Debug)]
pub(super) struct Go<'a> {
    locations: &'a Locations,
}

impl Go<'_> {
    /// Checks that the `go` in `PATH` can build the missing programs.
    ///
    /// Asked in the module's folder: Go 1.21 and later fetch the toolchain that a module asks for, unless told not to,
    /// and then answer with its version.
    ///
    /// # Errors
    /// [`ToolsError::NoGo`], [`ToolsError::OldGo`], or when the cache cannot be written.
    pub(super) fn find<'a>(locations: &'a Locations, missing: &[Program]) -> Result<Go<'a>, ToolsError> {
        for &program in missing {
            let module = pinned::module(program);
            let folder = locations.cache_folder(program);
            write_module(module, &folder)?;
            let names: Vec<&str> = missing.iter().map(|program| program.name()).collect();
            let (missing, required) = (names.join(", "), module.go_version().to_owned());
            let answer = go(&folder).args(["env", "GOVERSION"]).output();
            let output = match answer {
                Ok(output) => output,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(ToolsError::NoGo { missing, required });
                }
                Err(error) => return Err(ToolsError::io("run", Path::new("go"))(error)),
            };
            let found = if output.status.success() { output.stdout } else { output.stderr };
            let found = String::from_utf8_lossy(&found).trim().to_owned();
            if !output.status.success() || numbers(&found) < numbers(&required) {
                return Err(ToolsError::OldGo { missing, found, required });
            }
        }
        Ok(Go { locations })
    }

    /// Builds a program, or takes it from a process that was faster. `position` of `count` is for the progress.
    ///
    /// # Errors
    /// When Go fails, or the cache cannot be written.
    pub(super) fn build(&self, program: Program, position: usize, count: usize) -> Result<PathBuf, ToolsError> {
        let folder = self.locations.cache_folder(program);
        let _lock = lock(&folder, program)?;
        if let Some(path) = self.locations.find_built(program) {
            return Ok(path);
        }
        let bin = folder.join("bin");
        fs::create_dir_all(&bin).map_err(ToolsError::io("make the folder", &bin))?;
        let scratch = tempfile::Builder::new().prefix("build-").tempdir_in(&folder).map_err(ToolsError::io("make a folder in", &folder))?;

        let label = format!("[{position}/{count}] {program}");
        let package = pinned::package(program);
        let version = pinned::version(program).map(|version| format!(" {version}")).unwrap_or_default();
        let time = if program == Program::SetupEnvtest { "seconds" } else { "minutes" };
        say(&format!("{label}: building {package}{version}, once; this takes {time}"));
        let started = Instant::now();
        let built = scratch.path().join(program.name());
        compile(program, &folder, &built, &label, started)?;

        let path = bin.join(program.name());
        fs::rename(&built, &path).map_err(ToolsError::io("rename the program to", &path))?;
        say(&format!("{label}: done in {} s", started.elapsed().as_secs()));
        Ok(path)
    }
}

fn compile(program: Program, folder: &Path, built: &Path, label: &str, started: Instant) -> Result<(), ToolsError> {
    let log = built.with_extension("log");
    let log_file = File::create(&log).map_err(ToolsError::io("make", &log))?;
    let mut build = go(folder)
        .args(["build", "-trimpath", "-ldflags"])
        .arg(pinned::linker_flags(program))
        .arg("-o")
        .arg(built)
        .arg(pinned::package(program))
        .stdout(Stdio::null())
        .stderr(log_file)
        .spawn()
        .map_err(ToolsError::io("run", Path::new("go")))?;
    let mut said = Duration::ZERO;
    let status = loop {
        if let Some(status) = build.try_wait().map_err(ToolsError::io("wait for", Path::new("go")))? {
            break status;
        }
        let elapsed = started.elapsed();
        if elapsed >= said + PROGRESS {
            said = elapsed;
            say(&format!("{label}: still building after {} s", elapsed.as_secs()));
        }
        thread::sleep(POLL);
    };
    if status.success() {
        return Ok(());
    }
    Err(ToolsError::Build {
        package: pinned::package(program),
        status: status.to_string(),
        output: tail(&log).unwrap_or_else(|error| error.to_string()),
    })
}

/// `go` in a module's folder, shielded from the caller's workspace and flags.
fn go(folder: &Path) -> Command {
    let mut command = Command::new("go");
    command
        .current_dir(folder)
        .stdin(Stdio::null())
        .env("CGO_ENABLED", "0")
        .env("GOFLAGS", "-mod=readonly")
        .env("GOWORK", "off")
        .env_remove("GOOS")
        .env_remove("GOARCH");
    command
}

fn write_module(module: &Module, folder: &Path) -> Result<(), ToolsError> {
    fs::create_dir_all(folder).map_err(ToolsError::io("make the folder", folder))?;
    let own = module.sources.iter().copied();
    for (name, text) in [("go.mod", module.go_mod), ("go.sum", module.go_sum)].into_iter().chain(own) {
        let path = folder.join(name);
        if path.exists() {
            continue; // and right: the folder's name is a hash of all texts
        }
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(ToolsError::io("make the folder", parent))?;
        // By a rename: another process may be at the same, and its Go must not read half a file.
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(ToolsError::io("make a file in", folder))?;
        file.write_all(text.as_bytes()).map_err(ToolsError::io("write", &path))?;
        file.persist(&path).map_err(|error| ToolsError::io("write", &path)(error.error))?;
    }
    Ok(())
}

/// Waits until no other process is at work in this folder. The lock ends with the process that holds it.
pub(super) fn lock(folder: &Path, program: Program) -> Result<File, ToolsError> {
    let path = folder.join("lock");
    let file = File::create(&path).map_err(ToolsError::io("make", &path))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => {
            say(&format!("{program}: waiting for another process that downloads or builds"));
        }
        Err(TryLockError::Error(error)) => return Err(ToolsError::io("lock", &path)(error)),
    }
    file.lock().map_err(ToolsError::io("lock", &path))?;
    Ok(file)
}

/// The numbers of a Go version: `go1.26.8` and `1.26.8` are 1, 26, 8; a release candidate counts as its release.
fn numbers(version: &str) -> Vec<u32> {
    version
        .trim_start_matches("go")
        .split('.')
        .map_while(|part| {
            let digits = part.split(|c: char| !c.is_ascii_digit()).next()?;
            digits.parse().ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_versions_are_compared_by_number() {
        assert!(numbers("go1.26.8") > numbers("1.26.0"));
        assert!(numbers("go1.9.7") < numbers("1.26.0"));
        assert!(numbers("go1.26.0-custom") >= numbers("1.26.0"));
        assert_eq!(numbers("go1.27rc1"), [1, 27]);
    }
}
