//! PURE. How often an account's status is written when another operator writes it too.
//!
//! Operators for different namespaces may share a ClusterHeyGenAccount, and see it differently: each looks for the Secret in its own
//! namespace. Each would correct the other for ever. So an operator that finds its word replaced by another about the same spec waits before it
//! says it again, twice as long each time.

use std::collections::BTreeMap;
use std::time::Duration;

use twinconsent_core::account::Settings;
use twinconsent_core::api::account::AccountStatus;

/// How long to wait when contradicted for the first time.
const FIRST: Duration = Duration::from_secs(30);

/// The longest wait. An operator that was not contradicted for so long begins anew.
const LONGEST: Duration = Duration::from_secs(3600);

/// What this process has said of an account, as of one generation of its spec.
#[derive(Debug, Default)]
pub(super) struct WriteBackoff {
    generation: Option<i64>,
    written: Option<Written>,
    /// By the type of the condition: to disagree on one does not delay what is to be said of another.
    quarrels: BTreeMap<String, Quarrel>,
}

#[derive(Debug)]
struct Written {
    reasons: Reasons,
    /// The version that was replaced: a copy of it may still be about.
    instead_of: Option<String>,
    at: Duration,
}

#[derive(Debug, Default)]
struct Quarrel {
    pause: Duration,
    not_before: Duration,
}

/// The reasons of conditions, by their types.
type Reasons = BTreeMap<String, String>;

impl WriteBackoff {
    /// How long to wait before this status is written instead of what the settings came with; zero: it may be now.
    pub(super) fn wait(&mut self, settings: &Settings, status: &AccountStatus, now: Duration) -> Duration {
        self.begin_generation(settings.generation);
        let shown = reasons(&settings.status);
        if let Some(written) = self.written.take_if(|written| written.is_contradicted(settings, &shown)) {
            for type_ in differing(&written.reasons, &shown) {
                let quarrel = self.quarrels.entry(type_.clone()).or_default();
                let longer = if now.saturating_sub(written.at) > LONGEST { FIRST } else { quarrel.pause * 2 };
                quarrel.pause = longer.clamp(FIRST, LONGEST);
                quarrel.not_before = now + quarrel.pause;
            }
        }
        let wanted = reasons(status);
        let until = |type_: &String| self.quarrels.get(type_).map_or(Duration::ZERO, |quarrel| quarrel.not_before);
        // Where no reason is to change, what is said of the same reasons waits as they do.
        let soonest = differing(&shown, &wanted).map(until).min();
        soonest.or_else(|| wanted.keys().map(until).max()).unwrap_or_default().saturating_sub(now)
    }

    /// Notes that this was written instead of what the settings came with.
    pub(super) fn tell(&mut self, settings: &Settings, status: &AccountStatus, now: Duration) {
        self.begin_generation(settings.generation);
        self.written = Some(Written { reasons: reasons(status), instead_of: settings.resource_version.clone(), at: now });
    }

    /// A new spec is spoken of at once.
    fn begin_generation(&mut self, generation: Option<i64>) {
        if self.generation != generation {
            *self = Self { generation, ..Self::default() };
        }
    }
}

impl Written {
    fn is_contradicted(&self, settings: &Settings, shown: &Reasons) -> bool {
        settings.status.observed_generation == settings.generation && settings.resource_version != self.instead_of && *shown != self.reasons
    }
}

/// The types of which they say something else, or only one of them anything.
fn differing<'a>(one: &'a Reasons, other: &'a Reasons) -> impl Iterator<Item = &'a String> {
    let differs = |type_: &&String| one.get(*type_) != other.get(*type_);
    one.keys().filter(differs).chain(other.keys().filter(|type_| !one.contains_key(*type_)))
}

