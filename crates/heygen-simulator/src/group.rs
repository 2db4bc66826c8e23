//! Avatar groups: what a scenario sets on them, and what they are on the wire.

use serde::Serialize;

use crate::clock::SimulatedMillis;
use crate::link::LinkView;

/// An avatar group to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupDefinition {
    /// HeyGen's id of the group: opaque.
    pub id: String,
    /// The owning account; default is the first one.
    pub account: Option<String>,
    /// Display name; default is the id.
    pub name: Option<String>,
    /// Unix seconds; default is now, in simulated time.
    pub created_at: Option<u64>,
    /// The avatars in the group; default is one completed digital twin.
    pub looks: Option<Vec<Look>>,
    /// Any word, or none. Default `pending` (HeyGen API notes, section 4).
    pub consent_status: Option<String>,
    /// The training state, any word or none. Default `completed`, which proves neither consent nor that the training succeeded
    /// (HeyGen API notes, section 4).
    pub status: Option<String>,
    /// Given when the training failed.
    pub error: Option<GroupError>,
    /// How fields without a value are answered.
    pub optional_fields: OptionalFields,
    /// A group of HeyGen's public library: every account reads it, none may ask consent for it.
    pub public: bool,
    /// Whether an executed POST leaves `consent_status` alone instead of making it `pending`.
    pub keeps_consent_status: bool,
    /// Whether consent was begun elsewhere, as in HeyGen's own interface: every POST is refused with the text "security code already
    /// binded", from the first one on (HeyGen API notes, section 3), as [`crate::Behaviour::already_bound`] says, or else with 400
    /// `invalid_parameter`.
    pub begun_elsewhere: bool,
    /// Whether the person consents by themselves, as soon as a link was made for them.
    pub consents_when_asked: bool,
}

impl GroupDefinition {
    /// One trained digital twin of the first account that waits for consent.
    pub fn twin(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            account: None,
            name: None,
            created_at: None,
            looks: None,
            consent_status: pending(),
            status: completed(),
            error: None,
            optional_fields: OptionalFields::Absent,
            public: false,
            keeps_consent_status: false,
            begun_elsewhere: false,
            consents_when_asked: false,
        }
    }

    /// One digital twin whose person consents by themselves, as soon as they are asked.
    pub fn willing(id: impl Into<String>) -> Self {
        Self { consents_when_asked: true, ..Self::twin(id) }
    }

    /// One photo avatar: no word of consent, for it needs none (HeyGen API notes, section 4).
    pub fn photo(id: impl Into<String>) -> Self {
        let id = id.into();
        let looks = Some(vec![Look::photo_avatar(format!("{id}-look"))]);
        Self { looks, consent_status: None, ..Self::twin(id) }
    }

    /// One prompt avatar. It is like a photo avatar, because the schema of a look has no type of its own for it (HeyGen API
    /// notes, section 2, and the schemas beside them); for another word of HeyGen's give [`Look::of_type`].
    pub fn prompt(id: impl Into<String>) -> Self {
        Self::photo(id)
    }
}

/// Many alike groups: `{prefix}{number}` with the number from 0, padded with zeros to six digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkGroups {
    /// The owning account; default is the first one.
    pub account: Option<String>,
    /// What the ids begin with.
    pub prefix: String,
    /// How many.
    pub count: usize,
}

/// A change to a group; absent fields stay as they are, `Some(None)` removes the value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupPatch {
    /// See [`GroupDefinition::name`].
    pub name: Option<String>,
    /// See [`GroupDefinition::created_at`].
    pub created_at: Option<u64>,
    /// See [`GroupDefinition::looks`].
    pub looks: Option<Vec<Look>>,
    /// See [`GroupDefinition::consent_status`]. Ends a review that is under way.
    pub consent_status: Option<Option<String>>,
    /// See [`GroupDefinition::status`].
    pub status: Option<Option<String>>,
    /// See [`GroupDefinition::error`].
    pub error: Option<Option<GroupError>>,
    /// See [`GroupDefinition::optional_fields`].
    pub optional_fields: Option<OptionalFields>,
    /// See [`GroupDefinition::keeps_consent_status`].
    pub keeps_consent_status: Option<bool>,
    /// See [`GroupDefinition::begun_elsewhere`].
    pub begun_elsewhere: Option<bool>,
}

/// An avatar of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// The look's id, which is not the group's.
    pub id: String,
    /// `studio_avatar`, `digital_twin`, `photo_avatar` (by the schema), or any other word.
    pub avatar_type: String,
    /// The look's training state: this, and not the group's, tells whether the training succeeded (HeyGen API notes, section 4).
    pub status: Option<String>,
}

impl Look {
    /// A trained digital twin.
    pub fn digital_twin(id: impl Into<String>) -> Self {
        Self::of_type(id, "digital_twin")
    }

    /// A finished photo avatar, which needs no consent.
    pub fn photo_avatar(id: impl Into<String>) -> Self {
        Self::of_type(id, "photo_avatar")
    }

    /// A finished look of any type.
    pub fn of_type(id: impl Into<String>, avatar_type: &str) -> Self {
        Self { id: id.into(), avatar_type: avatar_type.to_owned(), status: completed() }
    }
}

/// Why a training failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupError {
    /// Such as `training_failed`.
    pub code: String,
    /// For people.
    pub message: String,
}

