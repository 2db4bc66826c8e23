//! Many pending objects: how fast they are served, and what they cost while nothing happens.

use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _};
use heygen_simulator::BulkGroups;
use kube::api::PostParams;
use serde_json::json;

use crate::support::{NAMESPACE, Stage, consent};

/// How many objects are created at once.
const CREATORS: usize = 32;

/// How long the operator is left alone before it is measured, and while it is.
const IDLE: Duration = Duration::from_secs(30);

pub async fn measure(objects: usize) -> anyhow::Result<()> {
    println!("\nscale: {objects} pending consents");
    let stage = Stage::set().await?;
    stage.account(json!({ "rateLimit": { "requestsPerMinute": 1_000_000, "burst": 100_000 }, "polling": { "interval": "24h" } })).await?;
    stage.simulator.control().create_groups(&BulkGroups { account: None, prefix: "g".to_owned(), count: objects })?;
    let ids: Vec<String> = (0..objects).map(|number| format!("g{number:06}")).collect();

    let api = stage.consents(NAMESPACE);
    let began = Instant::now();
    futures::stream::iter(&ids)
        .map(|id| {
            let api = api.clone();
            async move {
                api.create(&PostParams::default(), &consent(id)?).await?;
                anyhow::Ok(())
            }
        })
        .buffer_unordered(CREATORS)
        .try_collect::<()>()
        .await?;
    rate("created", objects, began.elapsed());

    let began = Instant::now();
    let operator = stage.operator().await?;
    println!("  start of the process to ready, none served   {:6.2} s", operator.ready_after.as_secs_f64());
    operator
        .until("a reconcile", async |operator| Ok(operator.counter("twinconsent_reconciles_total", &["DigitalTwinConsent"]).await? > 0.0))
        .await?;
    println!("  start of the process to the first reconcile  {:6.2} s", began.elapsed().as_secs_f64());
    let wanted = objects as f64;
    loop {
        let written = operator.status_writes().await?;
        if written >= wanted {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    rate("given a link", objects, began.elapsed());
    let (now, most) = operator.memory()?;
    println!("  memory right after                           {now:6.1} MiB, at its highest {most:.1} MiB");
    drop(operator);

    // From here on as in an installation: the defaults of the account.
    stage.account(json!({})).await?;
    let operator = stage.operator().await?;
    println!("  start of the process to ready, all pending   {:6.2} s", operator.ready_after.as_secs_f64());
    tokio::time::sleep(IDLE).await;
    let (writes, used) = (operator.status_writes().await?, operator.processor_time()?);
    tokio::time::sleep(IDLE).await;
    let busy = (operator.processor_time()? - used).as_secs_f64() / IDLE.as_secs_f64();
    let (now, most) = operator.memory()?;
    println!("  idle: memory                                 {now:6.1} MiB, at its highest {most:.1} MiB");
    println!("  idle: memory for an object                   {:6.2} KiB", now * 1024.0 / wanted);
    println!("  idle: processor                              {:6.2} % of one core", busy * 100.0);
    println!("  idle: status writes since the start          {:6.0}", operator.status_writes().await?);
    println!("  idle: of those in the last {} s              {:6.0}", IDLE.as_secs(), operator.status_writes().await? - writes);
    Ok(())
}

fn rate(what: &str, objects: usize, took: Duration) {
    let name = format!("{what}, {CREATORS} at once");
    let name = if what == "created" { name } else { what.to_owned() };
    println!("  {name:<44} {:6.2} s, {:.0} a second", took.as_secs_f64(), objects as f64 / took.as_secs_f64());
}
