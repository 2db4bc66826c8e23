//! The names of condition types and of their reasons: API, frozen once released.

/// Condition types.
pub mod types {
    /// Whether what the object waits for has come.
    pub const READY: &str = "Ready";
    /// Whether consent was asked for by this object, for its current request.
    pub const INITIATED: &str = "Initiated";
    /// Whether HeyGen says that consent was given or waived.
    pub const APPROVED: &str = "Approved";
    /// Only while True: work goes on that needs nobody.
    pub const RECONCILING: &str = "Reconciling";
    /// Only while True: somebody has to act.
    pub const STALLED: &str = "Stalled";
    /// Only while True: `approvalDeadline` has passed.
    pub const OVERDUE: &str = "Overdue";
    /// Only while True: the link presumably no longer works.
    pub const LINK_EXPIRED: &str = "LinkExpired";
    /// Only while True: no new call to HeyGen is made.
    pub const SUSPENDED: &str = "Suspended";
}

/// Reasons of an account's `Ready` condition.
pub mod account {
    /// HeyGen accepted the key.
    pub const CREDENTIALS_ACCEPTED: &str = "CredentialsAccepted";
    /// HeyGen refused the key.
    pub const CREDENTIALS_REJECTED: &str = "CredentialsRejected";
    /// The Secret, or the key in it, is not there.
    pub const SECRET_NOT_FOUND: &str = "SecretNotFound";
    /// The operator has no right to read the Secret.
    pub const SECRET_FORBIDDEN: &str = "SecretForbidden";
    /// The Secret cannot be read at the moment.
    pub const SECRET_UNREADABLE: &str = "SecretUnreadable";
    /// The base URL is http, and the operator was not told to allow that.
    pub const INSECURE_BASE_URL: &str = "InsecureBaseURL";
    /// HeyGen asked the account to stay away for a while.
    pub const THROTTLED: &str = "Throttled";
    /// HeyGen does not answer.
    pub const UNREACHABLE: &str = "Unreachable";
    /// HeyGen wants a payment or another plan.
    pub const BILLING_REQUIRED: &str = "BillingRequired";
    /// The account is suspended by its spec.
    pub const SUSPENDED: &str = "Suspended";
}
