//! The Secret that takes a link, for users who want it there.
//!
//! It is created and owned by the consent, labelled with the consent's uid, and annotated with the request whose link it holds. One that
//! is ours is patched: what others have added to it survives, and neither a full quota nor a webhook that refuses new Secrets stands in
//! the way of a new link.
//! One of the same object, by its annotations, with another uid was restored from a backup, as the object was: it is taken over.
//! Any other Secret of that name belongs to another owner: it is neither read for its content nor touched.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Resource as _, ResourceExt as _};
use serde_json::json;

use super::{Cluster, Error, params, within};
use twinconsent_core::api::consent::DigitalTwinConsent;
use twinconsent_core::api::{CONSENT_ANNOTATION, FIELD_MANAGER, GROUP_ID_ANNOTATION, OWNER_UID_LABEL, REQUEST_EPOCH_ANNOTATION};
use twinconsent_core::consent::apply::SecretOutcome;
use twinconsent_core::consent::link::Link;
use twinconsent_core::consent::state::Answer;
use twinconsent_core::consent::step::Call;

/// The key under which the link stands.
const LINK_KEY: &str = "url";

/// What is told of a Secret that cannot be used, see [`crate::process::complaints`].
const USE: &str = "the link Secret cannot be used; trying again";

/// How often it is tried to write a Secret that comes or goes between the read and the write.
const TRIES: u32 = 3;

/// Whose a Secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// The consent's.
    Ours,
    /// That of the object of which the consent was restored.
    Restored,
    /// Another owner's.
    Foreign,
}

impl Cluster {
    /// Does one thing with the consent's link Secret; `answer` is what HeyGen has answered, if that is still to be recorded.
    pub async fn act_on_link_secret(&self, consent: &DigitalTwinConsent, call: &Call, answer: Option<&Answer>) -> SecretOutcome {
        let Some(secret) = &consent.spec.link_secret_ref else { return SecretOutcome::Unreachable };
        match (call, answer.and_then(Answer::link)) {
            (Call::FindLink, _) => self.find_link(consent, &secret.name).await,
            (Call::WriteLinkSecret, Some(link)) => self.write_link_secret(consent, &secret.name, link).await,
            _ => self.check_link_secret(consent, &secret.name).await,
        }
    }

    /// Whether the consent's link Secret does not exist yet or is ours.
    async fn check_link_secret(&self, consent: &DigitalTwinConsent, name: &str) -> SecretOutcome {
        let api = self.secrets(consent);
        match within("read the link Secret", api.get_opt(name)).await {
            Ok(Some(secret)) if owner(&secret, consent) == Owner::Foreign => SecretOutcome::Conflict,
            Ok(_) => SecretOutcome::Free(name.to_owned()),
            Err(error) => self.not_usable(consent, &error),
        }
    }

    /// Whether the link still stands in the consent's Secret; one that was restored is taken over.
    async fn find_link(&self, consent: &DigitalTwinConsent, name: &str) -> SecretOutcome {
        let api = self.secrets(consent);
        let secret = match within("read the link Secret", api.get_opt(name)).await {
            Ok(Some(secret)) => secret,
            Ok(None) => return SecretOutcome::Gone,
            Err(error) => {
                tracing::debug!(%error, "the link Secret cannot be read");
                return SecretOutcome::Kept;
            }
        };
        let holds_a_link = secret.data.as_ref().is_some_and(|data| data.contains_key(LINK_KEY));
        match owner(&secret, consent) {
            Owner::Foreign => SecretOutcome::Kept,
            _ if !holds_a_link => SecretOutcome::Gone,
            Owner::Ours => SecretOutcome::Kept,
            Owner::Restored => {
                if let Err(error) = self.take_over(&api, &secret, consent, None).await {
                    tracing::debug!(%error, "the restored link Secret cannot be taken over");
                }
                SecretOutcome::Kept
            }
        }
    }

    /// Writes the link into the consent's Secret: before the status, so that a status that tells of a link never tells too early.
    async fn write_link_secret(&self, consent: &DigitalTwinConsent, name: &str, link: &Link) -> SecretOutcome {
        let api = self.secrets(consent);
        for _ in 0..TRIES {
            let existing = match within("read the link Secret", api.get_opt(name)).await {
                Ok(existing) => existing,
                Err(error) => return self.not_usable(consent, &error),
            };
            let Some(existing) = existing else {
                match self.create(&api, consent, name, link).await {
                    Ok(()) => return self.written(consent, true),
                    Err(error) if error.is(409) => continue,
                    Err(error) => return self.not_usable(consent, &error),
                }
            };
            let changed = existing.data.as_ref().and_then(|data| data.get(LINK_KEY)) != Some(&bytes(link));
            let written = match owner(&existing, consent) {
                Owner::Foreign => return SecretOutcome::Conflict,
                Owner::Ours if !changed && is_annotated(&existing, consent) => return self.written(consent, false),
                Owner::Ours => self.patch(&api, &existing, consent, link).await,
                Owner::Restored => self.take_over(&api, &existing, consent, Some(link)).await,
            };
            match written {
                Ok(()) => return self.written(consent, changed),
                Err(error) if error.is(409) || error.is(404) => {}
                Err(error) => return self.not_usable(consent, &error),
            }
        }
        SecretOutcome::Unreachable
    }

