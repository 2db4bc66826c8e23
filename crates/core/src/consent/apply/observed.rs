//! What HeyGen's answers, and those of the link Secret, mean.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{Draft, Notice, SecretOutcome, refusal_message};
use crate::api::conditions::Situation;
use crate::api::consent::{AlreadyBegun, Initiation};
use crate::consent::link::Link;
use crate::consent::outcome::{Class, Concern, Group, LookType, LooksPage, Outcome, Started, Trouble};
use crate::consent::policy::Meaning;
use crate::consent::polling;
use crate::consent::polling::whole;
use crate::consent::report;
use crate::consent::request::Request;
use crate::consent::situation::{CONFIRM_MISSING, CONFIRM_UNRECOGNIZED, CONFIRM_WITHDRAWN};
use crate::consent::state::{Answer, Attempt, Looks, Seen};
use crate::consent::status;
use crate::consent::step::verdict::LINK_CHECK;
use crate::consent::step::{Call, is_forced, waits};

/// How many pages of looks are read before the rest counts as unknown.
const MOST_LOOK_PAGES: u32 = 20;

/// How long a request may go without a definite answer before that is reported.
const UNANSWERED: Duration = Duration::from_secs(600);

/// How long after a renewal that brought the same link the next one is tried.
const RENEW_AGAIN: Duration = Duration::from_secs(3600);

/// The failure at which a link Secret that cannot be reached is told: some seconds after the first.
const SAID_UNREACHABLE_AFTER: u32 = 3;

/// How often in a row an answer to a request must come before it is believed; until then the request is repeated with growing pauses.
const fn hearings(class: Class) -> u32 {
    match class {
        // The first lets the account ask whether it concerns the whole key; when it comes again, it did not.
        Class::Forbidden => 2,
        // "Try a few times" (HeyGen API notes, section 8): five tries are about a quarter of a minute.
        Class::Unfetchable => 5,
        Class::Unreachable | Class::Unavailable | Class::Busy | Class::Unreadable | Class::Throttled | Class::QuotaExceeded => 1,
        Class::CredentialsRejected | Class::BillingRequired | Class::AccessDenied => 1,
        Class::NotFound | Class::Invalid | Class::AlreadyBound => 1,
    }
}

