//! `HeyGenAccount` and `ClusterHeyGenAccount`: whose key asks, how fast, and what counts as consent.

#![expect(clippy::duplicated_attributes, reason = "kube takes one printcolumn for each column")]

mod notifications;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use notifications::{NotificationSink, SinkUrl};

/// A HeyGen account for the consents of one namespace.
#[derive(CustomResource, KubeSchema, Clone, Debug, Deserialize, Serialize, PartialEq)]
#[kube(
    group = "twinconsent.io",
    version = "v1alpha1",
    kind = "HeyGenAccount",
    plural = "heygenaccounts",
    shortname = "hga",
    category = "twinconsent",
    namespaced,
    status = "AccountStatus",
    derive = "PartialEq",
    doc = "HeyGenAccount is a HeyGen account for the consents of its own namespace: the API key, and how fast it may be used. What counts as consent and where the key is sent can be set in a ClusterHeyGenAccount only.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#,
        description = "Whether HeyGen accepts the key, so that the account can be used."
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].reason"#,
        description = "The reason of the condition Ready."
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp", description = "How long the object has existed.")
)]
#[serde(rename_all = "camelCase")]
pub struct HeyGenAccountSpec {
    /// The Secret that holds the API key, in the account's own namespace.
    pub api_key_secret_ref: SecretKeyRef,

    /// How the key is sent: `ApiKey` (the default; the header X-Api-Key) or `Bearer` (an OAuth access token).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,

    /// The kill switch: true stops every call with this account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,

    /// How fast HeyGen may be called with this account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,

    /// How often HeyGen is polled about consents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polling: Option<Polling>,

    /// How long a link is presumed to work, as in `24h` (the default). At least `1s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = r"^([0-9]{1,5}(\.[0-9]{1,3})?(ms|s|m|h)){1,4}$"))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1s')").message("linkLifetime must be at least 1s"))]
    pub link_lifetime: Option<String>,
}

/// A HeyGen account for the whole cluster.
#[derive(CustomResource, KubeSchema, Clone, Debug, Deserialize, Serialize, PartialEq)]
#[kube(
    group = "twinconsent.io",
    version = "v1alpha1",
    kind = "ClusterHeyGenAccount",
    plural = "clusterheygenaccounts",
    shortname = "chga",
    category = "twinconsent",
    status = "AccountStatus",
    derive = "PartialEq",
    doc = "ClusterHeyGenAccount is a HeyGen account for the consents of many namespaces: the API key, how fast it may be used, where it is sent, what counts as consent and which namespaces may use it. The one named `default` serves every consent without accountRef.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#,
        description = "Whether HeyGen accepts the key, so that the account can be used."
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].reason"#,
        description = "The reason of the condition Ready."
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp", description = "How long the object has existed."),
    printcolumn(
        name = "BaseURL",
        type_ = "string",
        json_path = ".spec.baseURL",
        priority = 1,
        description = "Where the key is sent; empty means the operator's default."
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.allowedNamespaces) || !has(self.consentPolicy) || !((has(self.consentPolicy.waived) && size(self.consentPolicy.waived) > 0) || (has(self.consentPolicy.absentMeansWaived) && self.consentPolicy.absentMeansWaived))").message("a consentPolicy that waives needs allowedNamespaces: name the namespaces that the indemnity covers").field_path(".allowedNamespaces"))]
pub struct ClusterHeyGenAccountSpec {
    /// The Secret that holds the API key, in the operator's own namespace.
    pub api_key_secret_ref: SecretKeyRef,

    /// How the key is sent: `ApiKey` (the default; the header X-Api-Key) or `Bearer` (an OAuth access token).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,

    /// The kill switch: true stops every call with this account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,

    /// How fast HeyGen may be called with this account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,

    /// How often HeyGen is polled about consents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polling: Option<Polling>,

