//! What HeyGen's answers to polls mean: of the group, and of its looks.

use std::time::Duration;

use jiff::Timestamp;

use super::{Draft, Notice};
use crate::api::conditions::Situation;
use crate::consent::outcome::{Class, Concern, Group, LookType, LooksPage, Trouble};
use crate::consent::policy::Meaning;
use crate::consent::polling;
use crate::consent::request::Request;
use crate::consent::situation::{CONFIRM_MISSING, CONFIRM_UNRECOGNIZED, CONFIRM_WITHDRAWN};
use crate::consent::state::{Looks, Seen};
use crate::consent::status;
use crate::consent::step::is_forced;

/// How many pages of looks are read before the rest counts as unknown.
const MOST_LOOK_PAGES: u32 = 20;

impl Draft<'_> {
    pub(super) fn polled(&mut self, group: &Group) {
        self.memory.forget_trouble();
        self.note_poll();
        self.memory.missing_since = None;
        if is_forced(self.consent) {
            self.memory.attempt = None;
            if self.consent.spec.link_secret_ref.is_some() {
                self.memory.link_check = Some(self.now);
            }
        }
        // What was answered to another request than the one that is asked for now belongs to none.
        self.memory.answer.take_if(|answer| answer.request != Request::of(self.consent));
        self.memory.looks = None;
        self.memory.free_link_secret = None;
        self.memory.seen = Some(Box::new(Seen { at: self.now, group: Some(group.clone()) }));
        if !status::is_approved(&self.old) {
            (self.memory.withdrawn_since, self.memory.unrecognized_since) = (None, None);
            return;
        }
        let meaning = self.rules().policy.read(group.consent_status.as_deref());
        match meaning {
            Meaning::Granted | Meaning::Waived => (self.memory.withdrawn_since, self.memory.unrecognized_since) = (None, None),
            Meaning::Absent => self.notices.push(Notice::NullAfterGrant),
            Meaning::Unknown if status::is_unrecognized(&self.old, &self.rules().policy) => {}
            Meaning::Unknown => {
                // One poll is not enough to doubt an approval.
                let since = *self.memory.unrecognized_since.get_or_insert(self.now);
                self.confirm(since, CONFIRM_UNRECOGNIZED);
            }
            Meaning::Refused | Meaning::Pending | Meaning::Expired => {
                // One poll is not enough to take an approval back.
                self.memory.unrecognized_since = None;
                let since = *self.memory.withdrawn_since.get_or_insert(self.now);
                self.confirm(since, CONFIRM_WITHDRAWN);
            }
        }
    }

    /// Drops a poll that another one has to confirm, so long after the first that showed the same.
    fn confirm(&mut self, since: Timestamp, after: Duration) {
        if polling::since(since, self.now) < after {
            self.memory.seen = None;
            self.memory.retry_at = Some(polling::add(since, after));
        }
    }

    pub(super) fn looks_read(&mut self, page: &LooksPage) {
        self.memory.forget_trouble();
        let mut looks = self.memory.looks.take().unwrap_or_default();
        let Looks { types, next, pages } = looks.as_mut();
        *pages += 1;
        types.extend(&page.types);
        types.dedup();
        *next = page.next.clone();
        if *pages >= MOST_LOOK_PAGES && next.take().is_some() {
            types.push(LookType::Other);
        }
        self.memory.looks = Some(looks);
    }

    pub(super) fn poll_failed(&mut self, trouble: &Trouble) {
        let settled = !status::shown(&self.old).is_none_or(Situation::is_before_any_poll);
        self.report_refusal(trouble);
        match trouble.class.concern() {
            Concern::Group => self.group_not_found(),
            // A group id of which HeyGen can make nothing is the id of no group.
            Concern::Request if trouble.class == Class::Invalid && trouble.param == Some("group_id") => self.group_not_found(),
            // A 403 that says no more than "forbidden" may concern the whole key: the first one lets the account probe it, and when it comes
            // again the probe was accepted.
            Concern::Access if trouble.class == Class::Forbidden && self.memory.trouble != Some(Class::Forbidden) => {
                self.back_off(trouble, Duration::ZERO);
            }
            Concern::Access if !settled => self.not_entitled(trouble),
            Concern::Access => {
                // For the spec as it is; but nothing was read, so that nothing is verified by it.
                self.memory.generation = self.consent.metadata.generation.unwrap_or_default();
                self.back_off(trouble, self.rules().cadence.unknown);
            }
            Concern::Key | Concern::Budget | Concern::HeyGen | Concern::Call | Concern::Request => {
                // While HeyGen cannot even be polled, a request that was sent is as unanswered as before.
                self.tell_unanswered();
                self.back_off(trouble, Duration::ZERO);
            }
        }
    }

    fn group_not_found(&mut self) {
        self.memory.forget_trouble();
        self.note_poll();
        let since = *self.memory.missing_since.get_or_insert(self.now);
        if polling::since(since, self.now) >= CONFIRM_MISSING {
            self.memory.seen = Some(Box::new(Seen { at: self.now, group: None }));
        } else {
            self.memory.forget_seen();
            self.memory.trouble = Some(Class::NotFound);
            self.memory.retry_at = Some(polling::add(since, CONFIRM_MISSING));
        }
    }

    /// A refusal that stays is told once, whatever it leads to: the conditions of a settled object do not show it.
    fn report_refusal(&mut self, trouble: &Trouble) {
        let is_final = match trouble.class.concern() {
            Concern::Access | Concern::Request => true,
            Concern::Key | Concern::Budget | Concern::HeyGen | Concern::Call | Concern::Group => false,
        };
        let is_new = self.memory.trouble != Some(trouble.class) || self.memory.trouble_code != trouble.code;
        let is_said = self.memory.missing_since.is_some() || status::shown(&self.old) == Some(Situation::NotEntitled);
        if is_final && is_new && !is_said {
            self.notices.push(Notice::PollRefused(trouble.code));
        }
    }
}
