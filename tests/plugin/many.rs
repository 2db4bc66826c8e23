//! Ten thousand objects.

use std::time::Duration;

use futures::StreamExt as _;
use serde_json::json;

use crate::support::World;
use crate::users::administrator;

/// How many objects.
const MANY: usize = 10_000;

/// How many are created at a time.
const AT_ONCE: usize = 64;

/// Of how many one has its link, which the API server takes as long for as for the object itself.
const LINKED: usize = 10;

/// How long a list may keep a processor busy: 2 s, and five times as long for a program that was built for tests.
const LONGEST: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_consents_are_listed_in_seconds() {
    let world = World::start("plugin-many").await;
    let status = json!({ "observedGeneration": 1, "url": "https://heygen.example/consent/0123456789abcdef", "consentStatus": "pending" });
    let numbers = futures::stream::iter(0..MANY);
    numbers
        .for_each_concurrent(AT_ONCE, |number| {
            let (world, status) = (&world, &status);
            async move {
                let name = format!("many-{number:05}");
                world.consent(&name, json!({ "groupID": name })).await;
                if number % LINKED == 0 {
                    world.rewrite_status(&name, status.clone()).await;
                }
            }
        })
        .await;
    let plugin = administrator(&world);
    for arguments in [&["list"][..], &["list", "-o", "wide"], &["list", "-o", "name"], &["list", "-o", "json"]] {
        let (answer, busy) = plugin.run_measured(arguments);
        let answer = answer.done();
        println!("{arguments:?}: {MANY} objects in {busy:?}");
        assert!(busy < LONGEST, "{arguments:?} took {busy:?}");
        assert!(answer.matches("many-").count() >= MANY && !answer.contains("0123456789abcdef"), "{arguments:?}");
    }
}
