//! PURE. The `Retry-After` header: seconds, or an HTTP date (HeyGen API notes, section 8, limits).

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// The longest stay-away that is honoured: beyond it, a wrong clock or a slip at HeyGen would stop an account for days.
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// Weekdays are not checked: a date that names the wrong one is still a date.
static DATE: DateTimeParser = DateTimeParser::new().relaxed_weekday(true);

/// A date as HTTP writes it.
#[must_use]
pub fn parse_date(header: &str) -> Option<Timestamp> {
    DATE.parse_timestamp(header.trim()).ok()
}

/// How long the header asks us to stay away, seen at `now`: at most [`LONGEST_RETRY_AFTER`].
///
/// `None` when it asks for nothing: zero, in the past, or not readable.
#[must_use]
pub fn parse_retry_after(header: &str, now: Timestamp) -> Option<Duration> {
    let header = header.trim();
    let wait = if !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a u64 holds is still "long".
        header.parse().map_or(LONGEST_RETRY_AFTER, Duration::from_secs)
    } else {
        let until = parse_date(header)?;
        Duration::try_from(until.duration_since(now)).ok()?
    };
    (!wait.is_zero()).then(|| wait.min(LONGEST_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(header: &str) -> Option<u64> {
        let now = "2026-07-01T12:00:00Z".parse().unwrap();
        parse_retry_after(header, now).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_are_read() {
        assert_eq!(parsed("1"), Some(1));
        assert_eq!(parsed(" 120 "), Some(120));
        assert_eq!(parsed("3600"), Some(3600));
    }

    #[test]
    fn an_http_date_is_read_also_with_a_wrong_weekday() {
        assert_eq!(parsed("Wed, 01 Jul 2026 12:00:30 GMT"), Some(30));
        assert_eq!(parsed("Mon, 01 Jul 2026 12:00:30 GMT"), Some(30));
        assert_eq!(parsed("Wed, 01 Jul 2026 14:10:00 +0200"), Some(600));
    }

    #[test]
    fn more_than_an_hour_counts_as_an_hour() {
        assert_eq!(parsed("3601"), Some(3600));
        assert_eq!(parsed("99999999999999999999999999"), Some(3600));
        assert_eq!(parsed("Thu, 01 Jul 2027 12:00:00 GMT"), Some(3600));
    }

    #[test]
    fn zero_the_past_and_nonsense_ask_for_nothing() {
        for header in [
            "0",
            "",
            " ",
            "-5",
            "soon",
            "1.5",
            "Wed, 01 Jul 2026 12:00:00 GMT",
            "Wed, 01 Jul 2026 11:59:59 GMT",
            "Wed, 99 Jul 2026 12:00:00 GMT",
        ] {
            assert_eq!(parsed(header), None, "{header:?}");
        }
    }
}
