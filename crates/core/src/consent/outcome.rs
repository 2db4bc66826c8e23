//! What HeyGen answered, as values: the vocabulary between the client and the pure core.
//!
//! The client (`heygen`) makes every answer, also a lost or an unreadable one, into an [`Outcome`].
//! `apply` says what an outcome means for the status, `account` what it means for the account.
//! An answer is never an `Err`: errors are for trouble with Kubernetes.

mod fault;

use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::time::Duration;

use strum::{IntoStaticStr, VariantArray};

use crate::api::consent::{DigitalTwinConsentStatus, GroupStatus};
use crate::consent::link::Link;

pub use fault::{Check, Fault, Kind as FaultKind};

/// What came of one request to HeyGen.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The avatar group was read.
    Polled(Group),
    /// One page of the group's avatar looks was read.
    LooksRead(LooksPage),
    /// One page of the account's groups was read.
    Listed(GroupsPage),
    /// The consent endpoint accepted the request, or replayed its first answer.
    Initiated(Started),
    /// The credentials were accepted by the probe.
    Probed,
    /// Anything else.
    Trouble(Trouble),
}

/// An avatar group as HeyGen describes it; what it does not say is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Group {
    /// HeyGen's display name.
    pub name: Option<String>,
    /// The training state, fit to be shown: says nothing about consent.
    pub status: Option<String>,
    /// The number of avatar looks.
    pub looks_count: Option<i64>,
    /// When the group was created, in unix seconds.
    pub created_at: Option<i64>,
    /// HeyGen's word about consent, fit to be shown; `None` when null or absent.
    pub consent_status: Option<String>,
}

/// The kind of one avatar look (HeyGen's word `avatar_type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookType {
    /// `digital_twin`: depicts a person, whose consent is needed.
    DigitalTwin,
    /// `photo_avatar`: a photo or a prompt avatar, which needs no consent.
    PhotoAvatar,
    /// Any other word, also one that is documented but says nothing about consent.
    Other,
}

/// One page of a group's avatar looks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LooksPage {
    /// The types of the looks of this page.
    pub types: Vec<LookType>,
    /// The cursor of the next page; `None` on the last one.
    pub next: Option<String>,
}

/// One page of the account's own avatar groups, in HeyGen's order.
///
/// A group that is not in the pages read is not thereby missing: see [`unreadable`](Self::unreadable) and
/// [`cut_short`](Self::cut_short), and groups move between pages while they are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupsPage {
    /// The groups that could be read, each after its id, which is never empty, with the same fields as by a single read; at most what fits
    /// into a body of 1 MiB.
    pub groups: Vec<(String, Group)>,
    /// How many items of the page could not be read, and are in [`groups`](Self::groups) under no id.
    pub unreadable: usize,
    /// The cursor of the next page, opaque and at most 4 KiB long; `None` when this is the last page that can be read.
    pub next: Option<String>,
    /// HeyGen says that there is more and gives no way to it. The list ends here, incomplete.
    pub cut_short: bool,
}

/// A consent request that HeyGen accepted.
#[derive(Debug, Clone)]
pub struct Started {
    /// The link for the person; absent for a consent video.
    pub link: Option<Link>,
    /// The group as the answer shows it, if it does.
    pub group: Option<Group>,
    /// HeyGen's `X-Request-Id`, if it sent one.
    pub request_id: Option<String>,
}

/// An answer that is not the one asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What to do about it.
    pub class: Class,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// HeyGen's `code` when it is one of the documented ones, lower case; never free text.
    pub code: Option<&'static str>,
    /// The request field that HeyGen's `param` names, when it is one of those we send.
    pub param: Option<&'static str>,
    /// How long HeyGen asks us to stay away (`Retry-After`), at most an hour.
    pub retry_after: Option<Duration>,
    /// HeyGen's `X-Request-Id`, if it sent one.
    pub request_id: Option<String>,
    /// Why there was no answer, or not a whole one.
    pub fault: Option<Box<Fault>>,
}

