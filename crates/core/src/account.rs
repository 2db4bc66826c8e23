//! PURE. The two kinds of account, read as one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::ResourceExt as _;
use kube::core::{ObjectMeta, Selector, SelectorExt as _};

use crate::api::account::{
    AccountStatus, AllowedNamespaces, Auth, ClusterHeyGenAccount, ClusterHeyGenAccountSpec, HeyGenAccount, HeyGenAccountSpec,
    NotificationSink, RateLimit, SecretKeyRef,
};
use crate::api::account_key::AccountKey;
use crate::api::consent::{AccountKind, DigitalTwinConsent};
use crate::consent::policy::Rules;

/// How soon a key that was refused once is probed again.
const FIRST_PROBE: Duration = Duration::from_secs(60);

/// The longest pause between two probes of a key.
pub const LONGEST_PROBE: Duration = Duration::from_secs(600);

/// What an account's spec says, with the defaults filled in.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which account.
    pub key: AccountKey,
    /// The generation of the spec.
    pub generation: Option<i64>,
    /// The uid of the object.
    pub uid: String,
    /// The version of the object that this was read from.
    pub resource_version: Option<String>,
    /// The Secret and the key in it.
    pub secret: SecretKeyRef,
    /// The namespace of the Secret.
    pub secret_namespace: String,
    /// How the key is sent.
    pub auth: Auth,
    /// The kill switch.
    pub suspend: bool,
    /// Requests a minute.
    pub per_minute: u32,
    /// Requests at once.
    pub burst: u32,
    /// Where the key is sent; `None`: the operator's default.
    pub base_url: Option<String>,
    /// What counts as consent, how often to poll, how long a link lives.
    pub rules: Arc<Rules>,
    /// Which namespaces may use it; `None`: all.
    pub allowed: Option<Arc<AllowedNamespaces>>,
    /// Where events of its consents are sent.
    pub notifications: Vec<NotificationSink>,
    /// The status as it was.
    pub status: AccountStatus,
}

/// An account object of either kind.
pub trait AccountObject {
    /// What its spec says; the Secret of a cluster account lies in `operator_namespace`.
    fn settings(&self, operator_namespace: &str) -> Settings;
}

impl AccountObject for HeyGenAccount {
    fn settings(&self, _operator_namespace: &str) -> Settings {
        let HeyGenAccountSpec { api_key_secret_ref, auth, suspend, rate_limit, polling, link_lifetime } = self.spec.clone();
        // What only a cluster account can say is the default.
        let (base_url, consent_policy, allowed_namespaces, notifications) = (None, None, None, None);
        let spec = ClusterHeyGenAccountSpec {
            api_key_secret_ref,
            auth,
            suspend,
            rate_limit,
            polling,
            link_lifetime,
            base_url,
            consent_policy,
            allowed_namespaces,
            notifications,
        };
        let namespace = self.namespace().unwrap_or_default();
        let key = AccountKey { kind: AccountKind::HeyGenAccount, namespace: Some(namespace.clone()), name: self.name_any() };
        settings(key, namespace, &self.metadata, spec, self.status.as_ref())
    }
}

impl AccountObject for ClusterHeyGenAccount {
    fn settings(&self, operator_namespace: &str) -> Settings {
        let key = AccountKey { kind: AccountKind::ClusterHeyGenAccount, namespace: None, name: self.name_any() };
        settings(key, operator_namespace.to_owned(), &self.metadata, self.spec.clone(), self.status.as_ref())
    }
}

fn settings(
    key: AccountKey,
    secret_namespace: String,
    metadata: &ObjectMeta,
    spec: ClusterHeyGenAccountSpec,
    status: Option<&AccountStatus>,
) -> Settings {
    let rules = Rules::new(spec.consent_policy.as_ref(), spec.polling.as_ref(), spec.link_lifetime.as_deref());
    let (per_minute, burst) = rate(spec.rate_limit.as_ref());
    Settings {
        key,
        generation: metadata.generation,
        uid: metadata.uid.clone().unwrap_or_default(),
        resource_version: metadata.resource_version.clone(),
        secret: spec.api_key_secret_ref,
        secret_namespace,
        auth: spec.auth.unwrap_or_default(),
        suspend: spec.suspend.unwrap_or(false),
        per_minute,
        burst,
        base_url: spec.base_url,
        rules: Arc::new(if spec.allowed_namespaces.is_some() { rules } else { rules.for_every_namespace() }),
        allowed: spec.allowed_namespaces.map(Arc::new),
        notifications: spec.notifications.unwrap_or_default(),
        status: status.cloned().unwrap_or_default(),
    }
}

