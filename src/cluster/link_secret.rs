//! The Secret that takes a link, for users who want it there.
//!
//! It is created and owned by the consent, and labelled with the consent's uid.
//! A Secret of that name without the label is somebody else's: it is neither read for its content nor touched.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Resource as _, ResourceExt as _};

use super::{Cluster, within};
use crate::api::consent::DigitalTwinConsent;
use crate::api::{FIELD_MANAGER, OWNER_UID_LABEL};
use crate::link::Link;
use crate::settle::SecretNews;

/// The key under which the link stands.
const LINK_KEY: &str = "url";

impl Cluster {
    /// Whether the consent's link Secret does not exist yet or is ours.
    pub async fn check_link_secret(&self, consent: &DigitalTwinConsent, name: &str) -> SecretNews {
        let api: Api<Secret> = self.namespaced(consent);
        match within("read the link Secret", api.get_opt(name)).await {
            Ok(None) => SecretNews::Free,
            Ok(Some(secret)) if is_ours(&secret, consent) => SecretNews::Free,
            Ok(Some(_)) => SecretNews::Conflict,
            Err(error) => not_writable(&error),
        }
    }

    /// Writes the link into the consent's Secret: before the status, so that a status that tells of a link never tells too early.
    pub async fn write_link_secret(&self, consent: &DigitalTwinConsent, name: &str, link: &Link) -> SecretNews {
        let api: Api<Secret> = self.namespaced(consent);
        let mut secret = described(consent, name);
        secret.data = Some(BTreeMap::from([(LINK_KEY.to_owned(), ByteString(link.expose().as_bytes().to_vec()))]));
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        match within("create the link Secret", api.create(&params, &secret)).await {
            Ok(_) => return SecretNews::Written { changed: true },
            Err(error) if error.is(409) => {}
            Err(error) => return not_writable(&error),
        }
        let existing = match within("read the link Secret", api.get(name)).await {
            Ok(existing) if is_ours(&existing, consent) => existing,
            Ok(_) => return SecretNews::Conflict,
            Err(error) => return not_writable(&error),
        };
        if existing.data == secret.data {
            return SecretNews::Written { changed: false };
        }
        secret.metadata.resource_version = existing.metadata.resource_version;
        match within("replace the link Secret", api.replace(name, &params, &secret)).await {
            Ok(_) => SecretNews::Written { changed: true },
            Err(error) => not_writable(&error),
        }
    }
}

fn is_ours(secret: &Secret, consent: &DigitalTwinConsent) -> bool {
    consent.uid().is_some() && secret.labels().get(OWNER_UID_LABEL) == consent.uid().as_ref()
}

fn described(consent: &DigitalTwinConsent, name: &str) -> Secret {
    Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: consent.namespace(),
            labels: Some(BTreeMap::from([(OWNER_UID_LABEL.to_owned(), consent.uid().unwrap_or_default())])),
            owner_references: consent.controller_owner_ref(&()).map(|owner| vec![owner]),
            ..ObjectMeta::default()
        },
        type_: Some("Opaque".to_owned()),
        ..Secret::default()
    }
}

fn not_writable(error: &super::Error) -> SecretNews {
    tracing::warn!(%error, "the link Secret cannot be used");
    SecretNews::NotWritable
}
