//! A receiver of notifications, which answers as a test says and keeps what it was sent.

#![allow(dead_code, reason = "several test binaries include this, and none uses all of it")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Request, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What is answered to one delivery.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub after: Duration,
    /// How many bytes the body has, in chunks of a mebibyte at most.
    pub bytes: u64,
}

/// One delivery.
#[derive(Debug, Clone)]
pub struct Received {
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

/// A receiver on loopback. It ends when it is dropped.
pub struct Receiver {
    pub url: String,
    known: Arc<Mutex<Known>>,
    server: JoinHandle<()>,
}

struct Known {
    received: Vec<Received>,
    /// The next answers, one after the other, and then always the last.
    next: VecDeque<Reply>,
    always: Reply,
    /// How many bytes of bodies were taken by clients.
    sent: u64,
}

impl Reply {
    pub fn of(status: u16) -> Self {
        Self { status, headers: Vec::new(), after: Duration::ZERO, bytes: 0 }
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

impl Received {
    pub fn event(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// What it tells of, such as `approved`.
    pub fn word(&self) -> String {
        self.event()["type"].as_str().unwrap().trim_end_matches(".v1").rsplit('.').next().unwrap().to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no header {name}: {:?}", self.headers)).to_str().unwrap()
    }
}

impl Receiver {
    /// One that takes everything.
    pub async fn start() -> Self {
        Self::on("127.0.0.1:0").await
    }

    /// One at an address.
    pub async fn on(address: &str) -> Self {
        let known = Arc::new(Mutex::new(Known { received: Vec::new(), next: VecDeque::new(), always: Reply::of(204), sent: 0 }));
        let router = Router::new().fallback(receive).with_state(known.clone());
        let listener = TcpListener::bind(address).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, known, server }
    }

    /// What is answered from now on.
    pub fn answer(&self, reply: Reply) {
        self.known().always = reply;
    }

    /// What is answered to the next deliveries, before anything else.
    pub fn answer_next(&self, replies: impl IntoIterator<Item = Reply>) {
        self.known().next.extend(replies);
    }

    /// What came, in the order in which it came.
    pub fn received(&self) -> Vec<Received> {
        self.known().received.clone()
    }

    /// What came about an object, as words.
    pub fn words_of(&self, name: &str) -> Vec<String> {
        let end = format!("/{name}");
        let of_object = |received: &Received| received.event()["source"].as_str().unwrap().ends_with(&end);
        self.received().iter().filter(|received| of_object(received)).map(Received::word).collect()
    }

    /// How many bytes of bodies were taken.
    pub fn sent(&self) -> u64 {
        self.known().sent
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn receive(State(known): State<Arc<Mutex<Known>>>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let reply = {
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        let received =
            Received { path: parts.uri.path().to_owned(), headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() };
        known.received.push(received);
        known.next.pop_front().unwrap_or_else(|| known.always.clone())
    };
    tokio::time::sleep(reply.after).await;
    let chunk = Bytes::from(vec![b'a'; 1 << 16]);
    let chunks = futures::stream::unfold((reply.bytes, known), move |(left, known)| {
        let chunk = chunk.slice(..chunk.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
        async move {
            if left == 0 {
                return None;
            }
            known.lock().unwrap_or_else(PoisonError::into_inner).sent += chunk.len() as u64;
            Some((Ok::<_, std::io::Error>(chunk.clone()), (left - chunk.len() as u64, known)))
        }
    });
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(if reply.bytes == 0 { Body::empty() } else { Body::from_stream(chunks) }).unwrap()
}
