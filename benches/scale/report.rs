//! The figures: a table on standard output, and JSON in Cargo's target folder.

use std::path::PathBuf;

use anyhow::ensure;
use serde_json::{Map, Value, json};

use crate::process::{Memory, Process, Spread};

pub struct Report {
    document: Value,
    phase: String,
    wrong: Vec<String>,
    path: PathBuf,
}

impl Report {
    pub fn new(settings: &Value) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("scale.json");
        Self { document: json!({ "settings": settings, "phases": {} }), phase: String::new(), wrong: Vec::new(), path }
    }

    /// What comes now belongs to this phase; what was measured before is safe.
    pub fn phase(&mut self, name: &str) -> anyhow::Result<()> {
        self.save()?;
        println!("\n{name}");
        name.clone_into(&mut self.phase);
        self.document["phases"][name] = Value::Object(Map::new());
        Ok(())
    }

    /// A row of the table.
    pub fn tell(&mut self, what: &str, figure: f64) {
        println!("  {what:<64} {figure:>10.2}");
        self.keep(what, json!(figure));
    }

    /// A row that is counted and not measured: another count than `wanted` is wrong.
    pub fn expect(&mut self, what: &str, seen: u64, wanted: u64) {
        let verdict = if seen == wanted { "as expected".to_owned() } else { format!("WRONG, expected {wanted}") };
        println!("  {what:<64} {seen:>10} {verdict}");
        self.keep(what, json!(seen));
        if seen != wanted {
            self.wrong.push(format!("{}: {what}: {seen} instead of {wanted}", self.phase));
        }
    }

    pub fn spread(&mut self, what: &str, spread: &Spread) {
        let Spread { median, p95, highest } = spread;
        println!("  {what:<64} {median:>10.1} median, {p95:.1} p95, {highest:.1} at most");
        self.keep(what, json!({ "median": median, "p95": p95, "highest": highest }));
    }

    pub fn memory(&mut self, what: &str, process: Process) -> anyhow::Result<()> {
        let Memory { now, peak } = process.memory()?;
        println!("  {:<64} {now:>10.1} at its highest {peak:.1}", format!("{what}, resident memory, MiB"));
        self.keep(&format!("{what}, resident memory, MiB"), json!({ "now": now, "highest": peak }));
        Ok(())
    }

    /// Something for the JSON that has its own form on standard output.
    pub fn keep(&mut self, what: &str, value: Value) {
        self.document["phases"][self.phase.as_str()][what] = value;
    }

    /// That the run ended early, and why.
    pub fn given_up(&mut self, error: &anyhow::Error) -> anyhow::Result<()> {
        self.document["givenUp"] = json!(format!("{error:#}"));
        self.save()?;
        println!("\nwhat was measured until then is written to {}", self.path.display());
        for wrong in &self.wrong {
            println!("wrong count: {wrong}");
        }
        Ok(())
    }

    /// Writes the JSON and says where.
    ///
    /// # Errors
    /// When a count was wrong.
    pub fn end(&mut self) -> anyhow::Result<()> {
        self.save()?;
        println!("\nwritten to {}", self.path.display());
        ensure!(self.wrong.is_empty(), "wrong counts:\n  {}", self.wrong.join("\n  "));
        println!("every count is as expected");
        Ok(())
    }

    fn save(&mut self) -> anyhow::Result<()> {
        self.document["wrong"] = json!(self.wrong);
        Ok(std::fs::write(&self.path, serde_json::to_vec_pretty(&self.document)?)?)
    }
}
