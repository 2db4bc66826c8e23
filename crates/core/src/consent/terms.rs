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

/// Notes in a status that the person may have been asked with terms that nothing is known of.
pub(crate) fn note_others_asked(status: &mut DigitalTwinConsentStatus) {
    status.asked_terms.get_or_insert_default().more = Some(true);
}

/// The terms that the person has seen who approves now, if that is certain: this object has asked with one set of terms only, and no other
/// was asked with.
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
