//! PURE. What this process remembers of one object between two reconciles.
//!
//! Everything that must survive a restart stands in the status; what is here may be lost at any time and costs at most a few
//! requests more. That is why it is never written down: an idle object costs no write.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::api::REQUESTED_AT;
use crate::api::consent::DigitalTwinConsent;
use crate::consent::landing::Landed;
use crate::consent::link::Link;
use crate::consent::outcome::{Class, Group, LookType, Outcome};
use crate::consent::polling;
use crate::consent::request::Request;
use crate::consent::terms::Terms;

/// What this process remembers of one object.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    /// The generation of the spec that `polled_at` served; a poll made for another one does not count.
    pub generation: i64,
    /// When HeyGen was last asked about the group with success.
    pub polled_at: Option<Timestamp>,
    /// What that poll found, as long as something is still to be done or told about it.
    pub seen: Option<Box<Seen>>,
    /// The group's looks, as far as they were read for what was `seen`.
    pub looks: Option<Box<Looks>>,
    /// Not before this time, because of trouble or to confirm what was seen.
    pub retry_at: Option<Timestamp>,
    /// Troubles in a row, since something was last told or recorded.
    pub failures: u32,
    /// The last trouble, while it lasts.
    pub trouble: Option<Class>,
    /// The code that HeyGen gave with it, if it is one of the documented ones, or what kept its answer away, in a word.
    pub trouble_code: Option<&'static str>,
    /// Since when HeyGen answers 404 for the group.
    pub missing_since: Option<Timestamp>,
    /// Since when HeyGen's word takes an approval back.
    pub withdrawn_since: Option<Timestamp>,
    /// Since when HeyGen says words after an approval that the policy does not know.
    pub unrecognized_since: Option<Timestamp>,
    /// What is remembered of the last request that was sent; a request with another key owes nothing to it.
    pub attempt: Option<Box<Attempt>>,
    /// What HeyGen answered to a consent request, until that is recorded.
    pub answer: Option<Box<Answer>>,
    /// A status that could not be written.
    pub unwritten: Option<Box<Unwritten>>,
    /// The link Secret that was found to be ours to write, for what was `seen`.
    pub free_link_secret: Option<String>,
    /// When to see again whether the link still stands in its Secret.
    pub link_check: Option<Timestamp>,
    /// Whether the link was found gone from its Secret.
    pub link_gone: bool,
    /// HeyGen is to be asked about the group at this time, whatever the interval: what the cluster says of it may be from a backup.
    pub reread_at: Option<Timestamp>,
    /// The landing of the person that polls are made for.
    pub landed: Option<Landed>,
    /// How many histories of the cluster there were before the one in which this is remembered.
    pub history: u32,
}

/// What a poll found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// When.
    pub at: Timestamp,
    /// The group; `None` when HeyGen answered 404.
    pub group: Option<Group>,
}

/// The looks of a group, page by page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looks {
    /// Their types, as far as they were read; of several that follow one another, one stands for all.
    pub types: Vec<LookType>,
    /// The cursor of the next page; `None`: all were read.
    pub next: Option<String>,
    /// How many pages were read.
    pub pages: u32,
}

/// A consent request that was sent and has not brought anything new.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attempt {
    /// The key it was sent with.
    pub idempotency_key: String,
    /// Not again before this time: it was refused, or answered with the same link.
    pub not_before: Option<Timestamp>,
    /// Since when it is without a definite answer.
    pub unanswered_since: Option<Timestamp>,
    /// Whether that was told.
    pub unanswered_said: bool,
    /// A refusal that is not believed at its first coming, and how often in a row the request was answered with it.
    pub refused: Option<(Class, u32)>,
}

/// What HeyGen answered to a consent request.
///
/// It is remembered before anything is written, so that no write that fails ever makes the request be sent again.
#[derive(Debug, Clone)]
pub struct Answer {
    /// When it came.
    pub at: Timestamp,
    /// What it answers.
    pub request: Request,
    /// The terms of that.
    pub terms: Terms,
    /// What it says.
    pub outcome: Outcome,
    /// Whether its link stands in the link Secret; `Some(true)`: another one, or none, stood there before.
    pub in_secret: Option<bool>,
}

impl Answer {
    /// The link, if HeyGen gave one.
    #[must_use]
    pub fn link(&self) -> Option<&Link> {
        match &self.outcome {
            Outcome::Initiated(started) => started.link.as_ref(),
            Outcome::Polled(_) | Outcome::LooksRead(_) | Outcome::Listed(_) | Outcome::Probed | Outcome::Trouble(_) => None,
        }
    }

