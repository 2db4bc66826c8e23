//! A started simulator and a client for it.

use std::time::Duration;

use heygen_simulator::{Control, DEMO_API_KEY, GroupDefinition, Settings, Simulator};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

/// A deadline for what happens at once; only a broken simulator reaches it.
pub const SOON: Duration = Duration::from_secs(20);

/// A simulator with the twin `twin`, and a client that follows no redirects.
pub struct Stage {
    pub simulator: Simulator,
    pub control: Control,
    pub client: Client,
}

/// An answer, read completely.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect("a JSON body")
    }

    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a header of text"))
    }
}

pub async fn stage() -> Stage {
    let mut settings = Settings::default();
    settings.groups.push(GroupDefinition::twin("twin"));
    stage_with(settings).await
}

pub async fn stage_with(settings: Settings) -> Stage {
    let simulator = Simulator::start(settings).await.expect("a simulator");
    let control = simulator.control();
    Stage { simulator, control, client: client() }
}

pub fn client() -> Client {
    // Whichever test comes first installs it; the others find it there.
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).pool_max_idle_per_host(0).build().expect("a client")
}

impl Stage {
    /// A request with the demo key.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.bare(method, path).header("X-Api-Key", DEMO_API_KEY)
    }

    /// A request without a key.
    pub fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.simulator.base_url()))
    }

    pub async fn get(&self, path: &str) -> Reply {
        send(self.request(Method::GET, path)).await
    }

    /// A consent POST for a group, with a key unless it is empty.
    pub fn consent(&self, group: &str, key: &str, body: &str) -> RequestBuilder {
        let request = self.request(Method::POST, &format!("/v3/avatars/{group}/consent"));
        let request = if key.is_empty() { request } else { request.header("Idempotency-Key", key) };
        request.body(body.to_owned())
    }

    pub async fn post(&self, group: &str, key: &str, body: &str) -> Reply {
        send(self.consent(group, key, body)).await
    }

    /// A fresh link for the twin.
    pub async fn link(&self, body: &str) -> String {
        let reply = self.post("twin", "", body).await;
        reply.json()["data"]["url"].as_str().expect("a link").to_owned()
    }

    /// A question about the simulator itself.
    pub async fn sim(&self, path: &str) -> Reply {
        send(self.bare(Method::GET, &format!("/_sim/{path}"))).await
    }

    pub async fn consent_status(&self) -> Value {
        self.get("/v3/avatars/twin").await.json()["data"]["consent_status"].clone()
    }
}

pub async fn send(request: RequestBuilder) -> Reply {
    let response = request.send().await.expect("an answer");
    Reply { status: response.status().as_u16(), headers: response.headers().clone(), text: response.text().await.expect("a body") }
}

/// Waits until `ready` holds, and fails when it does not within [`SOON`].
pub async fn until(what: &str, ready: impl Fn() -> bool) {
    let waiting = async {
        while !ready() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    assert!(tokio::time::timeout(SOON, waiting).await.is_ok(), "never: {what}");
}
