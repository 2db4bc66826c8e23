//! PURE. An account's rules: what counts as consent, how often to poll, how long a link lives.
//!
//! The spec's fields are all optional; the defaults live here, in code, so that a GitOps diff stays empty.

use std::time::Duration;

use crate::api::account::{ConsentPolicy, Polling};
use crate::api::duration;

/// What an account's spec says about the consents that use it, with the defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Which words mean what.
    pub policy: Policy,
    /// How often to poll.
    pub cadence: Cadence,
    /// How long a link is presumed to work.
    pub link_lifetime: Duration,
}

/// Which of HeyGen's words mean what. Words are kept in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    granted: Vec<String>,
    refused: Vec<String>,
    waived: Vec<String>,
    /// Whether a digital twin without any word counts as waived.
    pub absent_means_waived: bool,
    /// Whether the spec waives where it may not: in an account that every namespace may name.
    pub ignores_waivers: bool,
}

/// What a word means under a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The person has consented.
    Granted,
    /// No consent is needed by contract.
    Waived,
    /// The person has refused.
    Refused,
    /// The person is awaited.
    Pending,
    /// The person did not come in time.
    Expired,
    /// Null or absent.
    Absent,
    /// A word that the policy does not know: shown verbatim, never taken for consent nor against it.
    Unknown,
}

impl Meaning {
    /// Whether consent is given, or needs not be.
    #[must_use]
    pub(crate) const fn gives(self) -> bool {
        match self {
            Self::Granted | Self::Waived => true,
            Self::Refused | Self::Pending | Self::Expired | Self::Absent | Self::Unknown => false,
        }
    }

    /// Whether a word takes an approval back: only words that are known not to mean consent do.
    ///
    /// An unknown word never does (promise 3), nor does no word at all.
    #[must_use]
    pub const fn takes_back(self) -> bool {
        match self {
            Self::Refused | Self::Pending | Self::Expired => true,
            Self::Granted | Self::Waived | Self::Absent | Self::Unknown => false,
        }
    }
}

/// How often to poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cadence {
    /// While a person is awaited, at first.
    pub interval: Duration,
    /// The least that an object's own interval is lowered to.
    pub minimum: Duration,
    /// After approval.
    pub approved: Duration,
    /// While a person has to act.
    pub unknown: Duration,
    /// How long a consent may stay unverified before it no longer counts as Ready; never below `approved`.
    pub stale_after: Duration,
}

/// The most that `polling.approved` can be; an account stored before the API server knew this bound is cut to it.
const SLOWEST_APPROVED: Duration = Duration::from_secs(24 * 3600);

/// The most that `polling.staleAfter` can be.
const LONGEST_STALE_AFTER: Duration = Duration::from_secs(720 * 3600);

impl Default for Rules {
    fn default() -> Self {
        Self::new(None, None, None)
    }
}

impl Rules {
    /// Fills the defaults into what a spec says.
    #[must_use]
    pub fn new(policy: Option<&ConsentPolicy>, polling: Option<&Polling>, link_lifetime: Option<&str>) -> Self {
        Self { policy: Policy::new(policy), cadence: Cadence::new(polling), link_lifetime: seconds_or(link_lifetime, 24 * 3600) }
    }

    /// The rules of an account that every namespace may name: such an account waives nothing, or a user who may write a consent would
    /// choose that nobody is asked.
    /// The API server refuses an account that would; one that was stored before it did is still read.
    #[must_use]
    pub(crate) fn for_every_namespace(mut self) -> Self {
        let policy = &mut self.policy;
        policy.ignores_waivers = policy.absent_means_waived || !policy.waived.is_empty();
        policy.absent_means_waived = false;
        policy.waived.clear();
        self
    }
}

impl Policy {
    fn new(spec: Option<&ConsentPolicy>) -> Self {
        let words = |list: Option<&Vec<String>>, default: &[&str]| match list {
            Some(list) => list.iter().map(|word| word.to_lowercase()).collect(),
            None => default.iter().map(ToString::to_string).collect(),
        };
        Self {
            granted: words(spec.and_then(|spec| spec.granted.as_ref()), &["approved", "accepted"]),
            refused: words(spec.and_then(|spec| spec.refused.as_ref()), &["rejected", "declined", "denied", "revoked", "withdrawn"]),
            waived: words(spec.and_then(|spec| spec.waived.as_ref()), &[]),
            absent_means_waived: spec.and_then(|spec| spec.absent_means_waived).unwrap_or(false),
            ignores_waivers: false,
        }
    }

