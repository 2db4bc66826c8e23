//! The JSON of HeyGen's answers: groups, looks, pages.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::clock::SimulatedMillis;
use crate::group::{Group, Look, OptionalFields};

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
