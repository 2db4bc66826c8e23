//! PURE. What an account says of its sinks in the condition `NotificationsDelivered`.
//!
//! It is written anew when the kind of what is said has changed, and not for each event: its figures are those of that moment, and the
//! metrics have those of now.

use std::fmt::Write as _;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::target::Unusable;
use crate::process::clock::Wall;
use twinconsent_core::api::conditions::reasons;
use twinconsent_core::notifications::{Dropped, Standing, Trouble};

/// How one sink is.
#[derive(Debug)]
pub(crate) struct Health {
    pub(super) unusable: Option<Unusable>,
    pub(super) standing: Standing,
}

/// What is said: status, reason and message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) status: String,
    pub(crate) reason: String,
    pub(crate) message: String,
}

/// Of what kind the state of each sink is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kinds(Vec<Kind>);

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Untried,
    Well,
    Unusable(String),
    Failing,
    Dropping(Dropped),
}

pub(super) fn kinds<'a>(sinks: impl Iterator<Item = (&'a str, Health)>) -> Kinds {
    Kinds(sinks.map(|(_, health)| health.kind()).collect())
}

/// `known` is what the account's status says.
pub(super) fn say<'a>(sinks: impl Iterator<Item = (&'a str, Health)>, known: Option<&Condition>, wall: Wall) -> Said {
    let sinks: Vec<_> = sinks.collect();
    let all = || sinks.iter().map(|(_, health)| health);
    let mut message = String::new();
    for (name, health) in &sinks {
        if let Some(trouble) = health.in_words(wall) {
            let standing = &health.standing;
            let (waiting, dropped) = (standing.waiting, standing.counts.all_dropped());
            // Writing to a String cannot fail.
            let _ = write!(
                message,
                "Sink \"{name}\": {trouble}. When this was written, {waiting} of its events waited and {dropped} had been dropped. "
            );
        }
    }
    if !message.is_empty() {
        let has = |holds: fn(&Health) -> bool| all().any(holds);
        let reason = if has(|health| health.unusable.is_some()) {
            reasons::SINK_NOT_USABLE
        } else if has(|health| matches!(health.standing.trouble, Some(Trouble::Failing(..)))) {
            reasons::NOTIFICATIONS_NOT_TAKEN
        } else {
            reasons::NOTIFICATIONS_DROPPED
        };
        message.push_str("Consents are served as before.");
        return said("False", reason, message);
    }
    if all().any(|health| health.standing.has_delivered) {
        let message = "The sinks take what they are sent.".to_owned();
        return said("True", reasons::NOTIFICATIONS_TAKEN, message);
    }
    // A process that has sent nothing yet believes the one before it, if that had nothing to complain of.
    let known = known.filter(|known| known.status == "True").map(|known| said("True", &known.reason, known.message.clone()));
    known.unwrap_or_else(|| said("Unknown", reasons::NOTHING_SENT, "No sink has taken an event yet.".to_owned()))
}

fn said(status: &str, reason: &str, message: String) -> Said {
    Said { status: status.to_owned(), reason: reason.to_owned(), message }
}

impl Health {
    /// What is wrong, for the log.
    pub(crate) fn trouble(&self) -> Option<String> {
        match self.standing.trouble.as_ref()? {
            Trouble::Failing(_, answer) => Some(answer.to_string()),
            Trouble::Dropping(_, reason) => Some(of_drop(*reason).to_owned()),
        }
    }

    fn kind(&self) -> Kind {
        match (&self.unusable, &self.standing.trouble) {
            (Some(unusable), _) => Kind::Unusable(unusable.why.clone()),
            (None, Some(Trouble::Failing(..))) => Kind::Failing,
            (None, Some(Trouble::Dropping(_, reason))) => Kind::Dropping(*reason),
            (None, None) if self.standing.has_delivered => Kind::Well,
            (None, None) => Kind::Untried,
        }
    }

    fn in_words(&self, wall: Wall) -> Option<String> {
        if let Some(unusable) = &self.unusable {
            return Some(unusable.why.clone());
        }
        let whole = |time| wall.of(time).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        Some(match self.standing.trouble.as_ref()? {
            Trouble::Failing(since, answer) => format!("deliveries have failed since {}, and the last answer was: {answer}", whole(*since)),
            Trouble::Dropping(at, reason) => format!("{}, the last at {}", of_drop(*reason), whole(*at)),
        })
    }
}

