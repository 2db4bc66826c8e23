//! Faults: what goes wrong, for which requests, how often.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::json;

use crate::target::PathKind;

mod listing;
mod plan;
mod reshape;

pub use listing::ListTrouble;
pub(crate) use plan::{Delay, Drip, FaultEnding, FaultPlan, Faults};
pub use reshape::Reshape;

/// Which requests an action applies to, and how often.
///
/// Every rule that matches a request applies, oldest first: delays add up and deformations are done one after the other.
/// Of the actions that end a request (respond, drop, huge body) the oldest rule's wins, and the others are not used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultRule {
    /// Which requests; default all of the API.
    pub matcher: FaultMatcher,
    /// What happens to them.
    pub action: FaultAction,
    /// How many requests it still applies to; none means without end.
    pub remaining: Option<u64>,
    /// How many matching requests it lets pass first.
    pub skip: u64,
}

impl FaultRule {
    /// A rule for all requests of the API, without end.
    pub fn new(action: FaultAction) -> Self {
        Self { matcher: FaultMatcher::default(), action, remaining: None, skip: 0 }
    }

    /// Only for this kind of path.
    #[must_use]
    pub fn on(mut self, kind: PathKind) -> Self {
        self.matcher.kind = Some(kind);
        self
    }

    /// Only for this method.
    #[must_use]
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.matcher.method = Some(method.into());
        self
    }

    /// Only for this group (in the path or, for looks, in the query).
    #[must_use]
    pub fn group(mut self, id: impl Into<String>) -> Self {
        self.matcher.group = Some(id.into());
        self
    }

    /// Only for requests with the key of this account.
    #[must_use]
    pub fn account(mut self, name: impl Into<String>) -> Self {
        self.matcher.account = Some(name.into());
        self
    }

    /// Only so many times.
    #[must_use]
    pub fn times(mut self, count: u64) -> Self {
        self.remaining = Some(count);
        self
    }

    /// Only after so many matching requests.
    #[must_use]
    pub fn after(mut self, count: u64) -> Self {
        self.skip = count;
        self
    }
}

/// Which requests a rule is for; absent fields match all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FaultMatcher {
    /// The HTTP method, in upper case.
    pub method: Option<String>,
    /// The kind of path. Absent means all of the API; the hosted page is matched only by [`PathKind::Page`].
    pub kind: Option<PathKind>,
    /// The group.
    pub group: Option<String>,
    /// The account whose key the request carries, by name.
    pub account: Option<String>,
}

/// What a rule does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultAction {
    /// Answers this instead of what the request deserves.
    Respond(Respond),
    /// Waits, in real time and as long as the rule is there, before acting; an idempotency key counts as at work meanwhile.
    DelayBefore {
        /// How long.
        milliseconds: u64,
    },
    /// Acts, then waits, in real time and as long as the rule is there, before answering.
    DelayAfter {
        /// How long.
        milliseconds: u64,
    },
    /// Cuts the connection without acting and without one byte of a response.
    DropBefore,
    /// Acts, then cuts the connection without one byte of a response.
    DropAfter,
    /// Answers 200 with so much JSON, without acting.
    HugeBody {
        /// How much.
        mebibytes: u64,
    },
    /// Acts and answers, the body in drips.
    SlowBody {
        /// Bytes in a drip, at least 1.
        chunk_bytes: usize,
        /// Real time between drips.
        pause_ms: u64,
    },
    /// Acts, and answers a deformed body.
    Reshape(Reshape),
    /// Answers another page of the list than the one that was asked for.
    List(ListTrouble),
}

/// An answer made up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Respond {
    /// The HTTP status, 200 to 599.
    pub status: u16,
    /// Headers; without `content-type` the body is called JSON.
    pub headers: BTreeMap<String, String>,
    /// The body, sent as it stands.
    pub body: String,
    /// Whether the server acts first: a gateway that gave up on a server which did its work.
    pub acts: bool,
}

