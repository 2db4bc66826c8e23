//! Consents as the store keeps them: folded to the bytes that a decision needs.
//!
//! A typed object takes several times the memory of its text, most of it in the little allocations of its conditions, and nearly all
//! objects of a large organisation lie idle nearly all of the time. So the store keeps text, which is unfolded when the object is decided.
//! The texts differ in a few names, ids and times only: what they share stands once, in a dictionary, and each is compressed against it,
//! to a quarter. That costs a few microseconds for a change and for a decision.
//!
//! Rejected: keeping metadata only and reading the object when something happens to it. That would cost a request to the API server
//! for each change, just when there are many of them.

use std::borrow::Cow;
use std::sync::LazyLock;

use kube::core::ObjectMeta;
use serde::{Deserialize, Serialize};

use crate::runtime::store::dictionary;
use crate::runtime::store::packed::Packed;
use twinconsent_core::api::conditions::Situation;
use twinconsent_core::api::consent::{DigitalTwinConsent, DigitalTwinConsentSpec, DigitalTwinConsentStatus};

/// A folded consent: JSON, compressed against what most of them share.
#[derive(Debug, Clone)]
pub struct Folded(Packed);

/// What is kept of an object.
#[derive(Serialize, Deserialize)]
struct Kept<'a> {
    #[serde(rename = "m")]
    metadata: Cow<'a, ObjectMeta>,
    #[serde(rename = "s")]
    spec: Cow<'a, DigitalTwinConsentSpec>,
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    status: Option<Cow<'a, DigitalTwinConsentStatus>>,
}

/// What most texts say: they are of people who are awaited or have consented.
static DICTIONARY: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut text = Vec::new();
    [Situation::Approved, Situation::Awaiting].map(dictionary::of).iter().for_each(|consent| write(consent, &mut text));
    text
});

impl From<&DigitalTwinConsent> for Folded {
    fn from(consent: &DigitalTwinConsent) -> Self {
        Self(Packed::of(&DICTIONARY, |text| write(consent, text)))
    }
}

impl Folded {
    /// The consent; `None` never happens, for the text was written from one.
    #[must_use]
    pub fn unfold(&self) -> Option<DigitalTwinConsent> {
        let text = self.0.text(&DICTIONARY)?;
        let Kept { metadata, spec, status } = serde_json::from_slice(&text).ok()?;
        let status = status.map(Cow::into_owned);
        Some(DigitalTwinConsent { metadata: metadata.into_owned(), spec: spec.into_owned(), status })
    }
}

fn write(consent: &DigitalTwinConsent, text: &mut Vec<u8>) {
    let kept = Kept {
        metadata: Cow::Borrowed(&consent.metadata),
        spec: Cow::Borrowed(&consent.spec),
        status: consent.status.as_ref().map(Cow::Borrowed),
    };
    // What came as JSON can be written as JSON, and memory takes what is written.
    let _ = serde_json::to_writer(text, &kept);
}

#[cfg(test)]
mod tests {
    use strum::VariantArray as _;

    use super::*;

    #[test]
    fn what_is_unfolded_is_what_was_folded() {
        for &situation in Situation::VARIANTS {
            let mut consent = dictionary::of(situation);
            consent.metadata.name = Some("ada".to_owned());
            consent.spec.consent_text = Some("Ich stimme zu — \u{1f44d}".to_owned());
            assert_eq!(Folded::from(&consent).unfold(), Some(consent));
        }
    }

    #[test]
    fn a_pending_consent_takes_less_than_a_quarter_of_its_text() {
        let status = serde_json::json!({
            "observedGeneration": 1, "url": "https://app.heygen.com/consent/1962fe69c0ffee8b7a4d", "linkExpirationTime": "2026-01-02T10:11:12Z",
            "consentStatus": "pending",
            "group": {"name": "Ada Lovelace", "status": "completed", "looksCount": 3, "createdAt": "2025-12-24T08:09:10Z"},
            "initiation": {"epoch": 0, "idempotencyKey": "v2:44136fa355b3678a1146ad16f7e8649e:0", "requestID": "7c1f5b2e-93a8-4f0f-8d0a-0d5c2f1e7a66"},
            "initiationTime": "2026-01-01T10:11:12Z",
            "history": [{"observationTime": "2026-01-01T10:11:12Z", "consentStatus": "pending", "requestEpoch": 0}]
        });
        let mut consent = dictionary::of(Situation::Awaiting);
        consent.spec.group_id = "5f2c8e0b9d3a4c719a0c3ddc1c9a5b44".to_owned();
        consent.metadata.uid = Some("3b1f0c52-7f3d-4c55-9d8a-3a8c8b7a1f10".to_owned());
        let conditions = consent.status.take().unwrap().conditions;
        consent.status = Some(serde_json::from_value(status).unwrap());
        consent.status.as_mut().unwrap().conditions = conditions;
        let mut text = Vec::new();
        write(&consent, &mut text);
        let (text, folded) = (text.len(), Folded::from(&consent).0.size());
        assert!(folded * 4 < text, "{text} bytes became {folded}");
    }
}
