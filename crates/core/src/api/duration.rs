//! Durations as Go writes them: `90s`, `1h30m`, `72h`.

use std::time::Duration;

/// Reads a duration such as `72h` or `1m30s`.
///
/// `None` for anything else, a negative one included; the API server refuses those earlier (see the rules on the fields).
#[must_use]
pub fn parse(text: &str) -> Option<Duration> {
    if text.is_empty() {
        return None;
    }
    let parsed: kube::core::Duration = text.parse().ok()?;
    (!parsed.is_negative()).then(|| parsed.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_style_durations_are_read_and_others_are_not() {
        assert_eq!(parse("72h"), Some(Duration::from_secs(72 * 3600)));
        assert_eq!(parse("1m30s"), Some(Duration::from_secs(90)));
        assert_eq!(parse("1.5s"), Some(Duration::from_millis(1500)));
        for wrong in ["", "3 days", "1w", "P1D", "-5s", "5"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
