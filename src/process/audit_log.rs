//! The audit log: one line an event, on stdout or in a file, written by one thread.
//!
//! A line is handed to the kernel before the status that tells of it is written, so that no crash of this process loses it. A crash of the
//! node or of its disk loses what is not on the disk yet, about a second's lines.
//!
//! But no status waits longer than [`TimeToWait`] has it, and none waits at all while the log is known to be in trouble: its lines stand in a
//! queue and are written late, as long as there is room, and are dropped then. What is missing is a gap in the sequence of its object.
//! The trouble shows in the metrics, at `/readyz`, and in a condition of each account.

mod health;
mod output;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, io};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::process::clock;
use crate::process::metrics::{AuditResult, Metrics};
use crate::process::server::Readiness;
use health::Health;
use output::Output;
use writer::Writer;

/// The longest that a status waits for its lines.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// How many statuses may have lines that wait to be written: as many as can be worked on at once.
const MOST_WAITING: usize = 1024;

/// Where the log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// To stdout, where nothing else goes.
    Stdout,
    /// To the end of a file.
    File(PathBuf),
}

/// The audit log, or none. Clones are the same one.
#[derive(Clone, Default)]
pub struct AuditLog(Option<Arc<Shared>>);

/// How long one status may still wait, over all tries to write it.
#[derive(Debug)]
pub struct TimeToWait(Duration);

/// What the writer and those that wait for it share.
struct Shared {
    queue: Mutex<Queue>,
    bell: Condvar,
    health: Health,
    metrics: Arc<Metrics>,
    /// Cancelled when the writer has ended.
    ended: CancellationToken,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Lines>,
    must_reopen: bool,
    must_end: bool,
}

/// The lines of one status.
struct Lines {
    text: String,
    count: usize,
    /// Used when they are written; its other end is gone when that is too late.
    written: oneshot::Sender<()>,
}

/// What the writer has to do next.
struct Task {
    lines: Option<Lines>,
    must_reopen: bool,
    must_end: bool,
    /// Whether more lines wait.
    is_busy: bool,
}

impl Default for TimeToWait {
    fn default() -> Self {
        Self(LONGEST_WAIT)
    }
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "AuditLog" } else { "no AuditLog" })
    }
}

impl AuditLog {
    /// Starts the writer of the log, if there is to be one.
    ///
    /// A log that cannot be written is no error: it shows, and is tried again.
    ///
    /// # Errors
    /// When there is no thread for it, or no stdout.
    pub fn start(target: Option<&Target>, metrics: Arc<Metrics>, readiness: Readiness) -> io::Result<Self> {
        let Some(target) = target else { return Ok(Self::default()) };
        Self::writing(Output::of(target)?, metrics, readiness)
    }

    fn writing(output: Output, metrics: Arc<Metrics>, readiness: Readiness) -> io::Result<Self> {
        let shared = Arc::new(Shared::new(output.name(), metrics, readiness));
        let writer = Writer::new(output, shared.clone());
        std::thread::Builder::new().name("audit-log".to_owned()).spawn(move || writer.run())?;
        Ok(Self(Some(shared)))
    }

    /// From now on, opens the log's file anew at each SIGHUP, which never ends this process, whatever the log is. Call it inside a Tokio runtime.
    ///
    /// # Errors
    /// When the signal handler cannot be installed.
    pub fn reopen_at_sighup(&self) -> io::Result<()> {
        let mut hangups = signal(SignalKind::hangup())?;
        let log = self.clone();
        tokio::spawn(async move {
            while hangups.recv().await.is_some() {
                log.reopen();
            }
        });
        Ok(())
    }

    /// Writes lines without their ends. Comes back when the kernel has them, when `left` is at its end, or at once while the log is in trouble.
    pub async fn write(&self, lines: &[String], left: &mut TimeToWait) {
        let Some(shared) = self.0.as_ref().filter(|_| !lines.is_empty()) else { return };
        let was_well = shared.health.is_well();
        let Some(written) = shared.hand_in(lines) else { return shared.health.is_slow() };
        if !was_well {
            return;
        }
        let began = clock::monotonic();
        let came = tokio::time::timeout(left.0, written).await;
        left.0 = left.0.saturating_sub(clock::monotonic().saturating_sub(began));
        if came.is_err() {
            shared.health.is_slow();
        }
    }

    /// Hands in lines that nothing waits for.
    pub fn write_later(&self, lines: &[String]) {
        if let Some(shared) = &self.0 {
            drop(shared.hand_in(lines));
        }
    }

    /// Whether there is one.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.0.is_some()
    }

    /// Why the log cannot be written, if it cannot, as it changes; nothing if there is no log.
    #[must_use]
    pub fn trouble(&self) -> Option<watch::Receiver<Option<String>>> {
        Some(self.0.as_ref()?.health.watch())
    }

    /// Writes what waits, lets it reach the disk, and takes no more. Comes back when that is done, or cannot be: the caller sets a limit.
    pub async fn close(&self) {
        let Some(shared) = &self.0 else { return };
        shared.tell_writer(|queue| queue.must_end = true);
        shared.ended.cancelled().await;
    }

    fn reopen(&self) {
        if let Some(shared) = &self.0 {
            shared.tell_writer(|queue| queue.must_reopen = true);
        }
    }
}

impl Shared {
    fn new(name: String, metrics: Arc<Metrics>, readiness: Readiness) -> Self {
        Self {
            queue: Mutex::default(),
            bell: Condvar::new(),
            health: Health::new(name, metrics.clone(), readiness),
            metrics,
            ended: CancellationToken::new(),
        }
    }

    /// Puts lines into the queue; `None`: there is no room, or the writer ends.
    fn hand_in(&self, lines: &[String]) -> Option<oneshot::Receiver<()>> {
        let (written, is_written) = oneshot::channel();
        let text = lines.iter().flat_map(|line| [line, "\n"]).collect();
        let has_room = self.tell_writer(|queue| {
            let has_room = queue.waiting.len() < MOST_WAITING && !queue.must_end;
            if has_room {
                queue.waiting.push_back(Lines { text, count: lines.len(), written });
            }
            has_room
        });
        if !has_room {
            self.metrics.audit_events(AuditResult::Dropped, lines.len());
        }
        has_room.then_some(is_written)
    }

    fn tell_writer<T>(&self, with: impl FnOnce(&mut Queue) -> T) -> T {
        let result = with(&mut self.queue());
        self.bell.notify_one();
        result
    }

    /// Waits for something to do, but not longer than `pause`.
    fn next(&self, wants_lines: bool, pause: Duration) -> Task {
        let is_idle = |queue: &mut Queue| !(queue.must_end || queue.must_reopen || wants_lines && !queue.waiting.is_empty());
        let (mut queue, _) = self.bell.wait_timeout_while(self.queue(), pause, is_idle).unwrap_or_else(PoisonError::into_inner);
        Task {
            lines: if wants_lines { queue.waiting.pop_front() } else { None },
            must_reopen: std::mem::take(&mut queue.must_reopen),
            must_end: queue.must_end,
            is_busy: !queue.waiting.is_empty(),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
