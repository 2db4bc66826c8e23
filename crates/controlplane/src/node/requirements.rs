//! What a machine must have to run a node, asked before anything is built or started.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::{env, fs};

use crate::Error;

/// Programs of util-linux, iproute2 and coreutils.
const PROGRAMS: [&str; 7] = ["unshare", "nsenter", "mount", "umount", "ip", "env", "sleep"];

/// The folders that a node has its own of.
const HIDDEN: [&str; 3] = ["/run", "/var/lib", "/var/log"];

/// Fails with all that is missing.
pub(super) fn check() -> Result<(), Error> {
    let mut missing = Vec::new();
    if !cfg!(target_os = "linux") {
        missing.push("Linux".to_owned());
    } else if !is_root() {
        missing.push("root".to_owned());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = env::split_paths(&path).collect();
    let absent = PROGRAMS.iter().filter(|program| !folders.iter().any(|folder| folder.join(program).is_file()));
    missing.extend(absent.map(|program| format!("the program {program}")));
    if missing.is_empty() { Ok(()) } else { Err(Error::NoNode(format!("missing: {}", missing.join(", ")))) }
}

/// Fails when a node could not see `path`.
pub(super) fn check_visible(path: &Path) -> Result<(), Error> {
    let real = fs::canonicalize(path).map_err(Error::io("find", path))?;
    match HIDDEN.iter().find(|hidden| real.starts_with(fs::canonicalize(hidden).unwrap_or_else(|_| hidden.into()))) {
        None => Ok(()),
        Some(hidden) => Err(Error::NoNode(format!(
            "{} lies in {hidden}, of which a node has its own; choose another place by --dir, TMPDIR or TWINCONSENT_TOOLS_CACHE",
            path.display()
        ))),
    }
}

/// Whether this process acts as root, without a system call that would need `unsafe`.
fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}
