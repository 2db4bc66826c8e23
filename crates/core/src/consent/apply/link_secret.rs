//! What came of an effect on the link Secret, and what that means.

use super::Draft;
use crate::api::conditions::Situation;
use crate::consent::polling;
use crate::consent::status;
use crate::consent::step::verdict::LINK_CHECK;

/// What is told when Kubernetes cannot be asked about the link Secret.
const UNREACHABLE: &str = "The Secret named by spec.linkSecretRef cannot be read or written at the moment. The operator tries again.";

/// The failure at which a link Secret that cannot be reached is told: some seconds after the first.
const SAID_UNREACHABLE_AFTER: u32 = 3;

/// What came of an effect on the link Secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretOutcome {
    /// The one with this name does not exist, or is ours.
    Free(String),
    /// The link stands in it; `changed` tells whether it did not before.
    Written {
        /// Whether another link, or none, stood there.
        changed: bool,
    },
    /// It belongs to another owner.
    Conflict,
    /// Kubernetes refuses it.
    Refused(Refusal),
    /// Kubernetes could not be asked, or could not do it now.
    Unreachable,
    /// Nothing says that the link has gone from it.
    Kept,
    /// It is gone, or the link in it.
    Gone,
}

/// Why Kubernetes refuses something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A quota of the namespace is used up.
    Quota,
    /// A webhook or a policy does not admit it.
    Admission,
    /// The operator has no right to it.
    Forbidden,
    /// Anything else.
    Other,
}

impl Draft<'_> {
    pub(super) fn secret(&mut self, outcome: &SecretOutcome) {
        match outcome {
            SecretOutcome::Free(name) => self.memory.free_link_secret = Some(name.clone()),
            SecretOutcome::Written { changed } => {
                self.memory.forget_trouble();
                if let Some(answer) = &mut self.memory.answer {
                    answer.in_secret = Some(*changed);
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
                self.render(Situation::LinkSecretNotWritable, Some(refusal_message(*refusal)));
            }
            SecretOutcome::Unreachable => {
                let failures = self.memory.failures.saturating_add(1);
                self.memory.forget_seen();
                self.memory.failures = failures;
                self.memory.retry_at = Some(polling::add(self.now, polling::backoff(failures, self.uid())));
                // Nothing is broken for certain: it is told where nothing of HeyGen's is, and there once it lasts.
                let reported = status::shown(&self.old);
                if failures >= SAID_UNREACHABLE_AFTER && reported.is_none_or(Situation::is_before_any_poll) {
                    self.render(Situation::Initiating, Some(UNREACHABLE));
                }
            }
            SecretOutcome::Kept => self.memory.link_check = Some(polling::add(self.now, LINK_CHECK)),
            SecretOutcome::Gone => {
                self.memory.link_check = Some(polling::add(self.now, LINK_CHECK));
                self.memory.link_gone = true;
            }
        }
    }
}

/// What the user is told of a refusal.
const fn refusal_message(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Quota => {
            "The operator cannot create the Secret named by spec.linkSecretRef: a quota of this namespace is used up. Raise the quota, or delete what is not needed."
        }
        Refusal::Admission => {
            "An admission webhook or policy of this cluster refuses the Secret named by spec.linkSecretRef. Let it accept Secrets of the operator."
        }
        Refusal::Forbidden => {
            "The operator has no right to the Secret named by spec.linkSecretRef. Grant it get, create and patch on Secrets in this namespace."
        }
        Refusal::Other => "Kubernetes refuses the Secret named by spec.linkSecretRef. The operator's log says why.",
    }
}