impl FaultAction {
    /// HeyGen's error envelope with this status and code.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        let body = json!({"error": {
            "code": code,
            "message": message,
            "param": null,
            "doc_url": format!("https://developers.heygen.com/docs/error-codes#{code}"),
        }});
        Self::raw(status, "application/json", body.to_string())
    }

    /// Any body under any content type.
    pub fn raw(status: u16, content_type: &str, body: impl Into<String>) -> Self {
        Self::Respond(Respond {
            status,
            headers: BTreeMap::from([("content-type".to_owned(), content_type.to_owned())]),
            body: body.into(),
            acts: false,
        })
    }

    /// 429 `rate_limit_exceeded`, with `Retry-After` in whole seconds when given (HeyGen API notes, section 8).
    pub fn rate_limited(retry_after: Option<Duration>) -> Self {
        let limited = Self::error(429, "rate_limit_exceeded", "Too many requests");
        match retry_after {
            Some(wait) => limited.with_header("retry-after", wait.as_secs().to_string()),
            None => limited,
        }
    }

    /// 429 `rate_limit_exceeded` with `Retry-After` as an HTTP date, which is in real time.
    pub fn rate_limited_until(moment: SystemTime) -> Self {
        Self::error(429, "rate_limit_exceeded", "Too many requests").with_header("retry-after", httpdate::fmt_http_date(moment))
    }

    /// 429 `quota_exceeded`, which waiting a little does not cure (HeyGen API notes, section 8).
    pub fn quota_exceeded() -> Self {
        Self::error(429, "quota_exceeded", "The quota of this account is used up")
    }

    /// A 5xx in the envelope: 500 `internal_error`, 503 `service_unavailable`, 504 `gateway_timeout`, and
    /// `internal_error` for any other status.
    pub fn server_error(status: u16) -> Self {
        let code = match status {
            503 => "service_unavailable",
            504 => "gateway_timeout",
            _ => "internal_error",
        };
        Self::error(status, code, "Something went wrong")
    }

    /// A gateway's HTML page.
    pub fn html(status: u16) -> Self {
        Self::raw(
            status,
            "text/html; charset=utf-8",
            format!("<html><head><title>{status}</title></head><body><center><h1>{status}</h1></center></body></html>"),
        )
    }

    /// HTTP 200 with an `error` in the body (HeyGen API notes, section 8).
    pub fn ok_with_error(code: &str, message: &str) -> Self {
        Self::error(200, code, message)
    }

    /// The legacy envelope of v1 and v2, `{"code":…,"message":…}` (HeyGen API notes, section 8).
    pub fn legacy_error(status: u16, code: i64, message: &str) -> Self {
        Self::raw(status, "application/json", json!({"code": code, "message": message}).to_string())
    }

    /// No body at all.
    pub fn empty(status: u16) -> Self {
        Self::raw(status, "application/json", "")
    }

    /// A body that claims to be JSON and is not.
    pub fn not_json(status: u16) -> Self {
        Self::raw(status, "application/json", "{\"data\": {\"id\": ")
    }

    /// The text "security code already binded"; its status and code are unknown (HeyGen API notes, section 3).
    pub fn already_bound(status: u16, code: &str) -> Self {
        Self::error(status, code, "security code already binded")
    }

    /// A redirect elsewhere.
    pub fn redirect(status: u16, location: impl Into<String>) -> Self {
        Self::empty(status).with_header("location", location.into())
    }

    /// Waits before acting, until the rule is removed at the latest.
    pub fn delay_before(wait: Duration) -> Self {
        Self::DelayBefore { milliseconds: crate::clock::millis(wait) }
    }

    /// Waits after acting, until the rule is removed at the latest.
    pub fn delay_after(wait: Duration) -> Self {
        Self::DelayAfter { milliseconds: crate::clock::millis(wait) }
    }

    /// The same answer, but the server acts before it is given. Changes nothing on other actions.
    #[must_use]
    pub fn acting_first(mut self) -> Self {
        if let Self::Respond(respond) = &mut self {
            respond.acts = true;
        }
        self
    }

    /// The same answer with one more header. Changes nothing on other actions.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        if let Self::Respond(respond) = &mut self {
            respond.headers.insert(name.to_owned(), value.into());
        }
        self
    }
}

/// A rule as [`crate::Control::faults`] shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultView {
    /// The id it was given when it was added.
    pub id: u64,
    /// How many requests it applied to so far.
    pub applied: u64,
    /// The rule, its counts as they stand now.
    pub rule: FaultRule,
}
