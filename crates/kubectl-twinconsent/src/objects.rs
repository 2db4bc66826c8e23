//! Consents as they are read.
//!
//! A link is a bearer secret, so it is taken out of an object before anything else sees it: what prints an object cannot print its link.
//!
//! One object never stops a list of many. A field of a status that this version cannot read counts as absent; an object whose spec it
//! cannot read is [`Unreadable`], and named.

use std::fmt;

use kube::Resource as _;
use kube::api::{GetParams, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ListMeta, ObjectMeta, Request};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use twinconsent_core::api::REQUESTED_AT;
use twinconsent_core::api::consent::{DigitalTwinConsent, DigitalTwinConsentSpec, DigitalTwinConsentStatus};
use twinconsent_core::consent::link::Link;

use crate::FIELD_MANAGER;
use crate::context::Context;
use crate::error::Error;
use crate::names;

/// How many objects a page of a list has: a page must not take long, nor much memory at the API server.
const PAGE: u32 = 500;

/// How often a list begins anew because its next page has expired meanwhile.
const ATTEMPTS: usize = 3;

/// Where `kubectl apply` keeps what was applied; of a restored object that may hold its link.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What stands where a link stood.
const REDACTED: &str = "[redacted]";

/// A consent, without its link.
#[derive(Clone)]
pub struct Consent {
    /// The object; `status.url` is absent, and so are annotations but that of a forced poll.
    pub object: DigitalTwinConsent,
    link: Option<Link>,
    text: Box<RawValue>,
}

/// An object of which this version cannot read what it asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

// By hand, because the text holds the link.
impl fmt::Debug for Consent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.object.fmt(f)
    }
}

impl Consent {
    /// PURE. Reads an object.
    ///
    /// # Errors
    /// When its metadata or spec cannot be read.
    pub fn read(text: Box<RawValue>) -> Result<Self, Unreadable> {
        let read = serde_json::from_str(text.get()).ok().or_else(|| in_parts(text.get()));
        let Some(mut object) = read else { return Err(unreadable(text.get())) };
        let link = link_of(&mut object);
        if let Some(link) = &link {
            object = without(object, link.expose());
        }
        // A link may stand there as well, and nothing else of it is of use here.
        object.metadata.managed_fields = None;
        if let Some(annotations) = &mut object.metadata.annotations {
            annotations.retain(|name, _| name == REQUESTED_AT);
        }
        Ok(Self { object, link, text })
    }

    /// The link, if the status holds one. For the command `link` alone.
    #[cfg_attr(not(feature = "plugin"), expect(dead_code, reason = "`wait` shows no link"))]
    pub(crate) fn link(&self) -> Option<&Link> {
        self.link.as_ref()
    }

    /// Its namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.object.metadata.namespace.as_deref().unwrap_or_default()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.object.metadata.name.as_deref().unwrap_or_default()
    }

    /// PURE. The whole object as JSON, also what this version does not know of; without the link and the list of field managers.
    #[must_use]
    pub fn shown(&self) -> Value {
        let mut value: Value = serde_json::from_str(self.text.get()).unwrap_or_default();
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
            if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
                annotations.remove(LAST_APPLIED);
            }
        }
        // Also where it cannot be read: it is no string then, but what holds one.
        if let Some(url) = value.pointer_mut("/status/url") {
            *url = REDACTED.into();
        }
        if let Some(link) = &self.link {
            redact(&mut value, link.expose());
        }
        value
    }
}

fn link_of(object: &mut DigitalTwinConsent) -> Option<Link> {
    object.status.as_mut()?.url.take().map(Link::new)
}

/// The object without the link wherever else it stands, such as in a message that a user wrote into the status.
fn without(object: DigitalTwinConsent, link: &str) -> DigitalTwinConsent {
    let Ok(mut value) = serde_json::to_value(&object) else { return object };
    redact(&mut value, link);
    serde_json::from_value(value).unwrap_or(object)
}

/// Replaces a link wherever else it stands.
fn redact(value: &mut Value, link: &str) {
    match value {
        Value::String(text) if !link.is_empty() && text.contains(link) => *text = text.replace(link, REDACTED),
        Value::Array(items) => items.iter_mut().for_each(|item| redact(item, link)),
        Value::Object(fields) => fields.values_mut().for_each(|field| redact(field, link)),
        _ => {}
    }
}

/// An object whose status cannot be read as a whole: what can be read of it.
fn in_parts(text: &str) -> Option<DigitalTwinConsent> {
    let mut value: Value = serde_json::from_str(text).ok()?;
    let status = value.get_mut("status").map(Value::take);
    let metadata: ObjectMeta = serde_json::from_value(value.get_mut("metadata")?.take()).ok()?;
    let spec: DigitalTwinConsentSpec = serde_json::from_value(value.get_mut("spec")?.take()).ok()?;
    let status = status.map(|status| match status {
        Value::Object(fields) => readable(fields),
        _ => DigitalTwinConsentStatus::default(),
    });
    Some(DigitalTwinConsent { metadata, spec, status })
}

