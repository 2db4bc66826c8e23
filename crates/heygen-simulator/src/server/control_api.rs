//! `/_sim/`: the switches of [`Control`] over HTTP, JSON in and out, without authentication.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, patch, post};
use axum::{Json, Router};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::account::{AccountDefinition, AccountPatch};
use crate::control::{Control, ControlError};
use crate::fault::FaultRule;
use crate::group::{BulkGroups, GroupDefinition, GroupPatch};
use crate::settings::{BehaviourPatch, duration_json};
use crate::simulator::Shared;
use crate::webhook::WebhookEvent;

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/_sim/groups", post(create_groups))
        .route("/_sim/groups/{id}", get(show_group).patch(patch_group).delete(delete_group))
        .route("/_sim/groups/{id}/approve", post(approve))
        .route("/_sim/groups/{id}/reject", post(reject))
        .route("/_sim/faults", get(list_faults).post(add_fault).delete(clear_faults))
        .route("/_sim/faults/{id}", delete(remove_fault))
        .route("/_sim/clock", get(show_clock).post(advance_clock))
        .route("/_sim/settings", get(show_settings).patch(change_settings))
        .route("/_sim/accounts", get(list_accounts).post(create_account))
        .route("/_sim/accounts/{name}", patch(patch_account))
        .route("/_sim/requests", get(list_requests))
        .route("/_sim/summary", get(summary))
        .route("/_sim/summary/{id}", get(group_summary))
        .route("/_sim/webhooks", get(list_webhooks))
        .route("/_sim/webhooks/deliver", post(deliver))
        .route("/_sim/reset-record", post(reset_record))
        .fallback(no_such_path)
        .with_state(Control::new(shared))
}

/// What a call of the control API can fail with; the answer is `{"error": "field: reason"}`.
enum Failure {
    /// The body or the query is not what the call takes; the text names the field.
    Malformed(String),
    Refused(ControlError),
}

impl From<ControlError> for Failure {
    fn from(error: ControlError) -> Self {
        Self::Refused(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, text) = match self {
            Self::Malformed(text) => (StatusCode::BAD_REQUEST, text),
            Self::Refused(error) => {
                let status = match &error {
                    ControlError::UnknownAccount(_) | ControlError::UnknownGroup(_) | ControlError::UnknownFault(_) => {
                        StatusCode::NOT_FOUND
                    }
                    ControlError::AccountExists(_) | ControlError::GroupExists(_) => StatusCode::CONFLICT,
                    ControlError::Invalid { .. } => StatusCode::BAD_REQUEST,
                };
                (status, error.to_string())
            }
        };
        (status, Json(json!({ "error": text }))).into_response()
    }
}

type Answer = Result<Response, Failure>;

/// Reads a body whatever its content type, for callers that use plain curl; an error names the path to the field.
fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Failure> {
    Json::<T>::from_bytes(body).map(|Json(value)| value).map_err(|rejection| {
        // The parser's text with the path in it is the source; the rejection's own says only that it failed.
        let text = std::error::Error::source(&rejection).map_or_else(|| rejection.body_text(), ToString::to_string);
        Failure::Malformed(text)
    })
}

/// The query, read strictly.
fn read_query<T: DeserializeOwned>(query: BTreeMap<String, String>) -> Result<T, Failure> {
    // Through JSON, in which a number of the query is given as text; the target's fields read both.
    let fields: serde_json::Map<String, serde_json::Value> = query
        .into_iter()
        .map(|(name, text)| {
            let value = serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text));
            (name, value)
        })
        .collect();
    serde_json::from_value(serde_json::Value::Object(fields)).map_err(|error| Failure::Malformed(error.to_string()))
}

fn show(value: &impl Serialize) -> Answer {
    Ok(Json(value).into_response())
}