    /// What HeyGen's word means: refused beats waived beats granted.
    #[must_use]
    pub fn read(&self, word: Option<&str>) -> Meaning {
        let Some(word) = word.map(str::to_lowercase) else { return Meaning::Absent };
        if self.refused.contains(&word) {
            Meaning::Refused
        } else if self.waived.contains(&word) {
            Meaning::Waived
        } else if self.granted.contains(&word) {
            Meaning::Granted
        } else {
            match word.as_str() {
                "pending" => Meaning::Pending,
                "expired" => Meaning::Expired,
                _ => Meaning::Unknown,
            }
        }
    }
}

impl Cadence {
    fn new(spec: Option<&Polling>) -> Self {
        let field = |read: fn(&Polling) -> Option<&String>, default| seconds_or(spec.and_then(read).map(String::as_str), default);
        let minimum = field(|spec| spec.minimum.as_ref(), 10);
        let approved = field(|spec| spec.approved.as_ref(), 6 * 3600).min(SLOWEST_APPROVED);
        Self {
            interval: field(|spec| spec.interval.as_ref(), 60).max(minimum),
            minimum,
            approved,
            unknown: field(|spec| spec.unknown.as_ref(), 600),
            stale_after: field(|spec| spec.stale_after.as_ref(), 72 * 3600).clamp(approved, LONGEST_STALE_AFTER),
        }
    }
}

fn seconds_or(text: Option<&str>, default: u64) -> Duration {
    text.and_then(duration::parse).unwrap_or(Duration::from_secs(default))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_compared_whatever_their_case_and_unknown_ones_stay_unknown() {
        let policy = Rules::default().policy;
        assert_eq!(policy.read(Some("Approved")), Meaning::Granted);
        assert_eq!(policy.read(Some("ACCEPTED")), Meaning::Granted);
        for refused in ["Rejected", "declined", "DENIED", "revoked", "Withdrawn"] {
            assert_eq!(policy.read(Some(refused)), Meaning::Refused, "{refused}");
        }
        assert_eq!(policy.read(Some("Pending")), Meaning::Pending);
        assert_eq!(policy.read(None), Meaning::Absent);
        for unknown in ["validated", "granted", "completed", "skipped", "approved!", " approved", ""] {
            assert_eq!(policy.read(Some(unknown)), Meaning::Unknown, "{unknown:?}");
        }
    }

    #[test]
    fn refused_beats_waived_beats_granted() {
        let spec = ConsentPolicy {
            granted: Some(vec!["a".into(), "b".into(), "c".into()]),
            waived: Some(vec!["b".into(), "c".into()]),
            refused: Some(vec!["C".into()]),
            absent_means_waived: None,
        };
        let policy = Rules::new(Some(&spec), None, None).policy;
        assert_eq!(
            [policy.read(Some("a")), policy.read(Some("b")), policy.read(Some("c"))],
            [Meaning::Granted, Meaning::Waived, Meaning::Refused]
        );
    }

    #[test]
    fn what_every_namespace_may_name_waives_nothing_and_says_so() {
        let policy = |waived: Option<Vec<&str>>, absent_means_waived| {
            let waived = waived.map(|words| words.into_iter().map(Into::into).collect());
            let spec = ConsentPolicy { waived, absent_means_waived, granted: None, refused: None };
            Rules::new(Some(&spec), None, None).for_every_namespace().policy
        };
        for waives in [policy(Some(vec!["skipped"]), None), policy(None, Some(true)), policy(Some(vec!["skipped"]), Some(true))] {
            assert!(waives.ignores_waivers && !waives.absent_means_waived);
            assert_eq!([Some("skipped"), Some("approved")].map(|word| waives.read(word)), [Meaning::Unknown, Meaning::Granted]);
        }
        for plain in [policy(None, None), policy(Some(vec![]), Some(false))] {
            assert_eq!(plain, Rules::default().policy);
        }
    }

    #[test]
    fn a_consent_is_verified_daily_at_least_and_stale_within_a_month_whatever_an_account_says() {
        let cadence = |approved: Option<&str>, stale_after: Option<&str>| {
            let polling = Polling { approved: approved.map(Into::into), stale_after: stale_after.map(Into::into), ..Polling::default() };
            let cadence = Rules::new(None, Some(&polling), None).cadence;
            (cadence.approved.as_secs() / 3600, cadence.stale_after.as_secs() / 3600)
        };
        assert_eq!(cadence(None, None), (6, 72));
        assert_eq!(cadence(Some("12h"), Some("12h")), (12, 12));
        assert_eq!(cadence(None, Some("720h")), (6, 720));
        // What the API server refuses today can have been stored before it did.
        assert_eq!(cadence(Some("99999h99999h99999h99999h"), None), (24, 72));
        assert_eq!(cadence(None, Some("99999h99999h99999h99999h")), (6, 720));
        assert_eq!(cadence(Some("12h"), Some("1s")), (12, 12));
    }
}
