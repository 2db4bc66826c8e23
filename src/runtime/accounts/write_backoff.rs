//! PURE. How often an account's status is written when another operator writes it too.
//!
//! Operators for different namespaces may share a ClusterHeyGenAccount, and see it differently: each looks for the Secret in its own
//! namespace. Each would correct the other for ever. So an operator that finds its word replaced by another about the same spec waits before it
//! says it again, twice as long each time.

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
    pause: Duration,
    not_before: Duration,
}

#[derive(Debug)]
struct Written {
    reasons: Vec<String>,
    /// The version that was replaced: a copy of it may still be about.
    instead_of: Option<String>,
    at: Duration,
}

impl WriteBackoff {
    /// How long to wait before the status is written; zero: it may be now.
    pub(super) fn wait(&mut self, settings: &Settings, now: Duration) -> Duration {
        self.begin_generation(settings.generation);
        if let Some(written) = self.written.take_if(|written| written.is_contradicted(settings)) {
            let longer = if now.saturating_sub(written.at) > LONGEST { FIRST } else { self.pause * 2 };
            self.pause = longer.clamp(FIRST, LONGEST);
            self.not_before = now + self.pause;
        }
        self.not_before.saturating_sub(now)
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
    fn is_contradicted(&self, settings: &Settings) -> bool {
        settings.status.observed_generation == settings.generation
            && settings.resource_version != self.instead_of
            && reasons(&settings.status) != self.reasons
    }
}

/// Of the condition Ready, and of what else is told where there is an audit log.
fn reasons(status: &AccountStatus) -> Vec<String> {
    status.conditions.iter().map(|condition| condition.reason.clone()).collect()
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
        let mut operators = [WriteBackoff::default(), WriteBackoff::default()];
        let (mut version, mut said, mut writes) = (1, None, Vec::new());
        for second in (0..seconds).step_by(5) {
            for (backoff, word) in operators.iter_mut().zip(words) {
                let seen = account(version, 1, said);
                if said != Some((word, 1)) && backoff.wait(&seen, at(second)).is_zero() {
                    backoff.tell(&seen, &status(word), at(second));
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
            assert_eq!(backoff.wait(&seen, at(number)), Duration::ZERO, "{word}");
            backoff.tell(&seen, &status(word), at(number));
            // The copy that the write was based on is seen once more.
            assert_eq!(backoff.wait(&seen, at(number)), Duration::ZERO, "{word}");
            seen = account(number + 1, 1, Some((word, 1)));
        }
    }

    #[test]
    fn a_new_spec_is_spoken_of_at_once() {
        let mut backoff = WriteBackoff::default();
        backoff.tell(&account(1, 1, None), &status("SecretNotFound"), at(0));
        assert_eq!(backoff.wait(&account(3, 1, Some(("CredentialsAccepted", 1))), at(1)), FIRST);
        // Also while it waits, and when the other has spoken of it already.
        assert_eq!(backoff.wait(&account(4, 2, Some(("CredentialsAccepted", 2))), at(2)), Duration::ZERO);
    }
}
