//! What is measured, as the environment says.

use std::str::FromStr;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

/// Groups on a page of HeyGen's list.
pub const PAGE: usize = 50;

/// The default interval of routine polls, in seconds.
const INTERVAL: f64 = 60.0;

#[derive(Debug, Clone)]
pub struct Settings {
    pub objects: usize,
    /// The account's limit once all have a link.
    pub rate: u64,
    pub burst: u64,
    /// The account's limit during creation.
    pub create_rate: u64,
    pub create_burst: u64,
    /// Whether all objects are there before the operator starts.
    pub backlog: bool,
    pub idle_minutes: f64,
    pub restart_minutes: f64,
    /// How often a restart is compared with the same list by a bare client.
    pub restarts: usize,
    /// How many are approved one at a time, of each kind.
    pub approvals: usize,
    pub approve_all: bool,
    /// How many objects the bare client writes, each time.
    pub raw_objects: usize,
    /// The account's sinks: none, one that takes everything, or that and a dead one.
    pub sinks: u64,
}

impl Settings {
    pub fn read() -> anyhow::Result<Self> {
        let objects = read("OBJECTS", 10_000)?;
        ensure!((1_000..=100_000).contains(&objects), "TWINCONSENT_BENCH_OBJECTS must be 1000 to 100000");
        let settings = Self {
            objects,
            rate: read("RATE", 600)?,
            burst: read("BURST", 20)?,
            create_rate: read("CREATE_RATE", 60_000)?,
            create_burst: read("CREATE_BURST", 1_000)?,
            backlog: read("BACKLOG", 0)? == 1,
            idle_minutes: read("IDLE_MINUTES", 5.0)?,
            restart_minutes: read("RESTART_MINUTES", 2.0)?,
            restarts: read("RESTARTS", 3)?,
            approvals: read("APPROVALS", 10)?,
            approve_all: read("APPROVE_ALL", 1)? == 1,
            raw_objects: read("RAW_OBJECTS", 5_000.min(objects))?,
            sinks: read("SINKS", 0)?,
        };
        ensure!(settings.approvals <= 100, "TWINCONSENT_BENCH_APPROVALS must be 0 to 100");
        ensure!(settings.raw_objects <= 100_000, "TWINCONSENT_BENCH_RAW_OBJECTS must be 0 to 100000");
        ensure!((0.0..=60.0).contains(&settings.idle_minutes), "TWINCONSENT_BENCH_IDLE_MINUTES must be 0 to 60");
        ensure!((0.0..=60.0).contains(&settings.restart_minutes), "TWINCONSENT_BENCH_RESTART_MINUTES must be 0 to 60");
        ensure!(settings.restarts <= 20, "TWINCONSENT_BENCH_RESTARTS must be 0 to 20");
        ensure!(settings.sinks <= 2, "TWINCONSENT_BENCH_SINKS must be 0, 1 or 2");
        Ok(settings)
    }

    pub fn pages(&self) -> usize {
        self.objects.div_ceil(PAGE)
    }

    /// How long it takes until each has been polled once, in seconds: the interval, or longer if the budget does not suffice.
    pub fn round(&self) -> f64 {
        INTERVAL.max(self.pages() as f64 * 60.0 / self.rate as f64)
    }

    /// The account during creation.
    pub fn create_limit(&self) -> Value {
        json!({ "rateLimit": { "requestsPerMinute": self.create_rate, "burst": self.create_burst } })
    }

    /// The account once all have a link.
    pub fn limit(&self) -> Value {
        json!({ "rateLimit": { "requestsPerMinute": self.rate, "burst": self.burst } })
    }

    pub fn as_json(&self) -> Value {
        // Without `..`, so that a new field cannot be forgotten here.
        let Self {
            objects,
            rate,
            burst,
            create_rate,
            create_burst,
            backlog,
            idle_minutes,
            restart_minutes,
            restarts,
            approvals,
            approve_all,
            raw_objects,
            sinks,
        } = self;
        json!({
            "objects": objects, "rate": rate, "burst": burst, "createRate": create_rate, "createBurst": create_burst, "backlog": backlog,
            "idleMinutes": idle_minutes, "restartMinutes": restart_minutes, "restarts": restarts, "approvals": approvals,
            "approveAll": approve_all, "rawObjects": raw_objects, "sinks": sinks,
        })
    }
}

fn read<T: FromStr>(name: &str, default: T) -> anyhow::Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let name = format!("TWINCONSENT_BENCH_{name}");
    std::env::var(&name).map_or(Ok(default), |text| text.parse().with_context(|| format!("{name} must be a number, not {text:?}")))
}
