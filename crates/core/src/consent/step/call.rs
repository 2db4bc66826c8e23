//! What can be done about an object, and what it takes.

use strum::IntoStaticStr;

use crate::consent::request::Request;

/// One effect.
#[derive(Debug, Clone, PartialEq, Eq, IntoStaticStr)]
pub enum Call {
    /// Read the avatar group.
    Poll,
    /// Read a page of the group's looks: the first, or the one behind this cursor.
    ReadLooks(Option<String>),
    /// See whether the link Secret is free or ours.
    CheckLinkSecret,
    /// Ask HeyGen for consent.
    Initiate(Request),
    /// Write the link in hand into its Secret.
    WriteLinkSecret,
    /// See whether the link that the person waits with still stands in its Secret.
    FindLink,
}

impl Call {
    /// Whether the effect writes down what HeyGen has answered.
    #[must_use]
    pub fn records_an_answer(&self) -> bool {
        match self {
            Self::WriteLinkSecret => true,
            Self::Poll | Self::ReadLooks(_) | Self::CheckLinkSecret | Self::Initiate(_) | Self::FindLink => false,
        }
    }

    /// Whether the effect is a call to HeyGen, which takes a permit of the account.
    #[must_use]
    pub fn asks_heygen(&self) -> bool {
        *self == Self::Poll || self.is_request()
    }

    /// Whether it is a request for consent, or one of the pages of looks that belong to it.
    #[must_use]
    pub fn is_request(&self) -> bool {
        match self {
            Self::ReadLooks(_) | Self::Initiate(_) => true,
            Self::Poll | Self::CheckLinkSecret | Self::WriteLinkSecret | Self::FindLink => false,
        }
    }
}
