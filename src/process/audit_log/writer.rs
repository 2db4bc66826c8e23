//! The thread that writes the audit log: it may stand still as long as the disk does.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::output::Output;
use super::{LONGEST_WAIT, Lines, Shared, Task};
use crate::process::clock;
use crate::process::metrics::AuditResult;

/// How long lines are in the kernel's hands before they are sent to the disk.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// How often it is tried again, and checked whether the file is still the one that its path names.
const TRY_EVERY: Duration = Duration::from_secs(1);

/// Writes the lines in the order in which they came, each until it is written.
pub(super) struct Writer {
    output: Output,
    shared: Arc<Shared>,
    /// What is being written, and how much of it is.
    begun: Option<(Lines, usize)>,
    unsynced: Option<Unsynced>,
}

/// What has not been sent to the disk.
struct Unsynced {
    /// Since when.
    since: Duration,
    /// How many events.
    events: usize,
    /// Why the disk has not taken what was sent to it before.
    ///
    /// A disk tells that once, and may then take the next lines as if nothing had been: the trouble is over when it has taken anything again, and
    /// what was lost stays counted.
    trouble: Option<String>,
}

impl Writer {
    pub(super) fn new(output: Output, shared: Arc<Shared>) -> Self {
        Self { output, shared, begun: None, unsynced: None }
    }

    /// Writes until it is told to end, and then what is left, or as much of it as goes without trouble.
    pub(super) fn run(mut self) {
        let _ended = self.shared.ended.clone().drop_guard();
        let mut pause = Duration::ZERO;
        loop {
            let Task { lines, must_reopen, must_end, is_busy } = self.shared.next(self.begun.is_none(), pause);
            self.begun = self.begun.or(lines.map(|lines| (lines, 0)));
            let began = clock::monotonic();
            let came = self.advance(must_reopen, must_end && !is_busy);
            let is_slow = clock::monotonic().saturating_sub(began) >= LONGEST_WAIT;
            let unsynced = self.unsynced.as_ref().and_then(|unsynced| unsynced.trouble.clone());
            match (&came, unsynced) {
                (Err(error), _) => self.shared.health.set(Some(error.to_string())),
                (Ok(()), Some(trouble)) => self.shared.health.set(Some(trouble)),
                (Ok(()), None) if is_slow => self.shared.health.is_slow(),
                // As long as others wait, it is not known to be fast enough.
                (Ok(()), None) if !is_busy => self.shared.health.set(None),
                (Ok(()), None) => {}
            }
            if must_end && (came.is_err() || !is_busy) {
                return self.drop_the_rest();
            }
            let synced_at = self.unsynced.as_ref().map(|unsynced| unsynced.since + SYNC_EVERY);
            pause = synced_at.filter(|_| came.is_ok()).map_or(TRY_EVERY, until);
        }
    }

    /// Opens what is to be opened, writes what is to be written, and syncs what is to be synced.
    fn advance(&mut self, must_reopen: bool, must_sync: bool) -> io::Result<()> {
        if must_reopen || !self.output.is_current() {
            // What was opened before reaches its disk, whatever has become of its name.
            self.sync();
            self.output.close();
        }
        if self.output.open()? {
            // Its beginning is in another file.
            self.begun.iter_mut().for_each(|(_, done)| *done = 0);
        }
        while let Some((lines, done)) = &mut self.begun {
            match self.output.write(&lines.text.as_bytes()[*done..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => *done += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if *done == lines.text.len() {
                self.note_written();
            }
        }
        if self.unsynced.as_ref().is_some_and(|unsynced| must_sync || until(unsynced.since + SYNC_EVERY).is_zero()) {
            self.sync();
        }
        Ok(())
    }

    /// Lets what was written reach the disk. What it does not take is counted, and another sync is tried later.
    fn sync(&mut self) {
        let Some(unsynced) = &mut self.unsynced else { return };
        match self.output.sync() {
            Ok(()) => self.unsynced = None,
            Err(error) => {
                self.shared.metrics.audit_events(AuditResult::Unsynced, std::mem::take(&mut unsynced.events));
                (unsynced.since, unsynced.trouble) = (clock::monotonic(), Some(format!("sync: {error}")));
            }
        }
    }

    fn note_written(&mut self) {
        let Some((lines, _)) = self.begun.take() else { return };
        let new = || Unsynced { since: clock::monotonic(), events: 0, trouble: None };
        self.unsynced.get_or_insert_with(new).events += lines.count;
        let result = if lines.written.is_closed() { AuditResult::Late } else { AuditResult::Written };
        self.shared.metrics.audit_events(result, lines.count);
        // What has waited may be gone.
        let _ = lines.written.send(());
    }

    fn drop_the_rest(self) {
        let waiting = std::mem::take(&mut self.shared.queue().waiting);
        let rest = self.begun.map(|(lines, _)| lines).into_iter().chain(waiting);
        self.shared.metrics.audit_events(AuditResult::Dropped, rest.map(|lines| lines.count).sum());
    }
}

fn until(time: Duration) -> Duration {
    time.saturating_sub(clock::monotonic())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tokio::sync::oneshot;

    use super::*;
    use crate::process::audit_log::Target;
    #[cfg(target_os = "linux")]
    use crate::process::audit_log::tests::NO_SYNC;
    use crate::process::metrics::Metrics;
    use crate::process::server::Readiness;

    fn writer(path: &Path) -> Writer {
        let shared = Shared::new(String::new(), Arc::new(Metrics::new()), Readiness::default());
        Writer::new(Output::of(&Target::File(path.to_owned())).unwrap(), Arc::new(shared))
    }

    fn lines(text: &str) -> Lines {
        Lines { text: text.to_owned(), count: 1, written: oneshot::channel().0 }
    }

    #[test]
    fn a_line_whose_beginning_is_in_another_file_is_written_from_its_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        let mut writer = writer(&path);
        writer.begun = Some((lines("whole\n"), 3));
        writer.advance(false, false).unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), "whole\n");
    }

    /// A disk may refuse what was sent to it, and its file be replaced.
    #[cfg(target_os = "linux")]
    #[test]
    fn so_it_is_when_the_other_file_did_not_reach_its_disk() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        std::os::unix::fs::symlink(NO_SYNC, &path).unwrap();
        let mut writer = writer(&path);
        writer.begun = Some((lines("one\n"), 0));
        writer.advance(false, false).unwrap();
        writer.begun = Some((lines("whole\n"), 3));
        std::fs::remove_file(&path).unwrap();
        writer.advance(false, false).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "whole\n");
        assert!(writer.unsynced.as_ref().unwrap().trouble.is_some(), "what the disk does not have is not forgotten with its file");
        writer.advance(false, true).unwrap();
        assert!(writer.unsynced.is_none(), "and is over with the next that it takes");
    }
}
