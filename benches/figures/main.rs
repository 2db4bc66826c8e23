//! The figures of docs/performance.md: latency, start, memory and writes, on a real API server with the operator's release build.
//!
//! Everything is measured in one run and printed beside its raw cost on the same machine, because milliseconds of different machines
//! cannot be compared.
//! Nothing is asserted by the clock, and nothing is written into the repository.
//!
//! Rejected: criterion. It repeats one small function; here are whole processes whose state grows with every sample.
#![expect(clippy::print_stdout, reason = "the figures are what was asked for")]

mod latency;
mod scale;
mod support;

use anyhow::Context as _;

/// How many consents the latency is measured on.
const CONSENTS: &str = "TWINCONSENT_BENCH_CONSENTS";

/// How many idle objects memory and processor time are measured with.
const OBJECTS: &str = "TWINCONSENT_BENCH_OBJECTS";

fn main() -> anyhow::Result<()> {
    let (consents, objects) = (number(CONSENTS, 500)?, number(OBJECTS, 10_000)?);
    let runtime = tokio::runtime::Runtime::new()?;
    if consents > 0 {
        runtime.block_on(latency::measure(consents))?;
    }
    if objects > 0 {
        runtime.block_on(scale::measure(objects))?;
    }
    Ok(())
}

fn number(variable: &str, default: usize) -> anyhow::Result<usize> {
    std::env::var(variable).map_or(Ok(default), |text| text.parse().with_context(|| format!("{variable} must be a whole number")))
}
