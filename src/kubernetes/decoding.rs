//! Objects of our kinds as the API server sends them: without what is not read, and whatever else stands in them.
//!
//! Two fifths of an object are `managedFields`, and a user who may edit an object may give it labels and annotations of a megabyte.
//! To decode them only to drop them takes much of the time and memory of a watch; here they are skipped while the text
//! is read, and a long value that is read is kept as a digest ([`brief`]).
//!
//! One object must never stop the watch of all others. The API server accepts values that the types here do not hold, such as a
//! `date-time` in the year 10000 or a number beyond 64 bits, and it keeps what stood in an object before its definition became stricter.
//! So decoding never fails:
//!
//! - A field of `status` that cannot be read counts as absent (`prune`), and so does one that is longer than anything that is written
//!   there. What is absent is read at HeyGen again.
//! - `metadata` and `spec` are taken as a whole: without one field an object would ask for something else than was written. Without
//!   `suspend` a person would be asked, without `accountRef` another account would ask, without `linkSecretRef` the link would stand in
//!   the status. An object of which they cannot be read is [`Undecodable`]: it is left alone, and named.

mod prune;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Resource;
use kube::core::ObjectMeta;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::process::metrics;
use twinconsent_core::api::account::{AccountStatus, ClusterHeyGenAccount, ClusterHeyGenAccountSpec, HeyGenAccount, HeyGenAccountSpec};
use twinconsent_core::api::consent::{DigitalTwinConsent, DigitalTwinConsentSpec, DigitalTwinConsentStatus};
use twinconsent_core::api::{REQUESTED_AT, brief};

/// The longest text of an object that is decoded in one go, in bytes: nearly all have a quarter of it.
const LONG: usize = 16 << 10;

/// How a time begins that may lie before the year 0: it can be read, but what is written of it cannot.
const YEAR_ZERO: &str = "\"0000-";

/// One of our kinds.
pub trait Kind: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static {
    /// Its `spec`.
    type Spec: DeserializeOwned;
    /// Its `status`.
    type Status: DeserializeOwned + Serialize + Default;

    /// As what it is counted.
    const COUNTED: metrics::Kind;

    /// Puts an object together.
    fn of(metadata: ObjectMeta, spec: Self::Spec, status: Option<Self::Status>) -> Self;

    /// Cuts what a status repeats of the object's metadata.
    fn shorten(_status: &mut Self::Status) {}
}

/// An object as far as it can be read.
#[derive(Debug, Clone)]
pub enum Slim<K> {
    /// It can, with the metadata that are read.
    Read(K),
    /// It cannot: it is to be left alone.
    Undecodable(Box<Undecodable>),
}

/// An object that cannot be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Undecodable {
    /// As much of its metadata as can be read.
    pub metadata: ObjectMeta,
    /// Where it stops being readable, as `spec.suspend`. The value is not repeated: it may be a link.
    pub field: String,
}

/// What is read of an object; everything else is passed over.
#[derive(Deserialize)]
struct Text<Spec, Status> {
    #[serde(default)]
    metadata: Metadata,
    spec: Spec,
    status: Option<Status>,
}

/// The parts of an object, unread.
#[derive(Deserialize)]
struct Parts<'a> {
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    spec: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    generation: Option<i64>,
    creation_timestamp: Option<Timestamp>,
    deletion_timestamp: Option<Timestamp>,
    annotations: Option<Annotations>,
}

/// The one annotation that is read; others can be as long as the whole object.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Annotations {
    #[serde(rename = "reconcile.twinconsent.io/requestedAt")]
    requested_at: Option<String>,
}

impl From<Metadata> for ObjectMeta {
    fn from(read: Metadata) -> Self {
        let Metadata { name, namespace, uid, resource_version, generation, creation_timestamp, deletion_timestamp, annotations } = read;
        let requested_at = annotations.and_then(|annotations| annotations.requested_at);
        Self {
            name,
            namespace,
            uid,
            resource_version,
            generation,
            creation_timestamp: creation_timestamp.map(Time),
            deletion_timestamp: deletion_timestamp.map(Time),
            annotations: requested_at.map(|at| BTreeMap::from([(REQUESTED_AT.to_owned(), brief(&at).into_owned())])),
            ..Self::default()
        }
    }
}

impl<K: Kind> Slim<K> {
    /// Reads an object.
    ///
    /// # Errors
    /// When the text is no JSON object.
    pub fn read(text: &str) -> Result<Self, serde_json::Error> {
        if is_ordinary(text)
            && let Ok(Text { metadata, spec, status }) = serde_json::from_str(text)
        {
            return Ok(Self::Read(whole(metadata, spec, status)));
        }
        let parts: Parts<'_> = serde_json::from_str(text)?;
        Ok(read_parts(&parts).map_or_else(Self::Undecodable, Self::Read))
    }

