//! Nothing leaks: the search that ends every world finds what is planted, and finds nothing in the most talkative log.

use heygen_simulator::{GroupDefinition, MAIN_ACCOUNT};
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, PostParams};
use secrecy::SecretString;
use serde_json::json;
use twinconsent::heygen::Credentials;
use twinconsent_core::api::account::Auth;
use twinconsent_core::api::consent::DigitalTwinConsentStatus;
use twinconsent_core::consent::apply::Input;
use twinconsent_core::consent::link::Link;
use twinconsent_core::consent::outcome::{Outcome, Started};
use twinconsent_core::consent::state::{Answer, Memory};
use twinconsent_core::consent::step::Call;

use crate::support::World;
use crate::support::leaks::{Sinks, secrets_of};

#[tokio::test(flavor = "multi_thread")]
async fn the_most_talkative_log_of_a_whole_life_holds_no_key_and_no_link() {
    let world = World::start("trace").await;
    let operator = world.operator(&["--log-format=json", "--log-filter=trace"]).await;
    for name in ["ada", "secret", "refuses"] {
        world.simulator.create_group(GroupDefinition::twin(name)).unwrap();
    }
    world.consent("ada", json!({ "groupID": "ada" })).await;
    world.consent("secret", json!({ "groupID": "secret", "linkSecretRef": { "name": "link" } })).await;
    world.consent("refuses", json!({ "groupID": "refuses" })).await;
    for name in ["ada", "secret", "refuses"] {
        world.until(name, "AwaitingApproval").await;
    }
    world.change("ada", json!({ "requestEpoch": 1 })).await;
    world.until_it("ada", "a second link", |consent| consent.status.as_ref().unwrap().initiation.as_ref().unwrap().epoch == 1).await;
    world.simulator.approve("ada").unwrap();
    world.simulator.reject("refuses").unwrap();
    world.until("ada", "Approved").await;
    world.until("refuses", "ConsentRefused").await;
    world.simulator.set_key_refused(MAIN_ACCOUNT, true).unwrap();
    world.until_account("CredentialsRejected").await;
    // Every request to HeyGen is told, and at this level everything besides.
    let shown = |line: &&str| ["\"level\":\"TRACE\"", "\"level\":\"DEBUG\"", "HeyGen request"].iter().any(|what| line.contains(what));
    let lines = operator.log().lines().filter(shown).count();
    assert!(lines > 10, "the log is not talkative: {lines} lines of requests and below info");
    assert!(operator.log().lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
    world.end([operator]).await;
}

/// The proof that the search can find something, in each sink.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_planted_in_any_sink_is_found() {
    let world = World::start("planted").await;
    let operator = world.operator(&[]).await;
    world.simulator.create_group(GroupDefinition::twin("ada")).unwrap();
    world.consent("ada", json!({ "groupID": "ada" })).await;
    let link = world.until("ada", "AwaitingApproval").await.status.unwrap().url.unwrap();
    let metrics = operator.metrics().await.unwrap();
    operator.terminate().await;
    let found = async |metrics: &str| {
        let mut sinks = Sinks::default();
        sinks.add("metrics", metrics.to_owned());
        sinks.collect(&world).await;
        let found = sinks.search(&secrets_of(&world));
        found.into_iter().map(|(sink, _)| sink).collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    assert_eq!(found(&metrics).await, Vec::<&str>::new());
    assert_eq!(found(&format!("{metrics}\nrequests{{key=\"{}\"}} 1", world.key)).await, ["metrics"]);

    let log = world.logs.path().join("planted.log");
    std::fs::write(&log, format!("INFO asked with {}", world.key)).unwrap();
    assert_eq!(found(&metrics).await, ["logs"]);
    std::fs::remove_file(log).unwrap();

    let events: Api<Event> = Api::namespaced(world.client.clone(), &world.namespace);
    let event: Event = serde_json::from_value(json!({
        "metadata": { "generateName": "planted-" }, "eventTime": "2026-01-01T00:00:00.000000Z", "type": "Normal", "reason": "Planted", "action": "Planted",
        "note": format!("the link is {link}"), "reportingController": "test", "reportingInstance": "test",
        "regarding": { "kind": "DigitalTwinConsent", "namespace": world.namespace, "name": "ada" },
    }))
    .unwrap();
    events.create(&PostParams::default(), &event).await.unwrap();
    assert_eq!(found(&metrics).await, ["events"]);

    let condition = |message: &str| json!([{ "type": "Ready", "status": "False", "reason": "AwaitingApproval", "message": message, "lastTransitionTime": "2026-01-01T00:00:00Z" }]);
    world.rewrite_status("ada", json!({ "conditions": condition(&link) })).await;
    assert_eq!(found(&metrics).await, ["conditions", "events"]);

    let token = link.rsplit('/').next().unwrap();
    world.rewrite_status("ada", json!({ "conditions": condition("fixed text"), "consentStatus": token })).await;
    assert_eq!(found(&metrics).await, ["columns", "conditions", "events"]);
}

/// What a panic message or a log field could show of the values that carry keys and links.
#[test]
fn nothing_that_carries_a_key_or_a_link_prints_it() {
    let (key, url) = ("hg_secret_key", "https://app.heygen.com/consent/token-of-the-link");
    let link = Link::new(url);
    let started = Started { link: Some(link.clone()), group: None, request_id: None };
    let consent = twinconsent_core::api::consent::DigitalTwinConsent::new("ada", Default::default());
    let request = twinconsent_core::consent::request::Request::of(&consent);
    let outcome = twinconsent_core::consent::outcome::Outcome::Initiated(started.clone());
    let terms = twinconsent_core::consent::terms::Terms::of_spec(&consent.spec);
    let answer = Answer { at: jiff::Timestamp::UNIX_EPOCH, request, terms, outcome, in_secret: None };
    let credentials =
        Credentials { base_url: "https://api.heygen.com".parse().unwrap(), auth: Auth::ApiKey, key: SecretString::from(key.to_owned()) };
    let status = DigitalTwinConsentStatus { url: Some(url.to_owned()), ..DigitalTwinConsentStatus::default() };
    let memory = Memory { answer: Some(Box::new(answer)), ..Memory::default() };
    let printed = [
        format!("{link:?}"),
        format!("{credentials:?}"),
        format!("{:?}", Outcome::Initiated(started.clone())),
        format!("{:?}", Input::Answered(Call::Poll, Outcome::Initiated(started))),
        format!("{memory:?}"),
        format!("{status:?}"),
    ];
    for text in printed {
        assert!(!text.contains(key) && !text.contains("token-of-the-link"), "{}…", &text[..text.len().min(20)]);
    }
}
