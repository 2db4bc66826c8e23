//! The simulator as a process of its own: this program again, told what to do by lines of JSON; it ends with its standard input.
//!
//! Of each request only its time and kind are kept, a few bytes: the simulator's own record of a whole run would be hundreds of
//! megabytes, so it keeps the last seconds and is read every [`READ`].

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use heygen_simulator::{BulkGroups, Control, PathKind, Settings, Simulator};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::board::name;
use crate::process::Process;

/// Set in the environment of the process that is the simulator.
pub const ROLE: &str = "TWINCONSENT_BENCH_IS_SIMULATOR";

/// The windows, in seconds, in which requests are counted.
pub const WINDOWS: [u64; 5] = [1, 2, 5, 10, 60];

/// How often the simulator's record is read.
const READ: Duration = Duration::from_millis(200);

/// How many requests the simulator's record holds: more than come between two readings by far.
const RECORD: usize = 50_000;

/// Requests in a stretch of time.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Requests {
    pub total: u64,
    pub kinds: BTreeMap<String, u64>,
    /// The most in any window of so many seconds.
    pub most: BTreeMap<u64, u64>,
}

impl Requests {
    pub fn of(&self, kind: &str) -> u64 {
        self.kinds.get(kind).copied().unwrap_or(0)
    }
}

pub fn serve() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let simulator = runtime.block_on(Simulator::start(Settings { record_capacity: RECORD, ..Settings::default() }))?;
    let control = simulator.control();
    let log = Arc::new(Mutex::new(Log::default()));
    let (reader, written) = (control.clone(), Arc::clone(&log));
    runtime.spawn(async move {
        loop {
            tokio::time::sleep(READ).await;
            lock(&written).read(&reader);
        }
    });
    println!("{}", json!(simulator.base_url()));
    for line in std::io::stdin().lock().lines() {
        let asked: Value = serde_json::from_str(&line?)?;
        let number = |field: &str| asked[field].as_u64().unwrap_or(0);
        let answer = match asked["do"].as_str() {
            Some("groups") => {
                let count = usize::try_from(number("count"))?;
                json!(control.create_groups(&BulkGroups { account: None, prefix: "g".to_owned(), count })?)
            }
            Some("approve") => {
                for object in number("from")..number("to") {
                    control.approve(&name(usize::try_from(object)?))?;
                }
                json!(null)
            }
            Some("now") => json!(control.clock().real_ms),
            Some("executed") => json!(control.summary().executed),
            Some("lost") => json!(lock(&log).lost),
            _ => {
                let mut log = lock(&log);
                log.read(&control);
                json!(log.between(number("from"), number("to")))
            }
        };
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

/// The requests so far, in the order of their arrival.
#[derive(Default)]
struct Log {
    arrivals: Vec<(u32, PathKind)>,
    next: u64,
    /// Requests that the simulator forgot before they were read.
    lost: u64,
}

impl Log {
    fn read(&mut self, control: &Control) {
        for request in control.requests_since(self.next) {
            self.lost += request.sequence - self.next;
            self.next = request.sequence + 1;
            self.arrivals.push((u32::try_from(request.real_ms).unwrap_or(u32::MAX), request.kind));
        }
    }

    /// The requests from the one time to before the other, in the simulator's milliseconds.
    fn between(&self, from: u64, to: u64) -> Requests {
        let at = |limit: u64| self.arrivals.partition_point(|(arrival, _)| u64::from(*arrival) < limit);
        let seen = &self.arrivals[at(from)..at(to).max(at(from))];
        let mut requests = Requests { total: seen.len() as u64, ..Requests::default() };
        for (_, kind) in seen {
            *requests.kinds.entry(json!(kind).as_str().unwrap_or_default().to_owned()).or_default() += 1;
        }
        requests.most = WINDOWS.iter().map(|&seconds| (seconds, most(seen, seconds * 1000))).collect();
        requests
    }
}

fn lock(log: &Mutex<Log>) -> MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The most arrivals within a stretch shorter than `window` milliseconds.
fn most(seen: &[(u32, PathKind)], window: u64) -> u64 {
    let mut first = 0;
    let counts = seen.iter().enumerate().map(|(last, (arrival, _))| {
        while u64::from(arrival.saturating_sub(seen[first].0)) >= window {
            first += 1;
        }
        last + 1 - first
    });
    counts.max().unwrap_or(0) as u64
}

/// The parent's end.
pub struct HeyGen {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
    pub base_url: String,
}

impl HeyGen {
    pub fn start(groups: usize) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.env(ROLE, "1").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (to, from) = (child.stdin.take(), BufReader::new(child.stdout.take().context("no output")?));
        let mut heygen = Self { child, to, from, base_url: String::new() };
        heygen.base_url = heygen.answer()?.as_str().context("no address")?.to_owned();
        heygen.ask(&json!({ "do": "groups", "count": groups }))?;
        Ok(heygen)
    }

    /// The simulator's own time, in milliseconds.
    pub fn now(&mut self) -> anyhow::Result<u64> {
        self.number("now")
    }

    /// How many POSTs have made a link.
    pub fn executed(&mut self) -> anyhow::Result<u64> {
        self.number("executed")
    }

    /// How many requests are missing in what [`Self::requests`] says.
    pub fn lost(&mut self) -> anyhow::Result<u64> {
        self.number("lost")
    }

    /// What arrived from the one time to before the other.
    pub fn requests(&mut self, from: u64, to: u64) -> anyhow::Result<Requests> {
        Ok(serde_json::from_value(self.ask(&json!({ "from": from, "to": to }))?)?)
    }

    /// Lets the persons of these objects consent.
    pub fn approve(&mut self, objects: std::ops::Range<usize>) -> anyhow::Result<()> {
        self.ask(&json!({ "do": "approve", "from": objects.start, "to": objects.end }))?;
        Ok(())
    }

    pub fn process(&self) -> Process {
        Process(self.child.id())
    }

    fn number(&mut self, what: &str) -> anyhow::Result<u64> {
        self.ask(&json!({ "do": what }))?.as_u64().context("no number")
    }

    fn ask(&mut self, question: &Value) -> anyhow::Result<Value> {
        writeln!(self.to.as_mut().context("the simulator has ended")?, "{question}")?;
        self.answer()
    }

    fn answer(&mut self) -> anyhow::Result<Value> {
        let mut line = String::new();
        ensure!(self.from.read_line(&mut line)? > 0, "the simulator has ended");
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for HeyGen {
    fn drop(&mut self) {
        drop(self.to.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
