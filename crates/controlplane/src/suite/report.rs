//! Pure: what the output of cargo's and Go's tests says: how many are done, which failed, and how they are run again.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

/// How many lines of a panic are shown at the end, and how much of each.
const WHY: (usize, usize) = (6, 400);

/// Begins the line in front of Go's tests that names their folder.
pub(super) const GO: &str = "== Go: ";

/// A test that failed, or a suite that ended without naming one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) name: String,
    /// The command that runs it again.
    pub(super) again: String,
    /// What it said of that, as far as its output tells: the first lines of a panic.
    pub(super) why: Vec<String>,
}

/// What became of the tests so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) passed: u32,
    pub(super) failed: u32,
    pub(super) skipped: u32,
    /// How many tests of cargo have ended; also those of suites that are still at it.
    pub(super) done: u32,
    pub(super) failures: Vec<Failure>,
}

impl Report {
    /// Reads the output of one lane; ends of lines may be missing while it runs.
    pub(super) fn of(output: &str) -> Report {
        let mut report = Report::default();
        let mut folder = "";
        // Those of the suite at hand: cargo says only at its end how it is run again.
        let mut names: Vec<&str> = Vec::new();
        // The list of names before the numbers: the words of a test may stand in the middle of the line that tells its outcome.
        let mut list: Option<Vec<&str>> = None;
        let mut running = 0;
        let mut panics = Panics::default();
        for line in output.lines() {
            panics.read(line);
            let listed = line.strip_prefix("    ").filter(|name| !name.starts_with(' '));
            if line == "failures:" {
                list = Some(Vec::new());
            } else if let Some((list, name)) = list.as_mut().zip(listed) {
                list.push(name);
            } else if !line.is_empty() && !line.starts_with("test result:") {
                list = None;
            }
            if let Some(rest) = line.strip_prefix(GO) {
                folder = rest.split_whitespace().next().unwrap_or_default();
            } else if let Some(rest) = line.strip_prefix("test result:") {
                report.add(rest);
                running = 0;
                for name in list.take().unwrap_or_default() {
                    if !names.contains(&name) {
                        names.push(name);
                    }
                }
            } else if let Some((name, outcome)) = line.strip_prefix("test ").and_then(|rest| rest.rsplit_once(" ... ")) {
                let word = outcome.split([' ', ',']).next().unwrap_or_default();
                running += u32::from(["ok", "FAILED", "ignored"].contains(&word));
                if word == "FAILED" {
                    names.push(name.trim_end_matches(" - should panic"));
                }
            } else if let Some(rest) = line.split_once("to rerun pass `").map(|(_, rest)| rest) {
                report.flush(rest.split('`').next().unwrap_or_default(), &std::mem::take(&mut names));
            } else if let Some((outcome, rest)) = line.trim_start().strip_prefix("--- ").and_then(|rest| rest.split_once(": ")) {
                report.go(outcome, rest.split_whitespace().next().unwrap_or_default(), folder);
            }
        }
        report.done += running;
        // Whatever cargo would say of them, it has not yet.
        report.flush("", &names);
        for failure in &mut report.failures {
            failure.why = panics.of(failure.name.rsplit_once(": ").map_or(failure.name.as_str(), |(_, name)| name));
        }
        report
    }

