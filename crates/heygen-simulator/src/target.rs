//! What a request is aimed at, read from its path once.

use serde::Serialize;

/// The kinds of path that faults match and the record counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PathKind {
    /// `/v3/avatars/{group_id}/consent`.
    Consent,
    /// `/v3/avatars/{group_id}`.
    Group,
    /// `/v3/avatars`.
    List,
    /// `/v3/avatars/looks`.
    Looks,
    /// `/v3/users/me`.
    Me,
    /// The hosted page and its forms, `/consent/…`.
    Page,
    /// A path that the simulator does not know.
    Unknown,
}

/// A parsed path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Consent { group_id: String },
    Group { group_id: String },
    List,
    Looks,
    Me,
    Page { token: String, step: PageStep },
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PageStep {
    Open,
    Record,
    Decision,
    /// HeyGen's own end page, where a person without a reroute URL lands.
    Done,
}

impl Target {
    pub(crate) fn parse(path: &str) -> Self {
        // Ids are opaque and arrive escaped, so that one may hold a slash.
        let segments: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
        match segments.as_slice() {
            ["v3", "users", "me"] => Self::Me,
            ["v3", "avatars"] => Self::List,
            ["v3", "avatars", "looks"] => Self::Looks,
            ["v3", "avatars", group_id] => Self::Group { group_id: percent_decode(group_id) },
            ["v3", "avatars", group_id, "consent"] => Self::Consent { group_id: percent_decode(group_id) },
            ["consent", token] => Self::page(token, PageStep::Open),
            ["consent", token, "record"] => Self::page(token, PageStep::Record),
            ["consent", token, "decision"] => Self::page(token, PageStep::Decision),
            ["consent", token, "done"] => Self::page(token, PageStep::Done),
            _ => Self::Unknown,
        }
    }

    fn page(token: &str, step: PageStep) -> Self {
        Self::Page { token: token.to_owned(), step }
    }

    pub(crate) fn kind(&self) -> PathKind {
        match self {
            Self::Consent { .. } => PathKind::Consent,
            Self::Group { .. } => PathKind::Group,
            Self::List => PathKind::List,
            Self::Looks => PathKind::Looks,
            Self::Me => PathKind::Me,
            Self::Page { .. } => PathKind::Page,
            Self::Unknown => PathKind::Unknown,
        }
    }

    pub(crate) fn group_id(&self) -> Option<&str> {
        match self {
            Self::Consent { group_id } | Self::Group { group_id } => Some(group_id),
            Self::List | Self::Looks | Self::Me | Self::Page { .. } | Self::Unknown => None,
        }
    }
}

/// The path as it may be written down: a link's token is a secret.
pub(crate) fn redact(path: &str) -> String {
    match path.split_once("/consent/") {
        Some((before, after)) if !before.starts_with("/v3") => match after.split_once('/') {
            Some((_, step)) => format!("{before}/consent/[redacted]/{step}"),
            None => format!("{before}/consent/[redacted]"),
        },
        _ => path.to_owned(),
    }
}

/// Decodes `%XX`; what is no valid escape, or no UTF-8 afterwards, stays recognisably odd instead of failing.
pub(crate) fn percent_decode(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escaped {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// The pairs of a query or a form body, decoded.
pub(crate) fn pairs(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decode = |text: &str| percent_decode(&text.replace('+', " "));
        (decode(name), decode(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escaped_group_id_is_decoded() {
        assert_eq!(Target::parse("/v3/avatars/a%2Fb%20c/consent"), Target::Consent { group_id: "a/b c".to_owned() });
    }

    #[test]
    fn looks_is_not_a_group() {
        assert_eq!(Target::parse("/v3/avatars/looks"), Target::Looks);
    }

    #[test]
    fn the_token_of_a_link_is_never_written_down() {
        assert_eq!(redact("/consent/abc/record"), "/consent/[redacted]/record");
        assert_eq!(redact("/consent/abc"), "/consent/[redacted]");
        assert_eq!(redact("/v3/avatars/g/consent"), "/v3/avatars/g/consent");
    }

    #[test]
    fn a_broken_escape_stays_as_it_is() {
        assert_eq!(percent_decode("100%"), "100%");
        assert_eq!(percent_decode("%zz%41"), "%zzA");
        assert_eq!(percent_decode("%é"), "%é");
    }

    #[test]
    fn a_form_body_decodes_to_pairs() {
        let read: Vec<_> = pairs("decision=consent&note=a+b%26c&flag").collect();
        assert_eq!(
            read,
            [("decision".to_owned(), "consent".to_owned()), ("note".to_owned(), "a b&c".to_owned()), ("flag".to_owned(), String::new()),]
        );
    }
}