    /// Whether its link has yet to reach the link Secret.
    #[must_use]
    pub(crate) fn wants_secret(&self, consent: &DigitalTwinConsent) -> bool {
        consent.spec.link_secret_ref.is_some() && self.link().is_some() && self.in_secret.is_none()
    }
}

/// A status that could not be written, and when that is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unwritten {
    /// How often in a row it failed.
    pub failures: u32,
    /// Not again before this time, as long as the object asks the same.
    pub not_before: Timestamp,
    generation: Option<i64>,
    requested_at: Option<String>,
    /// When it was told last.
    said_at: Option<Timestamp>,
    /// Whether this failure is to be told.
    is_new: bool,
}

/// The longest pause after statuses in a row that could not be written.
pub const LONGEST_UNWRITTEN: Duration = Duration::from_secs(3600);

/// The longest pause when the trouble is not the object's own and few objects are in it.
const LONGEST_IN_COMMON: Duration = Duration::from_secs(30);

/// The share of the pause of each object in a trouble that all of them have: together they make about so many tries a second.
const SHARE_IN_COMMON: Duration = Duration::from_millis(50);

/// The failure at which it is told that the status of an object cannot be written: a quarter of a minute after the first.
const SAID_AFTER: u32 = 5;

/// After how long it is told again: the shortest of the longest pauses.
const SAID_AGAIN_AFTER: Duration = Duration::from_secs(2700);

/// The longest pause between two tries to write a status when the trouble is not the object's own, and so many objects wait for its end.
///
/// Nothing says that it has ended but a try that succeeds. Many objects try seldom and few try often, so that the API server is tried
/// about as often either way, and none waits for long when it is well again.
#[must_use]
pub fn longest_in_common(waiting: usize) -> Duration {
    SHARE_IN_COMMON.saturating_mul(u32::try_from(waiting).unwrap_or(u32::MAX)).clamp(LONGEST_IN_COMMON, LONGEST_UNWRITTEN)
}

impl Unwritten {
    /// One failure more than `before`, to write a status for `consent`. The pause doubles from 1 s to `longest`.
    #[must_use]
    pub fn after(before: Option<&Self>, consent: &DigitalTwinConsent, longest: Duration, now: Timestamp) -> Self {
        let metadata = &consent.metadata;
        // A failure of long ago says nothing about this one.
        let in_a_row = before.filter(|before| now < polling::add(before.not_before, LONGEST_UNWRITTEN));
        let failures = in_a_row.map_or(0, |before| before.failures).saturating_add(1);
        let doubled = Duration::from_secs(1).saturating_mul(1 << (failures - 1).min(16));
        let share = polling::share(metadata.uid.as_deref().unwrap_or_default(), failures);
        let pause = doubled.min(longest).mul_f64(1.0 - share / 4.0);
        let said_at = in_a_row.and_then(|before| before.said_at);
        let is_new = failures >= SAID_AFTER && said_at.is_none_or(|said_at| now >= polling::add(said_at, SAID_AGAIN_AFTER));
        Self {
            failures,
            not_before: polling::add(now, pause),
            generation: metadata.generation,
            requested_at: requested_at(consent).cloned(),
            said_at: if is_new { Some(now) } else { said_at },
            is_new,
        }
    }

    /// Whether nothing is to be tried for `consent` yet: it still asks what it asked then, and it is too early.
    #[must_use]
    pub(crate) fn holds(&self, consent: &DigitalTwinConsent, now: Timestamp) -> bool {
        self.not_before > now && self.generation == consent.metadata.generation && self.requested_at.as_ref() == requested_at(consent)
    }

    /// Whether this failure is to be reported: not a short trouble, and a long one about once an hour.
    #[must_use]
    pub fn is_worth_telling(&self) -> bool {
        self.is_new
    }
}

fn requested_at(consent: &DigitalTwinConsent) -> Option<&String> {
    consent.metadata.annotations.as_ref()?.get(REQUESTED_AT)
}

