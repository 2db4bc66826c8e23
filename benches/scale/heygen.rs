//! The simulator as a process of its own: this program again, told what to do by lines of JSON; it ends with its standard input.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use heygen_simulator::{BulkGroups, Effect, Settings, Simulator};
use serde_json::{Value, json};

/// Set in the environment of the process that is the simulator.
pub const ROLE: &str = "TWINCONSENT_BENCH_IS_SIMULATOR";

/// The windows, in seconds, in which requests are counted.
pub const WINDOWS: [u64; 5] = [1, 2, 5, 10, 60];

pub fn serve() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let simulator = runtime.block_on(Simulator::start(Settings { record_capacity: 2_000_000, ..Settings::default() }))?;
    let control = simulator.control();
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
                for at in number("from")..number("to") {
                    control.approve(&format!("g{at:06}"))?;
                }
                json!(null)
            }
            Some("now") => json!(control.clock().real_ms),
            _ => {
                let seen = control.requests_between(Duration::from_millis(number("from")), Duration::MAX);
                let mut kinds = BTreeMap::<String, u64>::new();
                for request in &seen {
                    *kinds.entry(json!(request.kind).as_str().unwrap_or_default().to_owned()).or_default() += 1;
                }
                let arrivals: Vec<u64> = seen.iter().map(|request| request.real_ms).collect();
                let windows: BTreeMap<u64, usize> = WINDOWS.iter().map(|&seconds| (seconds, most(&arrivals, seconds * 1000))).collect();
                let executed = seen.iter().filter(|request| request.effect == Effect::Executed).count();
                json!({ "kinds": kinds, "windows": windows, "executed": executed, "forgotten": control.summary().forgotten })
            }
        };
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

/// The most arrivals within a stretch shorter than `window` milliseconds.
fn most(arrivals: &[u64], window: u64) -> usize {
    let mut first = 0;
    let counts = arrivals.iter().enumerate().map(|(last, arrival)| {
        while arrival - arrivals[first] >= window {
            first += 1;
        }
        last + 1 - first
    });
    counts.max().unwrap_or(0)
}

/// The parent's end.
pub struct HeyGen {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
    pub base_url: String,
}

impl HeyGen {
    pub fn start() -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.env(ROLE, "1").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (to, from) = (child.stdin.take(), BufReader::new(child.stdout.take().context("no output")?));
        let mut heygen = Self { child, to, from, base_url: String::new() };
        heygen.base_url = heygen.answer()?.as_str().context("no address")?.to_owned();
        Ok(heygen)
    }

    pub fn ask(&mut self, question: &Value) -> anyhow::Result<Value> {
        writeln!(self.to.as_mut().context("the simulator has ended")?, "{question}")?;
        self.answer()
    }

    /// The simulator's own time, in milliseconds.
    pub fn now(&mut self) -> anyhow::Result<u64> {
        self.ask(&json!({ "do": "now" }))?.as_u64().context("no time")
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
