//! `ClusterHeyGenAccount.spec.notifications`: where events are sent.
//!
//! Of the cluster's accounts only: in a namespace it would let a tenant choose where the operator sends things, from inside the cluster's
//! network.

use std::borrow::Cow;
use std::fmt;

use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use strum::VariantArray as _;

use super::SecretKeyRef;
use crate::api::event_type::EventType;

/// A sink: where the events of the account's consents are sent as signed webhooks.
#[derive(KubeSchema, Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.url) != has(self.urlSecretRef)").message("exactly one of url and urlSecretRef is needed"))]
pub struct NotificationSink {
    /// What the sink is called in conditions, metrics and logs. Another name is another sink, which starts with the next event.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,

    /// Where events are sent: an https URL without fragment and user info (http to loopback only, when the operator runs with `--allow-insecure-base-url`).
    /// Every user with the right to read the account can read it: a URL that is a secret itself, as of a chat, belongs into urlSecretRef.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(
        validation = Rule::new("isURL(self) && url(self).getScheme() in ['https', 'http'] && url(self).getHostname() != ''").message("url must be an https URL"),
        validation = Rule::new("!self.contains('#') && !self.matches('^[^/]*//[^/?]*@')").message("url must not contain a fragment or user info"),
    )]
    pub url: Option<SinkUrl>,

    /// The Secret that holds the URL, in the operator's own namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_secret_ref: Option<SecretKeyRef>,

    /// The Secret that holds what deliveries are signed with, in the operator's own namespace: `whsec_` and the base64 of 24 to 64 bytes, as <https://www.standardwebhooks.com> says.
    pub signing_secret_ref: SecretKeyRef,

    /// Which events are sent. Absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<EventName>>", length(min = 1))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub events: Option<Vec<String>>,

    /// Whether `requested` and `renewed` carry the link, with which any holder can answer as the person. Default false.
    /// Never the link of a consent with `linkSecretRef`, and never one that has expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_link: Option<bool>,
}

/// The word of an event type, as the schema has it. A word of a later version is no event, and stops no watch.
struct EventName;

impl JsonSchema for EventName {
    fn schema_name() -> Cow<'static, str> {
        "EventName".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words: Vec<_> = EventType::VARIANTS.iter().map(|event_type| event_type.word()).collect();
        json_schema!({ "type": "string", "enum": words })
    }
}

/// Where events are sent. It may hold a token, so it prints as `[redacted]`.
#[derive(JsonSchema, Clone, Deserialize, Serialize, PartialEq, Eq)]
#[serde(transparent)]
#[schemars(inline)]
pub struct SinkUrl(String);

impl SinkUrl {
    /// The URL in the clear.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SinkUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