fn done() -> Answer {
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Either form of a creation: explicit groups, or many alike ones.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct CreateGroups {
    groups: Vec<GroupDefinition>,
    account: Option<String>,
    prefix: Option<String>,
    count: Option<usize>,
}

async fn create_groups(State(control): State<Control>, body: Bytes) -> Answer {
    let CreateGroups { groups, account, prefix, count } = read(&body)?;
    let mut created = groups.len();
    for mut group in groups {
        group.account = group.account.or_else(|| account.clone());
        control.create_group(group)?;
    }
    match (prefix, count) {
        (Some(prefix), Some(count)) => {
            created += control.create_groups(&BulkGroups { account, prefix, count })?;
        }
        (Some(_), None) => return Err(ControlError::invalid("count", "is missing").into()),
        (None, Some(_)) => return Err(ControlError::invalid("prefix", "is missing").into()),
        (None, None) if created == 0 => {
            let reason = "give these, or prefix and count";
            return Err(ControlError::invalid("groups", reason).into());
        }
        (None, None) => {}
    }
    let answer = Json(json!({ "created": created }));
    Ok((StatusCode::CREATED, answer).into_response())
}

async fn show_group(State(control): State<Control>, Path(id): Path<String>) -> Answer {
    show(&control.group(&id)?)
}

async fn patch_group(State(control): State<Control>, Path(id): Path<String>, body: Bytes) -> Answer {
    let patch: GroupPatch = read(&body)?;
    control.patch_group(&id, patch)?;
    show(&control.group(&id)?)
}

async fn delete_group(State(control): State<Control>, Path(id): Path<String>) -> Answer {
    control.delete_group(&id)?;
    done()
}

async fn approve(State(control): State<Control>, Path(id): Path<String>) -> Answer {
    control.approve(&id)?;
    show(&control.group(&id)?)
}

async fn reject(State(control): State<Control>, Path(id): Path<String>) -> Answer {
    control.reject(&id)?;
    show(&control.group(&id)?)
}

async fn list_faults(State(control): State<Control>) -> Answer {
    show(&json!({ "faults": control.faults() }))
}

async fn add_fault(State(control): State<Control>, body: Bytes) -> Answer {
    let rule: FaultRule = read(&body)?;
    let id = control.add_fault(rule)?;
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))).into_response())
}

async fn clear_faults(State(control): State<Control>) -> Answer {
    control.clear_faults();
    done()
}

async fn remove_fault(State(control): State<Control>, Path(id): Path<String>) -> Answer {
    let id = id.parse().map_err(|_| ControlError::invalid("id", "must be a number"))?;
    control.remove_fault(id)?;
    done()
}

async fn show_clock(State(control): State<Control>) -> Answer {
    show(&control.clock())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AdvanceClock {
    #[serde(rename = "advance_seconds", with = "duration_json::seconds")]
    by: Duration,
}

async fn advance_clock(State(control): State<Control>, body: Bytes) -> Answer {
    let AdvanceClock { by } = read(&body)?;
    show(&control.advance(by))
}

async fn show_settings(State(control): State<Control>) -> Answer {
    show(&control.behaviour())
}

async fn change_settings(State(control): State<Control>, body: Bytes) -> Answer {
    let patch: BehaviourPatch = read(&body)?;
    show(&control.change_behaviour(patch)?)
}

async fn list_accounts(State(control): State<Control>) -> Answer {
    show(&json!({ "accounts": control.accounts() }))
}

async fn create_account(State(control): State<Control>, body: Bytes) -> Answer {
    let account: AccountDefinition = read(&body)?;
    control.create_account(account)?;
    Ok(StatusCode::CREATED.into_response())
}

async fn patch_account(State(control): State<Control>, Path(name): Path<String>, body: Bytes) -> Answer {
    let patch: AccountPatch = read(&body)?;
    control.patch_account(&name, patch)?;
    done()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WhichRequests {
    since: Option<u64>,
    from_ms: Option<u64>,
    to_ms: Option<u64>,
}

async fn list_requests(State(control): State<Control>, Query(query): Query<BTreeMap<String, String>>) -> Answer {
    let WhichRequests { since, from_ms, to_ms } = read_query(query)?;
    let requests = if from_ms.is_some() || to_ms.is_some() {
        let from = Duration::from_millis(from_ms.unwrap_or(0));
        let mut requests = control.requests_between(from, Duration::from_millis(to_ms.unwrap_or(u64::MAX)));
        requests.retain(|request| request.sequence >= since.unwrap_or(0));
        requests
    } else {
        control.requests_since(since.unwrap_or(0))
    };
    show(&json!({ "requests": requests }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WhichSummary {
    groups: Option<bool>,
}

async fn summary(State(control): State<Control>, Query(query): Query<BTreeMap<String, String>>) -> Answer {
    let WhichSummary { groups } = read_query(query)?;
    let totals = control.summary();
    match groups.unwrap_or(false) {
        true => show(&json!({ "totals": totals, "groups": control.group_summaries() })),
        false => show(&json!({ "totals": totals })),
    }
}

async fn group_summary(State(control): State<Control>, Path(id): Path<String>) -> Answer {
    show(&control.group_summary(&id))
}

async fn list_webhooks(State(control): State<Control>) -> Answer {
    show(&json!({ "endpoints": control.webhooks() }))
}

async fn deliver(State(control): State<Control>, body: Bytes) -> Answer {
    let event: WebhookEvent = read(&body)?;
    show(&json!({ "answered": control.deliver(&event).await? }))
}

async fn reset_record(State(control): State<Control>) -> Answer {
    control.reset_record();
    done()
}

async fn no_such_path() -> Response {
    let text = "path: the control API has no such call";
    (StatusCode::NOT_FOUND, Json(json!({ "error": text }))).into_response()
}