/// How soon a key is probed again that was refused so many times in a row: a minute, which doubles, up to [`LONGEST_PROBE`].
#[must_use]
pub fn pause_before_probe(refused: u32) -> Duration {
    FIRST_PROBE.saturating_mul(1 << refused.saturating_sub(1).min(10)).min(LONGEST_PROBE)
}

fn rate(spec: Option<&RateLimit>) -> (u32, u32) {
    let figure = |read: fn(&RateLimit) -> Option<i64>, default| spec.and_then(read).and_then(|n| u32::try_from(n).ok()).unwrap_or(default);
    (figure(|spec| spec.requests_per_minute, 120), figure(|spec| spec.burst, 20))
}

/// Why an account does not serve a consent's namespace.
#[must_use]
pub fn refusal(key: &AccountKey, consent: &DigitalTwinConsent) -> String {
    format!(
        "{key} does not serve namespace \"{}\". Add the namespace to its spec.allowedNamespaces, or create this object with another spec.accountRef.",
        consent.namespace().unwrap_or_default()
    )
}

/// Whether labels match a selector; one that Kubernetes would not accept matches nothing.
#[must_use]
pub fn selects(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    Selector::try_from(selector.clone()).is_ok_and(|selector| selector.matches(labels))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consent::policy::Meaning;

    #[test]
    fn a_cluster_account_waives_only_for_the_namespaces_that_it_names() {
        let meaning = |allowed: serde_json::Value| {
            let spec = serde_json::json!({
                "apiKeySecretRef": {"name": "heygen", "key": "apiKey"}, "allowedNamespaces": allowed,
                "consentPolicy": {"waived": ["skipped"], "absentMeansWaived": true},
            });
            let account = ClusterHeyGenAccount::new("indemnified", serde_json::from_value(spec).unwrap());
            let policy = account.settings("twinconsent-system").rules.policy.clone();
            (policy.read(Some("skipped")), policy.absent_means_waived, policy.ignores_waivers)
        };
        assert_eq!(meaning(serde_json::json!({"names": ["studio"]})), (Meaning::Waived, true, false));
        assert_eq!(meaning(serde_json::json!({"selector": {}})), (Meaning::Waived, true, false));
        assert_eq!(meaning(serde_json::Value::Null), (Meaning::Unknown, false, true));
    }

    #[test]
    fn a_key_that_is_refused_again_and_again_is_probed_ever_more_seldom() {
        let pauses = [1, 2, 3, 4, 5, 6, u32::MAX].map(|refused| pause_before_probe(refused).as_secs());
        assert_eq!(pauses, [60, 120, 240, 480, 600, 600, 600]);
    }

    #[test]
    fn a_selector_selects_as_kubernetes_does() {
        let labels = BTreeMap::from([("team".to_owned(), "video".to_owned())]);
        let selector = |json| serde_json::from_value::<LabelSelector>(json).unwrap();
        for (json, expected) in [
            (serde_json::json!({}), true),
            (serde_json::json!({"matchLabels": {"team": "video"}}), true),
            (serde_json::json!({"matchLabels": {"team": "sales"}}), false),
            (serde_json::json!({"matchExpressions": [{"key": "team", "operator": "In", "values": ["video"]}]}), true),
            (serde_json::json!({"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["video"]}]}), false),
            (serde_json::json!({"matchExpressions": [{"key": "stage", "operator": "NotIn", "values": ["test"]}]}), true),
            (serde_json::json!({"matchExpressions": [{"key": "stage", "operator": "DoesNotExist"}]}), true),
            (serde_json::json!({"matchExpressions": [{"key": "team", "operator": "Exists"}]}), true),
            (serde_json::json!({"matchExpressions": [{"key": "team", "operator": "Like"}]}), false),
        ] {
            assert_eq!(selects(&selector(json.clone()), &labels), expected, "{json}");
        }
    }
}
