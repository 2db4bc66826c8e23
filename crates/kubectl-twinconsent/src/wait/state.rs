//! PURE. What a wait has seen, and what follows from it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use twinconsent_core::api::conditions::types;
use twinconsent_core::consent::permission::{Expected, Obstacle, Permission, permission};
use twinconsent_core::consent::status::condition;

use crate::names;
use crate::objects::Consent;
use crate::text::plain;

/// The consents that are waited for.
pub struct Waiting {
    /// In the order of the command line.
    names: Vec<String>,
    group: Option<String>,
    for_creation: bool,
    seen: BTreeMap<String, Object>,
}

/// What was seen of one of them.
#[derive(Default)]
struct Object {
    /// As it was last seen; `None` while it does not exist.
    consent: Option<Consent>,
    /// The uid by which it was first seen: another object of its name is another consent.
    uid: Option<String>,
}

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All of them permit.
    Permitted,
    /// One never will unless a user acts, and why.
    Ended(String),
    /// One does not exist, and is not waited for.
    Missing(String),
    /// Some do not permit yet.
    Waiting,
}

/// Where one of them stands.
enum Standing<'a> {
    Missing,
    Deleted,
    Read(&'a Consent, Permission),
}

impl Waiting {
    /// Nothing was seen yet.
    pub fn new(names: &[String], group: Option<&str>, for_creation: bool) -> Self {
        let mut unique: Vec<String> = Vec::new();
        names.iter().for_each(|name| {
            if !unique.contains(name) {
                unique.push(name.clone())
            }
        });
        Self { names: unique, group: group.map(str::to_owned), for_creation, seen: BTreeMap::new() }
    }

    /// Takes note of an object as it is now; `None`: there is none.
    pub fn see(&mut self, name: &str, consent: Option<Consent>) {
        let object = self.seen.entry(name.to_owned()).or_default();
        if let Some(consent) = &consent
            && object.uid.is_none()
        {
            object.uid.clone_from(&consent.object.metadata.uid);
        }
        object.consent = consent;
    }

    /// What follows, at this moment.
    pub fn outcome(&self, now: Timestamp) -> Outcome {
        let mut outcome = Outcome::Permitted;
        for name in &self.names {
            match self.standing(name, now) {
                Standing::Read(_, Permission::Permitted) => {}
                Standing::Read(consent, Permission::Ended(obstacle)) => {
                    return Outcome::Ended(format!("{name}: {}", why(consent, obstacle)));
                }
                Standing::Deleted => return Outcome::Ended(format!("{name}: it was deleted")),
                Standing::Missing if !self.for_creation => return Outcome::Missing(name.clone()),
                Standing::Missing | Standing::Read(_, Permission::NotYet(_)) => outcome = Outcome::Waiting,
            }
        }
        outcome
    }

    fn standing(&self, name: &str, now: Timestamp) -> Standing<'_> {
        let Some(object) = self.seen.get(name) else { return Standing::Missing };
        let expected = Expected { uid: object.uid.as_deref(), group: self.group.as_deref() };
        match &object.consent {
            Some(consent) => Standing::Read(consent, permission(&consent.object, expected, now)),
            None if object.uid.is_some() => Standing::Deleted,
            None => Standing::Missing,
        }
    }

    /// Where each of them stands, in a line.
    pub fn lines(&self, now: Timestamp) -> Vec<String> {
        let line = |name: &String| match self.standing(name, now) {
            Standing::Missing => format!("{name}: does not exist yet"),
            Standing::Deleted => format!("{name}: was deleted"),
            Standing::Read(_, Permission::Permitted) => format!("{name}: permitted"),
            Standing::Read(consent, Permission::NotYet(obstacle) | Permission::Ended(obstacle)) => {
                format!("{name}: {}", why(consent, obstacle))
            }
        };
        self.names.iter().map(line).collect()
    }

    /// The answer for people: each that permits.
    pub fn as_text(&self) -> String {
        self.names.iter().map(|name| format!("{} permitted", names::of(name))).collect::<Vec<_>>().join("\n")
    }

    /// The answer for programs.
    pub fn as_json(&self, namespace: &str, now: Timestamp) -> Value {
        let one = |name: &String| {
            let mut shown = json!({ "namespace": namespace, "name": name, "permitted": false });
            match self.standing(name, now) {
                Standing::Missing => shown["why"] = json!("does not exist"),
                Standing::Deleted => shown["why"] = json!("was deleted"),
                Standing::Read(consent, permission) => {
                    let ready = consent.object.status.as_ref().and_then(|status| condition(status, types::READY));
                    shown["uid"] = json!(consent.object.metadata.uid);
                    shown["groupID"] = json!(consent.object.spec.group_id);
                    shown["reason"] = json!(ready.map(|ready| &ready.reason));
                    match permission {
                        Permission::Permitted => shown["permitted"] = json!(true),
                        Permission::NotYet(obstacle) | Permission::Ended(obstacle) => shown["why"] = json!(why(consent, obstacle)),
                    }
                }
            }
            shown
        };
        json!({ "permitted": self.outcome(now) == Outcome::Permitted, "consents": self.names.iter().map(one).collect::<Vec<_>>() })
    }
}

