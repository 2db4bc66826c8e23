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
    /// A reason of an account; there are no others than those of this module.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
    pub struct Reason(&'static str);

    impl Reason {
        /// The word itself.
        #[must_use]
        pub const fn word(self) -> &'static str {
            self.0
        }

        /// The reason that a condition names.
        #[must_use]
        pub fn of(word: &str) -> Option<Self> {
            ALL.iter().copied().find(|reason| reason.0 == word)
        }
    }

    /// Declares the reasons, and the list of all of them.
    macro_rules! reasons {
        ($($(#[$doc:meta])* $name:ident = $word:literal;)*) => {
            $($(#[$doc])* pub const $name: Reason = Reason($word);)*

            /// All of them.
            pub const ALL: &[Reason] = &[$($name),*];
        };
    }

    reasons! {
        /// HeyGen accepted the key.
        CREDENTIALS_ACCEPTED = "CredentialsAccepted";
        /// HeyGen refused the key.
        CREDENTIALS_REJECTED = "CredentialsRejected";
        /// The Secret, or the key in it, is not there.
        SECRET_NOT_FOUND = "SecretNotFound";
        /// The operator has no right to read the Secret.
        SECRET_FORBIDDEN = "SecretForbidden";
        /// The Secret cannot be read at the moment.
        SECRET_UNREADABLE = "SecretUnreadable";
        /// The base URL is http, and the operator was not told to allow that.
        INSECURE_BASE_URL = "InsecureBaseURL";
        /// HeyGen asked the account to stay away for a while.
        THROTTLED = "Throttled";
        /// HeyGen does not answer.
        UNREACHABLE = "Unreachable";
        /// HeyGen wants a payment or another plan.
        BILLING_REQUIRED = "BillingRequired";
        /// The account is suspended by its spec.
        SUSPENDED = "Suspended";
    }
}
