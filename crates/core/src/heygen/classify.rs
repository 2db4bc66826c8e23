//! PURE. What an error answer of HeyGen asks for, and of which actor.
//!
//! `TABLE` is the code table of the HeyGen API notes, section 8, line by line: documented codes, the statuses they come with, and the
//! class that it is here. A line of theirs is several of ours where one of their classes is several of ours.
//! Everything else goes by the status alone ([`by_status`], the row "unknown code").
//!
//! Where code and status contradict each other, the reading that gives up less wins:
//! a status that calls for patience or concerns the whole account (401, 408, 425, 429, 5xx) stands, whatever the code says,
//! unless the code is documented for it;
//! a code that calls for patience stands on any 4xx;
//! and between two readings that are both final, the status decides.
//! Rejected: going by the code alone. One gateway that answers 503 with `invalid_parameter` would then stop a request for good.
//!
//! What HeyGen writes in prose is searched for one phrase (section 8, last row), and is never kept.

use serde_json::Value;

use crate::consent::outcome::{Class, Concern, Trouble};

/// What an answer with this status and body means, when it is not the answer that was asked for.
///
/// `retry_after` and `request_id` come from headers and stay `None` here.
pub fn trouble(asks_for_consent: bool, status: u16, body: &[u8]) -> Trouble {
    let json: Option<Value> = serde_json::from_slice(body).ok();
    let row = json.as_ref().and_then(code_of).and_then(row_of);
    let class = if asks_for_consent && says_already_bound(body) { Class::AlreadyBound } else { class_of(status, row.map(|(row, _)| row)) };
    Trouble { status: Some(status), code: row.map(|(_, code)| code), param: json.as_ref().and_then(param_of), ..Trouble::of(class) }
}

/// What a status means when no code says more: section 8, row "unknown code".
pub const fn by_status(status: u16) -> Class {
    match status {
        408 | 425 | 500..=599 => Class::Unavailable,
        429 => Class::Throttled,
        401 => Class::CredentialsRejected,
        402 => Class::BillingRequired,
        403 => Class::AccessDenied,
        404 => Class::NotFound,
        // "Other 4xx" by the notes. But every 409 that they document is over after a while, and a consent request of ours is executed
        // once however often it is repeated: giving it up could cost a link that was issued, repeating it costs a call every five minutes.
        409 => Class::Busy,
        400..=499 => Class::Invalid,
        // A redirect is not followed, and a success that carries an error cannot be believed either way. The notes say nothing of it.
        _ => Class::Unreadable,
    }
}

/// One line of the table: codes that mean the same, and the statuses documented for them.
struct Row {
    codes: &'static [&'static str],
    /// Empty when the documentation states none.
    statuses: &'static [u16],
    class: Class,
}

const fn row(codes: &'static [&'static str], statuses: &'static [u16], class: Class) -> Row {
    Row { codes, statuses, class }
}

/// For a code whose status is not stated ("n/s").
const NOT_STATED: &[u16] = &[];

