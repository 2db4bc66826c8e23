//! Many consents at once, on a real API server with the operator's release build; see docs/performance.md.
//!
//! ```text
//! first ─▶ backlog ─▶ raw, before ─▶ create ─▶ raw, after ─▶ idle ─▶ restart ─▶ approve: single, busy, all
//! ```
//!
//! Each phase leaves to the next what it made: the objects, and an operator that runs. A phase may be left out by its variable.
//! Nothing is asserted by the clock; a wrong count makes the exit code 1, after everything was measured.
//!
//! The raw baseline is a bare client that writes what the operator must write for a consent, in the same run, on the same API server:
//! what differs from it is the operator's affair, what does not is the machine's. It is measured right before and right after the
//! creation, so that a machine that others use as well spoils it least.
#![expect(clippy::print_stdout, reason = "the figures are what was asked for")]

mod approve;
mod bench;
mod board;
mod create;
mod heygen;
mod idle;
#[path = "../support/process.rs"]
#[allow(dead_code, reason = "shared with the bench of one consent, which uses more of it")]
mod process;
mod raw;
mod report;
mod restart;
mod settings;
mod sink;
#[path = "../support/stage.rs"]
#[allow(dead_code, reason = "shared with the bench of one consent, which uses more of it")]
mod stage;

use std::time::Duration;

use anyhow::{Context as _, bail};
use bench::Bench;
use report::Report;
use settings::Settings;
use tokio::signal::unix::{SignalKind, signal};

/// After which the run is given up, wherever it is.
const LONGEST: Duration = Duration::from_hours(4);

fn main() -> anyhow::Result<()> {
    if std::env::var_os(heygen::ROLE).is_some() {
        return heygen::serve();
    }
    let settings = Settings::read()?;
    let mut report = Report::new(&settings.as_json());
    let runtime = tokio::runtime::Runtime::new()?;
    if let Err(error) = runtime.block_on(bounded(settings, &mut report)) {
        report.given_up(&error)?;
        return Err(error);
    }
    report.end()
}

/// A signal ends the run as an error does, so that the processes that were started end too.
async fn bounded(settings: Settings, report: &mut Report) -> anyhow::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        outcome = tokio::time::timeout(LONGEST, run(settings, report)) => outcome.context("given up: it took too long")?,
        _ = terminate.recv() => bail!("ended by SIGTERM"),
        _ = interrupt.recv() => bail!("ended by SIGINT"),
    }
}

async fn run(settings: Settings, report: &mut Report) -> anyhow::Result<()> {
    let mut bench = Bench::set(settings, report).await?;
    let (operator, status) = create::first(&mut bench).await?;
    let operator = create::backlog(&mut bench, operator).await?;
    let before = raw::measure(&mut bench, "before", &status).await?;
    let (operator, links) = create::run(&mut bench, operator).await?;
    raw::compare(&mut bench, "before", &links, before.as_ref());
    let after = raw::measure(&mut bench, "after", &status).await?;
    raw::compare(&mut bench, "after", &links, after.as_ref());
    bench.pace(&operator, bench.settings.limit()).await?;
    idle::run(&mut bench, &operator).await?;
    let operator = restart::run(&mut bench, operator).await?;
    approve::single(&mut bench, &operator).await?;
    approve::busy(&mut bench, &operator).await?;
    approve::all(&mut bench, &operator).await?;
    bench.report.phase("requests")?;
    let all = bench.heygen.requests(0, u64::MAX)?;
    for (kind, count) in &all.kinds {
        bench.report.tell(&format!("requests in all: {kind}"), *count as f64);
    }
    let (executed, lost) = (bench.heygen.executed()?, bench.heygen.lost()?);
    bench.report.expect("executed POSTs in all", executed, bench.settings.objects as u64);
    bench.report.expect("requests that were not recorded", lost, 0);
    Ok(())
}
