//! SIGKILL and a new start while all pend: nothing is asked twice, nothing is written, nothing comes in a burst.
//!
//! How soon the operator is ready is next to how long a bare client takes for the same list, of which it keeps nothing: what differs is the
//! operator's affair, what does not is the API server's.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures::AsyncReadExt as _;
use kube::Resource as _;
use kube::api::WatchParams;
use tokio::time::timeout;
use twinconsent_core::api::consent::DigitalTwinConsent;

use crate::bench::Bench;
use crate::idle::{self, Beginning};
use crate::process::Spread;
use crate::stage::{NAMESPACE, Operator, programs};

/// How long an operator runs until it is killed, so that its burst and the next one's do not fall into one minute.
const QUIET: Duration = Duration::from_secs(60);

/// How long nothing may come of a list before the run is given up.
const SILENCE: Duration = Duration::from_secs(60);

/// By what the API server marks the end of a list that it streams.
const END: &[u8] = b"k8s.io/initial-events-end";

/// What is read of a list at once, in bytes.
const CHUNK: usize = 1 << 20;

/// What comes with that mark and after it is shorter, in bytes: nothing else has to be searched for it.
const LAST: usize = 4 << 10;

pub async fn run(bench: &mut Bench<'_>, operator: Operator) -> anyhow::Result<Operator> {
    if bench.settings.restart_minutes == 0.0 {
        return Ok(operator);
    }
    let operator = compare(bench, operator).await?;
    bench.report.phase("restart")?;
    let beginning = Beginning::now(bench)?;
    drop(operator); // SIGKILL
    let operator = bench.stage.operator().await?;
    bench.report.tell("start of the process to ready, all to be listed, s", operator.ready_after.as_secs_f64());
    bench.report.memory("operator, when ready", operator.process())?;
    idle::follow(bench, &operator, &beginning, 0.0, bench.settings.restart_minutes).await?;
    bench.report.memory("operator, afterwards", operator.process())?;
    let until = bench.heygen.now()?;
    let posts = bench.heygen.requests(beginning.simulated_ms, until)?.of("consent");
    bench.report.expect("POSTs", posts, 0);
    let writes = operator.status_writes().await?;
    bench.report.expect("status writes", writes, 0);
    Ok(operator)
}

/// Alternately the same list by a bare client, and the operator, each started anew while nothing else runs.
async fn compare(bench: &mut Bench<'_>, operator: Operator) -> anyhow::Result<Operator> {
    if bench.settings.restarts == 0 {
        return Ok(operator);
    }
    bench.report.phase("restart beside a bare list")?;
    drop(operator); // SIGKILL
    let programs = programs();
    let (mut raw, mut ready) = (Vec::new(), vec![Vec::new(); programs.len()]);
    for number in 0..bench.settings.restarts {
        raw.push(list(bench).await?);
        for which in (0..programs.len()).map(|place| (place + number) % programs.len()) {
            ready[which].push(bench.stage.ready(&programs[which].1).await?.ready_after);
        }
    }
    let raw = Spread::of(raw);
    bench.report.spread("raw: the same list by a bare client that keeps nothing, ms", &raw);
    for ((name, _), ready) in programs.iter().zip(ready) {
        let ready = Spread::of(ready);
        bench.report.spread(&format!("{name}: start of the process to ready, ms"), &ready);
        bench.report.tell(&format!("{name}: ready ÷ raw, medians"), ready.median / raw.median);
    }
    let operator = bench.stage.operator().await?;
    // What it asks at once after a start is not to be counted with what the next one asks.
    tokio::time::sleep(QUIET).await;
    Ok(operator)
}

/// How long the list takes, streamed as the operator asks for it.
async fn list(bench: &Bench<'_>) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let client = bench.stage.new_client().await?;
    let path = DigitalTwinConsent::url_path(&(), Some(NAMESPACE));
    let request = kube::core::Request::new(path).watch(&WatchParams::streaming_lists(), "")?;
    let mut stream = Box::pin(client.request_stream(request).await.context("raw list")?);
    // The mark may come in two pieces, so the end of what came before is kept.
    let (mut chunk, mut kept) = (vec![0; CHUNK], 0);
    loop {
        let read = timeout(SILENCE, stream.read(&mut chunk[kept..])).await.context("raw list: nothing comes")?.context("raw list")?;
        ensure!(read > 0, "the raw list has ended before it was complete");
        let filled = kept + read;
        if chunk[filled.saturating_sub(LAST)..filled].windows(END.len()).any(|window| window == END) {
            return Ok(began.elapsed());
        }
        kept = filled.min(END.len());
        chunk.copy_within(filled - kept..filled, 0);
    }
}
