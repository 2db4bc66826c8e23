//! Accounts: the tenants of the simulated HeyGen, told apart by their API keys.

/// The name of the account that exists unless [`crate::Settings::accounts`] says otherwise.
pub const MAIN_ACCOUNT: &str = "main";

/// The API key of [`MAIN_ACCOUNT`] unless another is set; it opens nothing but a simulator.
pub const DEMO_API_KEY: &str = "heygen-simulator-demo-key";

/// An account to create.
#[derive(Clone)]
pub struct AccountDefinition {
    /// The name of the account in the record and for [`crate::Control`]; HeyGen never sees it.
    pub name: String,
    /// The credential, accepted as `X-Api-Key` and as a bearer token (HeyGen API notes, section 1).
    pub api_key: String,
    /// Whether a pre-recorded clip (`consent_video`, level 2) is allowed; without it HeyGen answers 403 (HeyGen API
    /// notes, section 3).
    pub enterprise: bool,
}

impl AccountDefinition {
    /// An ordinary account, without the enterprise entitlement.
    pub fn new(name: impl Into<String>, api_key: impl Into<String>) -> Self {
        Self { name: name.into(), api_key: api_key.into(), enterprise: false }
    }
}

impl std::fmt::Debug for AccountDefinition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key stays out of panic messages and logs of the tests that use this crate.
        f.debug_struct("AccountDefinition").field("name", &self.name).field("enterprise", &self.enterprise).finish_non_exhaustive()
    }
}

/// A change to an account; absent fields stay as they are.
#[derive(Clone, Default)]
pub struct AccountPatch {
    /// Replaces the key at once: the old one gets 401 from then on.
    pub api_key: Option<String>,
    /// Whether the account's key is answered 401 although it is the right one.
    pub key_refused: Option<bool>,
    /// Whether the account's key is answered 401 when it comes as a bearer token.
    pub bearer_refused: Option<bool>,
    /// The entitlement to level 2.
    pub enterprise: Option<bool>,
}

impl std::fmt::Debug for AccountPatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccountPatch")
            .field("api_key", &self.api_key.as_ref().map(|_| "set"))
            .field("key_refused", &self.key_refused)
            .field("bearer_refused", &self.bearer_refused)
            .field("enterprise", &self.enterprise)
            .finish()
    }
}

/// An account in the running simulator.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) enterprise: bool,
    pub(crate) key_refused: bool,
    pub(crate) bearer_refused: bool,
    /// The account's groups by order of creation; the order of the list answers.
    pub(crate) groups: std::collections::BTreeMap<u64, String>,
    /// How often a scan of the list of groups has begun.
    pub(crate) list_scans: u64,
}
