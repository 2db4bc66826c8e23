//! The status of a consent or an account, written on condition that what it was decided on is still the case.

use std::sync::Arc;

use axum::http::Request;
use kube::ResourceExt as _;
use kube::api::{GetParams, Patch};
use kube::core::request::Request as Call;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde_json::{Value, json};

use super::patch::{self, Basis};
use super::{Cluster, Error, params, within};
use crate::kubernetes::decoding;
use crate::kubernetes::decoding::Slim;
use crate::process::audit_log::TimeToWait;
use crate::process::metrics::{Kind, WriteResult};
use twinconsent_core::account::Settings;
use twinconsent_core::api::account::{AccountStatus, ClusterHeyGenAccount, HeyGenAccount};
use twinconsent_core::api::account_key::AccountKey;
use twinconsent_core::api::consent::{AccountKind, DigitalTwinConsent};
use twinconsent_core::consent::apply::Settled;
use twinconsent_core::consent::audit::Event;
use twinconsent_core::consent::request;

/// How often an outcome is settled again on a newer copy of its object.
const TRIES: u32 = 5;

/// What became of a status that was to be written.
#[derive(Debug)]
pub enum Recorded {
    /// The object as it is now, and what was settled.
    Written(Arc<DigitalTwinConsent>, Settled),
    /// There was nothing to write.
    Unchanged(Settled),
    /// The object is gone, or no longer asks what was answered: the outcome is dropped.
    Dropped,
}

/// Whether an outcome may be settled again on a newer copy of its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnConflict {
    /// It came from outside and stays true as long as the object asks the same.
    SettleAgain,
    /// It was found in the old copy: decide anew.
    GiveUp,
}

/// What came of one try to write a status.
enum Tried {
    /// Written: the object as it is now.
    Written(Box<Slim<DigitalTwinConsent>>),
    /// There is no such object.
    Gone,
    /// The object is another than what the decision rests on: as it is now.
    Outdated(Value),
}

/// Where an object stands in the API server.
struct Place {
    kind: Kind,
    path: String,
    name: String,
}

impl Cluster {
    /// Writes what `settle` makes of the object, and of its newer copy if it has changed meanwhile; first its events into the audit log.
    ///
    /// # Errors
    /// When the API server could not be asked or refuses the status, or the object kept changing.
    pub async fn record(
        &self,
        consent: &Arc<DigitalTwinConsent>,
        on_conflict: OnConflict,
        settle: impl Fn(&DigitalTwinConsent) -> Settled,
    ) -> Result<Recorded, Error> {
        let place = Place::of::<DigitalTwinConsent>(consent.namespace().as_deref(), &consent.name_any());
        let mut current = consent.clone();
        let mut basis = Basis::of_read(consent.metadata.uid.as_deref(), consent.metadata.generation, consent.status.as_ref());
        let mut left = TimeToWait::default();
        for _ in 0..TRIES {
            let settled = settle(&current);
            let Some(patch) = patch::of_status(&basis, current.status.as_ref(), &settled.status) else {
                return Ok(Recorded::Unchanged(settled));
            };
            self.must_lead()?;
            let lines: Vec<String> = settled.events.iter().map(Event::line).collect();
            self.audit_log.write(&lines, &mut left).await;
            let newer = match self.try_status(&place, &basis, patch).await? {
                Tried::Written(written) => return Ok(Recorded::Written(Arc::new(as_written(*written, &current, &settled)), settled)),
                Tried::Gone => return Ok(Recorded::Dropped),
                Tried::Outdated(newer) => newer,
            };
            let now = Basis::of_raw(&newer);
            // An object that cannot be read any more is left alone, as the watch leaves it alone.
            let Ok(Slim::Read(newer)) = serde_json::from_value(newer) else { return Ok(Recorded::Dropped) };
            if !asks_the_same(consent, &newer) {
                return Ok(Recorded::Dropped);
            }
            // As they are written: a time loses what is below a second when the copy at hand is folded.
            let is_the_same = newer.metadata.generation == current.metadata.generation && json!(newer.status) == json!(current.status);
            if on_conflict == OnConflict::GiveUp && !is_the_same {
                return Err(Error::Conflict);
            }
            (current, basis) = (Arc::new(newer), now);
        }
        Err(Error::Conflict)
    }

