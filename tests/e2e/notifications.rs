//! Events of consents at the sinks of their account, by the operator's binary.

use std::time::Duration;

use heygen_simulator::GroupDefinition;
use jiff::Timestamp;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use twinconsent_core::api::account::ClusterHeyGenAccount;
use twinconsent_core::consent::audit::verify;
use twinconsent_core::notifications::Secret;

use crate::receiver::{Received, Receiver, Reply};
use crate::support::scene::every_second;
use crate::support::{DEADLINE, OPERATOR_NAMESPACE, World, eventually, timed};
use crate::tls::Authority;

/// The signing secret of a world. The search at its end finds its second half, as it finds what stands in a sink's URL.
pub fn signing_secret(world: &World, byte: &str) -> String {
    format!("whsec_{}{}", byte.repeat(16), sink_token(world))
}

/// A text that stands in the URLs and secrets of a world's sinks, and nowhere else. It is base64 of whole bytes.
fn sink_token(world: &World) -> String {
    crate::support::leaks::sink_token(world)
}

/// A sink at a receiver, of a world in which it can be used.
pub fn sink(world: &World, name: &str, receiver: &Receiver) -> Value {
    let signing = json!({ "name": format!("{}-signing", world.namespace), "key": "key" });
    json!({ "name": name, "url": format!("{}/hooks/{}", receiver.url, sink_token(world)), "signingSecretRef": signing })
}

/// A world whose cluster account has these sinks, and the Secret that signs for them.
pub async fn with_sinks(name: &str, sinks: impl AsyncFnOnce(&World) -> Value) -> World {
    let world = World::without_account(name).await;
    world.secret(OPERATOR_NAMESPACE, &format!("{}-signing", world.namespace), &signing_secret(&world, "A")).await;
    let sinks = sinks(&world).await;
    name_sinks(&world, sinks).await;
    world
}

/// Lets the account name these sinks.
pub async fn name_sinks(world: &World, sinks: Value) {
    let mut account = every_second();
    account["notifications"] = sinks;
    world.cluster_account(account).await;
}

/// Asks for a consent of a new group, with the account of the cluster.
pub async fn ask(world: &World, name: &str, mut spec: Value) {
    world.simulator.create_group(GroupDefinition::twin(name)).unwrap();
    spec["groupID"] = json!(name);
    spec["accountRef"] = json!({ "kind": "ClusterHeyGenAccount", "name": world.namespace });
    world.consent(name, spec).await;
}

pub async fn until_words(receiver: &Receiver, name: &str, words: &[&str]) {
    eventually("the sink has heard of it", || async {
        let heard = receiver.words_of(name);
        if heard == words { Ok(()) } else { Err(heard) }
    })
    .await;
}

/// Waits until the account says so of its sinks: status, reason, and a part of the message, which it returns with how long that took.
async fn until_account_says(world: &World, status: &str, reason: &str, part: &str) -> (String, Duration) {
    let accounts: Api<ClusterHeyGenAccount> = Api::all(world.client.clone());
    timed(DEADLINE, "the account says how its sinks are", || async {
        let account = accounts.get(&world.namespace).await.unwrap();
        let conditions = account.status.map(|status| status.conditions).unwrap_or_default();
        let said = conditions.into_iter().find(|condition| condition.type_ == "NotificationsDelivered");
        match said {
            Some(said) if said.status == status && said.reason == reason && said.message.contains(part) => Ok(said.message),
            other => Err(format!("{other:?}")),
        }
    })
    .await
}

