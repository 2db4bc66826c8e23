//! The folder of one control plane: its keys, data, logs.
//!
//! A folder that the caller chose is kept. A temporary one must go also when we were killed: its remover is a `sh` that
//! waits for the end of the lifeline, a pipe whose write end is held by us, by each supervisor and by each program.
//! When the pipe ends, no process is left that could write into the folder.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{PipeWriter, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::Error;
use crate::supervisor::{shell, wait_at_most};

/// How long the removal of a temporary folder may take.
const REMOVAL_DEADLINE: Duration = Duration::from_secs(10);

const REMOVER: &str = r#"
trap '' HUP INT QUIT
while read -r _; do :; done
exec rm -rf -- "$1"
"#;

/// The folder; dropping it removes it if it is temporary. Drop the programs in it first.
pub(crate) struct Home {
    path: PathBuf,
    temporary: Option<Temporary>,
    /// Held, never read: one control plane a folder.
    _lock: File,
}

struct Temporary {
    lifeline: Option<PipeWriter>,
    remover: Child,
}

impl Home {
    /// Opens `dir`, making it if need be, or a fresh temporary folder.
    ///
    /// # Errors
    /// When the folder cannot be made, or is in use by another control plane.
    pub(crate) fn open(dir: Option<&Path>) -> Result<Home, Error> {
        let Some(dir) = dir else {
            return Home::open_temporary();
        };
        let path = std::path::absolute(dir).map_err(Error::io("resolve", dir))?;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(Error::io("make the folder", &path))?;
        Ok(Home { _lock: lock(&path)?, path, temporary: None })
    }

    fn open_temporary() -> Result<Home, Error> {
        let path = tempfile::Builder::new()
            .prefix("twinconsent-controlplane-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .map_err(Error::io("make a temporary folder in", &std::env::temp_dir()))?
            .keep();
        let (reader, lifeline) = std::io::pipe().map_err(Error::io("make the lifeline of", &path))?;
        let remover = shell(REMOVER, "remover")
            .arg(&path)
            .stdin(reader)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(Error::io("start", Path::new("sh")))?;
        Ok(Home { _lock: lock(&path)?, path, temporary: Some(Temporary { lifeline: Some(lifeline), remover }) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What each process that writes into a temporary folder must hold open.
    pub(crate) fn lifeline(&self) -> Option<&PipeWriter> {
        self.temporary.as_ref()?.lifeline.as_ref()
    }

    /// Writes a file that only its owner may read, and returns its path.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        let path = self.path.join(name);
        write_private(&path, text)?;
        Ok(path)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Some(temporary) = &mut self.temporary {
            drop(temporary.lifeline.take());
            wait_at_most(&mut temporary.remover, REMOVAL_DEADLINE);
        }
    }
}

/// Writes a file that only its owner may read.
fn write_private(path: &Path, text: &str) -> Result<(), Error> {
    OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(Error::io("write", path))
}

fn lock(dir: &Path) -> Result<File, Error> {
    let path = dir.join("lock");
    let file = File::create(&path).map_err(Error::io("make", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::FolderInUse(dir.to_path_buf())),
        Err(TryLockError::Error(error)) => Err(Error::io("lock", &path)(error)),
    }
}