/// What a trouble asks for, and of which actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Class {
    /// No answer: not reachable, connection lost, deadline passed.
    Unreachable,
    /// HeyGen failed (5xx, 408, 425) and may do better on the next try.
    Unavailable,
    /// The same key is being worked on (409), or HeyGen says that the state is in motion.
    Busy,
    /// The answer could not be read: not JSON, too large, wrong types, an `error` in a 200.
    Unreadable,
    /// Too many requests (429): wait for the account.
    Throttled,
    /// The quota of the account is used up (429 `quota_exceeded`): waiting a little will not help.
    QuotaExceeded,
    /// The key is wrong, missing or expired (401).
    CredentialsRejected,
    /// The account must pay or upgrade (402).
    BillingRequired,
    /// 403 `forbidden`: the key may lack the permission altogether; the probe tells.
    Forbidden,
    /// Any other 403: this object's group or feature is out of the key's reach.
    AccessDenied,
    /// 404: the group id is wrong, or the group was deleted.
    NotFound,
    /// The request is wrong as it stands (400, 413, other 4xx).
    Invalid,
    /// HeyGen could not fetch what the request points to (400 `download_failed`): it is wrong, unless that was only out of reach for a
    /// moment.
    Unfetchable,
    /// "security code already binded": consent was begun before, and no call gives the link of then; the group tells what came of it.
    AlreadyBound,
}

/// What a trouble concerns: what waits for its end, and what reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concern {
    /// The key, or the plan that it belongs to: nothing is asked with it until HeyGen accepts it again.
    Key,
    /// How much the account may ask, which says nothing about what was asked for: nothing is asked with the key for a while.
    Budget,
    /// HeyGen itself; after some in a row, nothing is asked with the key for a while.
    HeyGen,
    /// The one call, which may do better the next time.
    Call,
    /// What the key may do with what was asked for.
    Access,
    /// The group, which HeyGen does not know.
    Group,
    /// The request as it stands.
    Request,
}

impl Class {
    /// What it concerns.
    #[must_use]
    pub const fn concern(self) -> Concern {
        match self {
            Self::CredentialsRejected | Self::BillingRequired => Concern::Key,
            Self::Throttled | Self::QuotaExceeded => Concern::Budget,
            Self::Unreachable | Self::Unavailable => Concern::HeyGen,
            Self::Busy | Self::Unreadable => Concern::Call,
            Self::Forbidden | Self::AccessDenied => Concern::Access,
            Self::NotFound => Concern::Group,
            Self::Invalid | Self::Unfetchable | Self::AlreadyBound => Concern::Request,
        }
    }

    /// Whether an answer to any call makes the account ask at once whether HeyGen still accepts its key.
    #[must_use]
    pub const fn calls_for_a_probe(self) -> bool {
        match self.concern() {
            Concern::Key => true,
            // "Forbidden" says no more than that, and may concern the whole key.
            Concern::Access => matches!(self, Self::Forbidden),
            Concern::Budget | Concern::HeyGen | Concern::Call | Concern::Group | Concern::Request => false,
        }
    }

    /// Whether it concerns all that is asked with the account, and so nothing of what was asked for.
    #[must_use]
    pub const fn concerns_the_account(self) -> bool {
        match self.concern() {
            Concern::Key | Concern::Budget => true,
            Concern::HeyGen | Concern::Call | Concern::Access | Concern::Group | Concern::Request => false,
        }
    }
}

impl Trouble {
    /// A trouble of `class` with nothing else known.
    #[must_use]
    pub const fn of(class: Class) -> Self {
        Self { class, status: None, code: None, param: None, retry_after: None, request_id: None, fault: None }
    }

    /// How long what this concerns is left alone: as long as HeyGen asks for by `Retry-After`, and no less than `least`.
    ///
    /// That is the key, by its circuit breaker, for trouble of the account or of HeyGen; the probe of a key; and the object whose call
    /// has failed.
    #[must_use]
    pub fn pause(&self, least: Duration) -> Duration {
        self.retry_after.unwrap_or_default().max(least)
    }

    /// What an account says of it when it counts as trouble with reaching HeyGen: a sentence without its full stop.
    #[must_use]
    pub fn cause(&self) -> Option<String> {
        let fault = self.fault.as_ref().map(|fault| format!("HeyGen cannot be reached: {fault}"));
        fault.or_else(|| self.status.map(|status| format!("HeyGen answers with the status {status}")))
    }
}

/// What a poll shows of a group, in eight bytes: two polls that show the same have the same print.
///
/// Valid within one process only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Print(u64);

impl Print {
    /// The print of what HeyGen shows.
    #[must_use]
    pub fn of(group: &Group) -> Self {
        let mut hasher = DefaultHasher::new();
        group.hash(&mut hasher);
        Self(hasher.finish())
    }

    /// The print of what a status tells.
    #[must_use]
    pub fn of_status(reported: &DigitalTwinConsentStatus) -> Self {
        let GroupStatus { name, status, looks_count, created_at } = reported.group.clone().unwrap_or_default();
        let created_at = created_at.map(|time| time.0.as_second());
        Self::of(&Group { name, status, looks_count, created_at, consent_status: reported.consent_status.clone() })
    }
}
