//! The code table of the HeyGen API notes, section 8: its codes, its statuses, and what it asks for by its letter.
//!
//! The letters are **R** repeat with growing pauses, **A** repeat after a wait, **U** a user or an administrator has to act, and
//! **C** the request is wrong. A unit test of the client compares the table with the client's own.

/// Codes that mean the same, the statuses that are stated for them, and the letter. A code that ends in `*` stands for all that begin so.
pub const NOTES: &[(&[&str], &[u16], char)] = &[
    (&["unauthorized", "authentication_failed"], &[401], 'U'),
    (&["forbidden"], &[403], 'U'),
    (&["resource_access_denied"], &[403], 'U'),
    (&["ai_vendor_access_restricted", "voice_not_usable"], &[403], 'U'),
    (&["phone_verification_required"], &[], 'U'),
    (&["insufficient_credit", "trial_limit_exceeded", "plan_upgrade_required"], &[402], 'U'),
    (&["quota_exceeded"], &[429], 'U'),
    (&["rate_limit_exceeded", "rate_limited"], &[429], 'A'),
    (&["avatar_group_not_found", "avatar_not_found", "resource_not_found", "not_found"], &[404], 'U'),
    (&["asset_not_found"], &[404], 'U'),
    (&["invalid_parameter", "validation_error"], &[400], 'C'),
    (&["payload_too_large"], &[413], 'C'),
    (&["download_failed"], &[400], 'C'),
    (&["avatar_consent_required"], &[400], 'A'),
    (&["content_policy_violation"], &[], 'U'),
    (&["resource_limit_reached"], &[400], 'U'),
    (&["resource_limit_exceeded"], &[], 'U'),
    (&["conflict"], &[409], 'R'),
    (&["request_in_progress"], &[409], 'A'),
    (&["resource_not_ready"], &[409], 'R'),
    (&["asset_not_available"], &[], 'R'),
    (&["internal_error"], &[500], 'R'),
    (&["service_unavailable"], &[503], 'R'),
    (&["gateway_timeout"], &[504], 'R'),
    (&["voice_provider_error"], &[], 'R'),
    (&["video_not_found", "voice_not_found", "template_not_found", "webhook_not_found"], &[404], 'C'),
    (
        &[
            "unlimited_mode_disabled",
            "voice_unavailable",
            "script_too_short",
            "tts_text_invalid",
            "ephemeral_upload_disabled",
            "video_delete_failed",
            "hyperframes_*",
        ],
        &[],
        'C',
    ),
];

/// The row "unknown code": statuses that mean the same, in words and as numbers, and the letter.
pub const BY_STATUS: &[(&str, &[u16], char)] = &[
    ("401", &[401], 'U'),
    ("402", &[402], 'U'),
    ("403", &[403], 'U'),
    ("404", &[404], 'U'),
    ("408, 425, 5xx", &[408, 425, 500, 502, 503, 504, 599], 'R'),
    ("409", &[409], 'C'),
    ("429", &[429], 'R'),
    ("400, other 4xx", &[400, 405, 410, 413, 422, 451], 'C'),
];
