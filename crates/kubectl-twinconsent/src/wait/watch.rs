//! What happens to consents, as a stream.

use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, future};
use kube::Api;
use kube::core::{ApiResource, DynamicObject};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt as _, watcher as watch};
use serde_json::value::to_raw_value;
use twinconsent_core::api::consent::DigitalTwinConsent;

use crate::context::Context;
use crate::objects::{Consent, Unreadable};

/// What was seen of an object.
pub enum Seen {
    /// It is, as it is now.
    Object(Box<Consent>),
    /// It is, in a form that this version cannot read.
    Unreadable(Unreadable),
    /// It is not.
    Gone,
    /// It cannot be seen at the moment; it is tried again, with growing pauses.
    Trouble(kube::Error),
    /// It may not be seen.
    Refused(kube::Error),
}

/// Watches objects by their names, each by a watch of its own: so rights to these names alone suffice.
pub fn all(context: &Context, names: &[String]) -> BoxStream<'static, (String, Seen)> {
    let kind = ApiResource::erase::<DigitalTwinConsent>(&());
    // Read leniently, because one value that cannot be read would stop a watch of the kind itself.
    let api: Api<DynamicObject> = Api::namespaced_with(context.client.clone(), &context.namespace, &kind);
    let streams = names.iter().map(|name| one(api.clone(), name.clone()));
    stream::select_all(streams).boxed()
}

fn one(api: Api<DynamicObject>, name: String) -> BoxStream<'static, (String, Seen)> {
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let mut listed = false;
    let seen = watch(api, config).default_backoff().filter_map(move |event| {
        future::ready(match event {
            Ok(Event::Init) => {
                listed = false;
                None
            }
            Ok(Event::InitApply(object) | Event::Apply(object)) => {
                listed = true;
                Some(object_seen(&object))
            }
            // A list without the object: it is gone, or was not there yet.
            Ok(Event::InitDone) => (!listed).then_some(Seen::Gone),
            Ok(Event::Delete(_)) => Some(Seen::Gone),
            Err(error) => of_error(error),
        })
    });
    seen.map(move |seen| (name.clone(), seen)).boxed()
}

fn object_seen(object: &DynamicObject) -> Seen {
    // What came as JSON can be written as JSON.
    match Consent::read(to_raw_value(object).unwrap_or_default()) {
        Ok(consent) => Seen::Object(Box::new(consent)),
        Err(unreadable) => Seen::Unreadable(unreadable),
    }
}

fn of_error(error: watcher::Error) -> Option<Seen> {
    let error = match error {
        watcher::Error::InitialListFailed(error) | watcher::Error::WatchStartFailed(error) | watcher::Error::WatchFailed(error) => error,
        // The watch begins anew by itself: too old a version is everyday.
        _ => return None,
    };
    match &error {
        kube::Error::Api(status) if [401, 403, 404].contains(&status.code) => Some(Seen::Refused(error)),
        kube::Error::Api(status) if status.code == 410 => None,
        _ => Some(Seen::Trouble(error)),
    }
}
