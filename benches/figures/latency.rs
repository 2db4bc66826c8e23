//! From create to `.status.url`, one consent after the other, and what a consent's life costs in writes.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::TryStreamExt as _;
use heygen_simulator::{DEMO_API_KEY, Settings, Simulator};
use k8s_openapi::api::events::v1::Event;
use kube::Client;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use serde_json::{Value, json};
use twinconsent_core::api::consent::DigitalTwinConsent;

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
        for prefix in ["raw", "least"] {
            simulator.create_group(heygen_simulator::GroupDefinition::twin(format!("{prefix}-{name}")))?;
        }
    }
    let operator = stage.operator().await?;
    println!("  start of the process to ready                {:6.1} ms", operator.ready_after.as_secs_f64() * 1000.0);

    let raw = raw_costs(&stage, heygen.base_url(), &names).await?;
    let api = stage.consents(NAMESPACE);
    let (link, created) = until_link(&api, &names).await?;
    let written = json!({ "status": api.get(&names[0]).await?.status });
    let least = tokio::spawn(least_work(stage.new_client().await?, heygen.base_url().to_owned(), written));
    let others: Vec<String> = names.iter().map(|name| format!("least-{name}")).collect();
    let (least_link, least_created) = until_link(&stage.consents(UNWATCHED), &others).await?;
    least.abort();
    println!("  create to .status.url                        {link}");
    println!("    of which kubectl's own create              {created}");
    println!("  raw: poll the group at HeyGen                {}", raw.read);
    println!("  raw: start the consent at HeyGen             {}", raw.start);
    println!("  raw: one status write                        {}", raw.write);
    let work = raw.read.median + raw.start.median + raw.write.median;
    println!("  create to .status.url / those three          {:6.2}", link.median / work);
    println!("  the same without the create                  {:6.2}", (link.median - created.median) / work);
    println!("  raw: a watch, those calls, the same write    {least_link}");
    println!("  create to .status.url / that                 {:6.2}", link.median / least_link.median);
    let least = least_link.median - least_created.median;
    println!("  the same without the create                  {:6.2}", (link.median - created.median) / least);

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

/// Creates consents one after the other, and waits for the link of each: how long until the link stands in the status, as a watch shows it,
/// and how long until the create was answered.
async fn until_link(api: &Api<DigitalTwinConsent>, names: &[String]) -> anyhow::Result<(Spread, Spread)> {
    let mut watched = Box::pin(watcher::watcher(api.clone(), watcher::Config::default()).default_backoff().applied_objects());
    let (mut until_link, mut until_created) = (Vec::new(), Vec::new());
    for name in names {
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
    Ok((Spread::of(until_link), Spread::of(until_created)))
}

/// The least that brings a link into a status: a watch, the two calls of HeyGen, and the write of what the operator wrote, with nothing decided
/// and nothing kept. What the operator takes longer than this is its own.
async fn least_work(client: Client, base: String, written: Value) -> anyhow::Result<()> {
    let api = Api::<DigitalTwinConsent>::namespaced(client, UNWATCHED);
    let http = reqwest::Client::builder().no_proxy().build()?;
    let mut watched = Box::pin(watcher::watcher(api.clone(), watcher::Config::default()).default_backoff().applied_objects());
    while let Some(seen) = watched.try_next().await? {
        let name = seen.metadata.name.unwrap_or_default();
        if seen.status.is_none_or(|status| status.url.is_none()) {
            serve(&api, &http, &format!("{base}/v3/avatars/{name}"), &name, &written).await?;
        }
    }
    Ok(())
}

/// Reads the group, starts its consent and writes a status. Returns how long each took.
async fn serve(
    api: &Api<DigitalTwinConsent>,
    http: &reqwest::Client,
    group: &str,
    name: &str,
    written: &Value,
) -> anyhow::Result<[Duration; 3]> {
    let read = timed(http.get(group).header("x-api-key", DEMO_API_KEY)).await?;
    let start = timed(http.post(format!("{group}/consent")).header("x-api-key", DEMO_API_KEY).json(&json!({}))).await?;
    let began = Instant::now();
    api.patch_status(name, &PatchParams::default(), &Patch::Merge(written)).await?;
    Ok([read, start, began.elapsed()])
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
    let written = json!({ "status": { "url": "https://example.com", "consentStatus": "pending" } });
    let (mut read, mut start, mut write) = (Vec::new(), Vec::new(), Vec::new());
    for name in names {
        api.create(&PostParams::default(), &consent(name)?).await?;
        let took = serve(&api, &http, &format!("{base}/v3/avatars/raw-{name}"), name, &written).await?;
        read.push(took[0]);
        start.push(took[1]);
        write.push(took[2]);
    }
    Ok(Raw { read: Spread::of(read), start: Spread::of(start), write: Spread::of(write) })
}

async fn timed(request: reqwest::RequestBuilder) -> anyhow::Result<Duration> {
    let began = Instant::now();
    request.send().await?.error_for_status()?.bytes().await?;
    Ok(began.elapsed())
}
