//! What is found of an object, to be told in its status.

use std::borrow::Cow;

use crate::api::conditions::Situation;

/// Something to be told in the status: where the object stands, and by what that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where the object stands.
    pub situation: Situation,
    /// The message of `Ready` where the situation's own is too general; `None`: that one, or what was told in detail before.
    pub message: Option<Cow<'static, str>>,
    /// By what.
    pub by: By,
}

/// By what a finding was found, and so what is told besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The spec, the account, the owner of the group or the time.
    Known,
    /// A call that has to wait for a permit.
    Permit,
    /// The last poll, whose facts are told as well.
    Poll,
    /// A poll that came to nothing: if the user asked for it, it was made.
    FailedPoll,
    /// A status that is not the object's own, or that the policy does not bear out: an approval in it is doubted for this reason until HeyGen
    /// was read.
    Doubt(Situation),
}

impl Finding {
    /// One that goes by what is known without a poll.
    pub(super) fn known(situation: Situation) -> Self {
        Self { situation, message: None, by: By::Known }
    }

    /// The same with a message.
    pub(super) fn saying(self, message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: Some(message.into()), ..self }
    }

    /// The same by something else.
    pub(super) fn by(self, by: By) -> Self {
        Self { by, ..self }
    }
}