/// What is in the way, in words.
fn why(consent: &Consent, obstacle: Obstacle) -> String {
    let text = match obstacle {
        Obstacle::Replaced => "another object of this name has taken its place",
        Obstacle::OtherGroup => return format!("it is about another avatar group, {}", plain(&consent.object.spec.group_id)),
        Obstacle::BeingDeleted => "it is being deleted",
        Obstacle::Withdrawn => "the person has withdrawn their consent",
        Obstacle::Lapsed => "spec.validUntil has passed",
        Obstacle::NotObserved => "the operator has not seen this version of the object",
        Obstacle::Restored => "its status is of another object, as after a restore, until the operator has polled HeyGen",
        Obstacle::NotSaid => "its operator is older than this program, and says nothing of Permitted",
        Obstacle::NotPermitted => return ready(consent),
    };
    text.to_owned()
}

/// The reason and the message of `Ready`.
fn ready(consent: &Consent) -> String {
    let ready = consent.object.status.as_ref().and_then(|status| condition(status, types::READY));
    ready.map_or_else(|| "it is not permitted".to_owned(), |ready| format!("{}. {}", plain(&ready.reason), plain(&ready.message)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{NOW, consent, read};

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    fn waiting(for_creation: bool, names: &[&str]) -> Waiting {
        Waiting::new(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), None, for_creation)
    }

    fn permitted(name: &str) -> Option<Consent> {
        Some(consent(name, "Approved", "True", |_| {}))
    }

    fn pending(name: &str) -> Option<Consent> {
        Some(consent(name, "AwaitingApproval", "False", |_| {}))
    }

    #[test]
    fn all_of_them_must_permit_at_once() {
        let mut both = waiting(false, &["ada", "grace", "ada"]);
        both.see("ada", permitted("ada"));
        both.see("grace", pending("grace"));
        assert_eq!(both.outcome(now()), Outcome::Waiting);
        assert_eq!(both.lines(now()), ["ada: permitted", "grace: AwaitingApproval. Why AwaitingApproval."]);
        both.see("ada", pending("ada"));
        both.see("grace", permitted("grace"));
        assert_eq!(both.outcome(now()), Outcome::Waiting, "the first no longer does");
        both.see("ada", permitted("ada"));
        assert_eq!(both.outcome(now()), Outcome::Permitted);
        assert_eq!(both.as_text().lines().count(), 2);
    }

    #[test]
    fn a_refusal_ends_the_wait_for_all() {
        let mut both = waiting(false, &["ada", "grace"]);
        both.see("ada", pending("ada"));
        both.see("grace", Some(consent("grace", "ConsentRefused", "False", |status| status["stalled"] = json!(true))));
        assert_eq!(both.outcome(now()), Outcome::Ended("grace: ConsentRefused. Why ConsentRefused.".to_owned()));
        let shown = both.as_json("team", now());
        assert_eq!((&shown["permitted"], &shown["consents"][1]["reason"]), (&json!(false), &json!("ConsentRefused")));
    }

    #[test]
    fn a_missing_object_is_an_error_unless_its_creation_is_waited_for() {
        let mut one = waiting(false, &["ada"]);
        one.see("ada", None);
        assert_eq!(one.outcome(now()), Outcome::Missing("ada".to_owned()));
        let mut one = waiting(true, &["ada"]);
        one.see("ada", None);
        assert_eq!(one.outcome(now()), Outcome::Waiting);
        one.see("ada", permitted("ada"));
        assert_eq!(one.outcome(now()), Outcome::Permitted);
    }

    #[test]
    fn an_object_that_was_deleted_or_replaced_is_not_waited_for() {
        for for_creation in [false, true] {
            let mut one = waiting(for_creation, &["ada"]);
            one.see("ada", pending("ada"));
            one.see("ada", None);
            assert_eq!(one.outcome(now()), Outcome::Ended("ada: it was deleted".to_owned()));
            let mut shown = permitted("ada").unwrap().shown();
            shown["metadata"]["uid"] = json!("uid-2");
            shown["status"]["objectUID"] = json!("uid-2");
            one.see("ada", Some(read(&shown)));
            assert!(matches!(one.outcome(now()), Outcome::Ended(why) if why.contains("another object")));
        }
    }

    #[test]
    fn another_avatar_group_is_not_waited_for() {
        let mut one = Waiting::new(&["ada".to_owned()], Some("another"), false);
        one.see("ada", permitted("ada"));
        assert!(matches!(one.outcome(now()), Outcome::Ended(why) if why.contains("another avatar group")));
    }
}
