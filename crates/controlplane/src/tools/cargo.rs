//! Runs cargo beside what Go builds.

use std::env;
use std::fs;
use std::path::Path;

use super::board::Board;
use super::output;
use super::work::Unit;
use super::{Beside, ToolsError};
use crate::supervisor::Supervised;

/// What cargo is told so that it counts aloud into a file, too.
const COUNTING: [(&str, &str); 3] =
    [("CARGO_TERM_PROGRESS_WHEN", "always"), ("CARGO_TERM_PROGRESS_WIDTH", "120"), ("CARGO_TERM_QUIET", "false")];

/// Runs it until it is done. It ends with us, however we end, and what it has compiled by then stays.
///
/// # Errors
/// [`ToolsError::Cargo`] with what the compiler said when it fails; [`ToolsError::Cancelled`].
pub(super) fn run(beside: &Beside<'_>, board: &Board) -> Result<(), ToolsError> {
    let part = board.add(Unit::Crate, [0])[0];
    let scratch = tempfile::tempdir().map_err(ToolsError::io("make a folder in", &env::temp_dir()))?;
    let here = env::current_dir().map_err(ToolsError::io("find", Path::new(".")))?;
    let mut cargo = Supervised::start_group("cargo", Path::new("cargo"), beside.cargo, scratch.path(), |command| {
        command.envs(COUNTING).current_dir(&here);
    })
    .map_err(ToolsError::process)?;
    let status = board.wait(&mut cargo, |output| {
        if let Some((done, all)) = output::crates(output) {
            board.change(|work| work.count_with_fresh(part, done, all));
        }
    })?;
    board.change(|work| work.end(part));
    let said = output::complaints_of_cargo(&String::from_utf8_lossy(&fs::read(cargo.log()).unwrap_or_default()));
    if !status.success() {
        return Err(ToolsError::Cargo { arguments: beside.cargo.join(" "), status: status.to_string(), output: said });
    }
    if !said.is_empty() {
        crate::progress::say(&said); // warnings
    }
    Ok(())
}
