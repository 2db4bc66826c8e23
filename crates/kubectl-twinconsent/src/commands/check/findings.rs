//! PURE. What was found, and by which team it is mended.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde_json::{Value, json};
use twinconsent_core::api::conditions::types;

use crate::commands::version::Definition;
use crate::output::{BAD, FAINT, GOOD, styled};
use crate::text::plain;

/// Those that mend something: the team that runs the operator, and an administrator of the cluster.
const PLATFORM_TEAM: &str = "the platform team";
const ADMINISTRATOR: &str = "an administrator of the cluster";

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// As it should be.
    Fine,
    /// It is to be mended.
    Wrong,
    /// It cannot be seen, or is no trouble by itself.
    Note,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub mark: Mark,
    what: String,
    says: String,
    mended_by: Option<&'static str>,
}

/// What was read of a kind, or why it is not known.
pub type Seen<T> = Result<Vec<T>, &'static str>;

/// An account, by what it says.
#[derive(Debug, Clone, Default)]
pub struct Account {
    pub name: String,
    pub conditions: Vec<Condition>,
}

/// A right, and whether the caller has it.
#[derive(Debug, Clone)]
pub struct Right {
    pub what: String,
    pub needed_by: &'static str,
    pub is_granted: bool,
}

impl Finding {
    fn fine(what: &str, says: impl Into<String>) -> Self {
        Self { mark: Mark::Fine, what: what.to_owned(), says: says.into(), mended_by: None }
    }

    fn note(what: &str, says: impl Into<String>) -> Self {
        Self { mark: Mark::Note, ..Self::fine(what, says) }
    }

    fn wrong(what: &str, says: impl Into<String>, mended_by: &'static str) -> Self {
        Self { mark: Mark::Wrong, mended_by: Some(mended_by), ..Self::fine(what, says) }
    }

    /// For people: a line.
    pub fn as_text(&self) -> String {
        let mark = match self.mark {
            Mark::Fine => styled(GOOD, "ok   "),
            Mark::Wrong => styled(BAD, "wrong"),
            Mark::Note => styled(FAINT, "note "),
        };
        let mended = self.mended_by.map(|team| format!(" To be mended by {team}.")).unwrap_or_default();
        format!("{mark}  {}: {}{mended}", self.what, self.says)
    }

    /// For programs.
    pub fn as_json(&self) -> Value {
        let mark = match self.mark {
            Mark::Fine => "ok",
            Mark::Wrong => "wrong",
            Mark::Note => "note",
        };
        json!({ "mark": mark, "what": self.what, "message": self.says, "mendedBy": self.mended_by })
    }
}

/// The definitions.
pub fn of_definition(definition: &Definition) -> Finding {
    let what = "definitions";
    match definition {
        Definition::Same => Finding::fine(what, "as this plugin knows them."),
        Definition::Newer(_) => Finding::note(what, "newer than this plugin. Install the plugin of that version."),
        Definition::Older(fields) => Finding::wrong(
            what,
            format!("older than this plugin: without {}. Upgrade them with the chart.", fields.join(", ")),
            PLATFORM_TEAM,
        ),
        Definition::Absent => Finding::wrong(what, "not installed; docs/installing.md shows how.", ADMINISTRATOR),
    }
}

/// The operators that a chart has installed.
pub fn of_operators(operators: &Seen<Deployment>) -> Vec<Finding> {
    let one = |deployment: &Deployment| {
        let metadata = &deployment.metadata;
        let name = format!("{}/{}", metadata.namespace.as_deref().unwrap_or_default(), metadata.name.as_deref().unwrap_or_default());
        let what = format!("operator {}", plain(&name));
        let ready = deployment.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or_default();
        match ready {
            0 => Finding::wrong(&what, "none of its pods is ready. Their logs say why.", PLATFORM_TEAM),
            1 => Finding::fine(&what, "one pod is ready."),
            _ => Finding::fine(&what, format!("{ready} pods are ready.")),
        }
    };
    match operators {
        Err(why) => vec![Finding::note("operator", format!("{why}: that needs the right to list Deployments."))],
        Ok(none) if none.is_empty() => vec![Finding::note("operator", "none that a chart has installed. Without one nothing happens.")],
        Ok(some) => some.iter().map(one).collect(),
    }
}

/// The accounts of one kind.
pub fn of_accounts(kind: &str, accounts: &Seen<Account>) -> Vec<Finding> {
    match accounts {
        Ok(accounts) => accounts.iter().map(|account| of_account(kind, account)).collect(),
        Err(why) => vec![Finding::note(kind, format!("{why}."))],
    }
}

