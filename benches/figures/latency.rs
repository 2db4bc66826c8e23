//! From create to `.status.url`, one consent after the other, and what a consent's life costs in writes.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::TryStreamExt as _;
use heygen_simulator::{DEMO_API_KEY, Settings, Simulator};
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use serde_json::json;

use crate::process::Spread;
use crate::stage::{NAMESPACE, Stage, UNWATCHED, consent};

pub async fn measure(consents: usize) -> anyhow::Result<()> {
    println!("\nlatency: {consents} consents, one after the other; HeyGen answers at once");
    let heygen = Simulator::start(Settings::default()).await?;
    let stage = Stage::set(heygen.base_url()).await?;
    let fast = json!({ "requestsPerMinute": 1_000_000, "burst": 100_000 });
    stage.account(json!({ "rateLimit": fast, "polling": { "interval": "1h", "unknown": "1h" } })).await?;
    let names: Vec<String> = (0..consents).map(|number| format!("c{number}")).collect();
    let simulator = heygen.control();
    for name in &names {
        simulator.create_group(heygen_simulator::GroupDefinition::twin(name))?;
        simulator.create_group(heygen_simulator::GroupDefinition::twin(format!("raw-{name}")))?;
    }
    let operator = stage.operator().await?;
    println!("  start of the process to ready                {:6.1} ms", operator.ready_after.as_secs_f64() * 1000.0);

    let raw = raw_costs(&stage, heygen.base_url(), &names).await?;
    let api = stage.consents(NAMESPACE);
    let mut watched = Box::pin(watcher::watcher(api.clone(), watcher::Config::default()).default_backoff().applied_objects());
    let (mut until_link, mut until_created) = (Vec::new(), Vec::new());
    for name in &names {
        let began = Instant::now();
        api.create(&PostParams::default(), &consent(name)?).await?;
        until_created.push(began.elapsed());
        loop {
            let seen = watched.try_next().await?.context("the watch has ended")?;
            let has_link = seen.status.is_some_and(|status| status.url.is_some());
            if has_link && seen.metadata.name.as_ref() == Some(name) {
                break;
            }
        }
        until_link.push(began.elapsed());
    }
    let (until_link, until_created) = (Spread::of(until_link), Spread::of(until_created));
    println!("  create to .status.url                        {until_link}");
    println!("    of which kubectl's own create              {until_created}");
    println!("  raw: poll the group at HeyGen                {}", raw.read);
    println!("  raw: start the consent at HeyGen             {}", raw.start);
    println!("  raw: one status write                        {}", raw.write);
    let work = raw.read.median + raw.start.median + raw.write.median;
    println!("  create to .status.url / those three          {:6.2}", until_link.median / work);
    println!("  the same without the create                  {:6.2}", (until_link.median - until_created.median) / work);

    for name in &names {
        simulator.approve(name)?;
    }
    stage.account(json!({ "rateLimit": fast, "polling": { "interval": "1s", "minimum": "1s", "approved": "1h" } })).await?;
    let mut missing: HashSet<&String> = names.iter().collect();
    while !missing.is_empty() {
        let seen = api.list(&ListParams::default()).await?;
        for consent in seen.items {
            if consent.status.is_some_and(|status| status.approval.is_some()) {
                missing.retain(|name| Some(*name) != consent.metadata.name.as_ref());
            }
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    // Events are written after the status, by a task of their own.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let events = Api::<Event>::namespaced(stage.client.clone(), NAMESPACE).list(&ListParams::default()).await?;
    let events =
        events.items.iter().filter(|event| event.regarding.as_ref().and_then(|about| about.kind.as_deref()) == Some("DigitalTwinConsent"));
    let writes = operator.status_writes().await?;
    println!("  status writes from create to approval        {:6.2} a consent", writes as f64 / consents as f64);
    println!("  events from create to approval               {:6.2} a consent", events.count() as f64 / consents as f64);
    Ok(())
}

struct Raw {
    read: Spread,
    start: Spread,
    write: Spread,
}

/// What the work costs without an operator: the same two answers of HeyGen and one status write.
async fn raw_costs(stage: &Stage, base: &str, names: &[String]) -> anyhow::Result<Raw> {
    let api = stage.consents(UNWATCHED);
    let http = reqwest::Client::builder().no_proxy().build()?;
    let (mut read, mut start, mut write) = (Vec::new(), Vec::new(), Vec::new());
    for name in names {
        api.create(&PostParams::default(), &consent(name)?).await?;
        let group = format!("{base}/v3/avatars/raw-{name}");
        read.push(timed(http.get(&group).header("x-api-key", DEMO_API_KEY)).await?);
        start.push(timed(http.post(format!("{group}/consent")).header("x-api-key", DEMO_API_KEY).json(&json!({}))).await?);
        let status = json!({ "status": { "url": "https://example.com", "consentStatus": "pending" } });
        let began = Instant::now();
        api.patch_status(name, &PatchParams::default(), &Patch::Merge(status)).await?;
        write.push(began.elapsed());
    }
    Ok(Raw { read: Spread::of(read), start: Spread::of(start), write: Spread::of(write) })
}

async fn timed(request: reqwest::RequestBuilder) -> anyhow::Result<Duration> {
    let began = Instant::now();
    request.send().await?.error_for_status()?.bytes().await?;
    Ok(began.elapsed())
}
