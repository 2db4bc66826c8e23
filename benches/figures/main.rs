//! One consent, of docs/performance.md: latency, start and writes, on a real API server with the operator's release build.
//!
//! Everything is measured in one run and printed beside its raw cost on the same machine, because milliseconds of different machines
//! cannot be compared.
//! Nothing is asserted by the clock, and nothing is written into the repository.
//!
//! Rejected: criterion. It repeats one small function; here are whole processes whose state grows with every sample.
//! Many consents are measured by the bench `scale`.
#![expect(clippy::print_stdout, reason = "the figures are what was asked for")]

mod latency;
#[path = "../support/process.rs"]
#[allow(dead_code, reason = "shared with the bench of many consents, which uses more of it")]
mod process;
#[path = "../support/stage.rs"]
#[allow(dead_code, reason = "shared with the bench of many consents, which uses more of it")]
mod stage;
mod start;

use anyhow::Context as _;

/// How many consents are measured.
const CONSENTS: &str = "TWINCONSENT_BENCH_CONSENTS";

/// How many starts are measured.
const STARTS: &str = "TWINCONSENT_BENCH_STARTS";

fn main() -> anyhow::Result<()> {
    let (consents, starts) = (read(CONSENTS, 500)?, read(STARTS, 20)?);
    tokio::runtime::Runtime::new()?.block_on(async {
        start::measure(starts).await?;
        if consents > 0 { latency::measure(consents).await } else { Ok(()) }
    })
}

fn read(name: &str, default: usize) -> anyhow::Result<usize> {
    std::env::var(name).map_or(Ok(default), |text| text.parse().with_context(|| format!("{name} must be a whole number")))
}
