//! Progress for the person who waits, on stderr.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often a line renews itself on a terminal.
const RENEWED: Duration = Duration::from_millis(500);

/// How often a new one is written where nothing can be renewed, such as in a log.
pub(crate) const REPEATED: Duration = Duration::from_secs(30);

/// Whether the cursor stands behind a line that will be renewed.
static OPEN: Mutex<bool> = Mutex::new(false);

/// Writes one line to stderr.
///
/// Not `eprintln!`: a test harness swallows that until the test fails, and the first test of a fresh checkout may
/// build for minutes.
pub(crate) fn say(line: &str) {
    let mut open = lock();
    let clear = if std::mem::take(&mut *open) { CLEAR } else { "" };
    // A closed stderr must not stop the work.
    let _ = writeln!(std::io::stderr().lock(), "{clear}controlplane: {line}");
}

/// How wide a terminal is at least.
const COLUMNS: usize = 80;

/// Back to the beginning of the line, and empties it.
const CLEAR: &str = "\r\x1b[K";

/// Whether stderr is a terminal, with a line that can be renewed.
pub(crate) fn is_terminal() -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    std::io::stderr().is_terminal() && !dumb
}

/// A line that renews itself on a terminal, and comes again from time to time elsewhere.
#[derive(Debug)]
pub(crate) struct Line {
    terminal: bool,
    shown: Duration,
}

impl Line {
    pub(crate) fn new() -> Line {
        Line { terminal: is_terminal(), shown: Duration::ZERO }
    }

    /// Shows what `text` makes, if it is time for that; `elapsed` is the time since the beginning.
    pub(crate) fn renew(&mut self, elapsed: Duration, text: impl FnOnce() -> String) {
        if !due(self.terminal, elapsed - self.shown.min(elapsed)) {
            return;
        }
        self.shown = elapsed;
        let text = text();
        if self.terminal {
            *lock() = true;
            let mut stderr = std::io::stderr().lock();
            // A line that wraps could not be cleared.
            let shown: String = text.chars().take(COLUMNS - 1).collect();
            let _ = write!(stderr, "{CLEAR}{shown}").and_then(|()| stderr.flush());
        } else {
            say(&text);
        }
    }
}

impl Drop for Line {
    /// What comes next stands where the line stood.
    fn drop(&mut self) {
        if std::mem::take(&mut *lock()) {
            let _ = write!(std::io::stderr().lock(), "{CLEAR}");
        }
    }
}

fn due(terminal: bool, since: Duration) -> bool {
    since >= if terminal { RENEWED } else { REPEATED }
}

fn lock() -> MutexGuard<'static, bool> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_renewed_twice_a_second_and_a_log_gets_a_line_each_half_minute() {
        let at = |terminal, tenths: u64| due(terminal, Duration::from_millis(tenths * 100));
        assert!(!at(true, 4) && at(true, 5));
        assert!(!at(false, 299) && at(false, 300));
    }
}
