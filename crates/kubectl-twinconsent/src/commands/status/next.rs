//! PURE. What to do next about a consent.

use twinconsent_core::api::conditions::Situation;
use twinconsent_core::consent::permission::{Obstacle, Permission};
use twinconsent_core::consent::situation::Actor;
use twinconsent_core::consent::status::shown;

use super::ready_message;
use crate::names;
use crate::objects::Consent;

/// What to do next, in a sentence or two.
pub fn next(consent: &Consent, permission: Permission) -> String {
    let (namespace, name) = (consent.namespace(), consent.name());
    let command = |command: &str| names::command(namespace, command, name);
    let obstacle = match permission {
        Permission::Permitted => return "Nothing: the twin may be used.".to_owned(),
        Permission::NotYet(obstacle) | Permission::Ended(obstacle) => obstacle,
    };
    match obstacle {
        Obstacle::Withdrawn => "Stop using the twin: the person has withdrawn their consent.".to_owned(),
        Obstacle::Lapsed => "Stop using the twin: spec.validUntil has passed. If the person agreed to a longer time, move it.".to_owned(),
        Obstacle::BeingDeleted => "The object is being deleted: nothing is left to do with it.".to_owned(),
        Obstacle::NotObserved => {
            "Wait for the operator, which has not seen this version of the object. `kubectl twinconsent version` shows whether one is installed."
                .to_owned()
        }
        Obstacle::NotSaid => "Upgrade the operator: the one that runs is older than this plugin, and says nothing of Permitted.".to_owned(),
        Obstacle::Restored => "Wait: the status is of another object, as after a restore, until the operator has polled HeyGen.".to_owned(),
        Obstacle::NotPermitted | Obstacle::Replaced | Obstacle::OtherGroup => by_situation(consent, command),
    }
}

fn by_situation(consent: &Consent, command: impl Fn(&str) -> String) -> String {
    let situation = consent.object.status.as_ref().and_then(shown);
    let message = ready_message(consent).unwrap_or_default();
    if consent.object.spec.suspend == Some(true) {
        return format!("Nothing goes on while it is suspended; {} lets it go on.", command("resume"));
    }
    match situation {
        Some(Situation::Awaiting) => format!("Send the person the link, which {} prints.", command("link")),
        Some(Situation::Overdue) => format!("Remind the person: {} prints the link again.", command("link")),
        Some(Situation::LinkExpired) => format!("Ask for a new link: {}.", command("renew")),
        Some(Situation::Refused) => format!("The person has refused. To ask once more: {}.", command("renew")),
        Some(Situation::Duplicate) => {
            let group = &consent.object.spec.group_id;
            format!("{message} `kubectl get digitaltwinconsents -A --field-selector spec.groupID={group}` shows them.")
        }
        Some(Situation::Suspended) => format!("Let it go on: {}.", command("resume")),
        Some(Situation::AccountNotReady) => format!("See the account {}: its conditions stand above.", names::account(&consent.object)),
        Some(situation) => match situation.row().actors {
            [Actor::NoOne] => message,
            actors => format!("{} acts: {message}", actors.iter().map(|actor| actor.name()).collect::<Vec<_>>().join(", then ")),
        },
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use twinconsent_core::consent::permission::{Expected, permission};

    use super::*;
    use crate::samples::{NOW, consent};

    fn of(reason: &str, permitted: &str) -> String {
        let consent = consent("ada", reason, permitted, |_| {});
        let now: Timestamp = NOW.parse().unwrap();
        next(&consent, permission(&consent.object, Expected::default(), now))
    }

    #[test]
    fn what_to_do_next_names_the_command_or_the_one_that_acts() {
        assert_eq!(of("Approved", "True"), "Nothing: the twin may be used.");
        assert!(of("AwaitingApproval", "False").contains("`kubectl twinconsent -n team link ada`"));
        assert!(of("LinkExpired", "False").contains("`kubectl twinconsent -n team renew ada`"));
        assert!(of("ConsentRefused", "False").contains("`kubectl twinconsent -n team renew ada`"));
        assert!(of("DuplicateAvatarGroup", "False").contains("spec.groupID=ada-group"));
        assert!(of("AvatarFailed", "False").starts_with("the author of this object, then HeyGen's support acts: "));
        assert_eq!(of("Initiating", "False"), "Why Initiating.");
        assert_eq!(of("OfALaterVersion", "False"), "Why OfALaterVersion.");
    }
}