    /// Writes an account's status. Returns whether it was written.
    ///
    /// # Errors
    /// When the API server could not be asked. A conflict is not an error: the newer copy is reconciled anyway.
    pub async fn record_account(&self, settings: &Settings, status: &AccountStatus) -> Result<bool, Error> {
        let AccountKey { kind, namespace, name } = &settings.key;
        let place = match (kind, namespace) {
            (AccountKind::HeyGenAccount, Some(namespace)) => Place::of::<HeyGenAccount>(Some(namespace), name),
            _ => Place::of::<ClusterHeyGenAccount>(None, name),
        };
        for by_version in [false, true] {
            self.must_lead()?;
            let patch = place.status_patch(patch::of_account(settings, by_version, status));
            let written = within("write the account's status", async { self.client.request::<Value>(patch?).await }).await;
            self.metrics.status_write(place.kind, label(&written));
            match written {
                Err(error) if error.is(409) || error.is(422) => {}
                Err(error) if error.is(404) => return Ok(false),
                other => return other.map(|_| true),
            }
        }
        Ok(false)
    }

    /// Tries once to write a status, and reads the object again when it is not what `basis` says.
    async fn try_status(&self, place: &Place, basis: &Basis, patch: String) -> Result<Tried, Error> {
        self.must_lead()?;
        let written = within("write the status", async { self.client.request(place.status_patch(patch)?).await }).await;
        let tried = match written {
            Ok(written) => Ok(Tried::Written(written)),
            Err(error) if error.is(404) => Ok(Tried::Gone),
            Err(error) if error.is(409) || error.is(422) => match self.read_again(place).await {
                Ok(None) => Ok(Tried::Gone),
                // The API server answers a test that fails as it answers a value that it refuses.
                Ok(Some(now)) if error.is(422) && Basis::of_raw(&now) == *basis => Err(error),
                Ok(Some(now)) => Ok(Tried::Outdated(now)),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        let result = match &tried {
            Ok(Tried::Written(_)) => WriteResult::Written,
            Ok(Tried::Gone) => WriteResult::Dropped,
            Ok(Tried::Outdated(_)) => WriteResult::Conflict,
            Err(_) => WriteResult::Failed,
        };
        self.metrics.status_write(place.kind, result);
        tried
    }

    async fn read_again(&self, place: &Place) -> Result<Option<Value>, Error> {
        let read = within("read the object again", async { self.client.request::<Value>(place.read()?).await }).await;
        match read {
            Err(error) if error.is(404) => Ok(None),
            other => other.map(Some),
        }
    }
}

impl Place {
    fn of<K: decoding::Kind>(namespace: Option<&str>, name: &str) -> Self {
        Self { kind: K::COUNTED, path: K::url_path(&(), namespace), name: name.to_owned() }
    }

    fn status_patch(&self, patch: String) -> kube::Result<Request<Vec<u8>>> {
        let built = Call::new(&self.path).patch_subresource("status", &self.name, &params(), &Patch::Merge(()));
        let mut request = built.map_err(kube::Error::BuildRequest)?;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json-patch+json"));
        *request.body_mut() = patch.into_bytes();
        Ok(request)
    }

    fn read(&self) -> kube::Result<Request<Vec<u8>>> {
        Call::new(&self.path).get(&self.name, &GetParams::default()).map_err(kube::Error::BuildRequest)
    }
}

/// The object that a status was written to.
///
/// It is the one that was read, which the preconditions say; should its answer not be one that can be decoded, what was written is known.
fn as_written(answer: Slim<DigitalTwinConsent>, before: &DigitalTwinConsent, settled: &Settled) -> DigitalTwinConsent {
    match answer {
        Slim::Read(written) => written,
        Slim::Undecodable(answer) => {
            let mut written = before.clone();
            written.metadata.resource_version = answer.metadata.resource_version;
            written.status = Some(settled.status.clone());
            written
        }
    }
}

/// Whether an outcome for `before` is an outcome for `after`: the same object, which asks the same.
///
/// `suspend` may differ: an answer in hand is recorded.
fn asks_the_same(before: &DigitalTwinConsent, after: &DigitalTwinConsent) -> bool {
    before.metadata.uid == after.metadata.uid
        && before.spec.group_id == after.spec.group_id
        && before.spec.account_ref == after.spec.account_ref
        && before.spec.link_secret_ref == after.spec.link_secret_ref
        && request::Request::of(before) == request::Request::of(after)
}

fn label<T>(result: &Result<T, Error>) -> WriteResult {
    match result {
        Ok(_) => WriteResult::Written,
        Err(error) if error.is(409) || error.is(422) => WriteResult::Conflict,
        Err(error) if error.is(404) => WriteResult::Dropped,
        Err(_) => WriteResult::Failed,
    }
}
