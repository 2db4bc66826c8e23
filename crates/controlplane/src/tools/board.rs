//! What is built by which builder, and how far it is: told to the user while the builders work.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::ToolsError;
use super::work::{Machine, Unit, Work};
use crate::progress::{Line, say};
use crate::supervisor::Supervised;

/// How often builders are checked.
pub(super) const POLL: Duration = Duration::from_millis(100);

/// How long counting may take before the start is told by what is usual.
const COUNTING: Duration = Duration::from_secs(10);

/// Whether the caller waits no more.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Makes everything that downloads or builds in this process stop, with [`ToolsError::Cancelled`]: what it has started ends first.
pub fn interrupt() {
    INTERRUPTED.store(true, Ordering::Relaxed);
}

pub(crate) fn is_interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// What the builders share.
#[derive(Debug)]
pub(super) struct Board {
    state: Mutex<State>,
    began: Instant,
    machine: Machine,
    cancelled: AtomicBool,
    ended: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    work: Work,
    /// What is done that is not counted, such as a download.
    stage: Option<String>,
    announced: bool,
}

impl Board {
    /// One for builders of these: what is to be built is told when each of them has counted.
    pub(super) fn of(builders: &[Unit]) -> Board {
        let mut state = State::default();
        builders.iter().for_each(|&unit| state.work.await_parts(unit));
        Board {
            state: Mutex::new(state),
            began: Instant::now(),
            machine: this_machine(),
            cancelled: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        }
    }

    pub(super) fn machine(&self) -> Machine {
        self.machine
    }

    /// The parts of a builder, each with the number of units that it usually has; their numbers are for [`Board::change`].
    pub(super) fn add(&self, unit: Unit, usual: impl IntoIterator<Item = u32>) -> Vec<usize> {
        let work = &mut self.state().work;
        work.shown(unit);
        usual.into_iter().map(|usual| work.add(unit, usual)).collect()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Work)) {
        change(&mut self.state().work);
    }

    pub(super) fn stage(&self, stage: Option<String>) {
        self.state().stage = stage;
    }

    /// Another builder has failed: all stop.
    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether another builder has failed, or the caller has interrupted us.
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed) || is_interrupted()
    }

    /// All is done, or has failed.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Tells how far it is until the end.
    pub(super) fn tell(&self) {
        let mut line = Line::new();
        while !self.ended.load(Ordering::Relaxed) {
            let elapsed = self.began.elapsed();
            let announcement = {
                let mut state = self.state();
                state.work.tick(elapsed);
                let now = !state.announced && state.work.is_left() && (elapsed >= COUNTING || state.work.is_counted());
                now.then(|| {
                    state.announced = true;
                    state.work.announcement(self.machine)
                })
            };
            if let Some(announcement) = announcement {
                say(&announcement);
            }
            line.renew(elapsed, || {
                let state = self.state();
                let counted = if state.work.is_left() { state.work.line(elapsed, self.machine) } else { waiting(elapsed) };
                state
                    .stage
                    .as_ref()
                    .map_or(counted.clone(), |stage| if state.work.is_left() { format!("{counted} · {stage}") } else { stage.clone() })
            });
            thread::sleep(POLL);
        }
    }

    /// Waits until a program ends, and shows its output meanwhile.
    ///
    /// # Errors
    /// [`ToolsError::Cancelled`], and the program is ended; or when that cannot be found out.
    pub(super) fn wait(&self, program: &mut Supervised, mut sees: impl FnMut(&str)) -> Result<std::process::ExitStatus, ToolsError> {
        let mut length = 0;
        loop {
            let status = program.ended().map_err(ToolsError::process)?;
            let output = fs::read(program.log()).unwrap_or_default();
            if output.len() != length {
                length = output.len();
                sees(&String::from_utf8_lossy(&output));
            }
            match status {
                Some(status) => return Ok(status),
                None if self.is_cancelled() => return Err(ToolsError::Cancelled),
                None => thread::sleep(POLL),
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn waiting(elapsed: Duration) -> String {
    format!("at work for {} s", elapsed.as_secs())
}

fn this_machine() -> Machine {
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    // Linux tells how many wait for a core; elsewhere a first estimate is for a machine with nothing else to do.
    let load = fs::read_to_string("/proc/loadavg").ok().and_then(|text| text.split(' ').next()?.parse().ok());
    Machine { cores: f64::from(u32::try_from(cores).unwrap_or(u32::MAX)), load: load.unwrap_or(0.0) }
}