impl Draft<'_> {
    pub(super) fn answered(&mut self, call: &Call, outcome: &Outcome) {
        match (call, outcome) {
            (Call::Poll, Outcome::Polled(group)) => self.polled(group),
            (Call::ReadLooks(_), Outcome::LooksRead(page)) => self.looks_read(page),
            (Call::Initiate(request), Outcome::Initiated(_) | Outcome::Trouble(_)) => {
                let answer = Answer { at: self.now, request: request.clone(), outcome: outcome.clone(), in_secret: None };
                self.memory.forget_trouble();
                self.memory.answer = Some(Box::new(answer));
            }
            (_, Outcome::Trouble(trouble)) => self.poll_failed(trouble),
            // An outcome of another call: the client never gives one.
            _ => self.poll_failed(&Trouble::of(Class::Unreadable)),
        }
        // Echoed whatever came of the poll: one that fails is repeated by its backoff, not by the annotation.
        // An object of which nothing was told yet gets its echo together with its conditions.
        if matches!(call, Call::Poll) && status::shown(&self.old).is_some() {
            self.echo_request();
        }
    }

    fn polled(&mut self, group: &Group) {
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
        let meaning = self.terms().policy.read(group.consent_status.as_deref());
        match meaning {
            Meaning::Granted | Meaning::Waived => (self.memory.withdrawn_since, self.memory.unrecognized_since) = (None, None),
            Meaning::Absent => self.notices.push(Notice::NullAfterGrant),
            Meaning::Unknown if status::is_unrecognized(&self.old, &self.terms().policy) => {}
            Meaning::Unknown => {
                let since = *self.memory.unrecognized_since.get_or_insert(self.now);
                if polling::since(since, self.now) < CONFIRM_UNRECOGNIZED {
                    // One poll is not enough to doubt an approval.
                    self.memory.seen = None;
                    self.memory.retry_at = Some(polling::add(since, CONFIRM_UNRECOGNIZED));
                }
            }
            Meaning::Refused | Meaning::Pending | Meaning::Expired => {
                self.memory.unrecognized_since = None;
                let since = *self.memory.withdrawn_since.get_or_insert(self.now);
                if polling::since(since, self.now) < CONFIRM_WITHDRAWN {
                    // One poll is not enough to take an approval back.
                    self.memory.seen = None;
                    self.memory.retry_at = Some(polling::add(since, CONFIRM_WITHDRAWN));
                }
            }
        }
    }

    fn looks_read(&mut self, page: &LooksPage) {
        self.memory.forget_trouble();
        let mut looks = self.memory.looks.take().unwrap_or_default();
        let Looks { types, pages } = looks.as_mut();
        *pages += 1;
        types.types.extend(&page.types);
        types.types.dedup();
        types.next = page.next.clone();
        if *pages >= MOST_LOOK_PAGES && types.next.take().is_some() {
            types.types.push(LookType::Other);
        }
        self.memory.looks = Some(looks);
    }

    fn poll_failed(&mut self, trouble: &Trouble) {
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
                self.back_off(trouble, self.terms().cadence.unknown);
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

    fn request_failed(&mut self, request: &Request, trouble: &Trouble) {
        let asked_before = status::is_initiated(&self.old, request);
        match trouble.class {
            // A renewal that is refused changes nothing: the link stays dead, as told, and the request is not wrong.
            Class::Invalid | Class::Unfetchable | Class::AccessDenied if asked_before => {
                self.hold_request(request, RENEW_AGAIN);
                self.memory.forget_seen();
            }
            class if !self.is_believed(request, class) => self.back_off(trouble, Duration::ZERO),
            Class::Invalid | Class::Unfetchable => {
                self.hold_request(request, self.slowly());
                self.take_seen();
                let message = match (trouble.param, trouble.code) {
                    (Some(param), _) => {
                        format!(
                            "HeyGen refuses the request because of `{param}`. Correct the spec and raise spec.requestEpoch in the same change."
                        )
                    }
                    (None, Some(code)) => {
                        format!(
                            "HeyGen refuses the request with the code `{code}`. Correct the spec and raise spec.requestEpoch in the same change."
                        )
                    }
                    (None, None) => Situation::InvalidRequest.row().message.to_owned(),
                };
                self.render(Situation::InvalidRequest, Some(&message));
            }
            Class::AccessDenied | Class::Forbidden => self.not_entitled(trouble),
            Class::NotFound => self.poll_failed(trouble),
            Class::AlreadyBound => self.already_begun(request, trouble, asked_before),
            Class::CredentialsRejected | Class::BillingRequired => self.back_off(trouble, Duration::ZERO),
            Class::Unreachable | Class::Unavailable | Class::Busy | Class::Unreadable | Class::Throttled | Class::QuotaExceeded => {
                self.unanswered(request);
                self.back_off(trouble, Duration::ZERO);
            }
        }
    }

    /// HeyGen says that consent was begun before: it has no call that gives the link of before, so the request is not sent again.
    ///
    /// The group is polled on, for consent may still be given: by a link that the person has, or in HeyGen's own interface.
    fn already_begun(&mut self, request: &Request, trouble: &Trouble, asked_before: bool) {
        let lives = self.old.link_expiration_time.as_ref().is_some_and(|expiry| self.now < expiry.0);
        if asked_before && lives && !self.memory.link_gone {
            // By whatever way it was sent once more: the person waits with the link of this very request.
            self.hold_request(request, RENEW_AGAIN);
            self.memory.forget_seen();
            return;
        }
        self.memory.forget_trouble();
        self.memory.attempt = None;
        if std::mem::take(&mut self.memory.link_gone) {
            // It stands nowhere any more.
            self.status.link_expiration_time = None;
        }
        self.status.already_begun = Some(AlreadyBegun {
            epoch: request.epoch,
            idempotency_key: request.idempotency_key.clone(),
            request_id: trouble.request_id.clone(),
        });
        // An approval that was told while the request was under way is newer than the poll before the request.
        let approved = status::shown(&self.old).filter(|_| status::is_approved(&self.old));
        if approved.is_none() {
            self.take_seen();
        }
        self.memory.forget_seen();
        self.render(approved.unwrap_or(Situation::AlreadyBegun), None);
    }

    /// Whether this answer to the request has now come as often in a row as it takes to be believed.
    fn is_believed(&mut self, request: &Request, class: Class) -> bool {
        let needed = hearings(class);
        if needed == 1 {
            return true;
        }
        let refused = &mut self.memory.attempt_of(&request.idempotency_key).refused;
        let heard = refused.filter(|(before, _)| *before == class).map_or(1, |(_, times)| times.saturating_add(1));
        *refused = Some((class, heard));
        heard >= needed
    }

    /// The object's group or feature is out of the key's reach; told unless consent was settled before.
    fn not_entitled(&mut self, trouble: &Trouble) {
        self.hold_request(&Request::of(self.consent), self.slowly());
        self.take_seen();
        self.note_poll();
        let message = trouble.code.map(|code| format!("HeyGen answers with the code `{code}`. {}", Situation::NotEntitled.row().message));
        self.render(Situation::NotEntitled, message.as_deref());
    }

    /// How long to wait until something is mended; a little less than the time between two polls, so that a poll finds it over.
    fn slowly(&self) -> Duration {
        self.terms().cadence.unknown.mul_f64(0.9)
    }

    /// Keeps a request that HeyGen refused from being repeated at every poll.
    ///
    /// The key stays the same (an error answer never changes it), so the repetition heals by itself what was mended at HeyGen.
    fn hold_request(&mut self, request: &Request, pause: Duration) {
        self.memory.forget_trouble();
        let attempt = self.memory.attempt_of(&request.idempotency_key);
        *attempt = Attempt {
            idempotency_key: request.idempotency_key.clone(),
            not_before: Some(polling::add(self.now, pause)),
            // What was believed once is believed when the request is repeated.
            refused: attempt.refused,
            ..Attempt::default()
        };
    }

    fn back_off(&mut self, trouble: &Trouble, least: Duration) {
        self.memory.failures = self.memory.failures.saturating_add(1);
        self.memory.trouble = Some(trouble.class);
        // Hosts stand in the account's status: a reader of the object need not know the way to HeyGen.
        self.memory.trouble_code = trouble.code.or(trouble.fault.as_ref().map(|fault| fault.kind.word()));
        self.memory.forget_seen();
        let pause = polling::backoff(self.memory.failures, self.uid()).max(least).max(trouble.retry_after.unwrap_or_default());
        self.memory.retry_at = Some(polling::add(self.now, pause));
    }

    fn unanswered(&mut self, request: &Request) {
        let now = self.now;
        self.memory.attempt_of(&request.idempotency_key).unanswered_since.get_or_insert(now);
        self.tell_unanswered();
    }

    fn tell_unanswered(&mut self) {
        let key = Request::of(self.consent).idempotency_key;
        let Some(attempt) = self.memory.attempt.as_mut().filter(|attempt| attempt.idempotency_key == key) else { return };
        let Some(since) = attempt.unanswered_since else { return };
        if polling::since(since, self.now) >= UNANSWERED && !attempt.unanswered_said {
            attempt.unanswered_said = true;
            self.notices.push(Notice::Unanswered);
            self.notices.push(Notice::Event(report::REQUEST_UNANSWERED));
        }
    }

    /// Tells what HeyGen answered to the consent request.
    pub(super) fn said_answer(&mut self) {
        let Some(answer) = self.memory.answer.take() else { return };
        self.now = answer.at;
        match &answer.outcome {
            Outcome::Initiated(started) => {
                let in_status = || started.link.as_ref().map(Link::expose) == self.old.url.as_deref();
                let same_link = answer.in_secret.map_or_else(in_status, |changed| !changed);
                self.record(&answer.request, started, same_link);
            }
            Outcome::Trouble(trouble) => self.request_failed(&answer.request, trouble),
            // The client never answers a request with anything else.
            Outcome::Polled(_) | Outcome::LooksRead(_) | Outcome::Listed(_) | Outcome::Probed => {}
        }
    }

    pub(super) fn secret(&mut self, input: SecretOutcome) {
        match input {
            SecretOutcome::Free(name) => self.memory.free_link_secret = Some(name),
            SecretOutcome::Written { changed } => {
                self.memory.forget_trouble();
                if let Some(answer) = &mut self.memory.answer {
                    answer.in_secret = Some(changed);
                }
            }
            SecretOutcome::Conflict => {
                // The owner of the Secret gets no link; ours is replayed by the same key once the name is free.
                self.memory.answer = None;
                self.memory.forget_trouble();
                self.take_seen();
                self.render(Situation::LinkSecretConflict, None);
            }
            SecretOutcome::Refused(refusal) => {
                let failures = self.memory.failures.saturating_add(1);
                self.take_seen();
                if self.memory.answer.is_some() {
                    // The link is in hand and costs HeyGen nothing; without it, the polls go on at their pace and see whether it is mended.
                    self.memory.failures = failures;
                    self.memory.retry_at = Some(polling::add(self.now, polling::backoff(failures.max(4), self.uid())));
                }
                self.render(Situation::LinkSecretNotWritable, Some(refusal_message(refusal)));
            }
            SecretOutcome::Unreachable => {
                let failures = self.memory.failures.saturating_add(1);
                self.memory.forget_seen();
                self.memory.failures = failures;
                self.memory.retry_at = Some(polling::add(self.now, polling::backoff(failures, self.uid())));
                // Nothing is broken for certain: it is told where nothing of HeyGen's is, and there once it lasts.
                let reported = status::shown(&self.old);
                if failures >= SAID_UNREACHABLE_AFTER && reported.is_none_or(Situation::is_before_any_poll) {
                    self.render(Situation::Initiating, Some(waits::FOR_LINK_SECRET));
                }
            }
            SecretOutcome::Kept => self.memory.link_check = Some(polling::add(self.now, LINK_CHECK)),
            SecretOutcome::Gone => {
                self.memory.link_check = Some(polling::add(self.now, LINK_CHECK));
                self.memory.link_gone = true;
            }
        }
    }

    /// Records an accepted request: its link, its times, and that the person is awaited.
    fn record(&mut self, request: &Request, started: &Started, same_link: bool) {
        let renewal = status::is_initiated(&self.old, request);
        if self.consent.spec.link_secret_ref.is_some() {
            self.memory.link_check = Some(polling::add(self.now, LINK_CHECK));
        }
        let lives = self.old.link_expiration_time.as_ref().is_some_and(|expiry| self.now < expiry.0);
        if std::mem::take(&mut self.memory.link_gone) && renewal && lives {
            // The link of before stands in its Secret again. Its times are those that were told.
            self.memory.forget_seen();
            self.memory.attempt = None;
            self.echo_request();
            self.notices.push(Notice::Event(report::LINK_RESTORED));
            return;
        }
        if renewal && same_link {
            // Either HeyGen still replays its first answer to a renewal, and the link stays dead; or another replica has recorded this
            // very answer before us. Nothing is new, and a poll from before must not overwrite what was told since.
            self.memory.forget_seen();
            self.hold_request(request, RENEW_AGAIN);
            return;
        }
        // An approval that was told while the request was under way is newer than the poll before the request.
        let approved = status::shown(&self.old).filter(|_| status::is_approved(&self.old));
        if approved.is_none() {
            self.take_seen();
        }
        self.status.object_uid.clone_from(&self.consent.metadata.uid);
        self.memory.forget_seen();
        self.memory.attempt = None;
        let renewals = self.old.initiation.as_ref().filter(|_| renewal).map(|before| before.renewals.unwrap_or(0) + 1);
        self.status.already_begun = None;
        self.status.initiation = Some(Initiation {
            epoch: request.epoch,
            idempotency_key: request.idempotency_key.clone(),
            request_id: started.request_id.clone(),
            renewals,
        });
        if !renewal {
            self.status.initiation_time = Some(whole(self.now));
        }
        let into_status = self.consent.spec.link_secret_ref.is_none();
        self.status.url = started.link.as_ref().filter(|_| into_status).map(|link| link.expose().to_owned());
        self.status.link_expiration_time = started.link.as_ref().map(|_| Time(polling::add(whole(self.now).0, self.terms().link_lifetime)));
        if let Some(group) = &started.group
            && approved.is_none()
            && matches!(self.terms().policy.read(group.consent_status.as_deref()), Meaning::Pending | Meaning::Expired)
        {
            self.note_group(group);
        }
        self.notices.push(Notice::Event(if renewal { report::LINK_RENEWED } else { report::CONSENT_REQUESTED }));
        self.render(approved.unwrap_or(Situation::Awaiting), None);
    }
}