    /// How long a link is presumed to work, as in `24h` (the default). At least `1s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = r"^([0-9]{1,5}(\.[0-9]{1,3})?(ms|s|m|h)){1,4}$"))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1s')").message("linkLifetime must be at least 1s"))]
    pub link_lifetime: Option<String>,

    /// Where the key is sent: an https URL without query, fragment and user info (http only when the operator runs with `--allow-insecure-base-url`).
    /// Absent: the operator's `--heygen-base-url`.
    #[serde(rename = "baseURL", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(
        validation = Rule::new("isURL(self) && url(self).getScheme() in ['https', 'http'] && url(self).getHostname() != ''").message("baseURL must be an https URL"),
        validation = Rule::new("!self.matches('[?#@]')").message("baseURL must not contain a query, a fragment or user info"),
    )]
    pub base_url: Option<String>,

    /// What each consent status of HeyGen means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent_policy: Option<ConsentPolicy>,

    /// Which namespaces may use this account. Absent: all. Required when consentPolicy waives consent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_namespaces: Option<AllowedNamespaces>,

    /// Where events of the account's consents are sent as signed webhooks, besides the operator's audit log. At most 4 sinks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".to_owned()]))]
    pub notifications: Option<Vec<NotificationSink>>,
}

/// One key of a Secret.
#[derive(KubeSchema, Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
pub struct SecretKeyRef {
    /// The name of the Secret.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub name: String,

    /// The key in the Secret's data.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z0-9]+$"))]
    pub key: String,
}

/// How the key is sent: `ApiKey` (the default; the header X-Api-Key) or `Bearer` (an OAuth access token).
#[derive(JsonSchema, Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
pub enum Auth {
    /// In the header `X-Api-Key`.
    #[default]
    ApiKey,
    /// As `Authorization: Bearer`.
    Bearer,
    /// A word of a later version: means what `ApiKey` means.
    #[serde(other)]
    #[schemars(skip)]
    Unrecognized,
}

/// How many calls to HeyGen are allowed: in any w seconds at most burst + requestsPerMinute / 60 × w requests.
#[derive(KubeSchema, Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RateLimit {
    /// Requests a minute in the long run, 1 to 1000000. Default 120.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub requests_per_minute: Option<i64>,

    /// Requests at once after a quiet time, 1 to 100000. Default 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub burst: Option<i64>,
}

/// How often HeyGen is polled about consents; each at least `1s`.
#[derive(KubeSchema, Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.interval) || duration(self.interval) >= (has(self.minimum) ? duration(self.minimum) : duration('10s'))").message("polling.interval must not be below polling.minimum (10s when absent)").field_path(".interval"),
    validation = Rule::new("!has(self.staleAfter) || duration(self.staleAfter) >= (has(self.approved) ? duration(self.approved) : duration('6h'))").message("polling.staleAfter must not be below polling.approved (6h when absent)").field_path(".staleAfter"),
)]
pub struct Polling {
    /// While the operator waits for a person: at first this often, later less often. Default `60s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = r"^([0-9]{1,5}(\.[0-9]{1,3})?(ms|s|m|h)){1,4}$"))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1s')").message("polling.interval must be at least 1s"))]
    pub interval: Option<String>,

    /// The lower bound for the pollInterval of a consent. Default `10s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = r"^([0-9]{1,5}(\.[0-9]{1,3})?(ms|s|m|h)){1,4}$"))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1s')").message("polling.minimum must be at least 1s"))]
    pub minimum: Option<String>,

