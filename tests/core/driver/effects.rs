//! The effects of a step: on the model of HeyGen, and on the link Secret.

use jiff::Timestamp;
use twinconsent_core::api::consent::DigitalTwinConsent;
use twinconsent_core::consent::apply::{Input, Refusal, SecretOutcome};
use twinconsent_core::consent::outcome::{LookType, Outcome};
use twinconsent_core::consent::policy::Meaning;
use twinconsent_core::consent::request::Request;
use twinconsent_core::consent::step::Call;

use super::World;

/// One call: when, what was asked, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    pub at: Timestamp,
    pub what: &'static str,
    pub answer: String,
}

/// A GET of the group.
pub const POLL: &str = "poll";

/// A GET of a page of the group's looks.
pub const LOOKS: &str = "looks";

/// The request for consent.
pub const POST: &str = "POST";

/// A read of the link Secret, to see whether the link still stands there.
pub const FIND_LINK: &str = "find link";

impl World {
    pub(super) fn act(&mut self, index: usize, base: &DigitalTwinConsent, call: Call) -> Input {
        let input = match &call {
            Call::Poll => {
                let outcome = self.heygen.poll();
                self.note_poll(index, self.now, &outcome);
                Input::Answered(call.clone(), outcome)
            }
            Call::ReadLooks(page) => Input::Answered(call.clone(), self.heygen.read_looks(page.as_deref())),
            Call::Initiate(request) => {
                self.check_promise_one(index);
                assert_eq!(*request, Request::of(base));
                self.check_answer_in_hand(index, &request.idempotency_key);
                let outcome = self.heygen.post(&request.idempotency_key, self.now);
                if matches!(outcome, Outcome::Initiated(_)) {
                    self.replicas[index].accepted = Some(request.idempotency_key.clone());
                }
                Input::Answered(call.clone(), outcome)
            }
            Call::CheckLinkSecret | Call::WriteLinkSecret if self.secret.unreachable => Input::Secret(SecretOutcome::Unreachable),
            Call::CheckLinkSecret if self.secret.unwritable => Input::Secret(SecretOutcome::Refused(Refusal::Forbidden)),
            Call::FindLink if self.secret.unreachable || self.secret.unwritable || self.secret.foreign => {
                Input::Secret(SecretOutcome::Kept)
            }
            Call::FindLink => Input::Secret(if self.secret.link.is_some() { SecretOutcome::Kept } else { SecretOutcome::Gone }),
            Call::CheckLinkSecret if self.secret.foreign => Input::Secret(SecretOutcome::Conflict),
            Call::CheckLinkSecret => {
                let secret = base.spec.link_secret_ref.as_ref().expect("it names a Secret");
                Input::Secret(SecretOutcome::Free(secret.name.clone()))
            }
            Call::WriteLinkSecret if self.secret.unwritable => Input::Secret(SecretOutcome::Refused(Refusal::Forbidden)),
            Call::WriteLinkSecret if self.secret.foreign => {
                self.replicas[index].accepted = None;
                Input::Secret(SecretOutcome::Conflict)
            }
            Call::WriteLinkSecret => {
                let answer = self.replicas[index].memory.answer.as_ref().unwrap();
                let link = answer.link().map(|link| link.expose().to_owned());
                let changed = self.secret.link != link;
                self.secret.link = link;
                Input::Secret(SecretOutcome::Written { changed })
            }
        };
        let (what, answer) = shown(&call, &input);
        self.calls(what, answer);
        input
    }

    /// Notes a call.
    pub fn calls(&mut self, what: &'static str, answer: String) {
        self.note(format!("{what} → {answer}"));
        self.called.push(Called { at: self.now, what, answer });
    }

    /// Notes for the checks what a replica has seen.
    pub(super) fn note_poll(&mut self, index: usize, at: Timestamp, outcome: &Outcome) {
        let Outcome::Polled(group) = outcome else { return };
        let meaning = self.rules.policy.read(group.consent_status.as_deref());
        let replica = &mut self.replicas[index];
        replica.last_poll = Some((at, group.clone()));
        if meaning.takes_back() {
            replica.withdrawing_since.get_or_insert(at);
        } else if matches!(meaning, Meaning::Granted | Meaning::Waived) {
            replica.withdrawing_since = None;
        }
    }
}

/// A call and its answer in words that are not those of the code, so that a record of them outlives its names.
fn shown(call: &Call, input: &Input) -> (&'static str, String) {
    let what = match call {
        Call::Poll => POLL,
        Call::ReadLooks(_) => LOOKS,
        Call::Initiate(_) => POST,
        Call::CheckLinkSecret => "check Secret",
        Call::WriteLinkSecret => "write Secret",
        Call::FindLink => FIND_LINK,
    };
    let answer = match input {
        Input::Answered(_, outcome) => answered(outcome),
        Input::Secret(SecretOutcome::Written { changed }) => if *changed { "changed" } else { "as it was" }.to_owned(),
        Input::Secret(SecretOutcome::Free(_)) => "Free".to_owned(),
        Input::Secret(secret) => format!("{secret:?}"),
        other => format!("{other:?}"),
    };
    (what, answer)
}

/// HeyGen's answer in words.
pub fn answered(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Polled(group) => group.consent_status.clone().unwrap_or_else(|| "null".to_owned()),
        Outcome::LooksRead(page) => {
            let types: Vec<&str> = page.types.iter().copied().map(word).collect();
            format!("{}{}", types.join(" "), if page.next.is_some() { " …" } else { "" })
        }
        Outcome::Initiated(started) => if started.link.is_some() { "link" } else { "no link" }.to_owned(),
        Outcome::Trouble(trouble) => format!("{:?}", trouble.class),
        Outcome::Listed(page) => format!("{} groups", page.groups.len()),
        Outcome::Probed => "accepted".to_owned(),
    }
}

fn word(of: LookType) -> &'static str {
    match of {
        LookType::DigitalTwin => "twin",
        LookType::PhotoAvatar => "photo",
        LookType::Other => "other",
    }
}
