use serde_json::json;

use super::*;

#[path = "../../../../../tests/answers_doc/notes.rs"]
mod notes;

fn class(status: u16, code: &str) -> Class {
    answered(status, &json!({"error": {"code": code, "message": "prose", "doc_url": null}})).class
}

fn answered(status: u16, body: &Value) -> Trouble {
    trouble(true, status, body.to_string().as_bytes())
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
        (&["download_failed"], &[400], Class::Unfetchable),
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

/// Whether a class does what the notes' letter asks for.
fn agree(letter: char, class: Class) -> bool {
    match letter {
        'R' => matches!(class, Class::Unreachable | Class::Unavailable | Class::Unreadable | Class::Busy | Class::Throttled),
        'A' => matches!(class, Class::Busy | Class::Throttled | Class::AlreadyBound),
        'U' => matches!(
            class,
            Class::CredentialsRejected
                | Class::BillingRequired
                | Class::QuotaExceeded
                | Class::Forbidden
                | Class::AccessDenied
                | Class::NotFound
        ),
        _ => matches!(class, Class::Invalid | Class::Unfetchable),
    }
}

#[test]
fn our_classes_do_what_the_letters_ask_for_but_where_a_comment_says_why_not() {
    let theirs: Vec<_> = notes::NOTES.iter().map(|(codes, statuses, _)| (*codes, *statuses)).collect();
    assert_eq!(TABLE.iter().map(|row| (row.codes, row.statuses)).collect::<Vec<_>>(), theirs);
    let departs = TABLE.iter().zip(notes::NOTES).filter(|(row, (.., letter))| !agree(*letter, row.class));
    assert_eq!(departs.flat_map(|(row, _)| row.codes).copied().collect::<Vec<_>>(), ["asset_not_found", "content_policy_violation"]);
    let by_status = notes::BY_STATUS.iter().flat_map(|(_, statuses, letter)| statuses.iter().map(|status| (*status, *letter)));
    let departs = by_status.filter(|(status, letter)| !agree(*letter, super::by_status(*status)));
    assert_eq!(departs.map(|(status, _)| status).collect::<Vec<_>>(), [409]);
}

#[test]
fn a_code_stands_in_one_line() {
    let mut codes: Vec<&str> = TABLE.iter().flat_map(|row| row.codes).copied().collect();
    let all = codes.len();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), all);
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
            let seen = trouble(false, status, body.as_bytes());
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
            assert_eq!(trouble(true, status, body.as_bytes()).class, Class::AlreadyBound, "{status} {body}");
        }
    }
}

#[test]
fn already_bound_means_nothing_outside_the_consent_call() {
    let body = json!({"error": {"code": "invalid_parameter", "message": "security code already binded"}}).to_string();
    assert_eq!(trouble(false, 400, body.as_bytes()).class, Class::Invalid);
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
