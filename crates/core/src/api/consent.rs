//! `DigitalTwinConsent`: the request for one person's consent.

#![expect(clippy::duplicated_attributes, reason = "kube takes one printcolumn for each column")]

mod status;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use status::{
    AlreadyBegun, Approval, AskedTerms, AuditMark, DigitalTwinConsentStatus, GroupStatus, HistoryEntry, Initiation, Revocation, Statement,
};

/// What to ask of which person, and what `Ready` means.
#[derive(CustomResource, KubeSchema, Clone, Debug, Deserialize, Serialize, PartialEq, Default)]
#[kube(
    group = "twinconsent.io",
    version = "v1alpha1",
    kind = "DigitalTwinConsent",
    plural = "digitaltwinconsents",
    shortname = "dtc",
    category = "twinconsent",
    namespaced,
    status = "DigitalTwinConsentStatus",
    selectable = ".spec.groupID",
    derive = "PartialEq",
    doc = "DigitalTwinConsent asks the person whom a HeyGen digital twin depicts for consent, once, and follows the answer. The link for the person appears in status.url (or in the Secret named by spec.linkSecretRef); the Ready condition is what a pipeline waits for. Deleting the object deletes nothing at HeyGen.",
    printcolumn(name = "Group", type_ = "string", json_path = ".spec.groupID", description = "The id of the avatar group at HeyGen."),
    printcolumn(
        name = "Consent",
        type_ = "string",
        json_path = ".status.consentStatus",
        description = "The consent status that HeyGen reports."
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#,
        description = "Whether the person has consented; with readyWhen Initiated, whether the person was asked."
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].reason"#,
        description = "The reason of the condition Ready."
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp", description = "How long the object has existed."),
    printcolumn(
        name = "Permitted",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Permitted")].status"#,
        priority = 1,
        description = "Whether the twin may be used."
    ),
    printcolumn(
        name = "Approved",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Approved")].status"#,
        priority = 1,
        description = "Whether HeyGen says that consent was given or waived."
    ),
    printcolumn(
        name = "LinkExpires",
        type_ = "string",
        json_path = ".status.linkExpirationTime",
        priority = 1,
        description = "When the link for the person is expected to stop working."
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.accountRef) == has(oldSelf.accountRef) && (!has(self.accountRef) || self.accountRef == oldSelf.accountRef)")
        .message("accountRef is immutable: create another object for another account").field_path(".accountRef").reason(Reason::FieldValueForbidden),
    // `format`, because `'…' + string(n)` costs too much: the API server takes the text of a number for a string without end.
    validation = Rule::new("self.?requestEpoch.orValue(0) >= oldSelf.?requestEpoch.orValue(0)")
        .message(Message::Expression("'requestEpoch may only grow; roll forward: use %d'.format([oldSelf.?requestEpoch.orValue(0) + 1])".into()))
        .field_path(".requestEpoch").reason(Reason::FieldValueForbidden),
    validation = Rule::new("self.?requestEpoch.orValue(0) > oldSelf.?requestEpoch.orValue(0) || ((has(self.rerouteURL) == has(oldSelf.rerouteURL) && (!has(self.rerouteURL) || self.rerouteURL == oldSelf.rerouteURL)) && (has(self.consentText) == has(oldSelf.consentText) && (!has(self.consentText) || self.consentText == oldSelf.consentText)) && (has(self.consentVideo) == has(oldSelf.consentVideo) && (!has(self.consentVideo) || self.consentVideo == oldSelf.consentVideo)) && (has(self.linkSecretRef) == has(oldSelf.linkSecretRef) && (!has(self.linkSecretRef) || self.linkSecretRef == oldSelf.linkSecretRef)) && (!has(oldSelf.purpose) || (has(self.purpose) && self.purpose == oldSelf.purpose)))")
        .message(Message::Expression("'rerouteURL, consentText, consentVideo, linkSecretRef and a purpose once declared may change only together with a higher requestEpoch: this is a new request, use %d'.format([oldSelf.?requestEpoch.orValue(0) + 1])".into()))
        .field_path(".requestEpoch").reason(Reason::FieldValueForbidden),
    validation = Rule::new("!has(self.consentVideo) || !(has(self.rerouteURL) || has(self.consentText))")
        .message("consentVideo is reviewed without a hosted page: it cannot be combined with rerouteURL or consentText").field_path(".consentVideo").reason(Reason::FieldValueForbidden),
    validation = Rule::new("!has(self.consentVideo) || !has(self.linkSecretRef)")
        .message("consentVideo gives no link: it cannot be combined with linkSecretRef").field_path(".consentVideo").reason(Reason::FieldValueForbidden),
    validation = Rule::new("!(has(oldSelf.subject) && has(oldSelf.subject.reference)) || (has(self.subject) && has(self.subject.reference) && self.subject.reference == oldSelf.subject.reference)")
        .message("subject.reference may be added once, then never changed nor removed").field_path(".subject.reference").reason(Reason::FieldValueForbidden),
    validation = Rule::new("!has(oldSelf.withdrawal) || (has(self.withdrawal) && self.withdrawal == oldSelf.withdrawal)")
        .message("withdrawal may be set once, then never changed nor removed").field_path(".withdrawal").reason(Reason::FieldValueForbidden),
    validation = Rule::new("!has(oldSelf.withdrawal) || self.?requestEpoch.orValue(0) == oldSelf.?requestEpoch.orValue(0)")
        .message("the person has withdrawn: nobody is asked again for this group, so requestEpoch stays").field_path(".requestEpoch").reason(Reason::FieldValueForbidden),
)]
pub struct DigitalTwinConsentSpec {
    /// The HeyGen avatar group whose person is asked: the id of the group, not of one of its looks.
    /// 1 to 128 letters, digits, `_` and `-`.
    /// Immutable.
    #[serde(rename = "groupID")]
    #[schemars(length(min = 1, max = 128), regex(pattern = "^[A-Za-z0-9_-]+$"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("groupID is immutable: create another object for another group").reason(Reason::FieldValueForbidden))]
    pub group_id: String,

