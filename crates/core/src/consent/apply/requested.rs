//! What HeyGen's answers to the consent request mean.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{Draft, Notice};
use crate::api::conditions::Situation;
use crate::api::consent::{AlreadyBegun, Initiation};
use crate::consent::link::Link;
use crate::consent::outcome::{Class, Outcome, Started, Trouble};
use crate::consent::policy::Meaning;
use crate::consent::polling;
use crate::consent::polling::whole;
use crate::consent::report;
use crate::consent::request::Request;
use crate::consent::state::{Answer, Attempt};
use crate::consent::status;
use crate::consent::step::verdict::LINK_CHECK;
use crate::consent::terms;

/// How long a request may go without a definite answer before that is reported.
const UNANSWERED: Duration = Duration::from_secs(600);

/// How long after a renewal that brought the same link the next one is tried.
const RENEW_AGAIN: Duration = Duration::from_secs(3600);

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
    /// Tells what HeyGen answered to the consent request.
    pub(super) fn said_answer(&mut self) {
        let Some(answer) = self.memory.answer.take() else { return };
        self.now = answer.at;
        match &answer.outcome {
            Outcome::Initiated(started) => {
                let in_status = || started.link.as_ref().map(Link::expose) == self.old.url.as_deref();
                let same_link = answer.in_secret.map_or_else(in_status, |changed| !changed);
                self.record(&answer, started, same_link);
            }
            Outcome::Trouble(trouble) => self.request_failed(&answer.request, trouble),
            // The client never answers a request with anything else.
            Outcome::Polled(_) | Outcome::LooksRead(_) | Outcome::Listed(_) | Outcome::Probed => {}
        }
    }

    /// Records an accepted request: its link, its times, and that the person is awaited.
    fn record(&mut self, Answer { request, terms, .. }: &Answer, started: &Started, same_link: bool) {
        let renewal = status::is_initiated(&self.old, request);
        if self.consent.spec.link_secret_ref.is_some() {
            self.memory.link_check = Some(polling::add(self.now, LINK_CHECK));
        }
        if std::mem::take(&mut self.memory.link_gone) && renewal && self.link_lives() {
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
            self.renew_later(request);
            return;
        }
        if self.may_have_asked_otherwise(request) {
            terms::note_others_asked(&mut self.status);
        }
        let situation = self.take_seen_unless_approved();
        if situation != Some(Situation::Restored) {
            self.note_own();
        }
        self.memory.attempt = None;
        terms::note_asked(&mut self.status, terms);
        let renewals = self.old.initiation.as_ref().filter(|_| renewal).map(|before| before.renewals.unwrap_or(0) + 1);
        self.status.already_begun = None;
        self.status.initiation = Some(Initiation {
            epoch: request.epoch,
            idempotency_key: request.idempotency_key.clone(),
            request_id: started.request_id.clone(),
            renewals,
            statement: Some(terms.statement),
            statement_digest: Some(terms.statement_digest.clone()),
            purpose_digest: terms.purpose_digest.clone(),
        });
        if !renewal {
            self.status.initiation_time = Some(whole(self.now));
        }
        let into_status = self.consent.spec.link_secret_ref.is_none();
        self.status.url = started.link.as_ref().filter(|_| into_status).map(|link| link.expose().to_owned());
        self.status.link_expiration_time = started.link.as_ref().map(|_| Time(polling::add(whole(self.now).0, self.rules().link_lifetime)));
        if let Some(group) = &started.group
            && situation.is_none()
            && matches!(self.rules().policy.read(group.consent_status.as_deref()), Meaning::Pending | Meaning::Expired)
        {
            self.note_group(group);
        }
        self.notices.push(Notice::Event(if renewal { report::LINK_RENEWED } else { report::CONSENT_REQUESTED }));
        // What was asked just now are the terms of the spec, which no longer count as changed then.
        let is_outlived = situation == Some(Situation::TermsChanged) && !status::terms_changed(&self.consent.spec, &self.status);
        let situation = if is_outlived { Some(status::approval(&self.status)) } else { situation };
        self.render(situation.unwrap_or(Situation::Awaiting), None);
    }

    fn request_failed(&mut self, request: &Request, trouble: &Trouble) {
        let asked_before = status::is_initiated(&self.old, request);
        match trouble.class {
            // A renewal that is refused changes nothing: the link stays dead, as told, and the request is not wrong.
            Class::Invalid | Class::Unfetchable | Class::AccessDenied if asked_before => {
                self.renew_later(request);
            }
            class if !self.is_believed(request, class) => self.back_off(trouble, Duration::ZERO),
            Class::Invalid | Class::Unfetchable => {
                self.hold_request(request, self.slowly());
                self.take_seen();
                let why = match (trouble.param, trouble.code) {
                    (Some(param), _) => format!("because of `{param}`"),
                    (None, Some(code)) => format!("with the code `{code}`"),
                    (None, None) => "as it stands".to_owned(),
                };
                let remedy = if trouble.param == Some("reroute_url") && request.content.reroute_url.is_none() {
                    "The spec has none, so it is the address of the return page: correct the operator's --return-page-url, and raise spec.requestEpoch then."
                } else {
                    "Correct the spec and raise spec.requestEpoch in the same change."
                };
                let message = format!("HeyGen refuses the request {why}. {remedy}");
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
        if asked_before && self.link_lives() && !self.memory.link_gone {
            // By whatever way it was sent once more: the person waits with the link of this very request.
            self.renew_later(request);
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
        terms::note_others_asked(&mut self.status);
        let situation = self.take_seen_unless_approved();
        self.render(situation.unwrap_or(Situation::AlreadyBegun), None);
    }

    /// Tries a renewal that brought nothing new again, and not soon.
    fn renew_later(&mut self, request: &Request) {
        self.hold_request(request, RENEW_AGAIN);
        self.memory.forget_seen();
    }

    /// Whether the link that was told presumably still works.
    fn link_lives(&self) -> bool {
        self.old.link_expiration_time.as_ref().is_some_and(|expiry| self.now < expiry.0)
    }

    /// Writes the facts of the poll before the request into the status, or gives what is told of an approval instead: one that was told
    /// while the request was under way is newer than that poll. One that was brought from elsewhere is doubted until the next poll.
    fn take_seen_unless_approved(&mut self) -> Option<Situation> {
        let mut situation = status::shown(&self.old).filter(|_| status::is_approved(&self.old));
        if situation.is_none() {
            self.take_seen();
        } else if status::is_restored(self.consent) {
            self.doubt_approval(Situation::Restored);
            situation = Some(Situation::Restored);
        }
        self.memory.forget_seen();
        situation
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

    /// Keeps a request that HeyGen refused from being repeated at every poll.
    ///
    /// The key stays the same (an error answer never changes it), so the repetition heals by itself what was mended at HeyGen.
    pub(super) fn hold_request(&mut self, request: &Request, pause: Duration) {
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

    /// Whether this object may have asked with terms that are not recorded: by a request whose answer was lost, after its link had reached
    /// the link Secret.
    ///
    /// Such a request had an epoch of its own, for a spec that asks for something else must have a higher one.
    fn may_have_asked_otherwise(&self, request: &Request) -> bool {
        match &self.old.initiation {
            Some(before) => request.epoch > before.epoch.saturating_add(1),
            None => request.epoch > 0 && self.consent.metadata.generation != Some(1),
        }
    }

    fn unanswered(&mut self, request: &Request) {
        let now = self.now;
        self.memory.attempt_of(&request.idempotency_key).unanswered_since.get_or_insert(now);
        self.tell_unanswered();
    }

    pub(super) fn tell_unanswered(&mut self) {
        let key = Request::of(self.consent).idempotency_key;
        let Some(attempt) = self.memory.attempt.as_mut().filter(|attempt| attempt.idempotency_key == key) else { return };
        let Some(since) = attempt.unanswered_since else { return };
        if polling::since(since, self.now) >= UNANSWERED && !attempt.unanswered_said {
            attempt.unanswered_said = true;
            self.notices.push(Notice::Unanswered);
            self.notices.push(Notice::Event(report::REQUEST_UNANSWERED));
        }
    }
}
