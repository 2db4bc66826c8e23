//! PURE. How many objects a page of a list holds: half as many when one was too large, and more again while they are small.

/// How many a page holds at most, and the first one: two pages are in memory at a time, and larger ones save little.
const MOST: u32 = 250;

/// A page of at most so many bytes is followed by one of twice as many objects: of like ones, these are not too large.
const SMALL: usize = 3 << 20;

/// How many objects the next page holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PageSize(u32);

impl Default for PageSize {
    fn default() -> Self {
        Self(MOST)
    }
}

impl PageSize {
    pub(super) fn limit(self) -> u32 {
        self.0
    }

    /// Whether a page cannot hold less.
    pub(super) fn is_least(self) -> bool {
        self.0 <= 1
    }

    pub(super) fn was_too_large(&mut self) {
        self.0 = (self.0 / 2).max(1);
    }

    /// Notes how many bytes a page took.
    pub(super) fn took(&mut self, bytes: usize) {
        if bytes <= SMALL {
            self.0 = (self.0 * 2).min(MOST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_grows_again_while_it_is_small() {
        let mut size = PageSize::default();
        size.took(1 << 20);
        assert_eq!(size.limit(), 250, "there is no larger page");
        size.was_too_large();
        size.was_too_large();
        size.took(SMALL + 1);
        assert_eq!(size.limit(), 62);
        for expected in [124, 248, 250] {
            size.took(SMALL);
            assert_eq!(size.limit(), expected);
        }
    }

    #[test]
    fn a_page_of_one_object_is_the_least() {
        let mut size = PageSize::default();
        for _ in 0..20 {
            size.was_too_large();
        }
        assert!(size.is_least() && size.limit() == 1);
    }
}