/// HeyGen API notes, section 8: code, HTTP; and our class. A code that ends in `*` stands for all that begin so.
const TABLE: &[Row] = &[
    row(&["unauthorized", "authentication_failed"], &[401], Class::CredentialsRejected),
    row(&["forbidden"], &[403], Class::Forbidden),
    row(&["resource_access_denied"], &[403], Class::AccessDenied),
    row(&["ai_vendor_access_restricted", "voice_not_usable"], &[403], Class::AccessDenied),
    row(&["phone_verification_required"], NOT_STATED, Class::AccessDenied),
    row(&["insufficient_credit", "trial_limit_exceeded", "plan_upgrade_required"], &[402], Class::BillingRequired),
    row(&["quota_exceeded"], &[429], Class::QuotaExceeded),
    row(&["rate_limit_exceeded", "rate_limited"], &[429], Class::Throttled),
    row(&["avatar_group_not_found", "avatar_not_found", "resource_not_found", "not_found"], &[404], Class::NotFound),
    // The user acts, as the letter says, by correcting the spec: it names the uploaded clip, and the clip is what is missing. Read as the
    // four codes above, the message would send them after an avatar group that is there.
    row(&["asset_not_found"], &[404], Class::Invalid),
    row(&["invalid_parameter", "validation_error"], &[400], Class::Invalid),
    row(&["payload_too_large"], &[413], Class::Invalid),
    // "C, try a few times": the core counts them.
    row(&["download_failed"], &[400], Class::Unfetchable),
    row(&["avatar_consent_required"], &[400], Class::Busy),
    // What a policy can object to in a consent request is its text or its clip, and both stand in the spec; a refused request is repeated
    // from time to time under either class, so that an appeal at HeyGen is noticed. `AccessDenied` would speak of the account's plan.
    row(&["content_policy_violation"], NOT_STATED, Class::Invalid),
    // Slots or attempts of this feature are used up: not `BillingRequired`, which would pause the whole account.
    row(&["resource_limit_reached"], &[400], Class::AccessDenied),
    row(&["resource_limit_exceeded"], NOT_STATED, Class::AccessDenied),
    // "R, few" here and below: the pauses grow to five minutes, and after ten minutes without a definite answer an event tells of it.
    row(&["conflict"], &[409], Class::Busy),
    row(&["request_in_progress"], &[409], Class::Busy),
    row(&["resource_not_ready"], &[409], Class::Busy),
    row(&["asset_not_available"], NOT_STATED, Class::Busy),
    row(&["internal_error"], &[500], Class::Unavailable),
    row(&["service_unavailable"], &[503], Class::Unavailable),
    row(&["gateway_timeout"], &[504], Class::Unavailable),
    row(&["voice_provider_error"], NOT_STATED, Class::Unavailable),
    row(&["video_not_found", "voice_not_found", "template_not_found", "webhook_not_found"], &[404], Class::Invalid),
    row(
        &[
            "unlimited_mode_disabled",
            "voice_unavailable",
            "script_too_short",
            "tts_text_invalid",
            "ephemeral_upload_disabled",
            "video_delete_failed",
            "hyperframes_*",
        ],
        NOT_STATED,
        Class::Invalid,
    ),
];

/// The phrase of an undocumented refusal; status and code are unknown (section 3, failures). "Read the group" is what the notes advise; the
/// request is not repeated, for no call gives the link of before, and a person has to act.
const ALREADY_BOUND: &str = "security code already binded";

/// The fields of our requests that HeyGen's `param` may name.
const PARAMS: &[&str] = &["reroute_url", "consent_text", "consent_video", "group_id"];

fn class_of(status: u16, row: Option<&Row>) -> Class {
    let Some(row) = row else { return by_status(status) };
    let documented = row.statuses.contains(&status);
    match status {
        401 | 408 | 425 | 429 | 500..=599 if !documented => by_status(status),
        // "Missing" is said by a 404 and by nothing else: a group must not be given up for an odd success.
        200..=299 if row.class == Class::NotFound => Class::Unreadable,
        200..=299 => row.class,
        400..=499 if documented || row.statuses.is_empty() || asks_for_patience(row.class) => row.class,
        _ => by_status(status),
    }
}

const fn asks_for_patience(class: Class) -> bool {
    match class.concern() {
        Concern::Budget | Concern::HeyGen | Concern::Call => true,
        Concern::Key | Concern::Access | Concern::Group | Concern::Request => false,
    }
}

fn row_of(code: &str) -> Option<(&'static Row, &'static str)> {
    let code = code.trim().to_ascii_lowercase();
    TABLE.iter().find_map(|row| {
        let known = row.codes.iter().find(|known| match known.strip_suffix('*') {
            Some(prefix) => code.starts_with(prefix),
            None => **known == code,
        });
        known.map(|known| (row, *known))
    })
}

/// The code of the envelope `{"error": {"code": …}}`, or one that stands bare beside it.
/// The numbers of the legacy envelope name nothing that section 8 knows.
fn code_of(json: &Value) -> Option<&str> {
    json["error"]["code"].as_str().or_else(|| json["code"].as_str())
}

/// `param` may be a path into the body, such as `consent_video.url`.
fn param_of(json: &Value) -> Option<&'static str> {
    let param = json["error"]["param"].as_str()?;
    param.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').find_map(|part| PARAMS.iter().find(|known| **known == part)).copied()
}

/// The whole body is searched, since it is not known where the phrase stands.
fn says_already_bound(body: &[u8]) -> bool {
    String::from_utf8_lossy(body).to_ascii_lowercase().contains(ALREADY_BOUND)
}

#[cfg(test)]
mod tests;
