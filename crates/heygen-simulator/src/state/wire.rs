//! The JSON of HeyGen's answers: groups, looks, pages, the error envelope.

use axum::body::Bytes;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::clock::SimulatedMillis;
use crate::group::{Group, Look, OptionalFields};
use crate::record::Effect;

/// What is answered, before faults deform it.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    pub(crate) effect: Effect,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &impl Serialize) -> Self {
        Self::bytes(
            status,
            "application/json",
            // Every type given here has string keys and serialises without fail.
            serde_json::to_vec(body).unwrap_or_default().into(),
        )
    }

    pub(crate) fn bytes(status: u16, content_type: &str, body: Bytes) -> Self {
        Self { status, headers: vec![("content-type".to_owned(), content_type.to_owned())], body, effect: Effect::None }
    }

    /// HeyGen's error envelope (HeyGen API notes, section 8).
    pub(crate) fn error(status: u16, code: &str, message: &str, param: Param<'_>) -> Self {
        Self::json(
            status,
            &Envelope {
                error: Problem { code, message, param, doc_url: &format!("https://developers.heygen.com/docs/error-codes#{code}") },
            },
        )
    }

    /// 400 `invalid_parameter` about one field.
    pub(crate) fn invalid(field: &str, message: &str) -> Self {
        Self::error(400, "invalid_parameter", message, Param::Named(field))
    }

    pub(crate) fn with_effect(self, effect: Effect) -> Self {
        Self { effect, ..self }
    }
}

/// The envelope's `param`, which is a name, `null`, or (for 401) not there at all.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Param<'a> {
    Named(&'a str),
    Null,
    Absent,
}

impl Param<'_> {
    fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

impl Serialize for Param<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Named(name) => to.serialize_str(name),
            Self::Null | Self::Absent => to.serialize_none(),
        }
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: Problem<'a>,
}

#[derive(Serialize)]
struct Problem<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Param::is_absent")]
    param: Param<'a>,
    doc_url: &'a str,
}

/// `{"data": …}`.
#[derive(Serialize)]
pub(crate) struct Data<T> {
    pub(crate) data: T,
}

/// A page of a list: the paging fields stand beside `data` (HeyGen API notes, section 6).
#[derive(Serialize)]
pub(crate) struct Page<T> {
    pub(crate) data: Vec<T>,
    pub(crate) has_more: bool,
    pub(crate) next_token: Option<String>,
}

/// The answer to a POST (HeyGen API notes, section 3).
#[derive(Serialize)]
pub(crate) struct Initiated<'a> {
    pub(crate) avatar_group: WireGroup<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<&'a str>,
}

/// A group as HeyGen answers it at a moment (HeyGen API notes, section 4).
pub(crate) struct WireGroup<'a> {
    pub(crate) id: &'a str,
    pub(crate) group: &'a Group,
    pub(crate) now: SimulatedMillis,
}

impl Serialize for WireGroup<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self { id, group, now } = self;
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("id", id)?;
        map.serialize_entry("name", &group.name)?;
        map.serialize_entry("created_at", &group.created_at)?;
        map.serialize_entry("looks_count", &group.looks.len())?;
        let mut optional = Optional(&mut map, group.optional_fields);
        optional.entry("consent_status", group.consent_status(*now))?;
        optional.entry("status", group.status.as_deref())?;
        optional.entry("error", group.error.as_ref())?;
        for field in ["gender", "default_voice_id", "preview_image_url", "preview_video_url"] {
            optional.entry(field, None::<&str>)?;
        }
        map.end()
    }
}

/// A look as HeyGen lists it.
pub(crate) struct WireLook<'a> {
    pub(crate) group_id: &'a str,
    pub(crate) group: &'a Group,
    pub(crate) look: &'a Look,
}

impl Serialize for WireLook<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("id", &self.look.id)?;
        map.serialize_entry("name", &self.group.name)?;
        map.serialize_entry("avatar_type", &self.look.avatar_type)?;
        map.serialize_entry("group_id", self.group_id)?;
        let mut optional = Optional(&mut map, self.group.optional_fields);
        optional.entry("status", self.look.status.as_deref())?;
        optional.entry("preview_image_url", None::<&str>)?;
        map.end()
    }
}

/// Writes optional fields as the group is told to.
struct Optional<'m, M>(&'m mut M, OptionalFields);

impl<M: SerializeMap> Optional<'_, M> {
    fn entry(&mut self, name: &str, value: Option<impl Serialize>) -> Result<(), M::Error> {
        match (value, self.1) {
            (None, OptionalFields::Absent) => Ok(()),
            (value, _) => self.0.serialize_entry(name, &value),
        }
    }
}