    /// The metadata that are read.
    pub fn metadata(&self) -> &ObjectMeta {
        match self {
            Self::Read(object) => object.meta(),
            Self::Undecodable(undecodable) => &undecodable.metadata,
        }
    }
}

fn whole<K: Kind>(metadata: Metadata, spec: K::Spec, mut status: Option<K::Status>) -> K {
    status.iter_mut().for_each(K::shorten);
    K::of(metadata.into(), spec, status)
}

fn read_parts<K: Kind>(parts: &Parts<'_>) -> Result<K, Box<Undecodable>> {
    let [metadata, spec, status] = [parts.metadata, parts.spec, parts.status].map(|part| part.map_or("null", RawValue::get));
    let undecodable = |part: &str, path: String| {
        let known: Metadata = serde_json::from_str(metadata).map(prune::prune).unwrap_or_default();
        let field = if path == "." { part.to_owned() } else { format!("{part}.{path}") };
        Box::new(Undecodable { metadata: known.into(), field })
    };
    let read: Option<Metadata> = typed(metadata).map_err(|path| undecodable("metadata", path))?;
    let spec = typed(spec).map_err(|path| undecodable("spec", path))?;
    let status = if status == "null" { None } else { Some(read_status(status)) };
    Ok(whole(read.unwrap_or_default(), spec, status))
}

/// Whether a text is decoded in one go.
fn is_ordinary(text: &str) -> bool {
    text.len() <= LONG && !text.contains(YEAR_ZERO)
}

fn read_status<Status: DeserializeOwned + Serialize + Default>(text: &str) -> Status {
    if is_ordinary(text)
        && let Ok(status) = serde_json::from_str(text)
    {
        return status;
    }
    let Ok(value) = serde_json::from_str(text) else { return Status::default() };
    let read: Status = prune::prune(prune::without_long_fields(value, LONG));
    // What is read is kept as text, and written again.
    serde_json::to_value(read).map(prune::prune).unwrap_or_default()
}

/// Decodes, or says where that fails.
fn typed<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(text)).map_err(|error| error.path().to_string())
}

impl<'de, K: Kind> Deserialize<'de> for Slim<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        Self::read(text.get()).map_err(|_| D::Error::custom("not an object"))
    }
}

impl Kind for DigitalTwinConsent {
    const COUNTED: metrics::Kind = metrics::Kind::DigitalTwinConsent;

    type Spec = DigitalTwinConsentSpec;
    type Status = DigitalTwinConsentStatus;

    fn of(metadata: ObjectMeta, spec: Self::Spec, status: Option<Self::Status>) -> Self {
        Self { metadata, spec, status }
    }

    fn shorten(status: &mut Self::Status) {
        if let Some(handled) = &mut status.last_handled_reconcile_at
            && let Cow::Owned(digest) = brief(handled)
        {
            *handled = digest;
        }
    }
}

impl Kind for HeyGenAccount {
    const COUNTED: metrics::Kind = metrics::Kind::HeyGenAccount;

    type Spec = HeyGenAccountSpec;
    type Status = AccountStatus;

    fn of(metadata: ObjectMeta, spec: Self::Spec, status: Option<Self::Status>) -> Self {
        Self { metadata, spec, status }
    }
}

impl Kind for ClusterHeyGenAccount {
    const COUNTED: metrics::Kind = metrics::Kind::ClusterHeyGenAccount;

    type Spec = ClusterHeyGenAccountSpec;
    type Status = AccountStatus;

    fn of(metadata: ObjectMeta, spec: Self::Spec, status: Option<Self::Status>) -> Self {
        Self { metadata, spec, status }
    }
}

impl<K: Kind> Resource for Slim<K> {
    type DynamicType = ();
    type Scope = K::Scope;

    fn kind(dt: &()) -> Cow<'_, str> {
        K::kind(dt)
    }

    fn group(dt: &()) -> Cow<'_, str> {
        K::group(dt)
    }

    fn version(dt: &()) -> Cow<'_, str> {
        K::version(dt)
    }

    fn plural(dt: &()) -> Cow<'_, str> {
        K::plural(dt)
    }

    fn meta(&self) -> &ObjectMeta {
        self.metadata()
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        match self {
            Self::Read(object) => object.meta_mut(),
            Self::Undecodable(undecodable) => &mut undecodable.metadata,
        }
    }
}

#[cfg(test)]
mod tests;
