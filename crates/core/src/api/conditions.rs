//! The words of conditions and events: their types and reasons. API, frozen once released.
//!
//! They stand nowhere else in the operator: a new one is added here, and the compiler and `tests/words.rs` name what is missing.

use strum::{EnumString, IntoStaticStr, VariantArray};

/// Condition types.
pub mod types {
    /// Whether what the object waits for has come.
    pub const READY: &str = "Ready";
    /// Whether the twin may be used: the one condition for what uses it.
    pub const PERMITTED: &str = "Permitted";
    /// Whether consent was asked for by this object, for its current request.
    pub const INITIATED: &str = "Initiated";
    /// Whether HeyGen says that consent was given or waived.
    pub const APPROVED: &str = "Approved";
    /// Only while True: work goes on by itself.
    pub(crate) const RECONCILING: &str = "Reconciling";
    /// Only while True: a person has to act.
    pub const STALLED: &str = "Stalled";
    /// Only while True: `approvalDeadline` has passed.
    pub(crate) const OVERDUE: &str = "Overdue";
    /// Only while True: the link presumably no longer works.
    pub(crate) const LINK_EXPIRED: &str = "LinkExpired";
    /// Only while True: no new call to HeyGen is made.
    pub(crate) const SUSPENDED: &str = "Suspended";
    /// All of a consent.
    pub(crate) const OF_CONSENTS: [&str; 9] =
        [READY, PERMITTED, INITIATED, APPROVED, RECONCILING, STALLED, OVERDUE, LINK_EXPIRED, SUSPENDED];
    /// Of an account, where the operator keeps an audit log: whether it can write it.
    pub const AUDIT_LOG_WRITABLE: &str = "AuditLogWritable";
    /// Of an account that names sinks: whether they take what they are sent.
    pub const NOTIFICATIONS_DELIVERED: &str = "NotificationsDelivered";
}

/// Where a consent stands: the reasons of its `Ready`, in order of precedence. Of several that are the case, the first is told.
///
/// What each says stands in [`Row`](crate::consent::situation::Row).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, EnumString, IntoStaticStr, VariantArray)]
pub enum Situation {
    /// The person has withdrawn their consent, as the spec says.
    #[strum(serialize = "ConsentWithdrawn")]
    Withdrawn,
    /// Suspended before any poll.
    Suspended,
    /// Another object owns the group on this account.
    #[strum(serialize = "DuplicateAvatarGroup")]
    Duplicate,
    /// The status was written for another object, and HeyGen was not read since.
    Restored,
    /// The approval was withdrawn.
    #[strum(serialize = "ConsentRevoked")]
    Revoked,
    /// The person refused.
    #[strum(serialize = "ConsentRefused")]
    Refused,
    /// HeyGen does not know the group.
    #[strum(serialize = "AvatarGroupNotFound")]
    GroupMissing,
    /// The training of the group failed.
    #[strum(serialize = "AvatarFailed")]
    TrainingFailed,
    /// The person consented to other terms than those of the spec.
    TermsChanged,
    /// `spec.validUntil` has passed.
    #[strum(serialize = "ConsentLapsed")]
    Lapsed,
    /// HeyGen says a word that the policy does not know.
    #[strum(serialize = "UnrecognizedConsentStatus")]
    Unrecognized,
    /// What was told of consent is not verified: HeyGen was not polled for too long, or never said it under the policy as it is.
    Unverified,
    /// The person consented.
    Approved,
    /// No consent is needed by contract.
    #[strum(serialize = "ConsentWaived")]
    Waived,
    /// No person is depicted.
    #[strum(serialize = "ConsentNotRequired")]
    NotRequired,
    /// The account cannot be used.
    AccountNotReady,
    /// The account does not serve the namespace.
    AccountNotAllowed,
    /// The request is wrong.
    InvalidRequest,
    /// The account may not ask this.
    NotEntitled,
    /// HeyGen says that consent was begun before, and gives no link.
    #[strum(serialize = "ConsentAlreadyBegun")]
    AlreadyBegun,
    /// The link Secret belongs to another owner.
    LinkSecretConflict,
    /// The link Secret cannot be written.
    LinkSecretNotWritable,
    /// The request cannot start at once.
    Initiating,
    /// Waiting for the person, whose link has died.
    LinkExpired,
    /// Waiting for the person longer than the deadline.
    #[strum(serialize = "ApprovalOverdue")]
    Overdue,
    /// Waiting for the person.
    #[strum(serialize = "AwaitingApproval")]
    Awaiting,
    /// Consent would be asked for, but `spec.initiate` is `Never`.
    InitiationDisabled,
}