/// That a delivery is signed, and when.
pub fn is_signed(received: &Received, secret: &str) {
    let time = Timestamp::from_second(received.header("webhook-timestamp").parse().unwrap()).unwrap();
    let signature = Secret::parse(secret).unwrap().sign(received.header("webhook-id"), time, &received.body);
    assert_eq!(received.header("webhook-signature"), signature);
    assert_eq!(received.header("content-type"), "application/cloudevents+json");
    assert_eq!(received.event()["id"], received.header("webhook-id"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_events_of_a_life_arrive_in_order_signed_and_as_the_audit_log_has_them() {
    let receiver = Receiver::start().await;
    let world = with_sinks("sink-life", async |world| json!([sink(world, "all", &receiver)])).await;
    let path = world.logs.path().join("audit.log");
    let operator = world.operator(&[&format!("--audit-log={}", path.display())]).await;
    until_account_says(&world, "Unknown", "NothingSent", "").await;
    ask(&world, "ada", json!({})).await;
    world.until("ada", "AwaitingApproval").await;
    world.simulator.approve("ada").unwrap();
    world.until("ada", "Approved").await;
    world.delete("ada").await;
    until_words(&receiver, "ada", &["requested", "approved", "deleted"]).await;
    until_account_says(&world, "True", "NotificationsTaken", "").await;
    let received = receiver.received();
    received.iter().for_each(|received| is_signed(received, &signing_secret(&world, "A")));
    let bodies: Vec<&str> = received.iter().map(|received| received.body.as_str()).collect();
    let log = std::fs::read_to_string(&path).unwrap();
    assert_eq!(log.lines().collect::<Vec<_>>(), bodies, "what is sent is what was logged");
    let verified = verify(bodies.iter().copied(), &[].into());
    // Nothing comes after the last to confirm it.
    assert!(verified.problems.is_empty() && verified.unconfirmed.len() == 1, "{verified:?}");
    assert!(!log.contains("http"), "nobody asked for links");
    let labels = format!("account=\"{}\",sink=\"all\",", world.namespace);
    let counted = operator.counter("twinconsent_notification_deliveries_total", &format!("{labels}result=\"delivered\"")).await;
    assert_eq!(counted, 3.0);
    world.end([operator]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_hears_what_it_asks_for_and_links_only_where_they_are_not_in_a_secret() {
    let (with, without) = (Receiver::start().await, Receiver::start().await);
    let world = with_sinks("sink-links", async |world| {
        let mut links = sink(world, "links", &with);
        (links["includeLink"], links["events"]) = (json!(true), json!(["requested", "approved"]));
        json!([links, sink(world, "all", &without)])
    })
    .await;
    let operator = world.operator(&[]).await;
    ask(&world, "ada", json!({})).await;
    let link = world.until("ada", "AwaitingApproval").await.status.unwrap().url.unwrap();
    ask(&world, "bob", json!({ "linkSecretRef": { "name": "bobs-link" } })).await;
    world.until("bob", "AwaitingApproval").await;
    for name in ["ada", "bob"] {
        world.simulator.approve(name).unwrap();
        world.until(name, "Approved").await;
        world.delete(name).await;
        until_words(&with, name, &["requested", "approved"]).await;
        until_words(&without, name, &["requested", "approved", "deleted"]).await;
    }
    let links: Vec<_> = with.received().iter().map(|received| (received.word(), received.event()["data"]["url"].clone())).collect();
    let expected = [("requested", json!(link)), ("requested", Value::Null), ("approved", Value::Null), ("approved", Value::Null)];
    for (word, url) in &links {
        assert!(expected.contains(&(word.as_str(), url.clone())), "{word}");
    }
    assert_eq!(links.iter().filter(|(_, url)| *url == json!(link)).count(), 1);
    assert!(without.received().iter().all(|received| !received.body.contains("http")));
    // The link is outside of the digest.
    let mut sent = with.received().into_iter().find(|received| received.body.contains(&link)).unwrap().event();
    sent["data"].as_object_mut().unwrap().remove("url");
    let line = sent.to_string();
    assert!(verify([line.as_str()], &[].into()).problems.is_empty());
    world.end([operator]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_comes_again_and_what_is_refused_is_dropped_and_counted() {
    let (receiver, elsewhere) = (Receiver::start().await, Receiver::start().await);
    let world = with_sinks("sink-answers", async |world| json!([sink(world, "a", &receiver)])).await;
    let operator = world.operator(&[]).await;
    let again = Reply::of(429).with("retry-after", "3");
    receiver.answer_next([Reply::of(500), again, Reply::of(200), Reply::of(400)]);
    ask(&world, "ada", json!({})).await;
    until_words(&receiver, "ada", &["requested"; 3]).await;
    let received = receiver.received();
    received.iter().for_each(|received| is_signed(received, &signing_secret(&world, "A")));
    let times: Vec<i64> = received.iter().map(|received| received.header("webhook-timestamp").parse().unwrap()).collect();
    assert!(times[2] - times[1] >= 3, "it asked to be left alone: {times:?}");
    assert_eq!(received[0].header("webhook-id"), received[2].header("webhook-id"));

    world.simulator.approve("ada").unwrap();
    until_account_says(&world, "False", "NotificationsDropped", "status from 400 to 499").await;
    receiver.answer(Reply::of(307).with("location", &elsewhere.url));
    world.delete("ada").await;
    until_words(&receiver, "ada", &["requested", "requested", "requested", "approved", "deleted"]).await;
    ask(&world, "bob", json!({})).await;
    until_words(&receiver, "bob", &["requested"]).await;
    assert!(elsewhere.received().is_empty(), "a redirect is not followed");
    eventually("all is counted", || async {
        let count = async |name: &str, label: &str| operator.counter(&format!("twinconsent_notification_{name}"), label).await;
        let counted = [
            count("deliveries_total", "result=\"delivered\"").await,
            count("deliveries_total", "result=\"failed\"").await,
            count("events_dropped_total", "reason=\"refused\"").await,
            count("events_dropped_total", "reason=\"redirected\"").await,
            count("events_waiting", "").await,
        ];
        if counted == [1.0, 2.0, 1.0, 2.0, 0.0] { Ok(()) } else { Err(counted) }
    })
    .await;
    world.end([operator]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_sink_delays_nothing_and_gets_everything_in_order_when_it_is_back() {
    let (alive, dead) = (Receiver::start().await, Receiver::start().await);
    let world = with_sinks("sink-dead", async |world| json!([sink(world, "alive", &alive), sink(world, "dead", &dead)])).await;
    let address = dead.url.trim_start_matches("http://").to_owned();
    drop(dead);
    let operator = world.operator(&[]).await;
    for name in ["ada", "bob"] {
        ask(&world, name, json!({})).await;
        world.until(name, "AwaitingApproval").await;
        world.simulator.approve(name).unwrap();
        world.until(name, "Approved").await;
        until_words(&alive, name, &["requested", "approved"]).await;
    }
    let (message, took) = until_account_says(&world, "False", "NotificationsNotTaken", "Sink \"dead\"").await;
    assert!(took < Duration::from_secs(30), "the account does not wait until it comes round: {took:?}");
    assert!(message.contains("connection refused") && !message.contains("alive"), "{message}");
    let waiting = operator.counter("twinconsent_notification_events_waiting", "sink=\"dead\"").await;
    assert_eq!(waiting, 4.0);

    let back = Receiver::on(&address).await;
    for name in ["ada", "bob"] {
        until_words(&back, name, &["requested", "approved"]).await;
    }
    until_account_says(&world, "True", "NotificationsTaken", "").await;
    let log = operator.log();
    let warnings = log.lines().filter(|line| line.contains("WARN") && line.contains("a sink does not take notifications"));
    assert_eq!(warnings.count(), 1, "it is logged once");
    world.end([operator]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_with_a_certificate_of_an_unknown_issuer_is_sent_nothing() {
    let (acceptor, listener) = (Authority::new().acceptor("127.0.0.1"), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let url = format!("https://{}/hooks", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            assert!(acceptor.accept(connection).await.is_err(), "the certificate was believed");
        }
    });
    let world = with_sinks("sink-certificate", async |world| {
        let nowhere = Receiver::start().await;
        let mut sink = sink(world, "a", &nowhere);
        sink["url"] = json!(url);
        json!([sink])
    })
    .await;
    let operator = world.operator(&[]).await;
    ask(&world, "ada", json!({})).await;
    world.until("ada", "AwaitingApproval").await;
    let (message, _) = until_account_says(&world, "False", "NotificationsNotTaken", "certificate of an unknown issuer").await;
    assert!(!message.contains("https"), "{message}");
    assert!(!server.is_finished());
    server.abort();
    world.end([operator]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_hangs_keeps_no_operator_from_ending_and_its_last_event_comes_again() {
    let receiver = Receiver::start().await;
    let world = with_sinks("sink-end", async |world| json!([sink(world, "a", &receiver)])).await;
    receiver.answer_next([Reply { after: Duration::from_secs(9), ..Reply::of(200) }]);
    let operator = world.operator(&[]).await;
    ask(&world, "ada", json!({})).await;
    until_words(&receiver, "ada", &["requested"]).await;
    world.until("ada", "AwaitingApproval").await;
    let log = operator.terminate().await;
    assert!(log.contains("deliveries were given up"), "{log}");
    let operator = world.operator(&[]).await;
    until_words(&receiver, "ada", &["requested", "requested"]).await;
    assert!(receiver.received().iter().all(|received| received.header("webhook-id").ends_with("/1")));
    world.end([operator]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_sink_delays_no_link_and_of_a_long_answer_little_is_read() {
    let receiver = Receiver::start().await;
    let world = with_sinks("sink-slow", async |world| json!([sink(world, "a", &receiver)])).await;
    let operator = world.operator(&[]).await;
    receiver.answer_next([Reply { after: Duration::from_secs(9), bytes: 1 << 30, ..Reply::of(200) }]);
    ask(&world, "ada", json!({})).await;
    let (_, took) =
        world.time_until_it("ada", "a link", |consent| consent.status.as_ref().is_some_and(|status| status.url.is_some())).await;
    assert!(took < Duration::from_secs(9), "{took:?}");
    world.simulator.approve("ada").unwrap();
    world.until("ada", "Approved").await;
    until_words(&receiver, "ada", &["requested", "approved"]).await;
    assert!(receiver.sent() < 1 << 28, "{}", receiver.sent());
    until_account_says(&world, "True", "NotificationsTaken", "").await;
    world.end([operator]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_that_are_missing_malformed_or_rotated_are_named_and_events_wait_for_them() {
    let (first, second) = (Receiver::start().await, Receiver::start().await);
    let world = World::without_account("sink-secrets").await;
    let [signing, address] = ["signing", "url"].map(|what| format!("{}-{what}", world.namespace));
    let reference = |name: &str| json!({ "name": name, "key": "key" });
    name_sinks(&world, json!([{ "name": "a", "urlSecretRef": reference(&address), "signingSecretRef": reference(&signing) }])).await;
    let operator = world.operator(&[]).await;
    ask(&world, "ada", json!({})).await;
    world.until("ada", "AwaitingApproval").await;
    let is_named = async |part: &str| until_account_says(&world, "False", "SinkNotUsable", part).await;
    let store = async |name: &str, text: &str| world.secret(OPERATOR_NAMESPACE, name, text).await;
    is_named("urlSecretRef: key \"key\" of the Secret").await;
    let hook = |receiver: &Receiver| format!("{}/{}\n", receiver.url, sink_token(&world));
    store(&address, "chat.example.com/hooks").await;
    is_named("is not a URL").await;
    store(&address, "http://chat.example.com/hooks").await;
    is_named("is not an https URL").await;
    store(&address, &hook(&first)).await;
    is_named("signingSecretRef: key \"key\" of the Secret").await;
    store(&signing, &sink_token(&world)).await;
    is_named("does not begin with `whsec_`").await;
    store(&signing, "whsec_c2hvcnQ=").await;
    is_named("is not of 24 to 64 bytes").await;
    assert!(operator.log().contains("a sink for notifications cannot be used"));
    assert!(first.received().is_empty(), "nothing is sent unsigned");
    store(&signing, &signing_secret(&world, "A")).await;
    until_words(&first, "ada", &["requested"]).await;
    is_signed(&first.received()[0], &signing_secret(&world, "A"));
    until_account_says(&world, "True", "NotificationsTaken", "").await;

    store(&signing, &signing_secret(&world, "B")).await;
    store(&address, &hook(&second)).await;
    // Secrets are read when the account is reconciled, which is every minute, and when it changes.
    let api: Api<ClusterHeyGenAccount> = Api::all(world.client.clone());
    let touched = Patch::Merge(json!({ "metadata": { "annotations": { "touched": "now" } } }));
    let generation = api.patch(&world.namespace, &PatchParams::default(), &touched).await.unwrap().metadata.generation;
    assert!(generation.is_some());
    let mut number = 0;
    eventually("events go to the new address", || {
        number += 1;
        let (world, second, name) = (&world, &second, format!("bob-{number}"));
        async move {
            ask(world, &name, json!({})).await;
            world.until(&name, "AwaitingApproval").await;
            if second.received().is_empty() { Err(name) } else { Ok(()) }
        }
    })
    .await;
    is_signed(&second.received()[0], &signing_secret(&world, "B"));
    world.end([operator]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_namespace_that_an_account_does_not_serve_its_sinks_hear_nothing() {
    let receiver = Receiver::start().await;
    let (world, other) = (World::without_account("sink-served").await, World::without_account("sink-other").await);
    world.secret(OPERATOR_NAMESPACE, &format!("{}-signing", world.namespace), &signing_secret(&world, "A")).await;
    let mut account = every_second();
    account["notifications"] = json!([sink(&world, "a", &receiver)]);
    account["allowedNamespaces"] = json!({ "names": [other.namespace] });
    world.cluster_account(account.clone()).await;
    let path = world.logs.path().join("audit.log");
    let namespaces = format!("--watch-namespaces={},{}", world.namespace, other.namespace);
    let audit_log = format!("--audit-log={}", path.display());
    let operator = world.operator(&[&namespaces, &audit_log]).await;
    // It is withdrawn before anything, which needs no account to be recorded.
    ask(&world, "bob", json!({})).await;
    world.until("bob", "AccountNotAllowed").await;
    world.change("bob", json!({ "withdrawal": { "time": "2026-01-01T00:00:00Z" } })).await;
    world.until("bob", "ConsentWithdrawn").await;
    // The next process sends the last event of each consent again.
    operator.kill();
    let operator = world.operator(&[&namespaces, &audit_log]).await;
    world.delete("bob").await;
    let until_logged = async |name: &str| {
        let end = format!("digitaltwinconsents/{name}\",\"specversion\"");
        eventually("the audit log has its end", || async {
            let log = std::fs::read_to_string(&path).unwrap();
            if log.lines().any(|line| line.contains(&end) && line.contains("consent.deleted")) { Ok(()) } else { Err(log) }
        })
        .await;
    };
    until_logged("bob").await;
    account["allowedNamespaces"] = json!({ "names": [other.namespace, world.namespace] });
    world.cluster_account(account).await;
    ask(&world, "ada", json!({})).await;
    until_words(&receiver, "ada", &["requested"]).await;
    assert_eq!(receiver.words_of("bob"), [""; 0]);
    world.end([operator]).await;
    other.end([]).await;
}
