//! The objects that cannot be decoded ([`crate::kubernetes::decoding`]): each is left alone, counted, and named once, and stops no other.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kube::core::ObjectMeta;
use kube::runtime::watcher::Event;

use crate::kubernetes::decoding;
use crate::kubernetes::decoding::Slim;
use crate::kubernetes::events::Events;
use crate::process::metrics;
use crate::process::metrics::Metrics;
use twinconsent_core::consent::report;

/// The objects that cannot be decoded as they stand now.
#[derive(Debug)]
pub struct Undecodables {
    names: Mutex<HashSet<Name>>,
    metrics: Arc<Metrics>,
    events: Events,
}

/// Kind, namespace if it has one, name.
type Name = (metrics::Kind, Option<String>, String);

/// What a watch has shown.
pub enum Shown<K> {
    /// Something that can be decoded.
    Event(Event<K>),
    /// An object that cannot, from now on.
    Undecodable(Box<decoding::Undecodable>),
    /// Such an object is gone.
    Gone(Box<decoding::Undecodable>),
}

/// Takes in what one watch shows.
pub struct Screen {
    undecodables: Arc<Undecodables>,
    namespace: Option<String>,
    listed: HashSet<Name>,
}

impl Undecodables {
    /// None yet; those to come are counted and named there.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>, events: Events) -> Self {
        Self { names: Mutex::default(), metrics, events }
    }

    /// Whether an object is one of them.
    #[must_use]
    pub fn contains(&self, kind: metrics::Kind, namespace: Option<&str>, name: &str) -> bool {
        self.names().contains(&(kind, namespace.map(str::to_owned), name.to_owned()))
    }

    /// The names of those of a kind, each with its namespace.
    #[must_use]
    pub fn of(&self, kind: metrics::Kind) -> Vec<(Option<String>, String)> {
        let names = self.names();
        names.iter().filter(|(of, ..)| *of == kind).map(|(_, namespace, name)| (namespace.clone(), name.clone())).collect()
    }

    /// The object, if it can be decoded; one that cannot is counted, and named when that is new.
    ///
    /// # Errors
    /// With an object that cannot.
    pub fn decoded<K: decoding::Kind>(&self, object: Slim<K>) -> Result<K, Box<decoding::Undecodable>> {
        let undecodable = match object {
            Slim::Read(object) => {
                self.no_longer::<K>(object.meta());
                return Ok(object);
            }
            Slim::Undecodable(undecodable) => undecodable,
        };
        let is_new = self.names().insert(name_of::<K>(&undecodable.metadata));
        if is_new {
            self.count(K::COUNTED);
            let decoding::Undecodable { metadata, field } = undecodable.as_ref();
            let (namespace, object) = (metadata.namespace.as_deref().unwrap_or_default(), metadata.name.as_deref().unwrap_or_default());
            tracing::warn!(kind = %K::kind(&()), namespace, object, field, "an object cannot be decoded and is ignored");
            let about = Slim::<K>::Undecodable(undecodable.clone());
            self.events.report(&about, report::UNDECODABLE);
        }
        Err(undecodable)
    }

    /// Notes that an object can be decoded, or is gone.
    pub fn no_longer<K: decoding::Kind>(&self, metadata: &ObjectMeta) {
        let mut names = self.names();
        // Nearly always there is none.
        if !names.is_empty() && names.remove(&name_of::<K>(metadata)) {
            drop(names);
            self.count(K::COUNTED);
        }
    }

    /// Forgets those of the `concerned` that a complete list did not show.
    fn forget(&self, concerned: impl Fn(&Name) -> bool, listed: &HashSet<Name>) {
        self.names().retain(|name| !concerned(name) || listed.contains(name));
        for &kind in metrics::Kind::ALL {
            self.count(kind);
        }
    }

    fn count(&self, kind: metrics::Kind) {
        let count = self.names().iter().filter(|(of, ..)| *of == kind).count();
        self.metrics.undecodable_objects(kind, count);
    }

    fn names(&self) -> MutexGuard<'_, HashSet<Name>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Screen {
    /// For a watch of this namespace, or of all.
    #[must_use]
    pub fn new(namespace: Option<String>, undecodables: Arc<Undecodables>) -> Self {
        Self { undecodables, namespace, listed: HashSet::new() }
    }

    /// Takes in an event.
    pub fn take_in<K: decoding::Kind>(&mut self, event: Event<Slim<K>>) -> Shown<K> {
        match event {
            Event::Init => {
                self.listed.clear();
                Shown::Event(Event::Init)
            }
            Event::InitDone => {
                self.undecodables.forget(
                    |(kind, namespace, _): &Name| {
                        *kind == K::COUNTED && self.namespace.as_ref().is_none_or(|own| Some(own) == namespace.as_ref())
                    },
                    &self.listed,
                );
                Shown::Event(Event::InitDone)
            }
            Event::InitApply(object) => {
                if let Slim::Undecodable(object) = &object {
                    self.listed.insert(name_of::<K>(&object.metadata));
                }
                self.object(object, Event::InitApply)
            }
            Event::Apply(object) => self.object(object, Event::Apply),
            Event::Delete(object) => {
                self.undecodables.no_longer::<K>(object.metadata());
                match object {
                    Slim::Read(object) => Shown::Event(Event::Delete(object)),
                    Slim::Undecodable(object) => Shown::Gone(object),
                }
            }
        }
    }

    fn object<K: decoding::Kind>(&self, object: Slim<K>, event: impl FnOnce(K) -> Event<K>) -> Shown<K> {
        self.undecodables.decoded(object).map_or_else(Shown::Undecodable, |object| Shown::Event(event(object)))
    }
}

fn name_of<K: decoding::Kind>(metadata: &ObjectMeta) -> Name {
    (K::COUNTED, metadata.namespace.clone(), metadata.name.clone().unwrap_or_default())
}
