//! Any pod of the cluster may open the operator's port, as often as it likes and without ever finishing a request.

use std::process::Command;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use twinconsent::process::server::connections::{LIFETIME, MOST};

use crate::support::scene::Scene;
use crate::support::{Operator, eventually_within};

/// How many connections are held open. Twice as many descriptors: the operator has the same limit.
const CLIENTS: usize = 4000;

/// What the operator's memory may grow by meanwhile, in kB: a tenth of what the chart lets it have.
const GROWTH: u64 = 25 * 1024;

/// How soon a probe must be answered: the kubelet's patience by default.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many probes in succession must fail until the kubelet acts on it, by default.
const FAILURES: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_slow_clients_neither_fill_the_memory_nor_keep_a_probe_waiting_nor_stop_the_work() {
    let clients = raise_the_limit_of_open_files();
    let scene = Scene::start("slow").await;
    scene.ask("ada", serde_json::json!({})).await;
    scene.until("ada", "AwaitingApproval").await;
    let operator = scene.operator();
    let before = resident(operator);
    probe(operator).await;

    let began = Instant::now();
    let address = operator.url("").trim_start_matches("http://").to_owned();
    let held: Vec<TcpStream> =
        futures::stream::iter(0..clients).map(|number| slow_client(&address, number)).buffer_unordered(64).collect().await;
    let opened = began.elapsed();
    let failed = probe(operator).await;
    let grown = resident(operator).saturating_sub(before);
    scene.simulator.approve("ada").unwrap();
    scene.until("ada", "Approved").await;
    println!("{clients} slow clients within {opened:?}: {grown} kB more, {failed} probes were not answered in time");
    assert!(grown < GROWTH, "{grown} kB more");

    let (mut open, mut still) = (held, Vec::new());
    eventually_within(LIFETIME * 5, "every connection is closed", || {
        for mut stream in std::mem::take(&mut open).into_iter().chain(std::mem::take(&mut still)) {
            if !is_closed(&mut stream) {
                still.push(stream);
            }
        }
        let left = still.len();
        async move { if left == 0 { Ok(()) } else { Err(format!("{left} are open; {MOST} may be for {LIFETIME:?}")) } }
    })
    .await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_closed_after_its_answer() {
    let scene = Scene::start("once").await;
    let mut stream = TcpStream::connect(scene.operator().url("").trim_start_matches("http://")).await.unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: operator\r\n\r\nGET /livez HTTP/1.1\r\nHost: operator\r\n\r\n").await.unwrap();
    let mut answers = String::new();
    tokio::time::timeout(LIFETIME * 5, stream.read_to_string(&mut answers)).await.expect("it is closed").unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 1, "{answers}");
    scene.end().await;
}

/// Asks as the kubelet does, which restarts a pod when several probes in succession are not answered in time. How many were not.
async fn probe(operator: &Operator) -> usize {
    let mut failed = 0;
    for path in ["/livez", "/readyz", "/metrics"] {
        let mut tries = 0;
        while !matches!(tokio::time::timeout(PATIENCE, operator.get(path)).await, Ok(Some((200, _)))) {
            tries += 1;
            assert!(tries < FAILURES, "{path} is not answered within {PATIENCE:?}, {tries} times in succession");
        }
        failed += tries;
    }
    failed
}

/// One of five sorts: one that says nothing, one that stops in the first line or in a header, one that sends a header without end, and one that asks for
/// the longest page and does not read it.
async fn slow_client(address: &str, number: usize) -> TcpStream {
    let endless = format!("GET /livez HTTP/1.1\r\nX-Endless: {}", "x".repeat(64 * 1024));
    let part =
        ["", "GET /li", "GET /livez HTTP/1.1\r\nHost: ", endless.as_str(), "GET /metrics HTTP/1.1\r\nHost: operator\r\n\r\n"][number % 5];
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The operator may hang up meanwhile; what it does not read shall not keep the others waiting.
    let _ = tokio::time::timeout(PATIENCE, stream.write_all(part.as_bytes())).await;
    stream
}

fn is_closed(stream: &mut TcpStream) -> bool {
    let mut some = [0; 64 * 1024];
    loop {
        match stream.try_read(&mut some) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() != std::io::ErrorKind::WouldBlock,
        }
    }
}

/// The operator's memory, in kB.
fn resident(operator: &Operator) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", operator.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Raises this process's limit as far as it may. Returns how many clients fit.
fn raise_the_limit_of_open_files() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let most = line.split_whitespace().nth(4).unwrap().to_owned();
    let own = std::process::id().to_string();
    let raised = Command::new("prlimit").args(["--pid", &own, &format!("--nofile={most}:{most}")]).status().unwrap();
    assert!(raised.success());
    let clients = most.parse().map_or(CLIENTS, |most: usize| CLIENTS.min(most / 2));
    assert!(clients >= 3 * MOST, "{most} open files are too few for this test");
    clients
}
