//! The world of a node: namespaces and cgroups of its own, and nothing of it left when it ends.
//!
//! ```text
//!   us ──pipe──▶ keeper (sh): makes the cgroups; at end of file kills init, then removes the cgroups
//!                   │
//!                   ▼
//!                init (sh): process 1 of the world; mounts, addresses
//!                   ▲ nsenter
//!                   │
//!                supervised programs (see `supervisor`), each joins the cgroups and enters the namespaces
//! ```
//!
//! Namespaces are entered by programs of util-linux, as Rust would need `unsafe` or another crate for it.
//! A container engine was rejected: it is what many machines lack, and what a node brings along itself.

use std::collections::BTreeSet;
use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::addresses;
use crate::Error;
use crate::home::Home;
use crate::supervisor::{POLL, shell, tail, wait_at_most};

const KEEPER: &str = include_str!("keeper.sh");
const INIT: &str = include_str!("init.sh");
const ENTER: &str = include_str!("enter.sh");
const RUN: &str = include_str!("run.sh");

/// How long it may take to make a world.
const START_DEADLINE: Duration = Duration::from_secs(30);

/// How long it may take to unmake one: hundreds of processes, on a busy machine.
const STOP_DEADLINE: Duration = Duration::from_secs(60);

/// Dropping it ends every process in it, removes its cgroups, and waits for both.
pub(super) struct World {
    folder: PathBuf,
    keeper: Child,
    log: PathBuf,
}

impl World {
    /// Makes a world with its files in the folder of `home`.
    ///
    /// # Errors
    /// [`Error::World`] when this machine does not let it be made.
    pub(super) fn start(home: &Home) -> Result<World, Error> {
        let folder = home.path();
        for name in ["bin", "home", "tmp"] {
            let path = folder.join(name);
            fs::create_dir_all(&path).map_err(Error::io("make the folder", &path))?;
        }
        home.write("init.sh", INIT)?;
        home.write("enter.sh", ENTER)?;
        let log = home.write("world.log", "")?;
        let stdout = match home.lifeline() {
            Some(lifeline) => Stdio::from(lifeline.try_clone().map_err(Error::io("share the lifeline of", folder))?),
            None => Stdio::null(),
        };
        let stderr = fs::OpenOptions::new().append(true).open(&log).map_err(Error::io("open the log", &log))?;
        let keeper = shell(KEEPER, "keeper")
            .arg(folder)
            .arg(unique_name(folder))
            .env("NODE_NAME", super::NAME)
            .env("NODE_ADDRESS", addresses::NODE)
            .env("SERVICE_RANGE", addresses::SERVICES)
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .map_err(Error::io("start", Path::new("sh")))?;
        let mut world = World { folder: folder.to_path_buf(), keeper, log };
        let started = Instant::now();
        while !folder.join("ready").exists() {
            world.check()?;
            if started.elapsed() > START_DEADLINE {
                return Err(Error::World(format!("not ready after {} s\n{}", START_DEADLINE.as_secs(), world.log_tail())));
            }
            thread::sleep(POLL);
        }
        Ok(world)
    }

    /// Writes the script that runs commands in this world's network, and returns its path.
    pub(super) fn write_run_script(&self, home: &Home) -> Result<PathBuf, Error> {
        let folder = format!("'{}'", self.folder.display().to_string().replace('\'', r"'\''"));
        let path = home.write("run", &RUN.replace("FOLDER", &folder))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).map_err(Error::io("make executable", &path))?;
        Ok(path)
    }

    /// Whether it still is.
    pub(super) fn check(&mut self) -> Result<(), Error> {
        match self.keeper.try_wait().map_err(Error::io("wait for", Path::new("sh")))? {
            None => Ok(()),
            Some(status) => Err(Error::World(format!("it ended ({status})\n{}", self.log_tail()))),
        }
    }

    /// The arguments for `sh` that run a program as a part of this world.
    pub(super) fn enter(&self, program: &Path, arguments: &[String]) -> Vec<String> {
        let script = self.folder.join("enter.sh");
        let words = [script.as_path(), &self.folder, program];
        words.iter().map(|word| word.display().to_string()).chain(arguments.iter().cloned()).collect()
    }

    /// A command that is a part of this world.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("sh");
        command.args(self.enter(program, &[]));
        command
    }

    /// The processes in the cgroup `name` of this world, or in all of them.
    pub(super) fn pids(&self, name: Option<&str>) -> Vec<u32> {
        let cgroups = fs::read_to_string(self.folder.join("cgroups")).unwrap_or_default();
        let mut pids = BTreeSet::new();
        for top in cgroups.lines() {
            collect_pids(Path::new(top), name, &mut pids);
        }
        pids.into_iter().collect()
    }

    /// Ends it, and tells what could not be unmade.
    pub(super) fn stop(&mut self) -> Result<(), Error> {
        drop(self.keeper.stdin.take());
        match wait_at_most(&mut self.keeper, STOP_DEADLINE) {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(Error::World(format!("not all of it could be unmade ({status})\n{}", self.log_tail()))),
            None => Err(Error::World(format!("it did not end within {} s\n{}", STOP_DEADLINE.as_secs(), self.log_tail()))),
        }
    }

    fn log_tail(&self) -> String {
        tail(&self.log).unwrap_or_else(|error| format!("(cannot read its log: {error})"))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // A destructor cannot return an error.
        let _ = self.stop();
    }
}

/// A name for the cgroups: this process may have several nodes, and others too.
fn unique_name(folder: &Path) -> String {
    format!("twinconsent-node-{:016x}", RandomState::new().hash_one(folder))
}

fn collect_pids(cgroup: &Path, name: Option<&str>, pids: &mut BTreeSet<u32>) {
    let wanted = name.is_none_or(|name| cgroup.file_name().is_some_and(|own| own == name));
    if wanted {
        let own = fs::read_to_string(cgroup.join("cgroup.procs")).unwrap_or_default();
        pids.extend(own.lines().filter_map(|pid| pid.parse::<u32>().ok()));
    }
    let Ok(children) = fs::read_dir(cgroup) else {
        return; // it went in the meantime
    };
    for child in children.flatten().map(|child| child.path()).filter(|child| child.is_dir()) {
        // Also what is below the one that was asked for.
        collect_pids(&child, if wanted { None } else { name }, pids);
    }
}
