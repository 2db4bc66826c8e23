//! Backups of what a control plane holds, and the way back to them: the data go back in time, and the watches of clients do not.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use crate::plane::{ControlPlane, ETCD_MEMBER, Programs};
use crate::supervisor::Supervised;
use crate::tools::{Program, Tools};
use crate::{Error, plane, readiness};

/// The folder of the data, and that of the backup.
const DATA: &str = "etcd";
const BACKUP: &str = "etcd.backup";

/// By how much the versions of a restored cluster are raised: as etcd's documents advise.
const BUMP: &str = "1000000000";

impl ControlPlane {
    /// Takes a backup: a plain copy of etcd's folder. Both programs are stopped for it, and started again.
    ///
    /// # Errors
    /// When the folder cannot be copied, or a program does not start again.
    pub fn back_up(&self) -> Result<(), Error> {
        self.while_stopped(|dir| replace(&dir.join(DATA), &dir.join(BACKUP)))
    }

    /// Goes back to the backup: what was written since has never been, and its versions are given out again.
    ///
    /// # Errors
    /// When there is no backup, or a program does not start again.
    pub fn restore(&self) -> Result<(), Error> {
        self.while_stopped(|dir| replace(&dir.join(BACKUP), &dir.join(DATA)))
    }

    /// Goes back to the backup as Kubernetes and etcd advise: the versions go on beyond all that were ever given out, and watches from
    /// before are refused. The tool is built first where it is missing.
    ///
    /// # Errors
    /// When there is no backup or no tool, or a program does not start again.
    pub fn restore_bumped(&self) -> Result<(), Error> {
        let tools = Tools::ensure(&[Program::Etcdutl])?;
        self.while_stopped(|dir| {
            remove(&dir.join(DATA))?;
            let mut restore = Command::new(tools.path(Program::Etcdutl));
            restore
                .current_dir(dir)
                // The file of a stopped etcd is a snapshot, but without the hash that etcdctl adds.
                .args(["snapshot", "restore", &format!("{BACKUP}/member/snap/db"), "--skip-hash-check"])
                .args(["--bump-revision", BUMP, "--mark-compacted"])
                .args(["--data-dir", DATA])
                .args(ETCD_MEMBER);
            let output = restore.output().map_err(Error::io("run", Path::new(Program::Etcdutl.name())))?;
            if output.status.success() {
                return Ok(());
            }
            Err(Error::Etcd { asked: format!("{restore:?}"), answer: String::from_utf8_lossy(&output.stderr).into_owned() })
        })
    }

    fn while_stopped(&self, change: impl FnOnce(&Path) -> Result<(), Error>) -> Result<(), Error> {
        let mut programs = self.programs();
        let Programs { api_server, etcd, .. } = &mut *programs;
        drop(api_server.take());
        drop(etcd.take());
        let dir = self.home().path();
        change(dir)?;
        plane::remove_socket(dir)?;
        let start = |name: Program, binary: &Path, arguments: &[String]| {
            Supervised::start(name.name(), binary, arguments, dir, self.home().lifeline())
        };
        let etcd = etcd.insert(start(Program::Etcd, &self.etcd_binary, &self.etcd_arguments)?);
        let api_server = api_server.insert(start(Program::KubeApiserver, &self.api_server_binary, &self.api_server_arguments)?);
        readiness::of_api_server(api_server, etcd, || self.kubectl())
    }
}

/// Lets `to` be a copy of the folder `from`.
fn replace(from: &Path, to: &Path) -> Result<(), Error> {
    remove(to)?;
    copy(from, to).map_err(Error::io("copy", from))
}

fn remove(folder: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", folder)(error)),
        _ => Ok(()),
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    // etcd refuses a folder that others may read.
    fs::set_permissions(to, fs::metadata(from)?.permissions())?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
