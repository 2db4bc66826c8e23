//! PURE. Times for people: how long ago, how long until, and for how long.

use std::time::Duration;

use jiff::fmt::friendly::{Designator, Spacing, SpanPrinter};
use jiff::{SpanRound, Timestamp, Unit};

/// A time as it stands to now: `3d 2h ago` or `in 5h 10m`, in the two largest units.
#[must_use]
pub fn relative(at: Timestamp, now: Timestamp) -> String {
    if at > now { format!("in {}", length(now, at)) } else { format!("{} ago", length(at, now)) }
}

/// How long something may take, as the command line has it.
///
/// # Errors
/// What is to be written instead.
pub fn duration(text: &str) -> Result<Duration, String> {
    twinconsent_core::api::duration::parse(text).ok_or_else(|| "write it as in 30s, 10m or 72h".to_owned())
}

/// How long it is from one time to a later one, in the two largest units.
#[must_use]
pub fn length(from: Timestamp, to: Timestamp) -> String {
    let seconds = to.duration_since(from).as_secs().max(0);
    let smallest = match seconds {
        0..3_600 => Unit::Second,
        3_600..86_400 => Unit::Minute,
        _ => Unit::Hour,
    };
    let round = SpanRound::new().largest(Unit::Day).smallest(smallest).mode(jiff::RoundMode::Trunc).days_are_24_hours();
    let span = jiff::Span::new().try_seconds(seconds).and_then(|span| span.round(round)).unwrap_or_default();
    let printer = SpanPrinter::new().designator(Designator::Compact).spacing(Spacing::BetweenUnits);
    printer.span_to_string(&span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_units_tell_how_long() {
        let now: Timestamp = "2026-06-10T00:00:00Z".parse().unwrap();
        let cases = [
            ("2026-06-06T21:30:10Z", "3d 2h ago"),
            ("2026-06-10T05:10:30Z", "in 5h 10m"),
            ("2026-06-09T23:59:30Z", "30s ago"),
            ("2026-06-10T00:02:05Z", "in 2m 5s"),
            ("2026-06-10T00:00:00Z", "0s ago"),
            ("0001-01-01T00:00:00Z", "739776d ago"),
        ];
        for (at, expected) in cases {
            assert_eq!(relative(at.parse().unwrap(), now), expected);
        }
    }
}
