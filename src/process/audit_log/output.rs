//! What the audit log is written to: the stdout of this process, or a file that others may rotate, remove and fill up.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::Target;

/// The mode of a new file, which its group may read and others may not: it holds personal data.
const MODE: u32 = 0o640;

/// What is written to.
pub(super) enum Output {
    /// What was open from the start.
    Inherited(File),
    /// A file by its path, opened when it is needed.
    Named(PathBuf, Option<Opened>),
}

pub(super) struct Opened {
    file: File,
    /// Device and inode.
    id: (u64, u64),
    /// How long it was when this process wrote last. What others have written since may end amid a line, as after a crash or on a full disk:
    /// replicas may share the file, and one of them waits with an open file while another one writes.
    end: u64,
}

impl Output {
    /// What a flag has named.
    ///
    /// # Errors
    /// When this process has no stdout.
    pub(super) fn of(target: &Target) -> io::Result<Self> {
        Ok(match target {
            // Not by way of the standard library's own handle, which keeps lines back and takes a closed stdout for one that was written to.
            Target::Stdout => Self::Inherited(io::stdout().as_fd().try_clone_to_owned()?.into()),
            Target::File(path) => Self::Named(path.clone(), None),
        })
    }

    pub(super) fn name(&self) -> String {
        match self {
            Self::Inherited(_) => "stdout".to_owned(),
            Self::Named(path, _) => path.display().to_string(),
        }
    }

    /// Whether what is open, if anything is, is what a name leads to: not after a rotation, or when its folder is gone.
    pub(super) fn is_current(&self) -> bool {
        match self {
            Self::Inherited(_) | Self::Named(_, None) => true,
            Self::Named(path, Some(opened)) => fs::metadata(path).is_ok_and(|found| id(&found) == opened.id),
        }
    }

    /// Opens the file unless it is open. Returns whether it did.
    pub(super) fn open(&mut self) -> io::Result<bool> {
        let Self::Named(path, opened @ None) = self else { return Ok(false) };
        *opened = Some(Opened::at(path)?);
        Ok(true)
    }

    /// Lets go of the file.
    pub(super) fn close(&mut self) {
        if let Self::Named(_, opened) = self {
            *opened = None;
        }
    }

    /// Writes what it takes of `bytes`: how much that is.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Inherited(file) => file.write(bytes),
            Self::Named(path, Some(opened)) => opened.write(path, bytes),
            Self::Named(_, None) => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Lets what was written reach the disk, if it is on one.
    pub(super) fn sync(&self) -> io::Result<()> {
        let file = match self {
            Self::Inherited(file) => file,
            Self::Named(_, Some(opened)) => &opened.file,
            Self::Named(_, None) => return Ok(()),
        };
        // A pipe is on none.
        if file.metadata()?.is_file() { file.sync_data() } else { Ok(()) }
    }
}

impl Opened {
    fn at(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).mode(MODE).open(path)?;
        let id = id(&file.metadata()?);
        Ok(Self { file, id, end: 0 })
    }

    fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<usize> {
        let found = self.file.metadata()?;
        let mut length = found.len();
        // What may be written and not read is taken for whole.
        if found.is_file() && length > 0 && length != self.end && !ends_a_line(path).unwrap_or(true) {
            self.file.write_all(b"\n")?;
            length += 1;
        }
        let written = self.file.write(bytes)?;
        self.end = length + written as u64;
        Ok(written)
    }
}

fn ends_a_line(path: &Path) -> io::Result<bool> {
    let mut last = [0];
    let mut file = File::open(path)?;
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

fn id(found: &fs::Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}
