//! An answer, before it is on the wire; and the error envelope.

use axum::body::Bytes;
use serde::Serialize;
use serde::ser::Serializer;

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
