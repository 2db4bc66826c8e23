//! PURE. How many objects a page of a list holds: few at first, more while they are small, half as many when one was too large.

/// How many the first page holds.
const FIRST: u32 = 250;

/// How many a page holds at most.
const MOST: u32 = 2_000;

/// A page of fewer bytes is followed by one of twice as many objects.
const SMALL: usize = 3 << 20;

/// How many objects the next page holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PageSize {
    limit: u32,
    /// What was too large once.
    below: u32,
}

impl Default for PageSize {
    fn default() -> Self {
        Self { limit: FIRST, below: MOST + 1 }
    }
}

impl PageSize {
    pub(super) fn limit(self) -> u32 {
        self.limit
    }

    /// Whether a page cannot hold less.
    pub(super) fn is_least(self) -> bool {
        self.limit <= 1
    }

    pub(super) fn was_too_large(&mut self) {
        self.below = self.limit.max(2);
        self.limit = (self.limit / 2).max(1);
    }

    /// Notes how many bytes a page took.
    pub(super) fn took(&mut self, bytes: usize) {
        if bytes <= SMALL {
            self.limit = (self.limit * 2).min(MOST).min(self.below - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_grows_while_it_is_small_and_never_again_to_what_was_too_large() {
        let mut size = PageSize::default();
        for expected in [500, 1000, 2000, 2000] {
            size.took(1 << 20);
            assert_eq!(size.limit(), expected);
        }
        size.was_too_large();
        assert_eq!(size.limit(), 1000);
        size.took(SMALL + 1);
        assert_eq!(size.limit(), 1000);
        size.took(SMALL);
        assert_eq!(size.limit(), 1999);
    }

    #[test]
    fn a_page_of_one_object_is_the_least() {
        let mut size = PageSize::default();
        for _ in 0..20 {
            size.was_too_large();
        }
        assert!(size.is_least() && size.limit() == 1);
        size.took(0);
        assert_eq!(size.limit(), 1, "two were too large");
    }
}
