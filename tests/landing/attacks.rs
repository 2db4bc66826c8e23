//! Clients without a token, with one of another operator or one that is too old; and slow ones.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use kube::ResourceExt as _;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use twinconsent::process::server::connections::{LIFETIME, MOST};
use twinconsent_core::api::consent::DigitalTwinConsent;
use twinconsent_core::consent::landing::{Key, Subject};

use crate::page::Scene;
use crate::support::eventually_within;

/// For how long one client tries token after token.
const ATTACK: Duration = Duration::from_secs(10);

/// How many connections that client has at once.
const AT_ONCE: u64 = 32;

/// What the operator's memory may grow by for each token that is tried, in bytes: less than an entry of a map takes.
const GROWTH: u64 = 32;

/// And besides, in kB.
const NOISE: u64 = 512;

/// What slow clients may take, in kB: a tenth of what the chart lets the operator have.
const TAKEN: u64 = 25 * 1024;

/// How many slow clients there are.
const SLOW: usize = 3 * MOST;

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_forged_foreign_or_replayed_brings_nothing_however_fast_it_comes() {
    let scene = Scene::start("forged").await;
    let replica = scene.operator().await;
    scene.ask(&replica, "ada", json!({})).await;
    let known = scene.ask(&replica, "bob", json!({})).await;
    let awaited = scene.ask(&replica, "eve", json!({})).await;
    scene.simulator.approve("bob").unwrap();
    replica.get(&known).await;
    let approved = scene.until("bob", "Approved").await;
    let ada = scene.consents().get("ada").await.unwrap();
    let reads = ["ada", "bob"].map(|name| scene.reads(name));

    // As another operator makes them, with a key of its own, for this very object.
    let foreign = foreign(&ada);
    let unknown = replica.get("/back/AAAAAAAAAAAAAAAAAAAAAA").await;
    assert_eq!((unknown.status, unknown.heading()), (404, "Nothing to show"));
    for path in [foreign.as_str(), "/", "/back/", "/favicon.ico", "/back/%00", "/back/../ada", "/back/AAAAAAAAAAAAAAAAAAAAAA?renewal=1"] {
        assert_eq!(replica.get(path).await, unknown, "{path}");
    }

    // The first thousands fill what is filled once.
    let address = replica.address().await;
    let (landings, eve, came) = (replica.landings("written").await, scene.reads("eve"), Instant::now());
    let warm = tried(&address, Duration::from_secs(1), [&known, &awaited]).await;
    let (before, began) = (replica.resident(), Instant::now());
    let tries = tried(&address, ATTACK, [&known, &awaited]).await;
    let grown = replica.resident().saturating_sub(before);
    println!("{tries} tokens within {:?}, after {warm}: {grown} kB more", began.elapsed());
    assert!(grown < NOISE + tries * GROWTH / 1024, "{grown} kB more");
    assert_eq!(["ada", "bob"].map(|name| scene.reads(name)), reads, "no poll");
    for before in [ada, approved] {
        let after = scene.consents().get(&before.name_any()).await.unwrap();
        assert_eq!(after.resource_version(), before.resource_version(), "{}: no write", before.name_any());
    }
    assert_eq!(replica.get("/back/AAAAAAAAAAAAAAAAAAAAAA").await, unknown, "and no other answer");
    // Of the person who is awaited, a landing in half a minute is written, and each is followed by a poll at once and three more in that time.
    let most = 1 + came.elapsed().as_secs() / 30;
    let (landed, polled) = ((replica.landings("written").await - landings) as u64, scene.reads("eve") - eve);
    assert!((1..=most).contains(&landed), "{landed} landings, {most} at most");
    assert!((1..=4 * most).contains(&polled), "{polled} polls of one person, {most} landings at most");
    scene.end([replica]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_as_unknown_as_any_other_a_week_after_the_end_of_its_link() {
    let scene = Scene::start("old").await;
    let replica = scene.operator().await;
    let path = scene.ask(&replica, "ada", json!({ "rerouteURL": "https://studio.example/thanks" })).await;
    let log = replica.operator.terminate().await;
    assert!(!log.contains("panicked"), "{log}");
    let days_ago = |days: i64| {
        (twinconsent::process::clock::now() - jiff::SignedDuration::from_hours(24 * days)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    };
    scene.rewrite_status("ada", json!({ "initiationTime": days_ago(9), "linkExpirationTime": days_ago(8) })).await;
    let replica = scene.operator().await;
    let unknown = replica.get("/back/AAAAAAAAAAAAAAAAAAAAAA").await;
    eventually_within(LIFETIME * 5, "the page is ready", || async {
        let answer = replica.get(&path).await;
        if answer.status == 404 { Ok(()) } else { Err(answer.status) }
    })
    .await;
    assert!([404, 503].contains(&unknown.status));
    assert_eq!(replica.get(&path).await, replica.get("/back/AAAAAAAAAAAAAAAAAAAAAA").await);
    assert!(scene.consents().get("ada").await.unwrap().status.unwrap().landing_time.is_none());
    scene.end([replica]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_take_no_memory_and_are_hung_up_on_and_persons_come_through() {
    let scene = Scene::start("dawdling").await;
    let replica = scene.operator().await;
    let path = scene.ask(&replica, "ada", json!({})).await;
    let before = replica.resident();
    let parts = ["", "GET /ba", "GET /back/x HTTP/1.1\r\nHost: ", "GET /back/x HTTP/1.1\r\nX-Endless: "];
    let address = replica.address().await;
    let held: Vec<TcpStream> = futures::stream::iter(0..SLOW)
        .map(|number| {
            let (address, part) = (address.clone(), parts[number % parts.len()]);
            async move {
                let mut stream = TcpStream::connect(&address).await.unwrap();
                let _ = stream.write_all(part.as_bytes()).await;
                let _ = stream.write_all("x".repeat(if number % 4 == 3 { 32 * 1024 } else { 0 }).as_bytes()).await;
                stream
            }
        })
        .buffer_unordered(64)
        .collect()
        .await;
    scene.simulator.approve("ada").unwrap();
    assert_eq!(replica.get(&path).await.status, 200, "a person comes through");
    scene.until("ada", "Approved").await;
    let grown = replica.resident().saturating_sub(before);
    println!("{SLOW} slow clients: {grown} kB more");
    assert!(grown < TAKEN, "{grown} kB more");
    let open = std::sync::Mutex::new(held);
    eventually_within(LIFETIME * 5, "every connection is closed", || {
        open.lock().unwrap().retain_mut(|stream| !is_closed(stream));
        let left = open.lock().unwrap().len();
        async move { if left == 0 { Ok(()) } else { Err(left) } }
    })
    .await;
    scene.end([replica]).await;
}

/// Tries one token after the other for so long, and among them the two that are known. Each answer is the right one. Returns how many.
async fn tried(address: &str, time: Duration, known: [&str; 2]) -> u64 {
    let (began, tries) = (Instant::now(), std::sync::atomic::AtomicU64::new(0));
    futures::stream::iter(0..AT_ONCE)
        .for_each_concurrent(None, |client| {
            let tries = &tries;
            async move {
                let mut number = u128::from(client) << 64;
                while began.elapsed() < time {
                    number += 1;
                    let (path, status) = match number % 8 {
                        known_one @ (0 | 1) => (known[usize::from(known_one == 1)].to_owned(), 200),
                        _ => (format!("/back/{}", forged(number)), 404),
                    };
                    assert_eq!(ask(address, &path).await, Some(status));
                    tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }
            }
        })
        .await;
    tries.into_inner()
}

/// The status that a path is answered with, if it is answered.
async fn ask(address: &str, path: &str) -> Option<u16> {
    use tokio::io::AsyncReadExt as _;
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    answer.split(' ').nth(1)?.parse().ok()
}

/// A token like any other.
fn forged(number: u128) -> String {
    let key = Key::new(&number.to_be_bytes().repeat(2)).unwrap();
    key.token(&Subject::of(&DigitalTwinConsent::new("forged", Default::default()), 0)).expose()
}

/// The token of an object by a key that is not this operator's.
fn foreign(consent: &DigitalTwinConsent) -> String {
    let key = Key::new(&[9; 32]).unwrap();
    format!("/back/{}", key.token(&Subject::asked(consent).unwrap()).expose())
}

fn is_closed(stream: &mut TcpStream) -> bool {
    let mut some = [0; 16 * 1024];
    loop {
        match stream.try_read(&mut some) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() != std::io::ErrorKind::WouldBlock,
        }
    }
}
