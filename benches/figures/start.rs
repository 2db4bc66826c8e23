//! From the start of the process to the POST of the one consent that is there.

use std::time::Duration;

use anyhow::ensure;
use heygen_simulator::{Control, GroupDefinition, PathKind, RecordedRequest, Settings, Simulator};
use kube::api::{DeleteParams, PostParams};
use serde_json::json;

use crate::process::Spread;
use crate::stage::{NAMESPACE, Stage, consent};

/// How long a POST may take to come before the run is given up.
const PATIENCE: Duration = Duration::from_secs(60);

pub async fn measure(starts: usize) -> anyhow::Result<()> {
    if starts == 0 {
        return Ok(());
    }
    println!("\nstart: {starts} starts of the process, each with one consent to be asked for; HeyGen answers at once");
    let heygen = Simulator::start(Settings::default()).await?;
    let stage = Stage::set(heygen.base_url()).await?;
    stage.account(json!({ "rateLimit": { "requestsPerMinute": 1_000_000, "burst": 100_000 } })).await?;
    let (api, simulator) = (stage.consents(NAMESPACE), heygen.control());
    let (mut until_post, mut until_ready) = (Vec::new(), Vec::new());
    for number in 0..starts {
        let name = format!("s{number}");
        simulator.create_group(GroupDefinition::twin(&name))?;
        api.create(&PostParams::default(), &consent(&name)?).await?;
        let began = simulator.clock().real_ms;
        let operator = stage.operator().await?;
        until_ready.push(operator.ready_after);
        until_post.push(Duration::from_millis(first_post(&simulator, &name).await? - began));
        drop(operator);
        api.delete(&name, &DeleteParams::default()).await?;
    }
    println!("  start of the process to ready                {}", Spread::of(until_ready));
    println!("  start of the process to the POST             {}", Spread::of(until_post));
    Ok(())
}

/// When the request for a group came, in the simulator's milliseconds.
async fn first_post(simulator: &Control, group: &str) -> anyhow::Result<u64> {
    let began = std::time::Instant::now();
    loop {
        let requests = simulator.requests_since(0);
        let is_it = |request: &&RecordedRequest| request.kind == PathKind::Consent && request.group.as_deref() == Some(group);
        if let Some(found) = requests.iter().find(is_it) {
            return Ok(found.real_ms);
        }
        ensure!(began.elapsed() < PATIENCE, "given up: no request for {group}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