fn readable(fields: Map<String, Value>) -> DigitalTwinConsentStatus {
    let is_readable = |name: &str, value: &Value| {
        let alone = Value::Object(Map::from_iter([(name.to_owned(), value.clone())]));
        serde_json::from_value::<DigitalTwinConsentStatus>(alone).is_ok()
    };
    let mut kept = Map::new();
    for (name, value) in fields {
        let value = match value {
            Value::Array(items) => items.into_iter().filter(|item| is_readable(&name, &Value::Array(vec![item.clone()]))).collect(),
            other => other,
        };
        if is_readable(&name, &value) {
            kept.insert(name, value);
        }
    }
    serde_json::from_value(Value::Object(kept)).unwrap_or_default()
}

fn unreadable(text: &str) -> Unreadable {
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    let field = |path| value.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    Unreadable { namespace: field("/metadata/namespace"), name: field("/metadata/name") }
}

impl From<Unreadable> for Error {
    fn from(Unreadable { namespace, name }: Unreadable) -> Self {
        Self::failed(format!("the DigitalTwinConsent {name} in the namespace {namespace} holds a value that this version cannot read"))
            .then(format!("`kubectl -n {namespace} describe dtc {name}` shows it; a newer plugin may be able to read it."))
    }
}

/// Reads one consent in the namespace of the context.
///
/// # Errors
/// When there is none, it cannot be read, or the API server refuses.
pub async fn get(context: &Context, name: &str) -> Result<Consent, Error> {
    let url = DigitalTwinConsent::url_path(&(), Some(&context.namespace));
    let request = Request::new(url).get(name, &GetParams::default());
    let request = request.map_err(|_| Error::usage(format!("{name:?} is no name of an object")))?;
    let attempt = format!("read the consent {name}");
    Ok(Consent::read(context.client.request(request).await.map_err(|error| not_found(context, name, &attempt, &error))?)?)
}

/// The same; `None` when there is none.
///
/// # Errors
/// When it cannot be read, or the API server refuses.
pub async fn get_opt(context: &Context, name: &str) -> Result<Option<Consent>, Error> {
    match get(context, name).await {
        Err(error) if error == Error::no_consent(&context.namespace, name) => Ok(None),
        read => read.map(Some),
    }
}

/// Changes one consent in the namespace of the context by a merge patch, as the field manager of the plugin; gives it as it then is.
///
/// `attempt` says what is tried, such as `suspend the consent ada`. A patch with `metadata.uid` or `metadata.resourceVersion` is refused
/// by the API server when the object is another one, or was changed meanwhile.
///
/// # Errors
/// When there is none, the API server refuses, or its definitions do not know a field of the patch.
pub async fn patch(context: &Context, name: &str, attempt: &str, patch: &Value) -> Result<Consent, Error> {
    patch_if(context, name, attempt, patch, false).await
}

/// The same; where it is only tried, the API server judges it and keeps nothing.
///
/// # Errors
/// As [`patch`].
pub async fn patch_if(context: &Context, name: &str, attempt: &str, patch: &Value, is_tried: bool) -> Result<Consent, Error> {
    let url = DigitalTwinConsent::url_path(&(), Some(&context.namespace));
    // Strict: an older definition would drop what it does not know, and the command would seem to have worked.
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), dry_run: is_tried, ..PatchParams::default() };
    let request = Request::new(url).patch(name, &params.validation_strict(), &Patch::Merge(patch));
    let request = request.map_err(|error| Error::failed(format!("cannot {attempt}: {error}")))?;
    Ok(Consent::read(context.client.request(request).await.map_err(|error| not_found(context, name, attempt, &error))?)?)
}

/// Creates a consent in the namespace of the context, as the field manager of the plugin; where it is only tried, nothing is kept.
///
/// # Errors
/// When there is one of this name, the API server refuses, or its definitions do not know a field.
pub async fn create(context: &Context, name: &str, manifest: &Value, is_tried: bool) -> Result<Consent, Error> {
    let url = DigitalTwinConsent::url_path(&(), Some(&context.namespace));
    let attempt = format!("create the consent {name}");
    let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), dry_run: is_tried };
    let request = Request::new(url).create(&params, manifest.to_string().into_bytes());
    let mut request = request.map_err(|error| Error::failed(format!("cannot {attempt}: {error}")))?;
    // kube has this for a patch only.
    let uri = format!("{}&fieldValidation=Strict", request.uri());
    *request.uri_mut() = uri.parse().map_err(|_| Error::failed(format!("cannot {attempt}")))?;
    match context.client.request(request).await {
        Ok(text) => Ok(Consent::read(text)?),
        Err(kube::Error::Api(status)) if status.is_already_exists() => {
            Err(Error::failed(format!("there is a DigitalTwinConsent {name} in the namespace {} already", context.namespace))
                .then(format!("{} shows it; --name chooses another name.", names::command(&context.namespace, "status", name))))
        }
        Err(error) => Err(context.failed(&attempt, &error)),
    }
}