    /// The numbers of a line `ok. 3 passed; 0 failed; 0 ignored; …`.
    fn add(&mut self, counts: &str) {
        for part in counts.split(['.', ';']) {
            let mut words = part.split_whitespace();
            let (Some(Ok(number)), Some(what)) = (words.next().map(str::parse::<u32>), words.next()) else { continue };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.skipped += number,
                _ => continue,
            }
            self.done += number;
        }
    }

    fn go(&mut self, outcome: &str, name: &str, folder: &str) {
        match outcome {
            "PASS" => self.passed += 1,
            "SKIP" => self.skipped += 1,
            "FAIL" => {
                self.failed += 1;
                let pattern: Vec<String> = name.split('/').map(|part| format!("^{}$", escaped(part))).collect();
                let again = format!("(cd {folder} && CGO_ENABLED=0 GOWORK=off go test -run '{}' ./...)", pattern.join("/"));
                self.failures.push(Failure { name: format!("{folder}: {name}"), again, why: Vec::new() });
            }
            _ => {}
        }
    }

    fn flush(&mut self, suite: &str, names: &[&str]) {
        let cargo = format!("cargo test --locked {suite}");
        let of = if suite.is_empty() { String::new() } else { format!("{suite}: ") };
        let named = |name: &&str| {
            // Documentation's tests are named by a path and a line, and are found by a part of it.
            let exact = if name.contains(" - ") { "" } else { "--exact " };
            Failure { name: format!("{of}{name}"), again: format!("{} -- {exact}'{name}'", cargo.trim_end()), why: Vec::new() }
        };
        self.failures.extend(names.iter().map(named));
        if names.is_empty() && !suite.is_empty() {
            self.failures.push(Failure { name: format!("{suite}: ended before it told of its tests"), again: cargo, why: Vec::new() });
        }
    }

    /// Both together.
    pub(super) fn and(mut self, other: Report) -> Report {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.done += other.done;
        self.failures.extend(other.failures);
        self
    }

    /// What is shown meanwhile, of so many tests in all.
    pub(super) fn line(&self, all: u32, left: &str) -> String {
        let percent = (self.done.min(all) * 100).checked_div(all).unwrap_or(0);
        let failed = if self.failures.is_empty() { String::new() } else { format!(" · {} FAILED", self.failures.len()) };
        format!("{percent} % · {} of {all} tests{failed} · {left} left", self.done)
    }

    /// What is shown at the end; its last line is for machines, too.
    pub(super) fn summary(&self, broken: bool) -> String {
        let mut text = String::new();
        for Failure { name, again, why } in &self.failures {
            let _ = write!(text, "FAILED  {name}\n        {again}\n");
            for line in why {
                let _ = writeln!(text, "        > {line}");
            }
        }
        if broken && self.failures.is_empty() {
            text += "The tests could not be built or run: see above.\n";
        }
        if self.passed == 0 {
            text += "No test ran.\n";
        }
        let _ = writeln!(text, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped);
        text
    }

    /// Whether all is well.
    pub(super) fn is_green(&self, broken: bool) -> bool {
        !broken && self.failed == 0 && self.failures.is_empty() && self.passed > 0
    }
}

/// The first lines of each panic, by the thread, which has the name of its test.
#[derive(Default)]
struct Panics<'a> {
    first: HashMap<&'a str, Vec<&'a str>>,
    thread: Option<&'a str>,
}

impl<'a> Panics<'a> {
    fn read(&mut self, line: &'a str) {
        let thread = line.strip_prefix("thread '").filter(|rest| rest.contains("panicked at ")).and_then(|rest| rest.split('\'').next());
        if let Some(thread) = thread {
            // Of several, the first tells why.
            self.thread = (!self.first.contains_key(thread)).then_some(thread);
        } else if line.starts_with("stack backtrace:") || line.starts_with("note: run with") || line.is_empty() {
            self.thread = None;
        }
        if let Some(lines) = self.thread.map(|thread| self.first.entry(thread).or_default()).filter(|lines| lines.len() < WHY.0) {
            lines.push(line);
        }
    }

    fn of(&self, test: &str) -> Vec<String> {
        let lines = self.first.get(test).map(Vec::as_slice).unwrap_or_default();
        lines.iter().map(|line| line.chars().take(WHY.1).collect()).collect()
    }
}

/// Whether the output of a whole lane is shown: that of Go only if something failed.
pub(super) fn is_worth_reading(output: &str) -> bool {
    !output.starts_with(GO) || !Report::of(output).is_green(output.contains("\nFAIL"))
}

/// How many tests `--list --format terse` names.
pub(super) fn listed(output: &str) -> u32 {
    u32::try_from(output.lines().filter(|line| line.ends_with(": test")).count()).unwrap_or(u32::MAX)
}

/// A name of a test as a regular expression of Go that means nothing else.
fn escaped(name: &str) -> String {
    name.chars().fold(String::new(), |mut escaped, character| {
        if character.is_ascii_punctuation() && character != '_' {
            escaped.push('\\');
        }
        escaped.push(character);
        escaped
    })
}

/// The executables that `cargo test --no-run` names, but for those of suites that do not run.
pub(super) fn executables<'a>(output: &'a str, without: &[String]) -> Vec<&'a str> {
    let lines = output.lines().filter_map(|line| line.trim_start().strip_prefix("Executable "));
    lines
        .filter_map(|line| line.rsplit_once('(')?.1.strip_suffix(')'))
        .filter(|path| {
            let file = path.rsplit('/').next().unwrap_or_default();
            let suite = file.rsplit_once('-').map_or(file, |(suite, _)| suite);
            !without.iter().any(|other| other == suite)
        })
        .collect()
}

/// How long the rest takes when so many of all tests are done after so long, and all usually take so long.
///
/// Tests mostly wait, and some wait long: what is usual counts at first, and what is seen counts in the end.
pub(super) fn left(done: u32, all: u32, elapsed: Duration, usual: Duration) -> Duration {
    let done = f64::from(done.min(all).max(1));
    let part = done / f64::from(all.max(1));
    let by_usual = usual.saturating_sub(elapsed).as_secs_f64();
    let by_pace = elapsed.as_secs_f64() * (1.0 - part) / part;
    Duration::from_secs_f64(by_usual * (1.0 - part) + by_pace * part)
}

#[cfg(test)]
mod tests;
