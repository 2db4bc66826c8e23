//! All pend and nothing happens: what that costs, minute by minute.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::bench::Bench;
use crate::heygen::WINDOWS;
use crate::stage::Operator;

/// When a stretch begins, by our clock and by the simulator's.
pub struct Beginning {
    ours: Instant,
    pub simulated_ms: u64,
}

impl Beginning {
    pub fn now(bench: &mut Bench<'_>) -> anyhow::Result<Self> {
        Ok(Self { ours: Instant::now(), simulated_ms: bench.heygen.now()? })
    }
}

pub async fn run(bench: &mut Bench<'_>, operator: &Operator) -> anyhow::Result<()> {
    if bench.settings.idle_minutes == 0.0 {
        return Ok(());
    }
    bench.report.phase("idle")?;
    let writes = operator.status_writes().await?;
    let (beginning, used) = (Beginning::now(bench)?, operator.process().processor()?);
    follow(bench, operator, &beginning, used, bench.settings.idle_minutes).await?;
    bench.report.memory("operator", operator.process())?;
    let written = operator.status_writes().await? - writes;
    bench.report.expect("status writes", written, 0);
    Ok(())
}

/// Requests and processor time by the minute; the last minute may be shorter.
pub async fn follow(bench: &mut Bench<'_>, operator: &Operator, beginning: &Beginning, mut used: f64, minutes: f64) -> anyhow::Result<()> {
    let milliseconds = (minutes * 60_000.0) as u64;
    let at = |passed: u64| beginning.simulated_ms + passed;
    let mut rows = Vec::new();
    println!("  minute   seconds  requests    list   group    POST   processor, s   memory, MiB");
    for (minute, from) in (0..milliseconds).step_by(60_000).enumerate() {
        let to = (from + 60_000).min(milliseconds);
        tokio::time::sleep_until(beginning.ours + Duration::from_millis(to)).await;
        let now = operator.process().processor()?;
        let (busy, memory) = (now - used, operator.process().memory()?.now);
        used = now;
        let seen = bench.heygen.requests(at(from), at(to))?;
        let (lists, groups, posts, seconds) = (seen.of("list"), seen.of("group"), seen.of("consent"), (to - from) as f64 / 1000.0);
        println!("  {:>6} {seconds:>9.1} {:>9} {lists:>7} {groups:>7} {posts:>7} {busy:>14.2} {memory:>13.1}", minute + 1, seen.total);
        rows.push(json!({ "seconds": seconds, "requests": seen.total, "kinds": seen.kinds, "processor": busy, "memory": memory }));
    }
    bench.report.keep("minutes", json!(rows));
    let all = bench.heygen.requests(at(0), at(milliseconds))?;
    let (rate, burst) = (bench.settings.rate, bench.settings.burst);
    for seconds in WINDOWS {
        let (most, limit) = (all.most.get(&seconds).copied().unwrap_or(0), burst + rate * seconds / 60);
        let goal = if seconds == 60 { ", goal 250" } else { "" };
        let over = if most > limit { " OVER" } else { "" };
        println!("  most requests in any {seconds:>2} s {most:>43} of {limit}{over}{goal}");
    }
    bench.report.keep("requests", json!(all));
    Ok(())
}