impl Situation {
    /// The reason of `Ready`.
    #[must_use]
    pub fn reason(self) -> &'static str {
        self.into()
    }
}

/// The reasons of an account's `Ready`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, EnumString, IntoStaticStr, VariantArray)]
pub enum AccountReason {
    /// HeyGen accepted the key.
    CredentialsAccepted,
    /// HeyGen refused the key.
    CredentialsRejected,
    /// The Secret, or the key in it, is not there.
    SecretNotFound,
    /// The operator has no right to read the Secret.
    SecretForbidden,
    /// The Secret cannot be read at the moment.
    SecretUnreadable,
    /// The base URL is http, and the operator was not told to allow that.
    #[strum(serialize = "InsecureBaseURL")]
    InsecureBaseUrl,
    /// HeyGen asked the account to stay away for a while.
    Throttled,
    /// HeyGen does not answer.
    Unreachable,
    /// HeyGen wants a payment or another plan.
    BillingRequired,
    /// The account is suspended by its spec.
    Suspended,
}

impl AccountReason {
    /// The word itself.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.into()
    }
}

/// The reasons of events and of conditions beside `Ready`, where they are not one of [`Situation`] or [`AccountReason`].
pub mod reasons {
    /// Of `Initiated`: it was. And of the event that tells so.
    pub(crate) const CONSENT_REQUESTED: &str = "ConsentRequested";
    /// Of `Initiated`: it was not.
    pub(crate) const NOT_INITIATED: &str = "NotInitiated";
    /// Of `Approved`: it was not, and nothing says that it will not be.
    pub(crate) const NOT_APPROVED: &str = "NotApproved";
    /// Of an event: another link for the same request.
    pub const LINK_RENEWED: &str = "LinkRenewed";
    /// Of an event: the link of before stands in its Secret again.
    pub(crate) const LINK_RESTORED: &str = "LinkRestored";
    /// Of an event: a request has gone unanswered for long.
    pub(crate) const REQUEST_UNANSWERED: &str = "RequestUnanswered";
    /// Of an event: a status could not be written several times in a row.
    pub(crate) const STATUS_NOT_WRITTEN: &str = "StatusNotWritten";
    /// Of an event and of the metrics: an object cannot be decoded.
    pub const UNDECODABLE: &str = "Undecodable";
    /// Of `AuditLogWritable`: it can.
    pub const AUDIT_LOG_WRITTEN: &str = "AuditLogWritten";
    /// Of `AuditLogWritable`: it cannot.
    pub const AUDIT_LOG_NOT_WRITTEN: &str = "AuditLogNotWritten";
    /// Of `NotificationsDelivered`: every sink takes what it is sent.
    pub const NOTIFICATIONS_TAKEN: &str = "NotificationsTaken";
    /// Of `NotificationsDelivered`: no sink has taken an event yet.
    pub const NOTHING_SENT: &str = "NothingSent";
    /// Of `NotificationsDelivered`: the address or the signing secret of a sink is missing or malformed.
    pub const SINK_NOT_USABLE: &str = "SinkNotUsable";
    /// Of `NotificationsDelivered`: a sink does not answer, or not as it should; what waits is sent again.
    pub const NOTIFICATIONS_NOT_TAKEN: &str = "NotificationsNotTaken";
    /// Of `NotificationsDelivered`: events were dropped in the last hour.
    pub const NOTIFICATIONS_DROPPED: &str = "NotificationsDropped";
    /// Of the metrics: nothing is known of an account yet.
    pub const RESOLVING: &str = "Resolving";
    /// Of the metrics: nothing was told of a consent yet.
    pub const NOT_SEEN_YET: &str = "NotSeenYet";
}
