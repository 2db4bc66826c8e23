//! `/_sim/`: what can be asked of a simulator in a cluster, as JSON and without authentication; a test in the same process has [`Control`].

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use crate::clock::ClockView;
use crate::control::Control;
use crate::record::GroupSummary;
use crate::shared::Shared;

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/_sim/clock", get(clock))
        .route("/_sim/summary/{id}", get(group_summary))
        .fallback(no_such_path)
        .with_state(Control::new(shared))
}

async fn clock(State(control): State<Control>) -> Json<ClockView> {
    Json(control.clock())
}

async fn group_summary(State(control): State<Control>, Path(id): Path<String>) -> Json<GroupSummary> {
    Json(control.group_summary(&id))
}

async fn no_such_path() -> Response {
    let text = "path: the control API has no such call";
    (StatusCode::NOT_FOUND, Json(json!({ "error": text }))).into_response()
}
