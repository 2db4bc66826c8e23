//! PURE. One consent request, and the idempotency key that names it at HeyGen.
//!
//! A request is (account, namespace, group, content, epoch).
//! HeyGen scopes a key to the credentials, the route and the group, so the key only has to name the namespace, the content and the epoch.
//! It is a function of the namespace and the spec, and of nothing else: no object name, uid, attempt or clock goes in.
//! The namespace is in it so that a link never crosses one: a user who may read an object of another namespace must not be handed, as the
//! replayed answer to a request of its own, the link that was made for this one.
//! That is why no write-ahead record is needed: a repeated request, after a crash, from a second replica, from a re-created
//! object or a restored backup, computes the same key, and HeyGen replays its first answer for 24 hours.
//! No error answer changes the key, for the same reason.

use std::fmt::Write as _;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::api::consent::{ConsentVideo, DigitalTwinConsent, DigitalTwinConsentSpec};

/// What HeyGen is asked to show the person, or to review.
///
/// The field order is the canonical order of the hash: never reorder, never rename, add only at the end and skip when absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Content {
    /// Where the person's browser lands afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reroute_url: Option<String>,
    /// Wording that replaces HeyGen's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent_text: Option<String>,
    /// A recorded clip instead of the hosted page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent_video: Option<Video>,
}

/// A recorded consent clip, as HeyGen's union on `type`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Video {
    /// A public https URL.
    Url {
        /// The URL.
        url: String,
    },
    /// A file uploaded to HeyGen before.
    AssetId {
        /// Its id.
        asset_id: String,
    },
}

/// What the key names besides the epoch: the content, and last the namespace, which is never sent.
#[derive(Serialize)]
struct Named<'a> {
    #[serde(flatten)]
    content: &'a Content,
    namespace: &'a str,
}

/// One request: its content, its epoch and the key that follows from both and the namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What is sent.
    pub content: Content,
    /// The user's request epoch.
    pub epoch: i64,
    /// `v2:<32 hex of sha256 of the canonical content and the namespace>:<epoch>`.
    pub idempotency_key: String,
}

impl Content {
    /// What a spec asks to show.
    #[must_use]
    pub fn of(spec: &DigitalTwinConsentSpec) -> Self {
        Self {
            reroute_url: spec.reroute_url.clone(),
            consent_text: spec.consent_text.clone(),
            consent_video: spec.consent_video.as_ref().and_then(video),
        }
    }
}

impl Request {
    /// The request that an object describes.
    #[must_use]
    pub fn of(consent: &DigitalTwinConsent) -> Self {
        let spec = &consent.spec;
        let content = Content::of(spec);
        let epoch = spec.request_epoch.unwrap_or(0);
        let namespace = consent.metadata.namespace.as_deref().unwrap_or_default();
        let idempotency_key = idempotency_key(&content, namespace, epoch);
        Self { content, epoch, idempotency_key }
    }
}

fn video(video: &ConsentVideo) -> Option<Video> {
    match (&video.url, &video.asset_id) {
        (Some(url), None) => Some(Video::Url { url: url.clone() }),
        (None, Some(asset_id)) => Some(Video::AssetId { asset_id: asset_id.clone() }),
        // The schema refuses both and neither; nothing is sent for an object that slipped past it (see `decide`).
        _ => None,
    }
}

fn idempotency_key(content: &Content, namespace: &str, epoch: i64) -> String {
    // Serialising plain strings cannot fail; the fallback keeps the function total.
    let canonical = serde_json::to_vec(&Named { content, namespace }).unwrap_or_default();
    let mut hex = String::with_capacity(32);
    for byte in &Sha256::digest(&canonical)[..16] {
        let _ = write!(hex, "{byte:02x}");
    }
    format!("v2:{hex}:{epoch}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(namespace: &str, spec: serde_json::Value) -> String {
        let mut consent = DigitalTwinConsent::new("ada", serde_json::from_value(spec).unwrap());
        consent.metadata.namespace = Some(namespace.to_owned());
        Request::of(&consent).idempotency_key
    }

    #[test]
    fn the_key_of_a_released_version_never_changes() {
        let spec = serde_json::json!({ "groupID": "g", "rerouteURL": "https://example.com/thanks", "requestEpoch": 3 });
        assert_eq!(key("video", spec), "v2:00db78e5c5f37ad77882b8d971866338:3");
    }

    #[test]
    fn the_key_depends_on_namespace_content_and_epoch_and_on_nothing_else() {
        let plain = key("video", serde_json::json!({"groupID": "g"}));
        let same = serde_json::json!({
            "groupID": "other", "requestEpoch": 0, "pollInterval": "5s", "suspend": true,
            "linkSecretRef": {"name": "s"}, "accountRef": {"kind": "HeyGenAccount", "name": "a"}
        });
        assert_eq!(plain, key("video", same));
        assert_ne!(plain, key("sales", serde_json::json!({"groupID": "g"})), "a link never crosses a namespace");
        for changed in [
            serde_json::json!({"groupID": "g", "requestEpoch": 1}),
            serde_json::json!({"groupID": "g", "consentText": "x"}),
            serde_json::json!({"groupID": "g", "rerouteURL": "https://a.example"}),
            serde_json::json!({"groupID": "g", "consentVideo": {"url": "https://a.example"}}),
            serde_json::json!({"groupID": "g", "consentVideo": {"assetID": "a"}}),
        ] {
            assert_ne!(plain, key("video", changed));
        }
    }

    #[test]
    fn the_namespace_is_never_sent() {
        let content = Content { reroute_url: Some("https://a.example".to_owned()), consent_text: None, consent_video: None };
        assert_eq!(serde_json::json!(content), serde_json::json!({ "reroute_url": "https://a.example" }));
    }
}
