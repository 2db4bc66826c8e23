//! PURE. What an error answer of HeyGen asks for, and of whom.
//!
//! [`TABLE`] is the code table of the HeyGen API notes, section 8, line by line: documented codes, the statuses they come with, and
//! the class they mean here. Everything else goes by the status alone.
//!
//! Where code and status contradict each other, the reading that gives up less wins:
//! a status that calls for patience or concerns the whole account (401, 408, 425, 429, 5xx) stands, whatever the code says,
//! unless the code is documented for it;
//! a code that calls for patience stands on any 4xx;
//! and between two readings that are both final, the status decides.
//! Rejected: going by the code alone. One gateway that answers 503 with `invalid_parameter` would then stop a request for good.
//!
//! What HeyGen writes in prose is looked at for one phrase (section 8, last row), and is never kept.

use serde_json::Value;

use super::Operation;
use crate::outcome::{Class, Trouble};

/// What an answer with this status and body means, when it is not the answer that was asked for.
///
/// `retry_after` and `request_id` come from headers and stay `None` here.
pub(super) fn trouble(operation: Operation, status: u16, body: &[u8]) -> Trouble {
    let json: Option<Value> = serde_json::from_slice(body).ok();
    let row = json.as_ref().and_then(code_of).and_then(row_of);
    let class = if operation == Operation::Initiate && says_already_bound(body) {
        Class::AlreadyBound
    } else {
        class_of(status, row.map(|(row, _)| row))
    };
    Trouble { status: Some(status), code: row.map(|(_, code)| code), param: json.as_ref().and_then(param_of), ..Trouble::of(class) }
}

