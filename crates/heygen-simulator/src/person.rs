//! The person, played over real HTTP: opens a link, records, decides, and says where the page sent them.
//!
//! For demonstrations and tests that no person attends. It knows only what a browser knows: the link.

use std::time::Duration;

use axum::body::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{CONTENT_TYPE, HOST, LOCATION, USER_AGENT};
use hyper::http::uri::Scheme;
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// How long one step may take before the person gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the person decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Agrees to the digital twin.
    Consents,
    /// Does not.
    Declines,
}

/// Why the person did not get through.
///
/// No variant holds the link: it is a secret.
#[derive(Debug, thiserror::Error)]
pub enum PersonError {
    /// The link is no `http://` address of a consent page.
    #[error("this is no link that a simulator hands out: it must be an http:// address with a host")]
    NotALink,
    /// The page could not be reached.
    #[error("cannot reach the page: {0}")]
    Unreachable(#[from] std::io::Error),
    /// The page broke off in the middle.
    #[error("the page broke off: {0}")]
    Interrupted(#[from] hyper::Error),
    /// The page took longer than 30 s.
    #[error("the page did not answer within 30 s")]
    TooSlow,
    /// The page said no: an unknown link, an expired one, a used one.
    #[error("{step} was answered {status}: {title}")]
    Refused {
        /// What the person tried.
        step: &'static str,
        /// The HTTP status.
        status: u16,
        /// The heading of the page.
        title: String,
    },
    /// The page took the decision and sent the person nowhere.
    #[error("the decision was taken, but the answer names no place to go to")]
    NowhereToGo,
}

/// Opens `link`, records, waits `after` (real time), decides, and returns the address that the browser is sent to,
/// without going there.
///
/// # Errors
///
/// When the link is no link, the page cannot be reached, or it refuses a step.
pub async fn play(link: &str, decision: Decision, after: Duration) -> Result<String, PersonError> {
    let link: Uri = link.parse().map_err(|_| PersonError::NotALink)?;
    if link.scheme() != Some(&Scheme::HTTP) || link.host().is_none() {
        return Err(PersonError::NotALink);
    }
    step("opening the link", &link, Method::GET, "", "", StatusCode::OK).await?;
    step("recording", &link, Method::POST, "/record", "", StatusCode::OK).await?;
    tokio::time::sleep(after).await;
    let form = match decision {
        Decision::Consents => "decision=consent",
        Decision::Declines => "decision=decline",
    };
    let landed = StatusCode::SEE_OTHER;
    step("deciding", &link, Method::POST, "/decision", form, landed).await?.ok_or(PersonError::NowhereToGo)
}

/// One page load; returns where the answer points to.
async fn step(
    what: &'static str,
    link: &Uri,
    method: Method,
    below: &str,
    form: &'static str,
    expected: StatusCode,
) -> Result<Option<String>, PersonError> {
    let loaded = async {
        let host = link.host().ok_or(PersonError::NotALink)?;
        let authority = link.authority().ok_or(PersonError::NotALink)?;
        let dialled = host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((dialled, link.port_u16().unwrap_or(80))).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{below}", link.path()))
            .header(HOST, authority.as_str())
            .header(USER_AGENT, "heygen-simulator person")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from_static(form.as_bytes())))
            .map_err(|_| PersonError::NotALink)?;
        let exchange = async {
            let response = sender.send_request(request).await?;
            let status = response.status();
            let location = response.headers().get(LOCATION).map(|location| String::from_utf8_lossy(location.as_bytes()).into_owned());
            let body = response.into_body().collect().await?.to_bytes();
            Ok::<_, hyper::Error>((status, location, body))
        };
        // The connection has to be driven beside the exchange, and needs no driver once the exchange is over.
        let (status, location, body) = tokio::select! {
            done = exchange => done?,
            broken = connection => return Err(match broken {
                Err(error) => PersonError::Interrupted(error),
                Ok(()) => PersonError::Unreachable(std::io::ErrorKind::UnexpectedEof.into()),
            }),
        };
        if status != expected {
            return Err(PersonError::Refused { step: what, status: status.as_u16(), title: title(&String::from_utf8_lossy(&body)) });
        }
        Ok(location)
    };
    tokio::time::timeout(PATIENCE, loaded).await.map_err(|_| PersonError::TooSlow)?
}

/// The page's heading, for the error message.
fn title(page: &str) -> String {
    page.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>")).map_or("no page", |(title, _)| title).to_owned()
}