    /// After approval, so that a withdrawal is noticed. Default `6h`, at most `24h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = r"^([0-9]{1,5}(\.[0-9]{1,3})?(ms|s|m|h)){1,4}$"))]
    #[x_kube(
        validation = Rule::new("duration(self) >= duration('1s')").message("polling.approved must be at least 1s"),
        validation = Rule::new("duration(self) <= duration('24h')").message("polling.approved must be at most 24h"),
    )]
    pub approved: Option<String>,

    /// While the object is Stalled, or HeyGen reports a consent status that the policy does not know. Default `10m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = r"^([0-9]{1,5}(\.[0-9]{1,3})?(ms|s|m|h)){1,4}$"))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1s')").message("polling.unknown must be at least 1s"))]
    pub unknown: Option<String>,

    /// How long a consent may stay unverified before it no longer counts as Ready. Default `72h`; at least `approved`, at most `720h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = r"^([0-9]{1,5}(\.[0-9]{1,3})?(ms|s|m|h)){1,4}$"))]
    #[x_kube(
        validation = Rule::new("duration(self) >= duration('1s')").message("polling.staleAfter must be at least 1s"),
        validation = Rule::new("duration(self) <= duration('720h')").message("polling.staleAfter must be at most 720h"),
    )]
    pub stale_after: Option<String>,
}

/// What each consent status of HeyGen means, in upper or lower case.
/// Refused wins over waived, and waived over granted; a status in none of the lists is shown and never taken for consent.
#[derive(KubeSchema, Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.granted) || !has(self.refused) || !self.granted.exists(g, self.refused.exists(r, r.lowerAscii() == g.lowerAscii()))").message("a status cannot be both granted and refused").field_path(".granted"),
    validation = Rule::new("!has(self.waived) || !has(self.refused) || !self.waived.exists(g, self.refused.exists(r, r.lowerAscii() == g.lowerAscii()))").message("a status cannot be both waived and refused").field_path(".waived"),
    validation = Rule::new("!has(self.granted) || !has(self.waived) || !self.granted.exists(g, self.waived.exists(r, r.lowerAscii() == g.lowerAscii()))").message("a status cannot be both granted and waived").field_path(".granted"),
)]
pub struct ConsentPolicy {
    /// Statuses that mean: the person has consented. Default `approved`, `accepted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 64)))]
    #[x_kube(merge_strategy = ListMerge::Set, validation = Rule::new("self.all(w, !(w.lowerAscii() in ['pending', 'pending_consent', 'processing', 'rejected', 'declined', 'denied', 'revoked', 'withdrawn', 'expired', 'failed', 'null']))").message("a status that HeyGen uses for something else cannot mean consent"))]
    pub granted: Option<Vec<String>>,

    /// Statuses that mean: the person has refused. Default `rejected`, `declined`, `denied`, `revoked`, `withdrawn`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 64)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub refused: Option<Vec<String>>,

    /// Statuses that mean: by contract, no consent is needed. Default none; for accounts with a signed indemnity. Needs `allowedNamespaces`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 64)))]
    #[x_kube(merge_strategy = ListMerge::Set, validation = Rule::new("self.all(w, !(w.lowerAscii() in ['pending', 'pending_consent', 'processing', 'rejected', 'declined', 'denied', 'revoked', 'withdrawn', 'expired', 'failed', 'null']))").message("a status that HeyGen uses for something else cannot mean a waiver"))]
    pub waived: Option<Vec<String>>,

    /// Whether a digital twin without any consent status counts as waived. Default false; for accounts with a signed indemnity. Needs `allowedNamespaces`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent_means_waived: Option<bool>,
}

/// Which namespaces may use an account: those named and those selected.
#[derive(KubeSchema, Clone, Debug, Default, Deserialize, Serialize, PartialEq)]
#[x_kube(validation = Rule::new("has(self.names) || has(self.selector)").message("allowedNamespaces needs names or a selector; leave it out to allow all"))]
pub struct AllowedNamespaces {
    /// These namespaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub names: Option<Vec<String>>,

    /// Every namespace whose labels match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
}

/// Whether the account can be used.
#[derive(KubeSchema, Clone, Debug, Default, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AccountStatus {
    /// The generation of the spec that this status was written for; -1 until the operator has seen the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// When HeyGen last gave a readable answer with this account's key; written at most hourly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_poll_time: Option<Time>,

    /// The conditions: Ready, AuditLogWritable where the operator keeps an audit log, and NotificationsDelivered where there are sinks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".to_owned()]))]
    pub conditions: Vec<Condition>,
}