fn reasons(status: &AccountStatus) -> Reasons {
    status.conditions.iter().map(|condition| (condition.type_.clone(), condition.reason.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use twinconsent_core::account::AccountObject as _;
    use twinconsent_core::api::account::ClusterHeyGenAccount;

    fn account(version: u64, generation: i64, said: Option<(&str, i64)>) -> Settings {
        let condition = |(type_, reason)| {
            serde_json::json!({
                "type": type_, "status": "False", "reason": reason, "message": "", "lastTransitionTime": "2026-01-02T03:04:05Z"
            })
        };
        let status = said.map(|(reasons, observed)| {
            let conditions: Vec<_> = ["Ready", "AuditLogWritable"].into_iter().zip(reasons.split(' ')).map(condition).collect();
            serde_json::json!({ "observedGeneration": observed, "conditions": conditions })
        });
        let object = serde_json::json!({
            "apiVersion": "twinconsent.io/v1alpha1", "kind": "ClusterHeyGenAccount",
            "metadata": { "name": "shared", "generation": generation, "resourceVersion": version.to_string() },
            "spec": { "apiKeySecretRef": { "name": "s", "key": "k" } }, "status": status
        });
        serde_json::from_value::<ClusterHeyGenAccount>(object).unwrap().settings("system")
    }

    fn status(reason: &str) -> AccountStatus {
        account(1, 1, Some((reason, 1))).status
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Two operators that see the account differently and read it every 5 s. Returns when it was written.
    fn quarrel(words: [&str; 2], seconds: u64) -> Vec<u64> {
        let mut operators = words.map(|word| (WriteBackoff::default(), status(word)));
        let (mut version, mut said, mut writes) = (1, None, Vec::new());
        for second in (0..seconds).step_by(5) {
            for ((backoff, wanted), word) in operators.iter_mut().zip(words) {
                if said == Some((word, 1)) {
                    continue;
                }
                let seen = account(version, 1, said);
                if backoff.wait(&seen, wanted, at(second)).is_zero() {
                    backoff.tell(&seen, wanted, at(second));
                    (version, said) = (version + 1, Some((word, 1)));
                    writes.push(second);
                }
            }
        }
        writes
    }

    #[test]
    fn two_that_disagree_write_less_and_less() {
        let keeps_an_audit_log = "CredentialsAccepted AuditLogWritten";
        for words in [["CredentialsAccepted", "SecretNotFound"], ["CredentialsAccepted", keeps_an_audit_log]] {
            let writes = quarrel(words, 24 * 3600);
            assert!(writes.iter().filter(|at| **at < 40).count() <= 3, "{writes:?}");
            assert!(writes.iter().filter(|at| **at < 3600).count() <= 14, "{writes:?}");
            // Once an hour each, from then on.
            let last = writes.iter().filter(|at| **at >= 23 * 3600).count();
            assert!((1..=3).contains(&last), "{writes:?}");
        }
    }

    #[test]
    fn an_operator_that_is_alone_never_waits() {
        let mut backoff = WriteBackoff::default();
        let mut seen = account(1, 1, None);
        for (number, word) in (1..).zip(["Unreachable", "CredentialsAccepted", "Throttled", "CredentialsAccepted"]) {
            assert_eq!(backoff.wait(&seen, &status(word), at(number)), Duration::ZERO, "{word}");
            backoff.tell(&seen, &status(word), at(number));
            // The copy that the write was based on is seen once more.
            assert_eq!(backoff.wait(&seen, &status(word), at(number)), Duration::ZERO, "{word}");
            seen = account(number + 1, 1, Some((word, 1)));
        }
    }

    #[test]
    fn a_new_spec_is_spoken_of_at_once() {
        let mut backoff = WriteBackoff::default();
        backoff.tell(&account(1, 1, None), &status("SecretNotFound"), at(0));
        let says = status("SecretNotFound");
        assert_eq!(backoff.wait(&account(3, 1, Some(("CredentialsAccepted", 1))), &says, at(1)), FIRST);
        // Also while it waits, and when the other has spoken of it already.
        assert_eq!(backoff.wait(&account(4, 2, Some(("CredentialsAccepted", 2))), &says, at(2)), Duration::ZERO);
    }

    #[test]
    fn to_disagree_on_one_condition_delays_no_other() {
        let mut backoff = WriteBackoff::default();
        let [ours, theirs] = ["CredentialsAccepted AuditLogWritten", "CredentialsAccepted AuditLogNotWritten"];
        backoff.tell(&account(1, 1, None), &status(ours), at(0));
        let shown = account(3, 1, Some((theirs, 1)));
        assert_eq!(backoff.wait(&shown, &status(ours), at(1)), FIRST);
        let throttled = status("Throttled AuditLogWritten");
        assert_eq!(backoff.wait(&shown, &throttled, at(2)), Duration::ZERO);
        backoff.tell(&shown, &throttled, at(2));
        // It comes back with the other's word on what is in dispute: that waits longer, Ready does not.
        let shown = account(5, 1, Some(("Throttled AuditLogNotWritten", 1)));
        assert_eq!(backoff.wait(&shown, &throttled, at(3)), FIRST * 2);
        assert_eq!(backoff.wait(&shown, &status(ours), at(4)), Duration::ZERO);
    }
}
