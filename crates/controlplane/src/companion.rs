//! Programs that a test runs beside a control plane or a node, such as the controllers of others.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::supervisor::Supervised;
use crate::tools::{Program, Tools};
use crate::{ControlPlane, Error, Node};

/// A program beside a control plane or a node. Dropping it ends it; it ends as well when this process ends, however that comes about.
pub struct Companion {
    supervised: Mutex<Supervised>,
    log: PathBuf,
}

impl ControlPlane {
    /// Starts a pinned program in the control plane's folder, with `KUBECONFIG` set to the administrator's kubeconfig.
    ///
    /// Its output goes to `PROGRAM.log` in that folder; one of each kind at a time.
    ///
    /// # Errors
    /// When the program is missing and cannot be built, or cannot be started.
    /// That it ended by itself shows in [`Companion::check`].
    pub fn start_beside(&self, program: Program, arguments: &[String], environment: &[(&str, &str)]) -> Result<Companion, Error> {
        let tools = Tools::ensure(&[program])?;
        // `env` becomes the program, so that it is the one that is supervised.
        let mut command = vec![format!("KUBECONFIG={}", self.kubeconfig().display())];
        command.extend(environment.iter().map(|(name, value)| format!("{name}={value}")));
        command.push(tools.path(program).display().to_string());
        command.extend_from_slice(arguments);
        let home = self.home();
        let supervised = Supervised::start(program.name(), "env".as_ref(), &command, home.path(), home.lifeline())?;
        Ok(Companion { supervised: Mutex::new(supervised), log: home.path().join(format!("{program}.log")) })
    }
}

impl Node {
    /// Starts a program of this machine in the node's network, as [`Node::command`] does, so that pods and the node reach it.
    ///
    /// Its output goes to `NAME.log` in the node's folder; one of each name at a time.
    ///
    /// # Errors
    /// When it cannot be started. That it ended by itself shows in [`Companion::check`].
    pub fn start_beside(&self, name: &'static str, program: &Path, arguments: &[String]) -> Result<Companion, Error> {
        let command = [&[program.display().to_string()], arguments].concat();
        let home = self.home();
        let supervised = Supervised::start(name, self.run_script(), &command, home.path(), home.lifeline())?;
        Ok(Companion { supervised: Mutex::new(supervised), log: home.path().join(format!("{name}.log")) })
    }
}

impl Companion {
    /// Whether it still runs.
    ///
    /// # Errors
    /// [`Error::Ended`] with the end of its log when it does not.
    pub fn check(&self) -> Result<(), Error> {
        self.supervised().check()
    }

    /// Its process id; absent in its first milliseconds.
    pub fn pid(&self) -> Option<u32> {
        self.supervised().pid()
    }

    /// What it has written so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_else(|error| format!("(cannot read its log: {error})"))
    }

    fn supervised(&self) -> MutexGuard<'_, Supervised> {
        // A test that panicked while it held the lock leaves nothing half done.
        self.supervised.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
