//! Faults that are planted between the core and the rest, each to see it found: a check that finds nothing proves nothing by itself.

/// A fault that breaks a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// The key names the object as well.
    KeyOfObject,
    /// The key names the process as well.
    KeyOfReplica,
    /// A word of consent is taken for one that is awaited.
    DeafToConsent,
    /// The link is left out of the status.
    LinkLeftOut,
    /// The link is said to stand in its Secret, and does not.
    SecretLeftOut,
    /// That HeyGen has refused the request for good is left out of the status.
    RefusalLeftOut,
    /// An unknown word is taken for consent.
    UnknownIsConsent,
    /// A missing word is taken for a refusal.
    AbsentIsRefusal,
    /// The version that was written last is waited for also after a backup has come back.
    VersionKept,
    /// Every object counts as the owner of its group.
    EveryoneOwns,
    /// Every poll is written down.
    PollsWritten,
    /// What is to be done later is done at once.
    NoRest,
    /// That others may have asked with other terms is left out of the status.
    OthersLeftOut,
    /// The terms of a request are left out of those that were asked with.
    TermsLeftOut,
    /// A status that was refused is written again without a pause.
    NoPause,
    /// The last event of a status is not told.
    EventLeftOut,
}

/// Each fault, the scope in which it is looked for, and how the promise begins that it is to break.
pub const ALL: &[(Planted, &str, &str)] = &[
    (Planted::KeyOfObject, "asking", "promise 1: one request was executed twice"),
    (Planted::KeyOfReplica, "two replicas", "promise 1: one request was executed twice"),
    (Planted::DeafToConsent, "asking", "promise 1: asked although"),
    (Planted::EveryoneOwns, "owning", "ownership"),
    (Planted::LinkLeftOut, "asking", "promise 2"),
    (Planted::SecretLeftOut, "link Secret", "promise 2"),
    (Planted::RefusalLeftOut, "begun elsewhere", "promise 2"),
    (Planted::VersionKept, "restoring", "promise 3: Approved= while"),
    (Planted::UnknownIsConsent, "judging", "promise 3"),
    (Planted::AbsentIsRefusal, "judging", "promise 3"),
    (Planted::PollsWritten, "asking", "promise 6"),
    (Planted::NoRest, "asking", "promise 6"),
    (Planted::OthersLeftOut, "terms", "promise 7: the approval names"),
    (Planted::TermsLeftOut, "terms", "promise 7"),
    (Planted::NoPause, "refusing", "promise 6"),
    (Planted::EventLeftOut, "asking", "the trail"),
];
