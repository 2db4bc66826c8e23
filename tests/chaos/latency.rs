//! How long it takes from `create` to a link when HeyGen answers at once. Printed, not asserted: the machine decides.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::fleet::{LinkWatch, alone, generous_account, groups};
use crate::support::{DEADLINE, World};

#[tokio::test(flavor = "multi_thread")]
async fn the_time_from_create_to_the_link_is_measured() {
    let _alone = alone().await;
    let world = World::with_account("latency", generous_account()).await;
    let operator = world.operator(&[]).await;
    world.until_account("CredentialsAccepted").await;
    let watch = LinkWatch::start(&world);
    let mut took: Vec<Duration> = Vec::new();
    for name in groups(&world, "latency-", 200) {
        let began = Instant::now();
        world.consent(&name, json!({ "groupID": name })).await;
        watch.until_link_of(&name, DEADLINE).await;
        took.push(began.elapsed());
    }
    took.sort();
    println!("create to link, {} in a row: median {:.1?}, p95 {:.1?}, longest {:.1?}", took.len(), took[100], took[190], took[199]);
    world.end([operator]).await;
}
