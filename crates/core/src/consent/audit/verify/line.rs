//! One line of an audit log.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::api::uid::hash;
use crate::consent::audit::{DIGEST, is_digest};
use crate::consent::digest::digest;

/// A digest, in 32 bytes instead of 71.
pub(super) type Digest = [u8; 32];

/// What a line says of its place in the chain.
pub(super) struct Line {
    pub(super) number: u64,
    pub(super) uid: String,
    pub(super) sequence: i64,
    /// As it stands there.
    pub(super) digest: Digest,
    pub(super) previous: Option<Digest>,
    /// What the events of one write have in common.
    pub(super) write: Option<u128>,
    /// Whether the digest that stands there is not the one that it has.
    pub(super) is_altered: bool,
}

/// Why a line says nothing.
pub(super) enum Unreadable {
    NotJson,
    NotAnEvent(&'static str),
}

impl Line {
    pub(super) fn read(number: u64, text: &str) -> Result<Self, Unreadable> {
        let Ok(Unambiguous(Value::Object(mut event))) = serde_json::from_str(text) else { return Err(Unreadable::NotJson) };
        let Some(Value::String(named)) = event.remove(DIGEST) else { return Err(Unreadable::NotAnEvent(DIGEST)) };
        let event = Value::Object(event);
        let id = event["id"].as_str().and_then(|id| id.rsplit_once('/'));
        let Some((uid, Ok(sequence @ 1..))) = id.map(|(uid, sequence)| (uid, sequence.parse())) else {
            return Err(Unreadable::NotAnEvent("id"));
        };
        let previous = event["data"].get("previousDigest").map(|previous| previous.as_str().and_then(bytes));
        if previous == Some(None) {
            return Err(Unreadable::NotAnEvent("data.previousDigest"));
        }
        Ok(Self {
            number,
            uid: uid.to_owned(),
            sequence,
            digest: bytes(&named).ok_or(Unreadable::NotAnEvent(DIGEST))?,
            previous: previous.flatten(),
            write: event["data"]["object"]["resourceVersion"].as_str().map(|version| hash(&[version])),
            // Over what stands in the line, and not over what this version knows of it.
            is_altered: digest(&event) != named,
        })
    }

    pub(super) fn id(&self) -> String {
        format!("{}/{}", self.uid, self.sequence)
    }
}

/// The bytes of a digest; of a mark as well.
pub(super) fn bytes(digest: &str) -> Option<Digest> {
    let hex = is_digest(digest).then(|| digest.strip_prefix("sha256:"))??;
    let mut bytes = Digest::default();
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// A JSON value in which no name stands twice in an object.
///
/// Of two, one reader takes the first and another the last; the canonical form has no place for them.
struct Unambiguous(Value);

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Values).map(Self)
    }
}

struct Values;

impl<'de> Visitor<'de> for Values {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value without a name that stands twice")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Unambiguous(value)) = sequence.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some((name, Unambiguous(value))) = map.next_entry::<String, _>()? {
            if values.insert(name, value).is_some() {
                return Err(A::Error::custom("a name stands twice"));
            }
        }
        Ok(Value::Object(values))
    }
}