/// How optional fields without a value are answered; both occur (HeyGen API notes, section 4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OptionalFields {
    /// Left out, as in the examples of HeyGen's documentation.
    #[default]
    Absent,
    /// Given as `null`.
    Null,
}

/// A group as [`crate::Control::group`] shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupView {
    /// HeyGen's id.
    pub id: String,
    /// The owning account's name.
    pub account: String,
    /// Display name.
    pub name: String,
    /// Unix seconds.
    pub created_at: u64,
    /// The avatars.
    pub looks: Vec<Look>,
    /// What HeyGen answers now.
    pub consent_status: Option<String>,
    /// The training state.
    pub status: Option<String>,
    /// Why the training failed.
    pub error: Option<GroupError>,
    /// When the review that is under way ends, simulated milliseconds since the Unix epoch.
    pub review_ends_ms: Option<u64>,
    /// Every link ever made for the group, oldest first.
    pub links: Vec<LinkView>,
}

/// A group in the running simulator.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) sequence: u64,
    pub(crate) account: usize,
    pub(crate) public: bool,
    pub(crate) name: String,
    pub(crate) created_at: u64,
    pub(crate) looks: Vec<Look>,
    consent_status: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) error: Option<GroupError>,
    pub(crate) optional_fields: OptionalFields,
    pub(crate) keeps_consent_status: bool,
    pub(crate) begun_elsewhere: bool,
    pub(crate) consents_when_asked: bool,
    review: Option<Review>,
    /// Tokens of the group's links, oldest first.
    pub(crate) links: Vec<String>,
}

/// A decision of HeyGen that takes effect at a moment to come.
#[derive(Debug, Clone)]
struct Review {
    ends: SimulatedMillis,
    word: String,
}

impl Group {
    pub(crate) fn new(definition: GroupDefinition, sequence: u64, account: usize, now: u64) -> Self {
        let GroupDefinition {
            id,
            account: _,
            name,
            created_at,
            looks,
            consent_status,
            status,
            error,
            optional_fields,
            public,
            keeps_consent_status,
            begun_elsewhere,
            consents_when_asked,
        } = definition;
        Self {
            sequence,
            account,
            public,
            looks: looks.unwrap_or_else(|| vec![Look::digital_twin(format!("{id}-look"))]),
            name: name.unwrap_or(id),
            created_at: created_at.unwrap_or(now / 1000),
            consent_status,
            status,
            error,
            optional_fields,
            keeps_consent_status,
            begun_elsewhere,
            consents_when_asked,
            review: None,
            links: Vec::new(),
        }
    }

    /// What HeyGen says at `now`: a review that has ended by then counts, without anything having run for it.
    pub(crate) fn consent_status(&self, now: SimulatedMillis) -> Option<&str> {
        match &self.review {
            Some(review) if review.ends <= now => Some(&review.word),
            _ => self.consent_status.as_deref(),
        }
    }

    pub(crate) fn review_ends(&self, now: SimulatedMillis) -> Option<SimulatedMillis> {
        self.review.as_ref().map(|review| review.ends).filter(|ends| *ends > now)
    }

    pub(crate) fn set_consent_status(&mut self, word: Option<String>) {
        self.review = None;
        self.consent_status = word;
    }

    /// The person agreed: `word` is what HeyGen answers from `ends` on.
    pub(crate) fn begin_review(&mut self, ends: SimulatedMillis, word: String) {
        self.consent_status = Some("pending".to_owned());
        self.review = Some(Review { ends, word });
    }

    /// What an executed POST does to the consent status.
    ///
    /// HeyGen's behaviour for a group that was granted already is unknown (HeyGen API notes, section 3); the simulator
    /// does not take a grant back.
    pub(crate) fn initiated(&mut self, now: SimulatedMillis) {
        let granted = self.consent_status(now).is_some_and(|word| {
            ["approved", "accepted", "skipped"].iter().any(|grant| word.eq_ignore_ascii_case(grant))
                || self.review.as_ref().is_some_and(|review| review.word == word)
        });
        if granted || self.keeps_consent_status || self.review_ends(now).is_some() {
            return;
        }
        self.set_consent_status(Some("pending".to_owned()));
    }

    pub(crate) fn apply(&mut self, patch: GroupPatch) {
        let GroupPatch { name, created_at, looks, consent_status, status, error, optional_fields, keeps_consent_status, begun_elsewhere } =
            patch;
        self.name = name.unwrap_or_else(|| std::mem::take(&mut self.name));
        self.looks = looks.unwrap_or_else(|| std::mem::take(&mut self.looks));
        self.created_at = created_at.unwrap_or(self.created_at);
        self.optional_fields = optional_fields.unwrap_or(self.optional_fields);
        self.keeps_consent_status = keeps_consent_status.unwrap_or(self.keeps_consent_status);
        self.begun_elsewhere = begun_elsewhere.unwrap_or(self.begun_elsewhere);
        if let Some(word) = consent_status {
            self.set_consent_status(word);
        }
        if let Some(status) = status {
            self.status = status;
        }
        if let Some(error) = error {
            self.error = error;
        }
    }
}

fn pending() -> Option<String> {
    Some("pending".to_owned())
}

fn completed() -> Option<String> {
    Some("completed".to_owned())
}