    /// Where the person's browser lands after finishing: an https URL of at most 2048 printable ASCII characters, without user info (http is accepted for localhost, 127.0.0.1 and ::1).
    /// Absent: HeyGen's own end page.
    /// The redirect is no proof of consent.
    /// May change only together with a higher requestEpoch.
    #[serde(rename = "rerouteURL", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(
        validation = Rule::new("isURL(self) && url(self).getHostname() != '' && (url(self).getScheme() == 'https' || (url(self).getScheme() == 'http' && url(self).getHostname() in ['localhost', '127.0.0.1', '::1']))").message("rerouteURL must be an https URL (http only for localhost, 127.0.0.1 and ::1)"),
        validation = Rule::new("!self.matches('^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*@')").message("rerouteURL must not contain user info"),
        validation = Rule::new("self.matches('^[!-~]+$')").message("rerouteURL must be printable ASCII without spaces: percent-encode the rest"),
    )]
    pub reroute_url: Option<String>,

    /// Wording that replaces HeyGen's on the hosted page, 1 to 1000 characters, without `<` and `>`.
    /// An extra of chosen Enterprise accounts.
    /// May change only together with a higher requestEpoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1000), regex(pattern = "^[^<>]*$"))]
    pub consent_text: Option<String>,

    /// A recorded consent video instead of the hosted page; enterprise accounts only.
    /// HeyGen reviews it at once, and gives no link.
    /// Excludes rerouteURL, consentText and linkSecretRef.
    /// May change only together with a higher requestEpoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent_video: Option<ConsentVideo>,

    /// The account that asks. Absent: the ClusterHeyGenAccount named `default`. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_ref: Option<AccountRef>,

    /// When Ready becomes True: `Approved` (the default) once the person has consented, `Initiated` as soon as the person was asked, for pipelines that must not wait for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_when: Option<ReadyWhen>,

    /// How long the person may take, counted from the request, as in `72h`.
    /// After it the condition Overdue is True; it is never an error and never ends the polling.
    /// At least `1s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = r"^([0-9]{1,5}(\.[0-9]{1,3})?(ms|s|m|h)){1,4}$"))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1s')").message("approvalDeadline must be at least 1s"))]
    pub approval_deadline: Option<String>,

    /// How often at least to poll HeyGen while consent is pending, as in `5m`.
    /// At least `1s`; never more often than the account's `polling.minimum`.
    /// Absent: the account's `polling.interval`, and less often the longer the person has not answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = r"^([0-9]{1,5}(\.[0-9]{1,3})?(ms|s|m|h)){1,4}$"))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1s')").message("pollInterval must be at least 1s"))]
    pub poll_interval: Option<String>,

    /// What to do when a link has stopped working unused (about a day after it was issued): `Manual` (the default) shows LinkExpired and waits for a higher requestEpoch, `Automatic` asks HeyGen again, at most 14 times and never after approvalDeadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_renewal: Option<LinkRenewal>,

    /// Raise it to get a new link: every higher number is a new request.
    /// 0 to 2147483647, absent counts as 0. It may only grow: after a `git revert`, set the next higher number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub request_epoch: Option<i64>,

    /// True stops every new call to HeyGen for this object. An answer that is already under way is still recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,

    /// Put the link into this Secret, under the key `url`, and not into status.
    /// The Secret is created if there is none, and is owned by this object.
    /// One that is this object's already, or comes from a backup of it, is patched; any other is never touched.
    /// May change only together with a higher requestEpoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_secret_ref: Option<LinkSecretRef>,

    /// The person, as you know them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,

    /// What the twin is to be used for, as you declare it: 1 to 1000 characters, without control characters and marks of the writing direction.
    /// It is never sent to HeyGen, so the person does not read it there; it becomes part of the record.
    /// May be added where there was none; any other change only together with a higher requestEpoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 1000),
        regex(pattern = r"^[^\x00-\x1f\x7f-\x9f\x{2028}\x{2029}\x{202a}-\x{202e}\x{2066}-\x{2069}]*$")
    )]
    pub purpose: Option<String>,

    /// Until when the consent counts: a time in UTC between 2000 and 2199, as in `2027-01-31T00:00:00Z`.
    /// After it the twin may not be used and nobody is asked.
    /// It may be moved; each move is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20), regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"))]
    #[x_kube(validation = Rule::new("timestamp(self) >= timestamp('2000-01-01T00:00:00Z') && timestamp(self) < timestamp('2200-01-01T00:00:00Z')").message("validUntil must be a time in UTC between 2000 and 2199, as in 2027-01-31T00:00:00Z"))]
    pub valid_until: Option<String>,

    /// The person has withdrawn their consent, and not through HeyGen, which has no call for it.
    /// The twin may not be used any more, and nobody is asked again for this group.
    /// Once set it can neither be changed nor removed, and requestEpoch stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawal: Option<Withdrawal>,

    /// `Automatic` (the default) asks the person through HeyGen; `Never` only follows what HeyGen says, for groups about which others ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initiate: Option<Initiate>,
}

