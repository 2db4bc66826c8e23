//! From the start of the process to its first POST, with one consent and its account there and nothing else.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use heygen_simulator::{Control, DEMO_API_KEY, GroupDefinition, Settings, Simulator};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use serde_json::json;
use twinconsent_core::api::account::HeyGenAccount;
use twinconsent_core::api::consent::DigitalTwinConsent;

use crate::process::Spread;
use crate::stage::{NAMESPACE, Stage, consent, programs};

/// How long nothing is written before a start. For up to 100 ms after any write, the API server lets every list wait until its
/// cache is known to be as new (consistent reads from the cache).
const STILL: Duration = Duration::from_millis(200);

/// How long a start may take before the run is given up.
const PATIENCE: Duration = Duration::from_secs(60);

pub async fn measure(starts: usize) -> anyhow::Result<()> {
    if starts == 0 {
        return Ok(());
    }
    println!("\nstart: {starts} starts of each program, alternately, each with one consent that waits; HeyGen answers at once");
    let heygen = Simulator::start(Settings::default()).await?;
    let stage = Stage::set(heygen.base_url()).await?;
    stage.account(json!({ "rateLimit": { "requestsPerMinute": 1_000_000, "burst": 100_000 } })).await?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let programs = programs();
    let (mut raw, mut alone, mut elected) = (Vec::new(), vec![Vec::new(); programs.len()], vec![Vec::new(); programs.len()]);
    for number in 0..starts {
        let group = waits(&stage, &heygen.control(), &format!("raw-{number}")).await?;
        raw.push(raw_start(&stage, &http, heygen.base_url(), &group).await?);
        for which in (0..programs.len()).map(|place| (place + number) % programs.len()) {
            let (_, path) = &programs[which];
            let group = waits(&stage, &heygen.control(), &format!("alone-{number}-{which}")).await?;
            alone[which].push(first_post(&stage, &heygen.control(), path, &["--leader-elect=false"], &group).await?);
            let group = waits(&stage, &heygen.control(), &format!("elected-{number}-{which}")).await?;
            // A Lease of its own: that of a process that was killed is valid for a while.
            let lease = ["--operator-namespace", NAMESPACE, "--lease-name", &group];
            elected[which].push(first_post(&stage, &heygen.control(), path, &lease, &group).await?);
        }
    }
    let raw = Spread::of(raw);
    println!("  raw: connect, list twice, read the Secret, poll, POST  {raw}");
    for ((name, _), (alone, elected)) in programs.iter().zip(alone.into_iter().zip(elected)) {
        for (how, took) in [("without an election", alone), ("with a Lease to create", elected)] {
            let took = Spread::of(took);
            println!("  {name}, {how}: start to first POST  {took}; {:5.2} times the raw work", took.median / raw.median);
        }
    }
    Ok(())
}

/// Lets one consent wait, and no other.
async fn waits(stage: &Stage, heygen: &Control, name: &str) -> anyhow::Result<String> {
    let consents = stage.consents(NAMESPACE);
    consents.delete_collection(&DeleteParams::default(), &ListParams::default()).await?;
    heygen.create_group(GroupDefinition::twin(name))?;
    consents.create(&PostParams::default(), &consent(name)?).await?;
    tokio::time::sleep(STILL).await;
    Ok(name.to_owned())
}

async fn first_post(stage: &Stage, heygen: &Control, program: &Path, arguments: &[&str], group: &str) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let _operator = stage.start(program, arguments)?;
    while heygen.group_summary(group).executed == 0 {
        ensure!(began.elapsed() < PATIENCE, "given up: there was no POST");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(began.elapsed())
}

/// What no operator can leave out, by a client that decides nothing and starts no process.
async fn raw_start(stage: &Stage, http: &reqwest::Client, base: &str, group: &str) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let client = stage.new_client().await?;
    Api::<DigitalTwinConsent>::namespaced(client.clone(), NAMESPACE).list(&ListParams::default()).await?;
    Api::<HeyGenAccount>::namespaced(client.clone(), NAMESPACE).list(&ListParams::default()).await?;
    Api::<Secret>::namespaced(client, NAMESPACE).get(NAMESPACE).await.context("no Secret")?;
    let url = format!("{base}/v3/avatars/{group}");
    http.get(&url).header("x-api-key", DEMO_API_KEY).send().await?.error_for_status()?.bytes().await?;
    http.post(format!("{url}/consent")).header("x-api-key", DEMO_API_KEY).json(&json!({})).send().await?.error_for_status()?;
    Ok(began.elapsed())
}