impl Memory {
    /// The same by another clock that is ahead by so much.
    #[must_use]
    pub fn shifted(mut self, by: SignedDuration) -> Self {
        if by.is_zero() {
            return self;
        }
        // Every field is named, so that a time which is added is not forgotten here.
        let Self {
            generation: _,
            polled_at,
            seen,
            looks: _,
            retry_at,
            failures: _,
            trouble: _,
            trouble_code: _,
            missing_since,
            withdrawn_since,
            unrecognized_since,
            attempt,
            answer,
            unwritten,
            free_link_secret: _,
            link_check,
            link_gone: _,
            reread_at,
            landed,
            history: _,
        } = &mut self;
        let mut times: Vec<&mut Timestamp> =
            [polled_at, retry_at, missing_since, withdrawn_since, unrecognized_since, link_check, reread_at]
                .into_iter()
                .filter_map(Option::as_mut)
                .collect();
        times.extend(landed.as_mut().map(|landed| {
            let Landed { time: _, since, is_settled: _ } = landed;
            since
        }));
        times.extend(seen.as_mut().map(|seen| {
            let Seen { at, group: _ } = &mut **seen;
            at
        }));
        times.extend(attempt.as_mut().into_iter().flat_map(|attempt| {
            let Attempt { idempotency_key: _, not_before, unanswered_since, unanswered_said: _, refused: _ } = &mut **attempt;
            [not_before, unanswered_since].into_iter().filter_map(Option::as_mut)
        }));
        times.extend(answer.as_mut().map(|answer| {
            let Answer { at, request: _, terms: _, outcome: _, in_secret: _ } = &mut **answer;
            at
        }));
        times.extend(unwritten.as_mut().into_iter().flat_map(|unwritten| {
            let Unwritten { failures: _, not_before, generation: _, requested_at: _, said_at, is_new: _ } = &mut **unwritten;
            [Some(not_before), said_at.as_mut()].into_iter().flatten()
        }));
        times.into_iter().for_each(|time| *time = polling::shifted(*time, by));
        self
    }

    /// Whether nothing is under way: no poll to act on, no trouble to wait out, no suspicion to confirm, no link in hand.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let Self {
            seen, looks, retry_at, trouble, missing_since, withdrawn_since, unrecognized_since, answer, link_gone, reread_at, ..
        } = self;
        seen.is_none()
            && looks.is_none()
            && retry_at.is_none()
            && trouble.is_none()
            && missing_since.is_none()
            && withdrawn_since.is_none()
            && unrecognized_since.is_none()
            && answer.is_none()
            && !link_gone
            && reread_at.is_none()
    }

    /// Whether the time of the last poll is all there is.
    #[must_use]
    pub fn is_only_a_time(&self) -> bool {
        self.is_quiet()
            && self.attempt.is_none()
            && self.unwritten.is_none()
            && self.failures == 0
            && self.free_link_secret.is_none()
            && self.link_check.is_none()
            && self.landed.is_none()
    }

    /// Whether HeyGen may have executed a request of which nothing was recorded yet.
    #[must_use]
    pub fn may_have_asked(&self) -> bool {
        self.answer.is_some() || self.attempt.as_ref().is_some_and(|attempt| attempt.unanswered_since.is_some())
    }

    /// What still holds when the cluster has become another, such as one that was restored from a backup.
    ///
    /// What HeyGen answered is still to be recorded, and a request that was sent was sent. Everything else was found in objects that may
    /// never have been: HeyGen is asked again, at `reread_at`.
    #[must_use]
    pub fn in_another_history(self, reread_at: Timestamp) -> Self {
        let Self { attempt, answer, history, .. } = self;
        Self { attempt, answer, history: history.wrapping_add(1), reread_at: Some(reread_at), ..Self::default() }
    }

    /// Forgets what belongs to the last poll, after it was acted on.
    pub(crate) fn forget_seen(&mut self) {
        self.seen = None;
        self.looks = None;
        self.free_link_secret = None;
    }

    /// Forgets trouble, after something went well.
    ///
    /// The count of failures stays until something was told or recorded: a poll that succeeds before each request that fails
    /// must not keep the backoff short.
    pub(crate) fn forget_trouble(&mut self) {
        self.retry_at = None;
        self.trouble = None;
        self.trouble_code = None;
    }

    /// The time before which the request with this key is not to be sent, if it is still to come.
    #[must_use]
    pub(crate) fn request_waits_until(&self, idempotency_key: &str, now: Timestamp) -> Option<Timestamp> {
        let attempt = self.attempt.as_ref().filter(|attempt| attempt.idempotency_key == idempotency_key)?;
        attempt.not_before.filter(|&not_before| not_before > now)
    }

    /// What is remembered of the request with this key; what belonged to another one is forgotten.
    pub fn attempt_of(&mut self, idempotency_key: &str) -> &mut Attempt {
        let attempt = self.attempt.get_or_insert_default();
        if attempt.idempotency_key != idempotency_key {
            **attempt = Attempt { idempotency_key: idempotency_key.to_owned(), ..Attempt::default() };
        }
        attempt
    }
}
