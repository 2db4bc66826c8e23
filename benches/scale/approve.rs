//! Approval to `Ready=True`: single ones, by routine polls and by the annotation, also while routine polls use the whole budget; then all.

use std::time::Duration;

use anyhow::Context as _;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use crate::bench::Bench;
use crate::board::{self, name};
use crate::process::Spread;
use crate::settings::Settings;
use crate::stage::{NAMESPACE, Operator};

/// A scan of the list that is to keep the account busy takes so many seconds: longer than the interval that a consent has grown to.
const BUSY_SCAN: u64 = 40;

/// The most single approvals while the account is busy.
const BUSY_APPROVALS: usize = 5;

/// How long the account may take to be busy.
const BUSY_AFTER: Duration = Duration::from_secs(90);

/// An object that was approved, and when.
struct Approved {
    object: usize,
    at: Duration,
}

/// Approvals spread over the interval of the polls and over the list, of which every second one is annotated too.
pub async fn single(bench: &mut Bench<'_>, operator: &Operator) -> anyhow::Result<()> {
    let approvals = bench.settings.approvals;
    if approvals == 0 {
        return Ok(());
    }
    bench.report.phase("single approvals")?;
    let (began, step) = (Instant::now(), bench.settings.round() / (2 * approvals) as f64);
    let (ready, writes) = (bench.board.ready(), bench.writes(operator).await?);
    let (mut polled, mut annotated) = (Vec::new(), Vec::new());
    for number in 0..2 * approvals {
        sleep_until(began + Duration::from_secs_f64(step * number as f64)).await;
        if number % 2 == 0 {
            polled.push(approve(bench, number)?);
        } else {
            let approved = approve(bench, number)?;
            annotate(bench, approved.object).await?;
            annotated.push(approved);
        }
    }
    board::until("approved and ready", ready + 2 * approvals, || bench.board.ready()).await?;
    tell(bench, "by a routine poll, ms", &polled);
    tell(bench, "with requestedAt, ms", &annotated);
    let writes = bench.writes(operator).await? - writes;
    bench.report.tell("status writes an approval, half of them annotated", writes as f64 / (2 * approvals) as f64);
    Ok(())
}

/// Annotated approvals while more polls are due than the budget allows.
pub async fn busy(bench: &mut Bench<'_>, operator: &Operator) -> anyhow::Result<()> {
    let approvals = bench.settings.approvals.min(BUSY_APPROVALS);
    if approvals == 0 {
        return Ok(());
    }
    bench.report.phase("single approvals while routine polls use the whole budget")?;
    let rate = (bench.settings.pages() as u64 * 60).div_ceil(BUSY_SCAN).min(bench.settings.rate);
    let mut account = Settings { rate, ..bench.settings.clone() }.limit();
    account["polling"] = json!({ "interval": "1s", "minimum": "1s" });
    bench.pace(operator, account).await?;
    let (began, from) = (Instant::now(), bench.heygen.now()?);
    let mut seen = 0.0;
    // Of what ten seconds give, nine tenths.
    let wanted = rate as f64 / 6.0 * 0.9;
    while seen < wanted && began.elapsed() < BUSY_AFTER {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let now = bench.heygen.now()?;
        seen = bench.heygen.requests(from.max(now.saturating_sub(10_000)), now)?.total as f64;
    }
    bench.report.tell("the budget, requests a second", rate as f64 / 60.0);
    bench.report.tell("used by routine polls, requests a second", seen / 10.0);
    let mut annotated = Vec::new();
    for number in 0..approvals {
        let ready = bench.board.ready();
        let approved = approve(bench, 2 * bench.settings.approvals + number)?;
        annotate(bench, approved.object).await?;
        annotated.push(approved);
        board::until("approved and ready", ready + 1, || bench.board.ready()).await?;
    }
    tell(bench, "with requestedAt, ms", &annotated);
    bench.pace(operator, bench.settings.limit()).await
}

/// All that are left, at once.
pub async fn all(bench: &mut Bench<'_>, operator: &Operator) -> anyhow::Result<()> {
    if !bench.settings.approve_all {
        return Ok(());
    }
    bench.report.phase("all approved at once")?;
    let objects = bench.settings.objects;
    let left = objects - bench.board.ready();
    let (writes, events) = (bench.writes(operator).await?, bench.events().await?);
    let process = operator.process();
    let used = process.processor()?;
    if !process.forget_peak() {
        println!("  the system does not let the highest memory begin anew: it is since the start of the process");
    }
    let taken = bench.sink.taken();
    bench.heygen.approve(0..objects)?;
    let began = Instant::now();
    board::until("ready", objects, || bench.board.ready()).await?;
    let took = began.elapsed().as_secs_f64();
    bench.report.tell("all ready after, s", took);
    bench.report.tell("ready a second", left as f64 / took);
    if bench.settings.sinks > 0 {
        let taken = taken + left as u64;
        board::until("taken by the sink", usize::try_from(taken)?, || usize::try_from(bench.sink.taken()).unwrap_or(usize::MAX)).await?;
        bench.report.tell("all taken by the sink that takes everything after, s", began.elapsed().as_secs_f64());
    }
    bench.report.tell("processor of the operator for each, ms", (process.processor()? - used) * 1000.0 / left as f64);
    bench.report.memory("operator", process)?;
    let written = bench.writes(operator).await? - writes;
    bench.report.expect("status writes, one each", written, left as u64);
    let events = bench.events().await?.saturating_sub(events);
    bench.report.tell("events of them that are there, each", events as f64 / left as f64);
    Ok(())
}

fn approve(bench: &mut Bench<'_>, number: usize) -> anyhow::Result<Approved> {
    // By the golden ratio: however many there are, they lie evenly over the list, and not in the order of time.
    let share = (number as f64 + 1.0) * 0.618_033_988_749_895 % 1.0;
    let object = (share * bench.settings.objects as f64) as usize;
    let at = bench.board.now();
    bench.heygen.approve(object..object + 1)?;
    Ok(Approved { object, at })
}

async fn annotate(bench: &Bench<'_>, object: usize) -> anyhow::Result<()> {
    let annotations = json!({ "reconcile.twinconsent.io/requestedAt": "now" });
    let patch = Patch::Merge(json!({ "metadata": { "annotations": annotations } }));
    let api = bench.stage.consents(NAMESPACE);
    api.patch(&name(object), &PatchParams::default(), &patch).await.context("cannot annotate a consent")?;
    Ok(())
}

fn tell(bench: &mut Bench<'_>, how: &str, approved: &[Approved]) {
    let latencies = approved.iter().filter_map(|approved| bench.board.of(approved.object).ready?.checked_sub(approved.at)).collect();
    bench.report.spread(&format!("approval to Ready {how}"), &Spread::of(latencies));
}
