//! PURE. The terms of a consent: what HeyGen shows the person (the statement), and what the twin is to be used for (the purpose).
//!
//! A digest is `sha256:` and the hex digits of SHA-256 over the [RFC 8785](https://www.rfc-editor.org/rfc/rfc8785) form of
//!
//! - the statement: `{"kind":"HeyGenDefault"}`, `{"kind":"ConsentText","text":…}`, `{"kind":"ConsentVideo","url":…}` or
//!   `{"assetID":…,"kind":"ConsentVideo"}`;
//! - the purpose: its text, as a JSON string;
//! - the terms: `{"purposeDigest":…,"statementDigest":…}`, without `purposeDigest` where no purpose was declared.
//!
//! The reference of a clip says nothing of what is shown in it, and HeyGen's own wording may change without notice: equal digests mean that
//! the same was asked for, not that the same was seen.

use serde_json::{Value, json};

use crate::api::consent::{DigitalTwinConsentSpec, DigitalTwinConsentStatus, Statement};
use crate::consent::digest::digest;
use crate::consent::request::{Content, Video};

/// How many digests of terms a status keeps.
const MOST_ASKED: usize = 4;

/// The terms of one request, by their digests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// What the person is shown.
    pub statement: Statement,
    /// The digest of that statement.
    pub statement_digest: String,
    /// The digest of the purpose, if one is declared.
    pub purpose_digest: Option<String>,
}

impl Terms {
    /// The terms of a request with this content, for which this purpose is declared.
    #[must_use]
    pub fn of(content: &Content, purpose: Option<&str>) -> Self {
        let (statement, value) = match content {
            Content { consent_video: Some(Video::Url { url }), .. } => {
                (Statement::ConsentVideo, json!({ "kind": "ConsentVideo", "url": url }))
            }
            Content { consent_video: Some(Video::AssetId { asset_id }), .. } => {
                (Statement::ConsentVideo, json!({ "kind": "ConsentVideo", "assetID": asset_id }))
            }
            Content { consent_text: Some(text), .. } => (Statement::ConsentText, json!({ "kind": "ConsentText", "text": text })),
            Content { .. } => (Statement::HeyGenDefault, json!({ "kind": "HeyGenDefault" })),
        };
        Self { statement, statement_digest: digest(&value), purpose_digest: purpose.map(|purpose| digest(&Value::from(purpose))) }
    }

    /// The terms that a spec asks for.
    #[must_use]
    pub fn of_spec(spec: &DigitalTwinConsentSpec) -> Self {
        Self::of(&Content::of(spec), spec.purpose.as_deref())
    }

    /// The digest of statement and purpose.
    #[must_use]
    pub fn digest(&self) -> String {
        let Self { statement: _, statement_digest, purpose_digest } = self;
        match purpose_digest {
            Some(purpose) => digest(&json!({ "purposeDigest": purpose, "statementDigest": statement_digest })),
            None => digest(&json!({ "statementDigest": statement_digest })),
        }
    }

    /// Whether it is certain that the person was asked for none of these terms, as far as this status tells.
    ///
    /// A purpose that was added where none had been declared changes nothing of what the person was asked.
    #[must_use]
    pub(crate) fn were_surely_never_asked(&self, status: &DigitalTwinConsentStatus) -> bool {
        let Some(asked) = status.asked_terms.as_ref().filter(|asked| !asked.more.unwrap_or(false) && !asked.digests.is_empty()) else {
            return false;
        };
        let without_purpose = Self { purpose_digest: None, ..self.clone() };
        ![self.digest(), without_purpose.digest()].iter().any(|digest| asked.digests.contains(digest))
    }
}

/// Notes in a status that the person may have been asked with these terms.
pub(crate) fn note_asked(status: &mut DigitalTwinConsentStatus, terms: &Terms) {
    let asked = status.asked_terms.get_or_insert_default();
    let digest = terms.digest();
    if asked.digests.contains(&digest) {
        return;
    }
    if asked.digests.len() < MOST_ASKED {
        asked.digests.push(digest);
    } else {
        asked.more = Some(true);
    }
}

/// Notes in a status that the person may have been asked with terms of which nothing is recorded.
pub(crate) fn note_others_asked(status: &mut DigitalTwinConsentStatus) {
    status.asked_terms.get_or_insert_default().more = Some(true);
}

