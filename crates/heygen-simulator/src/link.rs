//! Links: the bearer addresses that a level-1 POST hands out.

use crate::clock::SimulatedMillis;

/// How far the person got with a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkProgress {
    /// Nothing is recorded yet.
    Open,
    /// The clip is recorded, the decision is open.
    Recorded,
    /// The person agreed; the link is used up.
    Consented,
    /// The person declined; the link is used up.
    Declined,
}

/// A link as [`crate::Control::group`] shows it.
///
/// Its address is a secret in real life (HeyGen API notes, section 3); here tests need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkView {
    /// The address handed out.
    pub url: String,
    /// When it was made, simulated milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// When it dies by the lifetime that is set now, in the same unit.
    pub expires_ms: u64,
    /// Whether it is dead now.
    pub expired: bool,
    /// How far the person got.
    pub progress: LinkProgress,
    /// Where the person's browser is sent afterwards.
    pub reroute_url: Option<String>,
    /// The wording of the request, when it brought its own.
    pub consent_text: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) group_id: String,
    pub(crate) created: SimulatedMillis,
    pub(crate) progress: LinkProgress,
    pub(crate) reroute_url: Option<String>,
    pub(crate) consent_text: Option<String>,
}
