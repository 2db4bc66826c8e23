//! `/v3/webhooks/endpoints` (HeyGen API notes, section 9).

use axum::body::Bytes;
use hyper::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::initiate::random_token;
use super::request::Received;
use super::wire::{Data, Page, Param};
use super::{Answer, State};
use crate::control::ControlError;
use crate::webhook::{Delivery, Endpoint, WebhookEndpoint, WebhookEvent, iso, sign};

/// Page size without `limit`, and the largest (HeyGen API notes, section 9).
const LIMITS: (usize, usize) = (10, 100);

#[derive(Deserialize)]
struct Registration {
    url: String,
    #[serde(default)]
    events: Option<Vec<String>>,
}

impl State {
    pub(super) fn webhooks(&mut self, account: usize, received: &Received, endpoint: Option<&str>, rotate: bool) -> Answer {
        match (endpoint, &received.method) {
            (None, &Method::POST) => self.register(account, received),
            (None, &Method::GET) => self.list_endpoints(account, received),
            (Some(id), &Method::DELETE) if !rotate => match self.endpoint_of(account, id) {
                Some(at) => {
                    self.webhooks.remove(at);
                    Answer::json(200, &json!({ "data": { "endpoint_id": id } }))
                }
                None => no_such_endpoint(),
            },
            (Some(id), &Method::POST) if rotate => match (self.endpoint_of(account, id), random_token()) {
                (Some(at), Ok(token)) => {
                    self.webhooks[at].secret = format!("whsec_{token}");
                    Answer::json(200, &Data { data: with_secret(&self.webhooks[at]) })
                }
                _ => no_such_endpoint(),
            },
            _ => Answer::error(405, "method_not_allowed", "The simulator does not offer this method here", Param::Null),
        }
    }

    fn register(&mut self, account: usize, received: &Received) -> Answer {
        let body = received.body.as_deref().unwrap_or_default();
        let Ok(Registration { url, events }) = serde_json::from_slice(body) else {
            return Answer::invalid("url", "Required");
        };
        if !received.probed {
            return Answer::invalid("url", "Does not answer OPTIONS with 200");
        }
        let (Ok(id), Ok(token)) = (random_token(), random_token()) else {
            return Answer::error(500, "internal_error", "No random numbers to be had", Param::Null);
        };
        let created_at = self.clock.now() / 1000;
        let endpoint = Endpoint { id, account, url, events, created_at, secret: format!("whsec_{token}") };
        let answer = Answer::json(200, &Data { data: with_secret(&endpoint) });
        self.webhooks.push(endpoint);
        answer
    }

    /// A token is the id of the last endpoint shown; one that was deleted since begins anew.
    fn list_endpoints(&self, account: usize, received: &Received) -> Answer {
        let limit = match received.query_value("limit").map(|text| text.parse()) {
            None => LIMITS.0,
            Some(Ok(limit)) if (1..=LIMITS.1).contains(&limit) => limit,
            Some(_) => return Answer::invalid("limit", "Must be from 1 to 100"),
        };
        let own: Vec<&Endpoint> = self.webhooks.iter().filter(|endpoint| endpoint.account == account).collect();
        let token = received.query_value("token");
        let from = own.iter().position(|endpoint| Some(&endpoint.id) == token.as_ref()).map_or(0, |at| at + 1);
        let data: Vec<Value> = own.iter().skip(from).take(limit).map(|endpoint| shown(endpoint)).collect();
        let last = from + data.len();
        let has_more = last < own.len();
        Answer::json(200, &Page { data, has_more, next_token: has_more.then(|| own[last - 1].id.clone()) })
    }

    fn endpoint_of(&self, account: usize, id: &str) -> Option<usize> {
        self.webhooks.iter().position(|endpoint| endpoint.account == account && endpoint.id == id)
    }

    pub(crate) fn webhook_endpoints(&self) -> Vec<WebhookEndpoint> {
        let view = |endpoint: &Endpoint| WebhookEndpoint {
            endpoint_id: endpoint.id.clone(),
            account: self.accounts[endpoint.account].name.clone(),
            url: endpoint.url.clone(),
            events: endpoint.events.clone(),
        };
        self.webhooks.iter().map(view).collect()
    }

    /// What an event sends, and to whom. The fields of `event_data` are undocumented (HeyGen API notes, section 9): the group's id
    /// is an assumption.
    pub(crate) fn deliveries(&self, event: &WebhookEvent) -> Result<Vec<Delivery>, ControlError> {
        let group = self.groups.get(&event.group).ok_or_else(|| ControlError::UnknownGroup(event.group.clone()))?;
        let event_id = random_token().map_err(|_| ControlError::invalid("event", "no random numbers to be had"))?;
        let timestamp = (self.clock.now() / 1000).saturating_sub(event.late_seconds);
        let body = json!({
            "event_id": event_id,
            "event_type": event.event_type,
            "event_data": { "avatar_group_id": event.group },
            "created_at": iso(timestamp),
        });
        let body = Bytes::from(body.to_string());
        let wants = |endpoint: &&Endpoint| {
            endpoint.account == group.account && endpoint.events.as_ref().is_none_or(|events| events.contains(&event.event_type))
        };
        let copies = |endpoint: &Endpoint| {
            let (url, signature) = (endpoint.url.clone(), sign(&endpoint.secret, &body));
            (0..event.copies)
                .map(|_| Delivery {
                    url: url.clone(),
                    event_id: event_id.clone(),
                    timestamp,
                    signature: signature.clone(),
                    body: body.clone(),
                })
                .collect::<Vec<_>>()
        };
        Ok(self.webhooks.iter().filter(wants).flat_map(copies).collect())
    }
}

fn shown(endpoint: &Endpoint) -> Value {
    json!({
        "endpoint_id": endpoint.id,
        "url": endpoint.url,
        "events": endpoint.events,
        "status": "enabled",
        "created_at": iso(endpoint.created_at),
    })
}

/// The secret is shown on registration and rotation only.
fn with_secret(endpoint: &Endpoint) -> Value {
    let mut shown = shown(endpoint);
    shown["secret"] = json!(endpoint.secret);
    shown
}

fn no_such_endpoint() -> Answer {
    Answer::error(404, "webhook_not_found", "Webhook endpoint not found", Param::Null)
}