/// The person, as you know them.
#[derive(KubeSchema, Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
pub struct Subject {
    /// Your own, opaque id of the person, 1 to 253 printable ASCII characters without spaces: no name, no mail address.
    /// May be added once, then never changed nor removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = "^[!-~]+$"))]
    pub reference: Option<String>,
}

/// The withdrawal of a consent, as you have learned of it.
#[derive(KubeSchema, Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
pub struct Withdrawal {
    /// When the person withdrew: a time in UTC between 2000 and 2199, as in `2027-01-31T00:00:00Z`.
    #[schemars(length(max = 20), regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"))]
    #[x_kube(validation = Rule::new("timestamp(self) >= timestamp('2000-01-01T00:00:00Z') && timestamp(self) < timestamp('2200-01-01T00:00:00Z')").message("withdrawal.time must be a time in UTC between 2000 and 2199, as in 2027-01-31T00:00:00Z"))]
    pub time: String,

    /// Where that is on record, such as the number of a ticket: 1 to 253 printable ASCII characters without spaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = "^[!-~]+$"))]
    pub reference: Option<String>,
}

/// `Automatic` (the default) asks the person through HeyGen; `Never` only follows what HeyGen says, for groups about which others ask.
#[derive(JsonSchema, Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
pub enum Initiate {
    /// HeyGen is asked for the person's consent.
    #[default]
    Automatic,
    /// HeyGen is polled, and never asked.
    Never,
    /// A word of a later version: means what `Never` means, for nobody is asked without the author's will.
    #[serde(other)]
    #[schemars(skip)]
    Unrecognized,
}

/// A recorded consent video: exactly one of `url` and `assetID`.
#[derive(KubeSchema, Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[x_kube(validation = Rule::new("has(self.url) != has(self.assetID)").message("consentVideo needs exactly one of url and assetID"))]
pub struct ConsentVideo {
    /// A public https URL of the video, at most 2048 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = Rule::new("isURL(self) && url(self).getScheme() == 'https' && url(self).getHostname() != ''").message("consentVideo.url must be an https URL"))]
    pub url: Option<String>,

    /// The id of a video that was uploaded to HeyGen as an asset.
    #[serde(rename = "assetID", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), regex(pattern = "^[A-Za-z0-9_-]+$"))]
    pub asset_id: Option<String>,
}

/// Which account asks.
#[derive(KubeSchema, Clone, Debug, Deserialize, Serialize, PartialEq, Eq, Hash)]
pub struct AccountRef {
    /// `HeyGenAccount` (in the object's own namespace) or `ClusterHeyGenAccount`.
    pub kind: AccountKind,

    /// The account's name.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub name: String,
}

/// `HeyGenAccount` (in the object's own namespace) or `ClusterHeyGenAccount`.
#[derive(JsonSchema, Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AccountKind {
    /// A namespaced account.
    HeyGenAccount,
    /// An account for the whole cluster.
    ClusterHeyGenAccount,
    /// A word of a later version: decoded, so that one object cannot stop the watch, and never resolved.
    #[serde(other)]
    #[schemars(skip)]
    Unrecognized,
}

/// When Ready becomes True: `Approved` (the default) once the person has consented, `Initiated` as soon as the person was asked, for pipelines that must not wait for a person.
#[derive(JsonSchema, Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
pub enum ReadyWhen {
    /// The person has consented.
    #[default]
    Approved,
    /// The person was asked.
    Initiated,
    /// A word of a later version: means what `Approved` means.
    #[serde(other)]
    #[schemars(skip)]
    Unrecognized,
}

/// What to do when a link has stopped working unused (about a day after it was issued): `Manual` (the default) shows LinkExpired and waits for a higher requestEpoch, `Automatic` asks HeyGen again, at most 14 times and never after approvalDeadline.
#[derive(JsonSchema, Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
pub enum LinkRenewal {
    /// It is shown; the user raises `requestEpoch`.
    #[default]
    Manual,
    /// HeyGen is asked again.
    Automatic,
    /// A word of a later version: means what `Manual` means.
    #[serde(other)]
    #[schemars(skip)]
    Unrecognized,
}

/// The Secret that takes the link.
#[derive(KubeSchema, Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
pub struct LinkSecretRef {
    /// The name of the Secret, in the object's own namespace.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub name: String,
}
