//! The last event of an object once more, from what its status still knows of it.

use jiff::Timestamp;
use serde_json::Value;
use strum::VariantArray as _;

use super::data::Data;
use super::{Attributes, EventType, last_of};
use crate::api::consent::DigitalTwinConsent;

/// The last event of an object, as its status and spec are now: with the same `id`, type and time, to the second, and `data.resent`.
///
/// It has no digests, for it is not the event itself: what the spec or the status have changed since stands in it as it is now, and which
/// version of the object the event was written over, and whose status a restored one came with, is known no more.
pub(crate) fn last_again(consent: &DigitalTwinConsent) -> Option<(EventType, Timestamp, Value)> {
    let status = consent.status.as_ref()?;
    let (sequence, _) = last_of(consent, status)?;
    let mark = status.audit.as_ref()?;
    let event_type = EventType::VARIANTS.iter().copied().find(|event_type| event_type.name() == mark.type_)?;
    let time = mark.time.as_ref()?.0;
    let data = Data::of(event_type, consent, status, None);
    let mut body = serde_json::to_value(Attributes::of(consent, event_type, sequence, time, data)).unwrap_or_default();
    if let Some(Value::Object(data)) = body.get_mut("data") {
        data.insert("resent".to_owned(), Value::Bool(true));
        data.remove("restoredFrom");
        if let Some(Value::Object(object)) = data.get_mut("object") {
            object.remove("resourceVersion");
        }
    }
    Some((event_type, time, body))
}