fn of_account(kind: &str, account: &Account) -> Finding {
    let what = format!("{kind} {}", plain(&account.name));
    let trouble = account.conditions.iter().find(|condition| condition.status != "True");
    match (trouble, account.conditions.iter().any(|condition| condition.type_ == types::READY)) {
        (_, false) => Finding::wrong(&what, "no operator has seen it yet. Is one running, and does it serve this account?", PLATFORM_TEAM),
        (Some(trouble), _) => {
            let says =
                format!("{}={} {}. {}", plain(&trouble.type_), plain(&trouble.status), plain(&trouble.reason), plain(&trouble.message));
            Finding::wrong(&what, says, PLATFORM_TEAM)
        }
        (None, true) => Finding::fine(&what, "ready."),
    }
}

/// That there is no account at all, as far as that can be seen.
pub fn of_no_account(cluster: &Seen<Account>, namespaced: &Seen<Account>) -> Option<Finding> {
    let is_certain = [cluster, namespaced].into_iter().all(|accounts| accounts.as_ref().is_ok_and(Vec::is_empty));
    is_certain.then(|| {
        Finding::wrong("accounts", "there is none, so no person can be asked; docs/installing.md shows how to add one.", PLATFORM_TEAM)
    })
}

/// The rights of the caller. That one is missing is no trouble by itself: not everyone needs each.
pub fn of_rights(namespace: &str, rights: &[Right]) -> Finding {
    let what = format!("rights in the namespace {}", plain(namespace));
    let missing: Vec<_> =
        rights.iter().filter(|right| !right.is_granted).map(|right| format!("{} ({})", right.what, right.needed_by)).collect();
    if missing.is_empty() {
        return Finding::fine(&what, "all that the commands need.");
    }
    let says = format!("you have not: {}. The chart's roles for users grant them (docs/rbac.md).", missing.join(", "));
    Finding { mended_by: Some(ADMINISTRATOR), ..Finding::note(&what, says) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNSEEN: Seen<Account> = Err("not visible to you");

    fn account(conditions: Value) -> Account {
        Account { name: "default".to_owned(), conditions: serde_json::from_value(conditions).unwrap() }
    }

    fn condition(type_: &str, status: &str) -> Value {
        json!({ "type": type_, "status": status, "reason": "R", "message": "M.", "lastTransitionTime": "2026-01-01T00:00:00Z" })
    }

    fn marks(findings: &[Finding]) -> Vec<Mark> {
        findings.iter().map(|finding| finding.mark).collect()
    }

    #[test]
    fn an_account_is_wrong_when_one_of_its_conditions_is_not_true_or_none_is_there() {
        let accounts = [
            account(json!([condition(types::READY, "True")])),
            account(json!([condition(types::READY, "False")])),
            account(json!([condition(types::READY, "True"), condition(types::NOTIFICATIONS_DELIVERED, "False")])),
            account(json!([])),
        ];
        let found = of_accounts("HeyGenAccount", &Ok(accounts.to_vec()));
        assert_eq!(marks(&found), [Mark::Fine, Mark::Wrong, Mark::Wrong, Mark::Wrong]);
        assert!(found[2].as_text().contains("NotificationsDelivered=False R. M. To be mended by the platform team."), "{found:?}");
        assert_eq!(marks(&of_accounts("HeyGenAccount", &UNSEEN)), [Mark::Note]);
        assert!(of_no_account(&Ok(vec![]), &Ok(vec![])).is_some() && of_no_account(&UNSEEN, &Ok(vec![])).is_none());
    }

    #[test]
    fn an_operator_without_a_ready_pod_is_wrong() {
        let operator = |ready: i32| -> Deployment {
            serde_json::from_value(json!({ "metadata": { "name": "t", "namespace": "s" }, "status": { "readyReplicas": ready } })).unwrap()
        };
        assert_eq!(marks(&of_operators(&Ok(vec![operator(0), operator(1), operator(2)]))), [Mark::Wrong, Mark::Fine, Mark::Fine]);
        assert_eq!([marks(&of_operators(&Err("not visible to you"))), marks(&of_operators(&Ok(vec![])))], [[Mark::Note], [Mark::Note]]);
    }

    #[test]
    fn definitions_and_rights_say_what_is_missing() {
        assert_eq!(of_definition(&Definition::Same).mark, Mark::Fine);
        assert_eq!(of_definition(&Definition::Older(vec!["spec.withdrawal".to_owned()])).mark, Mark::Wrong);
        assert!(of_definition(&Definition::Absent).as_text().ends_with("To be mended by an administrator of the cluster."));
        let right = |is_granted| Right { what: "list digitaltwinconsents".to_owned(), needed_by: "list", is_granted };
        assert_eq!(of_rights("team", &[right(true)]).mark, Mark::Fine);
        let lacking = of_rights("team", &[right(true), right(false)]);
        assert!(lacking.mark == Mark::Note && lacking.as_text().contains("you have not: list digitaltwinconsents (list)."), "{lacking:?}");
    }
}