const fn of_drop(reason: Dropped) -> &'static str {
    match reason {
        Dropped::Refused => "it refuses events with a status from 400 to 499",
        Dropped::Redirected => "it answers with a redirect, which is not followed",
        Dropped::TooOld => "it has not taken events for 24 hours",
        Dropped::NoRoom => "so many events wait that there is no room for more",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;
    use twinconsent_core::consent::polling;
    use twinconsent_core::notifications::{Answer, Outbox};

    fn at(seconds: u64) -> Timestamp {
        polling::add("2026-07-01T00:00:00Z".parse().unwrap(), Duration::from_secs(seconds))
    }

    /// A sink that gave these answers, one a second; what failed is tried no more.
    fn health(answers: &[Answer]) -> Health {
        let mut outbox = Outbox::default();
        for (second, answer) in (0..).zip(answers) {
            outbox.push(u128::from(second), (), 0, at(second), at(second));
            let now = polling::add(at(second), Duration::from_millis(1));
            while let Some((number, ())) = outbox.take(now) {
                outbox.end(number, *answer, now, 0.0);
            }
        }
        Health { unusable: None, standing: outbox.standing(at(10)) }
    }

    fn says(sinks: Vec<(&str, Health)>, known: Option<&Condition>) -> (String, String, String) {
        let Said { status, reason, message } = say(sinks.into_iter(), known, Wall::default());
        (status, reason, message)
    }

    const TAKEN: Answer = Answer::Status(204, None);
    const REFUSED: Answer = Answer::None("connection refused");

    #[test]
    fn a_sink_in_trouble_is_named_with_since_when_and_why() {
        let (status, reason, message) = says(vec![("crm", health(&[TAKEN])), ("chat", health(&[REFUSED; 3]))], None);
        assert_eq!((status.as_str(), reason.as_str()), ("False", "NotificationsNotTaken"));
        assert_eq!(
            message,
            "Sink \"chat\": deliveries have failed since 2026-07-01T00:00:00Z, and the last answer was: connection refused. When this was written, 3 of its events waited and 0 had been dropped. Consents are served as before."
        );
        let (status, reason, message) = says(vec![("crm", health(&[TAKEN, Answer::Status(410, None), TAKEN]))], None);
        assert_eq!((status.as_str(), reason.as_str()), ("False", "NotificationsDropped"));
        assert!(message.contains("the last at 2026-07-01T00:00:01Z") && message.contains("1 had been dropped"), "{message}");
        let unusable = Some(Unusable { why: "the Secret is missing".to_owned(), may_be_passing: false });
        let sinks = vec![("a", health(&[REFUSED; 3])), ("b", Health { unusable, ..health(&[]) })];
        let (status, reason, message) = says(sinks, None);
        assert_eq!((status.as_str(), reason.as_str()), ("False", "SinkNotUsable"), "what a person has to mend comes first");
        assert!(message.contains("Sink \"a\"") && message.contains("Sink \"b\": the Secret is missing."), "{message}");
    }

    #[test]
    fn one_failure_is_not_reported() {
        assert_eq!(says(vec![("a", health(&[TAKEN, REFUSED]))], None).0, "True");
    }

    #[test]
    fn a_process_that_has_sent_nothing_believes_the_one_before_it_if_all_was_well() {
        let known = |status: &str| Condition {
            type_: "NotificationsDelivered".to_owned(),
            status: status.to_owned(),
            reason: "BeforeMe".to_owned(),
            message: "m".to_owned(),
            last_transition_time: k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(0)),
            observed_generation: None,
        };
        for (before, now) in
            [("True", ("True", "BeforeMe")), ("False", ("Unknown", "NothingSent")), ("Unknown", ("Unknown", "NothingSent"))]
        {
            let (status, reason, _) = says(vec![("a", health(&[]))], Some(&known(before)));
            assert_eq!((status.as_str(), reason.as_str()), now);
        }
        assert_eq!(says(vec![("a", health(&[REFUSED; 3]))], Some(&known("True"))).0, "False");
    }

    #[test]
    fn the_kind_changes_with_the_trouble_and_not_with_each_event() {
        let kind = |answers: &[Answer]| kinds([("a", health(answers))].into_iter());
        assert_eq!(kind(&[REFUSED; 3]), kind(&[REFUSED; 4]));
        assert_eq!(kind(&[REFUSED; 3]), kind(&[Answer::Status(500, None); 3]));
        assert_eq!(kind(&[TAKEN]), kind(&[TAKEN; 3]));
        for (one, other) in [(&[][..], &[TAKEN][..]), (&[TAKEN], &[REFUSED; 3]), (&[TAKEN], &[Answer::Status(400, None)])] {
            assert_ne!(kind(one), kind(other));
        }
    }
}