fn not_found(context: &Context, name: &str, attempt: &str, error: &kube::Error) -> Error {
    match error {
        kube::Error::Api(status) if status.is_not_found() && status.details.as_ref().is_some_and(|details| details.name == name) => {
            Error::no_consent(&context.namespace, name)
        }
        other => context.failed(attempt, other),
    }
}

/// A page of a list, the objects unread.
#[derive(Deserialize)]
struct Page {
    metadata: ListMeta,
    items: Vec<Box<RawValue>>,
}

/// Reads all consents of a namespace, or of all, page by page; of each only what `take` makes of it is kept.
///
/// # Errors
/// When the API server refuses.
pub async fn list<T>(
    context: &Context,
    namespace: Option<&str>,
    take: impl FnMut(Result<Consent, Unreadable>) -> T,
) -> Result<Vec<T>, Error> {
    list_of(context, namespace, None, take).await
}

/// The same, of those of one avatar group alone if one is named.
///
/// # Errors
/// When the API server refuses.
pub async fn list_of<T>(
    context: &Context,
    namespace: Option<&str>,
    group: Option<&str>,
    mut take: impl FnMut(Result<Consent, Unreadable>) -> T,
) -> Result<Vec<T>, Error> {
    let url = DigitalTwinConsent::url_path(&(), namespace);
    let mut attempts = 1;
    let mut taken = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let mut params = ListParams::default().limit(PAGE);
        params.continue_token = next.take();
        params.field_selector = group.map(|group| format!("spec.groupID={group}"));
        let request = Request::new(&url).list(&params).map_err(|_| Error::usage("this is no namespace"))?;
        let page: Page = match context.client.request(request).await {
            Ok(page) => page,
            Err(kube::Error::Api(status)) if status.code == 410 && attempts < ATTEMPTS => {
                attempts += 1;
                taken.clear();
                continue;
            }
            Err(error) => return Err(context.failed("list consents", &error)),
        };
        taken.extend(page.items.into_iter().map(Consent::read).map(&mut take));
        next = page.metadata.continue_.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(taken);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LINK: &str = "https://heygen.example/consent/secret";

    fn read(value: &Value) -> Result<Consent, Unreadable> {
        Consent::read(serde_json::value::to_raw_value(value).unwrap())
    }

    fn linked() -> Value {
        let applied = format!(r#"{{"status":{{"url":"{LINK}"}}}}"#);
        json!({
            "metadata": { "name": "ada", "namespace": "team", "annotations": { LAST_APPLIED: applied, "note": format!("at {LINK}") } },
            "spec": { "groupID": "ada", "later": true },
            "status": { "url": LINK, "later": LINK, "consentStatus": format!("pending at {LINK}") },
        })
    }

    #[test]
    fn an_object_shows_everything_but_its_link() {
        let consent = read(&linked()).unwrap();
        let shown = consent.shown();
        assert!(!format!("{shown} {consent:?}").contains("heygen.example"), "{shown} {consent:?}");
        assert_eq!(shown["status"]["url"], REDACTED);
        assert_eq!(shown["spec"]["later"], true, "what this version does not know of is shown");
        assert_eq!(consent.link().map(Link::expose), Some(LINK));
        assert_eq!(consent.object.status.unwrap().url, None);
    }

    #[test]
    fn what_cannot_be_read_of_a_status_counts_as_absent() {
        let mut value = linked();
        value["status"]["initiationTime"] = json!("10000-01-01T00:00:00Z");
        value["status"]["history"] = json!([{ "observationTime": "2026-01-01T00:00:00Z", "requestEpoch": 0 }, { "requestEpoch": "no" }]);
        let status = read(&value).unwrap().object.status.unwrap();
        assert_eq!(
            (status.initiation_time, status.history.len(), status.consent_status.as_deref()),
            (None, 1, Some("pending at [redacted]"))
        );
    }

    #[test]
    fn a_link_that_cannot_be_read_is_not_shown() {
        let mut value = linked();
        value["status"] = json!({ "url": { "text": LINK } });
        value["metadata"]["annotations"] = json!({});
        assert!(!read(&value).unwrap().shown().to_string().contains(LINK));
    }

    #[test]
    fn an_object_whose_spec_cannot_be_read_is_named() {
        let mut value = linked();
        value["spec"]["suspend"] = json!("perhaps");
        let named = Unreadable { namespace: "team".to_owned(), name: "ada".to_owned() };
        assert_eq!(read(&value).unwrap_err(), named);
    }
}
