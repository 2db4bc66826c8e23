//! Building pinned programs with Go, into the cache.
//!
//! A cache folder holds `go.mod`, `go.sum`, files of ours if there are any, `lock` and `bin/`.
//! A program appears in `bin/` by a rename, so one that is there is whole. An interrupted build leaves nothing that counts but what
//! Go's own cache holds by then, from which the next one goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use super::board::{Board, POLL, is_interrupted};
use super::locations::Locations;
use super::pinned::{self, Module};
use super::work::Unit;
use super::{Program, ToolsError, output};
use crate::progress::say;
use crate::supervisor::Supervised;

/// Begins the names of folders in which Go is at work.
const SCRATCH: &str = "build-";

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

    /// Builds programs one after the other, while the packages of the next are counted already.
    ///
    /// # Errors
    /// When Go fails, or the cache cannot be written; [`ToolsError::Cancelled`].
    pub(super) fn build_all(&self, programs: &[Program], board: &Board) -> Result<BTreeMap<Program, PathBuf>, ToolsError> {
        let parts = board.add(Unit::Package, programs.iter().map(|&program| pinned::usual_packages(program)));
        let counted = Mutex::new(BTreeSet::new());
        let count =
            |position: usize| self.count(programs[position], &counted, |all| board.change(|work| work.count(parts[position], all)), board);
        thread::scope(|scope| {
            let mut ahead = (!programs.is_empty()).then(|| scope.spawn(|| count(0)));
            let mut paths = BTreeMap::new();
            for (position, &program) in programs.iter().enumerate() {
                // Before Go compiles what is counted. A count that fails stops nothing: compiling tells better why.
                let _ = ahead.take().map(thread::ScopedJoinHandle::join);
                if position + 1 < programs.len() {
                    ahead = Some(scope.spawn(move || count(position + 1)));
                }
                let label = format!("[{}/{}] {program}", position + 1, programs.len());
                let begun = |begun: u32| board.change(|work| work.done(parts[position], begun));
                match self.build(program, &label, board, begun) {
                    Ok(path) => drop(paths.insert(program, path)),
                    Err(error) => {
                        // What the next one takes need not be known any more. One alone may fail without harm to others.
                        if ahead.is_some() {
                            board.cancel();
                        }
                        return Err(error);
                    }
                }
                board.change(|work| work.end(parts[position]));
            }
            Ok(paths)
        })
    }

    /// Counts the packages that Go has yet to compile for a program, apart from those that were counted for another.
    fn count(
        &self,
        program: Program,
        counted: &Mutex<BTreeSet<(String, String)>>,
        tell: impl FnOnce(u32),
        board: &Board,
    ) -> Result<(), ToolsError> {
        let folder = self.locations.cache_folder(program);
        let scratch = tempfile::tempdir().map_err(ToolsError::io("make a folder in", &std::env::temp_dir()))?;
        let (flags, tags) = (pinned::linker_flags(program), pinned::module(program).tags.join(","));
        let arguments = ["list", "-deps", "-trimpath", "-ldflags", &flags, "-tags", &tags, "-f", output::STALE, pinned::package(program)];
        let (status, said) = run(&folder, scratch.path(), &arguments, board, |said| {
            let fetched = output::fetched(said);
            if fetched > 0 {
                board.stage(Some(format!("modules fetched: {fetched}")));
            }
        })?;
        board.stage(None);
        if status.success() {
            let mut counted = counted.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let before = counted.len();
            counted.extend(output::stale(&said, &folder.to_string_lossy()));
            tell(u32::try_from(counted.len() - before).unwrap_or(u32::MAX));
        }
        Ok(())
    }

    /// Builds a program, or takes it from a process that was faster.
    fn build(&self, program: Program, label: &str, board: &Board, begun: impl Fn(u32)) -> Result<PathBuf, ToolsError> {
        let folder = self.locations.cache_folder(program);
        let _lock = lock(&folder, program)?;
        if let Some(path) = self.locations.find_built(program) {
            return Ok(path);
        }
        let bin = folder.join("bin");
        fs::create_dir_all(&bin).map_err(ToolsError::io("make the folder", &bin))?;
        clear(&folder);
        let scratch = tempfile::Builder::new().prefix(SCRATCH).tempdir_in(&folder).map_err(ToolsError::io("make a folder in", &folder))?;

        let package = pinned::package(program);
        let version = pinned::version(program).map(|version| format!(" {version}")).unwrap_or_default();
        say(&format!("{label}: building {package}{version}, once"));
        let started = Instant::now();
        let built = scratch.path().join(program.name());
        let (flags, tags) = (pinned::linker_flags(program), pinned::module(program).tags.join(","));
        let arguments = ["build", "-v", "-trimpath", "-ldflags", &flags, "-tags", &tags, "-o", &built.to_string_lossy(), package];
        // Those that were begun last are still at work: as many as Go compiles at once.
        let at_once = thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1));
        let (status, said) = run(&folder, scratch.path(), &arguments, board, |said| begun(output::begun(said).saturating_sub(at_once)))?;
        if !status.success() {
            return Err(ToolsError::Build { package, status: status.to_string(), output: output::complaints_of_go(&said) });
        }
        let path = bin.join(program.name());
        fs::rename(&built, &path).map_err(ToolsError::io("rename the program to", &path))?;
        say(&format!("{label}: done in {} s", started.elapsed().as_secs()));
        Ok(path)
    }
}

/// Runs Go, shows its output while it grows, and returns all of it. Go ends with us, however we end, and its compilers with it.
fn run(
    folder: &Path,
    scratch: &Path,
    arguments: &[&str],
    board: &Board,
    sees: impl FnMut(&str),
) -> Result<(std::process::ExitStatus, String), ToolsError> {
    let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
    let mut go = Supervised::start_group("go", Path::new("go"), &arguments, scratch, |command| {
        // What Go leaves when it is ended goes with our folder.
        shield(command, folder).env("GOTMPDIR", scratch);
    })
    .map_err(ToolsError::process)?;
    let status = board.wait(&mut go, sees)?;
    Ok((status, String::from_utf8_lossy(&fs::read(go.log()).unwrap_or_default()).into_owned()))
}

/// Removes what was left by a build that was killed. What still cannot be removed is in no build's way.
fn clear(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(SCRATCH)) {
        let _ = fs::remove_dir_all(entry.path());
    }
}

/// `go` in a module's folder.
fn go(folder: &Path) -> Command {
    let mut command = Command::new("go");
    shield(&mut command, folder).stdin(Stdio::null());
    command
}

/// Shielded from the caller's workspace and flags.
fn shield<'a>(command: &'a mut Command, folder: &Path) -> &'a mut Command {
    command
        .current_dir(folder)
        .env("CGO_ENABLED", "0")
        .env("GOFLAGS", "-mod=readonly")
        .env("GOWORK", "off")
        .env_remove("GOOS")
        .env_remove("GOARCH")
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
    let mut shown = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(ToolsError::io("lock", &path)(error)),
            Err(TryLockError::WouldBlock) if is_interrupted() => return Err(ToolsError::Cancelled),
            Err(TryLockError::WouldBlock) => {
                if !std::mem::replace(&mut shown, true) {
                    say(&format!("{program}: waiting for another process that downloads or builds"));
                }
                thread::sleep(POLL);
            }
        }
    }
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
