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
    /// Since when something has not been sent to the disk.
    unsynced_since: Option<Duration>,
}

impl Writer {
    pub(super) fn new(output: Output, shared: Arc<Shared>) -> Self {
        Self { output, shared, begun: None, unsynced_since: None }
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
            match &came {
                Err(error) => self.shared.health.set(Some(error.to_string())),
                Ok(()) if is_slow => self.shared.health.is_slow(),
                // As long as others wait, it is not known to be fast enough.
                Ok(()) if !is_busy => self.shared.health.set(None),
                Ok(()) => {}
            }
            if must_end && (came.is_err() || !is_busy) {
                return self.drop_the_rest();
            }
            pause = self.unsynced_since.filter(|_| came.is_ok()).map_or(TRY_EVERY, |since| until(since + SYNC_EVERY));
        }
    }

    /// Opens what is to be opened, writes what is to be written, and syncs what is to be synced.
    fn advance(&mut self, must_reopen: bool, must_sync: bool) -> io::Result<()> {
        let closed = if must_reopen { self.output.close() } else { Ok(()) };
        if self.output.follow()? {
            self.unsynced_since = None;
            // Its beginning is in another file.
            self.begun.iter_mut().for_each(|(_, done)| *done = 0);
        }
        closed?;
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
        if self.unsynced_since.is_some_and(|since| must_sync || until(since + SYNC_EVERY).is_zero()) {
            self.output.sync()?;
            self.unsynced_since = None;
        }
        Ok(())
    }

    fn note_written(&mut self) {
        let Some((lines, _)) = self.begun.take() else { return };
        self.unsynced_since.get_or_insert_with(clock::monotonic);
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
    use tokio::sync::oneshot;

    use super::*;
    use crate::process::audit_log::Target;
    use crate::process::metrics::Metrics;
    use crate::process::server::Readiness;

    #[test]
    fn a_line_whose_beginning_is_in_another_file_is_written_from_its_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        let shared = Shared::new(String::new(), Arc::new(Metrics::new()), Readiness::default());
        let mut writer = Writer::new(Output::of(&Target::File(path.clone())).unwrap(), Arc::new(shared));
        writer.begun = Some((Lines { text: "whole\n".to_owned(), count: 1, written: oneshot::channel().0 }, 3));
        writer.advance(false, false).unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), "whole\n");
    }
}
