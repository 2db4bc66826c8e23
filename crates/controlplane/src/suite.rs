//! Runs suites of tests in lanes, one beside the other, and tells how far they are, what failed, and how that is run again.

mod report;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use report::Report;

use crate::Error;
use crate::progress::{Line, say};
use crate::supervisor::Supervised;
use crate::tools::{is_interrupted, spoken};

/// How often the lanes are asked how far they are.
const POLL: Duration = Duration::from_millis(200);

/// How long all tests take, as measured on 2 cores; on this machine, the last whole run tells.
const USUAL: Duration = Duration::from_secs(20 * 60);

/// The names of lanes, which are those of their logs.
const NAMES: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];

/// How many lanes there may be.
pub const MOST_LANES: usize = NAMES.len();

/// What is run.
#[derive(Debug)]
pub struct Suite {
    /// A folder for the logs, and for the time that a whole run took.
    pub dir: PathBuf,
    /// A shell command for each lane.
    pub lanes: Vec<String>,
    /// How many tests there are.
    pub all: u32,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All passed.
    Green,
    /// Some failed, or could not be run.
    Red,
    /// The caller has stopped it.
    Interrupted,
}

/// How long all tests take on this machine, in words.
pub fn usual(dir: &Path) -> String {
    match last(dir) {
        Some(time) => format!("{}, as the last time", spoken(time)),
        None => format!("{}, as on 2 cores with little else to do", spoken(USUAL)),
    }
}

fn record(dir: &Path) -> PathBuf {
    dir.join("seconds")
}

fn last(dir: &Path) -> Option<Duration> {
    fs::read_to_string(record(dir)).ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// How many tests those executables hold that `cargo test --no-run` named, but for those of suites that do not run.
///
/// # Errors
/// When one of them cannot be run.
pub fn count(named: &str, without: &[String]) -> Result<u32, Error> {
    let mut all = 0;
    for path in report::executables(named, without) {
        let output = Command::new(path).args(["--list", "--format", "terse"]).output().map_err(Error::io("run", Path::new(path)))?;
        all += report::listed(&String::from_utf8_lossy(&output.stdout));
    }
    Ok(all)
}

impl Suite {
    /// Runs all lanes to their ends, and prints the summary on stdout.
    ///
    /// Without a terminal the first lane's output is shown while it comes, and that of the others after it; on a terminal a line tells
    /// how far they are, and the output is shown only if something failed. All of it stands in the logs.
    ///
    /// # Errors
    /// When a lane cannot be started or watched, or a log not be written.
    pub fn run(&self) -> Result<Outcome, Error> {
        fs::create_dir_all(&self.dir).map_err(Error::io("make the folder", &self.dir))?;
        let usual = last(&self.dir).unwrap_or(USUAL);
        let here = std::env::current_dir().map_err(Error::io("find", Path::new(".")))?;
        let began = Instant::now();
        let mut lanes = Vec::new();
        for (name, command) in NAMES.into_iter().zip(&self.lanes) {
            let log = self.dir.join(format!("{name}.log"));
            fs::write(&log, "").map_err(Error::io("empty", &log))?;
            let arguments = ["-c".to_owned(), command.clone()];
            lanes.push(Supervised::start_group(name, Path::new("sh"), &arguments, &self.dir, |command| {
                command.current_dir(&here);
            })?);
        }
        let (broken, interrupted) = self.watch(&mut lanes, began, usual)?;
        // Whatever still runs ends here.
        let logs: Vec<PathBuf> = lanes.iter().map(|lane| lane.log().to_path_buf()).collect();
        drop(lanes);
        let outputs: Vec<Vec<u8>> = logs.iter().map(|log| read(log)).collect();
        let report = of_all(&outputs);
        let green = !interrupted && report.is_green(broken);
        if shows_all() || !green && !interrupted {
            // The first lane's was shown while it came. Go's lines about each row are worth reading only when one fails.
            let shown =
                outputs.iter().skip(usize::from(shows_all())).filter(|output| report::is_worth_reading(&String::from_utf8_lossy(output)));
            shown.for_each(|output| print(output));
        }
        if interrupted {
            say(&format!("interrupted after {} of {} tests. What was compiled is kept; the tests begin anew", report.done, self.all));
        }
        let names: Vec<String> = logs.iter().map(|log| log.display().to_string()).collect();
        say(&format!("took {} s; the whole output is in {}", began.elapsed().as_secs(), names.join(" ")));
        print(report.summary(broken).as_bytes());
        if interrupted {
            return Ok(Outcome::Interrupted);
        }
        let seconds = began.elapsed().as_secs().to_string();
        fs::write(record(&self.dir), seconds).map_err(Error::io("write", &record(&self.dir)))?;
        Ok(if green { Outcome::Green } else { Outcome::Red })
    }

    /// Until all have ended: whether one has failed, and whether it was interrupted.
    fn watch(&self, lanes: &mut [Supervised], began: Instant, usual: Duration) -> Result<(bool, bool), Error> {
        let mut line = Line::new();
        let (mut printed, mut reported, mut length, mut report) = (0, 0, 0, Report::default());
        loop {
            let statuses = lanes.iter_mut().map(Supervised::ended).collect::<Result<Vec<_>, _>>()?;
            let outputs: Vec<Vec<u8>> = lanes.iter().map(|lane| read(lane.log())).collect();
            let grown = outputs.iter().map(Vec::len).sum();
            if grown != length {
                length = grown;
                report = of_all(&outputs);
            }
            if shows_all() {
                print(&outputs[0][printed..]);
                printed = outputs[0].len();
            }
            for failure in report.failures.iter().skip(reported) {
                reported += 1;
                say(&format!("FAILED {}", failure.name));
            }
            if statuses.iter().all(Option::is_some) {
                return Ok((statuses.iter().flatten().any(|status| !status.success()), false));
            }
            if is_interrupted() {
                return Ok((false, true));
            }
            let elapsed = began.elapsed();
            line.renew(elapsed, || {
                let left = report::left(report.done, self.all, elapsed, usual);
                report.line(self.all, &spoken(left).replace("about ", "~"))
            });
            thread::sleep(POLL);
        }
    }
}

/// Whether there is no terminal, but a log that is read later.
fn shows_all() -> bool {
    !crate::progress::is_terminal()
}

fn of_all(outputs: &[Vec<u8>]) -> Report {
    outputs.iter().map(|output| Report::of(&String::from_utf8_lossy(output))).fold(Report::default(), Report::and)
}

fn read(log: &Path) -> Vec<u8> {
    fs::read(log).unwrap_or_default()
}

fn print(text: &[u8]) {
    // A closed stdout must not stop the work.
    let _ = io::stdout().lock().write_all(text);
}
