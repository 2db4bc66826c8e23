//! The return page, to which HeyGen leads a person after the recording: `GET {base}/{token}`.
//!
//! Anyone may ask it anything, so whatever is not the address of a known token gets one and the same page, and costs one search in memory.
//! A request with HEAD, as link previews make, and one that a browser makes ahead of its user, shows the page and is no landing.
//!
//! It is plain HTTP behind an ingress, which may take the path of the public address away or leave it.

mod html;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, LOCATION, REFERRER_POLICY, REFRESH, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{DRAIN, connections};
use crate::process::metrics::PageAnswer;
use html::Page;
use twinconsent_core::consent::landing;
use twinconsent_core::consent::landing::{State, Token};

/// How soon a page that is not ready is asked for again.
const NOT_READY_AGAIN: Duration = Duration::from_secs(3);

/// The longest query in which a page has written down how often it has renewed itself, in bytes.
const LONGEST_QUERY: usize = 64;

/// A search engine is told to leave what a person was sent.
const X_ROBOTS_TAG: HeaderName = HeaderName::from_static("x-robots-tag");

/// What browsers say of requests that their user has not made yet.
const AHEAD: [HeaderName; 3] =
    [HeaderName::from_static("sec-purpose"), HeaderName::from_static("purpose"), HeaderName::from_static("x-moz")];

/// A request for the page.
#[derive(Debug, Clone, Copy)]
pub struct Visit {
    /// The token, if the address has one.
    pub token: Option<Token>,
    /// How often the page has renewed itself.
    pub renewals: u32,
    /// Whether a person makes it, as far as can be known.
    pub counts: bool,
}

/// What a visit is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// How the person's consent stands.
    State(State),
    /// To go on to this address.
    Redirect(String),
    /// What every unknown token is answered with.
    Unknown,
    /// It is not known yet which tokens there are.
    NotReady,
}

/// Answers with what `visited` says until `stop` is cancelled; `count` is told of each answer.
pub async fn serve(
    listener: TcpListener,
    base: &Url,
    visited: impl Fn(Visit) -> Reply + Clone + Send + Sync + 'static,
    count: impl Fn(PageAnswer) + Clone + Send + Sync + 'static,
    stop: CancellationToken,
) {
    if let Ok(address) = listener.local_addr() {
        tell(address, base);
    }
    let prefix = base.path().trim_end_matches('/').to_owned();
    let router = Router::new().fallback(move |method: Method, uri: Uri, headers: HeaderMap| {
        let (response, answer) = respond(&method, &uri, &headers, &prefix, &visited);
        count(answer);
        async { response }
    });
    connections::serve(listener, router, DRAIN, stop).await;
}

fn tell(address: SocketAddr, base: &Url) {
    // Where port 0 was asked for, this is the only way to learn it.
    tracing::info!(%address, url = %base, "persons come back to the return page");
}

fn respond(method: &Method, uri: &Uri, headers: &HeaderMap, prefix: &str, visited: &impl Fn(Visit) -> Reply) -> (Response, PageAnswer) {
    if !matches!(*method, Method::GET | Method::HEAD) {
        let mut response = page(StatusCode::METHOD_NOT_ALLOWED, Page::Unknown);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return (response, PageAnswer::Refused);
    }
    let is_ahead = AHEAD.iter().any(|name| headers.get(name).is_some_and(|value| value.as_bytes().starts_with(b"pre")));
    let visit = Visit { token: token(uri.path(), prefix), renewals: renewals(uri.query()), counts: *method == Method::GET && !is_ahead };
    match visited(visit) {
        Reply::State(State::Waiting) => {
            let pause = landing::refresh(visit.renewals);
            let mut response = page(StatusCode::OK, if pause.is_some() { Page::Checking } else { Page::StillChecking });
            if let Some(pause) = pause {
                refresh(&mut response, pause, &format!("?renewal={}", visit.renewals + 1));
            }
            (response, PageAnswer::Page)
        }
        Reply::State(state) => (page(StatusCode::OK, Page::of(state)), PageAnswer::Page),
        Reply::Redirect(url) => match HeaderValue::from_str(&url) {
            Ok(url) => {
                let mut response = page(StatusCode::SEE_OTHER, Page::GoingOn);
                response.headers_mut().insert(LOCATION, url);
                (response, PageAnswer::Redirect)
            }
            Err(_) => (page(StatusCode::OK, Page::StillChecking), PageAnswer::Page),
        },
        Reply::Unknown => (page(StatusCode::NOT_FOUND, Page::Unknown), PageAnswer::Unknown),
        Reply::NotReady => {
            let mut response = page(StatusCode::SERVICE_UNAVAILABLE, Page::NotReady);
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(NOT_READY_AGAIN.as_secs()));
            if landing::refresh(visit.renewals).is_some() {
                refresh(&mut response, NOT_READY_AGAIN, &format!("?renewal={}", visit.renewals + 1));
            }
            (response, PageAnswer::NotReady)
        }
    }
}

/// A page with the headers that all of them have.
fn page(status: StatusCode, page: Page) -> Response {
    let mut response = (status, page.html()).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_ROBOTS_TAG, HeaderValue::from_static("noindex, nofollow"));
    headers.insert(CONTENT_SECURITY_POLICY, html::POLICY.clone());
    response
}

/// Lets a page renew itself, also where no script runs.
fn refresh(response: &mut Response, pause: Duration, address: &str) {
    if let Ok(value) = HeaderValue::from_str(&format!("{}; url={address}", pause.as_secs())) {
        response.headers_mut().insert(REFRESH, value);
    }
}

/// The token of a path, behind the path of the public address or at the top.
fn token(path: &str, prefix: &str) -> Option<Token> {
    let behind = path.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/'));
    behind.into_iter().chain(path.strip_prefix('/')).find_map(Token::parse)
}

/// How often the page has renewed itself, as its own address says. HeyGen may add to the address what it likes.
fn renewals(query: Option<&str>) -> u32 {
    let query = query.filter(|query| query.len() <= LONGEST_QUERY).unwrap_or_default();
    query.strip_prefix("renewal=").and_then(|count| count.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
