//! Progress for the person who waits, on stderr.

use std::io::Write;

/// Writes one line to stderr.
///
/// Not `eprintln!`: a test harness swallows that until the test fails, and the first test of a fresh checkout may
/// build for minutes.
pub(crate) fn say(line: &str) {
    // A closed stderr must not stop the work.
    let _ = writeln!(std::io::stderr().lock(), "controlplane: {line}");
}
