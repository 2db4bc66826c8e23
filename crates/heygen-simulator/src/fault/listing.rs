//! Trouble with pages: what a reader of a long list meets when the list changes under it, or the server misplaces its cursor.

/// Trouble of `GET /v3/avatars`; the order, the cursor and the consistency of HeyGen's list are unknown (HeyGen API notes,
/// section 6). On other paths it does nothing.
///
/// Trouble that points back (`has_more` without a token, pages in a circle) is among [`super::Reshape`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListTrouble {
    /// A page that was asked for by a token gives that token out again as the next one.
    RepeatedToken,
    /// Something in front of the page is deleted between two pages of a list that counts from the front: every page but the
    /// first leaves one group out that no other page shows.
    Shrinking,
    /// Something in front of the page is created between two pages of a list that counts from the front: every page but the
    /// first begins with the last group of the page before.
    ItemTwice,
    /// The group changes its place while the list is read.
    ///
    /// In one scan it is shown nowhere (it stood on a later page until that was reached, and on an earlier one then), in the
    /// next one twice, at the end of the first and of the last page. A scan begins with a page that is asked for without a
    /// token; the first one shows the group nowhere. Full pages keep a place for it and are one group shorter.
    ItemMoves {
        /// The group.
        group: String,
    },
    /// The list leaves the group out, though a single read finds it.
    ItemMissing {
        /// The group.
        group: String,
    },
    /// The newest group comes first. A token goes on from its place, also when the order changes between two pages.
    NewestFirst,
}
