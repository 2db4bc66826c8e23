//! What the return page writes and reads: the time of a landing, by whichever replica the person has reached, and the keys of its tokens.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, Patch, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::json;

use super::{Cluster, Error, params, within};
use crate::kubernetes::decoding::Slim;
use crate::process::metrics::{Kind, LandingResult, WriteResult};
use twinconsent_core::api::FIELD_MANAGER;
use twinconsent_core::api::consent::DigitalTwinConsent;
use twinconsent_core::consent::landing::{Key, Keys};

/// How often a landing is tried on an object that changes meanwhile.
const TRIES: u32 = 4;

/// The keys of the Secret.
const CURRENT: &str = "current";
const PREVIOUS: &str = "previous";

/// What the Secret of the return page holds.
#[derive(Debug)]
pub enum PageKeys {
    /// Its keys; and whether a previous one stands there that is too short.
    Found(Keys, bool),
    /// No key under `current`, or one that is too short.
    Unusable,
    /// There is no such Secret.
    NoSecret,
}

impl Cluster {
    /// Notes in the status of a consent that its person came back at `now`: that one field, and nothing else, whichever replica leads; on
    /// condition that the object is the one at hand, or a newer one of which `still` holds.
    ///
    /// # Errors
    /// When the API server could not be asked or refuses the status, or the object kept changing.
    pub async fn note_landing(
        &self,
        consent: &DigitalTwinConsent,
        now: Timestamp,
        still: impl Fn(&DigitalTwinConsent) -> bool,
    ) -> Result<LandingResult, Error> {
        let api: Api<Slim<DigitalTwinConsent>> = Api::namespaced(self.client.clone(), &consent.namespace().unwrap_or_default());
        let (name, uid) = (consent.name_any(), &consent.metadata.uid);
        let mut version = consent.metadata.resource_version.clone();
        for _ in 0..TRIES {
            let patch = json!({
                "metadata": { "uid": uid, "resourceVersion": version },
                "status": { "landingTime": MicroTime(now) },
            });
            let written = within("note that the person came back", api.patch_status(&name, &params(), &Patch::Merge(&patch))).await;
            let result = match &written {
                Ok(_) => WriteResult::Written,
                Err(error) if error.is(409) => WriteResult::Conflict,
                Err(error) if error.is(404) => WriteResult::Dropped,
                Err(_) => WriteResult::Failed,
            };
            self.metrics.status_write(Kind::DigitalTwinConsent, result);
            match written {
                Ok(_) => return Ok(LandingResult::Written),
                Err(error) if error.is(404) => return Ok(LandingResult::Needless),
                Err(error) if error.is(409) => {}
                Err(error) => return Err(error),
            }
            // An object that cannot be read any more is left alone, as the watch leaves it alone.
            let Some(Slim::Read(newer)) = within("read the object again", api.get_opt(&name)).await? else {
                return Ok(LandingResult::Needless);
            };
            if newer.metadata.uid != *uid || !still(&newer) {
                return Ok(LandingResult::Needless);
            }
            version = newer.metadata.resource_version;
        }
        Err(Error::Conflict)
    }

    /// Reads the keys of the return page.
    ///
    /// # Errors
    /// When the API server could not be asked.
    pub async fn return_page_keys(&self, namespace: &str, name: &str) -> Result<PageKeys, Error> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        let secret = within("read the Secret of the return page", api.get_opt(name)).await?;
        Ok(secret.map_or(PageKeys::NoSecret, |secret| keys_of(secret.data.as_ref())))
    }

    /// Makes the Secret of the return page, with this key; another replica may have made it a moment before.
    ///
    /// # Errors
    /// When the API server could not be asked, or does not let it be made.
    pub async fn make_return_page_key(&self, namespace: &str, name: &str, key: [u8; Key::LEAST]) -> Result<(), Error> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        let labels = BTreeMap::from([("app.kubernetes.io/managed-by".to_owned(), FIELD_MANAGER.to_owned())]);
        let secret = Secret {
            metadata: ObjectMeta { name: Some(name.to_owned()), labels: Some(labels), ..ObjectMeta::default() },
            type_: Some("Opaque".to_owned()),
            data: Some(BTreeMap::from([(CURRENT.to_owned(), ByteString(key.to_vec()))])),
            ..Secret::default()
        };
        let as_us = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        match within("make the Secret of the return page", api.create(&as_us, &secret)).await {
            Err(error) if !error.is(409) => Err(error),
            _ => Ok(()),
        }
    }
}

/// PURE. The keys of a Secret.
fn keys_of(data: Option<&BTreeMap<String, ByteString>>) -> PageKeys {
    let bytes = |name: &str| data.and_then(|data| data.get(name)).map(|bytes| bytes.0.as_slice());
    let Some(current) = bytes(CURRENT).and_then(Key::new) else { return PageKeys::Unusable };
    let previous = bytes(PREVIOUS).filter(|bytes| !bytes.is_empty()).map(Key::new);
    PageKeys::Found(Keys { current, previous: previous.flatten() }, previous == Some(None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(data: &[(&str, usize)]) -> PageKeys {
        keys_of(Some(&data.iter().map(|(name, length)| ((*name).to_owned(), ByteString(vec![7; *length]))).collect()))
    }

    #[test]
    fn a_key_has_32_bytes_at_least_and_the_previous_one_is_optional() {
        assert!(matches!(keys(&[("current", 32)]), PageKeys::Found(Keys { previous: None, .. }, false)));
        assert!(matches!(keys(&[("current", 48), ("previous", 32)]), PageKeys::Found(Keys { previous: Some(_), .. }, false)));
        assert!(matches!(keys(&[("current", 48), ("previous", 31)]), PageKeys::Found(Keys { previous: None, .. }, true)));
        assert!(matches!(keys(&[("current", 48), ("previous", 0)]), PageKeys::Found(Keys { previous: None, .. }, false)));
        assert!(matches!(keys(&[("current", 31)]), PageKeys::Unusable));
        assert!(matches!(keys(&[("previous", 32)]), PageKeys::Unusable));
        assert!(matches!(keys_of(None), PageKeys::Unusable));
    }
}
