//! PURE. Whether a request is sent once more, and after which pause.

use std::time::Duration;

use twinconsent_core::consent::outcome::{Class, Concern, Trouble};

/// How often a request is sent when HeyGen is in trouble (HeyGen's own CLI tries three times: HeyGen API notes, section 8).
const MOST_TRIES: u32 = 3;

/// How long a command waits in all.
const LONGEST: Duration = Duration::from_secs(600);

/// The first pause after trouble of HeyGen; the next is twice as long.
const FIRST: Duration = Duration::from_secs(1);

/// The same, when HeyGen throttles and does not say for how long.
const FIRST_THROTTLED: Duration = Duration::from_secs(5);

/// The pause before the next try, after so many failures of the request and so long a wait of the command; `None`: no other try.
pub(super) fn pause(trouble: &Trouble, failures: u32, waited: Duration) -> Option<Duration> {
    let doubled = 1 << failures.saturating_sub(1).min(10);
    let pause = match trouble.class.concern() {
        Concern::Budget if trouble.class == Class::Throttled => trouble.retry_after.unwrap_or(FIRST_THROTTLED * doubled),
        Concern::HeyGen | Concern::Call if failures < MOST_TRIES => trouble.pause(FIRST * doubled),
        Concern::HeyGen | Concern::Call | Concern::Budget | Concern::Key | Concern::Access | Concern::Group | Concern::Request => {
            return None;
        }
    };
    (waited + pause <= LONGEST).then_some(pause)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(class: Class, retry_after: Option<u64>, failures: u32, waited: u64) -> Option<u64> {
        let trouble = Trouble { retry_after: retry_after.map(Duration::from_secs), ..Trouble::of(class) };
        pause(&trouble, failures, Duration::from_secs(waited)).map(|pause| pause.as_secs())
    }

    #[test]
    fn heygen_in_trouble_is_tried_three_times() {
        for class in [Class::Unreachable, Class::Unavailable, Class::Busy, Class::Unreadable] {
            assert_eq!([1, 2, 3].map(|failures| after(class, None, failures, 0)), [Some(1), Some(2), None], "{class:?}");
        }
        assert_eq!(after(Class::Unavailable, Some(30), 1, 0), Some(30));
    }

    #[test]
    fn a_pause_that_heygen_asks_for_is_kept_while_a_person_can_wait_for_it() {
        assert_eq!(after(Class::Throttled, Some(1), 50, 0), Some(1));
        assert_eq!([1, 2, 3].map(|failures| after(Class::Throttled, None, failures, 0)), [Some(5), Some(10), Some(20)]);
        assert_eq!(after(Class::Throttled, Some(3600), 1, 0), None);
        assert_eq!(after(Class::Throttled, Some(60), 1, 541), None, "all pauses count together");
    }

    #[test]
    fn what_no_wait_cures_ends_at_once() {
        let classes = [
            Class::QuotaExceeded,
            Class::CredentialsRejected,
            Class::BillingRequired,
            Class::Forbidden,
            Class::AccessDenied,
            Class::NotFound,
            Class::Invalid,
        ];
        for class in classes {
            assert_eq!(after(class, Some(1), 1, 0), None, "{class:?}");
        }
    }
}