/// The terms of an approval that comes now, if they are certain as far as this object's own requests go: it has asked with one set only.
///
/// They are those of its last request.
#[must_use]
pub(crate) fn surely_seen(status: &DigitalTwinConsentStatus) -> Option<Terms> {
    let asked = status.asked_terms.as_ref().filter(|asked| !asked.more.unwrap_or(false) && asked.digests.len() == 1)?;
    let initiation = status.initiation.as_ref()?;
    let terms = Terms {
        statement: initiation.statement?,
        statement_digest: initiation.statement_digest.clone()?,
        purpose_digest: initiation.purpose_digest.clone(),
    };
    (terms.statement != Statement::Unknown && asked.digests.contains(&terms.digest())).then_some(terms)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn terms(spec: Value) -> Terms {
        Terms::of_spec(&serde_json::from_value(spec).unwrap())
    }

    fn asked(terms: &[&Terms]) -> DigitalTwinConsentStatus {
        let mut status = DigitalTwinConsentStatus::default();
        terms.iter().for_each(|terms| note_asked(&mut status, terms));
        status
    }

    /// Computed by another program: Python's `hashlib` over the texts in the documentation.
    #[test]
    fn the_digests_are_those_that_the_documentation_describes() {
        let plain = terms(json!({ "groupID": "g", "rerouteURL": "https://example.com" }));
        assert_eq!(plain.statement, Statement::HeyGenDefault);
        assert_eq!(plain.statement_digest, "sha256:ea8f4e59d9b19e3677ceb16836fa9315352fdba9f41f7d1d604c2cab46966b92");
        assert_eq!(plain.digest(), "sha256:1a2c7cfd287e3971326c395b4dcad0d38cb85a99c3e22e0dabd4b40893665a90");
        let text = terms(json!({ "groupID": "g", "consentText": "Ja \u{1f44d}\n\"so\"", "purpose": "Film" }));
        assert_eq!(text.statement, Statement::ConsentText);
        assert_eq!(text.statement_digest, "sha256:9f4fb7d33751eddb866da9fe788f1c5b4ed6bc656a232335cb4d92e8a30ce160");
        assert_eq!(text.purpose_digest.as_deref(), Some("sha256:3f177b9838a218fd89b7ed7be8def9e7d507af08888630b741172024f6654cbd"));
        let [url, asset] = [json!({ "url": "https://a.example" }), json!({ "assetID": "a" })]
            .map(|video| terms(json!({ "groupID": "g", "consentVideo": video })));
        assert_eq!((url.statement, asset.statement), (Statement::ConsentVideo, Statement::ConsentVideo));
        assert_ne!(url.statement_digest, asset.statement_digest);
    }

    #[test]
    fn a_purpose_that_was_added_later_is_no_change_and_another_one_is() {
        let [none, film, poster] =
            [json!({ "groupID": "g" }), json!({ "groupID": "g", "purpose": "film" }), json!({ "groupID": "g", "purpose": "poster" })]
                .map(terms);
        assert!(!film.were_surely_never_asked(&asked(&[&none])));
        assert!(none.were_surely_never_asked(&asked(&[&film])) && poster.were_surely_never_asked(&asked(&[&film])));
        assert!(!poster.were_surely_never_asked(&asked(&[])), "nothing is known of others' requests");
    }

    #[test]
    fn four_terms_are_kept_and_a_fifth_makes_nothing_certain() {
        let terms: Vec<Terms> = (0..5).map(|number| terms(json!({ "groupID": "g", "consentText": format!("text {number}") }))).collect();
        let mut status = asked(&terms.iter().take(4).collect::<Vec<_>>());
        assert!(terms[4].were_surely_never_asked(&status));
        note_asked(&mut status, &terms[3]);
        assert_eq!(status.asked_terms.as_ref().map(|asked| (asked.digests.len(), asked.more)), Some((4, None)));
        note_asked(&mut status, &terms[4]);
        assert_eq!(status.asked_terms.as_ref().map(|asked| (asked.digests.len(), asked.more)), Some((4, Some(true))));
        assert!(!terms[4].were_surely_never_asked(&status));
    }
}
