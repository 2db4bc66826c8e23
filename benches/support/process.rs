//! What the system tells about a process.

use std::fs;
use std::time::Duration;

use anyhow::Context as _;

/// Clock ticks a second in `/proc/…/stat`: 100 on every Linux of today.
const TICKS: f64 = 100.0;

/// A process that runs.
#[derive(Debug, Clone, Copy)]
pub struct Process(pub u32);

/// Resident memory, in MiB.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    pub now: f64,
    /// Since the process began, or since [`Process::forget_peak`].
    pub peak: f64,
}

impl Process {
    pub fn own() -> Self {
        Self(std::process::id())
    }

    pub fn memory(self) -> anyhow::Result<Memory> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).context("a process has ended")?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kibibytes = line.and_then(|rest| rest.trim_matches([':', ' ', '\t', 'k', 'B']).parse::<f64>().ok());
            kibibytes.map(|kibibytes| kibibytes / 1024.0).with_context(|| format!("no {name} in /proc"))
        };
        Ok(Memory { now: field("VmRSS")?, peak: field("VmHWM")? })
    }

    /// Lets the peak begin anew; says whether the system allowed it.
    pub fn forget_peak(self) -> bool {
        fs::write(format!("/proc/{}/clear_refs", self.0), "5").is_ok()
    }

    /// Processor time used so far, in seconds.
    pub fn processor(self) -> anyhow::Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).context("a process has ended")?;
        // The name, in parentheses, may contain anything; user and system time are the 12th and 13th field after it.
        let rest = stat.rsplit(')').next().unwrap_or_default();
        Ok(rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / TICKS)
    }
}

/// Median, 95th percentile and highest of some samples, in milliseconds.
pub struct Spread {
    pub median: f64,
    pub p95: f64,
    pub highest: f64,
}

impl Spread {
    pub fn of(mut samples: Vec<Duration>) -> Self {
        samples.sort_unstable();
        let milliseconds = |sample: Option<&Duration>| sample.map_or(f64::NAN, |sample| sample.as_secs_f64() * 1000.0);
        let at = |part: usize| milliseconds(samples.get(samples.len() * part / 100));
        Self { median: at(50), p95: at(95), highest: milliseconds(samples.last()) }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:6.1} ms median, {:6.1} ms p95", self.median, self.p95)
    }
}
