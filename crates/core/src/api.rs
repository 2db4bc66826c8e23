//! The three kinds of group `twinconsent.io`: data, validation rules, columns, condition and reason names; no logic.
//!
//! The Rust types are the source: `twinconsent-operator crds` prints the definitions, `crds/` holds them, a test compares.
//! No field of a `spec` has a server-side default (defaults live in code, so that GitOps diffs stay empty), and no field of a
//! `status` that holds HeyGen's text has a bound or a pattern: one word too long would make the whole patch fail and lose a link.

pub mod account;
pub mod account_key;
pub mod conditions;
pub mod consent;
pub mod duration;
pub mod event_type;
pub mod uid;

use std::borrow::Cow;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition, JSON};
use kube::CustomResourceExt as _;
use sha2::{Digest as _, Sha256};

use account::{ClusterHeyGenAccount, HeyGenAccount};
use consent::DigitalTwinConsent;

/// The API group.
pub const GROUP: &str = "twinconsent.io";

/// The version of the group.
pub const VERSION: &str = "v1alpha1";

/// The field manager of every write, and the name under which events are reported.
pub const FIELD_MANAGER: &str = "twinconsent-operator";

/// Any new value of this annotation forces a poll at once; it is echoed in `status.lastHandledReconcileAt`, a long one as its digest.
pub const REQUESTED_AT: &str = "reconcile.twinconsent.io/requestedAt";

/// The longest value of [`REQUESTED_AT`] that is kept and echoed as it is, in bytes.
const LONGEST_REQUEST: usize = 256;

/// The label of a link Secret that carries the uid of the consent which owns it; a Secret without it is never touched.
pub const OWNER_UID_LABEL: &str = "twinconsent.io/owner-uid";

/// PURE. A value of [`REQUESTED_AT`] as it is kept, compared and echoed: itself, or `sha256:` and its digest in hex when it is long.
///
/// An annotation may take 256 KiB, and an echo as much again, for each object that is created. The digest of a digest is itself.
#[must_use]
pub fn brief(value: &str) -> Cow<'_, str> {
    if value.len() <= LONGEST_REQUEST {
        return Cow::Borrowed(value);
    }
    let digest = Sha256::digest(value);
    Cow::Owned(digest.iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}")))
}

/// The annotation of a link Secret that names the consent it belongs to.
pub const CONSENT_ANNOTATION: &str = "twinconsent.io/consent";

/// The annotation of a link Secret that names the group whose person the link is for.
pub const GROUP_ID_ANNOTATION: &str = "twinconsent.io/group-id";

/// The annotation of a link Secret with the `requestEpoch` of its link.
pub const REQUEST_EPOCH_ANNOTATION: &str = "twinconsent.io/request-epoch";

/// Whether an object may have this name (an RFC 1123 subdomain), so that it can stand in a path of the API server.
#[must_use]
pub fn is_name(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_part)
}

/// Whether a namespace may have this name (an RFC 1123 label).
#[must_use]
pub fn is_label(text: &str) -> bool {
    text.len() <= 63 && is_part(text)
}

fn is_part(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(allowed) && !text.starts_with('-') && !text.ends_with('-')
}

/// The definitions of the three kinds, as applied to a cluster.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    [DigitalTwinConsent::crd(), HeyGenAccount::crd(), ClusterHeyGenAccount::crd()].map(with_unobserved_status).into()
}

/// Gives `status` the default `{observedGeneration: -1}`.
///
/// It is a safety feature: without it kstatus calls an object that no controller has seen "Current".
fn with_unobserved_status(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        let root = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut());
        if let Some(status) = root.and_then(|root| root.properties.as_mut()?.get_mut("status")) {
            status.default = Some(JSON(serde_json::json!({ "observedGeneration": -1 })));
        }
    }
    crd
}

/// The definitions as YAML files: the file name in `crds/` and its content.
///
/// # Errors
/// When a definition cannot be written as YAML, which a test rules out.
pub fn crd_files() -> Result<Vec<(String, String)>, serde_saphyr::ser::Error> {
    crds().iter().map(|crd| Ok((format!("{}_{}.yaml", GROUP, crd.spec.names.plural), serde_saphyr::to_string(crd)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_request_stands_for_itself_and_a_long_one_for_its_digest() {
        let (longest, longer, another) = ("a".repeat(256), "a".repeat(257), "b".repeat(300_000));
        assert_eq!(brief(&longest), longest);
        assert_eq!(brief(""), "");
        let digest = brief(&longer).into_owned();
        assert!(digest.starts_with("sha256:") && digest.len() == 7 + 64, "{digest}");
        assert_ne!(brief(&another), digest, "another request");
        assert_eq!(brief(&digest), digest);
    }

    #[test]
    fn a_name_is_what_kubernetes_takes_for_one_and_never_a_path() {
        for name in ["a", "a-1.b", "7", &"a".repeat(253)] {
            assert!(is_name(name), "{name}");
        }
        for text in ["", ".", "..", "a/b", "a?b", "a b", "A", "-a", "a-", ".a", "a.", "a..b", "a%2fb", "ä", &"a".repeat(254)] {
            assert!(!is_name(text), "{text}");
        }
        assert!(is_label("a-1") && !is_label("a.b") && is_label(&"a".repeat(63)) && !is_label(&"a".repeat(64)));
    }
}
