//! Answers onto the wire: whole, in drips, or without end.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use futures::stream;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use crate::answer::Answer;
use crate::fault::Drip;

/// Bytes in a piece of a huge body.
const PIECE: usize = 64 * 1024;
/// Pieces in a mebibyte.
const PIECES_PER_MEBIBYTE: u64 = 16;

pub(super) fn answer(answer: &Answer, drip: Option<Drip>) -> Response<Body> {
    let body = match drip {
        Some(drip) => dripping(answer.body.clone(), drip),
        None => Body::from(answer.body.clone()),
    };
    respond(answer, body)
}

/// A JSON string of so many mebibytes, made while it is sent.
pub(super) fn huge(answer: &Answer, mebibytes: u64) -> Response<Body> {
    let filler = Bytes::from(vec![b'x'; PIECE]);
    let pieces = mebibytes.saturating_mul(PIECES_PER_MEBIBYTE);
    let body = stream::unfold(0_u64, move |sent| {
        let filler = filler.clone();
        async move {
            let piece = match sent {
                0 => Bytes::from_static(b"{\"data\":\""),
                _ if sent <= pieces => filler,
                _ if sent == pieces + 1 => Bytes::from_static(b"\"}"),
                _ => return None,
            };
            Some((Ok::<_, Infallible>(piece), sent + 1))
        }
    });
    respond(answer, Body::from_stream(body))
}

fn dripping(whole: Bytes, drip: Drip) -> Body {
    let body = stream::unfold((whole, true), move |(mut rest, first)| async move {
        if rest.is_empty() {
            return None;
        }
        if !first {
            tokio::time::sleep(drip.pause).await;
        }
        let piece = rest.split_to(drip.chunk_bytes.min(rest.len()));
        Some((Ok::<_, Infallible>(piece), (rest, false)))
    });
    Body::from_stream(body)
}

fn respond(answer: &Answer, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    // Statuses and headers were checked when they were set; what slips through must not end the server.
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}
