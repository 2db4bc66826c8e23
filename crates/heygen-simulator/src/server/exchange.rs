//! One request to HeyGen's side, from its first byte to its answer.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HeaderMap, USER_AGENT};
use hyper::{Method, Request, Response};

use super::{Cut, deliver};
use crate::answer::Answer;
use crate::fault::{Delay, FaultEnding};
use crate::record::Ending;
use crate::shared::Shared;
use crate::state::{Credential, Received};
use crate::target::{Target, redact};

/// Largest body taken; a consent request with its longest text needs a few kilobytes.
const MAX_BODY: usize = 1024 * 1024;

/// Reads the request, lets it happen, and answers or cuts the connection.
pub(super) async fn answer(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Response<Body>, Cut> {
    let received = receive(request).await?;
    if received.method == Method::POST {
        // A server that has a request in hands finishes it, also when the client hangs up: what a POST does must not
        // depend on whether this connection is still polled.
        return tokio::spawn(happen(received, shared)).await.unwrap_or(Err(Cut));
    }
    happen(received, shared).await
}

async fn receive(request: Request<Incoming>) -> Result<Received, Cut> {
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    let body = match Limited::new(body, MAX_BODY).collect().await {
        Ok(read) => Some(read.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => None,
        Err(_) => return Err(Cut),
    };
    Ok(Received {
        target: Target::parse(path),
        path: path.to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        credential: credential(&head.headers),
        idempotency_key: text(&head.headers, "idempotency-key"),
        user_agent: text(&head.headers, USER_AGENT.as_str()),
        method: head.method,
        body,
    })
}

async fn happen(received: Received, shared: Arc<Shared>) -> Result<Response<Body>, Cut> {
    let started = Instant::now();
    let begun = shared.state().arrive(&received);
    let (sequence, mut plan, admission) = (begun.sequence, begun.plan, begun.admission);
    pause(begun.latency).await;
    hold(&shared, &plan.delays_before).await;

    let acts = plan.acts();
    let ending = plan.ending.take();
    let made_up = match &ending {
        Some(FaultEnding::Answer { answer, .. }) => Some(answer.clone()),
        _ => None,
    };
    let deserved = {
        let mut state = shared.state();
        if acts {
            Some(state.act(sequence, &received, admission, &plan.listing))
        } else {
            if let Some(answer) = &made_up {
                state.keep_fault(&received, &admission, answer);
            }
            None
        }
    };
    hold(&shared, &plan.delays_after).await;

    let answer = match ending {
        Some(FaultEnding::DropBefore | FaultEnding::DropAfter) => None,
        Some(FaultEnding::HugeBody { mebibytes }) => {
            let whole = Answer::bytes(200, "application/json", Bytes::new());
            Some((whole, Some(mebibytes)))
        }
        Some(FaultEnding::Answer { .. }) => made_up.map(|answer| (answer, None)),
        None => deserved.map(|answer| (reshaped(answer, &plan.reshape), None)),
    };
    let Some((answer, huge)) = answer else {
        shared.state().end(sequence, Ending::Dropped);
        log(&received, "cut", started);
        return Err(Cut);
    };
    shared.state().end(sequence, Ending::Answered(answer.status));
    log(&received, answer.status, started);
    Ok(match huge {
        Some(mebibytes) => deliver::huge(&answer, mebibytes),
        None => deliver::answer(&answer, plan.drip),
    })
}

async fn pause(wait: Duration) {
    // Even a sleep of zero costs a trip through the timer.
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
}

/// Waits for one delay after the other, for each as long as its rule is there.
async fn hold(shared: &Shared, delays: &[Delay]) {
    for Delay { rule, wait } in delays {
        let mut over = pin!(tokio::time::sleep(*wait));
        loop {
            // Before the question, so that a removal after it is heard.
            let removed = shared.faults_removed.notified();
            if !shared.state().faults.holds(*rule) {
                break;
            }
            tokio::select! {
                () = &mut over => break,
                () = removed => {}
            }
        }
    }
}

fn reshaped(mut answer: Answer, reshape: &[crate::fault::Reshape]) -> Answer {
    if answer.status == 200 {
        for reshape in reshape {
            answer.body = reshape.apply(&answer.body);
        }
    }
    answer
}

/// One line a request: never the key, never a link's token.
fn log(received: &Received, outcome: impl std::fmt::Display, started: Instant) {
    tracing::info!(
        target: "heygen_simulator::requests",
        method = %received.method,
        path = %redact(&received.path),
        key = received.idempotency_key.as_deref().unwrap_or("-"),
        %outcome,
        ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        "request"
    );
}

fn credential(headers: &HeaderMap) -> Option<Credential> {
    text(headers, "x-api-key").map(|key| Credential { key, is_bearer: false }).or_else(|| {
        let authorization = text(headers, AUTHORIZATION.as_str())?;
        let (scheme, token) = authorization.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| Credential { key: token.trim().to_owned(), is_bearer: true })
    })
}

/// A header as text; what is no UTF-8 is kept recognisably odd, so that a malformed key is refused and not overlooked.
fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}
