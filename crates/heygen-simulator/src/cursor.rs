//! The opaque tokens of list answers.

/// Where a page begins: behind this group and, for looks, behind this look of it.
///
/// It names a position in the order of creation and not an offset, so groups that are deleted or created between two
/// pages neither hide nor double others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) group: u64,
    pub(crate) look: u64,
}

/// The cursor in front of everything; sequence numbers of groups begin at 1.
pub(crate) const BEGINNING: Cursor = Cursor { group: 0, look: 0 };

impl Cursor {
    pub(crate) fn encode(self) -> String {
        format!("c{:016x}{:08x}", self.group, self.look)
    }

    pub(crate) fn decode(token: &str) -> Option<Self> {
        let digits = token.strip_prefix('c').filter(|digits| digits.len() == 24)?;
        Some(Self { group: u64::from_str_radix(digits.get(..16)?, 16).ok()?, look: u64::from_str_radix(digits.get(16..)?, 16).ok()? })
    }
}