/// What a status means when no code says more (section 8, row "unknown code").
pub(super) const fn by_status(status: u16) -> Class {
    match status {
        401 => Class::CredentialsRejected,
        402 => Class::BillingRequired,
        403 => Class::AccessDenied,
        404 => Class::NotFound,
        408 | 425 | 500..=599 => Class::Unavailable,
        409 => Class::Busy,
        429 => Class::Throttled,
        400..=499 => Class::Invalid,
        // A redirect is not followed, and a success that carries an error cannot be believed either way.
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

/// For a code whose status is not stated.
const NOT_STATED: &[u16] = &[];

/// HeyGen API notes, section 8. A code that ends in `*` stands for all that begin so.
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
    // The uploaded clip is gone, not the group: the request names the wrong file.
    row(&["asset_not_found"], &[404], Class::Invalid),
    row(&["invalid_parameter", "validation_error"], &[400], Class::Invalid),
    row(&["payload_too_large"], &[413], Class::Invalid),
    row(&["download_failed"], &[400], Class::Invalid),
    row(&["avatar_consent_required"], &[400], Class::Busy),
    row(&["content_policy_violation"], NOT_STATED, Class::Invalid),
    // Slots or attempts of this feature are used up: not `BillingRequired`, which would pause the whole account.
    row(&["resource_limit_reached"], &[400], Class::AccessDenied),
    row(&["resource_limit_exceeded"], NOT_STATED, Class::AccessDenied),
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

/// The phrase of an undocumented refusal; status and code are unknown (section 3, failures).
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
    matches!(class, Class::Unavailable | Class::Busy | Class::Throttled | Class::QuotaExceeded)
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
mod tests {
    use serde_json::json;

    use super::*;

    fn class(status: u16, code: &str) -> Class {
        answered(status, &json!({"error": {"code": code, "message": "prose", "doc_url": null}})).class
    }

    fn answered(status: u16, body: &Value) -> Trouble {
        trouble(Operation::Initiate, status, body.to_string().as_bytes())
    }

    #[test]
    fn every_row_of_section_8_means_what_it_says() {
        let rows: &[(&[&str], &[u16], Class)] = &[
            (&["unauthorized", "authentication_failed"], &[401], Class::CredentialsRejected),
            (&["forbidden"], &[403], Class::Forbidden),
            (&["resource_access_denied", "ai_vendor_access_restricted", "voice_not_usable"], &[403], Class::AccessDenied),
            (&["phone_verification_required"], &[400, 403], Class::AccessDenied),
            (&["insufficient_credit", "trial_limit_exceeded", "plan_upgrade_required"], &[402], Class::BillingRequired),
            (&["quota_exceeded"], &[429], Class::QuotaExceeded),
            (&["rate_limit_exceeded", "rate_limited"], &[429], Class::Throttled),
            (&["avatar_group_not_found", "avatar_not_found", "resource_not_found", "not_found"], &[404], Class::NotFound),
            (&["asset_not_found"], &[404], Class::Invalid),
            (&["invalid_parameter", "validation_error", "payload_too_large"], &[400, 413], Class::Invalid),
            (&["download_failed"], &[400], Class::Invalid),
            (&["avatar_consent_required"], &[400], Class::Busy),
            (&["content_policy_violation"], &[400, 403, 422], Class::Invalid),
            (&["resource_limit_reached"], &[400], Class::AccessDenied),
            (&["resource_limit_exceeded"], &[400, 403], Class::AccessDenied),
            (&["conflict", "request_in_progress", "resource_not_ready"], &[409], Class::Busy),
            (&["asset_not_available"], &[400, 404, 409], Class::Busy),
            (&["internal_error"], &[500], Class::Unavailable),
            (&["service_unavailable"], &[503], Class::Unavailable),
            (&["gateway_timeout"], &[504], Class::Unavailable),
            (&["voice_provider_error"], &[400, 502], Class::Unavailable),
            (&["video_not_found", "voice_not_found", "template_not_found", "webhook_not_found"], &[404], Class::Invalid),
            (&["unlimited_mode_disabled", "voice_unavailable", "script_too_short", "tts_text_invalid"], &[400], Class::Invalid),
            (&["ephemeral_upload_disabled", "video_delete_failed", "hyperframes_quota"], &[400], Class::Invalid),
        ];
        for (codes, statuses, expected) in rows {
            for code in *codes {
                for status in *statuses {
                    assert_eq!(class(*status, code), *expected, "{code} with {status}");
                    assert_eq!(class(*status, &code.to_uppercase()), *expected, "upper-case {code} with {status}");
                }
            }
        }
    }

    #[test]
    fn an_unknown_code_goes_by_the_status() {
        for (status, expected) in [
            (200, Class::Unreadable),
            (302, Class::Unreadable),
            (304, Class::Unreadable),
            (400, Class::Invalid),
            (401, Class::CredentialsRejected),
            (402, Class::BillingRequired),
            (403, Class::AccessDenied),
            (404, Class::NotFound),
            (405, Class::Invalid),
            (408, Class::Unavailable),
            (409, Class::Busy),
            (410, Class::Invalid),
            (413, Class::Invalid),
            (422, Class::Invalid),
            (425, Class::Unavailable),
            (429, Class::Throttled),
            (500, Class::Unavailable),
            (502, Class::Unavailable),
            (503, Class::Unavailable),
            (504, Class::Unavailable),
            (599, Class::Unavailable),
        ] {
            assert_eq!(class(status, "brand_new_code"), expected, "{status}");
            for body in ["", "<html>Bad gateway</html>", "{}", "null", "[]", "{\"error\":\"text\"}", "{\"error\":{}}"] {
                let seen = trouble(Operation::Group, status, body.as_bytes());
                assert_eq!(seen, Trouble { status: Some(status), ..Trouble::of(expected) }, "{status} with {body}");
            }
        }
    }

    #[test]
    fn a_401_is_always_about_the_credentials() {
        for code in ["quota_exceeded", "invalid_parameter", "internal_error", "avatar_group_not_found", "forbidden"] {
            assert_eq!(class(401, code), Class::CredentialsRejected, "{code}");
        }
    }

    #[test]
    fn a_failing_server_is_tried_again_whatever_code_it_gives() {
        for code in ["unauthorized", "invalid_parameter", "insufficient_credit", "avatar_group_not_found", "content_policy_violation"] {
            assert_eq!(class(503, code), Class::Unavailable, "{code}");
            assert_eq!(class(408, code), Class::Unavailable, "{code}");
            assert_eq!(class(429, code), Class::Throttled, "{code}");
        }
    }

    #[test]
    fn a_code_that_asks_for_patience_stands_on_any_4xx() {
        assert_eq!(class(400, "request_in_progress"), Class::Busy);
        assert_eq!(class(403, "rate_limit_exceeded"), Class::Throttled);
        assert_eq!(class(402, "quota_exceeded"), Class::QuotaExceeded);
        assert_eq!(class(404, "internal_error"), Class::Unavailable);
    }

    #[test]
    fn between_two_final_readings_the_status_decides() {
        assert_eq!(class(400, "avatar_group_not_found"), Class::Invalid);
        assert_eq!(class(403, "insufficient_credit"), Class::AccessDenied);
        assert_eq!(class(403, "not_found"), Class::AccessDenied);
        assert_eq!(class(404, "forbidden"), Class::NotFound);
    }

    #[test]
    fn a_success_with_an_error_goes_by_its_code_but_never_says_missing() {
        assert_eq!(class(200, "unauthorized"), Class::CredentialsRejected);
        assert_eq!(class(200, "invalid_parameter"), Class::Invalid);
        assert_eq!(class(200, "quota_exceeded"), Class::QuotaExceeded);
        assert_eq!(class(200, "request_in_progress"), Class::Busy);
        assert_eq!(class(200, "avatar_group_not_found"), Class::Unreadable);
    }

    #[test]
    fn a_redirect_is_unreadable_whatever_code_it_carries() {
        assert_eq!(class(307, "invalid_parameter"), Class::Unreadable);
    }

    #[test]
    fn already_bound_is_recognised_in_any_case_status_and_shape() {
        for status in [200, 400, 401, 403, 409, 429, 500] {
            for body in [
                json!({"error": {"code": "invalid_parameter", "message": "Security Code already binded."}}).to_string(),
                json!({"error": {"code": 40_039, "message": "security code already binded"}}).to_string(),
                json!({"error": "SECURITY CODE ALREADY BINDED"}).to_string(),
                json!({"code": 400_123, "message": "security code already binded"}).to_string(),
                "security code already binded".to_owned(),
            ] {
                assert_eq!(trouble(Operation::Initiate, status, body.as_bytes()).class, Class::AlreadyBound, "{status} {body}");
            }
        }
    }

    #[test]
    fn already_bound_means_nothing_outside_the_consent_call() {
        let body = json!({"error": {"code": "invalid_parameter", "message": "security code already binded"}}).to_string();
        for operation in [Operation::Group, Operation::Looks, Operation::Probe] {
            assert_eq!(trouble(operation, 400, body.as_bytes()).class, Class::Invalid);
        }
    }

    #[test]
    fn the_code_is_kept_in_lower_case_only_when_documented() {
        assert_eq!(answered(403, &json!({"error": {"code": " FORBIDDEN "}})).code, Some("forbidden"));
        assert_eq!(answered(403, &json!({"code": "forbidden"})).code, Some("forbidden"));
        assert_eq!(answered(400, &json!({"error": {"code": "hyperframes_x"}})).code, Some("hyperframes_*"));
        assert_eq!(answered(403, &json!({"error": {"code": "https://secret"}})).code, None);
        assert_eq!(answered(403, &json!({"code": 400_112, "message": "Unauthorized"})).code, None);
    }

    #[test]
    fn the_param_is_kept_only_when_it_names_a_field_that_we_send() {
        let param = |param: Value| answered(400, &json!({"error": {"code": "invalid_parameter", "param": param}})).param;
        assert_eq!(param(json!("reroute_url")), Some("reroute_url"));
        assert_eq!(param(json!("consent_text")), Some("consent_text"));
        assert_eq!(param(json!("body.consent_video.url")), Some("consent_video"));
        assert_eq!(param(json!("group_id")), Some("group_id"));
        assert_eq!(param(json!("reroute_url_2")), None);
        assert_eq!(param(json!(null)), None);
        assert_eq!(param(json!(7)), None);
    }
}
