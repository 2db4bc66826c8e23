//! One request on the wire, and what came back.
//!
//! The answer is read under the request's deadline and a cap; whatever breaks on the way is an outcome like any other.

use std::time::Duration;

use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::{RequestBuilder, Response};
use serde_json::Value;

use super::Operation;
use super::fault::Route;
use crate::process::clock;
use twinconsent_core::consent::outcome::{Class, Fault, Outcome, Started, Trouble};
use twinconsent_core::heygen::retry_after::{parse_date, parse_retry_after};
use twinconsent_core::heygen::{BODY_CAP, understand, without_body};

/// How long HeyGen's request id may get, in characters; it goes into the status.
const REQUEST_ID_CAP: usize = 128;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What came of a request, with what only the log is told.
pub(super) struct Attempted {
    pub(super) outcome: Outcome,
    /// HeyGen's `X-Request-Id`, if there was an answer and it had one.
    pub(super) request_id: Option<String>,
    /// What kept the answer away.
    pub(super) fault: Option<&'static str>,
}

/// Sends and understands.
pub(super) async fn attempt(
    operation: Operation,
    request: RequestBuilder,
    route: &Route<'_>,
    read: impl FnOnce(&Value) -> Option<Outcome>,
) -> Attempted {
    let mut response = match request.send().await {
        Ok(response) => response,
        Err(error) => return unanswered(route.fault(&error)),
    };
    if let Some(fault) = route.answered_by_the_proxy(response.status().as_u16()) {
        return unanswered(fault);
    }
    let status = response.status().as_u16();
    let request_id = request_id(response.headers());
    let retry_after = retry_after(response.headers());
    let body = read_body(&mut response).await;

    let (outcome, fault) = match body {
        Ok(Some(body)) => (understand(operation == Operation::Initiate, status, &body, read), None),
        Ok(None) => (Outcome::Trouble(without_body(status, Class::Unreadable)), Some("body too large")),
        Err(error) => {
            let fault = route.fault(&error);
            let trouble = without_body(status, Class::Unreachable);
            let word = fault.kind.word();
            let fault = (trouble.class == Class::Unreachable).then(|| Box::new(fault));
            (Outcome::Trouble(Trouble { fault, ..trouble }), Some(word))
        }
    };
    let outcome = match outcome {
        Outcome::Trouble(trouble) => Outcome::Trouble(Trouble { retry_after, request_id: request_id.clone(), ..trouble }),
        Outcome::Initiated(started) => Outcome::Initiated(Started { request_id: request_id.clone(), ..started }),
        good => good,
    };
    Attempted { outcome, request_id, fault }
}

/// Of a request without an answer.
fn unanswered(fault: Fault) -> Attempted {
    let word = fault.kind.word();
    let trouble = Trouble { fault: Some(Box::new(fault)), ..Trouble::of(Class::Unreachable) };
    Attempted { outcome: Outcome::Trouble(trouble), request_id: None, fault: Some(word) }
}

/// The whole body; `None` when it is too large.
async fn read_body(response: &mut Response) -> reqwest::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > BODY_CAP {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

fn request_id(headers: &HeaderMap) -> Option<String> {
    let bytes = headers.get(REQUEST_ID)?.as_bytes();
    let id: String = bytes.iter().filter(|byte| byte.is_ascii_graphic()).take(REQUEST_ID_CAP).map(|byte| char::from(*byte)).collect();
    (!id.is_empty()).then_some(id)
}

/// How long the answer asks us to stay away.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    // A date is meant by the clock of the server that names it.
    let theirs = headers.get(DATE).and_then(|date| parse_date(date.to_str().ok()?));
    parse_retry_after(headers.get(RETRY_AFTER)?.to_str().ok()?, theirs.unwrap_or_else(clock::now))
}
