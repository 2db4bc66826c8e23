//! The consent link: a bearer secret that prints as `[redacted]`.

use std::fmt;

/// A link to HeyGen's consent page. Anyone who holds it can act as the person, so it neither prints nor
/// serialises; [`Link::expose`] marks the two places that write it down: the status and the link Secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Link(String);

impl Link {
    /// Takes a link into custody.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The link in the clear, to be written where the user asked for it and nowhere else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
