//! The error table of the HeyGen API notes, section 8, and what the operator makes of each row.

/// What comes of an error answer to a call about one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Nothing: the call is repeated with growing pauses.
    Nothing,
    /// `NotEntitled`: the group or the feature is out of the key's reach.
    NotEntitled,
    /// `InvalidRequest`: the request is wrong as it stands.
    InvalidRequest,
    /// The same, but after so many tries.
    InvalidAfter(u64),
    /// `AvatarGroupNotFound`, after two looks two minutes apart.
    Missing,
    /// It concerns the whole key: the account's condition has this reason.
    Account(&'static str),
}

/// A code with a status that it comes with.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub code: &'static str,
    pub status: u16,
    /// As the answer to a look.
    pub look: Told,
    /// As the answer to a consent request.
    pub request: Told,
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

const fn row(code: &'static str, status: u16, look: Told, request: Told) -> Row {
    Row { code, status, look, request }
}

const fn both(code: &'static str, status: u16, told: Told) -> Row {
    row(code, status, told, told)
}

/// Where the notes state no status, one that fits the family; unknown codes go by their status (last rows).
pub const TABLE: &[Row] = &[
    both("unauthorized", 401, Told::Account("CredentialsRejected")),
    both("authentication_failed", 401, Told::Account("CredentialsRejected")),
    both("forbidden", 403, Told::NotEntitled),
    both("resource_access_denied", 403, Told::NotEntitled),
    both("ai_vendor_access_restricted", 403, Told::NotEntitled),
    both("voice_not_usable", 403, Told::NotEntitled),
    both("phone_verification_required", 403, Told::NotEntitled),
    both("insufficient_credit", 402, Told::Account("BillingRequired")),
    both("trial_limit_exceeded", 402, Told::Account("BillingRequired")),
    both("plan_upgrade_required", 402, Told::Account("BillingRequired")),
    both("quota_exceeded", 429, Told::Account("Throttled")),
    both("rate_limit_exceeded", 429, Told::Account("Throttled")),
    both("rate_limited", 429, Told::Account("Throttled")),
    both("avatar_group_not_found", 404, Told::Missing),
    both("avatar_not_found", 404, Told::Missing),
    both("resource_not_found", 404, Told::Missing),
    both("not_found", 404, Told::Missing),
    row("asset_not_found", 404, Told::Nothing, Told::InvalidRequest),
    row("invalid_parameter", 400, Told::Nothing, Told::InvalidRequest),
    row("validation_error", 400, Told::Nothing, Told::InvalidRequest),
    row("payload_too_large", 413, Told::Nothing, Told::InvalidRequest),
    row("download_failed", 400, Told::Nothing, Told::InvalidAfter(5)),
    both("avatar_consent_required", 400, Told::Nothing),
    row("content_policy_violation", 400, Told::Nothing, Told::InvalidRequest),
    both("resource_limit_reached", 400, Told::NotEntitled),
    both("resource_limit_exceeded", 400, Told::NotEntitled),
    both("conflict", 409, Told::Nothing),
    both("request_in_progress", 409, Told::Nothing),
    both("resource_not_ready", 409, Told::Nothing),
    both("asset_not_available", 409, Told::Nothing),
    both("internal_error", 500, Told::Nothing),
    both("service_unavailable", 503, Told::Nothing),
    both("gateway_timeout", 504, Told::Nothing),
    both("voice_provider_error", 502, Told::Nothing),
    row("video_not_found", 404, Told::Nothing, Told::InvalidRequest),
    row("voice_not_found", 404, Told::Nothing, Told::InvalidRequest),
    row("template_not_found", 404, Told::Nothing, Told::InvalidRequest),
    row("webhook_not_found", 404, Told::Nothing, Told::InvalidRequest),
    row("unlimited_mode_disabled", 400, Told::Nothing, Told::InvalidRequest),
    row("voice_unavailable", 400, Told::Nothing, Told::InvalidRequest),
    row("script_too_short", 400, Told::Nothing, Told::InvalidRequest),
    row("tts_text_invalid", 400, Told::Nothing, Told::InvalidRequest),
    row("ephemeral_upload_disabled", 400, Told::Nothing, Told::InvalidRequest),
    row("video_delete_failed", 400, Told::Nothing, Told::InvalidRequest),
    row("hyperframes_quota", 400, Told::Nothing, Told::InvalidRequest),
    both("never_heard_of", 408, Told::Nothing),
    both("never_heard_of", 425, Told::Nothing),
    both("never_heard_of", 500, Told::Nothing),
    both("never_heard_of", 502, Told::Nothing),
    both("never_heard_of", 409, Told::Nothing),
    both("never_heard_of", 403, Told::NotEntitled),
    both("never_heard_of", 404, Told::Missing),
    both("never_heard_of", 401, Told::Account("CredentialsRejected")),
    both("never_heard_of", 402, Told::Account("BillingRequired")),
    both("never_heard_of", 429, Told::Account("Throttled")),
    row("never_heard_of", 400, Told::Nothing, Told::InvalidRequest),
    row("never_heard_of", 422, Told::Nothing, Told::InvalidRequest),
];