    fn written(&self, consent: &DigitalTwinConsent, changed: bool) -> SecretOutcome {
        self.complaints.settle(USE, place(consent));
        SecretOutcome::Written { changed }
    }

    fn not_usable(&self, consent: &DigitalTwinConsent, error: &Error) -> SecretOutcome {
        self.complaints.tell(USE, place(consent), error);
        error.refusal().map_or(SecretOutcome::Unreachable, SecretOutcome::Refused)
    }

    async fn create(&self, api: &Api<Secret>, consent: &DigitalTwinConsent, name: &str, link: &Link) -> Result<(), Error> {
        let secret = Secret {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                namespace: consent.namespace(),
                labels: Some(labels(consent)),
                annotations: Some(annotations(consent)),
                owner_references: consent.controller_owner_ref(&()).map(|owner| vec![owner]),
                ..ObjectMeta::default()
            },
            data: Some(BTreeMap::from([(LINK_KEY.to_owned(), bytes(link))])),
            type_: Some("Opaque".to_owned()),
            ..Secret::default()
        };
        self.must_lead()?;
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        within("create the link Secret", api.create(&params, &secret)).await.map(|_| ())
    }

    /// Applies what is ours to a Secret that is ours. With its uid, so that it is not created anew when it goes meanwhile.
    async fn patch(&self, api: &Api<Secret>, existing: &Secret, consent: &DigitalTwinConsent, link: &Link) -> Result<(), Error> {
        let owner: Vec<OwnerReference> = consent.controller_owner_ref(&()).into_iter().collect();
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {
                "name": existing.name_any(), "namespace": consent.namespace(), "uid": existing.uid(),
                "labels": labels(consent), "annotations": annotations(consent), "ownerReferences": owner,
            },
            "data": { LINK_KEY: bytes(link) },
        });
        self.must_lead()?;
        let params = PatchParams { force: true, ..params() };
        within("patch the link Secret", api.patch(&existing.name_any(), &params, &Patch::Apply(&secret))).await.map(|_| ())
    }

    /// Makes a Secret ours that was restored, and writes the link into it, if one is in hand.
    ///
    /// By a merge patch: the reference to the owner of before is replaced, which an apply would leave beside ours.
    async fn take_over(
        &self,
        api: &Api<Secret>,
        existing: &Secret,
        consent: &DigitalTwinConsent,
        link: Option<&Link>,
    ) -> Result<(), Error> {
        let is_before = |owner: &OwnerReference| {
            owner.kind == DigitalTwinConsent::kind(&()) && owner.api_version.starts_with(twinconsent_core::api::GROUP)
        };
        let others = existing.owner_references().iter().filter(|owner| !is_before(owner)).cloned();
        let owners: Vec<OwnerReference> = others.chain(consent.controller_owner_ref(&())).collect();
        let mut patch = json!({
            "metadata": {
                "uid": existing.uid(), "resourceVersion": existing.resource_version(),
                "labels": labels(consent), "annotations": annotations(consent), "ownerReferences": owners,
            },
        });
        if let Some(link) = link {
            patch["data"] = json!({ LINK_KEY: bytes(link) });
        }
        self.must_lead()?;
        within("take over the link Secret", api.patch(&existing.name_any(), &params(), &Patch::Merge(&patch))).await.map(|_| ())
    }
}

fn owner(secret: &Secret, consent: &DigitalTwinConsent) -> Owner {
    match (secret.labels().get(OWNER_UID_LABEL), consent.uid()) {
        (Some(owner), Some(uid)) if *owner == uid => Owner::Ours,
        (Some(_), Some(_)) if is_annotated(secret, consent) => Owner::Restored,
        _ => Owner::Foreign,
    }
}

/// Whether a Secret says that it holds the link of the consent's current request.
fn is_annotated(secret: &Secret, consent: &DigitalTwinConsent) -> bool {
    annotations(consent).iter().all(|(key, value)| secret.annotations().get(key) == Some(value))
}

fn labels(consent: &DigitalTwinConsent) -> BTreeMap<String, String> {
    BTreeMap::from([(OWNER_UID_LABEL.to_owned(), consent.uid().unwrap_or_default())])
}

fn annotations(consent: &DigitalTwinConsent) -> BTreeMap<String, String> {
    BTreeMap::from([
        (CONSENT_ANNOTATION.to_owned(), consent.name_any()),
        (GROUP_ID_ANNOTATION.to_owned(), consent.spec.group_id.clone()),
        (REQUEST_EPOCH_ANNOTATION.to_owned(), consent.spec.request_epoch.unwrap_or(0).to_string()),
    ])
}

fn place(consent: &DigitalTwinConsent) -> String {
    format!("{}/{}", consent.namespace().unwrap_or_default(), consent.name_any())
}

fn bytes(link: &Link) -> ByteString {
    ByteString(link.expose().as_bytes().to_vec())
}
