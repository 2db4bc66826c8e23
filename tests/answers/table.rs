//! The error table of the HeyGen API notes, section 8, and what the operator makes of each row.

/// What comes of an error answer to a call about one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: the call is repeated with growing pauses.
    Nothing,
    /// `NotEntitled`: the group or the feature is out of the key's reach.
    NotEntitled,
    /// `InvalidRequest`: the request is wrong as it stands.
    InvalidRequest,
    /// The same, but after so many tries.
    InvalidAfter(u64),
    /// `AvatarGroupNotFound`, after two polls two minutes apart.
    Missing,
    /// It concerns the whole key: the account's condition has this reason.
    Account(&'static str),
}

/// A code with a status that it comes with.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub code: &'static str,
    pub status: u16,
    /// As the answer to a poll.
    pub poll: Verdict,
    /// As the answer to a consent request.
    pub request: Verdict,
}

impl Row {
    /// A name for the row's objects.
    pub fn name(&self) -> String {
        format!("{}-{}", self.code.replace('_', "-"), self.status)
    }

    /// The code as messages name it: only documented ones are repeated, and a family by its pattern.
    pub fn named(&self) -> Option<&'static str> {
        match self.code {
            code if code.starts_with("hyperframes_") => Some("hyperframes_*"),
            code if code.starts_with("never_heard_of") => None,
            code => Some(code),
        }
    }

    /// What the person who must act reads where the row means `NotEntitled`.
    pub fn not_entitled(&self) -> String {
        not_entitled(self.named())
    }
}

/// What the person who must act reads when HeyGen refuses a group or a feature with this code.
pub fn not_entitled(code: Option<&str>) -> String {
    let named = code.map(|code| format!("HeyGen answers with the code `{code}`. ")).unwrap_or_default();
    format!(
        "{named}HeyGen does not let this account ask for consent to this avatar group. Check at HeyGen that the group belongs to the account, and that its plan includes what the spec asks for. If both are right, ask HeyGen's support."
    )
}

const fn row(code: &'static str, status: u16, poll: Verdict, request: Verdict) -> Row {
    Row { code, status, poll, request }
}

const fn both(code: &'static str, status: u16, shown: Verdict) -> Row {
    row(code, status, shown, shown)
}

/// Where the notes state no status, one that fits the family; unknown codes go by their status (last rows).
pub const TABLE: &[Row] = &[
    both("unauthorized", 401, Verdict::Account("CredentialsRejected")),
    both("authentication_failed", 401, Verdict::Account("CredentialsRejected")),
    both("forbidden", 403, Verdict::NotEntitled),
    both("resource_access_denied", 403, Verdict::NotEntitled),
    both("ai_vendor_access_restricted", 403, Verdict::NotEntitled),
    both("voice_not_usable", 403, Verdict::NotEntitled),
    both("phone_verification_required", 403, Verdict::NotEntitled),
    both("insufficient_credit", 402, Verdict::Account("BillingRequired")),
    both("trial_limit_exceeded", 402, Verdict::Account("BillingRequired")),
    both("plan_upgrade_required", 402, Verdict::Account("BillingRequired")),
    both("quota_exceeded", 429, Verdict::Account("Throttled")),
    both("rate_limit_exceeded", 429, Verdict::Account("Throttled")),
    both("rate_limited", 429, Verdict::Account("Throttled")),
    both("avatar_group_not_found", 404, Verdict::Missing),
    both("avatar_not_found", 404, Verdict::Missing),
    both("resource_not_found", 404, Verdict::Missing),
    both("not_found", 404, Verdict::Missing),
    row("asset_not_found", 404, Verdict::Nothing, Verdict::InvalidRequest),
    row("invalid_parameter", 400, Verdict::Nothing, Verdict::InvalidRequest),
    row("validation_error", 400, Verdict::Nothing, Verdict::InvalidRequest),
    row("payload_too_large", 413, Verdict::Nothing, Verdict::InvalidRequest),
    row("download_failed", 400, Verdict::Nothing, Verdict::InvalidAfter(5)),
    both("avatar_consent_required", 400, Verdict::Nothing),
    row("content_policy_violation", 400, Verdict::Nothing, Verdict::InvalidRequest),
    both("resource_limit_reached", 400, Verdict::NotEntitled),
    both("resource_limit_exceeded", 400, Verdict::NotEntitled),
    both("conflict", 409, Verdict::Nothing),
    both("request_in_progress", 409, Verdict::Nothing),
    both("resource_not_ready", 409, Verdict::Nothing),
    both("asset_not_available", 409, Verdict::Nothing),
    both("internal_error", 500, Verdict::Nothing),
    both("service_unavailable", 503, Verdict::Nothing),
    both("gateway_timeout", 504, Verdict::Nothing),
    both("voice_provider_error", 502, Verdict::Nothing),
    row("video_not_found", 404, Verdict::Nothing, Verdict::InvalidRequest),
    row("voice_not_found", 404, Verdict::Nothing, Verdict::InvalidRequest),
    row("template_not_found", 404, Verdict::Nothing, Verdict::InvalidRequest),
    row("webhook_not_found", 404, Verdict::Nothing, Verdict::InvalidRequest),
    row("unlimited_mode_disabled", 400, Verdict::Nothing, Verdict::InvalidRequest),
    row("voice_unavailable", 400, Verdict::Nothing, Verdict::InvalidRequest),
    row("script_too_short", 400, Verdict::Nothing, Verdict::InvalidRequest),
    row("tts_text_invalid", 400, Verdict::Nothing, Verdict::InvalidRequest),
    row("ephemeral_upload_disabled", 400, Verdict::Nothing, Verdict::InvalidRequest),
    row("video_delete_failed", 400, Verdict::Nothing, Verdict::InvalidRequest),
    row("hyperframes_quota", 400, Verdict::Nothing, Verdict::InvalidRequest),
    both("never_heard_of", 408, Verdict::Nothing),
    both("never_heard_of", 425, Verdict::Nothing),
    both("never_heard_of", 500, Verdict::Nothing),
    both("never_heard_of", 502, Verdict::Nothing),
    both("never_heard_of", 409, Verdict::Nothing),
    both("never_heard_of", 403, Verdict::NotEntitled),
    both("never_heard_of", 404, Verdict::Missing),
    both("never_heard_of", 401, Verdict::Account("CredentialsRejected")),
    both("never_heard_of", 402, Verdict::Account("BillingRequired")),
    both("never_heard_of", 429, Verdict::Account("Throttled")),
    row("never_heard_of", 400, Verdict::Nothing, Verdict::InvalidRequest),
    row("never_heard_of", 422, Verdict::Nothing, Verdict::InvalidRequest),
];
