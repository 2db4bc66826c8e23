//! Many consents at once, on a real API server with the operator's release build; see docs/performance.md.
//!
//! Nothing is asserted by the clock; a wrong count makes the exit code 1, after everything was measured.
#![expect(clippy::print_stdout, reason = "the figures are what was asked for")]

mod heygen;
#[path = "../figures/support.rs"]
#[allow(dead_code, reason = "shared with the other bench, which uses more of it")]
mod support;

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use support::{NAMESPACE, Operator, Stage, consent};

/// Client connections that create at once.
const CONNECTIONS: usize = 16;

/// After which a single wait is given up.
const PATIENCE: Duration = Duration::from_secs(1800);

fn main() -> anyhow::Result<()> {
    if std::env::var_os(heygen::ROLE).is_some() {
        return heygen::serve();
    }
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async { tokio::time::timeout(Duration::from_hours(3), run()).await.context("given up after 3 hours")? })
}

fn setting(name: &str, default: f64) -> anyhow::Result<f64> {
    let name = format!("TWINCONSENT_BENCH_{name}");
    std::env::var(&name).map_or(Ok(default), |text| text.parse().with_context(|| format!("{name} must be a number")))
}

async fn run() -> anyhow::Result<()> {
    let objects = setting("OBJECTS", 10_000.0)? as usize;
    let (rate, burst) = (setting("RATE", 600.0)? as u64, setting("BURST", 20.0)? as u64);
    let (create_rate, idle) = (setting("CREATE_RATE", 60_000.0)? as u64, setting("IDLE_MINUTES", 2.0)?);
    ensure!((1..=100_000).contains(&objects), "TWINCONSENT_BENCH_OBJECTS must be 1 to 100000");
    let mut report = json!({ "objects": objects, "rate": rate, "burst": burst, "createRate": create_rate, "idleMinutes": idle });
    let mut wrong = Vec::new();
    let mut heygen = heygen::HeyGen::start()?;
    heygen.ask(&json!({ "do": "groups", "count": objects }))?;
    let stage = Stage::set_with(Some(heygen.base_url.clone())).await?;
    let limit = |rate: u64| json!({ "rateLimit": { "requestsPerMinute": rate, "burst": burst } });
    stage.account(limit(create_rate)).await?;
    let operator = stage.operator().await?;

    let (began, used) = (Instant::now(), operator.processor_time()?);
    create(&stage, objects).await?;
    tell(&mut report, "created a second", objects as f64 / began.elapsed().as_secs_f64());
    while written(&operator).await? < objects as f64 {
        ensure!(began.elapsed() < PATIENCE, "given up: links");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tell(&mut report, "links a second, overall", objects as f64 / began.elapsed().as_secs_f64());
    let per_consent = (operator.processor_time()? - used).as_secs_f64() * 1000.0 / objects as f64;
    tell(&mut report, "processor for a consent, ms", per_consent);
    memory(&mut report, &operator, "after creation")?;
    let seen = heygen.ask(&json!({ "do": "count", "from": 0 }))?;
    expect(&mut wrong, "executed POSTs in creation", &seen["executed"], objects as u64);

    stage.account(limit(rate)).await?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (from, used, writes) = (heygen.now()?, operator.processor_time()?, written(&operator).await?);
    println!("  idle for {idle} min");
    tokio::time::sleep(Duration::from_secs_f64(idle * 60.0)).await;
    tell(&mut report, "idle: processor, s a minute (goal 0.2)", (operator.processor_time()? - used).as_secs_f64() / idle);
    memory(&mut report, &operator, "idle")?;
    let idle_writes = json!((written(&operator).await? - writes) as u64);
    expect(&mut wrong, "status writes while idle", &idle_writes, 0);
    let seen = heygen.ask(&json!({ "do": "count", "from": from }))?;
    requests(&mut report, "idle", &seen, rate, burst);

    let from = heygen.now()?;
    drop(operator); // SIGKILL
    let operator = stage.operator().await?;
    tell(&mut report, "restart: ready after, s (goal 15)", operator.ready_after.as_secs_f64());
    tokio::time::sleep(Duration::from_secs_f64((idle * 60.0).min(60.0))).await;
    memory(&mut report, &operator, "restart")?;
    let seen = heygen.ask(&json!({ "do": "count", "from": from }))?;
    requests(&mut report, "restart", &seen, rate, burst);
    let posts = seen["kinds"].get("consent").cloned().unwrap_or(json!(0));
    expect(&mut wrong, "POSTs after the restart", &posts, 0);
    expect(&mut wrong, "status writes after the restart", &json!(written(&operator).await? as u64), 0);

    let (began, before) = (Instant::now(), written(&operator).await?);
    heygen.ask(&json!({ "do": "approve", "from": 0, "to": 1 }))?;
    let stamp = json!({ "metadata": { "annotations": { "reconcile.twinconsent.io/requestedAt": "1" } } });
    stage.consents(NAMESPACE).patch("g000000", &PatchParams::default(), &Patch::Merge(stamp)).await?;
    approved(&stage, 0).await?;
    tell(&mut report, "one approved, annotated: Ready after, s (goal 1)", began.elapsed().as_secs_f64());

    heygen.ask(&json!({ "do": "approve", "from": objects / 2, "to": objects / 2 + 1 }))?;
    let began = Instant::now();
    approved(&stage, objects / 2).await?;
    tell(&mut report, "one approved, by the sweep: Ready after, s", began.elapsed().as_secs_f64());

    heygen.ask(&json!({ "do": "approve", "from": 1, "to": objects }))?;
    let began = Instant::now();
    for at in 0..objects {
        approved(&stage, at).await?;
    }
    tell(&mut report, "all approved: all Ready after, s", began.elapsed().as_secs_f64());
    tell(&mut report, "all approved: writes an object", (written(&operator).await? - before) / objects as f64);
    memory(&mut report, &operator, "all approved")?;
    let seen = heygen.ask(&json!({ "do": "count", "from": 0 }))?;
    expect(&mut wrong, "executed POSTs in all", &seen["executed"], objects as u64);
    expect(&mut wrong, "requests that the record lost", &seen["forgotten"], 0);

    report["wrong"] = json!(wrong);
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("scale.json");
    std::fs::write(&path, serde_json::to_vec_pretty(&report)?)?;
    println!("  written to {}", path.display());
    ensure!(wrong.is_empty(), "wrong counts: {}", wrong.join("; "));
    Ok(())
}

async fn create(stage: &Stage, objects: usize) -> anyhow::Result<()> {
    let api = &stage.consents(NAMESPACE);
    let one = |at: usize| async move {
        api.create(&PostParams::default(), &consent(&format!("g{at:06}"))?).await?;
        anyhow::Ok(())
    };
    futures::stream::iter(0..objects).map(one).buffer_unordered(CONNECTIONS).try_collect().await
}

/// Status writes on consents; zero before the first.
async fn written(operator: &Operator) -> anyhow::Result<f64> {
    operator.status_writes().await
}

async fn approved(stage: &Stage, at: usize) -> anyhow::Result<()> {
    let (api, began, name) = (stage.consents(NAMESPACE), Instant::now(), format!("g{at:06}"));
    while api.get(&name).await?.status.is_none_or(|status| status.approval_time.is_none()) {
        if began.elapsed() > PATIENCE {
            bail!("given up: {name} is not approved");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

fn tell(report: &mut Value, what: &str, figure: f64) {
    println!("  {what:<52} {figure:10.2}");
    report["figures"][what] = json!(figure);
}

fn memory(report: &mut Value, operator: &Operator, phase: &str) -> anyhow::Result<()> {
    let (now, most) = operator.memory()?;
    tell(report, &format!("{phase}: resident memory, MiB"), now);
    tell(report, &format!("{phase}: at its highest, MiB"), most);
    Ok(())
}

fn requests(report: &mut Value, phase: &str, seen: &Value, rate: u64, burst: u64) {
    println!("  {phase}: requests by kind {}", seen["kinds"]);
    for seconds in heygen::WINDOWS {
        let (most, limit) = (&seen["windows"][seconds.to_string()], burst + rate * seconds / 60);
        let over = if most.as_u64() > Some(limit) { "OVER" } else { "" };
        println!("  {phase}: most requests in {seconds:2} s: {most}, limit {limit} {over}");
    }
    report["requests"][phase] = seen.clone();
}

fn expect(wrong: &mut Vec<String>, what: &str, seen: &Value, wanted: u64) {
    println!("  {what:<52} {seen}, expected {wanted}");
    if seen.as_u64() != Some(wanted) {
        wrong.push(format!("{what}: {seen} instead of {wanted}"));
    }
}
