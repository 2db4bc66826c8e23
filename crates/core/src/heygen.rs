//! PURE. HeyGen's API as values: where a request goes, and what an answer means. What sends requests is elsewhere.
//!
//! - [`address`] makes the URL.
//! - [`wire`] reads the shapes of the good answers.
//! - [`classify`] says what an error answer asks for: the table of codes.
//! - [`retry_after`] reads the header of that name.

pub mod address;
pub mod classify;
pub mod retry_after;
pub mod wire;

use serde_json::Value;

use crate::consent::outcome::{Class, Concern, Outcome, Trouble};

/// The largest body that is read, in bytes: a page of 50 looks takes some 100 KiB.
pub const BODY_CAP: usize = 1 << 20;

/// Items asked for per page, HeyGen's maximum for lists (HeyGen API notes, section 6).
pub const PER_PAGE: &str = "50";

/// What a whole answer means; `asks_for_consent` says whether it is to a consent request, and `read` reads the answer that is hoped for.
pub fn understand(asks_for_consent: bool, status: u16, body: &[u8], read: impl FnOnce(&Value) -> Option<Outcome>) -> Outcome {
    let good = (200..300).contains(&status).then(|| serde_json::from_slice::<Value>(body).ok()).flatten();
    good.filter(|json| !wire::carries_error(json))
        .and_then(|json| read(&json))
        .unwrap_or_else(|| Outcome::Trouble(classify::trouble(asks_for_consent, status, body)))
}

/// What a status says when its body did not come whole. A status that is final for the object could mean something else with the
/// body in hand, so it does not count; one that concerns the account, or asks for patience, does.
#[must_use]
pub fn without_body(status: u16, otherwise: Class) -> Trouble {
    let class = classify::by_status(status);
    let class = match class.concern() {
        Concern::Key | Concern::Budget | Concern::HeyGen => class,
        Concern::Call if class == Class::Busy => class,
        Concern::Call | Concern::Access | Concern::Group | Concern::Request => otherwise,
    };
    Trouble { status: Some(status), ..Trouble::of(class) }
}
