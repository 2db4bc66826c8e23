//! PURE. One consent request, and the idempotency key that names it at HeyGen.
//!
//! A request is (account, group, content, epoch).
//! HeyGen scopes a key to the credentials, the route and the group, so the key only has to name the content and the epoch.
//! It is a function of the spec and of nothing else: no object name, uid, attempt or clock goes in.
//! That is why no write-ahead record is needed: whoever repeats a request, after a crash, from a second replica, from a re-created
//! object or a restored backup, computes the same key, and HeyGen replays its first answer for 24 hours.
//! No error answer changes the key, for the same reason.

use std::fmt::Write as _;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::api::consent::{ConsentVideo, DigitalTwinConsentSpec};

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

/// One request: its content, its epoch and the key that follows from both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What is sent.
    pub content: Content,
    /// The user's request epoch.
    pub epoch: i64,
    /// `v1:<32 hex of sha256 of the canonical content>:<epoch>`.
    pub idempotency_key: String,
}

impl Request {
    /// The request that a spec describes.
    #[must_use]
    pub fn of(spec: &DigitalTwinConsentSpec) -> Self {
        let content = Content {
            reroute_url: spec.reroute_url.clone(),
            consent_text: spec.consent_text.clone(),
            consent_video: spec.consent_video.as_ref().and_then(video),
        };
        let epoch = spec.request_epoch.unwrap_or(0);
        let idempotency_key = idempotency_key(&content, epoch);
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

fn idempotency_key(content: &Content, epoch: i64) -> String {
    // Serialising plain strings cannot fail; the fallback keeps the function total.
    let canonical = serde_json::to_vec(content).unwrap_or_default();
    let mut hex = String::with_capacity(32);
    for byte in &Sha256::digest(&canonical)[..16] {
        let _ = write!(hex, "{byte:02x}");
    }
    format!("v1:{hex}:{epoch}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(json: serde_json::Value) -> DigitalTwinConsentSpec {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn the_key_of_a_released_version_never_changes() {
        let request = Request::of(&spec(serde_json::json!({
            "groupID": "g", "rerouteURL": "https://example.com/thanks", "requestEpoch": 3
        })));
        assert_eq!(request.idempotency_key, "v1:3b07e51f00983f41e943b5f6327723e5:3");
    }

    #[test]
    fn the_key_depends_on_content_and_epoch_and_on_nothing_else() {
        let plain = Request::of(&spec(serde_json::json!({"groupID": "g"}))).idempotency_key;
        let same = Request::of(&spec(serde_json::json!({
            "groupID": "other", "requestEpoch": 0, "pollInterval": "5s", "suspend": true,
            "linkSecretRef": {"name": "s"}, "accountRef": {"kind": "HeyGenAccount", "name": "a"}
        })));
        assert_eq!(plain, same.idempotency_key);
        for changed in [
            serde_json::json!({"groupID": "g", "requestEpoch": 1}),
            serde_json::json!({"groupID": "g", "consentText": "x"}),
            serde_json::json!({"groupID": "g", "rerouteURL": "https://a.example"}),
            serde_json::json!({"groupID": "g", "consentVideo": {"url": "https://a.example"}}),
            serde_json::json!({"groupID": "g", "consentVideo": {"assetID": "a"}}),
        ] {
            assert_ne!(plain, Request::of(&spec(changed)).idempotency_key);
        }
    }
}
