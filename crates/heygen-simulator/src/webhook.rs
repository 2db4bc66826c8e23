//! Webhooks: who is told of events, and how a delivery is signed and sent (HeyGen API notes, section 9).

use std::time::Duration;

use axum::body::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;

use crate::state::Received;
use crate::target::Target;

/// How long a receiver may take (HeyGen API notes, section 9).
const PATIENCE: Duration = Duration::from_secs(10);

/// The block of SHA-256, in bytes.
const BLOCK: usize = 64;

/// A webhook endpoint as the control API shows it: without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WebhookEndpoint {
    /// Its id.
    pub endpoint_id: String,
    /// The account that registered it.
    pub account: String,
    /// Where deliveries go.
    pub url: String,
    /// Which events; none means all.
    pub events: Option<Vec<String>>,
}

/// An event to deliver.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookEvent {
    /// Such as `instant_avatar.success`. Whether HeyGen sends that one for a v3 twin is unknown (HeyGen API notes, section 9).
    pub event_type: String,
    /// The group that it is about; its account's endpoints are told.
    pub group: String,
    /// How often the same delivery is sent to each endpoint, with one `Heygen-Event-Id`. Default once.
    #[serde(default = "once")]
    pub copies: u32,
    /// How old the delivery is, in seconds: its timestamp lies so far back. Default 0.
    #[serde(default)]
    pub late_seconds: u64,
}

impl WebhookEvent {
    /// `instant_avatar.success` for a group, once and in time.
    pub fn success(group: impl Into<String>) -> Self {
        Self { event_type: "instant_avatar.success".to_owned(), group: group.into(), copies: once(), late_seconds: 0 }
    }
}

fn once() -> u32 {
    1
}

/// An endpoint in the running simulator.
pub(crate) struct Endpoint {
    pub(crate) id: String,
    pub(crate) account: usize,
    pub(crate) url: String,
    pub(crate) events: Option<Vec<String>>,
    /// Unix seconds.
    pub(crate) created_at: u64,
    pub(crate) secret: String,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("id", &self.id).field("account", &self.account).finish_non_exhaustive()
    }
}

/// One request to one endpoint.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) url: String,
    pub(crate) event_id: String,
    pub(crate) timestamp: u64,
    pub(crate) signature: String,
    pub(crate) body: Bytes,
}

/// The address that a registration wants to be probed.
pub(crate) fn to_probe(received: &Received) -> Option<String> {
    let registers = received.method == Method::POST && received.target == Target::Webhooks { endpoint: None, rotate: false };
    let body: Value = serde_json::from_slice(received.body.as_ref().filter(|_| registers)?).ok()?;
    body["url"].as_str().map(str::to_owned)
}

/// Whether the address answers `OPTIONS` with 200, as HeyGen wants it on registration.
pub(crate) async fn probe(url: &str) -> bool {
    send(Method::OPTIONS, url, &[], Bytes::new()).await == Some(200)
}

/// Sends a delivery; the status answered, 0 for none.
pub(crate) async fn deliver(delivery: &Delivery) -> u16 {
    let headers = [
        ("heygen-signature", delivery.signature.clone()),
        ("heygen-timestamp", delivery.timestamp.to_string()),
        ("heygen-event-id", delivery.event_id.clone()),
    ];
    send(Method::POST, &delivery.url, &headers, delivery.body.clone()).await.unwrap_or(0)
}

/// The status answered; none when there is no answer in time, or the address is none that the simulator reaches. HeyGen wants
/// HTTPS; the simulator, which stays on its machine, speaks HTTP only.
async fn send(method: Method, url: &str, headers: &[(&str, String)], body: Bytes) -> Option<u16> {
    let exchange = async {
        let uri: Uri = url.parse().ok()?;
        let authority = uri.authority().filter(|_| uri.scheme_str() == Some("http"))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80))).await.ok()?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request =
            Request::builder().method(method).uri(path).header(HOST, authority.as_str()).header(CONTENT_TYPE, "application/json");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(body)).ok()?;
        let answer = async {
            let response = sender.send_request(request).await.ok()?;
            let status = response.status().as_u16();
            response.into_body().collect().await.ok()?;
            Some(status)
        };
        // The connection has to be driven beside the exchange, and needs nobody once the exchange is over.
        tokio::select! {
            answered = answer => answered,
            _ = connection => None,
        }
    };
    tokio::time::timeout(PATIENCE, exchange).await.ok().flatten()
}

/// The hex HMAC-SHA256 of the raw body (RFC 2104).
pub(crate) fn sign(secret: &str, body: &[u8]) -> String {
    let mut key = [0; BLOCK];
    match secret.as_bytes() {
        long if long.len() > BLOCK => key[..32].copy_from_slice(&Sha256::digest(long)),
        short => key[..short.len()].copy_from_slice(short),
    }
    let inner = Sha256::new().chain_update(key.map(|byte| byte ^ 0x36)).chain_update(body).finalize();
    let outer = Sha256::new().chain_update(key.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize();
    outer.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Unix seconds as ISO 8601 in UTC.
pub(crate) fn iso(seconds: u64) -> String {
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    // Days since 1 March of the year 0, so that leap days end a year.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_rfc_4231() {
        let second = sign("Jefe", b"what do ya want for nothing?");
        assert_eq!(second, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        let long = String::from_utf8(vec![b'a'; 131]).unwrap_or_default();
        assert_ne!(sign(&long, b"x"), sign(&long[..64], b"x"), "a long key is hashed and not cut");
    }

    #[test]
    fn times_are_written_as_calendars_have_them() {
        assert_eq!(iso(0), "1970-01-01T00:00:00Z");
        assert_eq!(iso(951_782_400 + 3661), "2000-02-29T01:01:01Z");
        assert_eq!(iso(1_772_323_200), "2026-03-01T00:00:00Z");
    }
}
